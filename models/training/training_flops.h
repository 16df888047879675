// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/batch.h"
#include "models/training/train_decoder.h"

namespace midpo {

/// FLOPs of the least work of one forward and backward pass that gives the same gradients: 2 per
/// multiply-add; per linear layer once forwards, once for the gradient of its input where anything
/// below needs it, once for its weight where that is trained; attention twice its forward work
/// where it is passed. Elementwise work, norms and the optimizer are not counted.
/// @param head_flops of one read, forwards; the head's input gradient costs the same.
double training_flops(const TrainDecoder& decoder, const PackedBatch& batch, double head_flops);

/// FLOP/s of the first layer's linear layers on chunks of rows, computed at once as the passes
/// compute theirs; best of several rounds.
double measure_gemm_rate(const TrainDecoder& decoder);

}  // namespace midpo
