// SPDX-License-Identifier: Apache-2.0
// Losses of pairs of responses: DPO and its relatives for adapters or whole models, and the router.
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "models/checkpoint/router_writer.h"
#include "models/engine_errors.h"
#include "models/packing.h"
#include "models/training/export_weights.h"
#include "models/training/language_learner.h"
#include "models/training/lora_factors.h"
#include "models/training/losses.h"

namespace midpo {
namespace {

/// Log-prob sums of a pair and over how many tokens.
struct PairSums {
  std::array<double, 2> log_probs{};
  std::array<std::int64_t, 2> tokens{};
};

class PairLearner : public LanguageLearner {
 public:
  PairLearner(const LearnerOptions& options, const OpenedModel& model, const TrainedParts& parts)
      : LanguageLearner(options, model, parts) {
    loss_.kind = options.pair_loss;
    loss_.beta = options.beta;
    loss_.scale = options.pair_scale > 0.0 ? options.pair_scale : options.beta;
    loss_.label_smoothing = options.label_smoothing;
    finish();
  }

 protected:
  LossReport run(std::span<const TrainingRow> rows, const BatchCount& batch,
                 bool adds_gradients) override {
    const std::vector<RowTokens> tokens = tokens_of(rows);
    const LogProbBatch packed = pack_pairs(tokens);
    Forward forward = this->forward(packed, gates_of(tokens, packed, batch));
    const std::vector<PairSums> sums = sum_by_row(packed, forward.head.log_probs, rows.size());
    LossReport report;
    report.num_tokens = packed.batch.num_tokens();
    report.sums = {{"rewards/chosen", 0.0},     {"rewards/rejected", 0.0}, {"rewards/margins", 0.0},
                   {"rewards/accuracies", 0.0}, {"logps/chosen", 0.0},     {"logps/rejected", 0.0}};
    std::vector<std::array<float, 2>> slopes(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      slopes[i] = add_row(rows[i], sums[i], batch, report);
    }
    add_gates(forward.pass.gate_sums(), batch, report);
    if (!adds_gradients) return report;
    std::vector<float> coefficients;
    for (const LogProbPlace& place : packed.places) {
      coefficients.push_back(slopes[place.row][place.sequence]);
    }
    backward(forward, packed, coefficients);
    return report;
  }

  PackedBatch pack(std::span<const TrainingRow> rows) const override {
    return pack_pairs(tokens_of(rows)).batch;
  }

  /// The policy's log-prob sums of each row's pair.
  std::vector<PairSums> log_prob_sums(std::span<const TrainingRow> rows) {
    const std::vector<RowTokens> tokens = tokens_of(rows);
    const LogProbBatch packed = pack_pairs(tokens);
    const Forward forward = this->forward(packed, gates_of(tokens, packed, {1, 1}));
    return sum_by_row(packed, forward.head.log_probs, rows.size());
  }

 private:
  bool is_router() const { return options_.objective == Objective::kRouter; }

  /// The regulariser is a mean over all tokens, so that a router needs all of them.
  LogProbBatch pack_pairs(std::span<const RowTokens> tokens) const {
    std::vector<std::size_t> first;
    for (const RowTokens& row : tokens) first.push_back(first_difference(row));
    return pack_for_log_probs(tokens, first, is_router());
  }

  GateRegularizer gates_of(std::span<const RowTokens> tokens, const LogProbBatch& packed,
                           const BatchCount& batch) const {
    if (!is_router()) return {};
    std::vector<float> counts = count_occurrences(tokens, packed.batch);
    at::Tensor weights_T = at::from_blob(counts.data(), {static_cast<std::int64_t>(counts.size())},
                                         at::TensorOptions().dtype(at::kFloat))
                               .clone()
                               .to(backend().device());
    return {weights_T, options_.gate_regularizer / gate_count(batch)};
  }

  double gate_count(const BatchCount& batch) const {
    return static_cast<double>(decoder_.config.num_layers) * static_cast<double>(batch.tokens);
  }

  static std::vector<PairSums> sum_by_row(const LogProbBatch& packed,
                                          const std::vector<float>& log_probs,
                                          std::size_t num_rows) {
    std::vector<PairSums> sums(num_rows);
    for (std::size_t i = 0; i < log_probs.size(); ++i) {
      const LogProbPlace& place = packed.places[i];
      sums[place.row].log_probs[place.sequence] += static_cast<double>(log_probs[i]);
      ++sums[place.row].tokens[place.sequence];
    }
    return sums;
  }

  /// Adds a row's loss and metrics. @return derivatives by each of its log-probabilities.
  std::array<float, 2> add_row(const TrainingRow& row, const PairSums& sums,
                               const BatchCount& batch, LossReport& report) const {
    std::array<double, 2> change = {sums.log_probs[0] - row.reference_chosen,
                                    sums.log_probs[1] - row.reference_rejected};
    std::array<double, 2> weight = {1.0, 1.0};
    if (loss_.kind == PairLossKind::kIpo) {
      for (std::size_t k = 0; k < 2; ++k) {
        weight[k] = 1.0 / static_cast<double>(std::max<std::int64_t>(1, sums.tokens[k]));
      }
    }
    const double difference = weight[0] * change[0] - weight[1] * change[1];
    const PairLossValue value = pair_loss(loss_, difference, row.offset);
    require_finite_loss(value.loss, row);
    const double share = 1.0 / static_cast<double>(batch.items);
    report.loss += value.loss * share;
    const double chosen = loss_.beta * change[0];
    const double rejected = loss_.beta * change[1];
    report.sums[0].value += chosen;
    report.sums[1].value += rejected;
    report.sums[2].value += chosen - rejected;
    report.sums[3].value += chosen > rejected ? 1.0 : 0.0;
    report.sums[4].value += sums.log_probs[0];
    report.sums[5].value += sums.log_probs[1];
    return {static_cast<float>(value.slope * weight[0] * share),
            static_cast<float>(-value.slope * weight[1] * share)};
  }

  void add_gates(const GateSums& gates, const BatchCount& batch, LossReport& report) const {
    if (!is_router()) return;
    const double regularizer = gates.regularizer / gate_count(batch);
    report.loss += options_.gate_regularizer * regularizer;
    const auto items = static_cast<double>(batch.items);
    report.sums.push_back({"router/alpha_mean", items * gates.alpha / gate_count(batch)});
    report.sums.push_back({"router/beta_mean", items * gates.beta / gate_count(batch)});
    report.sums.push_back({"router/reg", items * regularizer});
  }

  PairLossOptions loss_;
};

class RouterLearner final : public PairLearner {
 public:
  using PairLearner::PairLearner;

  void describe_experts(RouterToWrite experts) { experts_ = std::move(experts); }

  void check_start(std::span<const TrainingRow> rows) override {
    constexpr std::size_t kMostRows = 2;
    rows = rows.first(std::min(rows.size(), kMostRows));
    guard_engine("checking the mixture before the first step", [&] {
      compare(rows, {0.0, 0.0}, "");
      compare(rows, {1.0, 0.0}, options_.safety_adapter);
      compare(rows, {0.0, 1.0}, options_.helpfulness_adapter);
      refresh();
      return 0;
    });
  }

  void export_weights(const std::string& directory) const override {
    RouterToWrite router = experts_;
    router.tensors = parameter_tensors(parameters(), at::kFloat);
    write_router(directory, router);
  }

 private:
  /// The mixture at constant gates against an engine that knows nothing of mixtures.
  void compare(std::span<const TrainingRow> rows, std::array<double, 2> gates,
               const std::string& adapter) {
    const double tolerance = options_.model.dtype == DType::kFloat32 ? 1e-4 : 2e-2;
    ModelOptions expert = options_.model;
    expert.adapter_path = adapter;
    const auto wanted = make_reference_engine(expert)->score(tokens_of(rows));
    decoder_.fix_gates(gates[0], gates[1]);
    const std::vector<PairSums> got = log_prob_sums(rows);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t k = 0; k < 2; ++k) {
        const double mixed = got[i].log_probs[k];
        const double alone = wanted[i][k];
        require(std::abs(mixed - alone) <= tolerance * (1.0 + std::abs(alone)),
                ErrorCode::kNumerics,
                "row " + std::to_string(rows[i].row) + ": gates at (" + std::to_string(gates[0]) +
                    ", " + std::to_string(gates[1]) + ") give the log-prob " +
                    std::to_string(mixed) + ", " +
                    (adapter.empty() ? "the base model" : adapter + " alone") + " gives " +
                    std::to_string(alone) + "; the mixture does not stand on these weights");
      }
    }
  }

  RouterToWrite experts_;
};

std::unique_ptr<Learner> make_router_learner(const LearnerOptions& options,
                                             const OpenedModel& model) {
  const bool allow_pickle = options.model.allow_pickle;
  const Adapter safety = open_trained_adapter(options.safety_adapter, allow_pickle);
  const Adapter helpfulness = open_trained_adapter(options.helpfulness_adapter, allow_pickle);
  TrainedParts parts;
  parts.seed = options.seed;
  parts.safety = &safety;
  parts.helpfulness = &helpfulness;
  parts.gate_width = options.gate_width;
  auto learner = std::make_unique<RouterLearner>(options, model, parts);
  RouterToWrite router;
  router.num_layers = model.config.num_layers;
  router.intermediate_size = model.config.intermediate_size;
  router.gate_width = options.gate_width;
  router.lora_scale = safety.config.targets.front().scale;
  router.base_model_hash = model.content.hex();
  router.safety_adapter_hash = adapter_hash(safety);
  router.helpfulness_adapter_hash = adapter_hash(helpfulness);
  learner->describe_experts(std::move(router));
  return learner;
}

}  // namespace

std::unique_ptr<Learner> make_pair_learner(const LearnerOptions& options) {
  const std::unique_ptr<OpenedModel> model = open_model(options.model);
  std::unique_ptr<Learner> learner;
  if (options.objective == Objective::kRouter) {
    learner = make_router_learner(options, *model);
  } else {
    TrainedParts parts;
    parts.seed = options.seed;
    parts.all = !options.lora;
    std::optional<Adapter> first;
    if (options.lora) parts.lora = &*options.lora;
    if (options.lora && !options.resume_adapter.empty()) {
      first = open_trained_adapter(options.resume_adapter, options.model.allow_pickle);
      parts.first_adapter = &*first;
    }
    learner = std::make_unique<PairLearner>(options, *model, parts);
  }
  model->files->check_unchanged();
  return learner;
}

}  // namespace midpo
