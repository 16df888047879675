// SPDX-License-Identifier: Apache-2.0
// Kernels that exist for CPUs and for CUDA are tested as one: on each instruction set, and on the
// emulated device in both orders of its threads.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <tuple>

#include "models/kernels/cuda_kernels.h"
#include "tests/models/engine/kernel_case.h"
#include "tests/models/kernels/emulated_cuda/device.h"

namespace midpo {

struct KernelMachine {
  std::string name;
  std::optional<CpuIsa> isa;  ///< none: emulated CUDA
  emulated_cuda::Order order = emulated_cuda::Order::kForwards;

  friend void PrintTo(const KernelMachine& machine, std::ostream* out) { *out << machine.name; }

  bool is_here() const { return !isa || is_supported(*isa); }

  template <class Args>
  void run(const Args& args, void (*cpu)(const Args&, CpuIsa),
           void (*cuda)(const Args&, void*)) const {
    if (isa) return cpu(args, *isa);
    emulated_cuda::set_order(order);
    cuda(args, nullptr);
  }

  void run(const RmsNormArgs& args) const { run(args, rms_norm_cpu, rms_norm_cuda); }
  void run(const RopeArgs& args) const { run(args, rope_cpu, rope_cuda); }
  void run(const SiluMulArgs& args) const { run(args, silu_mul_cpu, silu_mul_cuda); }
  void run(const LogSoftmaxArgs& args) const { run(args, log_softmax_cpu, log_softmax_cuda); }
  void run(const RmsNormBackwardArgs& args) const {
    run(args, rms_norm_backward_cpu, rms_norm_backward_cuda);
  }
  void run(const RopeBackwardArgs& args) const { run(args, rope_backward_cpu, rope_backward_cuda); }
  void run(const SiluMulBackwardArgs& args) const {
    run(args, silu_mul_backward_cpu, silu_mul_backward_cuda);
  }
  void run(const SoftmaxGradientArgs& args) const {
    run(args, softmax_gradient_cpu, softmax_gradient_cuda);
  }
};

class MachineCase : public testing::TestWithParam<std::tuple<KernelMachine, DType>> {
 protected:
  void SetUp() override {
    if (!machine().is_here()) GTEST_SKIP() << machine().name << " is not supported here";
  }
  const KernelMachine& machine() const { return std::get<0>(GetParam()); }
  DType dtype() const { return std::get<1>(GetParam()); }
};

inline std::string machine_case_name(const testing::TestParamInfo<MachineCase::ParamType>& info) {
  return std::get<0>(info.param).name +
         (std::get<1>(info.param) == DType::kFloat32 ? "_fp32" : "_bf16");
}

inline auto all_machine_cases() {
  std::vector<KernelMachine> machines{
      {"cuda_forwards", std::nullopt, emulated_cuda::Order::kForwards},
      {"cuda_backwards", std::nullopt, emulated_cuda::Order::kBackwards}};
  for (CpuIsa isa : {CpuIsa::kPortable, CpuIsa::kAvx2, CpuIsa::kAvx512, CpuIsa::kAvx512Bf16}) {
    machines.push_back({std::string(cpu_isa_name(isa)), isa});
  }
  return testing::Combine(testing::ValuesIn(machines),
                          testing::Values(DType::kFloat32, DType::kBFloat16));
}

}  // namespace midpo
