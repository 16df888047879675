// SPDX-License-Identifier: Apache-2.0
#include "actors/generation/generation_worker.h"

#include <utility>

namespace midpo {

GenerationWorker::GenerationWorker(std::shared_ptr<const GenerationJob> job, std::size_t device)
    : job_(std::move(job)), generator_(job_->replicas[device]->make_generator(job_->limits)) {}

void GenerationWorker::submit(std::shared_ptr<const PromptRow> row) {
  generator_->submit(make_request(*job_, *row));
  Writing writing;
  const auto num_samples = static_cast<std::size_t>(job_->responses.num_samples);
  writing.row.responses.resize(num_samples);
  writing.num_unfinished = num_samples;
  if (job_->prompt_template != nullptr) {
    const ResponseText empty(job_->prompt_template->shared_tokenizer(), job_->responses.stops);
    writing.texts.assign(num_samples, empty);
  }
  const std::uint64_t id = row->row;
  writing.row.prompt = std::move(row);
  writing_.emplace(id, std::move(writing));
}

bool GenerationWorker::add_token(Writing& writing, const TokenEvent& event) {
  GeneratedResponse& response = writing.row.responses[event.sample];
  response.tokens.push_back(event.token);
  if (job_->responses.wants_log_probs) response.log_probs.push_back(event.log_prob);
  if (event.finish == FinishReason::kStop) response.finish_reason = "eos";
  if (event.finish == FinishReason::kLength) response.finish_reason = "length";
  if (!writing.texts.empty() && writing.texts[event.sample].push(event.token)) {
    response.finish_reason = "stop_string";
    generator_->cancel(event.request, event.sample);
  }
  if (response.finish_reason.empty()) return false;
  if (!writing.texts.empty()) response.text = writing.texts[event.sample].finish();
  return true;
}

std::vector<GeneratedRow> GenerationWorker::step() {
  std::vector<GeneratedRow> finished;
  for (const TokenEvent& event : generator_->step()) {
    const auto writing = writing_.find(event.request);
    if (!add_token(writing->second, event) || --writing->second.num_unfinished > 0) continue;
    finished.push_back(std::move(writing->second.row));
    writing_.erase(writing);
  }
  return finished;
}

}  // namespace midpo
