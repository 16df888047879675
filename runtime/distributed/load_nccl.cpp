// SPDX-License-Identifier: Apache-2.0
#include "runtime/core/shared_library.h"
#include "runtime/distributed/c10d_group.h"

namespace midpo {
namespace {

using StorePointer = c10::intrusive_ptr<c10d::Store>;
using BackendPointer = c10::intrusive_ptr<c10d::Backend>;
using MakeGroup = void (*)(const StorePointer&, const CollectiveOptions&, BackendPointer*);

MakeGroup load_make_function(const std::string& device) {
  const std::string hint =
      "ranks on " + device + " need it; configure with --preset cuda, or use --device cpu";
  const SharedLibrary library(
      folder_of(reinterpret_cast<const void*>(&make_nccl_group)) / "libmidpo_nccl.so",
      SharedLibrary::Symbols::kShared, {hint, hint});
  return library.function<MakeGroup>("midpo_make_nccl_group");
}

}  // namespace

BackendPointer make_nccl_group(const StorePointer& store, const CollectiveOptions& options) {
  static const MakeGroup make = load_make_function(options.device);
  BackendPointer group;
  make(store, options, &group);
  return group;
}

}  // namespace midpo
