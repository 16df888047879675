// SPDX-License-Identifier: Apache-2.0
// The backward pass, layer by layer from the top. Nothing is computed that no trained weight needs:
// see LayerNeeds.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <utility>

#include "models/training/pass_steps.h"
#include "models/training/training_pass.h"

namespace midpo {

void TrainingPass::backward(const at::Tensor& grad_RE) {
  at::Tensor grad = at::zeros_like(final_RE_);
  at::Tensor sums = norm_sums(decoder_.final_norm_E, read_chunks_.size(), config_.hidden_size);
  for_chunks(read_chunks_, [&](const RowChunk& chunk, std::size_t index) {
    backward_norm(final_RE_, chunk, decoder_.final_norm_E, rows_of(grad_RE, chunk), grad,
                  sums_of_chunk(sums, index));
  });
  add_norm_gradient(decoder_.final_norm_E, sums);
  for (std::size_t layer = tapes_.size(); layer-- > 0;) {
    if (checkpoints_) forward_layer(layer, tapes_[layer], false);
    backward_layer(layer, tapes_[layer], grad);
    if (gates_.reads_layer_inputs) backward_input_gates(layer, tapes_[layer], grad);
    tapes_[layer] = Tape();
    if (decoder_.layer_done) decoder_.layer_done(layer);
    if (!decoder_.layers[layer].has_trained_below) return;
  }
  backward_embeddings(grad);
}

void TrainingPass::backward_layer(std::size_t layer, Tape& tape, at::Tensor& grad) {
  const LayerNeeds& needs = decoder_.layers[layer].needs;
  backward_mlp(layer, tape, grad);
  if (!needs.gate_up_input) return;
  at::Tensor grad_attended = backward_output(layer, tape, grad);
  if (!needs.attention) return;
  backward_attention(layer, tape, grad_attended, grad);
}

at::Tensor TrainingPass::backward_output(std::size_t layer, const Tape& tape,
                                         const at::Tensor& grad) {
  const TrainLayer& weights = decoder_.layers[layer];
  const std::vector<RowChunk>& chunks = query_chunks(layer);
  at::Tensor grad_out_RE = at::empty({grad.size(0), config_.hidden_size}, tape.attended.options());
  at::Tensor grad_attended;
  if (weights.needs.attention) grad_attended = at::empty_like(tape.attended);
  const FrozenLinear transposed = weights.o.transposed(parameters_, weights.needs.attention);
  std::vector<UpdateGradients> updates(chunks.size());
  for_chunks(chunks, [&](const RowChunk& chunk, std::size_t index) {
    at::Tensor grad_out_ME = rows_of(grad_out_RE, chunk);
    grad_out_ME.copy_(rows_of(grad, chunk));
    at::Tensor grad_ME = weights.o.backward(parameters_, grad_out_ME, rows_of(tape.attended, chunk),
                                            chunk.rows, transposed, updates[index]);
    if (weights.needs.attention) rows_of(grad_attended, chunk).copy_(grad_ME);
  });
  weights.o.add_update_gradients(parameters_, updates);
  if (weights.o.has_weights()) {
    std::int64_t count = chunks.back().begin + chunks.back().rows;
    weights.o.add_weight_gradients(parameters_, grad_out_RE.narrow(0, 0, count),
                                   tape.attended.narrow(0, 0, count));
  }
  return grad_attended;
}

void TrainingPass::backward_attention(std::size_t layer, Tape& tape,
                                      const at::Tensor& grad_attended, at::Tensor& grad) {
  std::array<at::Tensor, 3> grads{head_buffer(config_.num_heads, tape.q.size(1), at::kFloat),
                                  at::zeros_like(tape.k, at::kFloat),
                                  at::zeros_like(tape.v, at::kFloat)};
  backend_.attend_backward({tape.q, tape.k, tape.v, tape.attended, grad_attended, tape.log_sums,
                            grads[0], grads[1], grads[2]},
                           batch_, is_last(layer) ? Queries::kReads : Queries::kAll);
  const TrainLayer& weights = decoder_.layers[layer];
  if (!is_last(layer)) {
    backward_projection(weights, projections(layer, tape).front(), tape, grads, grad);
    return;
  }
  const std::vector<Projection> both = projections(layer, tape);
  backward_projection(weights, both[0], tape, grads, grad);
  at::Tensor grad_TE = at::zeros_like(tape.input_TE);
  if (weights.has_trained_below) {
    grad_TE.index_copy_(0, batch_.read_rows, grad.narrow(0, 0, batch_.host.num_reads()));
  }
  backward_projection(weights, both[1], tape, grads, grad_TE);
  grad = grad_TE;
}

RopeBackwardArgs TrainingPass::rope_backward_args(const TrainLayer& weights,
                                                  const Projection& projection, const Tape& tape,
                                                  const std::array<at::Tensor, 3>& grad_qkv,
                                                  std::size_t index) const {
  const RowChunk& chunk = projection.chunks[index];
  RopeBackwardArgs args;
  args.grad_q = static_cast<const float*>(row_pointer(grad_qkv[0][0], chunk.begin));
  args.grad_k = static_cast<const float*>(row_pointer(grad_qkv[1][0], chunk.begin));
  args.grad_v = static_cast<const float*>(row_pointer(grad_qkv[2][0], chunk.begin));
  args.q_head_stride = grad_qkv[0].stride(0);
  args.kv_head_stride = grad_qkv[1].stride(0);
  args.positions = projection.positions.const_data_ptr<std::int32_t>() + chunk.begin;
  args.cos_sin = batch_.cos_sin.const_data_ptr<float>();
  if (config_.qk_norm) {
    args.qkv = (projection.has_kv ? tape.qkv : tape.last_q)[index].const_data_ptr();
  }
  args.q_norm = float_or_null(weights.q_norm_D.value(parameters_));
  args.k_norm = float_or_null(weights.k_norm_D.value(parameters_));
  args.rows = chunk.rows;
  args.num_heads = projection.has_q ? config_.num_heads : 0;
  args.num_kv_heads = projection.has_kv ? config_.num_kv_heads : 0;
  args.head_dim = config_.head_dim;
  args.eps = static_cast<float>(config_.rms_norm_eps);
  args.dtype = dtype_of(decoder_.type);
  return args;
}

void TrainingPass::backward_projection(const TrainLayer& weights, const Projection& projection,
                                       const Tape& tape, const std::array<at::Tensor, 3>& grad_qkv,
                                       at::Tensor& grad) {
  const TrainLinear& linear = projection.linear;
  const std::size_t num_chunks = projection.chunks.size();
  const std::int64_t rows = projection.residual.size(0);
  at::Tensor grad_projected = rows_buffer(rows, linear.num_outputs(), decoder_.type);
  at::Tensor input;
  if (linear.is_trained()) input = rows_buffer(rows, config_.hidden_size, decoder_.type);
  const FrozenLinear transposed = linear.transposed(parameters_, weights.needs.qkv_input);
  std::vector<UpdateGradients> updates(num_chunks);
  at::Tensor sums = norm_sums(weights.input_norm_E, num_chunks, config_.hidden_size);
  at::Tensor q_sums = norm_sums(weights.q_norm_D, num_chunks, config_.head_dim);
  at::Tensor k_sums = norm_sums(weights.k_norm_D, num_chunks, config_.head_dim);
  for_chunks(projection.chunks, [&](const RowChunk& chunk, std::size_t index) {
    RopeBackwardArgs args = rope_backward_args(weights, projection, tape, grad_qkv, index);
    args.grad_qkv = row_pointer(grad_projected, chunk.begin);
    args.grad_q_norm = mutable_float_or_null(sums_of_chunk(q_sums, index));
    args.grad_k_norm = mutable_float_or_null(sums_of_chunk(k_sums, index));
    backend_.rope_backward(args);
    if (input.defined()) normalize_into(projection.residual, chunk, weights.input_norm_E, input);
    at::Tensor grad_ME = linear.backward(parameters_, rows_of(grad_projected, chunk),
                                         input.defined() ? rows_of(input, chunk) : input,
                                         chunk.rows, transposed, updates[index]);
    if (!weights.needs.qkv_input) return;
    backward_norm(projection.residual, chunk, weights.input_norm_E, grad_ME, grad,
                  sums_of_chunk(sums, index));
  });
  linear.add_update_gradients(parameters_, updates);
  add_norm_gradient(weights.input_norm_E, sums);
  if (projection.has_q) add_norm_gradient(weights.q_norm_D, q_sums);
  if (projection.has_kv) add_norm_gradient(weights.k_norm_D, k_sums);
  if (!linear.has_weights()) return;
  const std::int64_t count = projection.chunks.back().begin + projection.chunks.back().rows;
  linear.add_weight_gradients(parameters_, grad_projected.narrow(0, 0, count),
                              input.narrow(0, 0, count));
}

void TrainingPass::backward_embeddings(const at::Tensor& grad) {
  if (!decoder_.trained_embeddings) return;
  at::Tensor gradient = parameters_.gradient(*decoder_.trained_embeddings);
  gradient.index_add_(0, batch_.ids, grad.narrow(0, 0, batch_.host.num_tokens()));
}

void TrainingPass::backward_norm(const at::Tensor& residual, const RowChunk& chunk,
                                 const NormWeight& norm, const at::Tensor& grad_ME,
                                 const at::Tensor& grad, const at::Tensor& sum_E) {
  at::Tensor weight_E = norm.value(parameters_);
  RmsNormBackwardArgs args;
  args.residual = static_cast<const float*>(row_pointer(residual, chunk.begin));
  args.weight = weight_E.const_data_ptr<float>();
  args.grad_out = grad_ME.const_data_ptr();
  args.grad_residual = static_cast<float*>(row_pointer(grad, chunk.begin));
  args.grad_weight = sum_E.defined() ? sum_E.mutable_data_ptr<float>() : nullptr;
  args.rows = chunk.rows;
  args.dim = config_.hidden_size;
  args.eps = static_cast<float>(config_.rms_norm_eps);
  args.dtype = dtype_of(decoder_.type);
  backend_.rms_norm_backward(args);
}

at::Tensor TrainingPass::norm_sums(const NormWeight& norm, std::size_t chunks,
                                   std::int64_t size) const {
  if (!norm.trained) return {};
  return at::zeros({static_cast<std::int64_t>(chunks), size},
                   at::TensorOptions().dtype(at::kFloat).device(backend_.device()));
}

void TrainingPass::add_norm_gradient(const NormWeight& norm, const at::Tensor& sums) {
  if (sums.defined()) parameters_.gradient(*norm.trained).add_(sums.sum(0));
}

}  // namespace midpo
