// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

#include "models/backend.h"

namespace midpo {

/// Attention and its gradients by ATen's matrix products, one segment after the other, in the
/// tensors' own dtype: for accelerators in fp32, where fused kernels do not exist or lose bits.
/// Shapes as in Backend::attend_for_training and attend_backward.
void exact_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     std::span<const AttentionSegment> segments, at::Tensor& out,
                     at::Tensor& log_sums);

void exact_attention_backward(const AttentionGradients& tensors,
                              std::span<const AttentionSegment> segments);

}  // namespace midpo
