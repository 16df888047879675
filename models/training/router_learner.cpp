// SPDX-License-Identifier: Apache-2.0
#include "models/training/router_learner.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/checkpoint/weight_files.h"
#include "models/engine_errors.h"
#include "models/mixture.h"
#include "models/packing.h"
#include "models/training/adapter_checks.h"
#include "models/training/export_weights.h"

namespace midpo {
namespace {

/// Both experts as they stand on disk.
struct Experts {
  Adapter safety;
  Adapter helpfulness;
};

Experts open_experts(const LearnerOptions& options, const WeightFiles& base) {
  const bool allow_pickle = options.model.allow_pickle;
  Experts experts{open_adapter(options.safety_adapter, allow_pickle, base),
                  open_adapter(options.helpfulness_adapter, allow_pickle, base)};
  require_gateable(experts.safety, experts.helpfulness);
  return experts;
}

/// What the router's config says of its experts.
void name_experts(const Experts& experts, RouterToWrite& router) {
  router.lora_scale = experts.safety.config.targets.front().scale;
  router.safety_adapter_hash = adapter_hash(experts.safety);
  router.helpfulness_adapter_hash = adapter_hash(experts.helpfulness);
}

}  // namespace

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

void RouterLearner::take_experts(const std::string& safety_adapter,
                                 const std::string& helpfulness_adapter) {
  guard_engine("taking over experts", [&] {
    LearnerOptions options = options_;
    options.safety_adapter = safety_adapter;
    options.helpfulness_adapter = helpfulness_adapter;
    const auto base = open_model_weights(options.model.path, options.model.allow_pickle);
    const Experts experts = open_experts(options, *base);
    TrainedParts parts;
    parts.safety = &experts.safety;
    parts.helpfulness = &experts.helpfulness;
    parts.leaves_out_scale = leaves_out_scale();
    std::vector<std::array<FrozenAdapter, 2>> layers;
    for (std::int64_t layer = 0; layer < decoder_.config.num_layers; ++layer) {
      layers.push_back(read_experts(parts, decoder_.config, layer, backend().device()));
    }
    for (const Adapter* expert : {&experts.safety, &experts.helpfulness}) {
      expert->files->check_unchanged();
    }
    for (std::size_t i = 0; i < layers.size(); ++i) {
      decoder_.layers[i].mixture->set_experts(layers[i][0], layers[i][1]);
    }
    options_ = std::move(options);
    name_experts(experts, experts_);
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
  const std::unique_ptr<OpenedModel> opened = open_base(options);
  const OpenedModel& model = *opened;
  const Experts experts = open_experts(options, *model.files);
  TrainedParts parts;
  parts.seed = options.seed;
  parts.safety = &experts.safety;
  parts.helpfulness = &experts.helpfulness;
  parts.gate_width = options.gate_width;
  RouterToWrite router;
  router.num_layers = model.config.num_layers;
  router.intermediate_size = model.config.intermediate_size;
  router.gate_width = options.gate_width;
  router.base_model_hash = model.content.hex();
  name_experts(experts, router);
  std::unique_ptr<Learner> learner;
  if (options.is_published_compat) {
    learner = make_published_router_learner(options, model, parts, std::move(router),
                                            {experts.safety.config.targets.front().scale,
                                             experts.helpfulness.config.targets.front().scale});
  } else {
    learner = std::make_unique<RouterLearner>(options, model, parts, std::move(router));
  }
  model.files->check_unchanged();
  return learner;
}

}  // namespace midpo
