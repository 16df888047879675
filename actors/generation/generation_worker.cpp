// SPDX-License-Identifier: Apache-2.0
#include "actors/generation/generation_worker.h"

#include <utility>

namespace midpo {

GenerationWorker::GenerationWorker(std::shared_ptr<const GenerationJob> job, std::size_t device)
    : job_(std::move(job)), generator_(job_->replicas[device]->make_generator(job_->limits)) {}

void GenerationWorker::submit(std::shared_ptr<const PromptRow> row) {
  generator_->submit(make_request(*job_, *row));
  const std::uint64_t id = row->row;
  writing_.emplace(id, RowWriter(*job_, std::move(row)));
}

std::vector<GeneratedRow> GenerationWorker::step() {
  std::vector<GeneratedRow> finished;
  for (const TokenEvent& event : generator_->step()) {
    const auto writing = writing_.find(event.request);
    if (writing->second.add(event) == RowWriter::After::kEndedEarly) {
      generator_->cancel(event.request, event.sample);
    }
    if (!writing->second.is_complete()) continue;
    finished.push_back(writing->second.take());
    writing_.erase(writing);
  }
  return finished;
}

}  // namespace midpo
