// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "models/weights.h"

namespace midpo {

/// One module's adapter as tensors.
struct LoraFactors {
  at::Tensor a_RK;  ///< fp32
  at::Tensor b_NR;  ///< fp32
  double scale = 0.0;
};

/// @throws Error(kCheckpoint) naming the adapter and the module if it does not adapt the module.
LoraFactors read_lora_factors(const Adapter& adapter, const std::string& module, at::Device device);

}  // namespace midpo
