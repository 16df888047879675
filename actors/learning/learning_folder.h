// SPDX-License-Identifier: Apache-2.0
// The folders of a training run, and what may happen to those that are there already.
#pragma once

#include <string>
#include <vector>

#include "actors/run_folder.h"

namespace midpo {

struct LearningFolder {
  std::string dir;
  std::vector<std::string> learners;  ///< sub-folders, one a model; one empty name: dir itself
  std::vector<std::string> outputs;   ///< folders, one a model

  std::string file(const std::string& name) const { return dir + "/" + name; }
  /// Where learner i keeps its checkpoints and metrics.
  std::string learner_dir(std::size_t i) const;
  bool is_finished() const;
};

/// For the holder of the run's lock. Decides by what is on disk and the two flags; with overwrite,
/// removes this run's own files and no others.
/// @throws Error(kConfig) when something is there and neither flag says what to do with it.
RunStart prepare_learning_folder(const LearningFolder& folder, bool resume, bool overwrite);

}  // namespace midpo
