// SPDX-License-Identifier: Apache-2.0
#include "actors/generation/prompt_desk.h"

#include <utility>

namespace midpo {
namespace {

/// Rows handed out and not yet written.
constexpr std::uint64_t kWindow = 4096;
constexpr std::chrono::seconds kDurableInterval{1};

}  // namespace

PromptDesk::PromptDesk(std::shared_ptr<const GenerationJob> job, std::unique_ptr<RowReader> reader,
                       std::unique_ptr<GrowingFile> output)
    : job_(std::move(job)),
      reader_(std::move(reader)),
      output_(std::move(output)),
      next_row_(job_->first_row),
      lines_(job_->first_row),
      last_durable_(Clock::now()) {
  if (job_->shows_progress) {
    reporter_ = make_progress("generate", ProgressStyle::kAuto, Clock::now());
  }
  read_block();
}

/// To the next block with a row that is still to be handed out, or the end.
void PromptDesk::read_block() {
  do {
    if (block_ && block_->is_last) {
      has_input_ended_ = true;
      reader_->check_unchanged();
      return;
    }
    block_ = reader_->next_block();
    fraction_read_ = reader_->fraction_read();
    next_in_block_ = 0;
    while (next_in_block_ < block_->rows.size() &&
           block_->rows[next_in_block_].row < job_->first_row) {
      ++next_in_block_;
    }
  } while (next_in_block_ == block_->rows.size());
}

std::vector<std::shared_ptr<const PromptRow>> PromptDesk::next_prompts(std::size_t count) {
  std::vector<std::shared_ptr<const PromptRow>> prompts;
  while (!has_input_ended_ && prompts.size() < count && next_row_ < lines_.next_index() + kWindow) {
    PromptRow prompt = make_prompt_row(*job_, block_->rows[next_in_block_]);
    prompt.fraction_read = fraction_read_;
    prompts.push_back(std::make_shared<const PromptRow>(std::move(prompt)));
    ++next_row_;
    if (++next_in_block_ == block_->rows.size()) read_block();
  }
  return prompts;
}

void PromptDesk::write(const GeneratedRow& row, Clock::time_point now) {
  totals_.num_response_tokens += row.num_tokens();
  totals_.num_prompt_tokens += row.prompt->prompt.size();
  progress_.tokens_done = totals_.num_response_tokens;
  lines_.push(row.prompt->row, {generated_line(*job_, row, job_->model().info().content.hex()),
                                row.prompt->fraction_read});
  while (const auto line = lines_.pop()) {
    output_->append(line->text);
    ++totals_.num_rows;
    progress_.fraction = line->fraction_read;
  }
  progress_.rows_done = totals_.num_rows;
  if (reporter_) reporter_->update(progress_, now);
  if (now - last_durable_ < kDurableInterval) return;
  output_->make_durable();
  last_durable_ = now;
}

void PromptDesk::publish(Clock::time_point now) {
  output_->publish();
  progress_.fraction = 1.0;
  if (reporter_) reporter_->finish(progress_, now);
}

}  // namespace midpo
