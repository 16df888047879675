// SPDX-License-Identifier: Apache-2.0
#include "runtime/config/options.h"

#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <iostream>
#include <map>
#include <utility>

#include "runtime/config/command_line.h"
#include "runtime/config/option_values.h"
#include "runtime/config/yaml_reader.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

// Variables of ours that are no option of any command.
constexpr std::string_view kOtherVariables[] = {"MIDPO_CONFIG",       "MIDPO_LOG_LEVEL",
                                                "MIDPO_BUILD_DIR",    "MIDPO_DEPS_DIR",
                                                "MIDPO_LIBTORCH_DIR", "MIDPO_FUZZ_SECONDS"};

const Option* find_variable(const OptionTable& table, std::string_view variable) {
  for (const Option& option : table.options()) {
    if (environment_name(option.key) == variable) return &option;
    for (const std::string& alias : option.aliases) {
      if (environment_name(alias) == variable) return &option;
    }
  }
  return nullptr;
}

std::string unknown_variable(const OptionTable& table, const std::string& variable) {
  std::vector<std::string> names;
  for (const Option& option : table.options()) names.push_back(environment_name(option.key));
  const std::string nearest = nearest_word(variable, names);
  return "environment variable " + variable + " is no option of midpo " + table.command() +
         (nearest.empty() ? "" : "; did you mean " + nearest + "?");
}

// An empty variable counts as unset: that is how scripts switch one off.
std::vector<Assignment> read_environment(const OptionTable& table,
                                         std::vector<std::string>* warnings) {
  std::vector<Assignment> assignments;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (!text.starts_with("MIDPO_") || equals == std::string_view::npos) continue;
    const std::string variable(text.substr(0, equals));
    const std::string value(text.substr(equals + 1));
    if (value.empty() || std::ranges::find(kOtherVariables, variable) != std::end(kOtherVariables))
      continue;
    const Option* option = find_variable(table, variable);
    if (option == nullptr) {
      warnings->push_back(unknown_variable(table, variable));
      continue;
    }
    Assignment assignment{.key = option->key, .values = {value}, .name = variable};
    assignments.push_back(option->is_list ? read_inline_list(std::move(assignment)) : assignment);
  }
  return assignments;
}

void check_choice(const Option& option, const std::string& value) {
  const auto& choices = option.choices;
  if (choices.empty() || value == option.default_value) return;
  if (std::ranges::find(choices, value) != choices.end()) return;
  std::string allowed;
  for (const std::string& choice : choices) allowed += (allowed.empty() ? "" : ", ") + choice;
  const std::string nearest = nearest_word(value, choices);
  throw Error(ErrorCode::kConfig, "is " + quoted(value) + ", must be one of " + allowed +
                                      (nearest.empty() ? "" : "; did you mean " + nearest + "?"));
}

/// Elsewhere "-" is stdout; here it would be a file that is hard to remove.
void check_output(const Option& option, const std::string& value) {
  if (value != "-" || !option.key.ends_with("output")) return;
  throw Error(ErrorCode::kConfig, "is \"-\", and stdout cannot be the output; give a path");
}

void apply_values(const Option& option, const Assignment& assignment) {
  const bool is_sequence = assignment.is_sequence || assignment.values.size() != 1;
  if (!option.is_list && is_sequence)
    throw Error(ErrorCode::kConfig, assignment.where() + " is a list, must be a single value");
  for (const std::string& value : assignment.values) {
    try {
      check_choice(option, value);
      check_output(option, value);
      option.set(value);
    } catch (const Error& error) {
      throw Error(error.code(), assignment.where() + " " + error.what());
    }
  }
}

}  // namespace

OptionTable::OptionTable(std::string command, std::string summary)
    : command_(std::move(command)), summary_(std::move(summary)) {}

Option& OptionTable::add(std::string key, std::string value_name, std::string help) {
  assert(find(key) == nullptr && "two options with one key");
  Option& option = options_.emplace_back();
  option.key = std::move(key);
  option.value_name = std::move(value_name);
  option.help = std::move(help);
  option.group = group_;
  return option;
}

Option& OptionTable::text(std::string key, std::string* target, std::string value_name,
                          std::string help) {
  Option& option = add(std::move(key), std::move(value_name), std::move(help));
  option.set = [target](const std::string& value) { *target = parse_text(value); };
  option.get = [target] { return yaml_text(*target); };
  option.default_value = *target;
  return option;
}

Option& OptionTable::text_list(std::string key, std::vector<std::string>* target,
                               std::string value_name, std::string help) {
  Option& option = add(std::move(key), std::move(value_name), std::move(help));
  option.is_list = true;
  option.clear = [target] { target->clear(); };
  option.set = [target](const std::string& value) { target->push_back(parse_text(value)); };
  option.get = [target] { return yaml_list(*target); };
  return option;
}

Option& OptionTable::choice(std::string key, std::string* target, std::vector<std::string> choices,
                            std::string help) {
  Option& option = text(std::move(key), target, "NAME", std::move(help));
  option.choices = std::move(choices);
  return option;
}

Option& OptionTable::integer(std::string key, std::int64_t* target, std::int64_t minimum,
                             std::int64_t maximum, std::string help) {
  Option& option = add(std::move(key), "N", std::move(help));
  option.set = [=](const std::string& value) { *target = parse_integer(value, minimum, maximum); };
  option.get = [target] { return std::to_string(*target); };
  return option;
}

Option& OptionTable::number(std::string key, double* target, double minimum, double maximum,
                            std::string help) {
  Option& option = add(std::move(key), "X", std::move(help));
  option.set = [=](const std::string& value) { *target = parse_number(value, minimum, maximum); };
  option.get = [target] { return yaml_number(*target); };
  return option;
}

Option& OptionTable::flag(std::string key, bool* target, std::string help) {
  Option& option = add(std::move(key), "", std::move(help));
  option.is_flag = true;
  option.set = [target](const std::string& value) { *target = parse_boolean(value); };
  option.get = [target] { return std::string(*target ? "true" : "false"); };
  return option;
}

void OptionTable::add_section(const std::string& prefix, const OptionTable& section) {
  for (Option option : section.options()) {
    option.key = prefix + "." + option.key;
    assert(find(option.key) == nullptr && "two options with one key");
    option.group = prefix + ": " + option.group;
    for (std::string& alias : option.aliases) alias = prefix + "." + alias;
    options_.push_back(std::move(option));
  }
}

void OptionTable::group(std::string heading) { group_ = std::move(heading); }
void OptionTable::example(std::string command_line) {
  examples_.push_back(std::move(command_line));
}

const Option* OptionTable::find(std::string_view key) const {
  const std::string wanted = normalized_key(key);
  const auto is_named = [&](const Option& option) {
    return normalized_key(option.key) == wanted ||
           std::ranges::any_of(option.aliases, [&](const std::string& alias) {
             return normalized_key(alias) == wanted;
           });
  };
  const auto found = std::ranges::find_if(options_, is_named);
  return found == options_.end() ? nullptr : &*found;
}

bool OptionTable::was_set(std::string_view key) const { return set_options_.contains(find(key)); }

const Option& OptionTable::known(const Assignment& assignment) const {
  if (const Option* option = find(assignment.key)) return *option;
  throw Error(ErrorCode::kConfig, assignment.place + unknown_option(assignment.key, *this, false));
}

// One source: its first value for a list replaces what weaker sources gave.
void OptionTable::apply(const std::vector<Assignment>& layer) {
  std::set<const Option*> seen;
  for (const Assignment& assignment : layer) {
    const Option& option = known(assignment);
    const bool is_first = seen.insert(&option).second;
    if (option.is_list && is_first) option.clear();
    apply_values(option, assignment);
    set_options_.insert(&option);
  }
}

// A file's keys have no order, so a second one for the same option is a mistake.
void OptionTable::apply_unique(const std::vector<Assignment>& layer, const std::string& name) {
  std::map<const Option*, const Assignment*> first;
  for (const Assignment& assignment : layer) {
    const auto [entry, is_new] = first.emplace(&known(assignment), &assignment);
    if (is_new) continue;
    throw Error(ErrorCode::kConfig, assignment.where() + " is given twice, first in " + name + ":" +
                                        std::to_string(entry->second->line) + " as " +
                                        quoted(entry->second->key) + "; remove one");
  }
  apply(layer);
}

void OptionTable::apply_yaml(std::string_view text, const std::string& name) {
  apply_unique(read_yaml_text(text, name), name);
}

void OptionTable::require_complete() const {
  std::string missing;
  for (const Option& option : options_) {
    const bool is_given =
        set_options_.contains(&option) && option.get() != "\"\"" && option.get() != "[]";
    if (!option.is_required || is_given) continue;
    missing += (missing.empty() ? "" : ", ") + flag_name(option.key);
    if (!option.value_name.empty()) missing += " " + option.value_name;
  }
  if (missing.empty()) return;
  throw Error(ErrorCode::kConfig, "midpo " + command_ + " needs " + missing + "; midpo " +
                                      command_ + " --help explains them");
}

bool OptionTable::parse(const std::vector<std::string>& arguments) {
  if (asks_for_help(arguments)) {
    std::cout << help_text() << std::flush;
    return false;
  }
  CommandLine line = read_command_line(arguments, *this);
  const char* variable = std::getenv("MIDPO_CONFIG");
  if (line.config_path.empty() && variable != nullptr) line.config_path = variable;
  if (!line.config_path.empty()) apply_yaml(read_config_file(line.config_path), line.config_path);
  apply(read_environment(*this, &warnings_));
  apply(line.assignments);
  require_complete();
  return true;
}

std::string OptionTable::resolved_yaml() const {
  std::string text = "# midpo " + command_ + ": every option as the run used it\n";
  for (const Option& option : options_) text += option.key + ": " + option.get() + "\n";
  return text;
}

}  // namespace midpo
