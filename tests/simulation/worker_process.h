// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/transport/worker_session.h"
#include "tests/simulation/job.h"
#include "tests/simulation/network.h"
#include "tests/simulation/process.h"
#include "tests/simulation/rounds.h"

namespace midpo::simulation {

struct WorkerHabits {
  std::string name;
  double seconds_per_row = 0.01;
  std::uint32_t credits = 2;
  LinkOptions link;
};

/// What truly happened to workers: what a coordinator makes of it must agree.
struct Casualties {
  std::uint64_t num_ended = 0;  ///< processes; also those that hung for a while
  /// How often a row, alone in its task, was at such a worker: it may be given up although there is
  /// nothing wrong with it.
  std::map<std::uint64_t, int> by_row;
  std::map<PromptOfRound, int> by_prompt;  ///< the same
  /// How many sessions each worker has begun, by name.
  std::map<std::string, std::uint64_t> num_sessions;
};

/// A worker around the real WorkerSession; its models are score(). Destroyed, it is killed.
class WorkerProcess : public Process {
 public:
  /// @param on_end  the process has ended by itself; called from an event of its own
  WorkerProcess(World& world, Network& network, const Job& job, WorkerHabits habits,
                Casualties& casualties, std::function<void()> on_end);
  ~WorkerProcess() override;

  /// Stopped, as by SIGSTOP: what arrives waits.
  void freeze(Duration span);
  /// Its device hangs; its heart goes on beating.
  void jam(Duration span);
  void leave() {
    session_.leave("told to");
    pump();
  }

 private:
  void on_alarm() override { pump(); }
  void arrive(Message message);
  void pump();
  void note(const std::vector<SessionEvent>& events);
  void note(const JobOffered& offered);
  void note(const TaskGiven& given);
  void note(const WeightsGiven& given);
  void note(const RankGiven&) {}
  void note(const DrainAsked&) { is_draining_ = true; }
  void note(const SessionLost& lost);
  void note(const SessionOver& over);
  void compute_next();
  void answer(const TaskGiven& given);
  /// @return false if the task ends the process.
  bool say(const TaskGiven& given, const TileTask& task);
  bool say(const TaskGiven& given, const PromptTask& task);
  void end();
  void count_casualties();

  Network& network_;
  const Job& job_;
  WorkerHabits habits_;
  Casualties& casualties_;
  std::function<void()> on_end_;
  WorkerSession session_;
  WindowWatch window_;
  std::uint64_t listener_;
  std::uint64_t newest_session_ = 0;
  std::uint64_t epoch_ = 0;  ///< of the coordinator it works for

  std::deque<TaskGiven> desk_;  ///< the first is being computed if is_computing_
  bool is_computing_ = false;
  std::optional<JobOffered> offer_;  ///< answered when the device is free
  std::uint64_t held_session_ = 0;
  std::uint32_t num_held_ = 0;   ///< tiles, in that session
  std::uint32_t num_parts_ = 0;  ///< of rounds, in that session
  ArrivedWeights weights_;
  bool is_draining_ = false;
  bool is_ending_ = false;
  std::vector<std::uint64_t> lone_rows_;     ///< of tasks of one row that it was given
  std::vector<PromptOfRound> lone_prompts_;  ///< the same
  Time frozen_until_{};
  Time jammed_until_{};
  std::deque<Message> inbox_;  ///< while frozen
};

}  // namespace midpo::simulation
