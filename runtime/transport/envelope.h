// SPDX-License-Identifier: Apache-2.0
// What travels between processes: a small envelope that says what a message is, a small body, and
// raw frames for large arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace midpo {

/// The whole protocol between a coordinator and its workers. W: sent by workers, C: by the
/// coordinator, B: by both.
enum class MessageKind : std::uint8_t {
  kHello = 1,       ///< W: who I am, what I can do
  kWelcome = 2,     ///< C: the job and its models
  kReady = 3,       ///< W: models are loaded and verified; `credits` tasks may come
  kTask = 4,        ///< C: rows to compute
  kResult = 5,      ///< W: their values
  kFailure = 6,     ///< W: a task that failed, and why
  kHeartbeat = 7,   ///< B: I live; carries acknowledgements
  kDrain = 8,       ///< C: finish what you hold, then leave
  kGoodbye = 9,     ///< B: I leave; nothing more comes
  kRefusal = 10,    ///< C: you cannot join, and why
  kWeights = 11,    ///< C: a piece of a new version of published weights
  kConfirm = 12,    ///< W: that version is here, whole, and may be asked for
  kReset = 13,      ///< C: the session named is over; begin a new one
  kPrompts = 14,    ///< C: prompts to write responses to, with a version of the weights
  kResponses = 15,  ///< W: what was written
  kRank = 16,       ///< C: become a rank of a data-parallel learner
  kRankEnded = 17,  ///< W: that rank's process has ended, and how
};

/// Fields that a kind does not use are zero.
struct Envelope {
  static constexpr std::uint32_t kSchema = 2;

  MessageKind kind = MessageKind::kHeartbeat;
  std::string job;            ///< hex id of the run, at most 64 characters
  std::uint64_t epoch = 0;    ///< of the coordinator: one more with each restart; fences older ones
  std::uint64_t session = 0;  ///< of the worker: random, new with each connection it begins
  std::uint64_t seq = 0;  ///< within the session and direction, from 1; 0: not delivered reliably
  std::uint64_t ack = 0;  ///< all messages up to this seq of the other direction were received
  std::uint64_t task = 0;
  std::uint32_t attempt = 0;

  bool operator==(const Envelope&) const = default;
};

using Frame = std::vector<std::byte>;

struct Message {
  Envelope envelope;
  std::string body;           ///< msgpack of the kind's own fields, or empty
  std::vector<Frame> frames;  ///< little-endian arrays

  bool operator==(const Message&) const = default;
};

struct WireLimits {
  std::size_t max_frame_bytes = std::size_t{64} << 20;
  std::size_t max_body_bytes = std::size_t{1} << 20;
  std::size_t max_frames = 64;
};

/// Frames as they go on the wire: the envelope (a CRC-32C of all that follows, sizes of frames
/// included, then msgpack), the body, the arrays.
std::vector<Frame> encode(const Message& message);

/// A message has one spelling: decode(encode(m)) == m, and encode(decode(w)) == w.
/// @throws Error(kTransport) for another schema, a wrong checksum, unknown kinds or fields, sizes
/// over the limits; allocates no more than a small multiple of the input's size.
Message decode(const std::vector<Frame>& wire, const WireLimits& limits = {});

/// "hello", "task", ...: for logs and reports.
std::string_view message_kind_name(MessageKind kind);

}  // namespace midpo
