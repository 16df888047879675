// SPDX-License-Identifier: Apache-2.0
// The JSONL lines a ranking job writes, each with its newline.
#pragma once

#include <string>
#include <vector>

#include "actors/job.h"
#include "runtime/data/row_json.h"

namespace midpo {

/// The fields that scores add to a row, in the order they are written: reward_0, reward_1, ...,
/// cost_0, ..., reference_log_prob_0, ... .   @param values  [model][response]
std::vector<JsonField> score_fields(const RankJob& job,
                                    const std::vector<const std::vector<double>*>& values);

/// The input row, its scores, and both winner ids set to the policy's winner; for K > 2 responses
/// also rejected_response_id.
std::string d_dual_line(const RankJob& job, const PreferenceRow& row,
                        const std::vector<const std::vector<double>*>& values,
                        const RankDecision& decision);

/// The input row, its scores, "kept", "reason" (null when kept) and "near_tie".
std::string score_line(const RankJob& job, const PreferenceRow& row,
                       const std::vector<const std::vector<double>*>& values,
                       const RankDecision& decision);

/// A device's noise between batch shapes, libraries and machines, score units: closer decisions are
/// flagged near_tie.
double tie_margin(DType dtype);

/// "rows.jsonl:17": where a row stands, for messages.
std::string row_place(const ScoringJob& job, const RowPosition& position);
std::string row_place(const std::vector<std::string>& paths, const RowPosition& position);

/// {"row":...,"line":...,"reason":...,"raw":...}; bytes that are not UTF-8 are written as U+FFFD.
std::string quarantine_line(const BadRow& row);

}  // namespace midpo
