// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "actors/generation/generated_row.h"
#include "models/generation/response_text.h"

namespace midpo {

/// A row whose responses are being written, token by token. Not thread-safe; no CAF.
class RowWriter {
 public:
  RowWriter(const GenerationJob& job, std::shared_ptr<const PromptRow> prompt);

  /// What an added token means to its response.
  enum class After { kGoesOn, kEnded, kEndedEarly };  ///< early: by a stop string
  After add(const TokenEvent& event);

  bool is_complete() const { return num_unfinished_ == 0; }
  GeneratedRow take() { return std::move(row_); }

 private:
  bool wants_log_probs_;
  std::vector<ResponseText> texts_;  ///< empty without a tokenizer
  GeneratedRow row_;
  std::size_t num_unfinished_;
};

}  // namespace midpo
