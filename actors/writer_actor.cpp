// SPDX-License-Identifier: Apache-2.0
#include "actors/writer_actor.h"

#include "actors/error_boundary.h"

namespace midpo {
namespace {

using Pointer = WriterActor::stateful_pointer<WriterState>;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kFrontierInterval{1};

void append_lines(GrowingFile& file, const std::string& lines) {
  // The empty last block of a resumed run may find its files published already.
  if (!lines.empty()) file.append(lines);
}

void advance_frontier(Pointer self, bool is_final) {
  WriterState& state = self->state;
  auto frontier = std::make_shared<Frontier>();
  frontier->next_block = state.sequencer.next_index();
  for (const auto& file : *state.outputs) frontier->file_sizes.push_back(file->make_durable());
  frontier->counters_json = state.counters.to_json();
  auto blocks = std::make_shared<std::vector<std::shared_ptr<const RankedBlock>>>();
  blocks->swap(state.not_durable);
  self->send(state.store, AdvanceFrontier{std::move(frontier), std::move(blocks), is_final});
  state.last_frontier = Clock::now();
}

void write_block(Pointer self, std::shared_ptr<const RankedBlock> block) {
  WriterState& state = self->state;
  const Activity::Busy busy = state.activity->busy("write", block->num_rows);
  const auto start = Clock::now();
  append_block(*state.job, *block, *state.outputs);
  const std::uint64_t kept_before = state.counters.kept;
  state.counters.add(*block);
  state.not_durable.push_back(block);
  if (Clock::now() - state.last_frontier >= kFrontierInterval) advance_frontier(self, false);
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  self->send(state.coordinator,
             BlockWritten{block->index, block->num_rows, state.counters.kept - kept_before,
                          block->num_packed_tokens, block->fraction_read, block->seconds, seconds,
                          block->is_last});
}

}  // namespace

OutputFiles open_outputs(const RankJob& job, const Frontier& frontier) {
  OutputFiles files;
  const std::vector<std::string> paths = ordered_outputs(job);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const std::uint64_t size = i < frontier.file_sizes.size() ? frontier.file_sizes[i] : 0;
    files.push_back(std::make_unique<GrowingFile>(paths[i], size));
  }
  return files;
}

void append_block(const RankJob& job, const RankedBlock& block, const OutputFiles& files) {
  auto file = files.begin();
  append_lines(**file++, block.d_dual_lines);
  if (!job.scores_output_path.empty()) append_lines(**file++, block.score_lines);
  if (file != files.end()) append_lines(**file, block.quarantine_lines);
}

WriterActor::behavior_type writer_actor(Pointer self, std::shared_ptr<const RankJob> job,
                                        std::shared_ptr<OutputFiles> outputs, Frontier frontier,
                                        StoreActor store, CoordinatorActor coordinator) {
  install_error_boundary(self);
  WriterState& state = self->state;
  state.job = std::move(job);
  state.outputs = std::move(outputs);
  state.store = std::move(store);
  state.coordinator = std::move(coordinator);
  state.sequencer = Sequencer<std::shared_ptr<const RankedBlock>>(frontier.next_block);
  state.counters = counters_from_json(frontier.counters_json);
  state.last_frontier = Clock::now();
  state.activity = std::make_unique<Activity>("writer");
  return {
      [self](const BlockRanked& ranked) {
        self->state.sequencer.push(ranked.block->index, ranked.block);
        while (auto block = self->state.sequencer.pop()) write_block(self, std::move(*block));
      },
      [self](FinishOutputs) { advance_frontier(self, true); },
      [self](FrontierCommitted) {
        for (const auto& file : *self->state.outputs) file->publish();
        self->send(self->state.coordinator, OutputsPublished{self->state.counters.to_json()});
      },
      [self](Stop) {
        if (!self->state.not_durable.empty()) advance_frontier(self, false);
        self->quit();
      },
  };
}

}  // namespace midpo
