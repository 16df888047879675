// SPDX-License-Identifier: Apache-2.0
#include "runtime/core/shared_library.h"

#include <dlfcn.h>

#include <system_error>
#include <utility>

#include "runtime/core/error.h"

namespace midpo {

std::filesystem::path program_folder() {
  std::error_code failure;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", failure);
  require(!failure, ErrorCode::kDevice,
          "cannot find the program's own folder (/proc/self/exe: " + failure.message() + ")");
  return program.parent_path();
}

std::filesystem::path folder_of(const void* function) {
  Dl_info info{};
  const int is_found = dladdr(function, &info);
  require(is_found != 0 && info.dli_fname != nullptr, ErrorCode::kDevice,
          "cannot find the folder of midpo's own libraries");
  return std::filesystem::path(info.dli_fname).parent_path();
}

SharedLibrary::SharedLibrary(std::filesystem::path path, Symbols symbols, const Hints& hints)
    : path_(std::move(path)) {
  std::error_code failure;
  require(std::filesystem::exists(path_, failure), ErrorCode::kDevice,
          path_.string() + " is missing: " + hints.if_missing);
  handle_ = dlopen(path_.c_str(), RTLD_NOW | (symbols == Symbols::kOwn ? RTLD_LOCAL : RTLD_GLOBAL));
  if (handle_ != nullptr) return;
  throw Error(ErrorCode::kDevice,
              path_.string() + " cannot be loaded: " + dlerror() + "; " + hints.if_unusable);
}

void* SharedLibrary::address(const char* name) const {
  void* const found = dlsym(handle_, name);
  require(found != nullptr, ErrorCode::kDevice,
          path_.string() + " does not belong to this program: it lacks " + name + "; rebuild both");
  return found;
}

}  // namespace midpo
