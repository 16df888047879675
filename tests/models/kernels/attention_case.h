// SPDX-License-Identifier: Apache-2.0
// Attention with its gradients by the definition, in double, beside what the kernels compute.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "models/kernels/attention.h"
#include "models/kernels/attention_backward.h"
#include "tests/models/engine/kernel_case.h"

namespace midpo {

struct HeadsShape {
  std::int64_t heads, kv_heads, dim;
};

/// Tensors of one call. Queries may be fewer than keys: `query_rows` counts those of the segments.
class AttentionCase {
 public:
  AttentionCase(HeadsShape shape, std::vector<AttentionSegment> segments, DType dtype)
      : shape_(shape), segments_(std::move(segments)), dtype_(dtype) {
    for (const AttentionSegment& segment : segments_) {
      rows_ = std::max({rows_, segment.own_begin + segment.own_length,
                        segment.prefix_begin + segment.prefix_length});
      query_rows_ = std::max(query_rows_, segment.query_begin + segment.num_queries);
    }
    q = Buffer::random(count(shape.heads, query_rows_), dtype, 1, 1.5F);
    k = Buffer::random(count(shape.kv_heads, rows_), dtype, 2);
    v = Buffer::random(count(shape.kv_heads, rows_), dtype, 3);
    grad_out = Buffer::random(count(shape.heads, query_rows_), dtype, 4);
    out = Buffer(count(shape.heads, query_rows_), dtype);
    log_sums.assign(static_cast<std::size_t>(shape.heads * query_rows_), 0.0F);
    grad_q.assign(q.size(), 9.0F);
    grad_k.assign(k.size(), 0.5F);
    grad_v.assign(v.size(), -0.5F);
  }

  AttentionArgs forward_args() { return common_args<AttentionArgs>(); }

  AttentionBackwardArgs backward_args() {
    auto args = common_args<AttentionBackwardArgs>();
    args.grad_out = grad_out.data();
    args.grad_q = grad_q.data();
    args.grad_k = grad_k.data();
    args.grad_v = grad_v.data();
    return args;
  }

  void run(CpuIsa isa) {
    attention_cpu(forward_args(), isa);
    attention_backward_cpu(backward_args(), isa);
  }

  /// The same by the definition; gradients of what is 0.5, -0.5 and unset before.
  struct Wanted {
    std::vector<double> out, log_sums, grad_q, grad_k, grad_v;
  };
  Wanted wanted() const {
    Wanted result{std::vector<double>(out.size()), std::vector<double>(log_sums.size()),
                  std::vector<double>(q.size()), std::vector<double>(k.size(), 0.5),
                  std::vector<double>(v.size(), -0.5)};
    for (const AttentionSegment& segment : segments_) {
      for (std::int64_t i = 0; i < segment.num_queries; ++i) {
        for (std::int64_t head = 0; head < shape_.heads; ++head) {
          add_query(segment, i, head, result);
        }
      }
    }
    return result;
  }

  float scale() const {
    return static_cast<float>(1.0 / std::sqrt(static_cast<double>(shape_.dim)));
  }

  Buffer q{0, DType::kFloat32}, k{0, DType::kFloat32}, v{0, DType::kFloat32};
  Buffer out{0, DType::kFloat32}, grad_out{0, DType::kFloat32};
  std::vector<float> log_sums, grad_q, grad_k, grad_v;

 private:
  template <typename Args>
  Args common_args() {
    Args args;
    args.q = q.data();
    args.k = k.data();
    args.v = v.data();
    args.q_head_stride = query_rows_ * shape_.dim;
    args.kv_head_stride = rows_ * shape_.dim;
    args.out = out.data();
    args.log_sums = log_sums.data();
    args.log_sum_stride = query_rows_;
    args.segments = segments_.data();
    args.num_segments = static_cast<std::int64_t>(segments_.size());
    args.num_heads = shape_.heads;
    args.num_kv_heads = shape_.kv_heads;
    args.head_dim = shape_.dim;
    args.scale = scale();
    args.dtype = dtype_;
    return args;
  }

  std::size_t count(std::int64_t heads, std::int64_t rows) const {
    return static_cast<std::size_t>(heads * rows * shape_.dim);
  }

  void add_query(const AttentionSegment& segment, std::int64_t i, std::int64_t head,
                 Wanted& result) const {
    std::int64_t dim = shape_.dim;
    std::int64_t query = segment.query_begin + i;
    std::int64_t kv_head = head / (shape_.heads / shape_.kv_heads);
    std::int64_t visible = segment.prefix_length + segment.own_length - segment.num_queries + i + 1;
    auto key = [&](std::int64_t position) {
      std::int64_t row = position < segment.prefix_length
                             ? segment.prefix_begin + position
                             : segment.own_begin + position - segment.prefix_length;
      return static_cast<std::size_t>((kv_head * rows_ + row) * dim);
    };
    auto q_begin = static_cast<std::size_t>((head * query_rows_ + query) * dim);
    auto out_begin = static_cast<std::size_t>((query * shape_.heads + head) * dim);
    std::vector<double> weights(static_cast<std::size_t>(visible)), slopes(weights);
    double sum = 0.0;
    double mean = 0.0;
    auto size = static_cast<std::size_t>(dim);
    for (std::size_t p = 0; p < weights.size(); ++p) {
      std::size_t row = key(static_cast<std::int64_t>(p));
      double score = 0.0;
      for (std::size_t d = 0; d < size; ++d) score += q[q_begin + d] * k[row + d];
      sum += weights[p] = std::exp(score * scale());
      for (std::size_t d = 0; d < size; ++d) slopes[p] += grad_out[out_begin + d] * v[row + d];
    }
    for (std::size_t p = 0; p < weights.size(); ++p) mean += slopes[p] * (weights[p] /= sum);
    result.log_sums[static_cast<std::size_t>(head * query_rows_ + query)] = std::log(sum);
    for (std::size_t p = 0; p < weights.size(); ++p) {
      std::size_t row = key(static_cast<std::int64_t>(p));
      double slope = weights[p] * (slopes[p] - mean) * scale();
      for (std::size_t d = 0; d < size; ++d) {
        result.out[out_begin + d] += weights[p] * v[row + d];
        result.grad_q[q_begin + d] += slope * k[row + d];
        result.grad_k[row + d] += slope * q[q_begin + d];
        result.grad_v[row + d] += weights[p] * grad_out[out_begin + d];
      }
    }
  }

  HeadsShape shape_;
  std::vector<AttentionSegment> segments_;
  DType dtype_;
  std::int64_t rows_ = 0;
  std::int64_t query_rows_ = 0;
};

/// A prefix and `num_tails` tails that share it; every token is a query.
inline std::vector<AttentionSegment> shared_prefix(std::int64_t prefix, std::int64_t tail,
                                                   std::int64_t num_tails = 1) {
  std::vector<AttentionSegment> segments;
  if (prefix > 0) segments.push_back({0, prefix, 0, 0, 0, prefix});
  for (std::int64_t i = 0; i < num_tails; ++i) {
    std::int64_t begin = prefix + i * tail;
    segments.push_back({begin, tail, 0, prefix, begin, tail});
  }
  return segments;
}

/// Two tails of a prefix of which only the last `num_reads` tokens ask.
inline std::vector<AttentionSegment> reads_only(std::int64_t prefix, std::int64_t tail,
                                                std::int64_t num_reads) {
  return {{0, num_reads, 0, prefix, prefix, tail},
          {num_reads, num_reads, 0, prefix, prefix + tail, tail}};
}

inline std::vector<std::vector<AttentionSegment>> typical_segments() {
  return {shared_prefix(0, 1),     shared_prefix(0, 17),    shared_prefix(15, 1),
          shared_prefix(16, 33),   shared_prefix(7, 70),    shared_prefix(13, 21, 3),
          shared_prefix(101, 130), reads_only(12, 30, 1),   reads_only(9, 25, 3),
          reads_only(0, 111, 7),   reads_only(33, 101, 100)};
}

inline std::vector<HeadsShape> typical_shapes() { return {{2, 2, 64}, {4, 2, 20}, {3, 1, 34}}; }

}  // namespace midpo
