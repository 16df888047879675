// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/learning_folder.h"

#include <filesystem>

#include "runtime/core/atomic_folder.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

namespace fs = std::filesystem;

/// Everything a run writes into its folder and into each learner's.
constexpr const char* kRunEntries[] = {"config.yaml", "log.jsonl", "scores", "quarantine.jsonl",
                                       "ranking.json"};
constexpr const char* kPlan = "plan.json";
constexpr const char* kLearnerEntries[] = {"checkpoints", "metrics.jsonl", "tensorboard",
                                           "manifest.json"};

void remove_entry(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  require(!error, ErrorCode::kStorage, path + ": cannot be removed: " + error.message());
}

void discard(const LearningFolder& folder) {
  // The plan last: until it is gone, what is left is known to be a run's.
  for (std::size_t i = 0; i < folder.learners.size(); ++i) {
    for (const char* name : kLearnerEntries) remove_entry(folder.learner_dir(i) + "/" + name);
  }
  for (const char* name : kRunEntries) remove_entry(folder.file(name));
  remove_entry(folder.file(kPlan));
}

bool is_used(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error) && !(fs::is_directory(path, error) && fs::is_empty(path, error));
}

}  // namespace

std::string LearningFolder::learner_dir(std::size_t i) const {
  return learners[i].empty() ? dir : dir + "/" + learners[i];
}

bool LearningFolder::is_finished() const {
  for (std::size_t i = 0; i < learners.size(); ++i) {
    if (!fs::exists(learner_dir(i) + "/manifest.json")) return false;
  }
  return true;
}

RunStart prepare_learning_folder(const LearningFolder& folder, bool resume, bool overwrite) {
  require(!(resume && overwrite), ErrorCode::kConfig,
          "resume and overwrite exclude each other; give one of them");
  for (const std::string& output : folder.outputs) {
    require_replaceable(output, ExistingFolder::kReplaceOwn);
  }
  if (overwrite) {
    discard(folder);
    return RunStart::kFresh;
  }
  if (fs::exists(folder.file(kPlan))) {
    const bool is_finished = folder.is_finished();
    const std::string kind = is_finished ? "a finished run" : "an unfinished run";
    const std::string advice =
        is_finished ? "choose another --run-dir" : "continue it with --resume";
    require(resume, ErrorCode::kConfig,
            folder.dir + " holds " + kind + "; " + advice + ", or discard it with --overwrite");
    return is_finished ? RunStart::kFinished : RunStart::kResume;
  }
  for (const std::string& output : folder.outputs) {
    require(!is_used(output), ErrorCode::kConfig,
            output + " exists and no run of " + folder.dir +
                " made it; choose another path, or replace it with --overwrite");
  }
  return RunStart::kFresh;
}

}  // namespace midpo
