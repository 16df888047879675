// SPDX-License-Identifier: Apache-2.0
// What a training job is: fixed before its actors start, shared by all of them, never changed. One
// job trains one model, or several that share rows and scores (both experts).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/job.h"
#include "actors/learning/retiring_scorer.h"
#include "actors/learning/step_companion.h"
#include "actors/row_tokens.h"
#include "actors/run_counters.h"
#include "models/learner.h"
#include "models/preference/pair_choice.h"
#include "models/preference/pair_offset.h"
#include "runtime/flow/batch_plan.h"
#include "runtime/flow/lr_schedule.h"

namespace midpo {

/// A row that may be trained on, under every tokenizer of the job.
struct LearningRow {
  std::uint64_t row = 0;
  RowPosition position;
  std::vector<RowTokens> tokens;      ///< [tokenizer], one or two sequences in the file's order
  std::vector<ContentHash> contents;  ///< [tokenizer]
  std::uint32_t packed_tokens = 0;    ///< first tokenizer
  Collapse collapse = Collapse::kNone;
  std::vector<TokenSpan> answers;  ///< fine-tuning rows: the targets
  std::optional<std::int32_t> better_response_id;
  std::optional<std::int32_t> safer_response_id;
  std::array<std::optional<bool>, 2> is_response_safe;
};

/// A row as one learner uses it.
struct ChosenRow {
  std::uint32_t index = 0;  ///< into LearningJob::rows
  std::int32_t winner = 0;
  std::int32_t loser = 1;
};

/// The fate of all rows read, for one learner: in = kept + filtered + quarantined.
struct RowTally {
  std::uint64_t rows_in = 0;
  std::uint64_t kept = 0;
  std::map<std::string, std::uint64_t> filtered;
  std::uint64_t quarantined = 0;
};

/// One model being trained.
struct LearnerJob {
  std::string name;  ///< for messages and progress: "safety expert", "router", ...
  Objective objective = Objective::kPairs;
  std::vector<ChosenRow> train;
  std::vector<ChosenRow> eval;
  RowTally tally;
  std::optional<std::uint32_t> reference_model;  ///< index into ScoringJob::models
  std::optional<std::uint32_t> score_model;      ///< the one the offset takes
  PairOffset offset = PairOffset::kNone;
  double offset_weight = 0.0;

  BatchOptions batches;
  LrSchedule schedule;
  std::uint64_t save_steps = 0;        ///< 0: only at the end
  std::uint64_t save_total_limit = 0;  ///< 0: all are kept
  std::uint64_t eval_steps = 0;        ///< 0: only at the end
  /// Policy and reference are one model at the first step: its loss and margins are known.
  bool starts_at_reference = false;
  PairLossKind pair_loss = PairLossKind::kSigmoid;
  double beta = 0.1;
  double label_smoothing = 0.0;

  std::string run_dir;  ///< checkpoints/, metrics.jsonl, tensorboard/
  std::string output;   ///< what users load
  std::string plan_hash;
  /// What its steps are bound to outside the job; null: nothing.
  std::shared_ptr<StepCompanion> companion;
};

struct LearningJob : ScoringJob {
  std::vector<LearningRow> rows;  ///< of training and evaluation files
  std::vector<LearnerJob> learners;
  /// Learners begin as soon as the rows of a batch have their scores; false: when all have.
  bool overlaps = false;
  /// The replicas of its models, to be retired when all rows are scored.
  std::vector<std::shared_ptr<const RetiringScorer>> retiring;
  double step_deadline_seconds = 3600.0;  ///< a step that takes longer stops the run
  /// Learners train side by side; false: each when those before it have published.
  bool trains_together = true;
  /// The first num_ranked rows are ranked as well, under this job's policy; null: none are.
  std::shared_ptr<const RankJob> ranking;
  std::uint32_t num_ranked = 0;
  /// Called by the ranker when its outputs are published; may be empty.
  std::function<void(const RunCounters&)> on_ranked;
};

}  // namespace midpo
