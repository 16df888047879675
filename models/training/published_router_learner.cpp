// SPDX-License-Identifier: Apache-2.0
#include <ATen/ops/from_blob.h>

#include <utility>

#include "models/packing.h"
#include "models/training/padded_pairs.h"
#include "models/training/router_learner.h"

namespace midpo {
namespace {

TrainedParts without_scale(TrainedParts parts) {
  parts.leaves_out_scale = true;
  return parts;
}

class PublishedRouterLearner final : public RouterLearner {
 public:
  PublishedRouterLearner(const LearnerOptions& options, const OpenedModel& model,
                         const TrainedParts& parts, RouterToWrite experts,
                         std::array<double, 2> scales)
      : RouterLearner(options, model, without_scale(parts), std::move(experts)),
        pad_id_(model.config.pad_token_id.value_or(0)),
        scales_(scales) {}

 protected:
  void begin(std::span<const TrainingRow> rows) override { width_ = padded_width(rows); }

  LogProbBatch pack_pairs(std::span<const RowTokens> tokens) const override {
    return pack_padded_pairs(tokens, width_, pad_id_);
  }

  GateRegularizer gates_of(std::span<const RowTokens> tokens, const LogProbBatch& packed,
                           const BatchCount& batch) const override {
    std::vector<float> counts = count_occurrences(tokens, packed.batch);
    counts.resize(packed.batch.ids.size(), 1.0F);  // every pad token is one of its sequence
    at::Tensor weights_T = at::from_blob(counts.data(), {static_cast<std::int64_t>(counts.size())},
                                         at::TensorOptions().dtype(at::kFloat))
                               .clone()
                               .to(backend().device());
    return {weights_T, options_.gate_regularizer / gate_count(batch), true};
  }

  std::vector<std::array<double, 2>> references(std::span<const TrainingRow> rows,
                                                const LogProbBatch& packed) override {
    decoder_.fix_gates(0.0, 0.0);
    GateRegularizer unread = gates_of(tokens_of(rows), packed, {1, 1});
    unread.reads_layer_inputs = false;
    const Forward forward = this->forward(packed, std::move(unread));
    refresh();
    std::vector<std::array<double, 2>> sums;
    for (const PairSums& row : sum_by_row(packed, forward.head.log_probs, rows.size())) {
      sums.push_back(row.log_probs);
    }
    return sums;
  }

  /// Both sequences of a pair are padded to one width.
  double gate_count(const BatchCount& batch) const override {
    return 2.0 * static_cast<double>(decoder_.config.num_layers) * static_cast<double>(width_) *
           static_cast<double>(batch.items);
  }

  std::array<double, 2> whole_gates() const override { return scales_; }
  bool leaves_out_scale() const override { return true; }

 private:
  std::int32_t pad_id_;
  std::array<double, 2> scales_;
  std::size_t width_ = 1;  ///< of the padded batch
};

}  // namespace

std::unique_ptr<Learner> make_published_router_learner(const LearnerOptions& options,
                                                       const OpenedModel& model,
                                                       const TrainedParts& parts,
                                                       RouterToWrite experts,
                                                       std::array<double, 2> scales) {
  return std::make_unique<PublishedRouterLearner>(options, model, parts, std::move(experts),
                                                  scales);
}

}  // namespace midpo
