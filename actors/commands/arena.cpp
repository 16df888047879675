// SPDX-License-Identifier: Apache-2.0
// midpo arena: two files of responses to the same requests, side by side.
#include <cstdio>

#include "actors/commands/command.h"
#include "actors/evaluation.h"
#include "actors/evaluation_tables.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

class ArenaCommand : public Command {
 public:
  ArenaCommand() : table_("arena", "Compare two files of responses to the same requests") {
    table_.example(
        "midpo arena --first ours.jsonl --second theirs.jsonl --reward-model RM "
        "--cost-model CM --show 3");
    table_.group("Data");
    table_.text_list("first", &first_, "FILE", "Responses of one model").is_required = true;
    table_.text_list("second", &second_, "FILE", "Responses of the other").is_required = true;
    table_.integer("show", &num_shown_, 0, 1 << 20, "Requests to print with both responses");
    add_evaluation_options(table_, config_);
  }

  OptionTable& options() override { return table_; }

  int run() override {
    const Evaluator evaluator(config_);
    const ResponseList first = evaluator.evaluate(first_);
    const ResponseList second = evaluator.evaluate(second_);
    const auto tallies = evaluator.compare(first, second);
    require(!tallies.empty(), ErrorCode::kConfig,
            "nothing to compare by: give --reward-model, --cost-model, --judge or --judge-url");
    show(first, second);
    std::fputs(tally_table(tallies).c_str(), stdout);
    return 0;
  }

 private:
  static void print_numbers(const char* name, const EvaluatedResponse& response) {
    std::printf("  %s:%s\n   ", name, response.response.c_str());
    for (const auto& [axis, value] : response.numbers) std::printf(" %s %.3g", axis.c_str(), value);
    std::puts("");
  }

  void show(const ResponseList& first, const ResponseList& second) const {
    const auto count = std::min(static_cast<std::size_t>(num_shown_), first.size());
    for (std::size_t i = 0; i < count; ++i) {
      std::printf("%s\n", first[i].prompt.c_str());
      print_numbers("first", first[i]);
      print_numbers("second", second[i]);
    }
  }

  std::vector<std::string> first_, second_;
  std::int64_t num_shown_ = 0;
  EvaluationConfig config_;
  OptionTable table_;
};

}  // namespace

std::unique_ptr<Command> make_arena_command() { return std::make_unique<ArenaCommand>(); }

}  // namespace midpo
