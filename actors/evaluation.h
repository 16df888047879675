// SPDX-License-Identifier: Apache-2.0
// What evaluate and arena share: responses of a file, scored by models and judged.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/model_options.h"
#include "runtime/config/options.h"
#include "runtime/data/preference_row.h"
#include "runtime/judge/verdict.h"
#include "runtime/report/evaluation_data.h"

namespace midpo {

struct EvaluationConfig {
  std::string reward_model, cost_model;
  std::string judge;      ///< command of an external program
  std::string judge_url;  ///< OpenAI-compatible endpoint
  std::string judge_model;
  std::string judge_key_variable = "OPENAI_API_KEY";
  double judge_deadline_seconds = 600.0;
  std::int64_t judge_attempts = 5;
  std::int64_t judge_connections = 4;
  ComputeConfig compute;
};

/// Adds the options of models and judges. The config must outlive the table.
void add_evaluation_options(OptionTable& table, EvaluationConfig& config);

/// One response and all that was found about it, by name: reward, cost, safe_by_cost, and what the
/// judge's program said.
struct EvaluatedResponse {
  std::uint64_t row = 0;
  std::size_t sample = 0;  ///< which of the row's responses
  std::string prompt;      ///< of several turns: each with its speaker in front
  std::string response;
  std::string kind;  ///< the group the judge put it into; empty: none
  std::map<std::string, double> numbers;
};

using ResponseList = std::vector<EvaluatedResponse>;

/// Loads the models once and evaluates any number of files.
class Evaluator {
 public:
  /// @throws Error(kConfig), Error(kCheckpoint): the models and what the options lack.
  explicit Evaluator(const EvaluationConfig& config);

  /// @throws Error(kData) for bad rows and a file without any; what models and judges throw.
  ResponseList evaluate(const std::vector<std::string>& paths) const;

  /// Axis by axis, how often `ours` is better than `theirs`: higher reward, lower cost, more
  /// helpful and safer by the judge's program, or by the endpoint's comparison.
  /// @throws Error(kData) naming the first row that is not the same request in both.
  std::map<std::string, Tally> compare(const ResponseList& ours, const ResponseList& theirs) const;

 private:
  struct Model {
    std::string name;
    std::shared_ptr<const Scorer> scorer;
    std::shared_ptr<const PromptTemplate> prompt_template;
  };
  void load(const std::string& name, const std::string& path);
  void score(const Model& model, const std::vector<std::string>& paths,
             const std::vector<PreferenceRow>& rows, ResponseList& responses) const;
  void ask_program_about(ResponseList& responses) const;
  void ask_endpoint(const ResponseList& ours, const ResponseList& theirs,
                    std::map<std::string, Tally>& tallies) const;

  EvaluationConfig config_;
  std::vector<Model> models_;
};

/// Means over rows (of a row's responses the mean first), of all rows and by kind.
EvaluationData summarise(const ResponseList& responses);

/// One JSON line per response.
std::string response_lines(const ResponseList& responses);

}  // namespace midpo
