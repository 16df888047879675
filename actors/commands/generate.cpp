// SPDX-License-Identifier: Apache-2.0
// midpo generate: prompts -> responses (actors/generation/write_responses.h).
#include <cstdio>

#include "actors/commands/command.h"
#include "actors/generation/write_responses.h"
#include "runtime/observe/table.h"

namespace midpo {
namespace {

class GenerateCommand : public Command {
 public:
  GenerateCommand() : table_("generate", "Write responses to prompts") {
    table_.example("midpo generate --model BASE --data prompts.jsonl --output responses.jsonl");
    table_.example(
        "midpo generate --model BASE --safety-adapter S --helpfulness-adapter H --router R "
        "--data prompts.jsonl --output out.jsonl --temperature 0.8 --top-p 0.95 --num-samples 4");
    add_policy_options(table_, wanted_.policy);
    add_data_options();
    add_response_options(table_, wanted_.sampling);
    add_compute_options(table_, wanted_.compute, {"training", "published", "plain"});
    add_generator_options(table_, wanted_.generators);
    wanted_.compute.max_length = 1 << 20;
  }

  OptionTable& options() override { return table_; }

  int run() override {
    if (const auto written = write_responses(wanted_)) print_summary(*written);
    return 0;
  }

 private:
  void add_data_options();
  static void print_summary(const WrittenResponses& written);

  ResponsesToWrite wanted_;
  OptionTable table_;
};

void GenerateCommand::add_data_options() {
  table_.group("Data");
  table_.text_list("data", &wanted_.data, "FILE", "Rows with prompt, prompt_ids, text or ids")
      .is_required = true;
  OutputChoice& output = wanted_.output;
  table_.text("output", &output.path, "FILE", "The rows with their responses, JSONL").is_required =
      true;
  table_.flag("resume", &output.resume,
              "Continue an interrupted output; start one if none is there");
  table_.flag("overwrite", &output.overwrite, "Discard an earlier output");
}

void GenerateCommand::print_summary(const WrittenResponses& written) {
  const GenerationTotals& totals = written.outcome.totals;
  const double seconds = written.outcome.wall_seconds;
  Table table({"", "rows", "prompt tokens", "response tokens", "seconds", "tokens/s"});
  table.row({"generate",
             totals.num_rows,
             totals.num_prompt_tokens,
             totals.num_response_tokens,
             {seconds, 1},
             {static_cast<double>(totals.num_response_tokens) / seconds, 0}});
  std::fputs(table.text().c_str(), stdout);
  std::printf("model %s\n", written.model.c_str());
}

}  // namespace

std::unique_ptr<Command> make_generate_command() { return std::make_unique<GenerateCommand>(); }

}  // namespace midpo
