// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "actors/learning/rank_processes.h"
#include "actors/remote/worker_config.h"
#include "runtime/transport/worker_session.h"

namespace midpo {

/// The processes of this worker that are ranks. They end with rank 0, whatever becomes of the
/// session, and with this process. Not thread-safe.
class WorkerRanks {
 public:
  /// How many more can be started: one a device.
  std::uint32_t num_free(const WorkerConfig& config);

  /// Starts a rank on the next free device. The thread that calls must live as long as the rank.
  void start(const WorkerConfig& config, const RankGiven& given);

  struct Ended {
    RankGiven given;
    std::string how;
  };
  std::vector<Ended> take_ended();

  bool is_any_running() { return processes_.num_running() > 0; }

 private:
  std::map<int, RankGiven> given_;        ///< by the number of the process
  std::map<int, std::string> device_of_;  ///< of those that run
  int next_ = 0;
  RankProcesses processes_;
};

}  // namespace midpo
