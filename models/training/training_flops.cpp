// SPDX-License-Identifier: Apache-2.0
#include "models/training/training_flops.h"

#include <ATen/ops/ones.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "models/packing.h"

namespace midpo {
namespace {

/// One pass over a linear layer per row.
double linear_flops(const TrainLinear& linear, bool wants_input_gradient) {
  const double pass =
      2.0 * static_cast<double>(linear.num_inputs()) * static_cast<double>(linear.num_outputs());
  return pass * (1.0 + (wants_input_gradient ? 1.0 : 0.0) + (linear.has_weights() ? 1.0 : 0.0));
}

/// One call of each of the first layer's linear layers for each of some chunks of rows.
class LayerProducts {
 public:
  explicit LayerProducts(const TrainDecoder& decoder)
      : decoder_(decoder), rows_(decoder.backend->rows_per_call()) {
    const TrainLayer& layer = decoder.layers.front();
    for (const TrainLinear* linear : {&layer.o, &layer.gate_up, &layer.down}) {
      linears_.push_back(linear);
      inputs_.push_back(
          at::ones({rows_, linear->num_inputs()},
                   at::TensorOptions().dtype(decoder.type).device(decoder.backend->device())));
      flops_ += 2.0 * static_cast<double>(kChunks * rows_) *
                static_cast<double>(linear->num_inputs() * linear->num_outputs());
    }
  }

  void run() const {
    for (std::size_t i = 0; i < linears_.size(); ++i) {
      decoder_.backend->parallel_for(kChunks,
                                     [&](std::int64_t) { linears_[i]->product(inputs_[i]); });
    }
  }
  double flops() const { return flops_; }

 private:
  static constexpr std::int64_t kChunks = 8;
  const TrainDecoder& decoder_;
  std::int64_t rows_;
  std::vector<const TrainLinear*> linears_;
  std::vector<at::Tensor> inputs_;
  double flops_ = 0.0;
};

}  // namespace

double measure_gemm_rate(const TrainDecoder& decoder) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kRound{30};
  constexpr int kRounds = 5;
  const LayerProducts products(decoder);
  products.run();
  double best = 0.0;
  for (int round = 0; round < kRounds; ++round) {
    decoder.backend->busy_seconds();  // what is under way on the device ends
    const Clock::time_point start = Clock::now();
    double flops = 0.0;
    while (Clock::now() - start < kRound) {
      products.run();
      decoder.backend->busy_seconds();
      flops += products.flops();
    }
    best = std::max(best, flops / std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

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
