// SPDX-License-Identifier: Apache-2.0
// The constants that come nearest to a router's gates.
#pragma once

#include <string>
#include <vector>

namespace midpo {

/// Mean gates by layer over the data a router was trained on.
struct MeanGates {
  std::vector<double> alpha;
  std::vector<double> beta;
};

/// What training recorded in DIR/router_config.json; empty lists where it recorded none.
/// @throws Error(kCheckpoint) for a file that cannot be read, or gates that are no numbers from 0
/// to 1.
MeanGates read_mean_gates(const std::string& router_dir);

}  // namespace midpo
