// SPDX-License-Identifier: Apache-2.0
#include "models/load_cuda.h"

#include <dlfcn.h>

#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "runtime/core/error.h"

namespace midpo {
namespace {

using MakeBackend = void (*)(int, std::shared_ptr<const Backend>*);
using FreeBytes = std::int64_t (*)(int);

/// Beside the library that this function is in.
std::filesystem::path cuda_library() {
  Dl_info own{};
  int is_found = dladdr(reinterpret_cast<void*>(&load_cuda_backend), &own);
  require(is_found != 0 && own.dli_fname != nullptr, ErrorCode::kDevice,
          "cannot find the folder of libmidpo_models.so");
  return std::filesystem::path(own.dli_fname).parent_path() / "libmidpo_cuda.so";
}

void* open_cuda() {
  std::filesystem::path library = cuda_library();
  std::error_code failure;
  require(std::filesystem::exists(library, failure), ErrorCode::kDevice,
          "--device cuda: this midpo is built without CUDA (" + library.string() +
              " is missing); configure with --preset cuda, or use --device cpu");
  // Global: LibTorch's CUDA part registers its kernels with the CPU part, and both share symbols.
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) {
    throw Error(ErrorCode::kDevice, "--device cuda: " + library.string() +
                                        " cannot be loaded: " + dlerror() +
                                        "; it needs LibTorch with CUDA and its libraries");
  }
  return handle;
}

template <typename Function>
Function cuda_function(const char* name) {
  static void* const handle = open_cuda();
  const auto function = reinterpret_cast<Function>(dlsym(handle, name));
  require(function != nullptr, ErrorCode::kDevice,
          cuda_library().string() + " does not belong to this program; rebuild both");
  return function;
}

}  // namespace

std::shared_ptr<const Backend> load_cuda_backend(int index) {
  static const auto make = cuda_function<MakeBackend>("midpo_make_cuda_backend");
  std::shared_ptr<const Backend> backend;
  make(index, &backend);
  return backend;
}

std::int64_t cuda_free_bytes(int index) {
  static const auto free_bytes = cuda_function<FreeBytes>("midpo_cuda_free_bytes");
  return free_bytes(index);
}

std::optional<int> cuda_index(const std::string& device) {
  constexpr std::string_view kCuda = "cuda:";
  if (device == "cpu") return std::nullopt;
  if (device == "cuda") return 0;
  int index = 0;
  const char* end = device.data() + device.size();
  bool is_cuda = device.starts_with(kCuda) && device.size() > kCuda.size();
  if (is_cuda) {
    const auto [stop, failure] = std::from_chars(device.data() + kCuda.size(), end, index);
    is_cuda = failure == std::errc() && stop == end && index >= 0;
  }
  require(is_cuda, ErrorCode::kDevice, "--device " + device + ": wanted cpu or cuda:N");
  return index;
}

}  // namespace midpo
