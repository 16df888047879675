// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/envelope.h"

#include <array>
#include <bit>
#include <cstring>
#include <tuple>

#include "runtime/core/crc32c.h"
#include "runtime/core/error.h"
#include "runtime/transport/packing.h"

static_assert(std::endian::native == std::endian::little, "frames are little-endian");

namespace midpo {
namespace {

constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kMaxEnvelopeBytes = 256;
constexpr std::size_t kMaxJobBytes = 64;

constexpr std::array<std::string_view, 18> kKindNames = {
    "",        "hello",     "welcome", "ready",     "task",    "result",
    "failure", "heartbeat", "drain",   "goodbye",   "refusal", "weights",
    "confirm", "reset",     "prompts", "responses", "rank",    "rank-ended"};

/// The envelope as packed.
struct PackedEnvelope {
  std::uint32_t schema = Envelope::kSchema;
  std::uint8_t kind = 0;
  std::string job;
  std::uint64_t epoch = 0;
  std::uint64_t session = 0;
  std::uint64_t seq = 0;
  std::uint64_t ack = 0;
  std::uint64_t task = 0;
  std::uint32_t attempt = 0;

  static auto fields(auto& self) {
    return std::tie(self.schema, self.kind, self.job, self.epoch, self.session, self.seq, self.ack,
                    self.task, self.attempt);
  }
};

Frame to_frame(std::string_view bytes) {
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  return {begin, begin + bytes.size()};
}

std::string_view text_of(const Frame& frame) {
  return {reinterpret_cast<const char*>(frame.data()), frame.size()};
}

std::uint32_t extend_crc(std::uint32_t crc, const std::byte* data, std::uint64_t size) {
  crc = crc32c(&size, sizeof size, crc);
  return crc32c(data, size, crc);
}

/// Of everything but the checksum itself. The sizes keep a byte from moving between two frames.
std::uint32_t checksum(const std::vector<Frame>& wire) {
  const Frame& head = wire.front();
  std::uint32_t crc = extend_crc(0, head.data() + kCrcBytes, head.size() - kCrcBytes);
  for (std::size_t i = 1; i < wire.size(); ++i)
    crc = extend_crc(crc, wire[i].data(), wire[i].size());
  return crc;
}

void refuse(const std::string& text) { throw Error(ErrorCode::kTransport, "message: " + text); }

void check_sizes(const std::vector<Frame>& wire, const WireLimits& limits) {
  if (wire.size() < 2 || wire.size() - 2 > limits.max_frames) {
    refuse("has " + std::to_string(wire.size()) + " frames, must have 2 to " +
           std::to_string(limits.max_frames + 2));
  }
  if (wire[0].size() <= kCrcBytes || wire[0].size() > kMaxEnvelopeBytes)
    refuse("the envelope has " + std::to_string(wire[0].size()) + " bytes");
  if (wire[1].size() > limits.max_body_bytes)
    refuse("the body has " + std::to_string(wire[1].size()) + " bytes, too many");
  for (std::size_t i = 2; i < wire.size(); ++i) {
    if (wire[i].size() > limits.max_frame_bytes)
      refuse("an array has " + std::to_string(wire[i].size()) + " bytes, too many");
  }
}

Envelope unpack_envelope(std::string_view bytes) {
  const auto packed = unpack_strictly<PackedEnvelope>(bytes, "message: the envelope");
  if (packed.schema != Envelope::kSchema) {
    refuse("schema " + std::to_string(packed.schema) + ", this version speaks " +
           std::to_string(Envelope::kSchema) + "; use the same midpo everywhere");
  }
  if (packed.kind == 0 || packed.kind >= kKindNames.size())
    refuse("unknown kind " + std::to_string(packed.kind));
  if (packed.job.size() > kMaxJobBytes) refuse("the job's id is too long");
  return {static_cast<MessageKind>(packed.kind),
          packed.job,
          packed.epoch,
          packed.session,
          packed.seq,
          packed.ack,
          packed.task,
          packed.attempt};
}

}  // namespace

std::vector<Frame> encode(const Message& message) {
  const Envelope& envelope = message.envelope;
  const PackedEnvelope packed{Envelope::kSchema, static_cast<std::uint8_t>(envelope.kind),
                              envelope.job,      envelope.epoch,
                              envelope.session,  envelope.seq,
                              envelope.ack,      envelope.task,
                              envelope.attempt};
  std::vector<Frame> wire;
  wire.reserve(2 + message.frames.size());
  wire.push_back(to_frame(std::string(kCrcBytes, '\0') + pack_strictly(packed)));
  wire.push_back(to_frame(message.body));
  wire.insert(wire.end(), message.frames.begin(), message.frames.end());
  const std::uint32_t crc = checksum(wire);
  std::memcpy(wire.front().data(), &crc, sizeof crc);
  return wire;
}

Message decode(const std::vector<Frame>& wire, const WireLimits& limits) {
  check_sizes(wire, limits);
  std::uint32_t crc = 0;
  std::memcpy(&crc, wire.front().data(), sizeof crc);
  if (crc != checksum(wire)) refuse("wrong checksum: it was changed on its way");
  Message message;
  message.envelope = unpack_envelope(text_of(wire[0]).substr(kCrcBytes));
  message.body = text_of(wire[1]);
  message.frames.assign(wire.begin() + 2, wire.end());
  return message;
}

std::string_view message_kind_name(MessageKind kind) {
  return kKindNames.at(static_cast<std::size_t>(kind));
}

}  // namespace midpo
