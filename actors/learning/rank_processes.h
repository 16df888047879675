// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace midpo {

/// The other ranks of this host: processes of this same program, whose end is noticed and which do
/// not outlive this one. Thread-safe.
class RankProcesses {
 public:
  RankProcesses() = default;
  /// Ends those that are still there.
  ~RankProcesses();
  RankProcesses(const RankProcesses&) = delete;
  RankProcesses& operator=(const RankProcesses&) = delete;

  /// Starts rank number `rank`. @param arguments  after the program's name. The thread that calls
  /// must live as long as the process shall. @throws Error(kInternal).
  void start(int rank, const std::vector<std::string>& arguments);

  /// "rank 1 (process 17) was killed by signal 9", for the first that ended; empty: none did.
  std::string problem();

  /// Those that have ended since the last call, with how ("was killed by signal 9").
  std::vector<std::pair<int, std::string>> take_ended();
  std::size_t num_running();

  /// From now on ends are as they should be; waits for all of them for a moment.
  void expect_end();

 private:
  struct Process {
    int rank = 0;
    pid_t number = 0;
    bool has_ended = false;
    int status = 0;
    bool is_taken = false;  ///< its end
  };
  void look();
  bool have_ended();

  std::mutex mutex_;
  std::vector<Process> processes_;
};

}  // namespace midpo
