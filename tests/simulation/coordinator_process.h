// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "runtime/flow/sequencer.h"
#include "runtime/flow/work_desk.h"
#include "runtime/transport/worker_table.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/job.h"
#include "tests/simulation/network.h"
#include "tests/simulation/process.h"
#include "tests/simulation/rounds.h"
#include "tests/simulation/worker_process.h"

namespace midpo::simulation {

struct CoordinatorHabits {
  std::uint64_t blocks_in_flight = 4;
  bool has_scorer = false;  ///< one of its own
  double seconds_per_row = 0.01;
  double task_deadline_seconds = 20;
  LinkOptions link;
  WorkDeskOptions desk;
};

/// What is true of a run beyond the life of one coordinator.
struct History {
  Casualties casualties;
  std::set<PromptOfRound> left_out;
  std::set<Disk::Key> seen;  ///< scores that were passed on, to be ranked and trained on
};

/// A coordinator around the real WorkerTable, WorkDesk and Sequencer. Reading, committing, ranking
/// and writing follow actors/ (store_actor, ranker_actor, writer_actor, scorer_crew) step by step.
/// Destroyed, it is killed; the next one continues from the disk.
class CoordinatorProcess : public Process {
 public:
  CoordinatorProcess(World& world, Network& network, const Job& job, std::shared_ptr<Disk> disk,
                     std::uint64_t epoch, const CoordinatorHabits& habits, History& history);
  ~CoordinatorProcess() override;

  bool is_done() const { return disk_->is_published(); }
  std::uint64_t epoch() const { return epoch_; }
  Disk& disk() { return *disk_; }

  /// A worker, chosen by luck, is asked to leave.
  void drain_one(std::uint64_t luck);

  /// It goes on as if it were the coordinator, on a disk of its own, after another has taken over.
  void become_zombie();

  std::string describe() const;

 private:
  using Values = std::vector<std::vector<double>>;  ///< [row of the tile][sequence]
  struct Scored {
    Task task;
    Values values;
  };
  struct OpenBlock {
    /// [row][model]; an empty vector stands for a model that could not compute the row
    std::vector<std::vector<std::optional<std::vector<double>>>> values;
    std::set<std::uint64_t> rejected;  ///< rows of the block
    std::uint64_t num_missing = 0;
  };

  void on_alarm() override { pump(); }
  void arrive(const std::string& from, Message message);
  void pump();
  void resume();

  void note(std::vector<WorkerEvent> events);
  void note(const WorkerJoined& joined);
  void note(const WorkerRefused& refused);
  void note(const WorkerReady& ready);
  void note(const TaskDone& done);
  void note(const TaskFailed& failed);
  void note(const WorkerLost& lost);
  void note(const TaskSuspected& suspected);
  void note(const WeightsConfirmed& confirmed) { rounds_.confirm(confirmed); }
  void note(const PromptsDone& done);
  void note(const RankLeft&) {}

  void hand_out();
  TileTask body_of(const Task& task) const;
  void compute_here();

  void put(const Task& task, Values values);
  void commit_soon();
  void commit();
  void acknowledge(const std::vector<Scored>& durable);

  void admit();
  void plan(std::uint64_t block);
  void add_scores(const Scored& scored);
  void reject(const std::optional<Task>& dead);
  void rank_if_complete(std::uint64_t block);
  void write(const OpenBlock& block);
  void advance_frontier(bool is_final);
  /// Rows and rounds: all of them.
  bool is_all_written() const {
    return written_.next_block == job_.num_blocks() && rounds_.is_done();
  }

  Network& network_;
  const Job& job_;
  std::shared_ptr<Disk> disk_;
  std::uint64_t epoch_;
  CoordinatorHabits habits_;
  History* history_;  ///< none for a zombie
  WorkerTable table_;
  WorkDesk desk_;
  Rounds rounds_;
  WindowWatch window_;
  std::uint64_t listener_;

  std::map<std::uint64_t, Task> tasks_;  ///< all that were handed out
  std::set<std::tuple<WorkerId, std::uint64_t, std::uint32_t>> accepted_;
  std::vector<WorkerId> workers_;
  std::deque<Task> own_tasks_;  ///< of its own scorer; the first is being computed

  std::vector<Scored> uncommitted_;
  bool commit_is_coming_ = false;
  bool is_final_ = false;  ///< the next commit holds the last frontier

  std::uint64_t num_suspected_ = 0;
  std::map<std::string, std::uint64_t> num_joins_;  ///< by worker
  std::uint64_t next_block_ = 0;
  std::uint64_t num_open_ = 0;
  std::map<std::uint64_t, OpenBlock> open_blocks_;
  Sequencer<OpenBlock> sequencer_;
  SimFrontier written_;
  Time last_frontier_;
};

}  // namespace midpo::simulation
