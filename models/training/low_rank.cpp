// SPDX-License-Identifier: Apache-2.0
#include "models/training/low_rank.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>

#include "models/kernels/low_rank.h"

namespace midpo {
namespace {

LowRankArgs arguments(const at::Tensor& wide_MK, const at::Tensor& narrow_MR,
                      const at::Tensor& factors_RK) {
  LowRankArgs args;
  args.wide = wide_MK.mutable_data_ptr();
  args.wide_stride = wide_MK.stride(0);
  args.narrow = narrow_MR.mutable_data_ptr<float>();
  args.factors = factors_RK.mutable_data_ptr<float>();
  args.rows = wide_MK.size(0);
  args.width = wide_MK.size(1);
  args.ranks = factors_RK.size(0);
  args.dtype = wide_MK.scalar_type() == at::kFloat ? DType::kFloat32 : DType::kBFloat16;
  return args;
}

}  // namespace

at::Tensor low_rank_product(const at::Tensor& x_MK, const at::Tensor& factors_RK) {
  if (!x_MK.is_cpu()) return at::mm(x_MK.to(at::kFloat), factors_RK.t());
  at::Tensor c_MR = at::empty({x_MK.size(0), factors_RK.size(0)}, factors_RK.options());
  low_rank_reduce_cpu(arguments(x_MK, c_MR, factors_RK));
  return c_MR;
}

void add_low_rank(at::Tensor y_MK, const at::Tensor& c_MR, const at::Tensor& factors_RK) {
  if (y_MK.is_cpu()) {
    low_rank_expand_cpu(arguments(y_MK, c_MR.contiguous(), factors_RK.contiguous()));
  } else {
    y_MK.copy_(y_MK.to(at::kFloat).addmm_(c_MR, factors_RK));
  }
}

at::Tensor low_rank_gradient(const at::Tensor& c_MR, const at::Tensor& x_MK) {
  if (!x_MK.is_cpu()) return at::mm(c_MR.t(), x_MK.to(at::kFloat));
  at::Tensor factors_RK = at::empty({c_MR.size(1), x_MK.size(1)}, c_MR.options());
  low_rank_gradient_cpu(arguments(x_MK, c_MR.contiguous(), factors_RK));
  return factors_RK;
}

}  // namespace midpo
