// SPDX-License-Identifier: Apache-2.0
// From logits to the next token.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/generation/counter_random.h"
#include "models/generator.h"

namespace midpo {

/// What stands for "no token": the logits are broken.
inline constexpr std::int32_t kNoToken = -1;

/// Index of the largest, the first of equal ones; kNoToken if one is NaN or infinite.
std::int32_t largest_logit(std::span<const float> logits);

/// Divides positive and multiplies negative logits of `tokens` (each named once) by the penalty.
void penalize_repetition(std::span<float> logits, std::span<const std::int32_t> tokens,
                         double penalty);

/// log softmax(logits)[token], nats.
float log_prob_of(std::span<const float> logits, std::int32_t token);

/// A token and the probability with which it is drawn.
struct Candidate {
  std::int32_t token = 0;
  double probability = 0.0;
};

/// What may be drawn: temperature, then top-k (keeping all that equal the k-th), then top-p, and
/// the probabilities of what is left, which sum to 1. By token where all is left, else likeliest
/// first, equal ones by token. @param options  temperature > 0.
std::vector<Candidate> draw_candidates(std::span<const float> logits,
                                       const SamplingOptions& options);

/// The next token, or kNoToken. Changes the logits.
/// @param seen  distinct tokens of prompt and response; read where repetition is penalised.
std::int32_t next_token(std::span<float> logits, std::span<const std::int32_t> seen,
                        const SamplingOptions& options, const DrawName& name);

}  // namespace midpo
