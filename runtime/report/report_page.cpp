// SPDX-License-Identifier: Apache-2.0
#include "runtime/report/report_page.h"

#include <algorithm>
#include <array>
#include <set>

#include "runtime/report/charts.h"
#include "runtime/report/svg.h"

namespace midpo {
namespace {

constexpr const char* kStyle = R"css(
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 900px; margin: 2em auto;
       padding: 0 1em; }
h1 { font-size: 1.6em; } h2 { font-size: 1.25em; margin-top: 2em; } h3 { font-size: 1.05em; }
table { border-collapse: collapse; margin: 1em 0; font-variant-numeric: tabular-nums; }
th, td { padding: .3em .8em; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
td small { color: #666; }
.wide { overflow-x: auto; }
svg text { font: 12px system-ui, sans-serif; fill: #333; }
svg .axis, svg .title { font-weight: 600; }
svg .grid { stroke: #e4e4e4; } svg .interval { stroke: #777; stroke-width: 1.5; }
svg .leader { stroke: #bbb; stroke-dasharray: 2 3; }
svg .curve { fill: none; stroke-width: 1.6; }
p.note { color: #666; }
)css";

/// What stands in the first columns, if it was measured; the rest follows by name.
constexpr std::array<const char*, 6> kFirstColumns = {"helpful", "safe",         "over_refusal",
                                                      "reward",  "safe_by_cost", "cost"};

/// A method's evaluation and what to call it.
struct Entry {
  std::string name;
  const EvaluationData* data;
};

std::vector<Entry> entries_of(const std::vector<RunData>& runs) {
  std::vector<Entry> entries;
  for (const RunData& run : runs) {
    for (const EvaluationData& data : run.evaluations) {
      const bool is_only_one = run.evaluations.size() == 1;
      entries.push_back({is_only_one ? run.name : run.name + " " + data.name, &data});
    }
  }
  return entries;
}

std::vector<std::string> columns_of(const std::vector<Entry>& entries) {
  std::set<std::string> found;
  for (const Entry& entry : entries) {
    for (const auto& [name, estimate] : entry.data->all) found.insert(name);
  }
  std::vector<std::string> columns;
  for (const char* name : kFirstColumns) {
    if (found.erase(name) > 0) columns.emplace_back(name);
  }
  columns.insert(columns.end(), found.begin(), found.end());
  return columns;
}

std::string cell(const Estimates& estimates, const std::string& column) {
  const auto found = estimates.find(column);
  if (found == estimates.end() || found->second.count == 0) return "<td></td>";
  const Estimate& estimate = found->second;
  return "<td>" + short_number(estimate.mean) + "<br><small>" + short_number(estimate.low) +
         " to " + short_number(estimate.high) + "</small></td>";
}

std::string table_head(const std::string& first, const std::vector<std::string>& columns) {
  std::string html = "<table><thead><tr><th>" + html_escape(first) + "</th>";
  for (const std::string& column : columns) html += "<th>" + html_escape(column) + "</th>";
  return html + "</tr></thead><tbody>\n";
}

std::string table_row(const std::string& name, const Estimates& estimates,
                      const std::vector<std::string>& columns) {
  std::string html = "<tr><td>" + html_escape(name) + "</td>";
  for (const std::string& column : columns) html += cell(estimates, column);
  return html + "</tr>\n";
}

std::string method_table(const std::vector<Entry>& entries) {
  const std::vector<std::string> columns = columns_of(entries);
  std::string html = "<div class=\"wide\">" + table_head("method", columns);
  for (const Entry& entry : entries) html += table_row(entry.name, entry.data->all, columns);
  return html + "</tbody></table></div>\n";
}

std::string kind_tables(const std::vector<Entry>& entries) {
  std::set<std::string> kinds;
  for (const Entry& entry : entries) {
    for (const auto& [kind, estimates] : entry.data->by_kind) kinds.insert(kind);
  }
  const std::vector<std::string> columns = columns_of(entries);
  std::string html;
  for (const std::string& kind : kinds) {
    html += "<h3>" + html_escape(kind) + " requests only</h3>\n<div class=\"wide\">" +
            table_head("method", columns);
    for (const Entry& entry : entries) {
      const auto found = entry.data->by_kind.find(kind);
      if (found != entry.data->by_kind.end()) {
        html += table_row(entry.name, found->second, columns);
      }
    }
    html += "</tbody></table></div>\n";
  }
  return html;
}

/// The plane by the judge's truth if there is one, else by the score models.
std::string plane_section(const std::vector<Entry>& entries) {
  constexpr std::array<std::array<const char*, 2>, 2> kAxes = {
      {{"safe", "helpful"}, {"safe_by_cost", "reward"}}};
  std::string html;
  for (const auto& [safety, helpfulness] : kAxes) {
    std::vector<PlanePoint> points;
    for (const Entry& entry : entries) {
      const Estimates& all = entry.data->all;
      if (!all.contains(safety) || !all.contains(helpfulness)) continue;
      points.push_back({entry.name, all.at(safety), all.at(helpfulness)});
    }
    if (!points.empty()) html += plane_chart(points, safety, helpfulness);
  }
  return html;
}

std::string evaluation_section(const std::vector<RunData>& runs) {
  const std::vector<Entry> entries = entries_of(runs);
  if (entries.empty()) return "";
  return "<h2>Safety and helpfulness</h2>\n<div class=\"wide\">" + plane_section(entries) +
         "</div>\n" + method_table(entries) +
         "<p class=\"note\">Means and 95 % confidence intervals: Student's t, for shares Wilson's. "
         "They cover the choice of requests and responses, not the chance of training.</p>\n" +
         kind_tables(entries);
}

std::string curve_section(const std::vector<RunData>& runs) {
  constexpr std::array<const char*, 7> kShown = {
      "loss",     "rewards/margins",   "rewards/accuracies", "margin",
      "accuracy", "router/alpha_mean", "router/beta_mean"};
  std::string html;
  for (const RunData& run : runs) {
    for (const MetricsData& metrics : run.metrics) {
      std::string charts;
      for (std::size_t i = 0; i < kShown.size(); ++i) {
        const auto found = metrics.series.find(kShown[i]);
        if (found == metrics.series.end() || found->second.size() < 2) continue;
        charts += curve_chart(kShown[i], found->second, i);
      }
      if (charts.empty()) continue;
      html += "<h3>" + html_escape(run.name + " " + metrics.name) + "</h3>\n" + charts;
    }
  }
  return html.empty() ? "" : "<h2>Training</h2>\n" + html;
}

std::string yield_section(const std::vector<RunData>& runs) {
  std::string html;
  for (const RunData& run : runs) {
    for (const YieldData& data : run.yields) {
      html += "<h3>" + html_escape(run.name + " " + data.name) + ": " +
              std::to_string(data.rows_in) + " rows</h3>\n" + yield_chart(data);
    }
  }
  return html.empty() ? "" : "<h2>Rows kept</h2>\n" + html;
}

std::string gate_section(const std::vector<RunData>& runs) {
  std::string html;
  for (const RunData& run : runs) {
    for (const GateExample& example : run.gates) {
      std::string text;
      for (const std::string& token : example.tokens) text += token;
      html += "<h3>" + html_escape(text) + "</h3>\n<div class=\"wide\">" +
              gate_chart("alpha: share of the safety expert", example.tokens, example.alpha) +
              gate_chart("beta: share of the helpfulness expert", example.tokens, example.beta) +
              "</div>\n";
    }
  }
  if (html.empty()) return "";
  return "<h2>Gates</h2>\n<p>How much of each expert a layer adds at a token: white is none, full "
         "colour all of it.</p>\n" +
         html;
}

/// Growth of a count between steps, per second: the median, so that a pause does not count.
/// @return 0 where it cannot be told.
double growth_per_second(const MetricsData& metrics, const std::string& count) {
  const auto times = metrics.series.find("time");
  const auto counts = metrics.series.find(count);
  if (times == metrics.series.end() || counts == metrics.series.end()) return 0.0;
  const std::map<double, double> time_at(times->second.begin(), times->second.end());
  std::vector<double> rates;
  for (std::size_t i = 1; i < counts->second.size(); ++i) {
    const auto before = time_at.find(counts->second[i - 1].first);
    const auto after = time_at.find(counts->second[i].first);
    if (before == time_at.end() || after == time_at.end()) continue;
    const double seconds = after->second - before->second;
    const double grown = counts->second[i].second - counts->second[i - 1].second;
    if (seconds > 0.0 && grown > 0.0) rates.push_back(grown / seconds);
  }
  if (rates.empty()) return 0.0;
  const auto middle = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2);
  std::nth_element(rates.begin(), middle, rates.end());
  return *middle;
}

std::string throughput_section(const std::vector<RunData>& runs) {
  std::string rows;
  for (const RunData& run : runs) {
    for (const MetricsData& metrics : run.metrics) {
      const double tokens = growth_per_second(metrics, "num_tokens");
      if (tokens == 0.0) continue;
      rows += "<tr><td>" + html_escape(run.name + " " + metrics.name) + "</td><td>" +
              short_number(tokens) + "</td></tr>\n";
    }
  }
  if (rows.empty()) return "";
  return "<h2>Throughput</h2>\n<table><thead><tr><th>training</th><th>tokens per second</th></tr>"
         "</thead><tbody>\n" +
         rows + "</tbody></table>\n";
}

/// When each stage of an overlapped run was done, and how much of the time its actors worked.
std::string overlap_section(const std::vector<RunData>& runs) {
  std::string rows;
  for (const RunData& run : runs) {
    for (const StageData& stage : run.stages) {
      rows += "<tr><td>" + html_escape(run.name + " " + stage.name) + "</td><td>" +
              short_number(stage.done_seconds) + "</td><td>" + short_number(stage.busy_seconds) +
              "</td><td>" + short_number(100.0 * stage.busy_share) + " %</td></tr>\n";
    }
  }
  if (rows.empty()) return "";
  return "<h2>Overlap</h2>\n<table><thead><tr><th>stage</th><th>done after, s</th><th>busy, s</th>"
         "<th>busy</th></tr></thead><tbody>\n" +
         rows + "</tbody></table>\n";
}

}  // namespace

std::string report_page(const std::vector<RunData>& runs) {
  return std::string(
             "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
             "<meta name=\"viewport\" content=\"width=device-width\">"
             "<title>midpo report</title><style>") +
         kStyle + "</style></head><body>\n<h1>midpo report</h1>\n" + evaluation_section(runs) +
         yield_section(runs) + gate_section(runs) + curve_section(runs) + throughput_section(runs) +
         overlap_section(runs) + "</body></html>\n";
}

}  // namespace midpo
