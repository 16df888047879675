// SPDX-License-Identifier: Apache-2.0
// What a job is: fixed before its actors start, shared by all of them, never changed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/engines.h"
#include "models/preference/prompt_template.h"
#include "models/preference/ranking_policy.h"
#include "runtime/data/preference_row.h"
#include "runtime/data/row_reader.h"

namespace midpo {

struct RemoteJob;

/// What a model's numbers mean to the ranker.
enum class Role { kReward, kCost, kReference };

/// "reward", "cost", "reference".
std::string_view role_name(Role role);

/// One frozen model of a job.
struct JobModel {
  Role role = Role::kReward;
  std::vector<std::shared_ptr<const Scorer>> replicas;  ///< one per device of the job, at least one
  std::uint32_t tokenizer = 0;                          ///< index into ScoringJob::templates
  std::uint32_t store_id = 0;                           ///< RunStore::model_id
  std::string path = {};                                ///< where it was loaded from
};

/// What every job that scores rows has.
struct ScoringJob {
  std::vector<JobModel> models;
  /// One per distinct tokenizer; null where every row must be pre-tokenised.
  std::vector<std::shared_ptr<const PromptTemplate>> templates;
  std::int64_t max_length = 512;
  BadRowPolicy on_bad_row = BadRowPolicy::kFail;
  std::int64_t tile_tokens = 2048;  ///< packed tokens per scorer call
  std::uint64_t block_rows = 64;
  std::uint32_t max_blocks_in_flight = 16;
  std::uint32_t num_scorers =
      1;  ///< actors in all; scorer i is at home in model i % models and device i % devices
  double task_deadline_seconds = 600.0;
  std::shared_ptr<const RemoteJob> remote;  ///< null: no workers of other processes
  std::vector<std::string> input_paths;     ///< for messages: RowPosition::file is an index into it
  std::string metrics_path;                 ///< empty: none
  bool shows_progress = true;
  std::string group = {};  ///< of its actors' names, where another job runs beside it; see Activity
};

struct RankJob : ScoringJob {
  RankingPolicy policy = RankingPolicy::kDual;
  double tie_margin = 1e-5;  ///< score units
  std::uint32_t num_tokenizers = 1;
  std::string output_path;
  std::string scores_output_path;  ///< empty: none
  std::string quarantine_path;     ///< written only under kQuarantine
};

/// Paths of the ordered outputs, in the order of Frontier::file_sizes.
std::vector<std::string> ordered_outputs(const RankJob& job);

}  // namespace midpo
