// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "runtime/transport/message_bodies.h"
#include "runtime/transport/reliable_link.h"
#include "runtime/transport/weights_stream.h"

namespace midpo {

struct WorkerSessionOptions {
  LinkOptions link;
  WeightsLimits weights;
  Hello hello;
  std::uint64_t seed = 0;  ///< of the session numbers: from the system's entropy
};

// --- what a session tells the worker that owns it
struct JobOffered {  ///< load (or keep) these models, then call ready()
  std::uint64_t session = 0;
  std::string job;
  Welcome welcome;
};
struct TaskGiven {  ///< compute in the order of arrival, then call finish() or fail()
  std::uint64_t session = 0;
  std::uint64_t task = 0;
  std::uint32_t attempt = 0;
  std::variant<TileTask, PromptTask> body;
};
struct RankGiven {  ///< start its process; when that has ended, call finish() with a RankEnded
  std::uint64_t session = 0;
  std::uint64_t task = 0;
  RankTask body;
};
/// In order and of the right sizes; the hash is the owner's to check. Behind the last piece: load
/// the version beside what is there, then call confirm().
struct WeightsGiven {
  std::uint64_t session = 0;
  WeightsPiece piece;
  bool is_whole = false;
};
struct DrainAsked {};  ///< finish what you hold, then call leave()
struct SessionLost {   ///< tasks of that session are void: drop those not begun
  std::uint64_t session = 0;
  std::string reason;
};
struct SessionOver {           ///< the worker's end
  std::optional<Error> error;  ///< none: the job is done
  std::string reason;
};
using SessionEvent = std::variant<JobOffered, TaskGiven, WeightsGiven, DrainAsked, SessionLost,
                                  SessionOver, RankGiven>;

/// The worker's side of the protocol. Introduces itself, passes tasks in and results out, and
/// begins a new session whenever the coordinator is silent, was restarted or does not know the old
/// one. What was computed for a session that is over is dropped: it will be asked for again, or is
/// in the store. Knows no clock, socket or thread.
class WorkerSession {
 public:
  using Clock = std::chrono::steady_clock;

  WorkerSession(WorkerSessionOptions options, Clock::time_point now);

  /// Never throws for what the other side sends: one that breaks the protocol costs the session.
  std::vector<SessionEvent> receive(Message message, Clock::time_point now);

  /// Begins a new session when the coordinator has been silent for too long.
  std::vector<SessionEvent> tick(Clock::time_point now);

  std::vector<Message> due(Clock::time_point now);
  Clock::time_point next_wake() const;

  // --- the owner's answers, each for the session of the event; void if that is over
  void ready(std::uint64_t session, const Ready& ready);
  template <typename Result>  ///< TileResult, PromptResult or RankEnded, as the task was
  void finish(std::uint64_t session, std::uint64_t task, std::uint32_t attempt,
              const Result& result) {
    answer(session, task, attempt, to_message(result));
  }
  void fail(std::uint64_t session, std::uint64_t task, std::uint32_t attempt,
            const Failure& failure) {
    answer(session, task, attempt, to_message(failure));
  }
  void confirm(std::uint64_t session, const Confirm& confirm);

  /// Says goodbye. The owner goes on calling due() until is_settled(), or for as long as it likes.
  void leave(const std::string& reason);

  /// What was said has been heard, or nobody is there to hear a goodbye.
  bool is_settled() const { return is_unheard_ || link_.num_unacknowledged() == 0; }
  bool is_over() const { return is_over_; }
  std::uint64_t session() const { return session_; }
  /// When a coordinator last spoke to this worker: a worker that nobody wants may give up.
  Clock::time_point last_heard() const { return last_heard_; }
  std::uint64_t num_void() const { return num_void_; }  ///< answers to sessions that were over

  /// For whom or what this worker waits, in words.
  std::string describe(Clock::time_point now) const;

 private:
  void begin(Clock::time_point now);
  void lose(const std::string& reason, Clock::time_point now);
  bool is_fenced(const Envelope& envelope) const;
  void obey(const Envelope& envelope);
  void adopt(const Message& message);
  void handle(const Message& message);
  PromptTask confirmed(PromptTask task) const;
  void give(const Envelope& envelope, std::variant<TileTask, PromptTask> body);
  void answer(std::uint64_t session, std::uint64_t task, std::uint32_t attempt, Message message);
  void send(std::uint64_t session, Message message);
  std::vector<SessionEvent> take_events();

  WorkerSessionOptions options_;
  std::mt19937_64 random_;
  std::uint64_t session_ = 0;
  ReliableLink link_;
  WeightsReceiver weights_;
  std::set<std::uint64_t> confirmed_;  ///< versions
  Clock::time_point last_heard_;       ///< over all sessions
  std::string job_;
  std::uint64_t epoch_ = 0;        ///< of this session; 0 before its Welcome
  std::uint64_t known_epoch_ = 0;  ///< newest of this job: older coordinators are not obeyed
  bool is_over_ = false;
  bool is_unheard_ = false;  ///< over, and the other side is silent
  std::uint64_t num_void_ = 0;
  std::vector<SessionEvent> events_;
};

}  // namespace midpo
