// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/worker_session.h"

#include <sstream>
#include <utility>

namespace midpo {

WorkerSession::WorkerSession(WorkerSessionOptions options, Clock::time_point now)
    : options_(std::move(options)),
      random_(options_.seed),
      link_(0, options_.link, now),
      weights_(options_.weights),
      last_heard_(now) {
  begin(now);
}

void WorkerSession::begin(Clock::time_point now) {
  session_ = random_();
  epoch_ = 0;
  link_ = ReliableLink(session_, options_.link, now);
  weights_ = WeightsReceiver(options_.weights);
  confirmed_.clear();
  link_.send(to_message(options_.hello));
}

void WorkerSession::lose(const std::string& reason, Clock::time_point now) {
  if (epoch_ != 0) events_.push_back(SessionLost{session_, reason});
  begin(now);
}

std::vector<SessionEvent> WorkerSession::take_events() { return std::exchange(events_, {}); }

bool WorkerSession::is_fenced(const Envelope& envelope) const {
  return envelope.session != session_ || (envelope.job == job_ && envelope.epoch < known_epoch_);
}

void WorkerSession::obey(const Envelope& envelope) {
  job_ = envelope.job;
  known_epoch_ = envelope.epoch;
}

void WorkerSession::adopt(const Message& message) {
  obey(message.envelope);
  epoch_ = known_epoch_;
  link_.set_job(job_, epoch_);
  events_.push_back(JobOffered{session_, job_, body_of<Welcome>(message)});
}

std::vector<SessionEvent> WorkerSession::receive(Message message, Clock::time_point now) {
  const Envelope envelope = message.envelope;
  if (is_fenced(envelope)) return {};
  last_heard_ = now;
  const bool is_other = epoch_ != 0 && (envelope.epoch != epoch_ || envelope.job != job_);
  try {
    if (is_over_) {
      link_.receive(std::move(message), now);  // only for its acknowledgement
    } else if (envelope.kind == MessageKind::kReset) {
      obey(envelope);
      lose(body_of<Reset>(message).reason, now);
    } else if (envelope.kind == MessageKind::kRefusal) {
      const auto refusal = body_of<Refusal>(message);
      is_over_ = true;
      events_.push_back(SessionOver{Error(refusal.code, refusal.text), "refused"});
    } else if (is_other) {
      obey(envelope);
      lose("the coordinator was restarted", now);
    } else if (epoch_ != 0 || envelope.kind == MessageKind::kWelcome) {
      // Before the Welcome, others may be from a coordinator that is gone.
      for (const Message& delivered : link_.receive(std::move(message), now)) {
        if (!is_over_) handle(delivered);
      }
    }
  } catch (const Error& error) {
    lose(std::string("the coordinator broke the protocol: ") + error.what(), now);
  }
  return take_events();
}

void WorkerSession::handle(const Message& message) {
  const Envelope& envelope = message.envelope;
  switch (envelope.kind) {
    case MessageKind::kWelcome:
      return adopt(message);
    case MessageKind::kTask:
      return give(envelope, body_of<TileTask>(message));
    case MessageKind::kPrompts:
      return give(envelope, confirmed(body_of<PromptTask>(message)));
    case MessageKind::kRank:
      events_.push_back(RankGiven{session_, envelope.task, body_of<RankTask>(message)});
      return;
    case MessageKind::kWeights: {
      auto piece = body_of<WeightsPiece>(message);
      const bool is_whole = weights_.take(piece);
      events_.push_back(WeightsGiven{session_, std::move(piece), is_whole});
      return;
    }
    case MessageKind::kDrain:
      events_.push_back(DrainAsked{});
      return;
    case MessageKind::kGoodbye:
      is_over_ = true;
      events_.push_back(SessionOver{std::nullopt, body_of<Goodbye>(message).reason});
      return;
    default:
      throw Error(ErrorCode::kTransport, "a coordinator may not send a " +
                                             std::string(message_kind_name(envelope.kind)) +
                                             " message");
  }
}

PromptTask WorkerSession::confirmed(PromptTask task) const {
  require(confirmed_.count(task.version) == 1, ErrorCode::kTransport,
          "a task with weights of version " + std::to_string(task.version) +
              ", which this worker has not confirmed");
  return task;
}

void WorkerSession::give(const Envelope& envelope, std::variant<TileTask, PromptTask> body) {
  events_.push_back(TaskGiven{session_, envelope.task, envelope.attempt, std::move(body)});
}

std::vector<SessionEvent> WorkerSession::tick(Clock::time_point now) {
  if (!link_.is_dead(now)) return {};
  if (is_over_) {
    is_unheard_ = true;
  } else {
    lose("the coordinator is silent", now);
  }
  return take_events();
}

std::vector<Message> WorkerSession::due(Clock::time_point now) { return link_.due(now); }

WorkerSession::Clock::time_point WorkerSession::next_wake() const {
  return is_over_ && is_settled() ? Clock::time_point::max() : link_.next_wake();
}

void WorkerSession::send(std::uint64_t session, Message message) {
  if (session != session_ || is_over_) {
    ++num_void_;
    return;
  }
  link_.send(std::move(message));
}

void WorkerSession::ready(std::uint64_t session, const Ready& ready) {
  send(session, to_message(ready));
}

void WorkerSession::answer(std::uint64_t session, std::uint64_t task, std::uint32_t attempt,
                           Message message) {
  message.envelope.task = task;
  message.envelope.attempt = attempt;
  send(session, std::move(message));
}

void WorkerSession::confirm(std::uint64_t session, const Confirm& confirm) {
  if (session == session_) confirmed_.insert(confirm.version);
  send(session, to_message(confirm));
}

void WorkerSession::leave(const std::string& reason) {
  send(session_, to_message(Goodbye{reason}));
  is_over_ = true;
}

std::string WorkerSession::describe(Clock::time_point now) const {
  std::ostringstream text;
  text.precision(1);
  text << std::fixed << "session " << std::hex << session_ << std::dec << ": ";
  if (is_over_) text << "over";
  if (!is_over_ && epoch_ == 0) text << "waits for the coordinator's welcome";
  if (!is_over_ && epoch_ != 0) text << "in job " << job_ << ", epoch " << epoch_;
  const std::chrono::duration<double> silence = now - last_heard_;
  text << "; heard " << silence.count() << " s ago, " << link_.num_unacknowledged()
       << " messages not acknowledged";
  return text.str();
}

}  // namespace midpo
