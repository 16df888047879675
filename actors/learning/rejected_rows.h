// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "actors/learning/learning_job.h"
#include "actors/learning/learning_outcome.h"

namespace midpo {

/// Counts rows that no scorer could handle as quarantined by the learners that needed them, and
/// appends them to `quarantine_path` in input order, unless the job's ranker has written them, in
/// this process or an earlier one.
/// Rows are read again for this: a job does not keep their text.
/// @throws Error kData (a file changed under the run), kStorage.
void settle_rejected_rows(const std::vector<RejectedScore>& rejected, LearningJob& job,
                          const std::string& quarantine_path);

}  // namespace midpo
