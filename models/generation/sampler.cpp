// SPDX-License-Identifier: Apache-2.0
#include "models/generation/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

namespace midpo {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// The k-th largest, or the smallest.
float kth_largest(std::span<const float> values, std::int64_t k) {
  std::vector<float> order(values.begin(), values.end());
  const auto last = std::min(static_cast<std::size_t>(k), order.size()) - 1;
  const auto kth = order.begin() + static_cast<std::ptrdiff_t>(last);
  std::nth_element(order.begin(), kth, order.end(), std::greater<>());
  return *kth;
}

bool is_likelier(const Candidate& a, const Candidate& b) {
  return a.probability != b.probability ? a.probability > b.probability : a.token < b.token;
}

double sum_of(std::span<const Candidate> candidates) {
  double sum = 0.0;
  for (const Candidate& candidate : candidates) sum += candidate.probability;
  return sum;
}

/// Sorts, and drops those before which the others already reach top_p; the likeliest always stays.
void keep_likeliest(std::vector<Candidate>& candidates, double top_p) {
  constexpr std::size_t kFirstSorted = 64;
  const double wanted = top_p * sum_of(candidates);
  double before = 0.0;
  std::size_t kept = 0;
  // Sorting all is rarely needed: the next few likeliest at a time.
  for (std::size_t sorted = kFirstSorted; kept < candidates.size(); sorted *= 4) {
    const std::size_t end = std::min(sorted, candidates.size());
    std::partial_sort(candidates.begin() + static_cast<std::ptrdiff_t>(kept),
                      candidates.begin() + static_cast<std::ptrdiff_t>(end), candidates.end(),
                      is_likelier);
    for (; kept < end && (kept == 0 || before < wanted); ++kept) {
      before += candidates[kept].probability;
    }
    if (kept < end) break;
  }
  candidates.resize(kept);
}

std::int32_t draw(std::span<const Candidate> candidates, double uniform) {
  for (const Candidate& candidate : candidates) {
    uniform -= candidate.probability;
    if (uniform < 0.0) return candidate.token;
  }
  // Rounding left the sum below 1.
  return candidates.back().token;
}

}  // namespace

std::int32_t largest_logit(std::span<const float> logits) {
  // Independent sums that the compiler keeps in vectors; x * 0 is not 0 for NaN and infinities.
  constexpr std::size_t kLanes = 16;
  std::array<float, kLanes> largest;
  std::array<float, kLanes> broken{};
  largest.fill(-kInfinity);
  const std::size_t whole = logits.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float value = logits[i + lane];
      largest[lane] = value > largest[lane] ? value : largest[lane];
      broken[lane] += value * 0.0F;
    }
  }
  for (std::size_t i = whole; i < logits.size(); ++i) {
    largest[0] = std::max(largest[0], logits[i]);
    broken[0] += logits[i] * 0.0F;
  }
  for (float sum : broken) {
    if (sum != 0.0F) return kNoToken;
  }
  const float best = *std::max_element(largest.begin(), largest.end());
  return static_cast<std::int32_t>(std::find(logits.begin(), logits.end(), best) - logits.begin());
}

void penalize_repetition(std::span<float> logits, std::span<const std::int32_t> tokens,
                         double penalty) {
  const auto factor = static_cast<float>(penalty);
  for (std::int32_t token : tokens) {
    float& logit = logits[static_cast<std::size_t>(token)];
    logit = logit < 0.0F ? logit * factor : logit / factor;
  }
}

float log_prob_of(std::span<const float> logits, std::int32_t token) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  const double logit = logits[static_cast<std::size_t>(token)];
  return static_cast<float>(logit - largest - std::log(sum));
}

std::vector<Candidate> draw_candidates(std::span<const float> logits,
                                       const SamplingOptions& options) {
  const bool has_top_k =
      options.top_k > 0 && options.top_k < static_cast<std::int64_t>(logits.size());
  const float least = has_top_k ? kth_largest(logits, options.top_k) : -kInfinity;
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<Candidate> candidates;
  candidates.reserve(has_top_k ? static_cast<std::size_t>(options.top_k) : logits.size());
  for (std::size_t token = 0; token < logits.size(); ++token) {
    if (logits[token] < least) continue;
    const double exponent = (static_cast<double>(logits[token]) - largest) / options.temperature;
    candidates.push_back({static_cast<std::int32_t>(token), std::exp(exponent)});
  }
  if (options.top_p < 1.0) {
    keep_likeliest(candidates, options.top_p);
  } else if (has_top_k) {
    std::sort(candidates.begin(), candidates.end(), is_likelier);
  }
  const double sum = sum_of(candidates);
  for (Candidate& candidate : candidates) candidate.probability /= sum;
  return candidates;
}

std::int32_t next_token(std::span<float> logits, std::span<const std::int32_t> seen,
                        const SamplingOptions& options, const DrawName& name) {
  const std::int32_t largest = largest_logit(logits);
  if (largest == kNoToken) return kNoToken;
  const bool is_penalized = options.repetition_penalty != 1.0;
  if (is_penalized) penalize_repetition(logits, seen, options.repetition_penalty);
  if (options.temperature <= 0.0) return is_penalized ? largest_logit(logits) : largest;
  return draw(draw_candidates(logits, options), uniform_draw(name));
}

}  // namespace midpo
