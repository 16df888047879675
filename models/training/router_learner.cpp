// SPDX-License-Identifier: Apache-2.0
// The gates of the mixture, trained by DPO and a regulariser on what they were at every token.
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "models/checkpoint/router_writer.h"
#include "models/engine_errors.h"
#include "models/mixture.h"
#include "models/packing.h"
#include "models/training/export_weights.h"
#include "models/training/pair_learner.h"

namespace midpo {
namespace {

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

 protected:
  /// The regulariser is a mean over all tokens: all are packed and read.
  LogProbBatch pack_pairs(std::span<const RowTokens> tokens) const override {
    std::vector<std::size_t> first;
    for (const RowTokens& row : tokens) first.push_back(first_difference(row));
    return pack_for_log_probs(tokens, first, true);
  }

  GateRegularizer gates_of(std::span<const RowTokens> tokens, const LogProbBatch& packed,
                           const BatchCount& batch) const override {
    std::vector<float> counts = count_occurrences(tokens, packed.batch);
    at::Tensor weights_T = at::from_blob(counts.data(), {static_cast<std::int64_t>(counts.size())},
                                         at::TensorOptions().dtype(at::kFloat))
                               .clone()
                               .to(backend().device());
    return {weights_T, options_.gate_regularizer / gate_count(batch)};
  }

  void add_gates(const GateSums& gates, const BatchCount& batch,
                 LossReport& report) const override {
    const double regularizer = gates.regularizer / gate_count(batch);
    report.loss += options_.gate_regularizer * regularizer;
    const auto items = static_cast<double>(batch.items);
    report.sums.push_back({"router/alpha_mean", items * gates.alpha / gate_count(batch)});
    report.sums.push_back({"router/beta_mean", items * gates.beta / gate_count(batch)});
    report.sums.push_back({"router/reg", items * regularizer});
  }

 private:
  double gate_count(const BatchCount& batch) const {
    return static_cast<double>(decoder_.config.num_layers) * static_cast<double>(batch.tokens);
  }

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
        require(
            std::abs(mixed - alone) <= tolerance * (1.0 + std::abs(alone)), ErrorCode::kNumerics,
            "row " + std::to_string(rows[i].row) + ": gates at (" + std::to_string(gates[0]) +
                ", " + std::to_string(gates[1]) + ") give the log-prob " + std::to_string(mixed) +
                ", " + (adapter.empty() ? "the base model" : adapter + " alone") + " gives " +
                std::to_string(alone) + "; the mixture does not stand on these weights");
      }
    }
  }

  RouterToWrite experts_;
};

}  // namespace

std::unique_ptr<Learner> make_router_learner(const LearnerOptions& options) {
  require(
      !options.is_published_compat, ErrorCode::kConfig,
      "compat published: the published router's regulariser, which runs every MLP a second time "
      "on its layer's input, is not reproduced; leave compat out");
  const std::unique_ptr<OpenedModel> opened = open_model(options.model);
  const OpenedModel& model = *opened;
  const bool allow_pickle = options.model.allow_pickle;
  const Adapter safety = open_adapter(options.safety_adapter, allow_pickle, *model.files);
  const Adapter helpfulness = open_adapter(options.helpfulness_adapter, allow_pickle, *model.files);
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
  model.files->check_unchanged();
  return learner;
}

}  // namespace midpo
