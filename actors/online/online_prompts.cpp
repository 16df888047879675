// SPDX-License-Identifier: Apache-2.0
#include "actors/online/online_prompts.h"

#include <algorithm>
#include <utility>

#include "actors/generation/prompt_row.h"
#include "actors/model_options.h"
#include "actors/parallel.h"
#include "runtime/core/control_group.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

void require_prompts(const OnlineJob& job) {
  require(!job.prompts.empty(), ErrorCode::kData,
          job.input_paths.front() + ": no prompt; wanted rows with prompt or prompt_ids");
}

}  // namespace

std::vector<InputFile> read_prompts(const std::vector<std::string>& paths, OnlineJob& job) {
  constexpr std::size_t kBlockRows = 1024;
  RowRequirements wanted;
  wanted.is_prompt_only = true;
  const auto reader = open_rows(paths, kBlockRows, job.on_bad_row, wanted);
  job.input_paths = paths;
  for (bool is_last = false; !is_last;) {
    const auto block = reader->next_block();
    is_last = block->is_last;
    job.prompts.insert(job.prompts.end(), block->rows.begin(), block->rows.end());
    job.bad_prompts.insert(job.bad_prompts.end(), block->bad_rows.begin(), block->bad_rows.end());
  }
  reader->check_unchanged();
  require_prompts(job);
  return reader->files();
}

void check_prompts(OnlineJob& job) {
  GenerationJob generation = job.generation;
  generation.replicas = {job.base};
  std::vector<std::string> problems(job.prompts.size());
  parallel_for(job.prompts.size(), num_cores(), [&](std::size_t i) {
    try {
      make_prompt_row(generation, job.prompts[i]);
    } catch (const Error& error) {
      if (job.on_bad_row == BadRowPolicy::kFail) {
        throw Error(error.code(),
                    std::string(error.what()) + "; fix the row or pass --on-bad-row quarantine");
      }
      problems[i] = error.what();
    }
  });
  std::vector<PreferenceRow> good;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    PreferenceRow& row = job.prompts[i];
    if (problems[i].empty()) {
      good.push_back(std::move(row));
    } else {
      job.bad_prompts.push_back({row.row, row.position, problems[i], row.json});
    }
  }
  std::ranges::sort(job.bad_prompts, {}, &BadRow::row);
  job.prompts = std::move(good);
  require_prompts(job);
}

}  // namespace midpo
