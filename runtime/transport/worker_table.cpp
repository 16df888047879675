// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/worker_table.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "runtime/transport/spoken_time.h"
#include "runtime/transport/worker_admission.h"

namespace midpo {
namespace {

/// Enough to outlive every delayed Hello; a later one costs a session, not correctness.
constexpr std::size_t kEndedKept = 4096;
/// Answers to strangers are cheap to lose: they ask again.
constexpr std::size_t kMaxReplies = 4096;

/// A task that kills before its arrival is known is suspected after so many deaths.
constexpr std::uint32_t kUnseenDeaths = 3;

/// Lets a worker that has said goodbye go, when its session's link is gone already.
Message acknowledgement(const Envelope& envelope) {
  Message message;
  message.envelope.ack = envelope.seq;
  return message;
}

}  // namespace

WorkerTable::WorkerTable(WorkerTableOptions options)
    : options_(std::move(options)),
      task_deadline_(std::chrono::milliseconds(options_.welcome.task_deadline_ms)),
      deaths_(options_.gone_after),
      next_worker_(options_.first_worker) {}

std::vector<WorkerEvent> WorkerTable::take_events() { return std::exchange(events_, {}); }

WorkerTable::Session* WorkerTable::find(WorkerId worker) {
  const auto peer = peer_of_.find(worker);
  return peer == peer_of_.end() ? nullptr : &sessions_.at(peer->second);
}

bool WorkerTable::is_stale(const Envelope& envelope) const {
  // Until its Welcome arrives, a worker knows neither job nor epoch.
  const bool is_new = envelope.epoch == 0 && (envelope.kind == MessageKind::kHello ||
                                              envelope.kind == MessageKind::kHeartbeat ||
                                              envelope.kind == MessageKind::kGoodbye);
  return !is_new && (envelope.epoch != options_.epoch || envelope.job != options_.job);
}

void WorkerTable::reply(const PeerId& peer, const Envelope& to, Message message) {
  if (replies_.size() >= kMaxReplies) return;
  message.envelope.job = options_.job;
  message.envelope.epoch = options_.epoch;
  message.envelope.session = to.session;
  replies_.push_back({peer, std::move(message)});
}

std::optional<std::string> WorkerTable::objection(const PeerId& peer, const Hello& hello) const {
  if (sessions_.count(peer) == 0 && sessions_.size() >= options_.max_workers) {
    return "the job has its " + std::to_string(options_.max_workers) +
           " workers; more are not allowed";
  }
  if (auto reason = objection_to(hello, options_.welcome.roles, rights_of(peer))) return reason;
  return options_.allows_mixed ? std::nullopt : objection_to(hello, options_.numerics);
}

bool WorkerTable::open(const PeerId& peer, const Message& message, Clock::time_point now) {
  const auto hello = body_of<Hello>(message);
  if (const auto reason = objection(peer, hello)) {
    events_.push_back(WorkerRefused{peer, *reason});
    reply(peer, message.envelope, to_message(Refusal{ErrorCode::kConfig, *reason}));
    return false;
  }
  if (const auto old = sessions_.find(peer); old != sessions_.end()) {
    deaths_.note_silent(old->second.hello.name, old->second.hello.instance, computing(old->second),
                        now);
    end(old, "came again with a new session");
  }
  suspect(deaths_.note_present(hello.name, hello.instance));
  const WorkerId worker = next_worker_++;
  WorkerJoined joined = introduce(peer, hello);
  joined.worker = worker;
  Session session{message.envelope.session,
                  worker,
                  hello,
                  ReliableLink(message.envelope.session, options_.link, now),
                  State::kLoading,
                  joined.roles,
                  WeightsDelivery(options_.weights)};
  session.link.set_job(options_.job, options_.epoch);
  Welcome welcome = options_.welcome;
  welcome.roles = joined.roles;
  session.link.send(to_message(welcome));
  events_.push_back(std::move(joined));
  sessions_.emplace(peer, std::move(session));
  peer_of_.emplace(worker, peer);
  return true;
}

bool WorkerTable::knows(const PeerId& peer, const Envelope& envelope) const {
  const auto session = sessions_.find(peer);
  return session != sessions_.end() && session->second.id == envelope.session;
}

bool WorkerTable::is_alive(const PeerId& peer, Clock::time_point now) const {
  const auto session = sessions_.find(peer);
  return session != sessions_.end() &&
         now - session->second.link.last_heard() <= options_.link.heartbeat;
}

bool WorkerTable::may_begin(const PeerId& peer, const Envelope& envelope) const {
  return envelope.kind == MessageKind::kHello && envelope.seq == 1 && !is_stale(envelope) &&
         !knows(peer, envelope) &&
         std::find(ended_.begin(), ended_.end(), envelope.session) == ended_.end();
}

std::vector<WorkerEvent> WorkerTable::receive(const PeerId& peer, Message message,
                                              Clock::time_point now) {
  const Envelope envelope = message.envelope;
  try {
    if (may_begin(peer, envelope)) {
      // Perhaps the echo of a process that is gone: a true one asks again when the other is quiet.
      if (is_alive(peer, now)) return {};
      if (!open(peer, message, now)) return take_events();
    }
    if (knows(peer, envelope) && !is_stale(envelope)) {
      deliver(sessions_.find(peer), std::move(message), now);
    } else {
      answer_stranger(peer, envelope);
    }
  } catch (const Error& error) {
    // A checksum was right, so this is no accident of the network.
    reply(peer, envelope, to_message(Refusal{error.code(), error.what()}));
    const bool is_broken = error.code() == ErrorCode::kTransport;
    if (knows(peer, envelope)) {
      end(sessions_.find(peer),
          (is_broken ? "broke the protocol: " : "was refused: ") + std::string(error.what()));
    }
  }
  return take_events();
}

void WorkerTable::answer_stranger(const PeerId& peer, const Envelope& envelope) {
  ++num_stale_;
  if (envelope.kind == MessageKind::kGoodbye) {
    reply(peer, envelope, acknowledgement(envelope));
  } else {
    reply(peer, envelope, to_message(Reset{"the coordinator does not know this session"}));
  }
}

void WorkerTable::deliver(Sessions::iterator session, Message message, Clock::time_point now) {
  for (const Message& delivered : session->second.link.receive(std::move(message), now)) {
    if (delivered.envelope.kind == MessageKind::kGoodbye) {
      reply(session->first, delivered.envelope, acknowledgement(delivered.envelope));
      return end(session, "left: " + body_of<Goodbye>(delivered).reason);
    }
    handle(session->second, delivered);
  }
  session->second.held.start(session->second.hello.num_lanes, now);
}

void WorkerTable::handle(Session& session, const Message& message) {
  const Envelope& envelope = message.envelope;
  if (!may_send(envelope.kind, session.roles)) {
    ++num_forbidden_;
    return;
  }
  switch (envelope.kind) {
    case MessageKind::kHello:
      return;  // open() has read it
    case MessageKind::kReady:
      return note_ready(session, body_of<Ready>(message));
    case MessageKind::kResult:
      return note_result(session, envelope, body_of<TileResult>(message));
    case MessageKind::kResponses:
      return note_result(session, envelope, body_of<PromptResult>(message));
    case MessageKind::kFailure:
      return note_failure(session, envelope, body_of<Failure>(message));
    case MessageKind::kRankEnded:
      return note_rank_ended(session, envelope, body_of<RankEnded>(message));
    case MessageKind::kConfirm:
      return note_confirm(session, body_of<Confirm>(message));
    default:
      throw Error(
          ErrorCode::kTransport,
          "a worker may not send a " + std::string(message_kind_name(envelope.kind)) + " message");
  }
}

void WorkerTable::note_ready(Session& session, const Ready& ready) {
  require(session.state != State::kReady, ErrorCode::kTransport, "a worker is ready only once");
  const auto reason =
      objection_to(ready, session.roles, options_.welcome.models, options_.allows_mixed);
  if (reason) throw Error(ErrorCode::kConfig, *reason);
  if (session.state == State::kLoading) session.state = State::kReady;
  if (has_role(session.roles, worker_role::kScorer)) {
    session.credits = std::min(ready.credits, options_.max_credits);
  }
  if (has_role(session.roles, worker_role::kGenerator)) {
    session.prompt_credits = std::min(ready.prompt_credits, options_.max_credits);
    for (const auto& [number, version] : published_) session.weights.add(version);
    session.weights.forget_before(oldest_version_);
  }
  if (has_role(session.roles, worker_role::kRank)) {
    session.rank_credits = std::min(ready.rank_credits, options_.max_credits);
  }
  events_.push_back(
      WorkerReady{session.worker, session.credits, session.prompt_credits, session.rank_credits});
}

void WorkerTable::note_result(Session& session, const Envelope& envelope, TileResult result) {
  const auto held = give_back(session, envelope);
  if (!held) return;
  bool is_finite = true;
  HeldTask::TileShape num_sequences;
  for (const auto& row : result.values) {
    num_sequences.push_back(row.size());
    is_finite = is_finite && std::all_of(row.begin(), row.end(),
                                         [](double value) { return std::isfinite(value); });
  }
  if (!held->is_tile() || num_sequences != std::get<HeldTask::TileShape>(held->wanted)) {
    session.held.add(*held);  // it is lost with the session
    throw Error(ErrorCode::kTransport, "a result for other rows than those of its task");
  }
  if (is_finite) {
    events_.push_back(TaskDone{session.worker, envelope.task, envelope.attempt, std::move(result)});
  } else {
    events_.push_back(TaskFailed{session.worker, envelope.task, envelope.attempt,
                                 Failure{ErrorCode::kNumerics, "a value is NaN or Inf"}});
  }
}

void WorkerTable::note_failure(Session& session, const Envelope& envelope, Failure failure) {
  if (!give_back(session, envelope)) return;
  events_.push_back(
      TaskFailed{session.worker, envelope.task, envelope.attempt, std::move(failure)});
}

std::optional<HeldTask> WorkerTable::give_back(Session& session, const Envelope& envelope) {
  auto held = session.held.take(envelope);
  if (!held) {
    ++num_unasked_;
    return std::nullopt;
  }
  unseen_deaths_.erase(envelope.task);
  ++(held->is_tile() ? session.credits : session.prompt_credits);
  return held;
}

DeathWatch::Tasks WorkerTable::computing(const Session& session) {
  DeathWatch::Tasks tasks;
  for (const HeldTask& held : session.held.computing(session.hello.num_lanes)) {
    Envelope sent;
    sent.kind = held.kind();
    sent.task = held.task;
    sent.attempt = held.attempt;
    tasks.push_back({sent.task, session.link.has_arrived(sent)});
  }
  return tasks;
}

void WorkerTable::suspect(const DeathWatch::Tasks& tasks) {
  for (const DeathWatch::Held& held : tasks) {
    // Sent to a worker that was dead already, most likely; but a task may also kill at once.
    if (!held.has_arrived && ++unseen_deaths_[held.task] < kUnseenDeaths) continue;
    events_.push_back(TaskSuspected{held.task});
  }
}

void WorkerTable::end(Sessions::iterator session, const std::string& reason) {
  WorkerLost lost{session->second.worker, {}, reason};
  for (const HeldTask& held : session->second.held.all()) lost.tasks.push_back(held.task);
  lost.tasks.insert(lost.tasks.end(), session->second.ranks.begin(), session->second.ranks.end());
  ended_.push_back(session->second.id);
  if (ended_.size() > kEndedKept) ended_.pop_front();
  peer_of_.erase(lost.worker);
  sessions_.erase(session);
  events_.push_back(std::move(lost));
}

std::vector<WorkerEvent> WorkerTable::tick(Clock::time_point now) {
  for (auto next = sessions_.begin(); next != sessions_.end();) {
    const auto current = next++;
    const Session& session = current->second;
    const HeldTask* late = session.held.overdue(now, task_deadline_);
    if (session.link.is_dead(now)) {
      const Hello hello = session.hello;
      deaths_.note_silent(hello.name, hello.instance, computing(session), now);
      end(current, "silent for " + spoken_time(now - session.link.last_heard()));
      // A supervisor may have started it anew before its silence was noticed.
      for (const auto& [peer, other] : sessions_) {
        if (other.hello.name != hello.name) continue;
        suspect(deaths_.note_present(hello.name, other.hello.instance));
      }
    } else if (late != nullptr) {
      const std::uint64_t task = late->task;
      end(current, "held task " + std::to_string(task) + " for " + spoken_time(now - late->since) +
                       ", beyond its deadline");
      suspect({{task, true}});
    }
  }
  suspect(deaths_.expire(now));
  return take_events();
}

std::vector<WorkerTable::Outgoing> WorkerTable::due(Clock::time_point now) {
  std::vector<Outgoing> wire = std::exchange(replies_, {});
  for (auto& [peer, session] : sessions_) {
    send_weights(session);
    for (Message& message : session.link.due(now)) wire.push_back({peer, std::move(message)});
  }
  return wire;
}

WorkerTable::Clock::time_point WorkerTable::next_wake() const {
  if (!replies_.empty()) return Clock::time_point::min();
  Clock::time_point wake = deaths_.next_wake();
  for (const auto& [peer, session] : sessions_) {
    wake = std::min(wake, session.link.next_wake());
    wake = std::min(wake, session.held.next_deadline(task_deadline_));
  }
  return wake;
}

void WorkerTable::hold(Session& session, HeldTask held, Message message) {
  message.envelope.task = held.task;
  message.envelope.attempt = held.attempt;
  session.link.send(std::move(message));
  const Clock::time_point now = held.since;
  --(held.is_tile() ? session.credits : session.prompt_credits);
  session.held.add(std::move(held));
  session.held.start(session.hello.num_lanes, now);
}

bool WorkerTable::assign(WorkerId worker, std::uint64_t task, std::uint32_t attempt,
                         const TileTask& body, Clock::time_point now) {
  Session* session = find(worker);
  if (session == nullptr || session->state != State::kReady || session->credits == 0) return false;
  HeldTask::TileShape shape;
  for (const auto& row : body.rows) shape.push_back(row.size());
  hold(*session, {task, attempt, std::move(shape), now, {}}, to_message(body));
  return true;
}

void WorkerTable::drain(WorkerId worker) {
  Session* session = find(worker);
  if (session == nullptr || session->state == State::kDraining) return;
  session->state = State::kDraining;
  Message message;
  message.envelope.kind = MessageKind::kDrain;
  session->link.send(std::move(message));
}

void WorkerTable::finish(const std::string& reason) {
  for (auto& [peer, session] : sessions_) session.link.send(to_message(Goodbye{reason}));
}

bool WorkerTable::is_settled() const {
  return std::all_of(sessions_.begin(), sessions_.end(),
                     [](const auto& entry) { return entry.second.link.num_unacknowledged() == 0; });
}

}  // namespace midpo
