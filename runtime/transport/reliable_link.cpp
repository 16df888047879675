// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/reliable_link.h"

#include <algorithm>
#include <utility>

namespace midpo {

ReliableLink::ReliableLink(std::uint64_t session, const LinkOptions& options, Clock::time_point now)
    : options_(options),
      session_(session),
      beat_at_(now + options.heartbeat),
      last_heard_(now),
      ack_at_(now) {}

void ReliableLink::set_job(std::string job, std::uint64_t epoch) {
  job_ = std::move(job);
  epoch_ = epoch;
}

void ReliableLink::send(Message message) { waiting_.push_back(std::move(message)); }

void ReliableLink::take_ack(std::uint64_t ack) {
  while (!in_flight_.empty() && in_flight_.front().message.envelope.seq <= ack)
    in_flight_.pop_front();
}

std::vector<Message> ReliableLink::receive(Message message, Clock::time_point now) {
  last_heard_ = now;
  take_ack(message.envelope.ack);
  const std::uint64_t seq = message.envelope.seq;
  if (seq == 0) return {};
  if (!owes_ack_) ack_at_ = now + options_.ack_delay;
  // That a task has come must be known before it can do harm.
  // The sender of weights waits for it before it sends the next piece.
  const MessageKind kind = message.envelope.kind;
  if (kind == MessageKind::kTask || kind == MessageKind::kPrompts ||
      kind == MessageKind::kWeights) {
    ack_at_ = now;
  }
  owes_ack_ = true;
  // Beyond the window only a faulty peer sends; it must not fill our memory.
  if (seq > delivered_ + options_.window) return {};
  if (seq <= delivered_ || !early_.emplace(seq, std::move(message)).second) {
    ++num_duplicates_;
    return {};
  }
  std::vector<Message> in_order;
  while (!early_.empty() && early_.begin()->first == delivered_ + 1) {
    in_order.push_back(std::move(early_.begin()->second));
    early_.erase(early_.begin());
    ++delivered_;
  }
  return in_order;
}

void ReliableLink::stamp(Envelope& envelope) const {
  envelope.job = job_;
  envelope.epoch = epoch_;
  envelope.session = session_;
  envelope.ack = delivered_;
}

bool ReliableLink::has_arrived(const Envelope& sent) const {
  const auto is_it = [&sent](const Message& message) {
    const Envelope& envelope = message.envelope;
    return envelope.kind == sent.kind && envelope.task == sent.task &&
           envelope.attempt == sent.attempt;
  };
  return std::ranges::none_of(waiting_, is_it) &&
         std::ranges::none_of(in_flight_, is_it, &InFlight::message);
}

ReliableLink::Clock::duration ReliableLink::patience_with(const Message& message) const {
  std::size_t size_bytes = message.body.size();
  for (const Frame& frame : message.frames) size_bytes += frame.size();
  const std::chrono::duration<double> travel(static_cast<double>(size_bytes) /
                                             options_.slowest_bytes_per_second);
  return options_.resend_after + std::chrono::duration_cast<Clock::duration>(travel);
}

std::vector<Message> ReliableLink::due(Clock::time_point now) {
  std::vector<Message> wire;
  for (InFlight& sent : in_flight_) {
    if (now < sent.resend_at) continue;
    sent.wait = std::max(sent.wait, std::min(2 * sent.wait, options_.resend_limit));
    sent.resend_at = now + sent.wait;
    wire.push_back(sent.message);
    ++num_resent_;
  }
  while (may_send_more()) {
    Message& message = waiting_.front();
    message.envelope.seq = next_seq_++;
    wire.push_back(message);
    const Clock::duration wait = patience_with(message);
    in_flight_.push_back({std::move(message), now + wait, wait});
    waiting_.pop_front();
  }
  // A heartbeat does not wait for other messages to end: large ones may be lost where it is not.
  const bool is_ack_due = owes_ack_ && wire.empty() && now >= ack_at_;
  if (is_ack_due || now >= beat_at_) {
    wire.emplace_back();
    beat_at_ = now + options_.heartbeat;
  }
  for (Message& message : wire) stamp(message.envelope);
  if (!wire.empty()) owes_ack_ = false;
  return wire;
}

ReliableLink::Clock::time_point ReliableLink::next_wake() const {
  if (may_send_more()) return Clock::time_point::min();
  Clock::time_point wake = std::min(beat_at_, last_heard_ + options_.dead_after);
  if (owes_ack_) wake = std::min(wake, ack_at_);
  for (const InFlight& sent : in_flight_) wake = std::min(wake, sent.resend_at);
  return wake;
}

}  // namespace midpo
