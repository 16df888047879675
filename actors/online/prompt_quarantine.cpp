// SPDX-License-Identifier: Apache-2.0
#include "actors/online/prompt_quarantine.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "actors/row_lines.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/error.h"

namespace midpo {

PromptQuarantine::PromptQuarantine(std::string path, std::uint64_t max_staleness,
                                   const std::vector<BadRow>& unusable)
    : path_(std::move(path)), max_staleness_(max_staleness), num_unusable_(unusable.size()) {
  read();
  for (const BadRow& row : unusable) unusable_lines_ += quarantine_line(row);
  if (!unusable.empty()) write();
}

void PromptQuarantine::read() {
  std::ifstream file(path_);
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const nlohmann::json entry = nlohmann::json::parse(line, nullptr, false);
    if (entry.is_object() && !entry.contains("round")) continue;  // found again at each start
    const bool is_entry = entry.is_object() && entry.contains("row") &&
                          entry["round"].is_number_unsigned() && entry["row"].is_number_unsigned();
    require(is_entry, ErrorCode::kData,
            path_ + ":" + std::to_string(number) +
                ": is no line of this run's; restore the file, or start anew with --overwrite");
    lines_[{entry["round"], entry["row"]}] = line + "\n";
  }
}

void PromptQuarantine::add(std::uint64_t round, const PreferenceRow& prompt,
                           const std::string& reason) {
  const std::string made =
      "{\"round\":" + std::to_string(round) + "," +
      quarantine_line({prompt.row, prompt.position, reason, prompt.json}).substr(1);
  std::string& line = lines_[{round, prompt.row}];
  if (line.empty() || made < line) line = made;
  write();
}

void PromptQuarantine::write() const {
  std::string text = unusable_lines_;
  for (const auto& [where, kept] : lines_) text += kept;
  write_file_atomically(path_, text);
}

bool PromptQuarantine::excludes(std::uint64_t round, std::uint64_t prompt) const {
  return std::ranges::any_of(lines_, [&](const auto& entry) {
    const auto& [found_in, found] = entry.first;
    return found == prompt && (found_in == round || found_in + max_staleness_ < round);
  });
}

std::uint64_t PromptQuarantine::num_prompts() const {
  std::set<std::uint64_t> prompts;
  for (const auto& [where, line] : lines_) prompts.insert(where.second);
  return prompts.size() + num_unusable_;
}

}  // namespace midpo
