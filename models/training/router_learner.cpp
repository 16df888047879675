// SPDX-License-Identifier: Apache-2.0
#include "models/training/router_learner.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/engine_errors.h"
#include "models/mixture.h"
#include "models/packing.h"
#include "models/training/export_weights.h"

namespace midpo {

RouterLearner::RouterLearner(const LearnerOptions& options, const OpenedModel& model,
                             const TrainedParts& parts, RouterToWrite experts)
    : PairLearner(options, model, parts),
      experts_(std::move(experts)),
      means_(parameters(), decoder_.layers.size()) {
  finish();
}

void RouterLearner::check_start(std::span<const TrainingRow> rows) {
  constexpr std::size_t kMostRows = 2;
  rows = rows.first(std::min(rows.size(), kMostRows));
  guard_engine("checking the mixture before the first step", [&] {
    compare(rows, {0.0, 0.0}, "");
    compare(rows, {whole_gates()[0], 0.0}, options_.safety_adapter);
    compare(rows, {0.0, whole_gates()[1]}, options_.helpfulness_adapter);
    refresh();
    return 0;
  });
}

void RouterLearner::export_weights(const std::string& directory) const {
  RouterToWrite router = experts_;
  router.mean_alpha = means_.alpha();
  router.mean_beta = means_.beta();
  router.tensors = parameter_tensors(parameters(), at::kFloat);
  write_router(directory, router);
}

LogProbBatch RouterLearner::pack_whole(std::span<const RowTokens> tokens) {
  std::vector<std::size_t> first;
  for (const RowTokens& row : tokens) first.push_back(first_difference(row));
  return pack_for_log_probs(tokens, first, true);
}

GateRegularizer RouterLearner::gates_of(std::span<const RowTokens> tokens,
                                        const LogProbBatch& packed, const BatchCount& batch) const {
  std::vector<float> counts = count_occurrences(tokens, packed.batch);
  at::Tensor weights_T = at::from_blob(counts.data(), {static_cast<std::int64_t>(counts.size())},
                                       at::TensorOptions().dtype(at::kFloat))
                             .clone()
                             .to(backend().device());
  return {weights_T, options_.gate_regularizer / gate_count(batch)};
}

double RouterLearner::gate_count(const BatchCount& batch) const {
  return static_cast<double>(decoder_.config.num_layers) * static_cast<double>(batch.tokens);
}

void RouterLearner::add_gates(const TrainingPass& pass, const BatchCount& batch,
                              bool adds_gradients, LossReport& report) const {
  GateSums applied;
  for (const GateSums& layer : pass.gate_sums()) applied += layer;
  const double regularizer = pass.regularized().regularizer / gate_count(batch);
  report.loss += options_.gate_regularizer * regularizer;
  const auto items = static_cast<double>(batch.items);
  report.sums.push_back({"router/alpha_mean", items * applied.alpha / gate_count(batch)});
  report.sums.push_back({"router/beta_mean", items * applied.beta / gate_count(batch)});
  report.sums.push_back({"router/reg", items * regularizer});
  if (adds_gradients) means_.add(parameters(), pass.gate_sums());
}

void RouterLearner::before_step() { means_.take_step(parameters()); }

void RouterLearner::compare(std::span<const TrainingRow> rows, std::array<double, 2> gates,
                            const std::string& adapter) {
  const double tolerance = options_.model.dtype == DType::kFloat32 ? 1e-4 : 2e-2;
  ModelOptions expert = options_.model;
  expert.adapter_path = adapter;
  const std::vector<RowTokens> tokens = tokens_of(rows);
  const auto wanted = make_reference_engine(expert)->score(tokens);
  decoder_.fix_gates(gates[0], gates[1]);
  const LogProbBatch packed = pack_whole(tokens);
  const Forward forward = this->forward(packed, RouterLearner::gates_of(tokens, packed, {1, 1}));
  const std::vector<PairSums> got = sum_by_row(packed, forward.head.log_probs, rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t k = 0; k < 2; ++k) {
      const double mixed = got[i].log_probs[k];
      const double alone = wanted[i][k];
      require(std::abs(mixed - alone) <= tolerance * (1.0 + std::abs(alone)), ErrorCode::kNumerics,
              "row " + std::to_string(rows[i].row) + ": gates at (" + std::to_string(gates[0]) +
                  ", " + std::to_string(gates[1]) + ") give the log-prob " + std::to_string(mixed) +
                  ", " + (adapter.empty() ? "the base model" : adapter + " alone") + " gives " +
                  std::to_string(alone) + "; the mixture does not stand on these weights");
    }
  }
}

std::unique_ptr<Learner> make_router_learner(const LearnerOptions& options) {
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
  RouterToWrite router;
  router.num_layers = model.config.num_layers;
  router.intermediate_size = model.config.intermediate_size;
  router.gate_width = options.gate_width;
  router.lora_scale = safety.config.targets.front().scale;
  router.base_model_hash = model.content.hex();
  router.safety_adapter_hash = adapter_hash(safety);
  router.helpfulness_adapter_hash = adapter_hash(helpfulness);
  std::unique_ptr<Learner> learner;
  if (options.is_published_compat) {
    learner = make_published_router_learner(
        options, model, parts, std::move(router),
        {safety.config.targets.front().scale, helpfulness.config.targets.front().scale});
  } else {
    learner = std::make_unique<RouterLearner>(options, model, parts, std::move(router));
  }
  model.files->check_unchanged();
  return learner;
}

}  // namespace midpo
