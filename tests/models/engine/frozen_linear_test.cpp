// SPDX-License-Identifier: Apache-2.0
#include "models/frozen_linear.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <gtest/gtest.h>

namespace midpo {
namespace {

// As on accelerators: no library packs weights of this dtype.
TEST(FrozenLinear, IsTransposedWithoutACopyWhereItIsNotPacked) {
  const auto type = at::TensorOptions().dtype(at::kDouble);
  at::Tensor weight_NK = at::rand({5, 3}, type);
  const FrozenLinear linear(weight_NK, at::ones({5}, type));
  ASSERT_FALSE(linear.is_packed());
  const FrozenLinear transposed = linear.transposed();
  EXPECT_EQ(transposed.num_inputs(), 5);
  EXPECT_EQ(transposed.num_outputs(), 3);
  const at::Tensor grad_MN = at::rand({4, 5}, type);
  EXPECT_TRUE(at::allclose(transposed(grad_MN), at::mm(grad_MN, weight_NK)));
  weight_NK.mul_(2);
  EXPECT_TRUE(at::allclose(transposed(grad_MN), at::mm(grad_MN, weight_NK)));
}

}  // namespace
}  // namespace midpo
