// SPDX-License-Identifier: Apache-2.0
#include "models/frozen_linear.h"

#include <ATen/Context.h>
#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "models/kernels/cpu_isa.h"
#include "models/spin_team.h"

namespace midpo {
namespace {

using ReorderWeight = at::Tensor(const at::Tensor&, std::optional<std::int64_t>);
using LinearPointwise = at::Tensor(const at::Tensor&, const at::Tensor&,
                                   const std::optional<at::Tensor>&, std::string_view,
                                   c10::List<std::optional<at::Scalar>>,
                                   std::optional<std::string_view>);

/// A GEMM of about the size we call with: the layout is chosen for it.
constexpr std::int64_t kTypicalRows = 256;

/// Weight bytes below which another thread is not worth waking.
constexpr std::int64_t kBytesPerThread = 64 * 1024;

template <class Signature>
c10::TypedOperatorHandle<Signature> find_operator(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

SmallLinearShape decoding_shape(const at::Tensor& weight_NK) {
  return {weight_NK.size(1), weight_NK.size(0),
          weight_NK.scalar_type() == at::kFloat ? DType::kFloat32 : DType::kBFloat16};
}

at::Tensor packed_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  static const auto linear = find_operator<LinearPointwise>("mkldnn::_linear_pointwise");
  return linear.call(x, weight, bias.defined() ? std::make_optional(bias) : std::nullopt, "none",
                     c10::List<std::optional<at::Scalar>>(), "");
}

}  // namespace

FrozenLinear::FrozenLinear(at::Tensor weight_NK, at::Tensor bias_N, LinearCalls use)
    : weight_(std::move(weight_NK)),
      bias_(std::move(bias_N)),
      num_inputs_(weight_.size(1)),
      num_outputs_(weight_.size(0)),
      is_packed_(is_packed_on(weight_.device(), weight_.scalar_type())) {
  decoding_shape_ = decoding_shape(weight_);
  if (use == LinearCalls::kBatchesAndDecoding && can_decode()) {
    add_decoding_layout(decoding_layout(weight_));
  }
  if (!is_packed_) return;
  static const auto reorder = find_operator<ReorderWeight>("mkldnn::_reorder_linear_weight");
  weight_ = reorder.call(weight_, kTypicalRows);
}

bool FrozenLinear::is_packed_on(at::Device device, at::ScalarType type) {
  if (!device.is_cpu() || !at::hasMKLDNN()) return false;
  return type == at::kFloat || (type == at::kBFloat16 && is_supported(CpuIsa::kAvx512));
}

at::Tensor FrozenLinear::decoding_layout(const at::Tensor& weight_NK) {
  const SmallLinearShape shape = decoding_shape(weight_NK);
  at::Tensor layout =
      at::empty({shape.num_blocks() * shape.block_bytes()}, at::TensorOptions().dtype(at::kByte));
  pack_small_linear(shape, weight_NK.contiguous().const_data_ptr(), layout.mutable_data_ptr());
  return layout;
}

void FrozenLinear::add_decoding_layout(at::Tensor layout) { decoding_weight_ = std::move(layout); }

at::Tensor FrozenLinear::operator()(const at::Tensor& x_MK) const {
  if (is_packed_) return packed_linear(x_MK, weight_, bias_);
  return at::linear(x_MK, weight_, bias_.defined() ? std::make_optional(bias_) : std::nullopt);
}

at::Tensor FrozenLinear::decode(const at::Tensor& x_MK) const {
  if (!decoding_weight_.defined()) return (*this)(x_MK);
  at::Tensor y_MN = at::empty({x_MK.size(0), num_outputs_}, x_MK.options());
  SmallLinearArgs args;
  args.x = x_MK.const_data_ptr();
  args.packed_weight = decoding_weight_.const_data_ptr();
  args.bias = bias_.defined() ? bias_.const_data_ptr() : nullptr;
  args.y = y_MN.mutable_data_ptr();
  args.rows = x_MK.size(0);
  std::int64_t grain = std::max<std::int64_t>(1, kBytesPerThread / decoding_shape_.block_bytes());
  spin_share(decoding_shape_.num_blocks(), grain, [&](std::int64_t begin, std::int64_t end) {
    SmallLinearArgs part = args;
    part.first_block = begin;
    part.end_block = end;
    small_linear_cpu(decoding_shape_, part);
  });
  return y_MN;
}

}  // namespace midpo
