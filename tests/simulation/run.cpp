// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/run.h"

#include <cmath>
#include <map>
#include <memory>
#include <vector>

#include "tests/simulation/coordinator_process.h"
#include "tests/simulation/scenario.h"
#include "tests/simulation/worker_process.h"

namespace midpo::simulation {
namespace {

/// Far more than any run needs: whoever goes round in circles without time passing is caught.
constexpr std::uint64_t kMaxSteps = 1'000'000;

class Run {
 public:
  Run(std::uint64_t seed, bool is_verbose)
      : world_(seed, is_verbose),
        scenario_(draw_scenario(world_)),
        network_(world_, scenario_.faults),
        workers_(scenario_.workers.size()) {}

  void play() {
    start_coordinator();
    for (std::size_t i = 0; i < workers_.size(); ++i) start_worker(i);
    if (scenario_.mishaps.total() > 0) plan_mishap();
    const Time healed = world_.now() + scenario_.trouble;
    world_.at(healed, [this] { heal(); });
    while (!is_done()) {
      check(world_.step(), "nothing happens any more");
      check(world_.now() <= healed + scenario_.patience, "the job does not end: " + waits());
      check(world_.num_steps() < kMaxSteps, "time stands still: " + waits());
    }
    check_outcome();
  }

  std::uint64_t story_hash() const { return world_.story_hash(); }
  std::string summary() const {
    char text[100];
    std::snprintf(text, sizeof text, "; %.1f s, %llu steps, epoch %llu", world_.seconds(),
                  static_cast<unsigned long long>(world_.num_steps()),
                  static_cast<unsigned long long>(epoch_));
    return scenario_.describe() + text;
  }

 private:
  bool is_done() const { return disk_->is_published(); }

  std::string waits() const {
    return coordinator_ ? coordinator_->describe() : "there is no coordinator";
  }

  // --- processes begin and end

  void start_coordinator() {
    coordinator_ = std::make_unique<CoordinatorProcess>(world_, network_, scenario_.job, disk_,
                                                        ++epoch_, scenario_.coordinator, history_);
  }

  void start_worker(std::size_t i) {
    if (workers_[i]) return;
    workers_[i] =
        std::make_unique<WorkerProcess>(world_, network_, scenario_.job, scenario_.workers[i],
                                        history_.casualties, [this, i] { stop(i); });
  }

  /// A worker that ended is started again by its supervisor.
  void stop(std::size_t i) {
    world_.note(scenario_.workers[i].name + " ends");
    workers_[i].reset();
    world_.after(world_.between(0.2, 2), [this, i] { start_worker(i); });
  }

  void kill_coordinator() {
    if (!coordinator_) return;
    world_.note("the coordinator is killed");
    if (world_.happens(scenario_.mishaps.zombie_share)) {
      zombies_.push_back(std::move(coordinator_));
      zombies_.back()->become_zombie();
      world_.note("it goes on as a zombie");
    }
    coordinator_.reset();
    disk_->crash(world_.draw());
    world_.after(world_.between(0.1, 5), [this] {
      if (!coordinator_) start_coordinator();
    });
  }

  // --- what goes wrong

  void plan_mishap() {
    const double wait = -scenario_.mishaps.mean_seconds * std::log(1 - world_.share());
    world_.after(from_seconds(wait), [this] {
      if (is_healed_) return;
      cause_mishap();
      plan_mishap();
    });
  }

  void cause_mishap() {
    const Mishaps& mishaps = scenario_.mishaps;
    double luck = world_.share() * mishaps.total();
    const auto is_it = [&luck](double weight) { return (luck -= weight) < 0; };
    const std::size_t i = world_.below(workers_.size());
    const std::string& name = scenario_.workers[i].name;
    const Duration span = world_.between(0.5, 12);
    if (is_it(mishaps.kill_worker)) {
      if (workers_[i]) stop(i);
    } else if (is_it(mishaps.cut_worker)) {
      world_.note(name + " is cut off");
      network_.cut(name);
      world_.after(span, [this, name] { network_.heal(name); });
    } else if (is_it(mishaps.freeze_worker)) {
      world_.note(name + " freezes");
      if (workers_[i]) workers_[i]->freeze(span);
    } else if (is_it(mishaps.jam_worker)) {
      world_.note(name + " hangs");
      if (workers_[i]) workers_[i]->jam(10 * span);
    } else if (is_it(mishaps.drain_worker)) {
      if (coordinator_) coordinator_->drain_one(world_.draw());
    } else {
      kill_coordinator();
    }
  }

  void heal() {
    world_.note("everything is healed");
    is_healed_ = true;
    network_.heal_all();
    zombies_.clear();
    if (!coordinator_) start_coordinator();
    for (std::size_t i = 0; i < workers_.size(); ++i) start_worker(i);
  }

  // --- what must be true at the end

  void check_outcome() {
    const SimFrontier end = disk_->frontier();
    const Job& job = scenario_.job;
    check(end.counters.rows() == job.rows.size(),
          "rows in are not rows out + filtered + quarantined");
    for (const auto& culprits : {job.poison, job.bad}) {
      for (const std::uint64_t row : culprits)
        check(end.quarantined.count(row) == 1, "row " + std::to_string(row) + " has no score");
    }
    for (const std::uint64_t row : end.quarantined) {
      const bool is_culprit = job.poison.count(row) + job.bad.count(row) > 0;
      check(is_culprit || history_.casualties.by_row[row] >= 3,
            "row " + std::to_string(row) + " was given up for no fault of its own");
    }
    const auto& left_out = history_.left_out;
    check(!job.poison_prompt || left_out.count(*job.poison_prompt) == 1,
          "nobody has written for the poison prompt, and nobody has left it out");
    for (const PromptOfRound& prompt : left_out) {
      check(job.poison_prompt == prompt || history_.casualties.by_prompt[prompt] >= 3,
            "prompt " + std::to_string(prompt.second) + " was given up for no fault of its own");
    }
    check(disk_->output() == expected_output(job, end.quarantined),
          "the output differs from an undisturbed run's");
  }

  World world_;
  Scenario scenario_;
  Network network_;
  std::shared_ptr<Disk> disk_ = std::make_shared<Disk>();
  History history_;
  std::vector<std::unique_ptr<WorkerProcess>> workers_;
  std::unique_ptr<CoordinatorProcess> coordinator_;
  std::vector<std::unique_ptr<CoordinatorProcess>> zombies_;
  std::uint64_t epoch_ = 0;
  bool is_healed_ = false;
};

}  // namespace

RunReport run_seed(std::uint64_t seed, bool is_verbose) {
  Run run(seed, is_verbose);
  RunReport report;
  try {
    run.play();
  } catch (const std::exception& violation) {
    report.violation = violation.what();
  }
  report.summary = run.summary();
  report.story_hash = run.story_hash();
  return report;
}

}  // namespace midpo::simulation
