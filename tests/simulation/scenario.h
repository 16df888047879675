// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/transport/fault_plan.h"
#include "tests/simulation/coordinator_process.h"
#include "tests/simulation/job.h"
#include "tests/simulation/worker_process.h"
#include "tests/simulation/world.h"

namespace midpo::simulation {

/// Relative frequencies of what goes wrong with processes; 0: never in this run.
struct Mishaps {
  double kill_worker = 0;
  double cut_worker = 0;
  double freeze_worker = 0;
  double jam_worker = 0;
  double drain_worker = 0;
  double kill_coordinator = 0;
  double zombie_share = 0;  ///< of killed coordinators: they go on for a while
  double mean_seconds = 2;  ///< between two mishaps
  double total() const {
    return kill_worker + cut_worker + freeze_worker + jam_worker + drain_worker + kill_coordinator;
  }
};

/// All that a seed decides before time begins.
struct Scenario {
  Job job;
  std::vector<WorkerHabits> workers;
  CoordinatorHabits coordinator;
  FaultRates faults;
  Mishaps mishaps;
  Duration trouble;   ///< length of phase one
  Duration patience;  ///< longest phase two

  std::string describe() const;
};

Scenario draw_scenario(World& world);

}  // namespace midpo::simulation
