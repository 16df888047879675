// SPDX-License-Identifier: Apache-2.0
// A group of ranks that are threads of the test: sums in the order of ranks, no sockets.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/core/collective.h"
#include "runtime/core/error.h"

namespace midpo {

/// Where the threads meet: the last one to come does the work for all.
class ThreadMeeting {
 public:
  explicit ThreadMeeting(int size) : size_(size), bytes_(static_cast<std::size_t>(size)) {}

  /// @return what all ranks brought. @throws the failure of one.
  std::vector<std::string> exchange(int rank, const std::string& bytes) {
    std::unique_lock lock(mutex_);
    bytes_[static_cast<std::size_t>(rank)] = bytes;
    const std::uint64_t round = round_;
    if (++present_ == size_) {
      present_ = 0;
      ++round_;
      result_ = bytes_;
      changed_.notify_all();
    } else {
      changed_.wait(lock, [&] { return round_ != round || !failure_.empty(); });
    }
    if (round_ == round) throw Error(ErrorCode::kTransport, failure_);
    return result_;
  }

  void fail(const std::string& text) {
    const std::lock_guard lock(mutex_);
    failure_ = text;
    changed_.notify_all();
  }
  std::string failure() {
    const std::lock_guard lock(mutex_);
    return failure_;
  }

 private:
  const int size_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> bytes_, result_;
  std::string failure_;
  int present_ = 0;
  std::uint64_t round_ = 0;
};

class ThreadCollective final : public Collective {
 public:
  ThreadCollective(int rank, int size, std::shared_ptr<ThreadMeeting> meeting)
      : rank_(rank), size_(size), meeting_(std::move(meeting)) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void start_sum(std::span<float> values) override { started_.push_back({Kind::kSum, 0, values}); }
  void start_sum_at(int root, std::span<float> values) override {
    started_.push_back({Kind::kSumAt, root, values});
  }
  void start_copy_from(int root, std::span<float> values) override {
    started_.push_back({Kind::kCopy, root, values});
  }
  void finish() override {
    for (const Started& started : started_) complete(started);
    started_.clear();
  }
  std::string broadcast(const std::string& bytes, Patience) override {
    return meeting_->exchange(rank_, bytes).front();
  }
  std::vector<std::string> gather(const std::string& bytes) override {
    return meeting_->exchange(rank_, bytes);
  }
  void fail(const std::string& text) override {
    meeting_->fail("rank " + std::to_string(rank_) + ": " + text);
  }
  std::string problem() const override { return meeting_->failure(); }

 private:
  enum class Kind { kSum, kSumAt, kCopy };
  struct Started {
    Kind kind;
    int root;
    std::span<float> values;
  };

  void complete(const Started& started) {
    const std::span<float> values = started.values;
    const std::string own(reinterpret_cast<const char*>(values.data()), values.size_bytes());
    const std::vector<std::string> all = meeting_->exchange(rank_, own);
    const auto of = [&](int rank, std::size_t i) {
      return reinterpret_cast<const float*>(all[static_cast<std::size_t>(rank)].data())[i];
    };
    const bool is_mine = started.kind != Kind::kSumAt || started.root == rank_;
    for (std::size_t i = 0; i < values.size() && is_mine; ++i) {
      if (started.kind == Kind::kCopy) {
        values[i] = of(started.root, i);
        continue;
      }
      values[i] = 0.0F;
      for (int rank = 0; rank < size_; ++rank) values[i] += of(rank, i);
    }
  }

  const int rank_, size_;
  std::shared_ptr<ThreadMeeting> meeting_;
  std::vector<Started> started_;
};

/// Runs the body as each of `size` ranks at once; the first exception is thrown again.
inline void run_thread_ranks(int size,
                             const std::function<void(std::shared_ptr<Collective>)>& body) {
  const auto meeting = std::make_shared<ThreadMeeting>(size);
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        body(std::make_shared<ThreadCollective>(rank, size, meeting));
      } catch (const std::exception& failure) {
        failures[static_cast<std::size_t>(rank)] = std::current_exception();
        meeting->fail(failure.what());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace midpo
