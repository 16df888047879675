// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <optional>
#include <utility>

#include "models/engine.h"
#include "models/engine_errors.h"
#include "models/packing.h"
#include "models/score_head.h"

namespace midpo {
namespace {

using Rows = std::vector<RowTokens>;

/// The rows without the padding tokens at their ends, each sequence with at least its first token:
/// what a classifier of transformers reads.
Rows without_padding(std::span<const RowTokens> rows, std::int32_t padding) {
  Rows shorter(rows.begin(), rows.end());
  for (RowTokens& row : shorter) {
    for (std::vector<std::int32_t>& tokens : row.sequences) {
      while (tokens.size() > 1 && tokens.back() == padding) tokens.pop_back();
    }
  }
  return shorter;
}

/// A reward or cost model.
class ScoreEngine final : public Scorer, public Engine {
 public:
  ScoreEngine(const ModelOptions& options, const OpenedModel& model)
      : Engine(options, model), head_(model.config, model.reader) {
    if (model.config.score_head->is_classifier) padding_ = model.config.pad_token_id;
  }

  const ModelInfo& info() const override { return model_info(); }

  std::vector<std::vector<double>> score(std::span<const RowTokens> rows) const override {
    check(rows);
    if (rows.empty()) return {};
    return guard_engine("scoring with " + path_, [&] {
      decoder().backend().enter_thread();
      PackedBatch batch = pack(rows);
      return by_row(rows, head_.score(decoder().read_hidden(batch), batch.num_reads()));
    });
  }

  double least_flops(std::span<const RowTokens> rows) const override {
    PackedBatch batch = pack(rows);
    auto head_flops = static_cast<double>(2 * batch.num_reads() * decoder().config().hidden_size);
    return decoder_flops(decoder().config(), batch) + head_flops;
  }

 private:
  PackedBatch pack(std::span<const RowTokens> rows) const {
    return padding_ ? pack_for_scores(without_padding(rows, *padding_)) : pack_for_scores(rows);
  }

  std::vector<std::vector<double>> by_row(std::span<const RowTokens> rows,
                                          const std::vector<float>& scores) const {
    std::vector<std::vector<double>> result(rows.size());
    auto next = scores.begin();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t k = 0; k < rows[i].sequences.size(); ++k, ++next) {
        require(std::isfinite(*next), ErrorCode::kNumerics,
                "row " + std::to_string(i) + " of the call: " + path_ + " gives sequence " +
                    std::to_string(k) + " the score " + std::to_string(*next));
        result[i].push_back(*next);
      }
    }
    return result;
  }

  ScoreHead head_;
  std::optional<std::int32_t> padding_;  ///< is not read at the end of a sequence
};

}  // namespace

std::shared_ptr<const Scorer> make_score_engine(const ModelOptions& options) {
  return guard_engine("loading " + options.path, [&] {
    std::unique_ptr<OpenedModel> model =
        open_model(options, LinearCalls::kBatches, WeightSharing::kShared);
    require(model->config.score_head.has_value(), ErrorCode::kCheckpoint,
            options.path + ": " + model->config.architecture +
                " has no score head; wanted a reward or cost model such as LlamaForScore or "
                "LlamaForSequenceClassification");
    auto engine = std::make_shared<ScoreEngine>(options, *model);
    model->files->check_unchanged();
    require_batch_invariance(engine->decoder());
    return engine;
  });
}

}  // namespace midpo
