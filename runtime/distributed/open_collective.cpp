// SPDX-License-Identifier: Apache-2.0
#include "runtime/distributed/open_collective.h"

#include <dlfcn.h>

#include <filesystem>

#include "runtime/core/error.h"

namespace midpo {
namespace {

constexpr const char* kLibraryName = "libmidpo_collectives.so";
constexpr const char* kSymbol = "midpo_open_collective";

using OpenFunction = void (*)(const CollectiveOptions&, std::unique_ptr<Collective>*);

/// The library stays loaded until the process ends: its threads may outlive a failed group.
OpenFunction load_library() {
  std::error_code failure;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", failure);
  require(!failure, ErrorCode::kDevice,
          "cannot find the program's own folder (/proc/self/exe: " + failure.message() + ")");
  const std::filesystem::path library = program.parent_path() / kLibraryName;
  require(std::filesystem::exists(library, failure), ErrorCode::kDevice,
          library.string() +
              " is missing: it connects ranks; keep it beside the program, or build with "
              "-DMIDPO_TORCH=ON and Debian's libgloo-dev");
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    throw Error(ErrorCode::kDevice, library.string() + " cannot be loaded: " + dlerror() +
                                        "; run scripts/setup.sh to install LibTorch");
  }
  const auto open = reinterpret_cast<OpenFunction>(dlsym(handle, kSymbol));
  require(open != nullptr, ErrorCode::kDevice,
          library.string() + " does not belong to this program: it lacks " + kSymbol +
              "; rebuild both");
  return open;
}

}  // namespace

std::unique_ptr<Collective> open_collective(const CollectiveOptions& options) {
  static const OpenFunction open = load_library();
  std::unique_ptr<Collective> collective;
  open(options, &collective);
  return collective;
}

}  // namespace midpo
