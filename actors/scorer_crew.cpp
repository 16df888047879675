// SPDX-License-Identifier: Apache-2.0
#include "actors/scorer_crew.h"

#include <algorithm>

#include "actors/error_boundary.h"
#include "actors/remote/bridge_actor.h"
#include "actors/remote/remote_job.h"
#include "actors/row_lines.h"
#include "actors/scorer_actor.h"
#include "runtime/observe/log.h"

namespace midpo {
namespace {

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
                       ScoreDesk desk, StoreActor store, Company& company, std::size_t stage,
                       GeneratorDesk generators)
    : coordinator_(coordinator),
      job_(std::move(job)),
      desk_(std::move(desk)),
      store_(std::move(store)),
      company_(company),
      stage_(stage),
      work_(static_cast<std::uint32_t>(job_->models.size()), {}) {
  figures_.compute_seconds.resize(job_->models.size());
  for (std::uint32_t i = 0; i < job_->num_scorers; ++i) spawn_scorer();
  alone_since_ = Clock::now();
  if (!job_->remote) return;
  bridge_ =
      coordinator_->spawn<caf::detached>(bridge_actor, job_, desk_, store_, std::move(generators));
  company_.join(bridge_, "bridge", stage_);
  if (scorers_.empty())
    log::info("waiting_for_workers", {{"address", job_->remote->server.address}});
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
  if (company_.is_stopping()) return;
  // A second computation of a late tile pays only on another machine's cores.
  const bool allows_copies = saw_last_block_ && !adopted_.empty();
  bool is_again = false;
  for (const auto& given : work_.hand_out(Clock::now(), allows_copies)) {
    const auto block = blocks_.find(given.task.block);
    if (block != blocks_.end()) {
      send(given.worker, ComputeTile{given.task, block->second});
    } else {  // another copy of the tile, or of its parts, was faster
      work_.finish(given.task.id);
      work_.pull(given.worker);
      is_again = true;
    }
  }
  if (is_again) hand_out();
}

void ScorerCrew::send(std::uint64_t worker, ComputeTile order) {
  const auto scorer = scorers_.find(worker);
  if (scorer != scorers_.end()) {
    caf::anon_send(scorer->second, std::move(order));
  } else {
    caf::anon_send(bridge_, RemoteTile{worker, std::move(order)});
  }
}

void ScorerCrew::adopt(const ScorerJoined& joined) {
  adopted_.emplace(joined.worker, joined);
  work_.pull(joined.worker, joined.credits);
  hand_out();
}

void ScorerCrew::release(const ScorerLeft& left) {
  if (adopted_.erase(left.worker) == 0) return;
  if (adopted_.empty() && scorers_.empty() && !ledger().is_idle()) {
    alone_since_ = Clock::now();
    log::warn("waiting_for_workers", {{"address", job_->remote->server.address}});
  }
  work_.lose(left.worker);
  hand_out();
}

void ScorerCrew::dismiss() {
  if (bridge_ && !is_dismissed_) caf::anon_send(bridge_, DismissWorkers{});
  is_dismissed_ = true;
}

std::string ScorerCrew::name_of(std::uint64_t worker) const {
  const auto adopted = adopted_.find(worker);
  return adopted == adopted_.end() ? "scorer " + std::to_string(worker)
                                   : "worker " + adopted->second.name;
}

double ScorerCrew::num_lanes() const {
  double lanes = static_cast<double>(scorers_.size());
  // One of two credits is a tile that waits at the worker.
  for (const auto& [id, joined] : adopted_) lanes += 0.5 * joined.credits;
  return lanes;
}

void ScorerCrew::add_block(const BlockLookedUp& looked) {
  const std::uint64_t index = looked.block->source->index;
  blocks_.emplace(index, looked.block);
  saw_last_block_ = saw_last_block_ || looked.block->source->is_last;
  const auto tiles = cut_tiles(looked.block->packed_tokens, job_->tile_tokens);
  for (const std::uint32_t model : looked.block->models) {
    const auto& known = (*looked.known)[model];
    for (const TileRange& tile : tiles) {
      const auto first = known.begin() + tile.first;
      const bool is_known =
          std::all_of(first, first + tile.count, [](const auto& v) { return v.has_value(); });
      if (!is_known) work_.add(model, index, tile);
    }
  }
  hand_out();
}

void ScorerCrew::pull(std::uint64_t worker) {
  if (scorers_.count(worker) == 0 && adopted_.count(worker) == 0) return;  // lost after it asked
  work_.pull(worker);
  hand_out();
}

void ScorerCrew::commit(const TileCommitted& committed) {
  figures_.commit_seconds += committed.commit_seconds;
  const auto task = work_.finish(committed.task);
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
  const bool is_rows_fault = failed.killed_worker || is_fault_of_row(failed.code);
  const auto dead =
      failed.killed_worker ? work_.blame(failed.task) : work_.fail(failed.task, is_rows_fault);
  if (!dead) {
    const std::string who = failed.killed_worker ? "a lost worker" : name_of(failed.worker);
    log::warn("tile_failed", {{"scorer", who}, {"reason", failed.text}});
    hand_out();
    return std::nullopt;
  }
  return DeadRow{*dead, Error(failed.code, describe(*dead) + ": " + failed.text),
                 is_rows_fault && job_->on_bad_row == BadRowPolicy::kQuarantine};
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
  work_.lose(worker);
  spawn_scorer();
  return std::nullopt;
}

std::optional<Error> ScorerCrew::tick(Clock::time_point now) {
  hand_out();
  if (ledger().is_idle()) alone_since_ = now;  // nobody is missed
  if (job_->remote && adopted_.empty() && scorers_.empty() &&
      now - alone_since_ > job_->remote->wait_limit) {
    return Error(ErrorCode::kTransport,
                 "no worker has joined at " + job_->remote->server.address + " for " +
                     std::to_string(static_cast<int>(job_->remote->wait_limit.count())) +
                     " s; start midpo worker --connect there, or give --scorers");
  }
  const auto late = ledger().overdue(now, task_deadline(*job_));
  // A worker of another process loses its session instead, and others get the tile.
  if (!late || adopted_.count(late->worker) == 1) return std::nullopt;
  report(now);
  return Error(ErrorCode::kInternal, name_of(late->worker) + " has held " + describe(late->task) +
                                         " for " +
                                         std::to_string(static_cast<int>(late->held.count())) +
                                         " s; the limit is task_deadline_seconds");
}

void ScorerCrew::report(Clock::time_point now) const {
  log::info("waits", {{"who", "crew"},
                      {"tiles_waiting", static_cast<std::uint64_t>(ledger().num_waiting())},
                      {"tiles_out", static_cast<std::uint64_t>(ledger().num_out())},
                      {"blocks", static_cast<std::uint64_t>(blocks_.size())},
                      {"idle_credits", static_cast<std::uint64_t>(work_.num_idle())}});
  for (const auto& out : ledger().out(now)) {
    log::info("waits", {{"who", name_of(out.worker)},
                        {"computes", describe(out.task)},
                        {"seconds", out.held.count()}});
  }
  if (bridge_) caf::anon_send(bridge_, ReportWaits{});
}

std::optional<Error> note_end(Company& company, ScorerCrew* crew, const caf::down_msg& down) {
  const auto who = company.leave(down.source);
  if (!who || !down.reason || down.reason == caf::exit_reason::normal) return std::nullopt;
  const Error error = from_caf_error(down.reason, *who);
  if (crew != nullptr && crew->knows(down.source)) return crew->lose(down.source, error);
  return error;
}

}  // namespace midpo
