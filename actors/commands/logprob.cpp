// SPDX-License-Identifier: Apache-2.0
// midpo logprob: log-probs of every response's tokens under a language model: base, adapter or
// mixture.
#include "actors/commands/command.h"
#include "actors/policy_options.h"
#include "actors/tile_scoring.h"
#include "runtime/data/row_json.h"

namespace midpo {
namespace {

/// @param first  index of the first log-prob that counts in the sum.
std::string log_prob_line(std::uint64_t row, const std::string& response,
                          const std::vector<float>& log_probs, std::size_t first) {
  double sum = 0.0;
  std::string list;
  for (std::size_t i = 0; i < log_probs.size(); ++i) {
    if (i > 0) list += ',';
    list += json_number(log_probs[i]);
    if (i >= first) sum += log_probs[i];
  }
  return "{\"row\":" + std::to_string(row) + ",\"response\":" + response + ",\"log_probs\":[" +
         list + "],\"sum\":" + json_number(sum) + "}\n";
}

/// Lines of one row. The sum of a pair counts from the first differing token, which log_probs holds
/// at t - 1.
std::string row_lines(const PreferenceRow& row, const RowTokens& tokens,
                      const std::vector<std::vector<float>>& log_probs) {
  const bool is_single = tokens.sequences.size() == 1;
  const std::size_t t0 = is_single ? 1 : std::max<std::size_t>(1, first_difference(tokens));
  const bool has_no_response =
      row.is_plain_text || (is_single && row.is_tokenized() && row.prompt_ids.empty());
  std::string lines;
  for (std::size_t i = 0; i < log_probs.size(); ++i) {
    lines +=
        log_prob_line(row.row, has_no_response ? "null" : std::to_string(i), log_probs[i], t0 - 1);
  }
  return lines;
}

class LogProbCommand : public Command {
 public:
  LogProbCommand() : table_("logprob", "Log-probs of responses under a language model") {
    table_.example("midpo logprob --model BASE --adapter ADAPTER --data rows.jsonl");
    add_policy_options(table_, policy_);
    table_.group("Data");
    table_.text_list("data", &data_, "FILE", "Rows: responses, text or ids").is_required = true;
    add_compute_options(table_, compute_);
  }

  OptionTable& options() override { return table_; }

  int run() override {
    const auto model = load_engines().load_language_model(
        policy_options(compute_, policy_, device_list(compute_).front()));
    const auto prompt_template = load_template(compute_, policy_.model);
    for_each_tile(data_, prompt_template.get(), compute_, model->info(),
                  [&](std::span<const RowTokens> tokens, std::span<const PreferenceRow> rows) {
                    const auto log_probs = model->log_probs(tokens);
                    std::string lines;
                    for (std::size_t i = 0; i < rows.size(); ++i) {
                      lines += row_lines(rows[i], tokens[i], log_probs[i]);
                    }
                    return lines;
                  });
    return 0;
  }

 private:
  PolicyConfig policy_;
  std::vector<std::string> data_;
  ComputeConfig compute_;
  OptionTable table_;
};

}  // namespace

std::unique_ptr<Command> make_logprob_command() { return std::make_unique<LogProbCommand>(); }

}  // namespace midpo
