// SPDX-License-Identifier: Apache-2.0
// Written here rather than on CLI11: the order of flags among --set, both spellings of a flag and
// our "did you mean" would each work against its model, and the whole reader is this one page.
#include "runtime/config/command_line.h"

#include <algorithm>
#include <utility>

#include "runtime/config/option_values.h"
#include "runtime/config/yaml_reader.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

[[noreturn]] void fail(const std::string& text) { throw Error(ErrorCode::kConfig, text); }

bool is_flag_like(const std::string& argument) { return argument.starts_with("--"); }

// "-" is stdin and "-0.5" a number; "-v" in a value's place is a flag we do not have.
bool is_dash_word(const std::string& argument) {
  if (argument.size() < 2 || argument[0] != '-' || is_flag_like(argument)) return false;
  return argument[1] != '.' && (argument[1] < '0' || argument[1] > '9');
}

class Reader {
 public:
  Reader(const std::vector<std::string>& arguments, const OptionTable& table)
      : arguments_(arguments), table_(table) {}

  CommandLine read() {
    while (next_ < arguments_.size()) {
      const std::string& argument = arguments_[next_++];
      if (is_flag_like(argument)) {
        read_flag(argument);
      } else {
        read_bare(argument);
      }
    }
    return std::move(line_);
  }

 private:
  void read_flag(const std::string& argument) {
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const std::string key = normalized_key(std::string_view(name).substr(2));
    inline_value_ = equals == std::string::npos ? nullptr : &argument;
    inline_start_ = equals + 1;
    if (key == "config") return read_config(name);
    if (key == "set") return read_set(name);
    const Option* option = table_.find(key);
    if (option == nullptr && key.starts_with("no_")) return read_negated(name, key);
    if (option == nullptr) fail(unknown_option(key, table_, true));
    if (option->is_flag) return read_boolean(*option, name);
    assign(*option, name, option->is_list ? values(name) : std::vector{value(name)});
  }

  void read_config(const std::string& name) {
    if (!line_.config_path.empty()) fail("--config is given twice; merge the two files");
    line_.config_path = value(name);
    if (line_.config_path.empty()) fail("--config is empty, must name a YAML file");
  }

  void read_set(const std::string& name) {
    for (const std::string& pair : values(name)) {
      const std::size_t equals = pair.find('=');
      if (equals == 0 || equals == std::string::npos)
        fail("--set is " + quoted(pair) + ", must be KEY=VALUE");
      const std::string key = pair.substr(0, equals);
      const Option* option = table_.find(key);
      if (option == nullptr) fail("--set: " + unknown_option(key, table_, false));
      Assignment assignment{
          .key = option->key, .values = {pair.substr(equals + 1)}, .name = "--set " + option->key};
      if (option->is_list) assignment = read_inline_list(std::move(assignment));
      line_.assignments.push_back(std::move(assignment));
    }
  }

  void read_negated(const std::string& name, const std::string& key) {
    const Option* option = table_.find(key.substr(3));
    if (option == nullptr) fail(unknown_option(key, table_, true));
    if (!option->is_flag)
      fail(name + " is not possible: " + flag_name(option->key) + " takes a value");
    if (inline_value_ != nullptr) fail(name + " takes no value; use " + flag_name(option->key));
    assign(*option, name, {"false"});
  }

  void read_boolean(const Option& option, const std::string& name) {
    if (inline_value_ != nullptr) return assign(option, name, {value(name)});
    const bool has_word = next_ < arguments_.size() && is_boolean(arguments_[next_]);
    assign(option, name, {has_word ? arguments_[next_++] : "true"});
  }

  void read_bare(const std::string& argument) {
    if (is_dash_word(argument)) fail(quoted(argument) + " is no flag; flags begin with two dashes");
    if (table_.takes_config() && line_.config_path.empty()) {
      line_.config_path = argument;
      return;
    }
    const auto& options = table_.options();
    const auto taker = std::ranges::find_if(options, &Option::is_positional);
    if (taker == options.end())
      fail("unexpected argument " + quoted(argument) + "; midpo " + table_.command() +
           " takes flags only (--help lists them)");
    const bool is_second = std::ranges::any_of(
        line_.assignments, [&](const Assignment& past) { return past.name == taker->value_name; });
    if (is_second && !taker->is_list)
      fail("unexpected argument " + quoted(argument) + " after " + taker->value_name);
    assign(*taker, taker->value_name, {argument});
  }

  std::string value(const std::string& name) {
    if (inline_value_ != nullptr) return inline_value_->substr(inline_start_);
    if (next_ == arguments_.size() || is_flag_like(arguments_[next_]))
      fail(name + " needs a value");
    return checked(name, arguments_[next_++]);
  }

  std::vector<std::string> values(const std::string& name) {
    std::vector<std::string> result{value(name)};
    while (inline_value_ == nullptr && next_ < arguments_.size() &&
           !is_flag_like(arguments_[next_]))
      result.push_back(checked(name, arguments_[next_++]));
    return result;
  }

  static const std::string& checked(const std::string& name, const std::string& argument) {
    if (is_dash_word(argument))
      fail(name + " is followed by " + quoted(argument) + ", which looks like a flag; write " +
           name + "=" + argument + " if it is the value");
    return argument;
  }

  void assign(const Option& option, const std::string& name, std::vector<std::string> values) {
    Assignment assignment{.key = option.key, .values = std::move(values), .name = name};
    line_.assignments.push_back(std::move(assignment));
  }

  const std::vector<std::string>& arguments_;
  const OptionTable& table_;
  CommandLine line_;
  std::size_t next_ = 0;
  const std::string* inline_value_ = nullptr;  // the argument, if it reads --key=value
  std::size_t inline_start_ = 0;
};

}  // namespace

bool asks_for_help(const std::vector<std::string>& arguments) {
  return std::ranges::any_of(arguments, [](const std::string& argument) {
    return argument == "--help" || argument == "-h";
  });
}

CommandLine read_command_line(const std::vector<std::string>& arguments, const OptionTable& table) {
  return Reader(arguments, table).read();
}

std::string unknown_option(std::string_view word, const OptionTable& table, bool as_flags) {
  const auto spelled = [&](const std::string& key) {
    return as_flags ? flag_name(key) : quoted(key);
  };
  std::vector<std::string> known{"config", "set", "help"};
  for (const Option& option : table.options()) {
    known.push_back(option.key);
    known.insert(known.end(), option.aliases.begin(), option.aliases.end());
    if (option.is_flag && as_flags) known.push_back("no_" + option.key);
  }
  const std::string nearest = nearest_word(word, known);
  const std::string hint = nearest.empty() ? "midpo " + table.command() + " --help lists all"
                                           : "did you mean " + spelled(nearest) + "?";
  return (as_flags ? "unknown flag " + quoted(flag_name(word)) : "unknown key " + quoted(word)) +
         "; " + hint;
}

}  // namespace midpo
