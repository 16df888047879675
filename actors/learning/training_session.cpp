// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/training_session.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "actors/model_options.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/error.h"
#include "runtime/observe/log.h"
#include "runtime/observe/tensorboard.h"
#include "runtime/observe/text_format.h"

namespace midpo {
namespace {

/// How far the first step's loss and margins may be from what equal models give. On the CPU both
/// passes give the same bits; other devices may sum in another order.
double start_tolerance(DType dtype) { return dtype == DType::kBFloat16 ? 1e-2 : 1e-4; }

BatchCount count_all(const Learner& learner, std::span<const TrainingRow> rows) {
  BatchCount count;
  for (const TrainingRow& row : rows) count += learner.count(row);
  return count;
}

/// loss, then the learner's own numbers as means over the batch.
std::vector<NamedNumber> means_of(const LossReport& report, const BatchCount& count,
                                  const std::string& prefix) {
  std::vector<NamedNumber> means{{prefix + "loss", report.loss}};
  for (const NamedNumber& sum : report.sums) {
    means.push_back({prefix + sum.name, sum.value / static_cast<double>(count.items)});
  }
  return means;
}

/// TensorBoard groups by what stands before the slash: train/loss, eval/loss.
std::string board_name(const std::string& name) {
  constexpr std::string_view kEval = "eval_";
  if (name.starts_with(kEval)) return "eval/" + name.substr(kEval.size());
  return "train/" + name;
}

std::string log_entry(std::uint64_t step, const std::vector<NamedNumber>& values) {
  nlohmann::ordered_json entry{{"step", step}};
  for (const NamedNumber& value : values) entry[value.name] = value.value;
  return entry.dump();
}

}  // namespace

TrainingSession::TrainingSession(const LearnerJob& job, std::shared_ptr<Learner> learner)
    : job_(job),
      learner_(std::move(learner)),
      plan_(job.batches),
      checkpoints_(job.run_dir + "/checkpoints", job.save_total_limit) {
  make_directories(job.run_dir);
  restore();
  const std::string metrics_path = job.run_dir + "/metrics.jsonl";
  keep_metrics(metrics_path, state_.log_history.size());
  metrics_ = MetricsWriter::open(metrics_path);
  const std::uint64_t first_step = state_.global_step > 0 ? state_.global_step + 1 : 0;
  board_ = open_tensorboard(job.run_dir + "/tensorboard", first_step);
}

void TrainingSession::restore() {
  state_.max_steps = plan_.num_steps();
  state_.num_epochs = job_.batches.num_epochs;
  state_.batch_size = job_.batches.batch_size;
  state_.plan_hash = job_.plan_hash;
  std::vector<std::string> damaged;
  const auto found = checkpoints_.newest(&damaged);
  for (const std::string& problem : damaged) {
    log::warn("checkpoint_passed_over", {{"reason", problem}});
  }
  if (!found) return;
  require(found->state.plan_hash == job_.plan_hash, ErrorCode::kCheckpoint,
          found->state_path +
              ": belongs to another plan; give the first run's options again, or "
              "start anew with --overwrite");
  learner_->load_state(found->state_path);
  state_ = found->state;
  saved_entries_ = state_.log_history.size();
  saved_step_ = state_.global_step;
  log::info("resumed", {{"model", job_.name}, {"step", state_.global_step}});
}

bool TrainingSession::is_evaluation_due() const {
  if (job_.eval.empty() || state_.global_step == 0) return false;
  if (state_.last_eval_step == state_.global_step) return false;
  return is_trained() || (job_.eval_steps > 0 && state_.global_step % job_.eval_steps == 0);
}

std::uint64_t TrainingSession::num_batches(std::size_t num_rows) const {
  return (num_rows + job_.batches.batch_size - 1) / job_.batches.batch_size;
}

std::string TrainingSession::describe(std::span<const TrainingRow> rows) const {
  constexpr std::size_t kMaxNamed = 16;
  std::string text = job_.name + ", step " + std::to_string(state_.global_step + 1) + ", rows";
  for (std::size_t i = 0; i < std::min(rows.size(), kMaxNamed); ++i) {
    text += (i == 0 ? " " : ", ") + std::to_string(rows[i].row);
  }
  if (rows.size() > kMaxNamed) {
    text += " and " + std::to_string(rows.size() - kMaxNamed) + " more";
  }
  return text;
}

LossReport TrainingSession::accumulate(std::span<const TrainingRow> rows, const BatchCount& count) {
  LossReport total;
  const auto part_size = static_cast<std::size_t>(job_.batches.batch_size);
  for (std::size_t begin = 0; begin < rows.size(); begin += part_size) {
    const auto part = rows.subspan(begin, std::min(part_size, rows.size() - begin));
    total += learner_->accumulate(part, count);
  }
  require(std::isfinite(total.loss), ErrorCode::kNumerics,
          "the loss is " + number_text(total.loss));
  return total;
}

TrainingSession::Step TrainingSession::train(std::span<const TrainingRow> rows,
                                             std::span<const NamedNumber> figures) {
  const double learning_rate = job_.schedule.rate_at(state_.global_step);
  const BatchCount count = count_all(*learner_, rows);
  LossReport report;
  double norm = 0.0;
  std::vector<NamedNumber> values(figures.begin(), figures.end());
  if (!rows.empty()) try {
      if (state_.global_step == 0) learner_->check_start(rows);
      if (state_.global_step % plan_.steps_per_epoch() == 0) learner_->begin_epoch();
      report = accumulate(rows, count);
      if (state_.global_step == 0) check_start(report, rows, count);
      norm = learner_->apply(learning_rate);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kNumerics) save();
      throw Error(error.code(), describe(rows) + ": " + error.what());
    }
  ++state_.global_step;
  state_.num_rows += rows.size();
  state_.num_tokens += static_cast<std::uint64_t>(report.num_tokens);
  state_.epoch = plan_.epochs_after(state_.global_step);
  if (!rows.empty()) {
    const std::vector<NamedNumber> means = means_of(report, count, "");
    values.insert(values.begin(), means.begin(), means.end());
    values.push_back({"learning_rate", learning_rate});
    values.push_back({"grad_norm", norm});
  }
  values.push_back({"epoch", state_.epoch});
  values.push_back({"num_tokens", static_cast<double>(state_.num_tokens)});
  log(values);
  const bool is_due = job_.save_steps > 0 && state_.global_step % job_.save_steps == 0;
  if (is_due && !is_evaluation_due()) save();
  return {report.loss, static_cast<std::uint64_t>(report.num_tokens),
          rows.empty() ? 0.0 : learner_->least_flops(rows)};
}

void TrainingSession::evaluate(std::span<const TrainingRow> rows) {
  const BatchCount count = count_all(*learner_, rows);
  LossReport total;
  const auto part_size = static_cast<std::size_t>(job_.batches.batch_size);
  for (std::size_t begin = 0; begin < rows.size(); begin += part_size) {
    const auto part = rows.subspan(begin, std::min(part_size, rows.size() - begin));
    total += learner_->evaluate(part, count);
  }
  state_.last_eval_step = state_.global_step;
  std::vector<NamedNumber> values = means_of(total, count, "eval_");
  values.push_back({"epoch", state_.epoch});
  log(values);
  if (job_.save_steps > 0 && state_.global_step % job_.save_steps == 0) save();
}

void TrainingSession::check_start(const LossReport& report, std::span<const TrainingRow> rows,
                                  const BatchCount& count) const {
  if (!job_.starts_at_reference) return;
  double wanted = 0.0;
  for (const TrainingRow& row : rows) {
    wanted += untrained_pair_loss(job_.pair_loss, row.offset, job_.beta, job_.label_smoothing);
  }
  wanted /= static_cast<double>(count.items);
  const double tolerance = start_tolerance(learner_->info().dtype);
  const std::string advice =
      "; policy and reference are one model at the first step, so the reference log-probs are not "
      "those of this base model, or one of the two is computed wrongly";
  if (std::abs(report.loss - wanted) > tolerance * (1.0 + std::abs(wanted))) {
    throw Error(ErrorCode::kInternal, "the first loss is " + number_text(report.loss) +
                                          ", must be " + number_text(wanted) + advice);
  }
  for (const NamedNumber& sum : report.sums) {
    const double mean = sum.value / static_cast<double>(count.items);
    if (sum.name != "rewards/margins" || std::abs(mean) <= tolerance) continue;
    throw Error(ErrorCode::kInternal,
                "the first margin is " + number_text(mean) + ", must be 0" + advice);
  }
}

void TrainingSession::log(const std::vector<NamedNumber>& values) {
  std::vector<std::string> names;
  for (const NamedNumber& value : values) names.push_back(board_name(value.name));
  std::vector<Metric> plain;
  std::vector<Metric> board;
  for (std::size_t i = 0; i < values.size(); ++i) {
    plain.emplace_back(values[i].name, values[i].value);
    board.emplace_back(names[i], values[i].value);
  }
  metrics_->write(state_.global_step, plain);
  board_->write(state_.global_step, board);
  state_.log_history.push_back(log_entry(state_.global_step, values));
}

void TrainingSession::save() {
  if (state_.log_history.size() == saved_entries_) return;
  checkpoints_.write(state_, [&](const std::string& path) { learner_->save_state(path); });
  saved_entries_ = state_.log_history.size();
  saved_step_ = state_.global_step;
}

void TrainingSession::publish() {
  save();
  learner_->export_weights(job_.output);
}

}  // namespace midpo
