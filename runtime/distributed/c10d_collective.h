// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/csrc/distributed/c10d/Work.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/distributed/c10d_group.h"
#include "runtime/distributed/life_signs.h"

namespace midpo {

/// A Collective over c10d. Its own waits never block: they poll, and between polls ask whether
/// anybody is left to wait for.
class C10dCollective final : public Collective {
 public:
  explicit C10dCollective(const CollectiveOptions& options);
  /// A group that has failed is left as it is: c10d would wait for its own threads.
  ~C10dCollective() override;

  int rank() const override { return options_.rank; }
  int size() const override { return options_.size; }
  void start_sum(std::span<float> values) override;
  void start_sum_at(int root, std::span<float> values) override;
  void start_copy_from(int root, std::span<float> values) override;
  void finish() override;
  std::string broadcast(const std::string& bytes, Patience patience) override;
  std::vector<std::string> gather(const std::string& bytes) override;
  void fail(const std::string& text) override;
  std::string problem() const override;

 private:
  using WorkPointer = c10::intrusive_ptr<c10d::Work>;
  struct Started {
    WorkPointer work;
    at::Tensor values;
    std::uint64_t call = 0;
  };

  at::Tensor tensor_of(std::span<float> values) const;
  void start(const std::function<WorkPointer(std::vector<at::Tensor>&)>& operation,
             std::span<float> values);
  /// Runs an operation on bytes to its end.
  void complete(const std::function<WorkPointer()>& operation, Patience patience);
  void broadcast_tensor(at::Tensor& tensor, Patience patience);
  std::uint64_t next_call();
  void wait(c10d::Work& work, std::uint64_t call, Patience patience);
  /// An operation that ended with an exception: who caused it?
  [[noreturn]] void explain(const std::string& what, std::uint64_t call);
  [[noreturn]] void give_up(const std::string& text);

  CollectiveOptions options_;
  JoinedGroup group_;
  std::shared_ptr<RankBoard> board_;
  std::unique_ptr<LifeSigns> signs_;
  std::vector<Started> started_;
  std::uint64_t num_calls_ = 0;
  bool has_failed_ = false;
};

}  // namespace midpo
