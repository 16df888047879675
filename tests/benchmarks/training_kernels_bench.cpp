// SPDX-License-Identifier: Apache-2.0
// The kernels of training and generation at the small benchmark model's shapes: one JSON line each,
// in processor time of one thread.
#include <cstdint>
#include <vector>

#include "models/kernels/attention.h"
#include "models/kernels/attention_backward.h"
#include "models/kernels/rms_norm_backward.h"
#include "models/kernels/rope_backward.h"
#include "models/kernels/silu_mul_backward.h"
#include "models/kernels/small_linear.h"
#include "models/kernels/softmax_gradient.h"
#include "tests/benchmarks/kernel_timing.h"

namespace midpo {
namespace {

void bench_rms_norm(DType dtype, CpuIsa isa, bool has_weight) {
  std::vector<float> residual(kRows * kHidden, 1.0F), gradient(kRows * kHidden), weight(kHidden);
  std::vector<float> grad_weight(kHidden);
  Buffer grad_out(kRows * kHidden, dtype), rounded(kRows * kHidden, dtype);
  RmsNormBackwardArgs args{residual.data(), weight.data(),
                           grad_out.data(), gradient.data(),
                           rounded.data(),  has_weight ? grad_weight.data() : nullptr,
                           kRows,           kHidden,
                           1e-6F,           dtype};
  double bytes = 12.0 * kRows * kHidden + grad_out.size() + rounded.size();
  report(has_weight ? "rms_norm_backward_weight" : "rms_norm_backward", dtype, isa, "gb_per_s",
         bytes, seconds_of([&] { rms_norm_backward_cpu(args, isa); }));
}

void bench_silu_mul(DType dtype, CpuIsa isa) {
  Buffer gate_up(2 * kRows * kIntermediate, dtype), grad_out(kRows * kIntermediate, dtype);
  Buffer gradient(2 * kRows * kIntermediate, dtype);
  SiluMulBackwardArgs args{gate_up.data(), grad_out.data(), gradient.data(),
                           kRows,          kIntermediate,   dtype};
  report("silu_mul_backward", dtype, isa, "gb_per_s", 2 * gate_up.size() + grad_out.size(),
         seconds_of([&] { silu_mul_backward_cpu(args, isa); }));
}

void bench_rope(DType dtype, CpuIsa isa) {
  std::vector<std::int32_t> positions(kRows);
  std::vector<float> cos_sin(kHeadDim), gradients(3 * kRows * kHidden);
  Buffer grad_qkv(3 * kRows * kHidden, dtype);
  RopeBackwardArgs args;
  args.grad_q = gradients.data();
  args.grad_k = gradients.data() + kRows * kHidden;
  args.grad_v = gradients.data() + 2 * kRows * kHidden;
  args.q_head_stride = args.kv_head_stride = kRows * kHeadDim;
  args.positions = positions.data();
  args.cos_sin = cos_sin.data();
  args.grad_qkv = grad_qkv.data();
  args.rows = kRows;
  args.num_heads = args.num_kv_heads = kHeads;
  args.head_dim = kHeadDim;
  args.dtype = dtype;
  report("rope_backward", dtype, isa, "gb_per_s", 12.0 * kRows * kHidden + grad_qkv.size(),
         seconds_of([&] { rope_backward_cpu(args, isa); }));
}

void bench_softmax_gradient(DType dtype, CpuIsa isa) {
  Buffer logits(kRows * kVocab, dtype);
  std::vector<std::int32_t> tokens(kRows);
  std::vector<float> log_probs(kRows);
  SoftmaxGradientArgs args{logits.data(), tokens.data(), nullptr, log_probs.data(),
                           kRows,         kVocab,        dtype};
  report("softmax_gradient", dtype, isa, "gb_per_s", 2 * logits.size(),
         seconds_of([&] { softmax_gradient_cpu(args, isa); }));
}

/// A prompt of 35 tokens and two responses of 95; or one text of `length` tokens.
void bench_attention(DType dtype, CpuIsa isa, const char* name,
                     const std::vector<AttentionSegment>& segments, double pairs) {
  std::int64_t rows = segments.back().own_begin + segments.back().own_length;
  Buffer q(rows * kHidden, dtype), k(rows * kHidden, dtype), v(rows * kHidden, dtype);
  Buffer out(rows * kHidden, dtype), grad_out(rows * kHidden, dtype);
  auto size = static_cast<std::size_t>(rows * kHidden);
  std::vector<float> log_sums(size), grad_q(size), grad_k(size), grad_v(size);
  AttentionBackwardArgs args;
  args.q = q.data();
  args.k = k.data();
  args.v = v.data();
  args.q_head_stride = args.kv_head_stride = rows * kHeadDim;
  args.out = out.data();
  args.grad_out = grad_out.data();
  args.log_sums = log_sums.data();
  args.log_sum_stride = rows;
  args.grad_q = grad_q.data();
  args.grad_k = grad_k.data();
  args.grad_v = grad_v.data();
  args.segments = segments.data();
  args.num_segments = static_cast<std::int64_t>(segments.size());
  args.num_heads = args.num_kv_heads = kHeads;
  args.head_dim = kHeadDim;
  args.scale = 0.125F;
  args.dtype = dtype;
  report(name, dtype, isa, "gflop_per_s", 10.0 * kHidden * pairs,
         seconds_of([&] { attention_backward_cpu(args, isa); }));
}

/// One query of each of 8 heads over 1000 cached keys.
void bench_decoding(DType dtype, CpuIsa isa) {
  constexpr std::int64_t kLength = 1000;
  Buffer k(kLength * kHidden, dtype), v(kLength * kHidden, dtype), q(kHidden, dtype),
      out(kHidden, dtype);
  AttentionSegment segment{0, 1, 0, 0, 0, kLength};
  AttentionArgs args;
  args.q = q.data();
  args.k = k.data();
  args.v = v.data();
  args.q_head_stride = kHeadDim;
  args.kv_head_stride = kLength * kHeadDim;
  args.out = out.data();
  args.segments = &segment;
  args.num_segments = 1;
  args.num_heads = args.num_kv_heads = kHeads;
  args.head_dim = kHeadDim;
  args.scale = 0.125F;
  args.dtype = dtype;
  report("attention_decoding", dtype, isa, "gb_per_s", k.size() + v.size(),
         seconds_of([&] { attention_cpu(args, isa); }));
}

void bench_linear(DType dtype, CpuIsa isa, std::int64_t rows) {
  SmallLinearShape shape{kHidden, 3 * kHidden, dtype, isa};
  Buffer weight(3 * kHidden * kHidden, dtype), packed(3 * kHidden * kHidden, dtype);
  Buffer x(rows * kHidden, dtype), y(rows * 3 * kHidden, dtype);
  pack_small_linear(shape, weight.data(), packed.data());
  SmallLinearArgs args{x.data(), packed.data(), nullptr, y.data(), rows, 0, shape.num_blocks()};
  report(rows == 1 ? "small_linear_1" : "small_linear_16", dtype, isa, "gb_per_s", weight.size(),
         seconds_of([&] { small_linear_cpu(shape, args); }));
}

void bench_all(DType dtype, CpuIsa isa) {
  bench_rms_norm(dtype, isa, false);
  bench_rms_norm(dtype, isa, true);
  bench_silu_mul(dtype, isa);
  bench_rope(dtype, isa);
  bench_softmax_gradient(dtype, isa);
  bench_attention(dtype, isa, "attention_backward_pair",
                  {{0, 35, 0, 0, 0, 35}, {35, 95, 0, 35, 35, 95}, {130, 95, 0, 35, 130, 95}},
                  35.0 * 36 / 2 + 2 * (95.0 * 35 + 95.0 * 96 / 2));
  bench_attention(dtype, isa, "attention_backward_1000", {{0, 1000, 0, 0, 0, 1000}},
                  1000.0 * 1001 / 2);
  bench_decoding(dtype, isa);
  bench_linear(dtype, isa, 1);
  bench_linear(dtype, isa, 16);
}

}  // namespace
}  // namespace midpo

int main() {
  using midpo::CpuIsa;
  using midpo::DType;
  for (CpuIsa isa : {CpuIsa::kPortable, CpuIsa::kAvx2, CpuIsa::kAvx512, CpuIsa::kAvx512Bf16}) {
    if (!midpo::is_supported(isa)) continue;
    for (DType dtype : {DType::kFloat32, DType::kBFloat16}) midpo::bench_all(dtype, isa);
  }
}
