// SPDX-License-Identifier: Apache-2.0
#include "actors/online/written_rows.h"

#include <algorithm>
#include <utility>

#include "actors/generation/row_writer.h"

namespace midpo {
namespace {

/// What a local generator would have said of these tokens.
void replay(RowWriter& row, std::uint32_t sample, const PromptResult::Sample& written,
            const std::vector<std::int32_t>& stop_ids) {
  for (std::size_t t = 0; t < written.tokens.size(); ++t) {
    TokenEvent event;
    event.sample = sample;
    event.token = written.tokens[t];
    if (!written.log_probs.empty()) event.log_prob = written.log_probs[t];
    const bool is_stop = std::ranges::find(stop_ids, event.token) != stop_ids.end();
    if (t + 1 == written.tokens.size()) {
      event.finish = is_stop ? FinishReason::kStop : FinishReason::kLength;
    }
    if (row.add(event) == RowWriter::After::kEndedEarly) return;
  }
}

}  // namespace

std::shared_ptr<const GenerationJob> round_generation(const OnlineJob& job,
                                                      std::shared_ptr<const GenerationModel> model,
                                                      std::uint64_t round) {
  auto generation = std::make_shared<GenerationJob>(job.generation);
  generation->replicas = {std::move(model)};
  generation->responses.seed += round;
  return generation;
}

WrittenRow written_row(const GenerationJob& generation, GeneratedRow row,
                       const std::string& model) {
  std::string json = generated_line(generation, row, model);
  json.pop_back();
  return {std::move(row), std::move(json)};
}

std::shared_ptr<const PromptTask> prompt_task(const OnlineJob& job, const RoundPart& part) {
  const auto generation = round_generation(job, job.base, part.round);
  const ResponseOptions& responses = generation->responses;
  auto task = std::make_shared<PromptTask>();
  task->version = part.version;
  task->seed = responses.seed;
  task->vocab_size = static_cast<std::uint32_t>(job.base->info().vocab_size);
  task->num_samples = static_cast<std::uint32_t>(responses.num_samples);
  task->temperature = responses.sampling.temperature;
  task->top_k = static_cast<std::uint32_t>(responses.sampling.top_k);
  task->top_p = responses.sampling.top_p;
  task->repetition_penalty = responses.sampling.repetition_penalty;
  task->wants_log_probs = responses.wants_log_probs;
  task->stop_ids = responses.stop_ids;
  for (const std::uint64_t prompt : part.prompts) {
    const PromptRow row = make_prompt_row(*generation, job.prompts[prompt]);
    const GenerationRequest request = make_request(*generation, row);
    task->prompts.push_back(
        {request.id, static_cast<std::uint32_t>(request.max_new_tokens), request.prompt});
  }
  return task;
}

std::vector<WrittenRow> written_rows(const OnlineJob& job, const RoundPart& part,
                                     const PromptResult& result, const std::string& model) {
  const auto generation = round_generation(job, job.base, part.round);
  std::vector<WrittenRow> rows;
  for (std::size_t i = 0; i < part.prompts.size(); ++i) {
    RowWriter row(*generation, std::make_shared<PromptRow>(
                                   make_prompt_row(*generation, job.prompts[part.prompts[i]])));
    for (std::uint32_t sample = 0; sample < result.samples[i].size(); ++sample) {
      replay(row, sample, result.samples[i][sample], generation->responses.stop_ids);
    }
    rows.push_back(written_row(*generation, row.take(), model));
  }
  return rows;
}

}  // namespace midpo
