// SPDX-License-Identifier: Apache-2.0
#include "runtime/distributed/c10d_collective.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "runtime/core/error.h"

namespace midpo {
namespace {

using Clock = RankBoard::Clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;

/// Between two questions whether the others are still there.
constexpr milliseconds kCheckEvery{50};
/// For what a rank sent before it ended: it may lie here unread.
constexpr milliseconds kLastWord{500};
/// Between the loss of a connection and the sign that tells whose it was.
constexpr milliseconds kGrace{1500};

/// c10d notes every call in one table of the process (its flight recorder) without a lock, so that
/// two ranks in one process would break it. Calls only queue their work: the lock is short.
template <typename Operation>
auto call_c10d(const Operation& operation) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  return operation();
}

std::string text_of(const std::exception& failure) {
  const auto* of_torch = dynamic_cast<const c10::Error*>(&failure);
  return of_torch != nullptr ? of_torch->what_without_backtrace() : failure.what();
}

std::string text_of(const std::exception_ptr& failure) {
  if (!failure) return "no reason given";
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& known) {
    return text_of(known);
  } catch (...) {
    return "an unknown exception";
  }
}

/// Short at first, then a small share of what was waited already.
microseconds poll_interval(Clock::duration waited) {
  const auto share = std::chrono::duration_cast<microseconds>(waited / 16);
  return std::clamp(share, microseconds(20), microseconds(2000));
}

at::Tensor bytes_tensor(std::int64_t size) {
  return at::zeros({size}, at::TensorOptions().dtype(at::kByte));
}

void fill(const at::Tensor& tensor, const std::string& bytes) {
  std::memcpy(tensor.mutable_data_ptr(), bytes.data(), bytes.size());
}

std::string bytes_of(const at::Tensor& tensor, std::int64_t size) {
  return {static_cast<const char*>(tensor.const_data_ptr()), static_cast<std::size_t>(size)};
}

at::Tensor number_tensor(std::int64_t value) {
  at::Tensor tensor = at::zeros({1}, at::TensorOptions().dtype(at::kLong));
  *tensor.mutable_data_ptr<std::int64_t>() = value;
  return tensor;
}

}  // namespace

C10dCollective::C10dCollective(const CollectiveOptions& options)
    : options_(options),
      group_(join_group(options)),
      board_(std::make_shared<RankBoard>(options.rank, options.size, options.limits, Clock::now())),
      signs_(
          std::make_unique<LifeSigns>(group_.store_of_signs, options.rank, options.size, board_)) {}

C10dCollective::~C10dCollective() {
  if (!has_failed_ && started_.empty()) return;
  signs_->abandon();
  for (Started& started : started_) started.work.release();
  group_.arrays.release();
  group_.bytes.release();
  group_.store.release();
}

at::Tensor C10dCollective::tensor_of(std::span<float> values) const {
  const auto type = at::TensorOptions().dtype(at::kFloat).device(at::Device(options_.device));
  return at::from_blob(values.data(), {static_cast<std::int64_t>(values.size())}, type);
}

std::uint64_t C10dCollective::next_call() {
  signs_->set_calls(++num_calls_);
  return num_calls_;
}

void C10dCollective::start(const std::function<WorkPointer(std::vector<at::Tensor>&)>& operation,
                           std::span<float> values) {
  if (values.empty()) return;
  const std::uint64_t call = next_call();
  std::vector<at::Tensor> tensors{tensor_of(values)};
  try {
    started_.push_back({call_c10d([&] { return operation(tensors); }), tensors.front(), call});
  } catch (const std::exception& failure) {
    explain(text_of(failure), call);
  }
}

void C10dCollective::start_sum(std::span<float> values) {
  c10d::AllreduceOptions sum;
  sum.timeout = kForever;
  start([&](auto& tensors) { return group_.arrays->allreduce(tensors, sum); }, values);
}

void C10dCollective::start_sum_at(int root, std::span<float> values) {
  c10d::ReduceOptions sum;
  sum.rootRank = root;
  sum.timeout = kForever;
  start([&](auto& tensors) { return group_.arrays->reduce(tensors, sum); }, values);
}

void C10dCollective::start_copy_from(int root, std::span<float> values) {
  c10d::BroadcastOptions copy;
  copy.rootRank = root;
  copy.timeout = kForever;
  start([&](auto& tensors) { return group_.arrays->broadcast(tensors, copy); }, values);
}

void C10dCollective::finish() {
  for (const Started& started : started_) wait(*started.work, started.call, Patience::kDeadline);
  started_.clear();
}

void C10dCollective::complete(const std::function<WorkPointer()>& operation, Patience patience) {
  const std::uint64_t call = next_call();
  WorkPointer work;
  try {
    work = call_c10d(operation);
  } catch (const std::exception& failure) {
    explain(text_of(failure), call);
  }
  try {
    wait(*work, call, patience);
  } catch (...) {
    work.release();  // c10d's thread may still be in it
    throw;
  }
}

void C10dCollective::broadcast_tensor(at::Tensor& tensor, Patience patience) {
  c10d::BroadcastOptions copy;
  copy.timeout = kForever;
  std::vector<at::Tensor> tensors{tensor};
  complete([&] { return group_.bytes->broadcast(tensors, copy); }, patience);
}

std::string C10dCollective::broadcast(const std::string& bytes, Patience patience) {
  at::Tensor count = number_tensor(static_cast<std::int64_t>(bytes.size()));
  broadcast_tensor(count, patience);
  const std::int64_t size = *count.const_data_ptr<std::int64_t>();
  if (size == 0) return {};
  at::Tensor content = bytes_tensor(size);
  if (rank() == 0) fill(content, bytes);
  broadcast_tensor(content, Patience::kDeadline);
  return bytes_of(content, size);
}

std::vector<std::string> C10dCollective::gather(const std::string& bytes) {
  c10d::AllgatherOptions all;
  all.timeout = kForever;
  const auto exchange = [&](const at::Tensor& own) {
    std::vector<at::Tensor> inputs{own};
    std::vector<std::vector<at::Tensor>> outputs(1);
    for (int i = 0; i < size(); ++i) outputs[0].push_back(at::zeros(own.sizes(), own.options()));
    complete([&] { return group_.bytes->allgather(outputs, inputs, all); }, Patience::kDeadline);
    return outputs[0];
  };
  std::vector<std::int64_t> sizes;
  for (const at::Tensor& count : exchange(number_tensor(static_cast<std::int64_t>(bytes.size())))) {
    sizes.push_back(*count.const_data_ptr<std::int64_t>());
  }
  // All are as long as the longest: the operation knows one length only.
  at::Tensor own = bytes_tensor(*std::ranges::max_element(sizes) + 1);
  fill(own, bytes);
  const std::vector<at::Tensor> contents = exchange(own);
  std::vector<std::string> gathered;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    gathered.push_back(bytes_of(contents[i], sizes[i]));
  }
  return gathered;
}

void C10dCollective::wait(c10d::Work& work, std::uint64_t call, Patience patience) {
  const auto start = Clock::now();
  auto checked = start;
  std::optional<Clock::time_point> ill;
  while (!work.isCompleted()) {
    const auto now = Clock::now();
    if (now - checked >= kCheckEvery) {
      checked = now;
      std::string text = options_.watch ? options_.watch() : std::string();
      if (text.empty()) text = board_->problem(call, start, patience, now);
      if (!text.empty() && ill && now - *ill >= kLastWord) give_up(text);
      ill = text.empty() ? std::nullopt : std::optional(ill.value_or(now));
    }
    std::this_thread::sleep_for(poll_interval(now - start));
  }
  if (!work.isSuccess()) explain(text_of(work.exception()), call);
  work.synchronize();
}

void C10dCollective::explain(const std::string& what, std::uint64_t call) {
  const auto start = Clock::now();
  while (Clock::now() - start < options_.limits.silence + kGrace) {
    const std::string text = problem();
    if (!text.empty()) give_up(text);
    std::this_thread::sleep_for(milliseconds(10));
  }
  give_up("call " + std::to_string(call) + " of the ranks failed: " + what);
}

void C10dCollective::give_up(const std::string& text) {
  fail(text);
  throw Error(ErrorCode::kTransport, text);
}

void C10dCollective::fail(const std::string& text) {
  has_failed_ = true;
  signs_->set_failure(text);
}

std::string C10dCollective::problem() const {
  const std::string text = options_.watch ? options_.watch() : std::string();
  return text.empty() ? board_->problem(Clock::now()) : text;
}

}  // namespace midpo
