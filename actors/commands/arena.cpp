// SPDX-License-Identifier: Apache-2.0
// midpo arena: responses of two models to the same requests, side by side.
//
//   two files given, or two models: both write their responses to the prompts first
//   -> Evaluator (actors/evaluation.h) scores, judges and compares them
#include <algorithm>
#include <array>
#include <cstdio>

#include "actors/commands/command.h"
#include "actors/evaluation.h"
#include "actors/evaluation_tables.h"
#include "actors/generation/write_responses.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

constexpr std::array<const char*, 2> kSuffixes = {"a", "b"};

class ArenaCommand : public Command {
 public:
  ArenaCommand() : table_("arena", "Compare two models, or two files of their responses") {
    table_.example(
        "midpo arena --first ours.jsonl --second theirs.jsonl --reward-model RM "
        "--cost-model CM --show 3");
    table_.example(
        "midpo arena --model-a BASE --safety-adapter-a S --helpfulness-adapter-a H --router-a R "
        "--model-b BASE --adapter-b DPO --data prompts.jsonl --output DIR --cost-model CM");
    add_data_options();
    for (std::size_t side = 0; side < 2; ++side) add_model_options(side);
    add_response_options(table_, sampling_);
    add_generator_options(table_, generators_);
    add_evaluation_options(table_, config_);
  }

  OptionTable& options() override { return table_; }

  int run() override {
    check_sides();
    const Evaluator evaluator(config_);
    if (!data_.empty()) write_sides();
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
  void add_data_options();
  void add_model_options(std::size_t side);
  void check_sides() const;
  void write_sides();
  void show(const ResponseList& first, const ResponseList& second) const;

  std::vector<std::string> first_, second_, data_;
  std::array<PolicyConfig, 2> policies_;
  OutputChoice output_;
  SamplingConfig sampling_;
  GeneratorConfig generators_;
  std::int64_t num_shown_ = 0;
  EvaluationConfig config_;
  OptionTable table_;
};

void ArenaCommand::add_data_options() {
  table_.group("Two files of responses");
  table_.text_list("first", &first_, "FILE", "Responses of one model");
  table_.text_list("second", &second_, "FILE", "Responses of the other");
  table_.integer("show", &num_shown_, 0, 1 << 20, "Requests to print with both responses");
  table_.group("Or two models");
  table_.text_list("data", &data_, "FILE", "Prompts for both, as generate takes them");
  table_.text("output", &output_.path, "DIR", "Folder for a.jsonl and b.jsonl, their responses");
  table_.flag("resume", &output_.resume, "Continue interrupted responses");
  table_.flag("overwrite", &output_.overwrite, "Discard earlier responses");
}

void ArenaCommand::add_model_options(std::size_t side) {
  PolicyConfig& policy = policies_[side];
  const std::string suffix = std::string("_") + kSuffixes[side];
  table_.group(std::string("Model ") + kSuffixes[side]);
  table_.text("model" + suffix, &policy.model, "DIR", "Base model, Hugging Face directory");
  table_.text("adapter" + suffix, &policy.adapter, "DIR", "PEFT LoRA adapter on it");
  table_.text("safety_adapter" + suffix, &policy.safety_adapter, "DIR",
              "Safety expert of a mixture");
  table_.text("helpfulness_adapter" + suffix, &policy.helpfulness_adapter, "DIR",
              "Helpfulness expert of a mixture");
  table_.text("router" + suffix, &policy.router, "DIR", "Gates that mix the experts");
  table_.text("mixture" + suffix, &policy.mixture, "A,B",
              "Fixed weights of safety and helpfulness expert instead of a router");
}

void ArenaCommand::check_sides() const {
  const bool has_files = !first_.empty() || !second_.empty();
  const bool has_models = !policies_[0].model.empty() || !policies_[1].model.empty();
  require(has_files != has_models, ErrorCode::kConfig,
          "give either --first and --second, or --model-a and --model-b");
  require(!has_files || (!first_.empty() && !second_.empty() && data_.empty()), ErrorCode::kConfig,
          "two files are compared: give --first and --second, and no --data");
  const bool are_both = !policies_[0].model.empty() && !policies_[1].model.empty();
  require(!has_models || (are_both && !data_.empty() && !output_.path.empty()), ErrorCode::kConfig,
          "two models are compared: give --model-a, --model-b, --data and --output");
}

/// The same prompts, options and seeds for both.
void ArenaCommand::write_sides() {
  make_directories(output_.path);
  for (std::size_t side = 0; side < 2; ++side) {
    ResponsesToWrite wanted{data_,     policies_[side], config_.compute,
                            sampling_, generators_,     output_};
    wanted.compute.max_length = 1 << 20;  // the evaluation's cuts what it scores
    wanted.output.path += std::string("/") + kSuffixes[side] + ".jsonl";
    write_responses(wanted);
    (side == 0 ? first_ : second_) = {wanted.output.path};
  }
}

void print_numbers(const char* name, const EvaluatedResponse& response) {
  std::printf("  %s:%s\n   ", name, response.response.c_str());
  for (const auto& [axis, value] : response.numbers) std::printf(" %s %.3g", axis.c_str(), value);
  std::puts("");
}

void ArenaCommand::show(const ResponseList& first, const ResponseList& second) const {
  const auto count = std::min(static_cast<std::size_t>(num_shown_), first.size());
  for (std::size_t i = 0; i < count; ++i) {
    std::printf("%s\n", first[i].prompt.c_str());
    print_numbers("first", first[i]);
    print_numbers("second", second[i]);
  }
}

}  // namespace

std::unique_ptr<Command> make_arena_command() { return std::make_unique<ArenaCommand>(); }

}  // namespace midpo
