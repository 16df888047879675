// SPDX-License-Identifier: Apache-2.0
// midpo score: one score model over a file of rows.
#include "actors/commands/command.h"
#include "actors/tile_scoring.h"
#include "runtime/data/row_json.h"

namespace midpo {
namespace {

std::string score_line(const std::vector<double>& scores) {
  if (scores.size() == 1) return "{\"score\":" + json_number(scores.front()) + "}\n";
  std::string line = "{";
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (i > 0) line += ',';
    line += "\"score_" + std::to_string(i) + "\":" + json_number(scores[i]);
  }
  return line + "}\n";
}

class ScoreCommand : public Command {
 public:
  ScoreCommand() : table_("score", "Score rows with one reward or cost model") {
    table_.example("midpo score --model RM --data rows.jsonl");
    table_.group("Data and model");
    table_.text("model", &model_, "DIR", "Score model").is_required = true;
    table_
        .text_list("data", &data_, "FILE", "Rows: two or more responses, one response, text or ids")
        .is_required = true;
    add_compute_options(table_, compute_);
  }

  OptionTable& options() override { return table_; }

  int run() override {
    const std::string device = device_list(compute_).front();
    const auto scorer =
        load_engines().load_score_model(model_options(compute_, model_, device, "model"));
    const auto prompt_template = load_template(compute_, model_);
    for_each_tile(data_, prompt_template.get(), compute_, scorer->info(),
                  [&](std::span<const RowTokens> tokens, std::span<const PreferenceRow>) {
                    std::string lines;
                    for (const auto& scores : scorer->score(tokens)) lines += score_line(scores);
                    return lines;
                  });
    return 0;
  }

 private:
  std::string model_;
  std::vector<std::string> data_;
  ComputeConfig compute_;
  OptionTable table_;
};

}  // namespace

std::unique_ptr<Command> make_score_command() { return std::make_unique<ScoreCommand>(); }

}  // namespace midpo
