// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/attention_backward.h"

#include <memory>
#include <type_traits>

#include "models/kernels/simd_headers.h"

namespace midpo {
namespace {

constexpr std::int64_t kMaxBlockQueries = 64;
constexpr std::int64_t kKeyRows = 96;  // with them, scores and their gradients stay in the caches

/// Buffers of one call, sized for its longest sequence. "across" and "along" are the two layouts of
/// pack_rows.inc; sizes in elements.
struct AttentionBackwardWork {
  void* keys;    ///< [length, head_dim] of dtype
  void* values;  ///< the same
  void* keys_transposed;
  std::int64_t transposed_stride;  ///< words
  float* grad_keys;                ///< [length, padded head_dim]
  float* grad_values;
  void *queries_across, *grad_out_across;  ///< of one block of queries
  void *queries, *grad_out;                ///< along the queries
  float* log_sums;                         ///< [kMaxBlockQueries], base 2
  float* means;                 ///< [kMaxBlockQueries], of the gradients of probabilities
  float* grad_query;            ///< [head_dim, block queries]
  float *scores, *grad_scores;  ///< [kKeyRows, block queries]
  std::uint32_t* grad_pairs;    ///< [kKeyRows / 2, block queries]
};

std::int64_t round_up(std::int64_t count) { return (count + 15) / 16 * 16; }

/// Hands out parts of one allocation, all of 4-byte words, and frees it.
class WorkSpace {
 public:
  explicit WorkSpace(std::int64_t size)
      : words_(std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(size))) {}

  float* take(std::int64_t size) {
    float* part = words_.get() + used_;
    used_ += size;
    return part;
  }

 private:
  std::unique_ptr<float[]> words_;
  std::int64_t used_ = 0;
};

}  // namespace
}  // namespace midpo

#define MIDPO_KERNEL_FILE "models/kernels/attention_backward_cpu.inc"
#include "models/kernels/for_each_isa.inc"

namespace midpo {
namespace {

void run(const AttentionBackwardArgs& args, const AttentionBackwardWork& work, CpuIsa isa) {
  MIDPO_DISPATCH_ISA(isa, attention_backward, args, work)
}

}  // namespace

void attention_backward_cpu(const AttentionBackwardArgs& args, CpuIsa isa) {
  const std::int64_t longest = longest_sequence(args.segments, args.num_segments);
  std::int64_t dim = round_up(args.head_dim);
  std::int64_t sequence = round_up(longest) * dim;
  std::int64_t block = kMaxBlockQueries * dim;
  std::int64_t tile = kKeyRows * kMaxBlockQueries;
  WorkSpace space(5 * sequence + 5 * block + 2 * kMaxBlockQueries + 2 * tile);
  auto pairs = std::make_unique_for_overwrite<std::uint32_t[]>(static_cast<std::size_t>(tile / 2));
  AttentionBackwardWork work;
  work.transposed_stride = round_up(longest);
  for (void** part : {&work.keys, &work.values, &work.keys_transposed}) {
    *part = space.take(sequence);
  }
  for (float** part : {&work.grad_keys, &work.grad_values}) *part = space.take(sequence);
  for (void** part : {&work.queries_across, &work.grad_out_across, &work.queries, &work.grad_out}) {
    *part = space.take(block);
  }
  work.grad_query = space.take(block);
  for (float** part : {&work.log_sums, &work.means}) *part = space.take(kMaxBlockQueries);
  for (float** part : {&work.scores, &work.grad_scores}) *part = space.take(tile);
  work.grad_pairs = pairs.get();
  AttentionBackwardArgs ranged = args;
  if (ranged.end_kv_head == 0) ranged.end_kv_head = args.num_kv_heads;
  run(ranged, work, isa);
}

}  // namespace midpo
