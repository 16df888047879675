// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "actors/remote/remote_job.h"
#include "actors/stop_request.h"
#include "runtime/transport/server_endpoint.h"
#include "runtime/transport/worker_table.h"

namespace midpo {

/// Asks workers of other processes to become ranks of a learner, before the job's actors begin and,
/// where those need no workers, until the job ends. A thread of its own; thread-safe.
class RankRecruiter {
 public:
  /// Listens at once. @throws Error: kConfig, kTransport for an address that cannot be used.
  explicit RankRecruiter(const RemoteJob& remote);
  /// Workers that were not dismissed wait for the job to come back.
  ~RankRecruiter();
  RankRecruiter(const RankRecruiter&) = delete;
  RankRecruiter& operator=(const RankRecruiter&) = delete;

  /// Goes to the next worker that has a device free.
  void recruit(const RankTask& task);

  /// "rank 1 (worker w0) was killed by signal 9", for the first that was lost; empty: none was.
  std::string problem();

  /// Gives the address free: the job's bridge goes on from here, with the same workers.
  void close();
  /// The job is done: workers may leave. Waits for them a moment, then closes.
  void dismiss();

 private:
  using Clock = std::chrono::steady_clock;
  struct Given {
    std::uint32_t rank = 0;
    std::string worker;
  };

  void run();
  bool step(std::deque<std::pair<std::string, std::vector<Frame>>> arrived);
  void receive(const std::string& peer, const std::vector<Frame>& wire);
  void note_all(const std::vector<WorkerEvent>& events);
  void note(const WorkerJoined& joined);
  void note(const WorkerReady& ready);
  void note(const WorkerLost& lost);
  void note(const RankLeft& left);
  void note(const WorkerRefused& refused);
  template <typename Other>
  void note(const Other&) {}
  void lose(std::uint64_t task, const std::string& how);
  void hand_out();

  std::mutex mutex_;  ///< of all below but the thread
  std::condition_variable changed_;
  std::deque<std::pair<std::string, std::vector<Frame>>> arrived_;
  std::deque<RankTask> wanted_;
  ServerOptions server_;
  ReloadRequests reloads_;
  WorkerTable table_;
  std::map<WorkerId, std::string> names_;
  std::vector<WorkerId> ready_;
  std::map<std::uint64_t, Given> given_;  ///< [task]
  std::uint64_t next_task_ = 1;
  std::string problem_;
  bool is_closing_ = false;
  bool is_done_ = false;
  Clock::time_point close_by_{};
  std::unique_ptr<ServerEndpoint> endpoint_;
  std::thread thread_;
};

}  // namespace midpo
