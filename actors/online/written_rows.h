// SPDX-License-Identifier: Apache-2.0
// Parts of a round on their way to generators of other processes, and back.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/online/online_job.h"
#include "actors/online/online_messages.h"

namespace midpo {

/// The generation job of one round: the job's, with this model and the round's draws.
std::shared_ptr<const GenerationJob> round_generation(const OnlineJob& job,
                                                      std::shared_ptr<const GenerationModel> model,
                                                      std::uint64_t round);

/// @param model  content hash of the model that wrote it.
WrittenRow written_row(const GenerationJob& generation, GeneratedRow row, const std::string& model);

/// A part as a task: prompts as token ids, everything else as they are sampled here.
std::shared_ptr<const PromptTask> prompt_task(const OnlineJob& job, const RoundPart& part);

/// The rows that the tokens of a part's result are, with the bytes of rows written here. Stop
/// strings are found here: a worker has no tokenizer, and what it wrote behind them is cut off.
/// @param result  without flaw_of().
std::vector<WrittenRow> written_rows(const OnlineJob& job, const RoundPart& part,
                                     const PromptResult& result, const std::string& model);

}  // namespace midpo
