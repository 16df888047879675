// SPDX-License-Identifier: Apache-2.0
// The fields of a row that mean something to us, as parsed JSON values. Internal to runtime/data.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace midpo {

/// Why a row cannot be used. Thrown and caught inside RowParser::parse.
class RowProblem : public std::exception {
 public:
  explicit RowProblem(std::string reason) : reason_(std::move(reason)) {}
  const char* what() const noexcept override { return reason_.c_str(); }

 private:
  std::string reason_;
};

using JsonValue = simdjson::dom::element;

/// The value of a field such as response_1, and its number.
struct NumberedValue {
  std::uint64_t number = 0;
  JsonValue value;
};

/// Fields by name; one that is absent or null is empty.
struct RowFields {
  std::optional<JsonValue> prompt, prompt_ids;
  std::vector<NumberedValue> numbered_texts;  ///< response_0, response_1, ...
  std::vector<NumberedValue> numbered_ids;    ///< response_0_ids, ...
  std::optional<JsonValue> responses, response, chosen, rejected, completion, text;
  std::optional<JsonValue> messages;                    ///< a whole conversation
  std::optional<JsonValue> instruction, input, output;  ///< Alpaca's names
  std::optional<JsonValue> responses_ids, response_ids, ids;
  std::optional<JsonValue> better_response_id, safer_response_id;
  std::vector<NumberedValue> numbered_costs;   ///< cost_0, ...: midpo rank adds them to D_dual
  std::vector<NumberedValue> numbered_safety;  ///< is_response_0_safe, ...
  std::optional<JsonValue> is_response_safe;
};

/// Sorts an object's fields into `fields`. @throws RowProblem for a duplicate key.
void collect_fields(const simdjson::dom::object& object, RowFields& fields);

/// The name of a numbered field: prefix, number, suffix.
std::string numbered_name(const char* prefix, std::uint64_t number, const char* suffix);

/// The value of a field that must be there. @throws RowProblem
const JsonValue& required(const std::optional<JsonValue>& value, const char* name);

/// @throws RowProblem unless the values are response_0, response_1, ... without a gap.
void require_contiguous(const std::vector<NumberedValue>& values, const char* suffix);

}  // namespace midpo
