// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <sstream>
#include <vector>

#include "runtime/config/option_values.h"
#include "runtime/config/options.h"

namespace midpo {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kIndent = 30;  // where descriptions start

std::string join(const std::vector<std::string>& words, const std::string& between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

std::string wrapped(const std::string& text, std::size_t indent) {
  std::istringstream words(text);
  std::string result;
  std::size_t column = indent;
  for (std::string word; words >> word;) {
    if (column > indent && column + 1 + word.size() > kWidth) {
      result += "\n" + std::string(indent, ' ');
      column = indent;
    }
    if (column > indent) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
  }
  return result;
}

std::string flag_with_value(const Option& option) {
  if (option.is_flag && option.get() == "true") return "--[no-]" + flag_name(option.key).substr(2);
  if (option.is_flag) return flag_name(option.key);
  return flag_name(option.key) + " " + option.value_name + (option.is_list ? "..." : "");
}

std::string details(const Option& option) {
  std::vector<std::string> parts;
  if (option.is_required) parts.push_back("required");
  if (!option.choices.empty()) parts.push_back("one of " + join(option.choices, ", "));
  const std::string value = option.get();
  const bool is_unset = value == "\"\"" || value == "[]" || (option.is_flag && value == "false");
  if (!option.is_required && !is_unset) parts.push_back("default " + value);
  std::vector<std::string> others;
  for (const std::string& alias : option.aliases) others.push_back(flag_name(alias));
  if (!others.empty()) parts.push_back("also " + join(others, ", "));
  parts.push_back(environment_name(option.key));
  return "[" + join(parts, "; ") + "]";
}

std::string entry(const std::string& left, const std::string& description) {
  std::string line = "  " + left;
  if (line.size() + 2 > kIndent) {
    line += "\n" + std::string(kIndent, ' ');
  } else {
    line.resize(kIndent, ' ');
  }
  return line + wrapped(description, kIndent) + "\n";
}

std::string usage(const OptionTable& table) {
  std::string line = "Usage: midpo " + table.command();
  if (table.takes_config()) line += " [CONFIG]";
  for (const Option& option : table.options()) {
    if (option.is_positional)
      line += " " + option.value_name + (option.is_list ? "..." : "");
    else if (option.is_required)
      line += " " + flag_with_value(option);
  }
  return wrapped(line + " [options]", 4) + "\n";
}

std::vector<std::string> groups_in_order(const OptionTable& table) {
  std::vector<std::string> groups;
  for (const Option& option : table.options()) {
    if (std::ranges::find(groups, option.group) == groups.end()) groups.push_back(option.group);
  }
  return groups;
}

}  // namespace

std::string OptionTable::help_text() const {
  std::string text = usage(*this) + "\n" + wrapped(summary_, 0) + "\n";
  if (!examples_.empty()) text += "\nExamples:\n";
  for (const std::string& example : examples_) text += "  " + example + "\n";
  for (const std::string& heading : groups_in_order(*this)) {
    text += "\n" + heading + ":\n";
    for (const Option& option : options_) {
      if (option.group == heading)
        text += entry(flag_with_value(option), option.help + " " + details(option));
    }
  }
  text += "\nConfiguration (weakest first: --config, environment, flags and --set in order):\n";
  text += entry("--config FILE", "YAML with the options above as keys [MIDPO_CONFIG]");
  text += entry("--set KEY=VALUE...", "one option by its key, as --set max_length=256");
  text += entry("-h, --help", "this text");
  return text;
}

}  // namespace midpo
