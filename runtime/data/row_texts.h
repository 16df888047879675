// SPDX-License-Identifier: Apache-2.0
// Prompt and responses given as texts.
#pragma once

#include "runtime/data/preference_row.h"
#include "runtime/data/row_fields.h"

namespace midpo {

/// The prompt alone. @throws RowProblem
void fill_prompt(const JsonValue& prompt, PreferenceRow& row);

/// From prompt and one of responses, response_0 ..., response. @throws RowProblem
void fill_texts(const RowFields& fields, PreferenceRow& row);

/// TRL's preference rows: chosen becomes response 0 and the better one. The prompt is a field, or
/// the common beginning of two message lists or two of HH-RLHF's transcripts. @throws RowProblem
void fill_chosen_rejected(const RowFields& fields, PreferenceRow& row);

/// TRL's rows for fine-tuning: prompt and completion, texts or message lists. @throws RowProblem
void fill_completion(const RowFields& fields, PreferenceRow& row);

/// A conversation that ends with the assistant's answer: all before it is the prompt.
/// @throws RowProblem
void fill_messages(const RowFields& fields, PreferenceRow& row);

/// Alpaca's rows: instruction and, behind a blank, input are the prompt, output the response.
/// @throws RowProblem
void fill_instruction(const RowFields& fields, PreferenceRow& row);

}  // namespace midpo
