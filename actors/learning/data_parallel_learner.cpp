// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/data_parallel_learner.h"

#include <exception>
#include <utility>

#include "runtime/flow/row_shares.h"
#include "runtime/observe/log.h"
#include "runtime/observe/text_format.h"

namespace midpo {
namespace {

/// The rank's rows of the batch.
std::vector<TrainingRow> share_of(const RankCall& call, const Learner& learner,
                                  const Collective& collective) {
  std::vector<std::int64_t> tokens;
  for (const TrainingRow& row : call.rows) tokens.push_back(learner.count(row).tokens);
  const auto shares = share_rows(tokens, static_cast<std::size_t>(collective.size()));
  std::vector<TrainingRow> rows;
  for (const std::size_t index : shares[static_cast<std::size_t>(collective.rank())]) {
    rows.push_back(call.rows[index]);
  }
  return rows;
}

RankOutcome make_call(const RankCall& call, Learner& learner, const Collective& collective) {
  RankOutcome outcome;
  switch (call.kind) {
    case RankCall::Kind::kAccumulate:
      outcome.report = learner.accumulate(share_of(call, learner, collective), call.batch);
      break;
    case RankCall::Kind::kEvaluate:
      outcome.report = learner.evaluate(share_of(call, learner, collective), call.batch);
      break;
    case RankCall::Kind::kApply:
      outcome.norm = learner.apply(call.learning_rate);
      break;
    case RankCall::Kind::kSaveState:
      learner.save_state(call.path);
      break;
    case RankCall::Kind::kLoadState:
      learner.load_state(call.path);
      break;
    case RankCall::Kind::kQuit:
      break;
  }
  return outcome;
}

RankOutcome try_call(const RankCall& call, Learner& learner, const Collective& collective) {
  try {
    return make_call(call, learner, collective);
  } catch (const Error& error) {
    // Without the others there is nobody to tell.
    if (error.code() == ErrorCode::kTransport) throw;
    return {error, {}, 0.0};
  } catch (const std::exception& failure) {
    return {Error(ErrorCode::kInternal, failure.what()), {}, 0.0};
  }
}

/// This rank's part of a call, and how it ended on all of them. @throws the first rank's error.
std::vector<RankOutcome> take_part(const RankCall& call, Learner& learner, Collective& collective) {
  const RankOutcome own = try_call(call, learner, collective);
  std::vector<RankOutcome> outcomes;
  for (const std::string& bytes : collective.gather(own.to_bytes())) {
    outcomes.push_back(RankOutcome::from_bytes(bytes));
  }
  for (std::size_t rank = 0; rank < outcomes.size(); ++rank) {
    const std::optional<Error>& error = outcomes[rank].error;
    if (!error) continue;
    collective.finish();  // sums that some rank's failure left without use
    throw Error(error->code(), "rank " + std::to_string(rank) + ": " + error->what());
  }
  return outcomes;
}

}  // namespace

DataParallelLearner::DataParallelLearner(std::shared_ptr<Learner> own,
                                         std::shared_ptr<Collective> collective)
    : own_(std::move(own)), collective_(std::move(collective)) {}

DataParallelLearner::~DataParallelLearner() {
  try {
    if (collective_->problem().empty())
      collective_->broadcast(RankCall().to_bytes(), Patience::kDeadline);
  } catch (const std::exception& failure) {
    log::warn("ranks_not_ended", {{"reason", failure.what()}});
  }
}

std::vector<RankOutcome> DataParallelLearner::call(const RankCall& call) const {
  collective_->broadcast(call.to_bytes(), Patience::kDeadline);
  return take_part(call, *own_, *collective_);
}

LossReport DataParallelLearner::compute(RankCall::Kind kind, std::span<const TrainingRow> rows,
                                        const BatchCount& batch) {
  for (const TrainingRow& row : rows) counted_ += count(row);
  rows_.insert(rows_.end(), rows.begin(), rows.end());
  if (counted_.items != batch.items || counted_.tokens != batch.tokens) return {};
  RankCall whole;
  whole.kind = kind;
  whole.batch = batch;
  whole.rows = std::exchange(rows_, {});
  counted_ = {};
  LossReport total;
  for (const RankOutcome& outcome : call(whole)) total += outcome.report;
  return total;
}

LossReport DataParallelLearner::accumulate(std::span<const TrainingRow> rows,
                                           const BatchCount& batch) {
  return compute(RankCall::Kind::kAccumulate, rows, batch);
}

LossReport DataParallelLearner::evaluate(std::span<const TrainingRow> rows,
                                         const BatchCount& batch) {
  return compute(RankCall::Kind::kEvaluate, rows, batch);
}

double DataParallelLearner::apply(double learning_rate) {
  RankCall step;
  step.kind = RankCall::Kind::kApply;
  step.learning_rate = learning_rate;
  const std::vector<RankOutcome> outcomes = call(step);
  const double norm = outcomes.front().norm;
  for (std::size_t rank = 1; rank < outcomes.size(); ++rank) {
    require(outcomes[rank].norm == norm, ErrorCode::kInternal,
            "rank " + std::to_string(rank) + " found the gradient norm " +
                number_text(outcomes[rank].norm) + ", rank 0 " + number_text(norm) +
                ": ranks must compute the same bits; are all of one kind of device and library?");
  }
  return norm;
}

void DataParallelLearner::save_state(const std::string& path) const {
  RankCall save;
  save.kind = RankCall::Kind::kSaveState;
  save.path = path;
  call(save);
}

void DataParallelLearner::load_state(const std::string& path) {
  RankCall load;
  load.kind = RankCall::Kind::kLoadState;
  load.path = path;
  call(load);
}

void serve_learner_rank(Learner& learner, Collective& collective) {
  while (true) {
    const RankCall call = RankCall::from_bytes(collective.broadcast({}, Patience::kWhileAlive));
    if (call.kind == RankCall::Kind::kQuit) return;
    try {
      take_part(call, learner, collective);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kTransport) throw;
    }
  }
}

}  // namespace midpo
