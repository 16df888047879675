// SPDX-License-Identifier: Apache-2.0
// midpo gates: how much of each expert the mixture uses, layer by layer and token by token.
#include <algorithm>
#include <cstdio>

#include "actors/commands/command.h"
#include "actors/output_paths.h"
#include "actors/policy_options.h"
#include "actors/tile_scoring.h"
#include "models/generator.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/error.h"
#include "runtime/core/json_text.h"
#include "runtime/data/row_json.h"
#include "runtime/data/row_reader.h"

namespace midpo {
namespace {

std::string layers_json(const std::vector<std::vector<float>>& gate) {
  std::string json = "[";
  for (const std::vector<float>& layer : gate) {
    json += json.size() > 1 ? ",[" : "[";
    for (std::size_t t = 0; t < layer.size(); ++t) {
      json += (t > 0 ? "," : "") + json_number(static_cast<double>(layer[t]));
    }
    json += "]";
  }
  return json + "]";
}

std::string tokens_json(const Tokenizer& tokenizer, const std::vector<std::int32_t>& ids) {
  std::string json = "[";
  for (std::size_t t = 0; t < ids.size(); ++t) {
    json += (t > 0 ? "," : "") + json_string(tokenizer.decode(std::span(&ids[t], 1), false));
  }
  return json + "]";
}

class GatesCommand : public Command {
 public:
  GatesCommand() : table_("gates", "Show how much of each expert is used at each token") {
    table_.example(
        "midpo gates --model BASE --safety-adapter S --helpfulness-adapter H --router R --data "
        "responses.jsonl --output gates.jsonl");
    add_policy_options(table_, policy_);
    table_.group("Data");
    table_.text_list("data", &data_, "FILE", "Rows with a prompt and one or more responses")
        .is_required = true;
    table_
        .text("output", &output_, "FILE",
              "One line per response: tokens, and alpha and beta as [layer][token]")
        .is_required = true;
    table_.flag("overwrite", &overwrite_, "Replace an earlier output");
    table_.integer("rows", &num_rows_, 1, 1 << 20, "Rows to show");
    add_compute_options(table_, compute_);
  }

  OptionTable& options() override { return table_; }

  int run() override {
    require(!policy_.router.empty(), ErrorCode::kConfig, "only a mixture has gates: give --router");
    require_not_read(data_, {output_});
    require_replaceable({output_}, overwrite_);
    const std::string device = device_list(compute_).front();
    const auto model =
        load_engines().load_generation_model(policy_options(compute_, policy_, device));
    const auto prompt_template = load_template(compute_, policy_.model);
    require(prompt_template != nullptr, ErrorCode::kCheckpoint,
            policy_.model + ": has no tokenizer, which names the tokens");
    std::string lines;
    const auto reader = open_rows(data_, static_cast<std::uint64_t>(num_rows_),
                                  BadRowPolicy::kRefuse, RowRequirements{});
    const auto block = reader->next_block();
    for (const PreferenceRow& row : block->rows) {
      const RowTokens tokens =
          tokenize_rows(data_, {row}, prompt_template.get(), compute_.max_length, model->info())
              .front();
      for (const auto& ids : tokens.sequences) {
        const GenerationModel::GateValues gates = model->gates(ids);
        lines += "{\"tokens\":" + tokens_json(prompt_template->tokenizer(), ids) +
                 ",\"alpha\":" + layers_json(gates.alpha) + ",\"beta\":" + layers_json(gates.beta) +
                 "}\n";
      }
    }
    write_file_atomically(output_, lines);
    return 0;
  }

 private:
  PolicyConfig policy_;
  ComputeConfig compute_;
  std::vector<std::string> data_;
  std::string output_;
  bool overwrite_ = false;
  std::int64_t num_rows_ = 8;
  OptionTable table_;
};

}  // namespace

std::unique_ptr<Command> make_gates_command() { return std::make_unique<GatesCommand>(); }

}  // namespace midpo
