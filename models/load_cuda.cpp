// SPDX-License-Identifier: Apache-2.0
#include "models/load_cuda.h"

#include <charconv>
#include <string_view>

#include "runtime/core/error.h"
#include "runtime/core/shared_library.h"

namespace midpo {
namespace {

using MakeBackend = void (*)(int, std::shared_ptr<const Backend>*);
using FreeBytes = std::int64_t (*)(int);

/// LibTorch's CUDA part registers its kernels with the CPU part, and both share symbols.
const SharedLibrary& cuda_library() {
  static const SharedLibrary library(
      folder_of(reinterpret_cast<const void*>(&load_cuda_backend)) / "libmidpo_cuda.so",
      SharedLibrary::Symbols::kShared,
      {"this midpo is built without CUDA; configure with --preset cuda, or use --device cpu",
       "--device cuda needs LibTorch with CUDA and its libraries"});
  return library;
}

}  // namespace

std::shared_ptr<const Backend> load_cuda_backend(int index) {
  static const auto make = cuda_library().function<MakeBackend>("midpo_make_cuda_backend");
  std::shared_ptr<const Backend> backend;
  make(index, &backend);
  return backend;
}

std::int64_t cuda_free_bytes(int index) {
  static const auto free_bytes = cuda_library().function<FreeBytes>("midpo_cuda_free_bytes");
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
