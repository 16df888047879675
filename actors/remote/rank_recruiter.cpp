// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/rank_recruiter.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "actors/remote/key_list.h"
#include "runtime/core/error.h"
#include "runtime/observe/log.h"
#include "runtime/transport/worker_roles.h"

namespace midpo {
namespace {

constexpr std::chrono::milliseconds kTick{20};
/// For the workers' answer to the goodbye.
constexpr std::chrono::seconds kEndLimit{3};
constexpr std::size_t kMaxArrived = 1024;

WorkerTableOptions table_options(const RemoteJob& remote) {
  WorkerTableOptions options;
  options.job = remote.id;
  options.epoch = remote.epoch;
  options.welcome.roles = {std::string(worker_role::kRank)};
  options.rights_of = rights_in(remote.server);
  return options;
}

}  // namespace

RankRecruiter::RankRecruiter(const RemoteJob& remote)
    : server_(remote.server), table_(table_options(remote)) {
  const auto arrival = [this](const std::string& peer, std::vector<Frame> wire) {
    const std::lock_guard lock(mutex_);
    if (arrived_.size() < kMaxArrived) arrived_.emplace_back(peer, std::move(wire));
    changed_.notify_one();
  };
  endpoint_ = std::make_unique<ServerEndpoint>(remote.server, arrival);
  log::info("listening", {{"address", endpoint_->address()},
                          {"for", "ranks"},
                          {"job", remote.id},
                          {"epoch", remote.epoch}});
  thread_ = std::thread([this] { run(); });
}

RankRecruiter::~RankRecruiter() { close(); }

void RankRecruiter::close() {
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  endpoint_.reset();
}

void RankRecruiter::dismiss() {
  {
    const std::lock_guard lock(mutex_);
    is_done_ = true;
    table_.finish("the job is done");
    close_by_ = Clock::now() + kEndLimit;
  }
  close();
}

void RankRecruiter::recruit(const RankTask& task) {
  const std::lock_guard lock(mutex_);
  wanted_.push_back(task);
  changed_.notify_one();
}

std::string RankRecruiter::problem() {
  const std::lock_guard lock(mutex_);
  return problem_;
}

void RankRecruiter::run() {
  std::unique_lock lock(mutex_);
  for (bool goes_on = true; goes_on;) {
    changed_.wait_for(lock, kTick);
    goes_on = step(std::exchange(arrived_, {}));
  }
}

/// @return whether there is more to do.
bool RankRecruiter::step(std::deque<std::pair<std::string, std::vector<Frame>>> arrived) {
  for (const auto& [peer, wire] : arrived) receive(peer, wire);
  const auto now = Clock::now();
  if (reloads_.take() && reload_keys(server_)) note_all(table_.review_rights());
  note_all(table_.tick(now));
  hand_out();
  for (auto& [peer, message] : table_.due(now)) endpoint_->send(peer, encode(message));
  return !is_closing_ || (is_done_ && now < close_by_ && !table_.is_settled());
}

void RankRecruiter::receive(const std::string& peer, const std::vector<Frame>& wire) {
  try {
    note_all(table_.receive(peer, decode(wire), Clock::now()));
  } catch (const Error& error) {
    // Broken on the way: who sent it will send it again.
    log::debug("message_broken", {{"reason", error.what()}});
  }
}

void RankRecruiter::note_all(const std::vector<WorkerEvent>& events) {
  for (const WorkerEvent& event : events) {
    std::visit([this](const auto& what) { note(what); }, event);
  }
}

void RankRecruiter::note(const WorkerJoined& joined) {
  names_[joined.worker] = joined.hello.name;
  log::info("worker_joined", {{"worker", joined.hello.name},
                              {"host", joined.hello.host},
                              {"pid", joined.hello.pid},
                              {"for", "ranks"}});
  if (is_done_) table_.finish("the job is done");  // it came too late
}

void RankRecruiter::note(const WorkerRefused& refused) {
  log::warn("worker_refused", {{"reason", refused.reason}});
}

void RankRecruiter::note(const WorkerReady& ready) { ready_.push_back(ready.worker); }

void RankRecruiter::note(const WorkerLost& lost) {
  const auto level = is_done_ ? &log::debug : &log::warn;
  level("worker_lost", {{"worker", names_[lost.worker]}, {"reason", lost.reason}});
  std::erase(ready_, lost.worker);
  for (const std::uint64_t task : lost.tasks) lose(task, "is lost with it: " + lost.reason);
  names_.erase(lost.worker);
}

void RankRecruiter::note(const RankLeft& left) { lose(left.task, left.how); }

void RankRecruiter::lose(std::uint64_t task, const std::string& how) {
  const Given& given = given_.at(task);
  if (!problem_.empty() || is_done_) return;
  problem_ = "rank " + std::to_string(given.rank) + " (worker " + given.worker + ") " + how;
}

/// Evenly: a second rank goes to a worker only when each has one.
void RankRecruiter::hand_out() {
  for (std::size_t tried = 0; !wanted_.empty() && tried < ready_.size();) {
    const WorkerId worker = ready_.front();
    std::rotate(ready_.begin(), ready_.begin() + 1, ready_.end());
    ++tried;
    if (!table_.assign(worker, next_task_, wanted_.front())) continue;
    given_[next_task_++] = {wanted_.front().rank, names_[worker]};
    wanted_.pop_front();
    tried = 0;
  }
}

}  // namespace midpo
