// SPDX-License-Identifier: Apache-2.0
#include "models/lora.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>

namespace midpo {
namespace {

at::Tensor apply(const FrozenLinear& linear, const at::Tensor& x_MK, LinearUse use) {
  return use == LinearUse::kDecode ? linear.decode(x_MK) : linear(x_MK);
}

/// In double: LibTorch's vectorised sigmoid would give a row other bits by where it stands.
float sigmoid(float logit) {
  return static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(logit))));
}

/// Multiplies each adapter's ranks of each row by its scale and gate, and drops the gates' columns.
/// @param reduced_MX  fp32 on the host, X = R + G.
at::Tensor weigh(const std::vector<LoraPart>& parts, std::int64_t num_ranks,
                 const at::Tensor& reduced_MX) {
  at::Tensor weighed_MR = at::empty({reduced_MX.size(0), num_ranks}, reduced_MX.options());
  const float* source = reduced_MX.const_data_ptr<float>();
  auto* target = weighed_MR.mutable_data_ptr<float>();
  for (std::int64_t row = 0; row < reduced_MX.size(0); ++row) {
    const float* gate = source + num_ranks;
    for (const LoraPart& part : parts) {
      auto weight = static_cast<float>(part.scale);
      if (part.is_gated) weight *= sigmoid(*gate++ + part.gate_bias);
      for (std::int64_t i = 0; i < part.rank; ++i) *target++ = *source++ * weight;
    }
    source = gate;
  }
  return weighed_MR;
}

/// The same where the host cannot read the memory; its kernels treat all rows alike.
at::Tensor weigh_on_device(const std::vector<LoraPart>& parts, std::int64_t num_ranks,
                           const at::Tensor& reduced_MX) {
  at::Tensor weighed_MR = reduced_MX.narrow(1, 0, num_ranks).contiguous();
  std::int64_t column = 0;
  std::int64_t gate = num_ranks;
  for (const LoraPart& part : parts) {
    at::Tensor ranks_Mr = weighed_MR.narrow(1, column, part.rank);
    ranks_Mr.mul_(part.scale);
    if (part.is_gated) {
      ranks_Mr.mul_(reduced_MX.narrow(1, gate++, 1).add(part.gate_bias).sigmoid());
    }
    column += part.rank;
  }
  return weighed_MR;
}

}  // namespace

std::int64_t LoraUpdate::num_gates() const {
  return std::count_if(parts.begin(), parts.end(),
                       [](const LoraPart& part) { return part.is_gated; });
}

at::Tensor LoraUpdate::operator()(const at::Tensor& x_MK, LinearUse use) const {
  at::Tensor reduced_MX = apply(a, x_MK, use);
  const std::int64_t num_ranks = b.num_inputs();
  return apply(b,
               reduced_MX.is_cpu() ? weigh(parts, num_ranks, reduced_MX)
                                   : weigh_on_device(parts, num_ranks, reduced_MX),
               use);
}

at::Tensor AdaptedLinear::operator()(const at::Tensor& x_MK, LinearUse use) const {
  at::Tensor y_MN = apply(base, x_MK, use);
  if (updates.empty()) return y_MN;
  at::Tensor exact_MK = x_MK.to(at::kFloat);
  for (const LoraUpdate& update : updates) {
    at::Tensor adapted = y_MN.narrow(1, update.offset, update.b.num_outputs());
    adapted.copy_(adapted.to(at::kFloat).add_(update(exact_MK, use)));
  }
  return y_MN;
}

std::vector<std::vector<float>> AdaptedLinear::gates(const at::Tensor& x_MK) const {
  std::vector<std::vector<float>> values(static_cast<std::size_t>(x_MK.size(0)));
  for (const LoraUpdate& update : updates) {
    const std::int64_t num_gates = update.num_gates();
    if (num_gates == 0) continue;
    at::Tensor logits_MG = update.a(x_MK.to(at::kFloat))
                               .narrow(1, update.b.num_inputs(), num_gates)
                               .to(at::kCPU)
                               .contiguous();
    const float* logit = logits_MG.const_data_ptr<float>();
    for (std::vector<float>& row : values) {
      for (const LoraPart& part : update.parts) {
        if (part.is_gated) row.push_back(sigmoid(*logit++ + part.gate_bias));
      }
    }
  }
  return values;
}

}  // namespace midpo
