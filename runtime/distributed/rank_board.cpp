// SPDX-License-Identifier: Apache-2.0
#include "runtime/distributed/rank_board.h"

#include <cstdio>
#include <cstring>

#include "runtime/core/error.h"

namespace midpo {
namespace {

constexpr std::size_t kHeadBytes = 2 * sizeof(std::uint64_t);

}  // namespace

std::string seconds_text(RankBoard::Clock::duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", std::chrono::duration<double>(duration).count());
  return text;
}

std::string RankSign::to_bytes() const {
  std::string bytes(kHeadBytes, '\0');
  std::memcpy(bytes.data(), &beat, sizeof beat);
  std::memcpy(bytes.data() + sizeof beat, &calls, sizeof calls);
  return bytes + failure;
}

RankSign RankSign::from_bytes(const std::string& bytes) {
  require(bytes.size() >= kHeadBytes, ErrorCode::kTransport,
          "a sign of life has " + std::to_string(bytes.size()) + " bytes, wanted at least " +
              std::to_string(kHeadBytes));
  RankSign sign;
  std::memcpy(&sign.beat, bytes.data(), sizeof sign.beat);
  std::memcpy(&sign.calls, bytes.data() + sizeof sign.beat, sizeof sign.calls);
  sign.failure = bytes.substr(kHeadBytes);
  return sign;
}

RankBoard::RankBoard(int rank, int size, RankLimits limits, Clock::time_point now)
    : rank_(rank), limits_(limits), peers_(static_cast<std::size_t>(size)), noted_(now) {
  for (Peer& peer : peers_) peer.changed = now;
}

void RankBoard::note(const std::vector<RankSign>& signs, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  noted_ = now;
  for (std::size_t i = 0; i < peers_.size() && i < signs.size(); ++i) {
    if (signs[i].beat != peers_[i].sign.beat) peers_[i].changed = now;
    peers_[i].sign = signs[i];
  }
}

void RankBoard::note_closed() {
  const std::lock_guard lock(mutex_);
  peers_.front().sign.failure = "is gone: it no longer listens at the rendezvous";
}

std::string RankBoard::problem(std::uint64_t calls, Clock::time_point start, Patience patience,
                               Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  std::string text = failed_or_silent(now);
  if (text.empty() && patience == Patience::kDeadline) text = late(calls, start, now);
  return text;
}

std::string RankBoard::problem(Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  return failed_or_silent(now);
}

std::string RankBoard::failed_or_silent(Clock::time_point now) const {
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const std::string& failure = peers_[i].sign.failure;
    if (static_cast<int>(i) != rank_ && !failure.empty()) {
      return "rank " + std::to_string(i) + ": " + failure;
    }
  }
  // Rank 0 keeps the board: where it cannot be read, nothing is known of the others.
  if (rank_ != 0 && now - noted_ > limits_.silence) {
    return "rank 0 gave no sign of life for " + seconds_text(now - noted_);
  }
  std::string silent;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const auto silence = now - peers_[i].changed;
    if (static_cast<int>(i) == rank_ || silence <= limits_.silence) continue;
    silent += (silent.empty() ? "rank " : ", rank ") + std::to_string(i) +
              " gave no sign of life for " + seconds_text(silence);
  }
  return silent;
}

std::string RankBoard::late(std::uint64_t calls, Clock::time_point start,
                            Clock::time_point now) const {
  if (now - start <= limits_.deadline) return {};
  std::string behind;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (static_cast<int>(i) == rank_ || peers_[i].sign.calls >= calls) continue;
    behind += (behind.empty() ? "rank " : ", rank ") + std::to_string(i);
  }
  if (behind.empty()) behind = "some rank";
  return behind + " is alive but did not come to the call the others wait in for " +
         seconds_text(now - start);
}

}  // namespace midpo
