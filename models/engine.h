// SPDX-License-Identifier: Apache-2.0
// What every loaded model has: its decoder, what it is, and where a broken number comes from.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/decoder.h"
#include "models/engines.h"
#include "models/generator.h"

namespace midpo {

/// A model directory, opened and checked but not yet read.
struct OpenedModel {
  ModelConfig config;
  std::unique_ptr<WeightFiles> files;
  ContentHash content;  ///< ModelInfo::content
  std::vector<Adapter> adapters;
  std::shared_ptr<const Backend> backend;
  WeightReader reader;
};

/// Weights that are trained must be a model's own; frozen ones are shared (WeightPool).
enum class WeightSharing { kOwn, kShared };

/// @throws Error(kCheckpoint) naming every missing or misshapen tensor, kDevice.
std::unique_ptr<OpenedModel> open_model(const ModelOptions& options, LinearCalls calls,
                                        WeightSharing sharing);

ModelInfo describe_model(const ModelOptions& options, const OpenedModel& model);

/// Of the weights alone, without adapters.
MemoryNeed memory_need_of(const ModelOptions& options);

/// Decoder and identity; the base of all engines. Immutable.
class Engine {
 public:
  const ModelInfo& model_info() const { return info_; }
  const Decoder& decoder() const { return *decoder_; }
  const std::string& path() const { return path_; }  ///< for messages

 protected:
  Engine(const ModelOptions& options, const OpenedModel& model);

  /// check_rows() against this model.
  void check(std::span<const RowTokens> rows) const;

  std::string path_;

 private:
  std::unique_ptr<const Decoder> decoder_;
  ModelInfo info_;
};

std::shared_ptr<const Scorer> make_score_engine(const ModelOptions& options);
std::shared_ptr<const Scorer> make_reference_engine(const ModelOptions& options);
std::shared_ptr<const LanguageModel> make_language_engine(const ModelOptions& options);
std::shared_ptr<const GenerationModel> make_generation_engine(const ModelOptions& options);

/// FLOP/s of the decoder's own linear layers on the calling thread, best of several rounds.
double measure_gemm_rate(const Decoder& decoder);

/// Scores three short sequences alone and packed, on the outer layers only, and compares the bits.
/// @throws Error(kNumerics) naming the device where they differ.
void require_batch_invariance(const Decoder& decoder);

}  // namespace midpo
