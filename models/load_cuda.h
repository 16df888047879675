// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "models/backend.h"

namespace midpo {

/// The backend of CUDA device `index`, from libmidpo_cuda.so beside this library.
/// @throws Error(kDevice) saying what is missing: a CUDA build, LibTorch's CUDA part, the device.
std::shared_ptr<const Backend> load_cuda_backend(int index);

/// Memory that device `index` could still give. @throws Error(kDevice)
std::int64_t cuda_free_bytes(int index);

/// The index in "cuda" or "cuda:N"; nothing for "cpu". @throws Error(kDevice) for another text.
std::optional<int> cuda_index(const std::string& device);

}  // namespace midpo
