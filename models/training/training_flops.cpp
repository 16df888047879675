// SPDX-License-Identifier: Apache-2.0
#include "models/training/training_flops.h"

#include "models/packing.h"

namespace midpo {
namespace {

/// One pass over a linear layer per row.
double linear_flops(const TrainLinear& linear, bool wants_input_gradient) {
  const double pass =
      2.0 * static_cast<double>(linear.num_inputs()) * static_cast<double>(linear.num_outputs());
  return pass * (1.0 + (wants_input_gradient ? 1.0 : 0.0) + (linear.has_weights() ? 1.0 : 0.0));
}

}  // namespace

double training_flops(const TrainDecoder& decoder, const PackedBatch& batch, double head_flops) {
  const auto tokens = static_cast<double>(batch.num_tokens());
  const auto reads = static_cast<double>(batch.num_reads());
  double flops = 2.0 * reads * head_flops;
  for (const TrainLayer& layer : decoder.layers) {
    const bool is_last = &layer == &decoder.layers.back();
    const double rows = is_last ? reads : tokens;
    const LayerNeeds& needs = layer.needs;
    flops += tokens * linear_flops(layer.qkv, needs.qkv_input);
    if (is_last) flops += reads * linear_flops(layer.q, needs.qkv_input);
    flops += rows * (linear_flops(layer.o, needs.attention) +
                     linear_flops(layer.gate_up, needs.gate_up_input) +
                     linear_flops(layer.down, needs.down_input));
    flops += attention_flops(decoder.config, is_last ? batch.read_segments : batch.segments) *
             (needs.attention ? 3.0 : 1.0);
  }
  return flops;
}

}  // namespace midpo
