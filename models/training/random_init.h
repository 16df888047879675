// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace midpo {

/// Initial values of new weights, fp32 on the CPU: a function of (seed, name, shape) alone, so that
/// they do not depend on the order in which weights are made.
at::Tensor random_uniform(std::uint64_t seed, std::string_view name,
                          const std::vector<std::int64_t>& shape, double bound);

/// Normal with mean 0.
at::Tensor random_normal(std::uint64_t seed, std::string_view name,
                         const std::vector<std::int64_t>& shape, double deviation);

}  // namespace midpo
