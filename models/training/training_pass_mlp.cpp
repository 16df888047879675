// SPDX-License-Identifier: Apache-2.0
// The MLP's part of the backward pass: down projection and mixture, activation, gate and up
// projections, norm.
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "models/training/pass_steps.h"
#include "models/training/training_pass.h"

namespace midpo {

/// What the chunks of a layer leave to be added up in their order.
struct TrainingPass::MlpGradients {
  at::Tensor grad_out_RE;  ///< of the down projection's output
  at::Tensor h_RI;         ///< its input, where a gradient reads it
  at::Tensor input_RE;     ///< the gate and up projections' input, where a gradient reads it
  at::Tensor grad_gate_up;
  FrozenLinear down_transposed, gate_up_transposed;
  std::vector<UpdateGradients> down_updates, gate_up_updates;
  std::vector<at::Tensor> gates;
  at::Tensor norm_sums;
};

TrainingPass::MlpGradients TrainingPass::make_mlp_gradients(std::size_t layer,
                                                            const Tape& tape) const {
  const TrainLayer& weights = decoder_.layers[layer];
  const std::size_t num_chunks = query_chunks(layer).size();
  const std::int64_t rows = tape.query_RE.size(0);
  MlpGradients made;
  made.grad_out_RE = at::empty({rows, config_.hidden_size}, tape.attended.options());
  if (weights.down.is_trained() || weights.mixture) {
    made.h_RI = rows_buffer(rows, config_.intermediate_size, decoder_.type);
  }
  if (weights.gate_up.is_trained()) {
    made.input_RE = rows_buffer(rows, config_.hidden_size, decoder_.type);
  }
  if (weights.needs.down_input) {
    made.grad_gate_up = rows_buffer(rows, 2 * config_.intermediate_size, decoder_.type);
  }
  made.down_transposed = weights.down.transposed(parameters_, weights.needs.down_input);
  made.gate_up_transposed = weights.gate_up.transposed(parameters_, weights.needs.gate_up_input);
  made.down_updates.resize(num_chunks);
  made.gate_up_updates.resize(num_chunks);
  made.gates.resize(num_chunks);
  made.norm_sums = norm_sums(weights.attention_norm_E, num_chunks, config_.hidden_size);
  return made;
}

void TrainingPass::backward_mlp(std::size_t layer, const Tape& tape, const at::Tensor& grad) {
  MlpGradients gradients = make_mlp_gradients(layer, tape);
  for_chunks(query_chunks(layer), [&](const RowChunk& chunk, std::size_t index) {
    const at::Tensor grad_h_MI = backward_down(layer, tape, chunk, index, grad, gradients);
    if (grad_h_MI.defined()) {
      backward_gate_up(layer, tape, chunk, index, grad_h_MI, grad, gradients);
    }
  });
  add_mlp_gradients(layer, gradients);
}

at::Tensor TrainingPass::backward_down(std::size_t layer, const Tape& tape, const RowChunk& chunk,
                                       std::size_t index, const at::Tensor& grad,
                                       MlpGradients& gradients) {
  const TrainLayer& weights = decoder_.layers[layer];
  at::Tensor grad_out_ME = rows_of(gradients.grad_out_RE, chunk);
  grad_out_ME.copy_(rows_of(grad, chunk));
  at::Tensor h_MI;
  if (gradients.h_RI.defined()) {
    h_MI = rows_of(gradients.h_RI, chunk);
    activate(tape.gate_up[index], chunk, h_MI);
  }
  at::Tensor grad_h_MI =
      weights.down.backward(parameters_, grad_out_ME, h_MI, chunk.rows, gradients.down_transposed,
                            gradients.down_updates[index]);
  if (weights.mixture) {
    const double weight = gates_.reads_layer_inputs ? 0.0 : gates_.weight;
    gradients.gates[index] = weights.mixture->backward(
        grad_out_ME, h_MI, gates_.row_weights_T.narrow(0, chunk.begin, chunk.rows), weight,
        grad_h_MI);
  }
  return grad_h_MI;
}

void TrainingPass::backward_gate_up(std::size_t layer, const Tape& tape, const RowChunk& chunk,
                                    std::size_t index, const at::Tensor& grad_h_MI,
                                    const at::Tensor& grad, MlpGradients& gradients) {
  const TrainLayer& weights = decoder_.layers[layer];
  run_silu_mul_backward(backend_, decoder_, tape.gate_up[index], grad_h_MI, chunk.rows,
                        row_pointer(gradients.grad_gate_up, chunk.begin));
  at::Tensor input_ME;
  if (gradients.input_RE.defined()) {
    input_ME = rows_of(gradients.input_RE, chunk);
    normalize_into(tape.middle_RE, chunk, weights.attention_norm_E, gradients.input_RE);
  }
  at::Tensor grad_input_ME = weights.gate_up.backward(
      parameters_, rows_of(gradients.grad_gate_up, chunk), input_ME, chunk.rows,
      gradients.gate_up_transposed, gradients.gate_up_updates[index]);
  if (!weights.needs.gate_up_input) return;
  backward_norm(tape.middle_RE, chunk, weights.attention_norm_E, grad_input_ME, grad,
                sums_of_chunk(gradients.norm_sums, index));
}

void TrainingPass::add_mlp_gradients(std::size_t layer, const MlpGradients& gradients) {
  const TrainLayer& weights = decoder_.layers[layer];
  weights.down.add_update_gradients(parameters_, gradients.down_updates);
  weights.gate_up.add_update_gradients(parameters_, gradients.gate_up_updates);
  if (weights.mixture) weights.mixture->add_gate_gradients(parameters_, gradients.gates);
  add_norm_gradient(weights.attention_norm_E, gradients.norm_sums);
  const std::vector<RowChunk>& chunks = query_chunks(layer);
  const std::int64_t rows = chunks.empty() ? 0 : chunks.back().begin + chunks.back().rows;
  if (weights.down.has_weights()) {
    weights.down.add_weight_gradients(parameters_, gradients.grad_out_RE.narrow(0, 0, rows),
                                      gradients.h_RI.narrow(0, 0, rows));
  }
  if (weights.gate_up.has_weights()) {
    weights.gate_up.add_weight_gradients(parameters_, gradients.grad_gate_up.narrow(0, 0, rows),
                                         gradients.input_RE.narrow(0, 0, rows));
  }
}

}  // namespace midpo
