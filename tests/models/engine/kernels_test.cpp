// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/models/kernels/kernel_machine.h"

namespace midpo {
namespace {

class Kernels : public MachineCase {};
INSTANTIATE_TEST_SUITE_P(All, Kernels, all_machine_cases(), machine_case_name);

constexpr std::size_t kRows = 3;
constexpr std::size_t kOddDims[] = {1, 15, 16, 17, 64, 100};

TEST_P(Kernels, RmsNormAddsTheDeltaAndNormalizes) {
  for (std::size_t dim : kOddDims) {
    Buffer residual = Buffer::random(kRows * dim, DType::kFloat32, 1, 3.0F);
    Buffer before = residual;
    Buffer delta = Buffer::random(kRows * dim, dtype(), 2);
    Buffer weight = Buffer::random(dim, DType::kFloat32, 3);
    Buffer out(kRows * dim, dtype());
    RmsNormArgs args;
    args.residual = static_cast<float*>(residual.data());
    args.delta = delta.data();
    args.weight = weight.floats();
    args.out = out.data();
    args.rows = kRows;
    args.dim = static_cast<std::int64_t>(dim);
    args.eps = 1e-5F;
    args.dtype = dtype();
    machine().run(args);
    for (std::size_t row = 0; row < kRows; ++row) {
      double squares = 0.0;
      for (std::size_t i = row * dim; i < (row + 1) * dim; ++i) {
        ASSERT_TRUE(is_near(residual[i], before[i] + delta[i], DType::kFloat32));
        squares += residual[i] * residual[i];
      }
      double scale = 1.0 / std::sqrt(squares / static_cast<double>(dim) + 1e-5);
      for (std::size_t i = 0; i < dim; ++i) {
        ASSERT_TRUE(
            is_near(out[row * dim + i], residual[row * dim + i] * scale * weight[i], dtype()));
      }
    }
  }
}

TEST_P(Kernels, RmsNormWithoutDeltaLeavesTheResidual) {
  Buffer residual = Buffer::random(20, DType::kFloat32, 1);
  Buffer before = residual;
  Buffer weight = Buffer::random(20, DType::kFloat32, 2);
  Buffer out(20, dtype());
  machine().run(RmsNormArgs{static_cast<float*>(residual.data()), nullptr, weight.floats(),
                            out.data(), 1, 20, 1e-6F, dtype()});
  EXPECT_TRUE(residual == before);
}

TEST_P(Kernels, SiluMulIsExactAlsoForLargeInputs) {
  for (std::size_t dim : kOddDims) {
    Buffer gate_up = Buffer::random(kRows * 2 * dim, dtype(), 4, 4.0F);
    gate_up.set(0, -200.0F);
    gate_up.set(2 * dim, 200.0F);
    Buffer out(kRows * dim, dtype());
    auto width = static_cast<std::int64_t>(dim);
    machine().run(SiluMulArgs{gate_up.data(), out.data(), kRows, width, dtype()});
    for (std::size_t row = 0; row < kRows; ++row) {
      for (std::size_t i = 0; i < dim; ++i) {
        double gate = gate_up[row * 2 * dim + i];
        double up = gate_up[row * 2 * dim + dim + i];
        ASSERT_TRUE(is_near(out[row * dim + i], gate / (1.0 + std::exp(-gate)) * up, dtype()));
      }
    }
  }
}

TEST_P(Kernels, SiluMulKeepsNaN) {
  Buffer gate_up = Buffer::random(32, dtype(), 5);
  gate_up.set(3, std::numeric_limits<float>::quiet_NaN());
  Buffer out(16, dtype());
  machine().run(SiluMulArgs{gate_up.data(), out.data(), 1, 16, dtype()});
  EXPECT_TRUE(std::isnan(out[3]));
  EXPECT_FALSE(std::isnan(out[4]));
}

/// Heads, positions and outputs of one rope call.
struct RopeCase {
  static constexpr std::int64_t kHeads = 3;
  static constexpr std::int64_t kKvHeads = 2;
  std::int64_t dim;
  DType dtype;
  std::vector<std::int32_t> positions{5, 0};
  Buffer qkv, cos_sin, q_norm, k_norm, q, k, v;

  RopeCase(std::int64_t head_dim, DType type)
      : dim(head_dim),
        dtype(type),
        qkv(Buffer::random(elements(2 * (kHeads + 2 * kKvHeads)), type, 6)),
        cos_sin(Buffer::random(elements(6), DType::kFloat32, 7)),
        q_norm(Buffer::random(elements(1), DType::kFloat32, 8)),
        k_norm(Buffer::random(elements(1), DType::kFloat32, 9)),
        q(elements(2 * kHeads), type),
        k(elements(2 * kKvHeads), type),
        v(elements(2 * kKvHeads), type) {}

  std::size_t elements(std::int64_t heads) const { return static_cast<std::size_t>(heads * dim); }

  void run(const KernelMachine& machine, bool has_norm, const std::int64_t* kv_rows = nullptr) {
    RopeArgs args;
    args.kv_rows = kv_rows;
    args.qkv = qkv.data();
    args.positions = positions.data();
    args.cos_sin = cos_sin.floats();
    args.q_norm = has_norm ? q_norm.floats() : nullptr;
    args.k_norm = has_norm ? k_norm.floats() : nullptr;
    args.q = q.data();
    args.k = k.data();
    args.v = v.data();
    args.q_head_stride = args.kv_head_stride = 2 * dim;
    args.rows = 2;
    args.num_heads = kHeads;
    args.num_kv_heads = kKvHeads;
    args.head_dim = dim;
    args.eps = 1e-6F;
    args.dtype = dtype;
    machine.run(args);
  }

  /// What head `head` (q heads first, then k) of `row` should become.
  double wanted(std::int64_t row, std::int64_t head, std::int64_t i, bool has_norm) const {
    const Buffer& norm = head < kHeads ? q_norm : k_norm;
    std::int64_t base = (row * (kHeads + 2 * kKvHeads) + head) * dim;
    double squares = 0.0;
    for (std::int64_t d = 0; d < dim; ++d) squares += qkv.at(base + d) * qkv.at(base + d);
    double scale = 1.0 / std::sqrt(squares / static_cast<double>(dim) + 1e-6);
    auto input = [&](std::int64_t d) {
      return has_norm ? qkv.at(base + d) * scale * norm.at(d) : qkv.at(base + d);
    };
    std::int64_t half = dim / 2;
    std::int64_t table = positions[static_cast<std::size_t>(row)] * dim + i % half;
    double other = i < half ? -input(i + half) : input(i - half);
    return input(i) * cos_sin.at(table) + other * cos_sin.at(table + half);
  }
};

TEST_P(Kernels, RopeRotatesQueriesAndKeysAndCopiesValues) {
  for (std::int64_t dim : {2, 20, 64, 128}) {
    for (bool has_norm : {false, true}) {
      RopeCase rope(dim, dtype());
      rope.run(machine(), has_norm);
      for (std::int64_t row = 0; row < 2; ++row) {
        for (std::int64_t i = 0; i < dim; ++i) {
          for (std::int64_t h = 0; h < RopeCase::kHeads; ++h) {
            ASSERT_TRUE(is_near(rope.q.at((h * 2 + row) * dim + i),
                                rope.wanted(row, h, i, has_norm), dtype()));
          }
          for (std::int64_t h = 0; h < RopeCase::kKvHeads; ++h) {
            ASSERT_TRUE(is_near(rope.k.at((h * 2 + row) * dim + i),
                                rope.wanted(row, RopeCase::kHeads + h, i, has_norm), dtype()));
            ASSERT_EQ(rope.v.at((h * 2 + row) * dim + i), rope.qkv.at((row * 7 + 5 + h) * dim + i));
          }
        }
      }
    }
  }
}

TEST_P(Kernels, RopePutsKeysAndValuesIntoTheirRows) {
  RopeCase as_they_come(20, dtype());
  as_they_come.run(machine(), false);
  RopeCase swapped(20, dtype());
  const std::int64_t rows[] = {1, 0};
  swapped.run(machine(), false, rows);
  EXPECT_TRUE(swapped.q == as_they_come.q);
  for (std::int64_t i = 0; i < 2 * RopeCase::kKvHeads * 20; ++i) {
    const std::int64_t other = i % 40 < 20 ? i + 20 : i - 20;
    ASSERT_EQ(swapped.k.at(i), as_they_come.k.at(other));
    ASSERT_EQ(swapped.v.at(i), as_they_come.v.at(other));
  }
}

TEST_P(Kernels, LogSoftmaxReadsTheTargets) {
  for (std::int64_t vocab : {1, 7, 16, 331}) {
    Buffer logits = Buffer::random(static_cast<std::size_t>(3 * vocab), dtype(), 10, 20.0F);
    auto last = static_cast<std::int32_t>(vocab - 1);
    std::vector<LogProbTarget> targets = {{0, 0}, {2, 0}, {2, last}};
    std::vector<float> out(targets.size());
    machine().run(LogSoftmaxArgs{logits.data(), vocab, targets.data(), 3, out.data(), dtype()});
    for (std::size_t i = 0; i < targets.size(); ++i) {
      std::int64_t base = targets[i].row * vocab;
      double largest = logits.at(base);
      for (std::int64_t v = 0; v < vocab; ++v) largest = std::max(largest, logits.at(base + v));
      double sum = 0.0;
      for (std::int64_t v = 0; v < vocab; ++v) sum += std::exp(logits.at(base + v) - largest);
      double wanted = logits.at(base + targets[i].token) - largest - std::log(sum);
      // fp32 whatever the logits' type: they are the input.
      ASSERT_TRUE(is_near(out[i], wanted, DType::kFloat32));
    }
  }
}

TEST_P(Kernels, LogSoftmaxGivesNaNForInfiniteLogits) {
  Buffer logits = Buffer::random(40, dtype(), 11);
  logits.set(20, std::numeric_limits<float>::infinity());
  LogProbTarget target{0, 1};
  float out = 0.0F;
  machine().run(LogSoftmaxArgs{logits.data(), 40, &target, 1, &out, dtype()});
  EXPECT_FALSE(std::isfinite(out));
}

}  // namespace
}  // namespace midpo
