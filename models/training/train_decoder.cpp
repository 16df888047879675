// SPDX-License-Identifier: Apache-2.0
#include "models/training/train_decoder.h"

namespace midpo {

void TrainDecoder::refresh() {
  for (TrainLayer& layer : layers) {
    for (TrainLinear* linear : {&layer.qkv, &layer.q, &layer.o, &layer.gate_up, &layer.down}) {
      linear->refresh(*parameters);
    }
    if (layer.mixture) layer.mixture->refresh(*parameters);
  }
}

void TrainDecoder::enable_adapters(bool are_enabled) {
  for (TrainLayer& layer : layers) {
    for (TrainLinear* linear : {&layer.qkv, &layer.q, &layer.o, &layer.gate_up, &layer.down}) {
      linear->enable_updates(are_enabled);
    }
  }
}

void TrainDecoder::fix_gates(double alpha, double beta) {
  for (TrainLayer& layer : layers) {
    if (layer.mixture) layer.mixture->fix_gates(alpha, beta);
  }
}

void TrainDecoder::expand_gate_gradients() {
  for (TrainLayer& layer : layers) {
    if (layer.mixture) layer.mixture->expand_gradients(*parameters);
  }
}

}  // namespace midpo
