// SPDX-License-Identifier: Apache-2.0
// Frames from a peer -> message -> body -> the coordinator's and the worker's state machines. What
// is accepted must encode to the same bytes; a refusal must be an Error(kTransport); and whatever
// one peer sends, a good worker beside it is still served.
//
// Input: frames, each after its size in two bytes (little-endian), many messages in a row: the
// first byte of a message is its number of frames. The checksum is put right, or nothing would get
// past it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "runtime/core/crc32c.h"
#include "runtime/core/error.h"
#include "runtime/transport/worker_session.h"
#include "runtime/transport/worker_table.h"

namespace {

using namespace midpo;  // a program of its own
using Clock = WorkerTable::Clock;

constexpr std::uint64_t kSession = 5;

std::optional<std::vector<Frame>> take_frames(std::span<const std::uint8_t>& rest) {
  if (rest.empty()) return std::nullopt;
  const std::size_t num_frames = rest[0] % 8;
  rest = rest.subspan(1);
  std::vector<Frame> wire;
  for (std::size_t i = 0; i < num_frames && rest.size() >= 2; ++i) {
    const std::size_t wanted = rest[0] + 256U * rest[1];
    rest = rest.subspan(2);
    const auto bytes = rest.first(std::min(wanted, rest.size()));
    rest = rest.subspan(bytes.size());
    const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
    wire.emplace_back(begin, begin + bytes.size());
  }
  return wire;
}

void put_checksum_right(std::vector<Frame>& wire) {
  if (wire.empty() || wire[0].size() < 4) return;
  std::uint32_t crc = 0;
  for (std::size_t i = 0; i < wire.size(); ++i) {
    const std::size_t skipped = i == 0 ? 4 : 0;
    const std::uint64_t size = wire[i].size() - skipped;
    crc = crc32c(&size, sizeof size, crc);
    crc = crc32c(wire[i].data() + skipped, size, crc);
  }
  std::memcpy(wire[0].data(), &crc, sizeof crc);
}

std::optional<Message> decode_or_refuse(const std::vector<Frame>& wire) {
  try {
    Message message = decode(wire);
    if (encode(message) != wire) abort();
    return message;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kTransport) abort();
    return std::nullopt;
  }
}

template <typename Body>
void check_body(const Message& message) {
  if (message.envelope.kind != Body::kKind) return;
  try {
    const Message again = to_message(body_of<Body>(message));
    if (again.body != message.body || again.frames != message.frames) abort();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kTransport) abort();
  }
}

template <typename... Bodies>
void check_bodies(const Message& message) {
  (check_body<Bodies>(message), ...);
}

/// The good worker beside the hostile peer: one task goes there and back.
void serve_good_worker(WorkerTable& table, Clock::time_point now) {
  WorkerSessionOptions options;
  options.hello.name = "good";
  options.hello.roles = {"scorer"};
  options.seed = 1;
  WorkerSession good(options, now);
  bool is_done = false;
  for (int round = 0; round < 20 && !is_done; ++round) {
    now += std::chrono::milliseconds(30);
    for (Message& message : good.due(now)) {
      for (const WorkerEvent& event : table.receive("good", std::move(message), now)) {
        if (const auto* ready = std::get_if<WorkerReady>(&event))
          table.assign(ready->worker, 1, 0, TileTask{0, {{{1}}}}, now);
        is_done = is_done || std::holds_alternative<TaskDone>(event);
      }
    }
    for (auto& [peer, message] : table.due(now)) {
      if (peer != "good") continue;
      for (const SessionEvent& event : good.receive(std::move(message), now)) {
        if (const auto* offer = std::get_if<JobOffered>(&event)) good.ready(offer->session, {});
        if (const auto* task = std::get_if<TaskGiven>(&event))
          good.finish(task->session, task->task, task->attempt, TileResult{{{0.5}}, 0, 0});
      }
    }
  }
  if (!is_done) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::uint8_t> rest(data, size);
  WorkerTableOptions options;
  options.job = "1";
  WorkerTable table(options);
  WorkerSession worker({.link = {}, .hello = {}, .seed = kSession}, {});
  Clock::time_point now{};
  while (auto wire = take_frames(rest)) {
    put_checksum_right(*wire);
    auto message = decode_or_refuse(*wire);
    if (!message) continue;
    check_bodies<Hello, Welcome, Ready, TileTask, TileResult, Failure, Refusal, Goodbye, Reset,
                 WeightsPiece, Confirm, PromptTask, PromptResult, RankTask, RankEnded>(*message);
    now += std::chrono::milliseconds(100);
    table.receive("hostile", *message, now);
    table.tick(now);
    // To the worker it may come in its own session: only the right number gets past the first door.
    message->envelope.session = worker.session();
    worker.receive(std::move(*message), now);
    worker.tick(now);
    worker.due(now);
  }
  serve_good_worker(table, now);
  return 0;
}
