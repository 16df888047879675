// SPDX-License-Identifier: Apache-2.0
// The one function that libmidpo_nccl.so exports.
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "runtime/distributed/c10d_group.h"

extern "C" __attribute__((visibility("default"))) void midpo_make_nccl_group(
    const c10::intrusive_ptr<c10d::Store>& store, const midpo::CollectiveOptions& options,
    c10::intrusive_ptr<c10d::Backend>* group) {
  auto nccl = c10d::ProcessGroupNCCL::Options::create();
  nccl->timeout = midpo::kForever;
  auto made = c10::make_intrusive<c10d::ProcessGroupNCCL>(
      c10::make_intrusive<c10d::PrefixStore>("nccl", store), options.rank, options.size, nccl);
  made->eagerConnectSingleDevice(at::Device(options.device));
  *group = std::move(made);
}
