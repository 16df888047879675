// SPDX-License-Identifier: Apache-2.0
// One plain language model out of a base and adapters: W + sum of w s B A.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/checkpoint/weight_files.h"
#include "runtime/core/atomic_folder.h"

namespace midpo {

/// How much of an adapter goes into the merged model.
struct AdapterShare {
  std::string dir;
  std::vector<double> weights;  ///< by layer; empty: 1 everywhere
};

struct MergedExport {
  std::string base_dir;
  std::vector<AdapterShare> adapters;
  /// Of floating-point weights; none: as each is in the base.
  std::optional<StoredType> type = std::nullopt;
  bool allow_pickle = false;
};

/// Writes a Hugging Face directory. The sum is computed in fp32 and rounded once to the type
/// written. Exact for whole adapters; with weights in place of a mixture's gates, an approximation.
/// @throws Error kCheckpoint, kStorage; kConfig where the folder may not be replaced.
void export_merged(const std::string& dir, const MergedExport& model, ExistingFolder existing);

}  // namespace midpo
