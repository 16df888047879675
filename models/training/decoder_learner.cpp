// SPDX-License-Identifier: Apache-2.0
#include "models/training/decoder_learner.h"

#include <ATen/Parallel.h>
#include <ATen/ops/outer.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/engine_errors.h"
#include "models/packing.h"
#include "models/thread_share.h"
#include "models/training/sharded_arrays.h"
#include "models/training/training_flops.h"
#include "runtime/core/control_group.h"

namespace midpo {
namespace {

constexpr std::size_t kValuesPerKib = 1024 / sizeof(float);

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

std::unique_ptr<OpenedModel> open_base(const LearnerOptions& options) {
  const bool is_frozen = options.lora || options.objective == Objective::kRouter;
  return open_model(options.model, LinearCalls::kBatches,
                    is_frozen ? WeightSharing::kShared : WeightSharing::kOwn);
}

DecoderLearner::DecoderLearner(const LearnerOptions& options, const OpenedModel& model,
                               const TrainedParts& parts)
    : options_(options),
      decoder_(load_train_decoder(model.config, model.reader, model.backend, options.model.dtype,
                                  parts)),
      info_(describe_model(options.model, model)) {}

void DecoderLearner::finish() {
  parameters().allocate(backend().device());
  Shard shard{0, parameters().size()};
  if (is_sharded()) shard = shard_of(shard.end, collective()->rank(), collective()->size());
  optimizer_ = std::make_unique<AdamW>(parameters(), adamw_options(options_), backend(), shard);
  final_gradients_ = find_final_gradients();
  refresh();
}

bool DecoderLearner::is_sharded() const {
  return collective() != nullptr && decoder_.trained_embeddings.has_value();
}

std::vector<std::size_t> DecoderLearner::find_final_gradients() const {
  using Kind = ParameterSet::Entry::Kind;
  const std::vector<ParameterSet::Entry>& entries = parameters().entries();
  // Gates collect in slots, which lie behind everything else; their own gradients come later.
  const bool has_slots = parameters().gradients().numel() > parameters().num_dense();
  std::vector<std::size_t> begins;
  for (const TrainLayer& layer : decoder_.layers) {
    const auto is_collecting = [&](const ParameterSet::Entry& entry) {
      return entry.kind == (has_slots ? Kind::kSlot : Kind::kDense);
    };
    const auto from = entries.begin() + static_cast<std::ptrdiff_t>(layer.first_parameter);
    const auto first = std::find_if(from, entries.end(), is_collecting);
    const std::int64_t begin = first == entries.end() ? parameters().gradients().numel()
                                                      : first->gradient.storage_offset();
    begins.push_back(static_cast<std::size_t>(begin));
  }
  return begins;
}

std::int64_t DecoderLearner::num_trained_parameters() const { return parameters().size(); }

BatchCount DecoderLearner::count(const TrainingRow& row) const {
  BatchCount count{1, 0};
  for (const std::vector<std::int32_t>& sequence : row.tokens.sequences) {
    count.tokens += static_cast<std::int64_t>(sequence.size());
  }
  return count;
}

void DecoderLearner::enter() const {
  if (!backend().device().is_cpu()) return;
  // LibTorch counts physical cores, of the whole machine.
  static const int all_cores =
      std::min(at::intraop_default_num_threads(), static_cast<int>(num_cores()));
  set_thread_share(options_.num_threads > 0 ? static_cast<int>(options_.num_threads) : all_cores);
}

LossReport DecoderLearner::accumulate(std::span<const TrainingRow> rows, const BatchCount& batch) {
  if (collective() == nullptr) return run_parts(rows, batch, true);
  const at::Tensor& gradients = parameters().gradients();
  sums_ =
      std::make_unique<GradientSums>(*collective(), span_of(gradients, {0, gradients.numel()}),
                                     static_cast<std::size_t>(options_.bucket_kib) * kValuesPerKib);
  // The other ranks sum in any case: whoever fails sums as well, and nobody uses the result.
  try {
    const LossReport report = run_parts(rows, batch, true);
    start_remaining_sums();
    return report;
  } catch (const Error& error) {
    decoder_.layer_done = nullptr;
    if (error.code() != ErrorCode::kTransport) start_remaining_sums();
    throw;
  }
}

void DecoderLearner::watch_last_part() {
  if (is_sharded()) return;
  decoder_.layer_done = [this](std::size_t layer) { sums_->final_from(final_gradients_[layer]); };
}

void DecoderLearner::start_remaining_sums() {
  if (is_sharded()) {
    start_shard_sums(*collective(), parameters().gradients());
  } else {
    sums_->final_from(0);
  }
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
      if (adds_gradients && collective() != nullptr && size == rows.size()) watch_last_part();
      total += run(rows.first(size), batch, adds_gradients);
      rows = rows.subspan(size);
    }
    decoder_.layer_done = nullptr;
    return total;
  });
}

double DecoderLearner::apply(double learning_rate) {
  return guard_engine("training " + options_.model.path, [&] {
    enter();
    if (collective() != nullptr) collective()->finish();
    decoder_.expand_gate_gradients();
    const double norm = gradient_norm();
    require(std::isfinite(norm), ErrorCode::kNumerics,
            "the norm of the gradients is " + std::to_string(norm) +
                "; lower the learning rate, or look at the step's rows");
    before_step();
    optimizer_->step(learning_rate, norm);
    if (is_sharded()) copy_shards(*collective(), parameters().values());
    refresh();
    return norm;
  });
}

double DecoderLearner::gradient_norm() const {
  const double own = optimizer_->gradient_square_sum();
  return std::sqrt(is_sharded() ? sum_over_ranks(*collective(), own) : own);
}

void DecoderLearner::save_state(const std::string& path) const {
  guard_engine("saving " + path, [&] {
    save_learner_state(path, parameters(), *optimizer_, extra_state(), collective());
    return 0;
  });
}

LearnerMemory DecoderLearner::memory() const {
  return {parameters().values().nbytes(), parameters().gradients().nbytes(),
          2 * optimizer_->first_moments().nbytes()};
}

void DecoderLearner::load_state(const std::string& path) {
  guard_engine("loading " + path, [&] {
    load_learner_state(path, parameters(), *optimizer_, extra_state(), collective());
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

double DecoderLearner::measure_gemm_flops() const {
  return guard_engine("measuring " + options_.model.path, [&] {
    enter();
    return measure_gemm_rate(decoder_);
  });
}

double DecoderLearner::least_flops(std::span<const TrainingRow> rows) const {
  return training_flops(decoder_, pack(rows), head_flops());
}

}  // namespace midpo
