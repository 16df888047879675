// SPDX-License-Identifier: Apache-2.0
// Writing results into a row's own JSON text, without touching the rest of it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace midpo {

/// A field to set. `value` is a JSON text: a number, a quoted string, true, a list.
struct JsonField {
  std::string key;
  std::string value;
};

/// The row's JSON object with fields set: an existing top-level field is replaced where it stands,
/// a new one is appended in the order given. Everything else stays byte for byte.
/// @param json  a valid JSON object without duplicate keys, as PreferenceRow::json holds it.
std::string with_fields(const std::string& json, const std::vector<JsonField>& fields);

/// The row's JSON object without the top-level fields whose names (as the JSON spells them) satisfy
/// the predicate.
std::string without_fields(const std::string& json,
                           const std::function<bool(std::string_view name)>& is_dropped);

/// Shortest decimal text that reads back as the same double, always with a point or an exponent;
/// @throws Error(kNumerics) for NaN and Inf, which JSON cannot express.
std::string json_number(double value);

}  // namespace midpo
