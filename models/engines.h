// SPDX-License-Identifier: Apache-2.0
// The narrow interfaces through which actors and commands see models. No LibTorch header here:
// the implementation is libmidpo_models.so, loaded when a command needs it (load_engines()).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/dtype.h"
#include "runtime/core/hash.h"

namespace midpo {

/// The token sequences of one row: K responses, each with its prompt (K = 1 for plain texts).
/// Each sequence is complete (special tokens included) and not empty. Engines compute the common
/// prefix of a row's sequences once; it is the responses' shared prompt, and more where they agree.
struct RowTokens {
  std::vector<std::vector<std::int32_t>> sequences;

  bool operator==(const RowTokens&) const = default;
};

/// First position where the sequences of a row do not all agree; where one is a prefix of another,
/// that one's length. K = 1: the length. In the terms of docs/method.md: t0.
std::size_t first_difference(const RowTokens& row);

/// A base model; or with one adapter; or with the mixture of both experts, weighed by a router's
/// gates or by fixed weights.
struct ModelOptions {
  std::string path;            ///< Hugging Face directory
  std::string adapter_path;    ///< PEFT directory, or empty
  std::string safety_adapter;  ///< PEFT directory of an expert, or empty; both or none
  std::string helpfulness_adapter;
  std::string router_path;  ///< see open_router(); needs both experts
  /// Weights of the safety and the helpfulness expert in place of a router.
  std::optional<std::array<double, 2>> mixture_weights;
  DType dtype = DType::kBFloat16;
  std::string device = "cpu";  ///< cpu, cuda:N
  bool allow_pickle = false;   ///< read .bin weights through the restricted reader
};

/// What a loaded model is. Two models with equal hash, dtype and device kind give equal bits.
struct ModelInfo {
  ContentHash content;       ///< config, weights and adapter; never a path or a name
  std::string architecture;  ///< as config.json names it
  DType dtype = DType::kFloat32;
  std::string device;
  std::string numerics;  ///< library, version, instruction set: part of every cache key
  std::int64_t num_parameters = 0;
  std::int64_t vocab_size = 0;
  std::int64_t max_positions = 0;
  std::int64_t tile_tokens = 0;  ///< packed tokens per call at which this device works best
};

/// One number per sequence, computed by a frozen model. Thread-safe: any number of threads may call
/// score() at once; each call computes on the calling thread (CPU) or its own stream (CUDA).
class Scorer {
 public:
  virtual ~Scorer() = default;
  virtual const ModelInfo& info() const = 0;

  /// @return [row][sequence]. Score models: the score at the last token, after the normalizer.
  ///   Reference models: sum of log-probs over tokens t >= first_difference(row), nats, where
  ///   first_difference is at least 1.
  /// A sequence's value does not depend on the other rows of the call: equal bits alone or packed.
  /// @throws Error kData (token id out of range, sequence longer than max_positions; names the
  ///   index of the row in the call), kNumerics (NaN or Inf; names the index), kOutOfMemory.
  virtual std::vector<std::vector<double>> score(std::span<const RowTokens> rows) const = 0;

  /// FLOPs of the least work that gives the same numbers: shared prefix once, no padding, only the
  /// positions that are read. For the fraction-of-limit report.
  virtual double least_flops(std::span<const RowTokens> rows) const = 0;
};

/// Log-probs of every token of a sequence given those before it.
class LanguageModel {
 public:
  virtual ~LanguageModel() = default;
  virtual const ModelInfo& info() const = 0;

  /// @return [row][sequence][t - 1] = log p(token_t | tokens_<t), t >= 1, nats; same promises as
  ///   Scorer::score.
  virtual std::vector<std::vector<std::vector<float>>> log_probs(
      std::span<const RowTokens> rows) const = 0;
};

class Learner;
struct LearnerOptions;

class GenerationModel;

/// What loading a model would take, and what its device has.
struct MemoryNeed {
  std::int64_t weight_bytes = 0;     ///< in the dtype of the options
  std::int64_t transpose_bytes = 0;  ///< more, for gradients that pass through frozen weights
  std::int64_t free_bytes = 0;       ///< of the device, now
};

/// Makes engines. One instance per process; the models it makes keep their weights alive.
class EngineFactory {
 public:
  virtual ~EngineFactory() = default;

  /// Reads the headers of the weights, not the weights. @throws Error kCheckpoint, kDevice
  virtual MemoryNeed memory_need(const ModelOptions& options) const = 0;

  /// A reward or cost model: decoder and score head. @throws Error kCheckpoint, kDevice,
  /// kOutOfMemory
  virtual std::shared_ptr<const Scorer> load_score_model(const ModelOptions& options) const = 0;

  /// A language model as a scorer of log-prob sums (the reference model of DPO).
  virtual std::shared_ptr<const Scorer> load_reference_model(const ModelOptions& options) const = 0;

  virtual std::shared_ptr<const LanguageModel> load_language_model(
      const ModelOptions& options) const = 0;

  /// A language model that writes; see generator.h.
  virtual std::shared_ptr<const GenerationModel> load_generation_model(
      const ModelOptions& options) const = 0;

  /// A model to be trained, at its start. @throws Error kConfig, kCheckpoint, kDevice,
  /// kOutOfMemory
  virtual std::unique_ptr<Learner> make_learner(const LearnerOptions& options) const = 0;

  /// Measured dense GEMM rate of one calling thread at sizes typical of `model`, FLOP/s.
  virtual double measure_gemm_flops(const Scorer& model) const = 0;
};

/// Loads libmidpo_models.so from the program's own folder. @throws Error(kDevice) saying what is
/// missing.
const EngineFactory& load_engines();

/// Engines without models, for tests and overhead measurements: a score is a cheap pure function of
/// (salt, ids). Never reachable from a model path.
std::shared_ptr<const Scorer> make_stub_scorer(std::uint64_t salt, std::int64_t tile_tokens);

}  // namespace midpo
