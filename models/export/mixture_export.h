// SPDX-License-Identifier: Apache-2.0
// The whole mixture as a Hugging Face directory with its own modelling file.
#pragma once

#include <string>

#include "runtime/core/atomic_folder.h"

namespace midpo {

struct MixtureExport {
  std::string base_dir;
  std::string safety_dir;       ///< PEFT directory of the safety expert
  std::string helpfulness_dir;  ///< PEFT directory of the helpfulness expert
  std::string router_path;      ///< as open_router() takes it
  bool allow_pickle = false;
};

/// Writes a directory that transformers loads with AutoModelForCausalLM and trust_remote_code: the
/// base's weights as they are, experts and collapsed gates in fp32.
/// @throws Error kCheckpoint: parts that do not belong together, experts on anything but every
///   layer's down projection, ...; kStorage; kConfig where the folder may not be replaced.
void export_mixture(const std::string& dir, const MixtureExport& mixture, ExistingFolder existing);

}  // namespace midpo
