// SPDX-License-Identifier: Apache-2.0
// One table of options per command: flags, YAML keys, environment names, help and the resolved
// config come from it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace midpo {

struct Assignment;

/// One option of a command, bound to a member of its config struct.
struct Option {
  std::string key;  ///< YAML key and flag: reward_model -> --reward-model, --reward_model
  std::string help;
  std::string group;                 ///< heading in --help
  std::vector<std::string> aliases;  ///< other keys users bring (scale_coeff, pref_beta)
  std::vector<std::string> choices;  ///< allowed values (the default is allowed too), empty: any
  std::string value_name;            ///< DIR, FILE, N, ... empty for booleans
  bool is_required = false;
  bool is_list = false;         ///< takes several values (--data A B)
  bool is_flag = false;         ///< a boolean: --x, --x true, --no-x
  bool is_positional = false;   ///< also takes the bare arguments (midpo inspect PATH)
  std::function<void()> clear;  ///< lists only: forget the values of weaker sources
  /// Takes one value; a list appends it. Throws Error(kConfig) with the reason only, as it reads
  /// after the key: "is 0, must be an integer from 1 to 8".
  std::function<void(const std::string& value)> set;
  std::function<std::string()> get;  ///< current value as YAML text: --help, resolved config
  std::string default_value;         ///< of a text option, when it was added
};

/// Binds members of a config struct; the struct must outlive the table. References returned stay
/// valid, so that the rarer fields are set at the call: table.text(...).is_required = true.
class OptionTable {
 public:
  OptionTable(std::string command, std::string summary);

  Option& text(std::string key, std::string* target, std::string value_name, std::string help);
  Option& text_list(std::string key, std::vector<std::string>* target, std::string value_name,
                    std::string help);
  Option& choice(std::string key, std::string* target, std::vector<std::string> choices,
                 std::string help);
  Option& integer(std::string key, std::int64_t* target, std::int64_t minimum, std::int64_t maximum,
                  std::string help);
  Option& number(std::string key, double* target, double minimum, double maximum, std::string help);
  Option& flag(std::string key, bool* target, std::string help);  ///< --x, --x true, --no-x

  /// Takes over the options of another table under `prefix`: learning_rate -> expert.learning_rate,
  /// --expert.learning-rate, "expert: {learning_rate: ...}" in YAML. Aliases likewise.
  void add_section(const std::string& prefix, const OptionTable& section);

  /// The first bare argument is the config file: midpo run pipeline.yaml.
  void take_config() { takes_config_ = true; }
  bool takes_config() const { return takes_config_; }

  void group(std::string heading);         ///< for the options that follow
  void example(std::string command_line);  ///< shown on top of --help

  /// Applies, weakest first: --config FILE (or MIDPO_CONFIG), MIDPO_<KEY> in the environment,
  /// flags and --set in order. A list given by a stronger source replaces the weaker one's whole.
  /// In --set and the environment a list is written as in YAML: [a, b].
  /// @param arguments  after the command's name. Handles --config, --set key=value, --help.
  /// @return false if --help was asked for and printed to stdout (then nothing was set).
  /// @throws Error(kConfig): unknown, duplicate or mistyped key with file:line or flag, and the
  ///   nearest known one; a missing required option.
  bool parse(const std::vector<std::string>& arguments);

  /// Applies YAML text alone. @param name  stands for the file in messages. @throws Error(kConfig).
  void apply_yaml(std::string_view text, const std::string& name);

  /// What parse() found odd but harmless (unknown MIDPO_* variables), for the log.
  const std::vector<std::string>& warnings() const { return warnings_; }

  /// True if any source gave this option a value.
  bool was_set(std::string_view key) const;

  std::string help_text() const;
  std::string resolved_yaml() const;  ///< every option; running it again reproduces the run
  const std::string& command() const { return command_; }
  const std::string& summary() const { return summary_; }
  const std::vector<std::string>& examples() const { return examples_; }
  const std::deque<Option>& options() const { return options_; }

  /// The option of this key or alias, dashes as underscores; null if there is none.
  const Option* find(std::string_view key) const;

 private:
  Option& add(std::string key, std::string value_name, std::string help);
  const Option& known(const Assignment& assignment) const;
  void apply(const std::vector<Assignment>& layer);
  void apply_unique(const std::vector<Assignment>& layer, const std::string& name);
  void require_complete() const;

  std::string command_;
  std::string summary_;
  std::string group_ = "Options";
  std::vector<std::string> examples_;
  std::deque<Option> options_;
  std::set<const Option*> set_options_;
  std::vector<std::string> warnings_;
  bool takes_config_ = false;
};

/// Nearest of `known` to `word` by edit distance, empty if none is near.
std::string nearest_word(std::string_view word, const std::vector<std::string>& known);

}  // namespace midpo
