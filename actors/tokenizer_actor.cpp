// SPDX-License-Identifier: Apache-2.0
#include "actors/tokenizer_actor.h"

#include <algorithm>
#include <chrono>

#include "actors/error_boundary.h"
#include "actors/row_lines.h"
#include "actors/row_tokens.h"

namespace midpo {
namespace {

struct RowResult {
  std::vector<TokenizedRow> by_tokenizer;
};

RowResult tokenize_for_all(const RankJob& job, const PreferenceRow& row) {
  RowResult result;
  for (const auto& prompt_template : job.templates) {
    result.by_tokenizer.push_back(tokenize_row(row, prompt_template.get(), job.max_length));
  }
  return result;
}

void add_row(TokenizedBlock& block, RowResult result) {
  block.packed_tokens.push_back(count_packed_tokens(result.by_tokenizer.front().tokens));
  // One tokenizer that sees a difference is enough for a preference to exist; the first one decides
  // by name.
  block.collapses.push_back(result.by_tokenizer.front().collapse);
  for (std::size_t t = 0; t < result.by_tokenizer.size(); ++t) {
    block.contents[t].push_back(hash_tokens(result.by_tokenizer[t].tokens));
    block.tokens[t].push_back(std::move(result.by_tokenizer[t].tokens));
  }
}

/// The block without rows that cannot be tokenised; those join bad_rows.
std::shared_ptr<const RowBlock> without_rows(const RowBlock& source,
                                             const std::vector<std::string>& reasons) {
  auto block = std::make_shared<RowBlock>();
  block->index = source.index;
  block->first_row = source.first_row;
  block->num_rows = source.num_rows;
  block->is_last = source.is_last;
  block->bad_rows = source.bad_rows;
  for (std::size_t i = 0; i < source.rows.size(); ++i) {
    const PreferenceRow& row = source.rows[i];
    if (reasons[i].empty()) {
      block->rows.push_back(row);
    } else {
      block->bad_rows.push_back({row.row, row.position, reasons[i], row.json});
    }
  }
  std::sort(block->bad_rows.begin(), block->bad_rows.end(),
            [](const BadRow& a, const BadRow& b) { return a.row < b.row; });
  return block;
}

}  // namespace

std::shared_ptr<TokenizedBlock> tokenize_block(const RankJob& job,
                                               std::shared_ptr<const RowBlock> source) {
  const auto start = std::chrono::steady_clock::now();
  auto block = std::make_shared<TokenizedBlock>();
  block->tokens.resize(job.templates.size());
  block->contents.resize(job.templates.size());
  for (std::uint32_t model = 0; model < job.models.size(); ++model) block->models.push_back(model);
  std::vector<std::string> reasons(source->rows.size());
  bool any_bad = false;
  for (std::size_t i = 0; i < source->rows.size(); ++i) {
    const PreferenceRow& row = source->rows[i];
    try {
      add_row(*block, tokenize_for_all(job, row));
    } catch (const Error& error) {
      if (job.on_bad_row == BadRowPolicy::kFail) {
        throw Error(error.code(), row_place(job, row.position) + ": " + error.what() +
                                      "; fix the row or pass --on-bad-row quarantine");
      }
      reasons[i] = error.what();
      any_bad = true;
    }
  }
  block->source = any_bad ? without_rows(*source, reasons) : std::move(source);
  block->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return block;
}

TokenizerActor::behavior_type tokenizer_actor(TokenizerActor::pointer self,
                                              std::shared_ptr<const RankJob> job,
                                              StoreActor store) {
  install_error_boundary(self);
  return {
      [self, job, store](const RowBlockRead& read) {
        const auto block = tokenize_block(*job, read.block);
        block->fraction_read = read.fraction_read;
        self->send(store, LookUpBlock{block});
      },
      [self](Stop) { self->quit(); },
  };
}

}  // namespace midpo
