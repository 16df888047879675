// SPDX-License-Identifier: Apache-2.0
#include "runtime/judge/program_judge.h"

#include <nlohmann/json.hpp>

#include "runtime/core/error.h"
#include "runtime/core/json_text.h"
#include "runtime/judge/filter_program.h"

namespace midpo {
namespace {

constexpr std::size_t kShownBytes = 80;

[[noreturn]] void fail_line(const std::string& command, std::size_t line, const std::string& what) {
  throw Error(ErrorCode::kData,
              "judge `" + command + "`, line " + std::to_string(line) + " of its answer: " + what);
}

Verdict parse_verdict(const std::string& command, std::size_t number, std::string_view line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object()) {
    fail_line(command, number, "not a JSON object: " + json_string(line.substr(0, kShownBytes)));
  }
  Verdict verdict;
  for (const auto& [name, value] : json.items()) {
    if (value.is_boolean()) verdict.numbers[name] = value.get<bool>() ? 1.0 : 0.0;
    if (value.is_number()) verdict.numbers[name] = value.get<double>();
    if (name == "kind" && value.is_string()) verdict.kind = value.get<std::string>();
  }
  if (verdict.numbers.empty()) {
    fail_line(command, number,
              "has no number in it; wanted an object such as {\"helpful\": 0.5, \"safe\": 1}");
  }
  return verdict;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) lines.push_back(line);
  }
  return lines;
}

}  // namespace

std::vector<Verdict> ask_program(const std::string& command,
                                 std::span<const JudgedResponse> responses,
                                 std::chrono::milliseconds deadline) {
  std::string input;
  for (const JudgedResponse& judged : responses) {
    input += "{\"prompt\":" + json_string(judged.prompt) +
             ",\"response\":" + json_string(judged.response) + "}\n";
  }
  const std::string output = run_filter(command, input, deadline);
  const std::vector<std::string_view> lines = split_lines(output);
  require(lines.size() == responses.size(), ErrorCode::kData,
          "judge `" + command + "` gave " + std::to_string(lines.size()) + " answers to " +
              std::to_string(responses.size()) + " responses; wanted one line each");
  std::vector<Verdict> verdicts;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    verdicts.push_back(parse_verdict(command, i + 1, lines[i]));
  }
  return verdicts;
}

}  // namespace midpo
