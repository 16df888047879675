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
namespace {

at::Tensor rows_of(const at::Tensor& all, const RowChunk& chunk) {
  return all.narrow(0, chunk.begin, chunk.padded_rows);
}

}  // namespace

void TrainingPass::backward(const at::Tensor& grad_RE) {
  at::Tensor grad = at::zeros_like(final_RE_);
  at::Tensor sums = norm_sums(decoder_.final_norm_E, read_chunks_.size(), config_.hidden_size);
  for_chunks(read_chunks_, [&](const RowChunk& chunk, std::size_t index) {
    backward_norm(final_RE_, chunk, decoder_.final_norm_E, rows_of(grad_RE, chunk), grad,
                  sums.defined() ? sums[static_cast<std::int64_t>(index)] : sums);
  });
  add_norm_gradient(decoder_.final_norm_E, sums);
  for (std::size_t layer = tapes_.size(); layer-- > 0;) {
    if (checkpoints_) forward_layer(layer, tapes_[layer], false);
    backward_layer(layer, tapes_[layer], grad);
    tapes_[layer] = Tape();
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

void TrainingPass::backward_mlp(std::size_t layer, Tape& tape, at::Tensor& grad) {
  const TrainLayer& weights = decoder_.layers[layer];
  const std::vector<RowChunk>& chunks = query_chunks(layer);
  const std::int64_t rows = tape.query_RE.size(0);
  const bool reads_h = weights.down.is_trained() || weights.mixture.has_value();
  const bool reads_input = weights.gate_up.is_trained();
  at::Tensor grad_out_RE = at::empty({rows, config_.hidden_size}, tape.attended.options());
  at::Tensor h_RI, input_RE, grad_gate_up;
  if (reads_h) h_RI = rows_buffer(rows, config_.intermediate_size, decoder_.type);
  if (reads_input) input_RE = rows_buffer(rows, config_.hidden_size, decoder_.type);
  if (weights.needs.down_input) {
    grad_gate_up = rows_buffer(rows, 2 * config_.intermediate_size, decoder_.type);
  }
  std::vector<UpdateGradients> down_updates(chunks.size()), gate_up_updates(chunks.size());
  std::vector<at::Tensor> gate_gradients(chunks.size());
  at::Tensor sums = norm_sums(weights.attention_norm_E, chunks.size(), config_.hidden_size);
  for_chunks(chunks, [&](const RowChunk& chunk, std::size_t index) {
    at::Tensor grad_out_ME = rows_of(grad_out_RE, chunk);
    grad_out_ME.copy_(rows_of(grad, chunk));
    at::Tensor h_MI = reads_h ? rows_of(h_RI, chunk) : at::Tensor();
    if (reads_h) activate(tape.gate_up[index], chunk, h_MI);
    at::Tensor grad_h_MI = weights.down.backward(parameters_, grad_out_ME, h_MI, chunk.rows,
                                                 weights.needs.down_input, down_updates[index]);
    if (weights.mixture) {
      gate_gradients[index] = weights.mixture->backward(
          grad_out_ME, h_MI, gates_.row_weights_T.narrow(0, chunk.begin, chunk.rows), gates_.weight,
          grad_h_MI);
    }
    if (!weights.needs.down_input) return;
    SiluMulBackwardArgs args;
    args.gate_up = tape.gate_up[index].const_data_ptr();
    args.grad_out = grad_h_MI.const_data_ptr();
    args.grad_gate_up = row_pointer(grad_gate_up, chunk.begin);
    args.rows = chunk.rows;
    args.dim = config_.intermediate_size;
    args.dtype = dtype_of(decoder_.type);
    backend_.silu_mul_backward(args);
    at::Tensor input_ME = reads_input ? rows_of(input_RE, chunk) : at::Tensor();
    if (reads_input) normalize_into(tape.middle_RE, chunk, weights.attention_norm_E, input_RE);
    at::Tensor grad_input_ME =
        weights.gate_up.backward(parameters_, rows_of(grad_gate_up, chunk), input_ME, chunk.rows,
                                 weights.needs.gate_up_input, gate_up_updates[index]);
    if (!weights.needs.gate_up_input) return;
    backward_norm(tape.middle_RE, chunk, weights.attention_norm_E, grad_input_ME, grad,
                  sums.defined() ? sums[static_cast<std::int64_t>(index)] : sums);
  });
  weights.down.add_update_gradients(parameters_, down_updates);
  weights.gate_up.add_update_gradients(parameters_, gate_up_updates);
  if (weights.mixture) weights.mixture->add_gate_gradients(parameters_, gate_gradients);
  add_norm_gradient(weights.attention_norm_E, sums);
  std::int64_t count = chunks.empty() ? 0 : chunks.back().begin + chunks.back().rows;
  if (weights.down.has_weights()) {
    weights.down.add_weight_gradients(parameters_, grad_out_RE.narrow(0, 0, count),
                                      h_RI.narrow(0, 0, count));
  }
  if (weights.gate_up.has_weights()) {
    weights.gate_up.add_weight_gradients(parameters_, grad_gate_up.narrow(0, 0, count),
                                         input_RE.narrow(0, 0, count));
  }
}

at::Tensor TrainingPass::backward_output(std::size_t layer, const Tape& tape,
                                         const at::Tensor& grad) {
  const TrainLayer& weights = decoder_.layers[layer];
  const std::vector<RowChunk>& chunks = query_chunks(layer);
  at::Tensor grad_out_RE = at::empty({grad.size(0), config_.hidden_size}, tape.attended.options());
  at::Tensor grad_attended;
  if (weights.needs.attention) grad_attended = at::empty_like(tape.attended);
  std::vector<UpdateGradients> updates(chunks.size());
  for_chunks(chunks, [&](const RowChunk& chunk, std::size_t index) {
    at::Tensor grad_out_ME = rows_of(grad_out_RE, chunk);
    grad_out_ME.copy_(rows_of(grad, chunk));
    at::Tensor grad_ME = weights.o.backward(parameters_, grad_out_ME, rows_of(tape.attended, chunk),
                                            chunk.rows, weights.needs.attention, updates[index]);
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

void TrainingPass::backward_projection(const TrainLayer& weights, const Projection& projection,
                                       const Tape& tape, const std::array<at::Tensor, 3>& grad_qkv,
                                       at::Tensor& grad) {
  const TrainLinear& linear = projection.linear;
  const std::vector<RowChunk>& chunks = projection.chunks;
  at::Tensor q_norm = weights.q_norm_D.value(parameters_);
  at::Tensor k_norm = weights.k_norm_D.value(parameters_);
  at::Tensor grad_projected =
      rows_buffer(projection.residual.size(0), linear.num_outputs(), decoder_.type);
  at::Tensor input;
  if (linear.is_trained()) {
    input = rows_buffer(projection.residual.size(0), config_.hidden_size, decoder_.type);
  }
  std::vector<UpdateGradients> updates(chunks.size());
  at::Tensor sums = norm_sums(weights.input_norm_E, chunks.size(), config_.hidden_size);
  at::Tensor q_sums = norm_sums(weights.q_norm_D, chunks.size(), config_.head_dim);
  at::Tensor k_sums = norm_sums(weights.k_norm_D, chunks.size(), config_.head_dim);
  for_chunks(chunks, [&](const RowChunk& chunk, std::size_t index) {
    auto row = static_cast<std::int64_t>(index);
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
    args.q_norm = float_or_null(q_norm);
    args.k_norm = float_or_null(k_norm);
    args.grad_qkv = row_pointer(grad_projected, chunk.begin);
    if (q_sums.defined()) args.grad_q_norm = static_cast<float*>(row_pointer(q_sums, row));
    if (k_sums.defined()) args.grad_k_norm = static_cast<float*>(row_pointer(k_sums, row));
    args.rows = chunk.rows;
    args.num_heads = projection.has_q ? config_.num_heads : 0;
    args.num_kv_heads = projection.has_kv ? config_.num_kv_heads : 0;
    args.head_dim = config_.head_dim;
    args.eps = static_cast<float>(config_.rms_norm_eps);
    args.dtype = dtype_of(decoder_.type);
    backend_.rope_backward(args);
    at::Tensor input_ME = input.defined() ? rows_of(input, chunk) : input;
    if (input.defined()) normalize_into(projection.residual, chunk, weights.input_norm_E, input);
    at::Tensor grad_ME = linear.backward(parameters_, rows_of(grad_projected, chunk), input_ME,
                                         chunk.rows, weights.needs.qkv_input, updates[index]);
    if (!weights.needs.qkv_input) return;
    backward_norm(projection.residual, chunk, weights.input_norm_E, grad_ME, grad,
                  sums.defined() ? sums[row] : sums);
  });
  linear.add_update_gradients(parameters_, updates);
  add_norm_gradient(weights.input_norm_E, sums);
  if (projection.has_q) add_norm_gradient(weights.q_norm_D, q_sums);
  if (projection.has_kv) add_norm_gradient(weights.k_norm_D, k_sums);
  if (linear.has_weights()) {
    std::int64_t count = chunks.back().begin + chunks.back().rows;
    linear.add_weight_gradients(parameters_, grad_projected.narrow(0, 0, count),
                                input.narrow(0, 0, count));
  }
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
