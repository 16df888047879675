// SPDX-License-Identifier: Apache-2.0
#include "runtime/data/row_fields.h"

#include <algorithm>
#include <charconv>

#include "runtime/core/json_text.h"

namespace midpo {
namespace {

struct NamedField {
  std::string_view name;
  std::optional<JsonValue> RowFields::*slot;
};
constexpr NamedField kNamedFields[] = {
    {"prompt", &RowFields::prompt},
    {"prompt_ids", &RowFields::prompt_ids},
    {"responses", &RowFields::responses},
    {"response", &RowFields::response},
    {"chosen", &RowFields::chosen},
    {"rejected", &RowFields::rejected},
    {"completion", &RowFields::completion},
    {"text", &RowFields::text},
    {"messages", &RowFields::messages},
    {"instruction", &RowFields::instruction},
    {"input", &RowFields::input},
    {"output", &RowFields::output},
    {"responses_ids", &RowFields::responses_ids},
    {"response_ids", &RowFields::response_ids},
    {"ids", &RowFields::ids},
    {"better_response_id", &RowFields::better_response_id},
    {"safer_response_id", &RowFields::safer_response_id},
    {"is_response_safe", &RowFields::is_response_safe},
};

struct NumberedField {
  std::string_view prefix;
  std::string_view suffix;
  std::vector<NumberedValue> RowFields::*slot;
};
constexpr NumberedField kNumberedFields[] = {
    {"response_", "", &RowFields::numbered_texts},
    {"response_", "_ids", &RowFields::numbered_ids},
    {"is_response_", "_safe", &RowFields::numbered_safety},
    {"cost_", "", &RowFields::numbered_costs},
};

/// The number in `prefix`number`suffix`, written as we would write it.
std::optional<std::uint64_t> number_in(std::string_view key, const NumberedField& field) {
  if (!key.starts_with(field.prefix) || !key.ends_with(field.suffix)) return {};
  if (key.size() <= field.prefix.size() + field.suffix.size()) return {};
  key.remove_prefix(field.prefix.size());
  key.remove_suffix(field.suffix.size());
  std::uint64_t number = 0;
  const auto [end, status] = std::from_chars(key.data(), key.data() + key.size(), number);
  const bool is_number = status == std::errc() && end == key.data() + key.size();
  const bool is_plain = key.size() == 1 || key.front() != '0';
  return is_number && is_plain ? std::optional(number) : std::nullopt;
}

void sort_in(std::string_view key, const JsonValue& value, RowFields& fields) {
  for (const NamedField& field : kNamedFields) {
    if (key == field.name) {
      fields.*field.slot = value;
      return;
    }
  }
  for (const NumberedField& field : kNumberedFields) {
    if (const auto number = number_in(key, field)) {
      (fields.*field.slot).push_back({*number, value});
      return;
    }
  }
}

/// Two parsers may disagree on which of two equal keys counts, so neither does.
void refuse_duplicates(std::vector<std::string_view>& keys) {
  std::sort(keys.begin(), keys.end());
  const auto duplicate = std::adjacent_find(keys.begin(), keys.end());
  if (duplicate == keys.end()) return;
  const bool is_short = duplicate->size() <= 100;
  throw RowProblem("the key " + (is_short ? json_string(*duplicate) : "with a very long name") +
                   " appears twice");
}

}  // namespace

void collect_fields(const simdjson::dom::object& object, RowFields& fields) {
  std::vector<std::string_view> keys;
  keys.reserve(object.size());
  for (const auto [key, value] : object) {
    keys.push_back(key);
    if (!value.is_null()) sort_in(key, value, fields);
  }
  refuse_duplicates(keys);
  for (const NumberedField& field : kNumberedFields) {
    std::ranges::sort(fields.*field.slot, {}, &NumberedValue::number);
  }
}

std::string numbered_name(const char* prefix, std::uint64_t number, const char* suffix) {
  return prefix + std::to_string(number) + suffix;
}

const JsonValue& required(const std::optional<JsonValue>& value, const char* name) {
  if (!value) throw RowProblem(std::string(name) + " is missing or null");
  return *value;
}

void require_contiguous(const std::vector<NumberedValue>& values, const char* suffix) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].number == i) continue;
    throw RowProblem(numbered_name("response_", i, suffix) +
                     " is missing or null, but the row has " +
                     numbered_name("response_", values[i].number, suffix));
  }
}

}  // namespace midpo
