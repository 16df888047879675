// SPDX-License-Identifier: Apache-2.0
#include "models/engine_errors.h"
#include "models/language_trunk.h"
#include "models/packing.h"

namespace midpo {
namespace {

class ReferenceEngine final : public Scorer, public LanguageTrunk {
 public:
  using LanguageTrunk::LanguageTrunk;

  const ModelInfo& info() const override { return model_info(); }

  std::vector<std::vector<double>> score(std::span<const RowTokens> rows) const override {
    check(rows);
    LogProbBatch packed = pack_for_log_probs(rows, LogProbRange::kFromDifference);
    std::vector<float> log_probs = compute(packed);
    std::vector<std::vector<double>> sums(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) sums[i].resize(rows[i].sequences.size());
    for (std::size_t i = 0; i < log_probs.size(); ++i) {
      const TokenPlace& place = packed.places[i];
      sums[place.row][place.sequence] += static_cast<double>(log_probs[i]);
    }
    return sums;
  }

  double least_flops(std::span<const RowTokens> rows) const override {
    PackedBatch batch = pack_for_log_probs(rows, LogProbRange::kFromDifference).batch;
    return decoder_flops(decoder().config(), batch) + head_flops(batch);
  }
};

class LanguageEngine final : public LanguageModel, public LanguageTrunk {
 public:
  using LanguageTrunk::LanguageTrunk;

  const ModelInfo& info() const override { return model_info(); }

  std::vector<std::vector<std::vector<float>>> log_probs(
      std::span<const RowTokens> rows) const override {
    check(rows);
    LogProbBatch packed = pack_for_log_probs(rows, LogProbRange::kAll);
    std::vector<float> values = compute(packed);
    std::vector<std::vector<std::vector<float>>> result(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (const std::vector<std::int32_t>& sequence : rows[i].sequences) {
        result[i].emplace_back(sequence.size() - 1);
      }
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      const TokenPlace& place = packed.places[i];
      result[place.row][place.sequence][place.position - 1] = values[i];
    }
    return result;
  }
};

}  // namespace

std::shared_ptr<const Scorer> make_reference_engine(const ModelOptions& options) {
  return load_language_trunk<ReferenceEngine>(options);
}

std::shared_ptr<const LanguageModel> make_language_engine(const ModelOptions& options) {
  return load_language_trunk<LanguageEngine>(options);
}

}  // namespace midpo
