// SPDX-License-Identifier: Apache-2.0
#include "actors/row_lines.h"
#include "runtime/core/json_text.h"

namespace midpo {
namespace {

std::string_view field_prefix(Role role) {
  switch (role) {
    case Role::kReward:
      return "reward_";
    case Role::kCost:
      return "cost_";
    case Role::kReference:
      return "reference_log_prob_";
  }
  return "";
}

}  // namespace

std::string_view role_name(Role role) {
  switch (role) {
    case Role::kReward:
      return "reward";
    case Role::kCost:
      return "cost";
    case Role::kReference:
      return "reference";
  }
  return "";
}

double tie_margin(DType dtype) { return dtype == DType::kBFloat16 ? 0.05 : 1e-5; }

std::vector<std::string> ordered_outputs(const RankJob& job) {
  std::vector<std::string> paths{job.output_path};
  if (!job.scores_output_path.empty()) paths.push_back(job.scores_output_path);
  if (job.on_bad_row == BadRowPolicy::kQuarantine) paths.push_back(job.quarantine_path);
  return paths;
}

std::vector<JsonField> score_fields(const RankJob& job,
                                    const std::vector<const std::vector<double>*>& values) {
  std::vector<JsonField> fields;
  for (std::size_t m = 0; m < job.models.size(); ++m) {
    const std::string prefix(field_prefix(job.models[m].role));
    for (std::size_t i = 0; i < values[m]->size(); ++i) {
      fields.push_back({prefix + std::to_string(i), json_number((*values[m])[i])});
    }
  }
  return fields;
}

std::string d_dual_line(const RankJob& job, const PreferenceRow& row,
                        const std::vector<const std::vector<double>*>& values,
                        const RankDecision& decision) {
  std::vector<JsonField> fields = score_fields(job, values);
  const std::string winner = std::to_string(decision.winner);
  fields.push_back({"better_response_id", winner});
  fields.push_back({"safer_response_id", winner});
  if (row.num_responses() > 2)
    fields.push_back({"rejected_response_id", std::to_string(decision.loser)});
  return with_fields(row.json, fields) + "\n";
}

std::string score_line(const RankJob& job, const PreferenceRow& row,
                       const std::vector<const std::vector<double>*>& values,
                       const RankDecision& decision) {
  std::vector<JsonField> fields = score_fields(job, values);
  fields.push_back({"kept", decision.is_kept ? "true" : "false"});
  fields.push_back({"reason", decision.is_kept ? "null" : json_string(decision.reason)});
  fields.push_back({"near_tie", decision.is_near_tie ? "true" : "false"});
  return with_fields(row.json, fields) + "\n";
}

std::string row_place(const ScoringJob& job, const RowPosition& position) {
  return row_place(job.input_paths, position);
}

std::string row_place(const std::vector<std::string>& paths, const RowPosition& position) {
  const bool is_known = position.file < paths.size();
  return (is_known ? paths[position.file] : "line") + ":" + std::to_string(position.line);
}

std::string quarantine_line(const BadRow& row) {
  return "{\"row\":" + std::to_string(row.row) + ",\"line\":" + std::to_string(row.position.line) +
         ",\"file\":" + std::to_string(row.position.file) +
         ",\"reason\":" + json_string(row.reason) + ",\"raw\":" + json_string(row.raw) + "}\n";
}

}  // namespace midpo
