// SPDX-License-Identifier: Apache-2.0
// midpo evaluate: responses + score models and judges -> scores, means, win rates.
#include <cstdio>
#include <filesystem>

#include "actors/commands/command.h"
#include "actors/evaluation.h"
#include "actors/evaluation_tables.h"
#include "actors/output_paths.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

class EvaluateCommand : public Command {
 public:
  EvaluateCommand()
      : table_("evaluate", "Score responses by models and judges; compare with another file") {
    table_.example("midpo evaluate --data responses.jsonl --reward-model RM --cost-model CM");
    table_.example(
        "midpo evaluate --data ours.jsonl --against theirs.jsonl --judge './judge.py --fast' "
        "--output scores.jsonl");
    table_.group("Data");
    table_.text_list("data", &data_, "FILE", "Rows with a prompt and one or more responses")
        .is_required = true;
    table_.text_list("against", &against_, "FILE", "Responses to the same prompts to compare with");
    table_.text("output", &output_, "FILE",
                "Numbers of each response, JSONL; the means go to NAME.summary.json beside it");
    table_.flag("overwrite", &overwrite_, "Replace an earlier output");
    add_evaluation_options(table_, config_);
  }

  OptionTable& options() override { return table_; }

  int run() override {
    check();
    const Evaluator evaluator(config_);
    const ResponseList responses = evaluator.evaluate(data_);
    EvaluationData data = summarise(responses);
    if (!against_.empty()) {
      data.against = evaluator.compare(responses, evaluator.evaluate(against_));
      data.against_file = against_.front();
    }
    if (!output_.empty()) {
      write_file_atomically(output_, response_lines(responses));
      write_file_atomically(summary_path(), evaluation_json(data));
    }
    std::fputs(estimate_table(data).c_str(), stdout);
    std::fputs(tally_table(data.against).c_str(), stdout);
    return 0;
  }

 private:
  void check() const {
    const bool has_source = !config_.reward_model.empty() || !config_.cost_model.empty() ||
                            !config_.judge.empty() || !config_.judge_url.empty();
    require(has_source, ErrorCode::kConfig,
            "nothing to evaluate with: give --reward-model, --cost-model, --judge or --judge-url");
    require(config_.judge_url.empty() || !against_.empty(), ErrorCode::kConfig,
            "--judge-url compares two files: it needs --against FILE");
    require_not_read(data_, {output_});
    require_not_read(against_, {output_});
    if (!output_.empty()) require_replaceable({output_, summary_path()}, overwrite_);
  }

  std::string summary_path() const {
    return std::filesystem::path(output_).replace_extension(".summary.json").string();
  }

  std::vector<std::string> data_, against_;
  std::string output_;
  bool overwrite_ = false;
  EvaluationConfig config_;
  OptionTable table_;
};

}  // namespace

std::unique_ptr<Command> make_evaluate_command() { return std::make_unique<EvaluateCommand>(); }

}  // namespace midpo
