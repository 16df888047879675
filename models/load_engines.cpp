// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "models/engines.h"
#include "models/op_listener.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

constexpr const char* kLibraryName = "libmidpo_models.so";

using FactoryFunction = const EngineFactory* (*)();
using ListenFunction = void (*)(OpListener);

std::filesystem::path program_folder() {
  std::error_code failure;
  std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", failure);
  require(!failure, ErrorCode::kDevice,
          "cannot find the program's own folder (/proc/self/exe: " + failure.message() + ")");
  return program.parent_path();
}

/// The library stays loaded until the process ends: models may outlive any scope here.
void* open_library() {
  std::filesystem::path library = program_folder() / kLibraryName;
  std::error_code failure;
  require(std::filesystem::exists(library, failure), ErrorCode::kDevice,
          library.string() +
              " is missing: it holds the models; keep it beside the program, or "
              "build with -DMIDPO_TORCH=ON");
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    throw Error(ErrorCode::kDevice, library.string() + " cannot be loaded: " + dlerror() +
                                        "; run scripts/setup.sh to install LibTorch");
  }
  return handle;
}

template <typename Function>
Function library_function(const char* name) {
  static void* const library = open_library();
  const auto function = reinterpret_cast<Function>(dlsym(library, name));
  require(function != nullptr, ErrorCode::kDevice,
          std::string(kLibraryName) + " does not belong to this program: it lacks " + name +
              "; rebuild both");
  return function;
}

}  // namespace

const EngineFactory& load_engines() {
  static const EngineFactory& engines =
      *library_function<FactoryFunction>("midpo_engine_factory")();
  return engines;
}

void listen_to_ops(OpListener listener) {
  library_function<ListenFunction>("midpo_listen_to_ops")(listener);
}

}  // namespace midpo
