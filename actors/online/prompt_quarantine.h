// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/data/preference_row.h"

namespace midpo {

/// Prompts whose candidates end the process that writes them, or cannot be scored, by round, kept
/// in a file over restarts, behind those that no round could use. Not thread-safe.
class PromptQuarantine {
 public:
  /// Reads what earlier processes of the run have found, and writes it behind `unusable`.
  /// @throws Error(kData) naming file and line, Error(kStorage).
  PromptQuarantine(std::string path, std::uint64_t max_staleness,
                   const std::vector<BadRow>& unusable = {});

  /// Durable when it returns: one line, which names the prompt, the round and the cause; of several
  /// causes the first by their letters, whichever comes first.
  /// @throws Error(kStorage).
  void add(std::uint64_t round, const PreferenceRow& prompt, const std::string& reason);

  /// Whether the round goes without the prompt (its row) from its start: it was quarantined in this
  /// round, or in one that must have ended before this one begins. So what is left out depends on
  /// what prompts do and never on when it is known: rounds that are written side by side find out
  /// each for itself.
  bool excludes(std::uint64_t round, std::uint64_t prompt) const;

  /// Of all rounds, each once.
  std::uint64_t num_prompts() const;

 private:
  void read();
  void write() const;

  std::string path_;
  std::uint64_t max_staleness_;
  std::uint64_t num_unusable_ = 0;
  std::string unusable_lines_;  ///< without a round
  /// [round, prompt] its line: in the order of the file, whatever the order of their deaths.
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> lines_;
};

}  // namespace midpo
