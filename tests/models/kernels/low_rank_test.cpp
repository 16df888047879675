// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/low_rank.h"

#include <gtest/gtest.h>

#include "tests/models/engine/kernel_case.h"

namespace midpo {
namespace {

class LowRank : public KernelCase {};
INSTANTIATE_TEST_SUITE_P(All, LowRank, all_kernel_cases(), kernel_case_name);

/// Rows of `wide` lie two elements apart.
struct ProductCase {
  LowRankArgs args;
  Buffer wide;
  std::vector<float> narrow, factors;

  ProductCase(std::int64_t rows, std::int64_t width, std::int64_t ranks, DType dtype)
      : wide(Buffer::random(count(rows * (width + 2)), dtype, 1)),
        narrow(floats(rows * ranks, 2)),
        factors(floats(ranks * width, 3)) {
    args = {wide.data(), width + 2, narrow.data(), factors.data(), rows, width, ranks, dtype};
  }

  static std::size_t count(std::int64_t size) { return static_cast<std::size_t>(size); }
  static std::vector<float> floats(std::int64_t size, unsigned seed) {
    const Buffer buffer = Buffer::random(count(size), DType::kFloat32, seed);
    return {buffer.floats(), buffer.floats() + size};
  }
  double x(std::int64_t row, std::int64_t i) const { return wide.at(row * args.wide_stride + i); }
  double c(std::int64_t row, std::int64_t rank) const {
    return narrow[count(row * args.ranks + rank)];
  }
  double f(std::int64_t rank, std::int64_t i) const {
    return factors[count(rank * args.width + i)];
  }
};

const LowRankArgs kShapes[] = {{nullptr, 0, nullptr, nullptr, 1, 1, 1},
                               {nullptr, 0, nullptr, nullptr, 5, 37, 3},
                               {nullptr, 0, nullptr, nullptr, 6, 64, 16},
                               {nullptr, 0, nullptr, nullptr, 9, 130, 34}};

/// Each of `rows` x `columns` values of `got` is the sum of `terms` terms.
template <class Got, class Term>
void expect_sums(std::int64_t rows, std::int64_t columns, std::int64_t terms, const Got& got,
                 const Term& term) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      double wanted = 0.0;
      for (std::int64_t i = 0; i < terms; ++i) wanted += term(row, column, i);
      ASSERT_NEAR(got(row, column), wanted, 1e-4) << rows << " x " << columns;
    }
  }
}

TEST_P(LowRank, ReduceEqualsItsDefinition) {
  for (const LowRankArgs& shape : kShapes) {
    ProductCase p(shape.rows, shape.width, shape.ranks, dtype());
    low_rank_reduce_cpu(p.args, isa());
    expect_sums(
        shape.rows, shape.ranks, shape.width, [&](auto row, auto rank) { return p.c(row, rank); },
        [&](auto row, auto rank, auto i) { return p.x(row, i) * p.f(rank, i); });
  }
}

TEST_P(LowRank, ExpandAddsAndLeavesWhatLiesBetweenTheRows) {
  for (const LowRankArgs& shape : kShapes) {
    ProductCase before(shape.rows, shape.width, shape.ranks, dtype());
    ProductCase after(shape.rows, shape.width, shape.ranks, dtype());
    low_rank_expand_cpu(after.args, isa());
    for (std::int64_t row = 0; row < shape.rows; ++row) {
      for (std::int64_t i = 0; i < shape.width; ++i) {
        double wanted = before.x(row, i);
        for (std::int64_t rank = 0; rank < shape.ranks; ++rank) {
          wanted += before.c(row, rank) * before.f(rank, i);
        }
        ASSERT_TRUE(is_near(after.x(row, i), wanted, dtype())) << shape.width;
      }
      ASSERT_EQ(after.x(row, shape.width), before.x(row, shape.width));
    }
  }
}

TEST_P(LowRank, GradientEqualsItsDefinition) {
  for (const LowRankArgs& shape : kShapes) {
    ProductCase p(shape.rows, shape.width, shape.ranks, dtype());
    low_rank_gradient_cpu(p.args, isa());
    expect_sums(
        shape.ranks, shape.width, shape.rows, [&](auto rank, auto i) { return p.f(rank, i); },
        [&](auto rank, auto i, auto row) { return p.c(row, rank) * p.x(row, i); });
  }
}

TEST_P(LowRank, ARowsBitsDoNotDependOnTheOthers) {
  ProductCase all(9, 130, 34, dtype());
  low_rank_reduce_cpu(all.args, isa());
  for (std::int64_t rows = 1; rows < 9; ++rows) {
    ProductCase some(9, 130, 34, dtype());
    some.args.rows = rows;
    low_rank_reduce_cpu(some.args, isa());
    for (std::int64_t rank = 0; rank < 34; ++rank)
      ASSERT_EQ(some.c(rows - 1, rank), all.c(rows - 1, rank));
  }
}

}  // namespace
}  // namespace midpo
