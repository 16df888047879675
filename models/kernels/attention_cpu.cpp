// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/attention.h"

#include <algorithm>
#include <memory>

#include "models/kernels/simd_headers.h"

namespace midpo {
namespace {

constexpr std::int64_t kQueryRows = 6;   // what the sums of a tile's rows leave of the registers
constexpr std::int64_t kDirectRows = 8;  // query rows of a kv head up to which packing does not pay

/// Buffers of one call, sized for its longest sequence.
struct AttentionWork {
  void* keys;
  void* values;
  float* scores;  ///< [kDirectRows, padded length]
  float* result;  ///< [kDirectRows, padded head_dim]
};

}  // namespace
}  // namespace midpo

#define MIDPO_KERNEL_FILE "models/kernels/attention_cpu.inc"
#include "models/kernels/for_each_isa.inc"

namespace midpo {
namespace {

void run(const AttentionArgs& args, const AttentionWork& work, CpuIsa isa) {
  MIDPO_DISPATCH_ISA(isa, attention, args, work)
}

}  // namespace

void attention_cpu(const AttentionArgs& args, CpuIsa isa) {
  const std::int64_t longest = longest_sequence(args.segments, args.num_segments);
  auto round_up = [](std::int64_t count) {
    return static_cast<std::size_t>((count + 15) / 16 * 16);
  };
  auto uninitialised = [](std::size_t size) {
    return std::make_unique_for_overwrite<float[]>(size);
  };
  // The direct way keeps its query rows where the packed way keeps the keys.
  std::size_t rows = std::max(round_up(longest), std::size_t{kDirectRows});
  auto keys = uninitialised(rows * round_up(args.head_dim));
  auto values = uninitialised(rows * round_up(args.head_dim));
  auto scores = uninitialised(kDirectRows * round_up(longest));
  auto result = uninitialised(kDirectRows * round_up(args.head_dim));
  AttentionArgs ranged = args;
  if (ranged.end_kv_head == 0) ranged.end_kv_head = args.num_kv_heads;
  run(ranged, {keys.get(), values.get(), scores.get(), result.get()}, isa);
}

}  // namespace midpo
