// SPDX-License-Identifier: Apache-2.0
// The CPU backend's training calls: against ATen in double, and their independence of threads.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>
#include <omp.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "models/backend.h"
#include "models/exact_attention.h"
#include "models/packing.h"

namespace midpo {
namespace {

constexpr std::int64_t kHeads = 4;
constexpr std::int64_t kKvHeads = 2;
constexpr std::int64_t kDim = 32;

std::vector<std::int32_t> tokens_of(std::size_t length, std::int32_t first) {
  std::vector<std::int32_t> tokens(length, 1);
  for (std::size_t i = 20; i < length; ++i) tokens[i] = first;
  return tokens;
}

/// Two pairs that share 20 tokens, and all that one attention call and its gradients need.
struct AttendCase {
  PackedBatch packed;
  std::shared_ptr<const Backend> backend = make_cpu_backend();
  DeviceBatch batch;
  Queries queries;
  AttentionGradients tensors;

  AttendCase(Queries which, at::ScalarType type)
      : packed(make_batch()),
        batch(backend->upload(packed, std::vector<float>(kDim / 2, 1.0F))),
        queries(which) {
    std::int64_t tokens = packed.num_tokens();
    std::int64_t rows = which == Queries::kAll ? tokens : packed.num_reads();
    auto random = [&](std::vector<std::int64_t> sizes) { return at::randn(sizes).to(type); };
    tensors.q = random({kHeads, rows, kDim});
    tensors.k = random({kKvHeads, tokens, kDim});
    tensors.v = random({kKvHeads, tokens, kDim});
    tensors.out = at::zeros({rows, kHeads * kDim}, type);
    tensors.grad_out = random({rows, kHeads * kDim});
    tensors.log_sums = at::zeros({kHeads, rows});
    tensors.grad_q = at::zeros({kHeads, rows, kDim});
    tensors.grad_k = at::full({kKvHeads, tokens, kDim}, 0.5);
    tensors.grad_v = at::full({kKvHeads, tokens, kDim}, -0.5);
  }

  static PackedBatch make_batch() {
    std::vector<RowTokens> rows{{{tokens_of(50, 2), tokens_of(61, 3)}},
                                {{tokens_of(33, 4), tokens_of(90, 5)}}};
    return pack_for_log_probs(rows, LogProbRange::kFromDifference).batch;
  }

  void run() {
    backend->attend_for_training(tensors.q, tensors.k, tensors.v, batch, queries, tensors.out,
                                 tensors.log_sums);
    backend->attend_backward(tensors, batch, queries);
  }

  /// The same inputs in double, with gradients as they are before run().
  AttentionGradients in_double() const {
    AttentionGradients copy = tensors;
    for (at::Tensor* tensor : {&copy.q, &copy.k, &copy.v, &copy.out, &copy.grad_out, &copy.log_sums,
                               &copy.grad_q, &copy.grad_k, &copy.grad_v}) {
      *tensor = tensor->to(at::kDouble, false, true);
    }
    return copy;
  }
};

double largest_error(const at::Tensor& value, const at::Tensor& wanted) {
  return ((value.to(at::kDouble) - wanted).abs() / (1.0 + wanted.abs())).max().item<double>();
}

void expect_equals_double(Queries queries, at::ScalarType type, double tolerated) {
  AttendCase attend(queries, type);
  AttentionGradients wanted = attend.in_double();
  const std::vector<AttentionSegment>& segments =
      queries == Queries::kAll ? attend.packed.segments : attend.packed.read_segments;
  exact_attention(wanted.q, wanted.k, wanted.v, segments, wanted.out, wanted.log_sums);
  exact_attention_backward(wanted, segments);
  attend.run();
  EXPECT_LE(largest_error(attend.tensors.out, wanted.out), tolerated);
  EXPECT_LE(largest_error(attend.tensors.log_sums, wanted.log_sums), 1e-5);
  EXPECT_LE(largest_error(attend.tensors.grad_q, wanted.grad_q), tolerated);
  EXPECT_LE(largest_error(attend.tensors.grad_k, wanted.grad_k), tolerated);
  EXPECT_LE(largest_error(attend.tensors.grad_v, wanted.grad_v), tolerated);
}

TEST(CpuBackend, AttentionGradientsEqualAtensInDouble) {
  for (Queries queries : {Queries::kAll, Queries::kReads}) {
    expect_equals_double(queries, at::kFloat, 1e-5);
    expect_equals_double(queries, at::kBFloat16, 4e-2);
  }
}

TEST(CpuBackend, AttendForTrainingHasTheBitsOfAttend) {
  AttendCase attend(Queries::kAll, at::kBFloat16);
  at::Tensor out = at::zeros_like(attend.tensors.out);
  attend.backend->attend(attend.tensors.q, attend.tensors.k, attend.tensors.v, attend.batch,
                         Queries::kAll, out);
  attend.run();
  EXPECT_TRUE(at::equal(attend.tensors.out, out));
}

TEST(CpuBackend, AttentionBitsDoNotDependOnTheNumberOfThreads) {
  AttendCase alone(Queries::kAll, at::kFloat);
  AttendCase shared = alone;
  shared.tensors = alone.tensors;
  for (at::Tensor* tensor : {&shared.tensors.out, &shared.tensors.log_sums, &shared.tensors.grad_q,
                             &shared.tensors.grad_k, &shared.tensors.grad_v}) {
    *tensor = tensor->clone();
  }
  at::set_num_threads(1);
  alone.run();
  at::set_num_threads(2);
  shared.run();
  EXPECT_TRUE(at::equal(shared.tensors.out, alone.tensors.out));
  EXPECT_TRUE(at::equal(shared.tensors.log_sums, alone.tensors.log_sums));
  EXPECT_TRUE(at::equal(shared.tensors.grad_q, alone.tensors.grad_q));
  EXPECT_TRUE(at::equal(shared.tensors.grad_k, alone.tensors.grad_k));
  EXPECT_TRUE(at::equal(shared.tensors.grad_v, alone.tensors.grad_v));
}

TEST(CpuBackend, SoftmaxGradientBitsDoNotDependOnTheNumberOfThreads) {
  at::Tensor logits = at::randn({5, 100}).to(at::kBFloat16);
  std::vector<std::int32_t> tokens{3, 99, 0, 7, 50};
  std::vector<float> weights{1.0F, 2.0F, 3.0F, 4.0F, 5.0F};
  auto run = [&](int threads, at::Tensor& gradient) {
    at::set_num_threads(threads);
    gradient = logits.clone();
    std::vector<float> log_probs(5);
    make_cpu_backend()->softmax_gradient({gradient.mutable_data_ptr(), tokens.data(),
                                          weights.data(), log_probs.data(), 5, 100,
                                          DType::kBFloat16});
    return log_probs;
  };
  at::Tensor alone, shared;
  EXPECT_EQ(run(1, alone), run(3, shared));
  EXPECT_TRUE(at::equal(alone, shared));
}

TEST(CpuBackend, ParallelForRunsEachIndexOnceOnSeveralThreads) {
  at::set_num_threads(3);
  std::vector<int> runs(9);
  std::set<std::thread::id> threads;
  std::mutex mutex;
  make_cpu_backend()->parallel_for(9, [&](std::int64_t i) {
    std::lock_guard lock(mutex);
    ++runs[static_cast<std::size_t>(i)];
    threads.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(runs, std::vector<int>(9, 1));
  EXPECT_EQ(threads.size(), 3U);
}

TEST(CpuBackend, ParallelForKeepsAtenOnOneThreadInside) {
  at::set_num_threads(3);
  std::atomic<int> inside = 0;
  make_cpu_backend()->parallel_for(3, [&](std::int64_t) { inside += at::in_parallel_region(); });
  EXPECT_EQ(inside, 3);
}

TEST(CpuBackend, AThreadKeepsItsShareWhateverOthersSet) {
  const auto backend = make_cpu_backend();
  std::set<int> indices;
  std::thread([&] {
    backend->enter_thread();
    std::thread([] { at::set_num_threads(3); }).join();
    std::mutex mutex;
    backend->parallel_for(64, [&](std::int64_t) {
      std::lock_guard lock(mutex);
      indices.insert(at::get_thread_num());
    });
  }).join();
  EXPECT_EQ(indices, std::set<int>{0});
}

TEST(CpuBackend, AThreadGetsItsShareOnABusyMachineToo) {
  std::thread([] {
    omp_set_dynamic(1);
    make_cpu_backend()->enter_thread();
    EXPECT_EQ(omp_get_dynamic(), 0);
  }).join();
}

TEST(CpuBackend, ParallelForPassesErrorsOn) {
  EXPECT_THROW(make_cpu_backend()->parallel_for(4,
                                                [](std::int64_t i) {
                                                  if (i == 2) throw std::runtime_error("two");
                                                }),
               std::runtime_error);
}

}  // namespace
}  // namespace midpo
