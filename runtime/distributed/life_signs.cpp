// SPDX-License-Identifier: Apache-2.0
#include "runtime/distributed/life_signs.h"

#include <condition_variable>
#include <exception>
#include <thread>
#include <utility>

namespace midpo {
namespace {

constexpr std::chrono::milliseconds kBeat{500};
/// For a last sign, where the connection may be stuck.
constexpr std::chrono::seconds kFarewell{1};

std::string text_of(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

/// What the thread shares with its owner; it may outlive the owner.
struct LifeSigns::Shared {
  c10::intrusive_ptr<c10d::Store> store;
  int rank = 0;
  std::vector<std::string> keys;
  std::shared_ptr<RankBoard> board;
  std::mutex mutex;
  std::condition_variable changed;
  RankSign sign;
  bool is_urgent = false;
  bool is_stopping = false;
  bool has_ended = false;
};

struct LifeSigns::Thread {
  std::thread thread;
};

std::string sign_key(int rank) { return "sign/" + std::to_string(rank); }

void write_sign(c10d::Store& store, int rank, const RankSign& sign) {
  const std::string bytes = sign.to_bytes();
  store.set(sign_key(rank), std::vector<std::uint8_t>(bytes.begin(), bytes.end()));
}

LifeSigns::LifeSigns(c10::intrusive_ptr<c10d::Store> store, int rank, int size,
                     std::shared_ptr<RankBoard> board)
    : shared_(std::make_shared<Shared>()) {
  shared_->store = std::move(store);
  shared_->rank = rank;
  shared_->board = std::move(board);
  for (int i = 0; i < size; ++i) shared_->keys.push_back(sign_key(i));
  thread_ = std::make_unique<Thread>();
  thread_->thread = std::thread([shared = shared_] { run(shared); });
}

LifeSigns::~LifeSigns() {
  bool may_wait = !is_abandoned_;
  {
    std::unique_lock lock(shared_->mutex);
    shared_->is_stopping = true;
    shared_->changed.notify_all();
    if (is_abandoned_) {
      may_wait = shared_->changed.wait_for(lock, kFarewell, [&] { return shared_->has_ended; });
    }
  }
  if (may_wait) {
    thread_->thread.join();
  } else {
    thread_->thread.detach();
  }
}

void LifeSigns::set_calls(std::uint64_t calls) {
  const std::lock_guard lock(shared_->mutex);
  shared_->sign.calls = calls;
}

void LifeSigns::set_failure(const std::string& text) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->sign.failure = text;
    shared_->is_urgent = true;
  }
  shared_->changed.notify_all();
}

bool LifeSigns::exchange(Shared& shared, const RankSign& own) {
  try {
    write_sign(*shared.store, shared.rank, own);
    std::vector<RankSign> signs;
    for (const auto& bytes : shared.store->multiGet(shared.keys)) {
      signs.push_back(RankSign::from_bytes(text_of(bytes)));
    }
    shared.board->note(signs, RankBoard::Clock::now());
    return true;
  } catch (const std::exception&) {
    shared.board->note_closed();
    return false;
  }
}

void LifeSigns::run(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  bool is_connected = true;
  while (is_connected && (!shared->is_stopping || shared->is_urgent)) {
    ++shared->sign.beat;
    shared->is_urgent = false;
    const RankSign own = shared->sign;
    lock.unlock();
    is_connected = exchange(*shared, own);
    lock.lock();
    const auto is_called = [&] { return shared->is_urgent || shared->is_stopping; };
    if (is_connected) shared->changed.wait_for(lock, kBeat, is_called);
  }
  shared->has_ended = true;
  shared->changed.notify_all();
}

}  // namespace midpo
