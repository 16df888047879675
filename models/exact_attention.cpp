// SPDX-License-Identifier: Apache-2.0
// Shapes: H heads, N queries of a segment, S keys of it, D head, G kv heads.
#include "models/exact_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/repeat_interleave.h>

#include <cmath>
#include <limits>

namespace midpo {
namespace {

/// The segment's keys or values, repeated for the heads that share them.
at::Tensor rows_of(const at::Tensor& rows_GTD, const AttentionSegment& segment,
                   std::int64_t num_heads) {
  at::Tensor keys = at::cat({rows_GTD.narrow(1, segment.prefix_begin, segment.prefix_length),
                             rows_GTD.narrow(1, segment.own_begin, segment.own_length)},
                            1);
  return keys.repeat_interleave(num_heads / keys.size(0), 0);
}

at::Tensor queries_of(const at::Tensor& rows_HTD, const AttentionSegment& segment) {
  return rows_HTD.narrow(1, segment.query_begin, segment.num_queries);
}

/// Rows [queries.., H D] as [H, N, D].
at::Tensor by_heads(const at::Tensor& rows, const AttentionSegment& segment,
                    std::int64_t num_heads) {
  return rows.narrow(0, segment.query_begin, segment.num_queries)
      .view({segment.num_queries, num_heads, -1})
      .transpose(0, 1);
}

double scale_of(const at::Tensor& q_HND) {
  return 1.0 / std::sqrt(static_cast<double>(q_HND.size(2)));
}

/// Scaled scores [H, N, S]; minus infinity for keys that a query does not see.
at::Tensor scores_of(const at::Tensor& q_HND, const at::Tensor& k_HSD) {
  at::Tensor scores = at::matmul(q_HND, k_HSD.transpose(1, 2)) * scale_of(q_HND);
  std::int64_t first = k_HSD.size(1) - q_HND.size(1);
  at::TensorOptions options = at::TensorOptions().dtype(at::kLong).device(q_HND.device());
  at::Tensor last_seen = at::arange(first, k_HSD.size(1), options).unsqueeze(1);
  at::Tensor is_hidden = at::arange(0, k_HSD.size(1), options).unsqueeze(0) > last_seen;
  return scores.masked_fill_(is_hidden, -std::numeric_limits<double>::infinity());
}

/// Adds the gradient of the segment's keys, heads of a group in order.
void add_rows(const at::Tensor& gradient_HSD, const AttentionSegment& segment,
              const at::Tensor& rows_GTD) {
  std::int64_t keys = gradient_HSD.size(1);
  at::Tensor gradient_GSD =
      gradient_HSD.view({rows_GTD.size(0), -1, keys, gradient_HSD.size(2)}).sum(1);
  rows_GTD.narrow(1, segment.prefix_begin, segment.prefix_length)
      .add_(gradient_GSD.narrow(1, 0, segment.prefix_length));
  rows_GTD.narrow(1, segment.own_begin, segment.own_length)
      .add_(gradient_GSD.narrow(1, segment.prefix_length, segment.own_length));
}

}  // namespace

void exact_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     std::span<const AttentionSegment> segments, at::Tensor& out,
                     at::Tensor& log_sums) {
  std::int64_t heads = q.size(0);
  for (const AttentionSegment& segment : segments) {
    at::Tensor scores = scores_of(queries_of(q, segment), rows_of(k, segment, heads));
    at::Tensor sums = at::logsumexp(scores, {2});
    at::Tensor probabilities = at::exp(scores - sums.unsqueeze(2));
    by_heads(out, segment, heads).copy_(at::matmul(probabilities, rows_of(v, segment, heads)));
    queries_of(log_sums, segment).copy_(sums);
  }
}

void exact_attention_backward(const AttentionGradients& tensors,
                              std::span<const AttentionSegment> segments) {
  std::int64_t heads = tensors.q.size(0);
  for (const AttentionSegment& segment : segments) {
    at::Tensor q_HND = queries_of(tensors.q, segment);
    at::Tensor k_HSD = rows_of(tensors.k, segment, heads);
    at::Tensor grad_out = by_heads(tensors.grad_out, segment, heads);
    at::Tensor sums = queries_of(tensors.log_sums, segment).unsqueeze(2);
    at::Tensor probabilities = at::exp(scores_of(q_HND, k_HSD) - sums);
    at::Tensor means = (grad_out * by_heads(tensors.out, segment, heads)).sum(2, true);
    at::Tensor gradients =
        at::matmul(grad_out, rows_of(tensors.v, segment, heads).transpose(1, 2)) - means;
    at::Tensor grad_scores = gradients * probabilities * scale_of(q_HND);
    queries_of(tensors.grad_q, segment).copy_(at::matmul(grad_scores, k_HSD));
    add_rows(at::matmul(grad_scores.transpose(1, 2), q_HND), segment, tensors.grad_k);
    add_rows(at::matmul(probabilities.transpose(1, 2), grad_out), segment, tensors.grad_v);
  }
}

}  // namespace midpo
