// SPDX-License-Identifier: Apache-2.0
// Each gradient against central differences of its operation's definition, in double.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/models/kernels/kernel_machine.h"
#include "tests/models/kernels/numeric_gradient.h"

namespace midpo {
namespace {

class BackwardKernels : public MachineCase {};
INSTANTIATE_TEST_SUITE_P(All, BackwardKernels, all_machine_cases(), machine_case_name);

constexpr std::size_t kRows = 3;
constexpr std::size_t kOddDims[] = {1, 15, 16, 17, 64, 100};

std::vector<double> values_of(const Buffer& buffer) {
  std::vector<double> values(buffer.size());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = buffer[i];
  return values;
}

/// Inputs of one RMSNorm and the loss sum(grad_out * x / rms(x) * weight).
struct RmsNormCase {
  std::size_t dim, rows;
  DType dtype;
  Buffer residual, weight, grad_out, grad_residual, rounded_grad, grad_weight;
  std::vector<double> x, w;

  RmsNormCase(std::size_t width, DType type, std::size_t num_rows = kRows)
      : dim(width),
        rows(num_rows),
        dtype(type),
        residual(Buffer::random(num_rows * width, DType::kFloat32, 1, 3.0F)),
        weight(Buffer::random(width, DType::kFloat32, 2)),
        grad_out(Buffer::random(num_rows * width, type, 3)),
        grad_residual(Buffer::random(num_rows * width, DType::kFloat32, 4)),
        rounded_grad(num_rows * width, type),
        grad_weight(Buffer::random(width, DType::kFloat32, 5)),
        x(values_of(residual)),
        w(values_of(weight)) {}

  RmsNormBackwardArgs args() {
    RmsNormBackwardArgs result;
    result.residual = residual.floats();
    result.weight = weight.floats();
    result.grad_out = grad_out.data();
    result.grad_residual = static_cast<float*>(grad_residual.data());
    result.rounded_grad = rounded_grad.data();
    result.grad_weight = static_cast<float*>(grad_weight.data());
    result.rows = static_cast<std::int64_t>(rows);
    result.dim = static_cast<std::int64_t>(dim);
    result.eps = 1e-5F;
    result.dtype = dtype;
    return result;
  }

  double loss() const {
    double sum = 0.0;
    for (std::size_t row = 0; row < rows; ++row) {
      double squares = 0.0;
      for (std::size_t i = row * dim; i < (row + 1) * dim; ++i) squares += x[i] * x[i];
      double scale = 1.0 / std::sqrt(squares / static_cast<double>(dim) + 1e-5);
      for (std::size_t i = 0; i < dim; ++i) {
        sum += grad_out[row * dim + i] * x[row * dim + i] * scale * w[i];
      }
    }
    return sum;
  }
};

TEST_P(BackwardKernels, RmsNormAddsItsGradients) {
  for (std::size_t dim : kOddDims) {
    RmsNormCase norm(dim, dtype());
    Buffer before = norm.grad_residual;
    Buffer weight_before = norm.grad_weight;
    machine().run(norm.args());
    auto loss = [&] { return norm.loss(); };
    for (std::size_t i = 0; i < norm.x.size(); ++i) {
      double wanted = before[i] + derivative(loss, norm.x[i]);
      ASSERT_TRUE(is_near(norm.grad_residual[i], wanted, DType::kFloat32)) << dim << ": " << i;
    }
    for (std::size_t i = 0; i < dim; ++i) {
      double wanted = weight_before[i] + derivative(loss, norm.w[i]);
      ASSERT_TRUE(is_near(norm.grad_weight[i], wanted, DType::kFloat32)) << dim << ": " << i;
    }
  }
}

TEST_P(BackwardKernels, RmsNormSumsManyRowsForTheWeight) {
  RmsNormCase norm(5, dtype(), 70);
  Buffer before = norm.grad_weight;
  machine().run(norm.args());
  auto loss = [&] { return norm.loss(); };
  for (std::size_t i = 0; i < norm.dim; ++i) {
    double wanted = before[i] + derivative(loss, norm.w[i]);
    ASSERT_TRUE(is_near(norm.grad_weight[i], wanted, DType::kFloat32)) << i;
  }
}

TEST_P(BackwardKernels, RmsNormRoundsTheUpdatedGradient) {
  RmsNormCase norm(37, dtype());
  machine().run(norm.args());
  Buffer rounded(norm.grad_residual.size(), dtype());
  for (std::size_t i = 0; i < rounded.size(); ++i) {
    rounded.set(i, static_cast<float>(norm.grad_residual[i]));
  }
  EXPECT_TRUE(norm.rounded_grad == rounded);
}

TEST_P(BackwardKernels, RmsNormWithoutOptionalOutputsHasTheSameBits) {
  RmsNormCase with(37, dtype());
  RmsNormCase without(37, dtype());
  machine().run(with.args());
  RmsNormBackwardArgs args = without.args();
  args.rounded_grad = nullptr;
  args.grad_weight = nullptr;
  machine().run(args);
  EXPECT_TRUE(with.grad_residual == without.grad_residual);
}

/// loss = sum(grad_out * silu(gate) * up).
double silu_loss(const std::vector<double>& gate_up, const Buffer& grad_out, std::size_t dim) {
  double sum = 0.0;
  for (std::size_t i = 0; i < grad_out.size(); ++i) {
    double gate = gate_up[i / dim * 2 * dim + i % dim];
    double up = gate_up[i / dim * 2 * dim + dim + i % dim];
    sum += grad_out[i] * gate / (1.0 + std::exp(-gate)) * up;
  }
  return sum;
}

TEST_P(BackwardKernels, SiluMulHasTheSlopesOfItsLoss) {
  for (std::size_t dim : kOddDims) {
    Buffer gate_up = Buffer::random(kRows * 2 * dim, dtype(), 4, 3.0F);
    gate_up.set(0, -200.0F);
    gate_up.set(2 * dim, 200.0F);
    Buffer grad_out = Buffer::random(kRows * dim, dtype(), 5);
    Buffer gradient(kRows * 2 * dim, dtype());
    machine().run(SiluMulBackwardArgs{gate_up.data(), grad_out.data(), gradient.data(), kRows,
                                      static_cast<std::int64_t>(dim), dtype()});
    std::vector<double> inputs = values_of(gate_up);
    auto loss = [&] { return silu_loss(inputs, grad_out, dim); };
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      ASSERT_TRUE(is_near(gradient[i], derivative(loss, inputs[i]), dtype())) << dim << ": " << i;
    }
  }
}

TEST_P(BackwardKernels, SiluMulMayOverwriteItsInput) {
  Buffer gate_up = Buffer::random(kRows * 2 * 37, dtype(), 4);
  Buffer grad_out = Buffer::random(kRows * 37, dtype(), 5);
  Buffer apart(gate_up.size(), dtype());
  machine().run(
      SiluMulBackwardArgs{gate_up.data(), grad_out.data(), apart.data(), kRows, 37, dtype()});
  machine().run(
      SiluMulBackwardArgs{gate_up.data(), grad_out.data(), gate_up.data(), kRows, 37, dtype()});
  EXPECT_TRUE(gate_up == apart);
}

TEST_P(BackwardKernels, SiluMulKeepsNaN) {
  Buffer gate_up = Buffer::random(32, dtype(), 4);
  gate_up.set(3, std::numeric_limits<float>::quiet_NaN());
  Buffer grad_out = Buffer::random(16, dtype(), 5);
  Buffer gradient(32, dtype());
  machine().run(
      SiluMulBackwardArgs{gate_up.data(), grad_out.data(), gradient.data(), 1, 16, dtype()});
  EXPECT_TRUE(std::isnan(gradient[3]));
  EXPECT_FALSE(std::isnan(gradient[4]));
}

/// Heads of one rope call and the loss sum(grad_q * q) + sum(grad_k * k) + sum(grad_v * v).
struct RopeCase {
  static constexpr std::size_t kHeads = 3;
  static constexpr std::size_t kKvHeads = 2;
  static constexpr std::size_t kWidth = kHeads + 2 * kKvHeads;
  std::size_t dim;
  DType dtype;
  bool has_norm;
  std::vector<std::int32_t> positions{5, 0, 3};
  Buffer qkv, cos_sin, q_norm, k_norm, grad_q, grad_k, grad_v, grad_qkv, grad_q_norm, grad_k_norm;
  std::vector<double> x, norm_of_q, norm_of_k;

  RopeCase(std::size_t head_dim, DType type, bool normed)
      : dim(head_dim),
        dtype(type),
        has_norm(normed),
        qkv(Buffer::random(kRows * kWidth * head_dim, type, 6)),
        cos_sin(Buffer::random(6 * head_dim, DType::kFloat32, 7)),
        q_norm(Buffer::random(head_dim, DType::kFloat32, 8)),
        k_norm(Buffer::random(head_dim, DType::kFloat32, 9)),
        grad_q(Buffer::random(kHeads * kRows * head_dim, DType::kFloat32, 10)),
        grad_k(Buffer::random(kKvHeads * kRows * head_dim, DType::kFloat32, 11)),
        grad_v(Buffer::random(kKvHeads * kRows * head_dim, DType::kFloat32, 12)),
        grad_qkv(qkv.size(), type),
        grad_q_norm(Buffer::random(head_dim, DType::kFloat32, 13)),
        grad_k_norm(Buffer::random(head_dim, DType::kFloat32, 14)),
        x(values_of(qkv)),
        norm_of_q(values_of(q_norm)),
        norm_of_k(values_of(k_norm)) {}

  void run(const KernelMachine& machine) {
    RopeBackwardArgs args;
    args.grad_q = grad_q.floats();
    args.grad_k = grad_k.floats();
    args.grad_v = grad_v.floats();
    args.q_head_stride = args.kv_head_stride = static_cast<std::int64_t>(kRows * dim);
    args.positions = positions.data();
    args.cos_sin = cos_sin.floats();
    args.qkv = has_norm ? qkv.data() : nullptr;
    args.q_norm = has_norm ? q_norm.floats() : nullptr;
    args.k_norm = has_norm ? k_norm.floats() : nullptr;
    args.grad_qkv = grad_qkv.data();
    args.grad_q_norm = has_norm ? static_cast<float*>(grad_q_norm.data()) : nullptr;
    args.grad_k_norm = has_norm ? static_cast<float*>(grad_k_norm.data()) : nullptr;
    args.rows = kRows;
    args.num_heads = kHeads;
    args.num_kv_heads = kKvHeads;
    args.head_dim = static_cast<std::int64_t>(dim);
    args.eps = 1e-5F;
    args.dtype = dtype;
    machine.run(args);
  }

  double loss() const {
    double sum = 0.0;
    for (std::size_t row = 0; row < kRows; ++row) {
      for (std::size_t head = 0; head < kWidth; ++head) sum += head_loss(row, head);
    }
    return sum;
  }

  double head_loss(std::size_t row, std::size_t head) const {
    const double* values = x.data() + (row * kWidth + head) * dim;
    double sum = 0.0;
    if (head >= kHeads + kKvHeads) {
      std::size_t begin = ((head - kHeads - kKvHeads) * kRows + row) * dim;
      for (std::size_t i = 0; i < dim; ++i) sum += values[i] * grad_v[begin + i];
      return sum;
    }
    bool is_query = head < kHeads;
    const Buffer& gradient = is_query ? grad_q : grad_k;
    std::size_t begin = ((is_query ? head : head - kHeads) * kRows + row) * dim;
    std::vector<double> normed = normalize(values, is_query ? norm_of_q : norm_of_k);
    std::size_t angles = static_cast<std::size_t>(positions[row]) * dim;
    for (std::size_t i = 0; i < dim / 2; ++i) {
      double cosine = cos_sin[angles + i];
      double sine = cos_sin[angles + dim / 2 + i];
      double low = normed[i];
      double high = normed[dim / 2 + i];
      sum += gradient[begin + i] * (low * cosine - high * sine);
      sum += gradient[begin + dim / 2 + i] * (high * cosine + low * sine);
    }
    return sum;
  }

  std::vector<double> normalize(const double* values, const std::vector<double>& weight) const {
    std::vector<double> normed(values, values + dim);
    if (!has_norm) return normed;
    double squares = 0.0;
    for (double value : normed) squares += value * value;
    double scale = 1.0 / std::sqrt(squares / static_cast<double>(dim) + 1e-5);
    for (std::size_t i = 0; i < dim; ++i) normed[i] *= scale * weight[i];
    return normed;
  }
};

TEST_P(BackwardKernels, RopeHasTheSlopesOfItsLoss) {
  for (std::size_t dim : {2, 10, 32, 34, 64}) {
    for (bool has_norm : {false, true}) {
      RopeCase rope(dim, dtype(), has_norm);
      rope.run(machine());
      auto loss = [&] { return rope.loss(); };
      for (std::size_t i = 0; i < rope.x.size(); ++i) {
        ASSERT_TRUE(is_near(rope.grad_qkv[i], derivative(loss, rope.x[i]), dtype()))
            << dim << ", norm " << has_norm << ": " << i;
      }
    }
  }
}

TEST_P(BackwardKernels, RopeAddsTheGradientsOfItsNorms) {
  RopeCase rope(34, dtype(), true);
  Buffer q_before = rope.grad_q_norm;
  Buffer k_before = rope.grad_k_norm;
  rope.run(machine());
  auto loss = [&] { return rope.loss(); };
  for (std::size_t i = 0; i < rope.dim; ++i) {
    double for_q = q_before[i] + derivative(loss, rope.norm_of_q[i]);
    double for_k = k_before[i] + derivative(loss, rope.norm_of_k[i]);
    EXPECT_TRUE(is_near(rope.grad_q_norm[i], for_q, DType::kFloat32));
    EXPECT_TRUE(is_near(rope.grad_k_norm[i], for_k, DType::kFloat32));
  }
}

}  // namespace
}  // namespace midpo
