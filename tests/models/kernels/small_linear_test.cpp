// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "models/kernels/small_linear.h"
#include "tests/models/engine/kernel_case.h"

namespace midpo {
namespace {

class SmallLinear : public KernelCase {};
INSTANTIATE_TEST_SUITE_P(All, SmallLinear, all_kernel_cases(), kernel_case_name);

struct LinearCase {
  SmallLinearShape shape;
  Buffer weight, bias, x;
  std::vector<char> packed;

  LinearCase(std::int64_t inputs, std::int64_t outputs, std::int64_t max_rows, DType dtype,
             CpuIsa isa)
      : shape{inputs, outputs, dtype, isa},
        weight(Buffer::random(count(inputs * outputs), dtype, 1)),
        bias(Buffer::random(count(outputs), dtype, 2)),
        x(Buffer::random(count(inputs * max_rows), dtype, 3)),
        packed(count(shape.num_blocks() * shape.block_bytes())) {
    pack_small_linear(shape, weight.data(), packed.data());
  }

  static std::size_t count(std::int64_t size) { return static_cast<std::size_t>(size); }

  SmallLinearArgs args(Buffer& y, std::int64_t rows) {
    return {x.data(), packed.data(), bias.data(), y.data(), rows, 0, shape.num_blocks()};
  }
  Buffer run(std::int64_t rows) {
    Buffer y(count(rows * shape.num_outputs), shape.dtype);
    small_linear_cpu(shape, args(y, rows));
    return y;
  }
};

TEST_P(SmallLinear, EqualsItsDefinition) {
  for (auto [inputs, outputs] : {std::pair{2, 1}, {34, 17}, {64, 64}, {130, 200}}) {
    LinearCase linear(inputs, outputs, 5, dtype(), isa());
    Buffer y = linear.run(5);
    for (std::int64_t row = 0; row < 5; ++row) {
      for (std::int64_t n = 0; n < outputs; ++n) {
        double wanted = linear.bias.at(n);
        for (std::int64_t k = 0; k < inputs; ++k) {
          wanted += linear.x.at(row * inputs + k) * linear.weight.at(n * inputs + k);
        }
        ASSERT_TRUE(is_near(y.at(row * outputs + n), wanted, dtype())) << inputs << " " << outputs;
      }
    }
  }
}

TEST_P(SmallLinear, ARowsBitsDoNotDependOnTheNumberOfRows) {
  LinearCase linear(66, 150, 20, dtype(), isa());
  Buffer all = linear.run(20);
  for (std::int64_t rows = 1; rows < 20; ++rows) {
    Buffer some = linear.run(rows);
    for (std::int64_t i = 0; i < rows * 150; ++i) ASSERT_EQ(some.at(i), all.at(i)) << rows;
  }
}

TEST_P(SmallLinear, BlocksMayBeComputedApart) {
  LinearCase linear(66, 150, 3, dtype(), isa());
  Buffer whole = linear.run(3);
  Buffer parts(whole.size(), dtype());
  for (std::int64_t block = linear.shape.num_blocks(); block-- > 0;) {
    SmallLinearArgs args = linear.args(parts, 3);
    args.first_block = block;
    args.end_block = block + 1;
    small_linear_cpu(linear.shape, args);
  }
  EXPECT_TRUE(parts == whole);
}

TEST_P(SmallLinear, BiasIsOptional) {
  LinearCase linear(32, 40, 1, dtype(), isa());
  Buffer zeros(40, dtype());
  linear.bias = zeros;
  Buffer with = linear.run(1);
  Buffer without(with.size(), dtype());
  SmallLinearArgs args = linear.args(without, 1);
  args.bias = nullptr;
  small_linear_cpu(linear.shape, args);
  EXPECT_TRUE(without == with);
}

}  // namespace
}  // namespace midpo
