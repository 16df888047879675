// SPDX-License-Identifier: Apache-2.0
#include "models/frozen_linear.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

namespace midpo {
namespace {

/// The largest difference from ATen's product in double, relative to 1 + |wanted|.
double decoding_error(at::ScalarType type, std::int64_t rows) {
  at::Tensor weight = (at::randn({200, 130}) * 0.1).to(type);
  at::Tensor bias = at::randn({200}).to(type);
  at::Tensor x = at::randn({rows, 130}).to(type);
  at::Tensor wanted = at::linear(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble));
  FrozenLinear linear(weight.clone(), bias, LinearCalls::kBatchesAndDecoding);
  at::Tensor error = (linear.decode(x).to(at::kDouble) - wanted).abs() / (1.0 + wanted.abs());
  return error.max().item<double>();
}

TEST(FrozenLinearDecode, EqualsAtensProduct) {
  for (std::int64_t rows : {1, 2, 7, 16}) {
    EXPECT_LE(decoding_error(at::kFloat, rows), 1e-5);
    EXPECT_LE(decoding_error(at::kBFloat16, rows), 4e-3);
  }
}

TEST(FrozenLinearDecode, BitsDependNeitherOnRowsNorThreads) {
  for (at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    FrozenLinear linear(at::randn({1000, 512}).to(type), {}, LinearCalls::kBatchesAndDecoding);
    at::Tensor x = at::randn({16, 512}).to(type);
    at::set_num_threads(1);
    at::Tensor all = linear.decode(x);
    at::set_num_threads(2);
    for (std::int64_t rows : {1, 2, 5, 16}) {
      EXPECT_TRUE(at::equal(linear.decode(x.narrow(0, 0, rows)), all.narrow(0, 0, rows)));
    }
  }
}

TEST(FrozenLinearDecode, WithoutOptingInIsTheBatchProduct) {
  FrozenLinear linear(at::randn({64, 32}), {});
  at::Tensor x = at::randn({4, 32});
  EXPECT_TRUE(at::equal(linear.decode(x), linear(x)));
}

TEST(FrozenLinearDecode, LeavesTheBatchProductAsItIs) {
  at::Tensor weight = at::randn({64, 32});
  at::Tensor x = at::randn({4, 32});
  FrozenLinear batches(weight.clone(), {});
  FrozenLinear both(weight.clone(), {}, LinearCalls::kBatchesAndDecoding);
  EXPECT_TRUE(at::equal(both(x), batches(x)));
}

}  // namespace
}  // namespace midpo
