// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/small_linear.h"

#include "models/kernels/simd_headers.h"

#define MIDPO_KERNEL_FILE "models/kernels/small_linear_cpu.inc"
#include "models/kernels/for_each_isa.inc"

namespace midpo {
namespace {

std::int64_t block_outputs(CpuIsa isa) { MIDPO_DISPATCH_ISA(isa, block_outputs) return 0; }

}  // namespace

std::int64_t SmallLinearShape::num_blocks() const {
  std::int64_t outputs = block_outputs(isa);
  return (num_outputs + outputs - 1) / outputs;
}

std::int64_t SmallLinearShape::block_bytes() const {
  return block_outputs(isa) * num_inputs * (dtype == DType::kFloat32 ? 4 : 2);
}

void pack_small_linear(const SmallLinearShape& shape, const void* weight, void* packed_weight) {
  MIDPO_DISPATCH_ISA(shape.isa, pack_small_linear, shape, weight, packed_weight)
}

void small_linear_cpu(const SmallLinearShape& shape, const SmallLinearArgs& args) {
  MIDPO_DISPATCH_ISA(shape.isa, small_linear, shape, args)
}

}  // namespace midpo
