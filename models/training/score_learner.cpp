// SPDX-License-Identifier: Apache-2.0
// Reward and cost models: decoder and score head, trained whole on pairs.
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "models/checkpoint/model_writer.h"
#include "models/engine_errors.h"
#include "models/packing.h"
#include "models/training/decoder_learner.h"
#include "models/training/export_weights.h"
#include "models/training/losses.h"
#include "models/training/random_init.h"

namespace midpo {
namespace {

constexpr double kHeadDeviation = 0.02;  // transformers' initializer_range for Llama

/// Two reads that are compared, and how much their comparison counts in the row's loss.
struct Comparison {
  std::size_t row = 0;
  std::array<std::int64_t, 2> reads{};
  double weight = 1.0;
  bool is_last = false;  ///< of the sequences' ends: what the metrics are about
};

class ScoreLearner final : public DecoderLearner {
 public:
  ScoreLearner(const LearnerOptions& options, const OpenedModel& model, const TrainedParts& parts);

  void export_weights(const std::string& directory) const override;

 protected:
  LossReport run(std::span<const TrainingRow> rows, const BatchCount& batch,
                 bool adds_gradients) override;
  PackedBatch pack(std::span<const TrainingRow> rows) const override {
    return pack_for_token_scores(tokens_of(rows), options_.is_token_wise).batch;
  }
  double head_flops() const override {
    return 2.0 * static_cast<double>(decoder_.config.hidden_size);
  }

 private:
  bool is_cost() const { return options_.objective == Objective::kCost; }
  std::vector<Comparison> comparisons(const TokenScoreBatch& packed, std::size_t num_rows) const;
  ScoreLossValue loss_of(const TrainingRow& row, double first, double second) const;
  void add_metrics(const TrainingRow& row, double first, double second, LossReport& report) const;
  std::vector<float> scores_of(const at::Tensor& hidden_RE, std::int64_t num_reads) const;
  void backward(TrainingPass& pass, const at::Tensor& hidden_RE, const std::vector<float>& slopes);

  ScoreHeadConfig head_;
  ParameterSet::Handle weight_ = 0;
  ParameterSet::Handle bias_ = 0;
};

ScoreLearner::ScoreLearner(const LearnerOptions& options, const OpenedModel& model,
                           const TrainedParts& parts)
    : DecoderLearner(options, model, parts) {
  const std::int64_t hidden = model.config.hidden_size;
  at::Tensor weight, bias;
  if (model.config.score_head) {
    head_ = *model.config.score_head;
    const std::string module = module_of(head_);
    weight = model.reader.read_float(module + ".weight");
    if (head_.has_bias) bias = model.reader.read_float(module + ".bias");
  } else {
    weight = random_normal(options.seed, "score_head.weight", {1, hidden}, kHeadDeviation);
    bias = at::zeros({1}, weight.options());
  }
  head_.score_type = is_cost() ? "cost" : "reward";
  head_.do_normalize = false;
  weight_ = parameters().add("score_head.weight", weight, true);
  if (head_.has_bias) bias_ = parameters().add("score_head.bias", bias, false);
  finish();
}

/// End scores: one comparison a row. Token-wise: one at every position from t0 on that both
/// sequences have, averaged; the ends where there is none.
std::vector<Comparison> ScoreLearner::comparisons(const TokenScoreBatch& packed,
                                                  std::size_t num_rows) const {
  std::vector<std::array<std::vector<std::int64_t>, 2>> reads(num_rows);
  for (std::size_t i = 0; i < packed.places.size(); ++i) {
    reads[packed.places[i].row][packed.places[i].sequence].push_back(static_cast<std::int64_t>(i));
  }
  std::vector<Comparison> all;
  for (std::size_t row = 0; row < num_rows; ++row) {
    const auto& [first, second] = reads[row];
    const std::size_t common = std::min(first.size(), second.size());
    for (std::size_t i = 0; options_.is_token_wise && i < common; ++i) {
      all.push_back({row, {first[i], second[i]}, 1.0 / static_cast<double>(common), false});
    }
    all.push_back({row, {first.back(), second.back()}, options_.is_token_wise ? 0.0 : 1.0, true});
  }
  return all;
}

ScoreLossValue ScoreLearner::loss_of(const TrainingRow& row, double first, double second) const {
  if (!is_cost()) return reward_loss(first, second, options_.score_regularizer);
  return cost_loss(first, second, {row.is_first_unsafe, row.is_second_unsafe},
                   options_.score_regularizer);
}

void ScoreLearner::add_metrics(const TrainingRow& row, double first, double second,
                               LossReport& report) const {
  report.sums[0].value += first > second ? 1.0 : 0.0;
  report.sums[1].value += first - second;
  report.sums[2].value += 0.5 * (first + second);
  if (!is_cost()) return;
  const double first_sign = row.is_first_unsafe ? 1.0 : -1.0;
  const double second_sign = row.is_second_unsafe ? 1.0 : -1.0;
  report.sums[3].value +=
      0.5 * ((first * first_sign > 0.0 ? 1.0 : 0.0) + (second * second_sign > 0.0 ? 1.0 : 0.0));
}

LossReport ScoreLearner::run(std::span<const TrainingRow> rows, const BatchCount& batch,
                             bool adds_gradients) {
  const std::vector<RowTokens> tokens = tokens_of(rows);
  const TokenScoreBatch packed = pack_for_token_scores(tokens, options_.is_token_wise);
  TrainingPass pass(decoder_, packed.batch, options_.checkpoints_activations);
  const at::Tensor hidden_RE = pass.forward();
  const std::vector<float> scores = scores_of(hidden_RE, packed.batch.num_reads());
  LossReport report;
  report.num_tokens = packed.batch.num_tokens();
  report.sums = {{"accuracy", 0.0}, {"margin", 0.0}, {"mean_reward", 0.0}};
  if (is_cost()) report.sums.push_back({"accuracy_sign", 0.0});
  std::vector<float> slopes(scores.size());
  const double share = 1.0 / static_cast<double>(batch.items);
  for (const Comparison& pair : comparisons(packed, rows.size())) {
    const TrainingRow& row = rows[pair.row];
    const double first = scores[static_cast<std::size_t>(pair.reads[0])];
    const double second = scores[static_cast<std::size_t>(pair.reads[1])];
    if (pair.is_last) add_metrics(row, first, second, report);
    if (pair.weight == 0.0) continue;
    const ScoreLossValue value = loss_of(row, first, second);
    require_finite_loss(value.loss, row);
    report.loss += pair.weight * share * value.loss;
    for (std::size_t k = 0; k < 2; ++k) {
      slopes[static_cast<std::size_t>(pair.reads[k])] +=
          static_cast<float>(pair.weight * share * value.slopes[k]);
    }
  }
  if (adds_gradients) backward(pass, hidden_RE, slopes);
  return report;
}

std::vector<float> ScoreLearner::scores_of(const at::Tensor& hidden_RE,
                                           std::int64_t num_reads) const {
  at::Tensor exact_RE = hidden_RE.narrow(0, 0, num_reads).to(at::kFloat);
  at::Tensor scores_R = at::mv(exact_RE, parameters().value(weight_).reshape({-1}));
  if (head_.has_bias) scores_R.add_(parameters().value(bias_));
  scores_R = scores_R.to(at::kCPU);
  const auto* data = scores_R.const_data_ptr<float>();
  return {data, data + num_reads};
}

void ScoreLearner::backward(TrainingPass& pass, const at::Tensor& hidden_RE,
                            const std::vector<float>& slopes) {
  const auto count = static_cast<std::int64_t>(slopes.size());
  at::Tensor slopes_R = at::from_blob(const_cast<float*>(slopes.data()), {count},
                                      at::TensorOptions().dtype(at::kFloat))
                            .to(hidden_RE.device());
  at::Tensor weight_E = parameters().value(weight_).reshape({-1});
  at::Tensor exact_RE = hidden_RE.narrow(0, 0, count).to(at::kFloat);
  parameters().gradient(weight_).reshape({-1}).add_(at::mv(exact_RE.t(), slopes_R));
  if (head_.has_bias) parameters().gradient(bias_).add_(slopes_R.sum());
  at::Tensor grad_RE = at::zeros_like(hidden_RE);
  grad_RE.narrow(0, 0, count).copy_(at::outer(slopes_R, weight_E));
  pass.backward(grad_RE);
}

void ScoreLearner::export_weights(const std::string& directory) const {
  ScoreModelToWrite model;
  model.source_dir = options_.model.path;
  model.tensors = parameter_tensors(parameters(), decoder_.type);
  model.head = head_;
  write_score_model(directory, model);
}

}  // namespace

std::unique_ptr<Learner> make_score_learner(const LearnerOptions& options) {
  require(!options.lora, ErrorCode::kConfig,
          "reward and cost models are trained whole; leave the lora options out");
  const std::unique_ptr<OpenedModel> model = open_base(options);
  TrainedParts parts;
  parts.all = true;
  parts.seed = options.seed;
  auto learner = std::make_unique<ScoreLearner>(options, *model, parts);
  model->files->check_unchanged();
  return learner;
}

}  // namespace midpo
