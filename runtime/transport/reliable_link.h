// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "runtime/transport/envelope.h"

namespace midpo {

struct LinkOptions {
  using Duration = std::chrono::steady_clock::duration;

  Duration heartbeat = std::chrono::seconds(1);
  Duration dead_after = std::chrono::seconds(3);           ///< of the other side's silence
  Duration ack_delay = std::chrono::milliseconds(20);      ///< hoping for a message to carry it
  Duration resend_after = std::chrono::milliseconds(300);  ///< doubled with each resend ...
  Duration resend_limit = std::chrono::seconds(4);         ///< ... up to this
  double slowest_bytes_per_second = 10e6;                  ///< a large message has longer
  std::size_t window = 32;  ///< messages sent and not acknowledged; more wait here
};

/// One end of a session. What is sent arrives once and in order, whatever the network loses,
/// doubles, delays or reorders; or the other side is found dead. Knows no clock and no socket.
class ReliableLink {
 public:
  using Clock = std::chrono::steady_clock;

  ReliableLink(std::uint64_t session, const LinkOptions& options, Clock::time_point now);

  /// What every outgoing envelope names from now on, resent ones too.
  void set_job(std::string job, std::uint64_t epoch);

  void send(Message message);

  /// A message of this session. @return what may be delivered now, in order; heartbeats, and what
  /// was delivered before, never.
  std::vector<Message> receive(Message message, Clock::time_point now);

  /// What to put on the wire now: new messages within the window, those whose acknowledgement is
  /// late, and a heartbeat if one is due or an acknowledgement is owed.
  std::vector<Message> due(Clock::time_point now);

  /// When due() or is_dead() has something new, if nothing arrives or is sent before.
  Clock::time_point next_wake() const;

  /// False while it is not known that a message sent with this kind, task and attempt has arrived.
  bool has_arrived(const Envelope& sent) const;

  bool is_dead(Clock::time_point now) const { return now - last_heard_ >= options_.dead_after; }
  Clock::time_point last_heard() const { return last_heard_; }

  std::size_t num_unacknowledged() const { return in_flight_.size() + waiting_.size(); }
  std::uint64_t num_resent() const { return num_resent_; }
  std::uint64_t num_duplicates() const { return num_duplicates_; }

 private:
  struct InFlight {
    Message message;
    Clock::time_point resend_at;
    Clock::duration wait;
  };

  void take_ack(std::uint64_t ack);
  void stamp(Envelope& envelope) const;
  Clock::duration patience_with(const Message& message) const;
  bool may_send_more() const { return !waiting_.empty() && in_flight_.size() < options_.window; }

  LinkOptions options_;
  std::string job_;
  std::uint64_t epoch_ = 0;
  std::uint64_t session_;

  std::uint64_t next_seq_ = 1;
  std::deque<Message> waiting_;     ///< not sent yet
  std::deque<InFlight> in_flight_;  ///< by seq
  Clock::time_point beat_at_;

  std::uint64_t delivered_ = 0;             ///< all up to this seq
  std::map<std::uint64_t, Message> early_;  ///< arrived before one they follow
  Clock::time_point last_heard_;
  bool owes_ack_ = false;
  Clock::time_point ack_at_;

  std::uint64_t num_resent_ = 0;
  std::uint64_t num_duplicates_ = 0;
};

}  // namespace midpo
