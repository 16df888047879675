// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/coordinator_process.h"

#include <algorithm>
#include <utility>

namespace midpo::simulation {
namespace {

constexpr std::chrono::milliseconds kCommitInterval{20};
constexpr std::chrono::seconds kFrontierInterval{1};
constexpr TaskLedger::WorkerId kOwnScorer = 0;

WorkerTableOptions table_options(const Job& job, std::uint64_t epoch,
                                 const CoordinatorHabits& habits) {
  WorkerTableOptions options;
  options.link = habits.link;
  options.job = "51";
  options.epoch = epoch;
  // Every worker comes back; who is only slow to do so must not be taken for dead.
  options.gone_after = std::chrono::seconds(1000);
  options.weights = kWeightsLimits;
  options.welcome.roles = {"scorer", "generator"};
  options.welcome.task_deadline_ms =
      static_cast<std::uint32_t>(1000 * habits.task_deadline_seconds);
  for (std::uint32_t model = 0; model < job.num_models; ++model)
    options.welcome.models.push_back({"reward", "", std::to_string(model), "fp64", ""});
  return options;
}

}  // namespace

CoordinatorProcess::CoordinatorProcess(World& world, Network& network, const Job& job,
                                       std::shared_ptr<Disk> disk, std::uint64_t epoch,
                                       const CoordinatorHabits& habits, History& history)
    : Process(world),
      network_(network),
      job_(job),
      disk_(std::move(disk)),
      epoch_(epoch),
      habits_(habits),
      history_(&history),
      table_(table_options(job, epoch, habits)),
      desk_(job.num_models, habits.desk),
      rounds_(job_, table_),
      window_(habits.link.window),
      last_frontier_(world.now()) {
  listener_ = network_.listen(kCoordinator, [this](const std::string& from, Message message) {
    arrive(from, std::move(message));
  });
  resume();
  pump();
}

CoordinatorProcess::~CoordinatorProcess() { network_.forget(listener_); }

void CoordinatorProcess::resume() {
  written_ = disk_->frontier();
  disk_->cut_output(written_.output_size);
  next_block_ = written_.next_block;
  sequencer_ = Sequencer<OpenBlock>(next_block_);
  const std::uint64_t num_written =
      std::min<std::uint64_t>(job_.first_row(next_block_), job_.rows.size());
  check(written_.counters.rows() == num_written, "the counters do not add up after a restart");
  for (std::uint64_t row = 0; row < num_written; ++row) {
    for (std::uint32_t model = 0; model < job_.num_models; ++model) {
      check(written_.quarantined.count(row) == 1 || disk_->has_durable({model, row}),
            "row " + std::to_string(row) + " is written, but its scores are lost");
    }
  }
  for (const Disk::Key& key : history_->seen) {
    check(disk_->has_durable(key),
          "a score of row " + std::to_string(key.second) + " was passed on, and is lost");
  }
  if (habits_.has_scorer) desk_.pull(kOwnScorer, 2);
  if (is_all_written()) advance_frontier(true);
  admit();
}

void CoordinatorProcess::arrive(const std::string& from, Message message) {
  window_.note_received(message.envelope);
  note(table_.receive(from, std::move(message), now()));
  pump();
}

void CoordinatorProcess::pump() {
  note(table_.tick(now()));
  hand_out();
  rounds_.hand_out(now());
  for (const auto& [peer, message] : table_.due(now())) {
    window_.check_sent(message.envelope);
    network_.send(kCoordinator, peer, message);
  }
  check(table_.num_unasked() == 0, "a result that nobody had asked for");
  set_alarm(std::min(table_.next_wake(), desk_.next_copy(now())));
}

void CoordinatorProcess::note(std::vector<WorkerEvent> events) {
  for (const WorkerEvent& event : events) {
    std::visit([this](const auto& what) { note(what); }, event);
  }
}

void CoordinatorProcess::note(const WorkerJoined& joined) {
  world().note(joined.hello.name + " joins as " + std::to_string(joined.worker) + " in epoch " +
               std::to_string(epoch_));
  if (history_ == nullptr) return;
  check(++num_joins_[joined.hello.name] <= history_->casualties.num_sessions[joined.hello.name],
        joined.hello.name + " joins more often than it has asked to");
}

void CoordinatorProcess::note(const WorkerRefused& refused) {
  throw Violation("a worker was refused: " + refused.reason);
}

void CoordinatorProcess::note(const WorkerReady& ready) {
  workers_.push_back(ready.worker);
  desk_.pull(ready.worker, ready.credits);
  rounds_.join(ready);
}

void CoordinatorProcess::note(const PromptsDone& done) {
  rounds_.finish(done);
  if (is_all_written()) advance_frontier(true);
}

void CoordinatorProcess::note(const TaskDone& done) {
  check(accepted_.emplace(done.worker, done.task, done.attempt).second,
        "a result was accepted twice");
  put(tasks_.at(done.task), done.result.values);
  desk_.pull(done.worker);
}

void CoordinatorProcess::note(const TaskFailed& failed) {
  reject(desk_.fail(failed.task, failed.failure.code == ErrorCode::kData));
  desk_.pull(failed.worker);
}

void CoordinatorProcess::note(const WorkerLost& lost) {
  for (const char* accusation : {"broke the protocol", "was refused"}) {
    check(lost.reason.find(accusation) == std::string::npos,
          std::to_string(lost.worker) + " " + lost.reason);
  }
  world().note(std::to_string(lost.worker) + " is lost: " + lost.reason);
  std::erase(workers_, lost.worker);
  desk_.lose(lost.worker);
  rounds_.leave(lost.worker);
}

void CoordinatorProcess::note(const TaskSuspected& suspected) {
  world().note("task " + std::to_string(suspected.task) + " is suspected");
  ++num_suspected_;
  check(history_ == nullptr || num_suspected_ <= history_->casualties.num_ended,
        "a task is suspected, but no worker died");
  if (suspected.task < PartDesk::kFirstId) return reject(desk_.blame(suspected.task));
  const auto dead = rounds_.blame(suspected.task);
  for (const PromptOfRound& prompt : dead) {
    world().note("prompt " + std::to_string(prompt.second) + " of round " +
                 std::to_string(prompt.first) + " is given up");
    if (history_ != nullptr) history_->left_out.insert(prompt);
  }
  if (!dead.empty() && is_all_written()) advance_frontier(true);
}

void CoordinatorProcess::become_zombie() {
  disk_ = std::make_shared<Disk>(*disk_);
  history_ = nullptr;
}

void CoordinatorProcess::drain_one(std::uint64_t luck) {
  if (workers_.empty()) return;
  table_.drain(workers_[luck % workers_.size()]);
  pump();
}

// --- tasks

void CoordinatorProcess::hand_out() {
  const bool saw_last_block = next_block_ == job_.num_blocks();
  for (const auto& [worker, task, is_copy] : desk_.hand_out(now(), saw_last_block)) {
    tasks_.emplace(task.id, task);
    if (is_copy) world().note("task " + std::to_string(task.id) + " is copied");
    if (worker != kOwnScorer) {
      table_.assign(worker, task.id, task.attempt, body_of(task), now());
      continue;
    }
    own_tasks_.push_back(task);
    if (own_tasks_.size() == 1) compute_here();
  }
}

TileTask CoordinatorProcess::body_of(const Task& task) const {
  TileTask body{task.model, {}};
  const std::uint64_t first = job_.first_row(task.block) + task.rows.first;
  for (std::uint64_t i = 0; i < task.rows.count; ++i) body.rows.push_back(job_.rows[first + i]);
  return body;
}

void CoordinatorProcess::compute_here() {
  const Task task = own_tasks_.front();
  after(from_seconds(task.rows.count * habits_.seconds_per_row), [this, task] {
    const std::uint64_t first = job_.first_row(task.block) + task.rows.first;
    const auto bad = job_.bad.lower_bound(first);
    if (bad != job_.bad.end() && *bad < first + task.rows.count) {
      reject(desk_.fail(task.id, true));
    } else {
      Values values;
      for (const auto& row : body_of(task).rows) values.push_back(score(task.model, row));
      put(task, std::move(values));
    }
    own_tasks_.pop_front();
    desk_.pull(kOwnScorer);
    if (!own_tasks_.empty()) compute_here();
    pump();
  });
}

// --- the store

void CoordinatorProcess::put(const Task& task, Values values) {
  for (std::uint32_t i = 0; i < task.rows.count; ++i) {
    const std::uint64_t row = job_.first_row(task.block) + task.rows.first + i;
    disk_->put({task.model, row}, values[i]);
  }
  uncommitted_.push_back({task, std::move(values)});
  commit_soon();
}

void CoordinatorProcess::commit_soon() {
  if (commit_is_coming_) return;
  commit_is_coming_ = true;
  after(kCommitInterval, [this] { commit(); });
}

void CoordinatorProcess::commit() {
  disk_->begin_commit();
  auto batch = std::make_shared<std::vector<Scored>>(std::exchange(uncommitted_, {}));
  const bool is_final = std::exchange(is_final_, false);
  after(world().between(0.001, 0.02), [this, batch, is_final] {
    disk_->end_commit();
    commit_is_coming_ = false;
    if (is_final) {
      disk_->publish();
      table_.finish("the job is done");
    }
    acknowledge(*batch);
    if (!uncommitted_.empty() || is_final_) commit_soon();
    pump();
  });
}

void CoordinatorProcess::acknowledge(const std::vector<Scored>& durable) {
  for (const Scored& scored : durable) {
    desk_.finish(scored.task.id);
    add_scores(scored);
  }
}

// --- blocks: source, ranker, writer

void CoordinatorProcess::admit() {
  while (num_open_ < habits_.blocks_in_flight && next_block_ < job_.num_blocks()) {
    ++num_open_;
    plan(next_block_++);
  }
}

void CoordinatorProcess::plan(std::uint64_t block) {
  OpenBlock open;
  open.values.resize(job_.num_rows(block));
  for (std::uint64_t row = 0; row < open.values.size(); ++row) {
    open.values[row].resize(job_.num_models);
    for (std::uint32_t model = 0; model < job_.num_models; ++model) {
      const auto* known = disk_->find({model, job_.first_row(block) + row});
      if (known != nullptr) open.values[row][model] = *known;
      if (known == nullptr) ++open.num_missing;
    }
  }
  for (std::uint32_t model = 0; model < job_.num_models; ++model) {
    for (const TileRange& tile : job_.tiles(block)) {
      bool is_known = true;
      for (std::uint32_t i = 0; i < tile.count; ++i)
        is_known = is_known && open.values[tile.first + i][model].has_value();
      if (!is_known) desk_.add(model, block, tile);
    }
  }
  open_blocks_.emplace(block, std::move(open));
  rank_if_complete(block);
}

void CoordinatorProcess::add_scores(const Scored& scored) {
  const auto open = open_blocks_.find(scored.task.block);
  if (open == open_blocks_.end()) return;  // a second result of a finished block
  for (std::uint32_t i = 0; i < scored.task.rows.count; ++i) {
    auto& slot = open->second.values[scored.task.rows.first + i][scored.task.model];
    if (history_ != nullptr) {
      history_->seen.emplace(scored.task.model,
                             job_.first_row(scored.task.block) + scored.task.rows.first + i);
    }
    if (slot) continue;
    slot = scored.values[i];
    --open->second.num_missing;
  }
  rank_if_complete(scored.task.block);
}

void CoordinatorProcess::reject(const std::optional<Task>& dead) {
  if (!dead) return;
  const std::uint64_t row = job_.first_row(dead->block) + dead->rows.first;
  world().note("row " + std::to_string(row) + " is given up");
  const auto open = open_blocks_.find(dead->block);
  if (open == open_blocks_.end()) return;
  open->second.rejected.insert(dead->rows.first);
  auto& slot = open->second.values[dead->rows.first][dead->model];
  if (!slot) {
    slot.emplace();
    --open->second.num_missing;
  }
  rank_if_complete(dead->block);
}

void CoordinatorProcess::rank_if_complete(std::uint64_t block) {
  const auto open = open_blocks_.find(block);
  if (open->second.num_missing > 0) return;
  sequencer_.push(block, std::move(open->second));
  open_blocks_.erase(open);
  while (const auto next = sequencer_.pop()) write(*next);
}

void CoordinatorProcess::write(const OpenBlock& block) {
  const std::uint64_t first = job_.first_row(written_.next_block);
  for (std::uint64_t i = 0; i < block.values.size(); ++i) {
    std::vector<std::vector<double>> values;
    const bool is_rejected = block.rejected.count(i) == 1;
    if (is_rejected) written_.quarantined.insert(first + i);
    for (const auto& value : block.values[i]) {
      if (!is_rejected) values.push_back(*value);
    }
    disk_->append(rank_row(first + i, values, written_.counters));
  }
  ++written_.next_block;
  --num_open_;
  const bool is_last = is_all_written();
  if (is_last || now() - last_frontier_ >= kFrontierInterval) advance_frontier(is_last);
  admit();
}

void CoordinatorProcess::advance_frontier(bool is_final) {
  written_.output_size = disk_->sync_output();
  disk_->set_frontier(written_);
  last_frontier_ = now();
  is_final_ = is_final_ || is_final;
  commit_soon();
}

std::string CoordinatorProcess::describe() const {
  std::string text = "epoch " + std::to_string(epoch_) + ": " +
                     std::to_string(written_.next_block) + " of " +
                     std::to_string(job_.num_blocks()) + " blocks written, " +
                     std::to_string(desk_.ledger().num_waiting()) + " tasks wait, " +
                     std::to_string(desk_.ledger().num_out()) + " are out; " + rounds_.describe();
  for (const std::string& line : table_.describe(now())) text += "\n  " + line;
  return text;
}

}  // namespace midpo::simulation
