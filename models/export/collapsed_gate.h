// SPDX-License-Identifier: Apache-2.0
// A gate's three affine maps, I -> G -> I -> 1 with nothing between them, as the one they are.
#pragma once

#include <vector>

#include "models/checkpoint/router_file.h"

namespace midpo {

/// gate(h) = sigmoid(weight . h + bias).
struct CollapsedGate {
  std::vector<float> weight;  ///< [I]
  float bias = 0.0F;
};

/// Multiplied in fp64, rounded once. @throws Error(kCheckpoint) for tensors that are not floats,
/// and for a gate that is not finite.
CollapsedGate collapse_gate(const WeightFiles& files, const GateTensors& gate);

}  // namespace midpo
