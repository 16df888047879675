// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <limits>

#include "tests/models/kernels/attention_case.h"
#include "tests/models/kernels/numeric_gradient.h"

namespace midpo {
namespace {

class AttentionTraining : public KernelCase {};
INSTANTIATE_TEST_SUITE_P(All, AttentionTraining, all_kernel_cases(), kernel_case_name);

void expect_near(const std::vector<float>& values, const std::vector<double>& wanted, DType dtype,
                 const char* what) {
  ASSERT_EQ(values.size(), wanted.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_TRUE(is_near(values[i], wanted[i], dtype)) << what << " " << i;
  }
}

TEST_P(AttentionTraining, LogSumsEqualTheirDefinition) {
  for (const auto& segments : typical_segments()) {
    for (HeadsShape shape : typical_shapes()) {
      AttentionCase attention(shape, segments, dtype());
      attention_cpu(attention.forward_args(), isa());
      // Sums of scores of bf16 inputs are fp32 all the same.
      expect_near(attention.log_sums, attention.wanted().log_sums, DType::kFloat32, "log_sum");
    }
  }
}

TEST_P(AttentionTraining, LogSumsDoNotChangeTheOutput) {
  AttentionCase with({4, 2, 64}, shared_prefix(20, 50), dtype());
  AttentionCase without({4, 2, 64}, shared_prefix(20, 50), dtype());
  attention_cpu(with.forward_args(), isa());
  AttentionArgs args = without.forward_args();
  args.log_sums = nullptr;
  attention_cpu(args, isa());
  EXPECT_TRUE(with.out == without.out);
}

TEST_P(AttentionTraining, FewQueriesHaveTheBitsOfMany) {
  for (HeadsShape shape : {HeadsShape{4, 4, 64}, {4, 2, 20}, {8, 1, 34}, {3, 1, 128}}) {
    AttentionCase all(shape, shared_prefix(0, 77), dtype());
    attention_cpu(all.forward_args(), isa());
    for (std::int64_t queries = 1; queries <= 9; ++queries) {
      AttentionCase few(shape, shared_prefix(0, 77), dtype());
      AttentionSegment segment{77 - queries, queries, 0, 30, 30, 47};
      AttentionArgs args = few.forward_args();
      args.segments = &segment;
      attention_cpu(args, isa());
      for (std::int64_t i = (77 - queries) * shape.heads * shape.dim;
           i < 77 * shape.heads * shape.dim; ++i) {
        ASSERT_EQ(few.out.at(i), all.out.at(i)) << queries << " queries, element " << i;
      }
    }
  }
}

TEST_P(AttentionTraining, GradientsEqualTheirDefinition) {
  for (const auto& segments : typical_segments()) {
    for (HeadsShape shape : typical_shapes()) {
      AttentionCase attention(shape, segments, dtype());
      attention.run(isa());
      AttentionCase::Wanted wanted = attention.wanted();
      expect_near(attention.grad_q, wanted.grad_q, dtype(), "grad_q");
      expect_near(attention.grad_k, wanted.grad_k, dtype(), "grad_k");
      expect_near(attention.grad_v, wanted.grad_v, dtype(), "grad_v");
    }
  }
}

TEST_P(AttentionTraining, BitsDoNotDependOnTheRangeOfHeads) {
  AttentionCase whole({6, 3, 32}, shared_prefix(20, 50, 2), dtype());
  whole.run(isa());
  AttentionCase parts({6, 3, 32}, shared_prefix(20, 50, 2), dtype());
  for (std::int64_t kv_head : {2, 0, 1}) {
    AttentionArgs forward = parts.forward_args();
    AttentionBackwardArgs backward = parts.backward_args();
    forward.first_kv_head = backward.first_kv_head = kv_head;
    forward.end_kv_head = backward.end_kv_head = kv_head + 1;
    attention_cpu(forward, isa());
    attention_backward_cpu(backward, isa());
  }
  EXPECT_TRUE(parts.out == whole.out);
  EXPECT_EQ(parts.log_sums, whole.log_sums);
  EXPECT_EQ(parts.grad_q, whole.grad_q);
  EXPECT_EQ(parts.grad_k, whole.grad_k);
  EXPECT_EQ(parts.grad_v, whole.grad_v);
}

TEST_P(AttentionTraining, NaNInTheOutputGradientReachesTheKeys) {
  AttentionCase attention({1, 1, 16}, shared_prefix(0, 20), dtype());
  attention_cpu(attention.forward_args(), isa());
  attention.grad_out.set(19 * 16, std::numeric_limits<float>::quiet_NaN());
  attention_backward_cpu(attention.backward_args(), isa());
  EXPECT_TRUE(std::isnan(attention.grad_k[0]));
  EXPECT_TRUE(std::isnan(attention.grad_v[0]));
  EXPECT_FALSE(std::isnan(attention.grad_q[0]));
}

/// The oracle itself: the loss sum(out * grad_out) has these slopes.
TEST(AttentionOracle, HasTheSlopesOfItsLoss) {
  AttentionCase attention({2, 1, 4}, shared_prefix(2, 3, 2), DType::kFloat32);
  AttentionCase::Wanted wanted = attention.wanted();
  auto loss = [&] {
    std::vector<double> out = attention.wanted().out;
    double sum = 0.0;
    for (std::size_t i = 0; i < out.size(); ++i) sum += out[i] * attention.grad_out[i];
    return sum;
  };
  auto slope = [&](Buffer& buffer, std::size_t i) {
    auto middle = static_cast<float>(buffer[i]);
    buffer.set(i, middle + 0.0078125F);
    double above = loss();
    buffer.set(i, middle - 0.0078125F);
    double below = loss();
    buffer.set(i, middle);
    return (above - below) / 0.015625;
  };
  for (std::size_t i = 0; i < attention.k.size(); ++i) {
    EXPECT_NEAR(slope(attention.k, i), wanted.grad_k[i] - 0.5, 2e-4);
    EXPECT_NEAR(slope(attention.v, i), wanted.grad_v[i] + 0.5, 2e-4);
  }
  for (std::size_t i = 0; i < attention.q.size(); ++i) {
    EXPECT_NEAR(slope(attention.q, i), wanted.grad_q[i], 2e-4);
  }
}

}  // namespace
}  // namespace midpo
