// SPDX-License-Identifier: Apache-2.0
#include "actors/scorer_crew.h"

#include <algorithm>

#include "actors/row_lines.h"
#include "actors/scorer_actor.h"
#include "runtime/observe/log.h"

namespace midpo {
namespace {

constexpr std::uint32_t kMaxAttempts = 3;

bool is_fault_of_row(ErrorCode code) {
  return code == ErrorCode::kNumerics || code == ErrorCode::kData || code == ErrorCode::kShape ||
         code == ErrorCode::kOutOfMemory;
}

}  // namespace

ScorerCrew::Clock::duration task_deadline(const ScoringJob& job) {
  return std::chrono::duration_cast<ScorerCrew::Clock::duration>(
      std::chrono::duration<double>(job.task_deadline_seconds));
}

ScorerCrew::ScorerCrew(caf::local_actor* coordinator, std::shared_ptr<const ScoringJob> job,
                       ScoreDesk desk, StoreActor store, Company& company, std::size_t stage)
    : coordinator_(coordinator),
      job_(std::move(job)),
      desk_(std::move(desk)),
      store_(std::move(store)),
      company_(company),
      stage_(stage),
      ledger_(static_cast<std::uint32_t>(job_->models.size())) {
  figures_.compute_seconds.resize(job_->models.size());
  for (std::uint32_t i = 0; i < job_->num_scorers; ++i) spawn_scorer();
}

void ScorerCrew::spawn_scorer() {
  const std::uint64_t worker = next_worker_++;
  const ScorerActor scorer =
      coordinator_->spawn<caf::detached>(scorer_actor, job_, worker, desk_, store_);
  company_.join(scorer, "scorer " + std::to_string(worker), stage_);
  worker_of_.emplace(scorer.address(), worker);
  scorers_.emplace(worker, scorer);
}

void ScorerCrew::hand_out() {
  while (!idle_workers_.empty() && !company_.is_stopping()) {
    const std::uint64_t worker = idle_workers_.front();
    const auto scorer = scorers_.find(worker);
    if (scorer == scorers_.end()) {  // it died after asking
      idle_workers_.pop_front();
      continue;
    }
    const auto home = static_cast<std::uint32_t>(worker % job_->models.size());
    const auto task = ledger_.lease(worker, home, Clock::now());
    if (!task) return;
    idle_workers_.pop_front();
    caf::anon_send(scorer->second, ComputeTile{*task, blocks_.at(task->block)});
  }
}

void ScorerCrew::add_block(const BlockLookedUp& looked) {
  const std::uint64_t index = looked.block->source->index;
  blocks_.emplace(index, looked.block);
  const auto tiles = cut_tiles(looked.block->packed_tokens, job_->tile_tokens);
  for (const std::uint32_t model : looked.block->models) {
    const auto& known = (*looked.known)[model];
    for (const TileRange& tile : tiles) {
      const auto first = known.begin() + tile.first;
      const bool is_known =
          std::all_of(first, first + tile.count, [](const auto& v) { return v.has_value(); });
      if (!is_known) ledger_.add(model, index, tile);
    }
  }
  hand_out();
}

void ScorerCrew::pull(std::uint64_t worker) {
  idle_workers_.push_back(worker);
  hand_out();
}

void ScorerCrew::commit(const TileCommitted& committed) {
  figures_.commit_seconds += committed.commit_seconds;
  const auto task = ledger_.finish(committed.task);
  if (!task) return;
  ++figures_.tiles_done;
  figures_.least_flops += committed.least_flops;
  figures_.compute_seconds[task->model] += committed.compute_seconds;
}

std::string ScorerCrew::describe(const Task& task) const {
  const std::string model =
      " under the " + std::string(role_name(job_->models[task.model].role)) + " model";
  const auto block = blocks_.find(task.block);
  if (block == blocks_.end()) return "a row" + model;
  const auto& rows = block->second->source->rows;
  const std::string first = row_place(*job_, rows[task.rows.first].position);
  if (task.rows.count == 1) return first + model;
  return first + " and the " + std::to_string(task.rows.count - 1) + " rows behind it" + model;
}

std::optional<ScorerCrew::DeadRow> ScorerCrew::fail(const TileFailed& failed) {
  const bool is_rows_fault = is_fault_of_row(failed.code);
  const auto dead = ledger_.fail(failed.task, is_rows_fault ? 1 : kMaxAttempts);
  if (!dead) {
    log::warn("tile_failed", {{"scorer", failed.worker}, {"reason", failed.text}});
    hand_out();
    return std::nullopt;
  }
  return DeadRow{*dead, Error(failed.code, describe(*dead) + ": " + failed.text), is_rows_fault};
}

std::optional<Error> ScorerCrew::lose(const caf::actor_addr& address, const Error& error) {
  const std::uint64_t worker = worker_of_.at(address);
  scorers_.erase(worker);
  if (company_.is_stopping()) return std::nullopt;
  if (restarts_left_ == 0) {
    return Error(error.code(), "scorer " + std::to_string(worker) +
                                   " failed and the restart budget is spent: " + error.what());
  }
  --restarts_left_;
  log::warn("scorer_restarted", {{"scorer", worker},
                                 {"reason", error.what()},
                                 {"restarts_left", static_cast<std::uint64_t>(restarts_left_)}});
  ledger_.release(worker);
  spawn_scorer();
  return std::nullopt;
}

std::optional<Error> ScorerCrew::overdue(Clock::time_point now) const {
  const auto late = ledger_.overdue(now, task_deadline(*job_));
  if (!late) return std::nullopt;
  return Error(ErrorCode::kInternal, "scorer " + std::to_string(late->worker) + " has held " +
                                         describe(late->task) + " for " +
                                         std::to_string(static_cast<int>(late->held.count())) +
                                         " s; the limit is task_deadline_seconds");
}

}  // namespace midpo
