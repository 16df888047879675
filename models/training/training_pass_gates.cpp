// SPDX-License-Identifier: Apache-2.0
// The regulariser on layer inputs: a second evaluation of every MLP up to its gates, as the
// published router training makes it, on the residual stream before the layer and without a norm.
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "models/training/pass_steps.h"
#include "models/training/training_pass.h"

namespace midpo {

GateSums TrainingPass::regularized() const {
  if (gates_.reads_layer_inputs) return input_gate_sums_;
  GateSums total;
  for (const GateSums& layer : gate_sums_) total += layer;
  return total;
}

at::Tensor TrainingPass::input_gate_up(std::size_t layer, const Tape& tape,
                                       const RowChunk& chunk) const {
  at::Tensor input_ME = tape.input_TE.narrow(0, chunk.begin, chunk.padded_rows).to(decoder_.type);
  return decoder_.layers[layer].gate_up.forward(parameters_, input_ME);
}

void TrainingPass::count_input_gates(std::size_t layer, const Tape& tape) {
  std::vector<GateSums> sums(token_chunks_.size());
  for_chunks(token_chunks_, [&](const RowChunk& chunk, std::size_t index) {
    at::Tensor gate_up_MI = input_gate_up(layer, tape, chunk);
    at::Tensor h_MI =
        at::empty({chunk.padded_rows, config_.intermediate_size}, gate_up_MI.options());
    activate(gate_up_MI, chunk, h_MI);
    decoder_.layers[layer].mixture->count_gates(
        h_MI, gates_.row_weights_T.narrow(0, chunk.begin, chunk.rows), sums[index]);
  });
  for (const GateSums& chunk : sums) input_gate_sums_ += chunk;
}

void TrainingPass::backward_input_gates(std::size_t layer, const Tape& tape, at::Tensor& grad) {
  const TrainLayer& weights = decoder_.layers[layer];
  const FrozenLinear transposed =
      weights.gate_up.transposed(parameters_, weights.has_trained_below);
  std::vector<at::Tensor> gradients(token_chunks_.size());
  for_chunks(token_chunks_, [&](const RowChunk& chunk, std::size_t index) {
    at::Tensor gate_up_MI = input_gate_up(layer, tape, chunk);
    at::Tensor h_MI =
        at::empty({chunk.padded_rows, config_.intermediate_size}, gate_up_MI.options());
    activate(gate_up_MI, chunk, h_MI);
    at::Tensor grad_h_MI;
    if (weights.has_trained_below) grad_h_MI = at::zeros(h_MI.sizes(), h_MI.options());
    gradients[index] = weights.mixture->backward_regularizer(
        h_MI, gates_.row_weights_T.narrow(0, chunk.begin, chunk.rows), gates_.weight, grad_h_MI);
    if (!weights.has_trained_below) return;
    at::Tensor grad_gate_up_MI = at::zeros(gate_up_MI.sizes(), gate_up_MI.options());
    run_silu_mul_backward(backend_, decoder_, gate_up_MI, grad_h_MI, chunk.rows,
                          grad_gate_up_MI.mutable_data_ptr());
    UpdateGradients none;
    at::Tensor grad_input_ME = weights.gate_up.backward(parameters_, grad_gate_up_MI, at::Tensor(),
                                                        chunk.rows, transposed, none);
    grad.narrow(0, chunk.begin, chunk.rows).add_(grad_input_ME.narrow(0, 0, chunk.rows));
  });
  weights.mixture->add_gate_gradients(parameters_, gradients);
}

}  // namespace midpo
