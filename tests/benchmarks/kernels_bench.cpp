// SPDX-License-Identifier: Apache-2.0
// CPU kernels at the small benchmark model's shapes: one JSON line each, in processor time of one
// thread. "gb_per_s" counts every operand once; attention reports arithmetic instead.
#include <cstdint>
#include <vector>

#include "models/kernels/attention.h"
#include "models/kernels/log_softmax.h"
#include "models/kernels/rms_norm.h"
#include "models/kernels/rope.h"
#include "models/kernels/silu_mul.h"
#include "tests/benchmarks/kernel_timing.h"

namespace midpo {
namespace {

void bench_rms_norm(DType dtype, CpuIsa isa) {
  std::vector<float> residual(kRows * kHidden), weight(kHidden);
  Buffer delta(kRows * kHidden, dtype), out(kRows * kHidden, dtype);
  RmsNormArgs args{residual.data(), delta.data(), weight.data(), out.data(),
                   kRows,           kHidden,      1e-6F,         dtype};
  double bytes = 8.0 * kRows * kHidden + delta.size() + out.size();
  report("rms_norm", dtype, isa, "gb_per_s", bytes, seconds_of([&] { rms_norm_cpu(args, isa); }));
}

void bench_silu_mul(DType dtype, CpuIsa isa) {
  Buffer gate_up(2 * kRows * kIntermediate, dtype), out(kRows * kIntermediate, dtype);
  SiluMulArgs args{gate_up.data(), out.data(), kRows, kIntermediate, dtype};
  report("silu_mul", dtype, isa, "gb_per_s", gate_up.size() + out.size(),
         seconds_of([&] { silu_mul_cpu(args, isa); }));
}

void bench_rope(DType dtype, CpuIsa isa) {
  std::vector<std::int32_t> positions(kRows);
  std::vector<float> cos_sin(kHeadDim);
  Buffer qkv(3 * kRows * kHidden, dtype), out(3 * kRows * kHidden, dtype);
  RopeArgs args;
  args.qkv = qkv.data();
  args.positions = positions.data();
  args.cos_sin = cos_sin.data();
  args.q = out.data();
  args.k = out.bytes.data() + out.bytes.size() / 3;
  args.v = out.bytes.data() + out.bytes.size() / 3 * 2;
  args.q_head_stride = args.kv_head_stride = kRows * kHeadDim;
  args.rows = kRows;
  args.num_heads = args.num_kv_heads = kHeads;
  args.head_dim = kHeadDim;
  args.dtype = dtype;
  report("rope", dtype, isa, "gb_per_s", qkv.size() + out.size(),
         seconds_of([&] { rope_cpu(args, isa); }));
}

void bench_log_softmax(DType dtype, CpuIsa isa) {
  Buffer logits(kRows * kVocab, dtype);
  std::vector<LogProbTarget> targets;
  for (std::int64_t row = 0; row < kRows; ++row) targets.push_back({row, 7});
  std::vector<float> out(targets.size());
  LogSoftmaxArgs args{logits.data(), kVocab, targets.data(), kRows, out.data(), dtype};
  report("log_softmax", dtype, isa, "gb_per_s", logits.size(),
         seconds_of([&] { log_softmax_cpu(args, isa); }));
}

/// A prompt of 35 tokens and a response of 95.
void bench_attention(DType dtype, CpuIsa isa) {
  constexpr std::int64_t kPrefix = 35;
  constexpr std::int64_t kTail = 95;
  constexpr std::int64_t kLength = kPrefix + kTail;
  Buffer qkv(3 * kLength * kHidden, dtype), out(kLength * kHidden, dtype);
  AttentionSegment segments[] = {{0, kPrefix, 0, 0, 0, kPrefix},
                                 {kPrefix, kTail, 0, kPrefix, kPrefix, kTail}};
  AttentionArgs args;
  args.q = qkv.data();
  args.k = qkv.bytes.data() + qkv.bytes.size() / 3;
  args.v = qkv.bytes.data() + qkv.bytes.size() / 3 * 2;
  args.q_head_stride = args.kv_head_stride = kLength * kHeadDim;
  args.out = out.data();
  args.segments = segments;
  args.num_segments = 2;
  args.num_heads = args.num_kv_heads = kHeads;
  args.head_dim = kHeadDim;
  args.scale = 0.125F;
  args.dtype = dtype;
  double flops = 4.0 * kHidden * kLength * (kLength + 1) / 2;
  report("attention", dtype, isa, "gflop_per_s", flops,
         seconds_of([&] { attention_cpu(args, isa); }));
}

}  // namespace
}  // namespace midpo

int main() {
  using midpo::CpuIsa;
  using midpo::DType;
  for (CpuIsa isa : {CpuIsa::kPortable, CpuIsa::kAvx2, CpuIsa::kAvx512, CpuIsa::kAvx512Bf16}) {
    if (!midpo::is_supported(isa)) continue;
    for (DType dtype : {DType::kFloat32, DType::kBFloat16}) {
      midpo::bench_rms_norm(dtype, isa);
      midpo::bench_silu_mul(dtype, isa);
      midpo::bench_rope(dtype, isa);
      midpo::bench_log_softmax(dtype, isa);
      midpo::bench_attention(dtype, isa);
    }
  }
}
