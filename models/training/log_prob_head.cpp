// SPDX-License-Identifier: Apache-2.0
#include "models/training/log_prob_head.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

#include "models/row_chunks.h"
#include "models/training/pass_steps.h"

namespace midpo {
namespace {

/// Logits at a time: 16 MiB in fp32.
constexpr std::int64_t kMostLogits = 4 << 20;
constexpr std::int64_t kFewestRows = 64;
constexpr std::int64_t kChunks = 8;

template <class T>
at::Tensor upload(const std::vector<T>& values, at::ScalarType type, const at::Tensor& like) {
  auto* data = const_cast<T*>(values.data());
  auto size = static_cast<std::int64_t>(values.size());
  return at::from_blob(data, {size}, at::TensorOptions().dtype(type)).to(like.device()).clone();
}

at::Tensor rows_of_targets(std::span<const LogProbTarget> targets, const at::Tensor& like) {
  std::vector<std::int64_t> rows;
  for (const LogProbTarget& target : targets) rows.push_back(target.row);
  return upload(rows, at::kLong, like);
}

}  // namespace

HeadPass LogProbHead::run(const ParameterSet& parameters, const at::Tensor& hidden_RE,
                          std::span<const LogProbTarget> targets, std::span<const float> weights,
                          const Backend& backend) const {
  const auto count = static_cast<std::int64_t>(targets.size());
  const std::int64_t multiple = backend.row_multiple();
  at::Tensor hidden_PE =
      at::zeros({round_up(count, multiple), hidden_RE.size(1)}, hidden_RE.options());
  hidden_PE.narrow(0, 0, count)
      .copy_(hidden_RE.index_select(0, rows_of_targets(targets, hidden_RE)));
  std::vector<std::int32_t> ids;
  for (const LogProbTarget& target : targets) ids.push_back(target.token);
  at::Tensor tokens_P = upload(ids, at::kInt, hidden_RE);
  at::Tensor weights_P;
  if (!weights.empty()) {
    weights_P = upload(std::vector<float>(weights.begin(), weights.end()), at::kFloat, hidden_RE);
  }
  at::Tensor log_probs_P = at::empty({count}, hidden_RE.options().dtype(at::kFloat));
  HeadPass pass;
  pass.gradients_PE = at::empty_like(hidden_PE);
  const std::int64_t fit =
      std::max(kMostLogits / vocab_size() / multiple, std::int64_t{1}) * multiple;
  const std::int64_t share =
      round_up(std::max(kFewestRows, (count + kChunks - 1) / kChunks), multiple);
  const std::vector<RowChunk> chunks =
      row_chunks(count, std::min({fit, share, backend.rows_per_call()}), multiple);
  // A trained head's are wanted with weights only.
  const bool has_gradients = !linear_.has_weights() || !weights.empty();
  const FrozenLinear transposed = linear_.transposed(parameters, has_gradients);
  auto compute = [&](std::int64_t index) {
    const RowChunk& chunk = chunks[static_cast<std::size_t>(index)];
    at::Tensor hidden_ME = hidden_PE.narrow(0, chunk.begin, chunk.padded_rows);
    at::Tensor logits_MV = linear_.forward(parameters, hidden_ME);
    SoftmaxGradientArgs args;
    args.logits = logits_MV.mutable_data_ptr();
    args.tokens = tokens_P.const_data_ptr<std::int32_t>() + chunk.begin;
    if (weights_P.defined()) args.weights = weights_P.const_data_ptr<float>() + chunk.begin;
    args.log_probs = log_probs_P.mutable_data_ptr<float>() + chunk.begin;
    args.rows = chunk.rows;
    args.vocab = vocab_size();
    args.dtype = dtype_of(logits_MV.scalar_type());
    backend.softmax_gradient(args);
    if (!has_gradients) return;
    UpdateGradients none;
    pass.gradients_PE.narrow(0, chunk.begin, chunk.padded_rows)
        .copy_(linear_.backward(parameters, logits_MV, hidden_ME, chunk.rows, transposed, none));
    if (!linear_.has_weights()) return;
    linear_.add_weight_gradients(parameters, logits_MV.narrow(0, 0, chunk.rows),
                                 hidden_ME.narrow(0, 0, chunk.rows));
  };
  const auto num_chunks = static_cast<std::int64_t>(chunks.size());
  if (linear_.has_weights()) {
    // In order: every chunk adds to the same gradient.
    for (std::int64_t index = 0; index < num_chunks; ++index) compute(index);
  } else {
    backend.parallel_for(num_chunks, compute);
  }
  at::Tensor host = log_probs_P.to(at::kCPU);
  pass.log_probs.assign(host.const_data_ptr<float>(), host.const_data_ptr<float>() + count);
  return pass;
}

at::Tensor gather_gradients(const HeadPass& pass, std::span<const LogProbTarget> targets,
                            std::span<const float> coefficients, const at::Tensor& hidden_RE) {
  const auto count = static_cast<std::int64_t>(targets.size());
  at::Tensor gradients_PE = pass.gradients_PE.narrow(0, 0, count).to(at::kFloat);
  if (!coefficients.empty()) {
    std::vector<float> values(coefficients.begin(), coefficients.end());
    gradients_PE = gradients_PE.mul(upload(values, at::kFloat, hidden_RE).unsqueeze(1));
  }
  at::Tensor sums_RE = at::zeros_like(hidden_RE, at::kFloat);
  sums_RE.index_add_(0, rows_of_targets(targets, hidden_RE), gradients_PE);
  return sums_RE.to(hidden_RE.scalar_type());
}

}  // namespace midpo
