// SPDX-License-Identifier: Apache-2.0
// The products of LoRA on tensors: factors are fp32 whatever the activations are, sums fp32, and
// what becomes an activation is rounded once. Dimensions: M rows, K width, R ranks.
#pragma once

#include <ATen/core/Tensor.h>

namespace midpo {

/// x F^T, fp32 [M, R]. @param factors_RK contiguous
at::Tensor low_rank_product(const at::Tensor& x_MK, const at::Tensor& factors_RK);

/// y += c F. @param y_MK rows may lie apart; @param c_MR fp32
void add_low_rank(at::Tensor y_MK, const at::Tensor& c_MR, const at::Tensor& factors_RK);

/// c^T x, fp32 [R, K].
at::Tensor low_rank_gradient(const at::Tensor& c_MR, const at::Tensor& x_MK);

}  // namespace midpo
