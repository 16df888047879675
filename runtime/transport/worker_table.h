// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "runtime/transport/death_watch.h"
#include "runtime/transport/held_tasks.h"
#include "runtime/transport/key_rights.h"
#include "runtime/transport/message_bodies.h"
#include "runtime/transport/reliable_link.h"
#include "runtime/transport/weights_stream.h"

namespace midpo {

/// Whom a message comes from or goes to, as the transport names it; stable while a process lives.
using PeerId = std::string;
/// A worker's session, as the coordinator numbers it: never used again.
using WorkerId = std::uint64_t;

struct WorkerTableOptions {
  LinkOptions link;
  std::string job;            ///< hex id of the run
  std::uint64_t epoch = 1;    ///< one more with each start of the coordinator
  Welcome welcome;            ///< models and limits, for every worker
  std::string numerics;       ///< of the job; empty: any
  bool allows_mixed = false;  ///< take workers of other numerics
  std::size_t max_workers = 4096;
  std::uint32_t max_credits = 64;  ///< of one worker, of each kind
  WeightsLimits weights;
  std::chrono::seconds gone_after{30};  ///< a silent worker that stays away counts as dead
  /// What a peer's key allows, now; nothing: its key is not listed. Null: everybody may be all.
  std::function<std::optional<KeyRights>(const PeerId&)> rights_of;
  WorkerId first_worker = std::uint64_t{1} << 32;  ///< above the numbers of local workers
};

// --- what the table tells its owner
struct WorkerJoined {  ///< it loads the models now
  WorkerId worker = 0;
  Hello hello;
  std::vector<std::string> roles;  ///< that it offers, its key may have and the job has work for
  std::string key;                 ///< its name in the list; empty: no keys are asked for
  std::vector<std::string> withheld = {};  ///< roles with work that it offers and its key lacks
};
struct WorkerRefused {
  PeerId peer;
  std::string reason;
};
/// May hold so many tiles and so many prompt tasks; each answer gives one back.
struct WorkerReady {
  WorkerId worker = 0;
  std::uint32_t credits = 0;         ///< 0: no scorer
  std::uint32_t prompt_credits = 0;  ///< 0: no generator
  std::uint32_t rank_credits = 0;    ///< 0: it can be no rank
};
struct TaskDone {
  WorkerId worker = 0;
  std::uint64_t task = 0;
  std::uint32_t attempt = 0;
  TileResult result;
};
struct PromptsDone {
  WorkerId worker = 0;
  std::uint64_t task = 0;
  std::uint32_t attempt = 0;
  PromptResult result;
};
struct RankLeft {  ///< a rank's process has ended
  WorkerId worker = 0;
  std::uint64_t task = 0;
  std::string how;
};
struct TaskFailed {
  WorkerId worker = 0;
  std::uint64_t task = 0;
  std::uint32_t attempt = 0;
  Failure failure;
};
struct WorkerLost {  ///< dead, silent, replaced, or gone in order; its tasks are free again
  WorkerId worker = 0;
  std::vector<std::uint64_t> tasks;
  std::string reason;
};
struct TaskSuspected {  ///< a worker died, or hung, while it computed this task
  std::uint64_t task = 0;
};
struct WeightsConfirmed {  ///< prompt tasks of that version may go there
  WorkerId worker = 0;
  Confirm confirm;
};
using WorkerEvent =
    std::variant<WorkerJoined, WorkerRefused, WorkerReady, TaskDone, TaskFailed, WorkerLost,
                 TaskSuspected, WeightsConfirmed, PromptsDone, RankLeft>;

/// The coordinator's side of the protocol: who is there, who holds what. Decides nothing about
/// which task goes where (runtime/flow/work_desk.h does), and knows no clock, socket or thread: its
/// owner passes decoded messages in and puts on the wire what due() says, at least at next_wake().
/// A result is accepted once, from the session that holds the task, for the attempt it holds.
class WorkerTable {
 public:
  using Clock = std::chrono::steady_clock;
  struct Outgoing {
    PeerId peer;
    Message message;
  };

  explicit WorkerTable(WorkerTableOptions options);

  /// Never throws for what a peer sends: one that breaks the protocol loses its session.
  std::vector<WorkerEvent> receive(const PeerId& peer, Message message, Clock::time_point now);

  /// Ends the sessions of silent workers and of those that hold a task beyond its deadline.
  std::vector<WorkerEvent> tick(Clock::time_point now);

  std::vector<Outgoing> due(Clock::time_point now);
  Clock::time_point next_wake() const;

  /// @return false if that worker is gone or has no credit left: the task stays the caller's.
  bool assign(WorkerId worker, std::uint64_t task, std::uint32_t attempt, const TileTask& body,
              Clock::time_point now);

  /// The same for prompts; false, too, if the worker has not confirmed the task's version.
  bool assign(WorkerId worker, std::uint64_t task, std::uint32_t attempt,
              std::shared_ptr<const PromptTask> body, Clock::time_point now);

  /// A rank has no deadline, and is lost with its worker (WorkerLost names the task).
  bool assign(WorkerId worker, std::uint64_t task, const RankTask& body);

  /// To every generator, piece by piece, now or when it is ready; each answers with
  /// WeightsConfirmed. Versions before `oldest` are not needed any more.
  void publish(std::shared_ptr<const WeightsVersion> version, std::uint64_t oldest);

  /// What keys allow has changed: who may not join any more is refused, and who may be something
  /// else than it is begins a new session.
  std::vector<WorkerEvent> review_rights();

  /// The worker finishes what it holds and leaves (WorkerLost without tasks).
  void drain(WorkerId worker);

  /// The job is over: every worker leaves. The owner goes on calling due() until is_settled(), or
  /// for as long as it likes.
  void finish(const std::string& reason);
  bool is_settled() const;

  /// One line a worker: who, in which state, what it holds and since when, when last heard.
  std::vector<std::string> describe(Clock::time_point now) const;

  std::size_t num_workers() const { return sessions_.size(); }
  std::uint64_t num_stale() const { return num_stale_; }      ///< messages of ended sessions
  std::uint64_t num_unasked() const { return num_unasked_; }  ///< results nobody waited for
  /// Messages of a role that their sender does not have: ignored.
  std::uint64_t num_forbidden() const { return num_forbidden_; }

 private:
  enum class State { kLoading, kReady, kDraining };
  struct Session {
    std::uint64_t id;
    WorkerId worker;
    Hello hello;
    ReliableLink link;
    State state;
    std::vector<std::string> roles;
    WeightsDelivery weights;
    std::uint32_t credits = 0;
    std::uint32_t prompt_credits = 0;
    std::uint32_t rank_credits = 0;
    HeldTasks held = {};
    std::set<std::uint64_t> ranks = {};  ///< tasks
  };
  using Sessions = std::map<PeerId, Session>;

  std::optional<KeyRights> rights_of(const PeerId& peer) const;
  std::optional<std::string> objection(const PeerId& peer, const Hello& hello) const;
  WorkerJoined introduce(const PeerId& peer, const Hello& hello) const;
  bool is_stale(const Envelope& envelope) const;
  bool knows(const PeerId& peer, const Envelope& envelope) const;
  bool is_alive(const PeerId& peer, Clock::time_point now) const;
  bool may_begin(const PeerId& peer, const Envelope& envelope) const;
  bool open(const PeerId& peer, const Message& message, Clock::time_point now);
  void answer_stranger(const PeerId& peer, const Envelope& envelope);
  void deliver(Sessions::iterator session, Message message, Clock::time_point now);
  void reply(const PeerId& peer, const Envelope& to, Message message);
  void handle(Session& session, const Message& message);
  void note_ready(Session& session, const Ready& ready);
  void note_result(Session& session, const Envelope& envelope, TileResult result);
  void note_result(Session& session, const Envelope& envelope, PromptResult result);
  void note_failure(Session& session, const Envelope& envelope, Failure failure);
  void note_rank_ended(Session& session, const Envelope& envelope, const RankEnded& ended);
  void note_confirm(Session& session, const Confirm& confirm);
  void send_weights(Session& session);
  std::optional<HeldTask> give_back(Session& session, const Envelope& envelope);
  void end(Sessions::iterator session, const std::string& reason);
  void suspect(const DeathWatch::Tasks& tasks);
  static DeathWatch::Tasks computing(const Session& session);
  void hold(Session& session, HeldTask held, Message message);
  Session* find(WorkerId worker);
  std::vector<WorkerEvent> take_events();

  WorkerTableOptions options_;
  Clock::duration task_deadline_;
  Sessions sessions_;
  std::map<WorkerId, PeerId> peer_of_;
  std::deque<std::uint64_t> ended_;  ///< sessions that must not begin again
  DeathWatch deaths_;
  std::map<std::uint64_t, std::uint32_t> unseen_deaths_;  ///< by task: before it had arrived
  std::map<std::uint64_t, std::shared_ptr<const WeightsVersion>> published_;  ///< still needed
  std::uint64_t oldest_version_ = 0;
  std::map<std::uint64_t, std::string> models_;  ///< by version: what its first user calls it
  std::vector<Outgoing> replies_;
  std::vector<WorkerEvent> events_;
  WorkerId next_worker_;
  std::uint64_t num_stale_ = 0;
  std::uint64_t num_unasked_ = 0;
  std::uint64_t num_forbidden_ = 0;
};

}  // namespace midpo
