// SPDX-License-Identifier: Apache-2.0
#include "models/training/decoder_learner.h"

#include <ATen/Parallel.h>
#include <ATen/ops/outer.h>

#include <cmath>
#include <utility>

#include "models/engine_errors.h"
#include "models/packing.h"
#include "models/training/training_flops.h"

namespace midpo {
namespace {

std::int64_t packed_tokens(const RowTokens& row) {
  std::size_t tokens = 0;
  for (const std::vector<std::int32_t>& sequence : row.sequences) tokens += sequence.size();
  const std::size_t repeats = row.sequences.size() - 1;
  return static_cast<std::int64_t>(tokens - repeats * first_difference(row));
}

/// Numbers of rows of the passes: each at most `budget` tokens, or one row.
std::vector<std::size_t> cut_passes(std::span<const TrainingRow> rows, std::int64_t budget) {
  std::vector<std::size_t> sizes;
  std::int64_t tokens = 0;
  for (const TrainingRow& row : rows) {
    const std::int64_t more = packed_tokens(row.tokens);
    if (sizes.empty() || tokens + more > budget) {
      sizes.push_back(0);
      tokens = 0;
    }
    ++sizes.back();
    tokens += more;
  }
  return sizes;
}

AdamWOptions adamw_options(const LearnerOptions& options) {
  AdamWOptions adamw;
  adamw.beta1 = options.adam_beta1;
  adamw.beta2 = options.adam_beta2;
  adamw.eps = options.adam_eps;
  adamw.weight_decay = options.weight_decay;
  adamw.max_grad_norm = options.max_grad_norm;
  adamw.offloads_moments = options.offloads_optimizer;
  return adamw;
}

}  // namespace

std::vector<RowTokens> tokens_of(std::span<const TrainingRow> rows) {
  std::vector<RowTokens> tokens;
  tokens.reserve(rows.size());
  for (const TrainingRow& row : rows) tokens.push_back(row.tokens);
  return tokens;
}

void require_finite_loss(double loss, const TrainingRow& row) {
  require(std::isfinite(loss), ErrorCode::kNumerics,
          "row " + std::to_string(row.row) + ": its loss is " + std::to_string(loss) +
              "; lower the learning rate, or look at the row");
}

DecoderLearner::DecoderLearner(const LearnerOptions& options, const OpenedModel& model,
                               const TrainedParts& parts)
    : options_(options),
      decoder_(load_train_decoder(model.config, model.reader, model.backend, options.model.dtype,
                                  parts)),
      info_(describe_model(options.model, model)) {}

void DecoderLearner::finish() {
  parameters().allocate(backend().device());
  optimizer_ = std::make_unique<AdamW>(parameters(), adamw_options(options_), backend());
  refresh();
}

std::int64_t DecoderLearner::num_trained_parameters() const { return parameters().size(); }

BatchCount DecoderLearner::count(const TrainingRow& row) const {
  BatchCount count{1, 0};
  for (const std::vector<std::int32_t>& sequence : row.tokens.sequences) {
    count.tokens += static_cast<std::int64_t>(sequence.size());
  }
  return count;
}

void DecoderLearner::enter() {
  if (!backend().device().is_cpu()) return;
  static const int all_cores = at::intraop_default_num_threads();
  at::set_num_threads(options_.num_threads > 0 ? static_cast<int>(options_.num_threads)
                                               : all_cores);
}

LossReport DecoderLearner::accumulate(std::span<const TrainingRow> rows, const BatchCount& batch) {
  return run_parts(rows, batch, true);
}

LossReport DecoderLearner::evaluate(std::span<const TrainingRow> rows, const BatchCount& batch) {
  return run_parts(rows, batch, false);
}

LossReport DecoderLearner::run_parts(std::span<const TrainingRow> rows, const BatchCount& batch,
                                     bool adds_gradients) {
  return guard_engine("training " + options_.model.path, [&] {
    enter();
    check_rows(tokens_of(rows), info_.vocab_size, info_.max_positions);
    begin(rows);
    LossReport total;
    for (std::size_t size : cut_passes(rows, info_.tile_tokens)) {
      total += run(rows.first(size), batch, adds_gradients);
      rows = rows.subspan(size);
    }
    return total;
  });
}

std::span<float> DecoderLearner::gradients() {
  const at::Tensor& gradients = parameters().gradients();
  if (!gradients.device().is_cpu()) host_gradients_ = gradients.to(at::kCPU);
  const at::Tensor& host = gradients.device().is_cpu() ? gradients : host_gradients_;
  return {host.mutable_data_ptr<float>(), static_cast<std::size_t>(host.numel())};
}

double DecoderLearner::apply(double learning_rate) {
  return guard_engine("training " + options_.model.path, [&] {
    enter();
    if (host_gradients_.defined()) parameters().gradients().copy_(host_gradients_);
    host_gradients_ = at::Tensor();
    before_step();
    decoder_.expand_gate_gradients();
    const double norm = optimizer_->gradient_norm();
    require(std::isfinite(norm), ErrorCode::kNumerics,
            "the norm of the gradients is " + std::to_string(norm) +
                "; lower the learning rate, or look at the step's rows");
    optimizer_->step(learning_rate, norm);
    refresh();
    return norm;
  });
}

void DecoderLearner::save_state(const std::string& path) const {
  save_learner_state(path, parameters(), *optimizer_, extra_state());
}

void DecoderLearner::load_state(const std::string& path) {
  guard_engine("loading " + path, [&] {
    load_learner_state(path, parameters(), *optimizer_, extra_state());
    refresh();
    return 0;
  });
}

std::vector<std::pair<std::string, at::Tensor>> DecoderLearner::named_gradients() {
  decoder_.expand_gate_gradients();
  std::vector<std::pair<std::string, at::Tensor>> named;
  for (const ParameterSet::Entry& entry : parameters().entries()) {
    if (entry.kind == ParameterSet::Entry::Kind::kDense) {
      named.emplace_back(entry.name, entry.gradient.clone());
    } else if (entry.kind == ParameterSet::Entry::Kind::kOuter) {
      named.emplace_back(entry.name, at::outer(entry.outer_rows, entry.outer_columns));
    }
  }
  return named;
}

double DecoderLearner::least_flops(std::span<const TrainingRow> rows) const {
  return training_flops(decoder_, pack(rows), head_flops());
}

}  // namespace midpo
