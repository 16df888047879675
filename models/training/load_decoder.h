// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "models/learner.h"
#include "models/training/train_decoder.h"
#include "models/weights.h"

namespace midpo {

/// What of a decoder is trained: everything, adapters, or gates.
struct TrainedParts {
  bool all = false;
  const LoraOptions* lora = nullptr;
  const Adapter* first_adapter = nullptr;  ///< with lora: where to start instead of fresh
  /// The router: both experts, open, and the gates' width.
  const Adapter* safety = nullptr;
  const Adapter* helpfulness = nullptr;
  std::int64_t gate_width = 0;
  bool leaves_out_scale = false;  ///< of the experts' adapters, as the published router training
  std::uint64_t seed = 0;         ///< of new weights
};

/// The decoder's weights with their parameters registered; the caller adds its head's and calls
/// allocate() and refresh(). New adapters begin as peft begins them: A uniform in +-1/sqrt(K), B
/// zero; new gates as torch.nn.Linear.
/// @throws Error(kConfig) naming a target module the architecture does not have; kCheckpoint.
TrainDecoder load_train_decoder(const ModelConfig& config, const WeightReader& reader,
                                std::shared_ptr<const Backend> backend, DType dtype,
                                const TrainedParts& parts);

/// The factors of parts.safety and parts.helpfulness on a layer's down projection. @throws
/// Error(kCheckpoint) for an expert that does not adapt it.
std::array<FrozenAdapter, 2> read_experts(const TrainedParts& parts, const ModelConfig& config,
                                          std::int64_t layer, at::Device device);

}  // namespace midpo
