// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "actors/online/online_job.h"
#include "runtime/data/row_reader.h"

namespace midpo {

/// Fills the job's prompts and, where its on_bad_row says so, bad_prompts.
/// @throws Error(kData) naming file and line, or if there is no prompt.
std::vector<InputFile> read_prompts(const std::vector<std::string>& paths, OnlineJob& job);

/// Prompts that the job's policy cannot answer (too long, say) are bad ones too.
/// @throws Error(kData), as read_prompts().
void check_prompts(OnlineJob& job);

}  // namespace midpo
