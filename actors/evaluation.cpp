// SPDX-License-Identifier: Apache-2.0
#include "actors/evaluation.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "actors/parallel.h"
#include "actors/row_tokens.h"
#include "actors/tile_scoring.h"
#include "runtime/core/control_group.h"
#include "runtime/core/error.h"
#include "runtime/data/row_reader.h"
#include "runtime/flow/tiles.h"
#include "runtime/judge/chat_judge.h"
#include "runtime/judge/program_judge.h"

namespace midpo {
namespace {

constexpr std::uint64_t kBlockRows = 256;

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000.0));
}

std::vector<PreferenceRow> read_rows(const std::vector<std::string>& paths) {
  const auto reader = open_rows(paths, kBlockRows, BadRowPolicy::kRefuse, RowRequirements{});
  std::vector<PreferenceRow> rows;
  for (bool is_last = false; !is_last;) {
    auto block = reader->next_block();
    is_last = block->is_last;
    std::move(block->rows.begin(), block->rows.end(), std::back_inserter(rows));
  }
  require(!rows.empty(), ErrorCode::kData, paths.front() + ": holds no responses");
  return rows;
}

std::string prompt_text(const PreferenceRow& row) {
  if (row.prompt_turns.size() == 1) return row.prompt_turns.front();
  std::string text;
  for (std::size_t i = 0; i < row.prompt_turns.size(); ++i) {
    text += (i % 2 == 0 ? "USER: " : "ASSISTANT: ") + row.prompt_turns[i] + "\n";
  }
  return text;
}

ResponseList list_responses(const std::vector<PreferenceRow>& rows) {
  ResponseList responses;
  for (const PreferenceRow& row : rows) {
    for (std::size_t sample = 0; sample < row.num_responses(); ++sample) {
      EvaluatedResponse response;
      response.row = row.row;
      response.sample = sample;
      response.prompt = prompt_text(row);
      if (!row.is_tokenized()) response.response = row.responses[sample];
      responses.push_back(std::move(response));
    }
  }
  return responses;
}

void require_texts(const std::vector<PreferenceRow>& rows) {
  for (const PreferenceRow& row : rows) {
    require(!row.is_tokenized(), ErrorCode::kData,
            "row " + std::to_string(row.row) + ": has token ids only; a judge needs texts");
  }
}

/// What a higher number of this name means; 0 where it is not an axis of its own.
int direction_of(const std::string& name) {
  if (name == "reward" || name == "helpful" || name == "safe") return 1;
  return name == "cost" ? -1 : 0;
}

void require_same_requests(const ResponseList& ours, const ResponseList& theirs) {
  require(ours.size() == theirs.size(), ErrorCode::kData,
          "the files cannot be compared: " + std::to_string(ours.size()) + " and " +
              std::to_string(theirs.size()) + " responses; wanted the same requests in both");
  for (std::size_t i = 0; i < ours.size(); ++i) {
    require(ours[i].prompt == theirs[i].prompt, ErrorCode::kData,
            "row " + std::to_string(ours[i].row) +
                ": the files have different requests; wanted the same ones in the same order");
  }
}

double advantage_of(Preference preference) {
  if (preference == Preference::kTie) return 0.0;
  return preference == Preference::kFirst ? 1.0 : -1.0;
}

}  // namespace

void add_evaluation_options(OptionTable& table, EvaluationConfig& config) {
  table.group("Score models and judges");
  table.text("reward_model", &config.reward_model, "DIR", "Scores helpfulness");
  table.text("cost_model", &config.cost_model, "DIR", "Scores harm; safe is a cost below 0");
  table.text("judge", &config.judge, "COMMAND",
             "Program that reads {\"prompt\", \"response\"} lines and writes one object of numbers "
             "per line");
  table.text("judge_url", &config.judge_url, "URL",
             "OpenAI-compatible endpoint that compares two responses");
  table.text("judge_model", &config.judge_model, "NAME", "Model to ask for at --judge-url");
  table.text("judge_key_variable", &config.judge_key_variable, "NAME",
             "Environment variable that holds the endpoint's key");
  table.number("judge_deadline_seconds", &config.judge_deadline_seconds, 0.1, 1e6,
               "Time for the program as a whole, and for each comparison of the endpoint");
  table.integer("judge_attempts", &config.judge_attempts, 1, 100,
                "Requests per question before the run fails");
  table.integer("judge_connections", &config.judge_connections, 1, 256,
                "Comparisons under way at once");
  add_compute_options(table, config.compute);
}

Evaluator::Evaluator(const EvaluationConfig& config) : config_(config) {
  require(config_.judge_url.empty() || !config_.judge_model.empty(), ErrorCode::kConfig,
          "--judge-url needs --judge-model NAME");
  load("reward", config_.reward_model);
  load("cost", config_.cost_model);
}

void Evaluator::load(const std::string& name, const std::string& path) {
  if (path.empty()) return;
  const std::string device = device_list(config_.compute).front();
  const ModelOptions options = model_options(config_.compute, path, device, name + "_model");
  models_.push_back(
      {name, load_engines().load_score_model(options), load_template(config_.compute, path)});
}

void Evaluator::score(const Model& model, const std::vector<std::string>& paths,
                      const std::vector<PreferenceRow>& rows, ResponseList& responses) const {
  const std::vector<RowTokens> tokens = tokenize_rows(
      paths, rows, model.prompt_template.get(), config_.compute.max_length, model.scorer->info());
  std::vector<std::uint32_t> sizes;
  for (const RowTokens& row : tokens) sizes.push_back(count_packed_tokens(row));
  const auto tiles = cut_tiles(sizes, model.scorer->info().tile_tokens);
  std::vector<std::vector<double>> scores(rows.size());
  parallel_for(tiles.size(), num_cores(), [&](std::size_t i) {
    const auto tile = std::span(tokens).subspan(tiles[i].first, tiles[i].count);
    std::ranges::move(model.scorer->score(tile), scores.begin() + tiles[i].first);
  });
  std::size_t next = 0;
  for (const auto& row_scores : scores) {
    for (const double value : row_scores) {
      auto& numbers = responses[next++].numbers;
      numbers[model.name] = value;
      if (model.name == "cost") numbers["safe_by_cost"] = value < 0.0 ? 1.0 : 0.0;
    }
  }
}

void Evaluator::ask_program_about(ResponseList& responses) const {
  std::vector<JudgedResponse> questions;
  for (const EvaluatedResponse& response : responses) {
    questions.push_back({response.prompt, response.response});
  }
  const std::vector<Verdict> verdicts =
      ask_program(config_.judge, questions, milliseconds(config_.judge_deadline_seconds));
  for (std::size_t i = 0; i < responses.size(); ++i) {
    if (!verdicts[i].kind.empty()) responses[i].kind = verdicts[i].kind;
    for (const auto& [name, value] : verdicts[i].numbers) responses[i].numbers[name] = value;
  }
}

ResponseList Evaluator::evaluate(const std::vector<std::string>& paths) const {
  const std::vector<PreferenceRow> rows = read_rows(paths);
  ResponseList responses = list_responses(rows);
  for (const Model& model : models_) score(model, paths, rows, responses);
  if (!config_.judge.empty() || !config_.judge_url.empty()) require_texts(rows);
  if (!config_.judge.empty()) ask_program_about(responses);
  return responses;
}

void Evaluator::ask_endpoint(const ResponseList& ours, const ResponseList& theirs,
                             std::map<std::string, Tally>& tallies) const {
  ChatJudgeOptions options;
  options.url = config_.judge_url;
  options.model = config_.judge_model;
  const char* key = std::getenv(config_.judge_key_variable.c_str());
  if (key != nullptr) options.api_key = key;
  options.max_attempts = config_.judge_attempts;
  options.deadline = milliseconds(config_.judge_deadline_seconds);
  const ChatJudge judge(options);
  std::mutex mutex;
  parallel_for(
      ours.size(), static_cast<std::size_t>(config_.judge_connections), [&](std::size_t i) {
        const PairVerdict verdict =
            judge.compare(ours[i].prompt, ours[i].response, theirs[i].response);
        const std::lock_guard lock(mutex);
        count_outcome(tallies["helpful by " + options.model], advantage_of(verdict.helpful));
        count_outcome(tallies["safe by " + options.model], advantage_of(verdict.safe));
      });
}

std::map<std::string, Tally> Evaluator::compare(const ResponseList& ours,
                                                const ResponseList& theirs) const {
  require_same_requests(ours, theirs);
  std::map<std::string, Tally> tallies;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    for (const auto& [name, value] : ours[i].numbers) {
      const int direction = direction_of(name);
      const auto other = theirs[i].numbers.find(name);
      if (direction == 0 || other == theirs[i].numbers.end()) continue;
      count_outcome(tallies[name], direction * (value - other->second));
    }
  }
  if (!config_.judge_url.empty()) ask_endpoint(ours, theirs, tallies);
  return tallies;
}

}  // namespace midpo
