// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "models/packing.h"
#include "models/training/pair_learner.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

class PublishedPairLearner final : public PairLearner {
 public:
  PublishedPairLearner(const LearnerOptions& options, const OpenedModel& model,
                       const TrainedParts& parts)
      : PairLearner(options, model, parts), pad_id_(model.config.pad_token_id.value_or(0)) {
    finish();
  }

 protected:
  void begin(std::span<const TrainingRow> rows) override { width_ = padded_width(rows); }

  LogProbBatch pack_pairs(std::span<const RowTokens> tokens) const override {
    std::vector<RowTokens> padded(tokens.begin(), tokens.end());
    std::vector<std::size_t> first;
    for (RowTokens& row : padded) {
      first.push_back(first_difference(row) + 1);
      for (auto& ids : row.sequences) {
        if (ids.size() < width_) ids.push_back(pad_id_);
      }
    }
    return pack_for_log_probs(padded, first, false);
  }

  std::vector<std::array<double, 2>> references(std::span<const TrainingRow> rows,
                                                const LogProbBatch& packed) override {
    decoder_.enable_adapters(false);
    const Forward forward = this->forward(packed);
    decoder_.enable_adapters(true);
    std::vector<std::array<double, 2>> sums;
    for (const PairSums& row : sum_by_row(packed, forward.head.log_probs, rows.size())) {
      sums.push_back(row.log_probs);
    }
    return sums;
  }

 private:
  std::int32_t pad_id_;
  std::size_t width_ = 0;  ///< of the padded batch
};

}  // namespace

std::size_t padded_width(std::span<const TrainingRow> rows) {
  std::size_t width = 0;
  for (const TrainingRow& row : rows) {
    for (const auto& ids : row.tokens.sequences) width = std::max(width, ids.size());
  }
  return width;
}

std::unique_ptr<Learner> make_published_pair_learner(const LearnerOptions& options,
                                                     const OpenedModel& model,
                                                     const TrainedParts& parts) {
  require(options.lora.has_value(), ErrorCode::kConfig,
          "compat published: wanted an adapter; the reference is the base without it");
  return std::make_unique<PublishedPairLearner>(options, model, parts);
}

}  // namespace midpo
