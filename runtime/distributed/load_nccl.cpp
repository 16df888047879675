// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>

#include <filesystem>

#include "runtime/core/error.h"
#include "runtime/distributed/c10d_group.h"

namespace midpo {
namespace {

using StorePointer = c10::intrusive_ptr<c10d::Store>;
using BackendPointer = c10::intrusive_ptr<c10d::Backend>;
using MakeGroup = void (*)(const StorePointer&, const CollectiveOptions&, BackendPointer*);

MakeGroup load_library(const std::string& device) {
  Dl_info own{};
  const int is_found = dladdr(reinterpret_cast<void*>(&make_nccl_group), &own);
  require(is_found != 0 && own.dli_fname != nullptr, ErrorCode::kDevice,
          "cannot find the folder of libmidpo_collectives.so");
  const auto library = std::filesystem::path(own.dli_fname).parent_path() / "libmidpo_nccl.so";
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) {
    throw Error(ErrorCode::kDevice, "ranks on " + device + ": " + dlerror() +
                                        "; configure with --preset cuda, or use --device cpu");
  }
  const auto make = reinterpret_cast<MakeGroup>(dlsym(handle, "midpo_make_nccl_group"));
  require(make != nullptr, ErrorCode::kDevice,
          library.string() + " does not belong to this program; rebuild both");
  return make;
}

}  // namespace

BackendPointer make_nccl_group(const StorePointer& store, const CollectiveOptions& options) {
  static const MakeGroup make = load_library(options.device);
  BackendPointer group;
  make(store, options, &group);
  return group;
}

}  // namespace midpo
