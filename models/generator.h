// SPDX-License-Identifier: Apache-2.0
// The interface through which actors and commands see what writes text. No LibTorch header here:
// see engines.h.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "models/engines.h"

namespace midpo {

/// How the next token is chosen, in the order applied; the meaning of each is transformers'.
struct SamplingOptions {
  double repetition_penalty = 1.0;  ///< of tokens in prompt and response; 1: none
  double temperature = 0.0;         ///< 0: greedy, the rest does not apply
  std::int64_t top_k = 0;           ///< only the k likeliest; 0: all
  double top_p = 1.0;               ///< only the likeliest that together reach p; 1: all
};

/// A prompt and how many responses of what kind it gets.
struct GenerationRequest {
  std::uint64_t id = 0;  ///< names its draws and its events; unique among the unfinished
  std::vector<std::int32_t> prompt;
  std::int64_t num_samples = 1;
  std::int64_t max_new_tokens = 256;   ///< per sample, cut to what the model's positions allow
  std::vector<std::int32_t> stop_ids;  ///< a sample ends with the first of these
  SamplingOptions sampling;
  std::uint64_t seed = 0;
  bool wants_log_probs = false;
};

/// kCancelled is never reported: whoever cancelled knows.
enum class FinishReason : std::uint8_t { kUnfinished, kStop, kLength };

/// One token of one sample.
struct TokenEvent {
  std::uint64_t request = 0;
  std::uint32_t sample = 0;
  std::int32_t token = 0;
  float log_prob = 0.0F;  ///< under the model itself, nats; only where asked for
  FinishReason finish = FinishReason::kUnfinished;  ///< other: it is the sample's last
};

/// Zeros are replaced by what suits the device.
struct GeneratorLimits {
  std::int64_t max_sequences = 0;   ///< samples written at once
  std::int64_t cache_tokens = 0;    ///< whose keys and values are kept
  std::int64_t prefill_tokens = 0;  ///< of prompts read in one step; one prompt may have more
  std::int64_t num_threads = 0;     ///< one step uses, on CPUs
};

/// Continuous batching: requests come and go at any step. Not thread-safe; one thread owns it. A
/// request's tokens depend on the request and the model only: not on what else is submitted, when,
/// or within which limits.
class Generator {
 public:
  virtual ~Generator() = default;

  /// @throws Error(kData): no prompt, an id outside the vocabulary, no position left for a token,
  ///   more tokens (prompt and longest responses) than the cache holds.
  virtual void submit(GenerationRequest request) = 0;

  /// Ends one sample early (a stop string was seen). Unknown or finished ones are ignored.
  virtual void cancel(std::uint64_t request, std::uint32_t sample) = 0;

  /// Admits what fits, then gives each running sample its next token.
  /// @return the tokens, one per running sample; empty only when idle.
  /// @throws Error kNumerics naming the request, kOutOfMemory.
  virtual std::vector<TokenEvent> step() = 0;

  virtual std::size_t num_waiting() const = 0;  ///< requests
  virtual std::size_t num_running() const = 0;  ///< samples
  bool is_idle() const { return num_waiting() == 0 && num_running() == 0; }
};

/// A language model that generators share. Thread-safe; generators keep it alive.
class GenerationModel {
 public:
  virtual ~GenerationModel() = default;
  virtual const ModelInfo& info() const = 0;

  /// Tokens that end a text, as the model's own files name them.
  virtual std::vector<std::int32_t> eos_ids() const = 0;
  virtual std::unique_ptr<Generator> make_generator(const GeneratorLimits& limits) const = 0;

  /// The mixture's gates at every token of a sequence: [layer][token] of one gate, in the order
  /// alpha, beta. Empty for models without gates.
  struct GateValues {
    std::vector<std::vector<float>> alpha, beta;
  };
  virtual GateValues gates(const std::vector<std::int32_t>& ids) const = 0;
};

}  // namespace midpo
