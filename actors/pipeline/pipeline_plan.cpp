// SPDX-License-Identifier: Apache-2.0
#include "actors/pipeline/pipeline_plan.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <set>

#include "actors/learning/score_board.h"
#include "actors/learning/score_plan.h"
#include "actors/parallel.h"
#include "runtime/core/control_group.h"
#include "runtime/flow/critical_path.h"
#include "runtime/observe/table.h"

namespace midpo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kTimedRows = 4;
constexpr std::size_t kCountedRows = 256;

struct ModelRate {
  std::uint64_t rows = 0;
  double flops_per_second = 0.0;  ///< of one scorer
  double seconds_per_row = 0.0;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<RowTokens> sample_rows(const LearningJob& job, std::uint32_t tokenizer,
                                   std::size_t count) {
  std::vector<RowTokens> rows;
  for (std::size_t i = 0; i < std::min(count, job.rows.size()); ++i) {
    rows.push_back(job.rows[i].tokens[tokenizer]);
  }
  return rows;
}

/// The first call also pays for what a model sets up once. Of several short ones the best counts:
/// others may use the machine.
double seconds_of(const Scorer& scorer, std::span<const RowTokens> rows) {
  constexpr double kEnough = 0.05;
  scorer.score(rows.first(1));
  double best = std::numeric_limits<double>::infinity();
  for (double spent = 0.0; spent < kEnough;) {
    const Clock::time_point start = Clock::now();
    scorer.score(rows);
    const double seconds = std::max(seconds_since(start), 1e-9);
    best = std::min(best, seconds);
    spent += std::max(seconds, kEnough / 8);
  }
  return best;
}

bool can_score(const Scorer& scorer, const RowTokens& row) {
  try {
    scorer.score(std::span(&row, 1));
    return true;
  } catch (const Error&) {
    return false;  // the run will name it
  }
}

ModelRate measure(const LearningJob& job, std::uint32_t index) {
  const JobModel& model = job.models[index];
  const Scorer& scorer = *model.replicas[index % model.replicas.size()];
  std::vector<RowTokens> timed = sample_rows(job, model.tokenizer, kTimedRows);
  double seconds = 1.0;
  try {
    seconds = seconds_of(scorer, timed);
  } catch (const Error&) {
    std::erase_if(timed, [&](const RowTokens& row) { return !can_score(scorer, row); });
    require(!timed.empty(), ErrorCode::kData,
            "the " + std::string(role_name(model.role)) + " model cannot score the first " +
                std::to_string(kTimedRows) + " rows; see midpo score");
    seconds = seconds_of(scorer, timed);
  }
  ModelRate rate;
  rate.flops_per_second = scorer.least_flops(timed) / seconds;
  const std::vector<RowTokens> counted = sample_rows(job, model.tokenizer, kCountedRows);
  rate.seconds_per_row =
      scorer.least_flops(counted) / rate.flops_per_second / static_cast<double>(counted.size());
  return rate;
}

bool is_on_cpu(const LearningJob& job) {
  return job.models.front().replicas.front()->info().device == "cpu";
}

std::vector<ModelRate> measure_models(const LearningJob& job,
                                      const std::vector<ScoreBlock>& blocks) {
  std::vector<ModelRate> rates(job.models.size());
  // One after the other where they share a device: that shows what each does alone.
  const bool is_alone = job.models.front().replicas.size() >= rates.size();
  const std::size_t num_threads = is_alone ? rates.size() : 1;
  parallel_for(rates.size(), num_threads,
               [&](std::size_t i) { rates[i] = measure(job, static_cast<std::uint32_t>(i)); });
  for (const ScoreBlock& block : blocks) rates[block.model].rows += block.rows.size();
  return rates;
}

double step_flops(const std::shared_ptr<const LearningJob>& job, const LearnerJob& learner,
                  const Learner& model) {
  const ScoreBoard board(job);
  const std::uint64_t wanted = BatchPlan(learner.batches).rows_per_step();
  std::vector<TrainingRow> rows;
  for (std::size_t i = 0; i < std::min<std::size_t>(wanted, learner.train.size()); ++i) {
    rows.push_back(board.compose(learner, learner.train[i]));
  }
  return model.least_flops(rows);
}

LearnerTimes learner_times(const PreparedLearning& prepared, std::size_t index,
                           const std::vector<ModelRate>& rates, double threads) {
  const LearnerJob& learner = prepared.job->learners[index];
  const double rate = rates[*learner.reference_model].flops_per_second * threads;
  const BatchPlan plan(learner.batches);
  return {plan.num_steps(), plan.steps_per_epoch(),
          step_flops(prepared.job, learner, *prepared.learners[index]) / rate};
}

std::vector<ScoreNeed> score_needs(const LearningJob& job, const std::vector<ScoreBlock>& blocks,
                                   const std::vector<ModelRate>& rates,
                                   const PipelineTimes& times) {
  std::vector<std::vector<double>> behind;
  for (std::uint32_t model = 0; model < job.models.size(); ++model) {
    behind.push_back(seconds_behind_scores(job, model, times));
  }
  std::vector<ScoreNeed> needs;
  for (const ScoreBlock& block : blocks) {
    for (const std::uint32_t row : block.rows) {
      needs.push_back({rates[block.model].seconds_per_row, behind[block.model][row]});
    }
  }
  return needs;
}

struct Devices {
  std::uint32_t side_by_side = 1;  ///< scorers that do not wait for each other
  std::uint32_t shared = 0;        ///< see PipelineTimes::num_shared
};

/// Scorers on one accelerator share it, and perhaps with learners; on the CPU all share the cores.
Devices devices_of(const PreparedLearning& prepared) {
  const LearningJob& job = *prepared.job;
  // Workers of other processes have not come yet: the plan counts on one.
  const std::uint32_t num_scorers = std::max(1U, job.num_scorers);
  if (is_on_cpu(job)) return {num_scorers, static_cast<std::uint32_t>(num_cores())};
  std::set<std::string> devices;
  for (const auto& replica : job.models.front().replicas) devices.insert(replica->info().device);
  const auto num_devices = static_cast<std::uint32_t>(devices.size());
  const bool is_shared = std::ranges::all_of(prepared.learners, [&](const auto& learner) {
    return devices.count(learner->info().device) == 1;
  });
  return {std::min(num_scorers, num_devices), is_shared ? num_devices : 0};
}

std::string percent(double share) { return Cell(100.0 * share, 0).text(); }

void add_memory(Table& table, const std::vector<DeviceMemory>& devices) {
  for (const DeviceMemory& device : devices) {
    const auto mib = [](std::int64_t bytes) { return Cell(static_cast<double>(bytes >> 20), 0); };
    table.row({"weights on " + device.device + ", MiB", mib(device.needed_bytes)});
    table.row({"  free there, MiB", mib(device.free_bytes)});
  }
}

/// Behind which steps of the experts the router's begin.
void add_following(Table& table, const PipelineConfig& config, const PipelineTimes& times) {
  const VersionSchedule schedule = schedule_of(times);
  const std::uint64_t first = schedule.first_followed();
  std::string steps;
  for (std::size_t i = 0; i < times.experts.size(); ++i) {
    steps += (i == 0 ? "" : ", ") + std::to_string(schedule.step_of(i, first));
  }
  table.row({"router follows versions",
             std::to_string(first) + " to " + std::to_string(schedule.num_versions())});
  table.row({"  the first behind steps", steps});
  table.row({"  experts ahead of it, versions, at most",
             config.is_sequential ? Cell("-") : Cell(config.router_max_staleness)});
}

void require_workable(const LearningJob& job) {
  const bool has_scorers = job.num_scorers > 0 || job.remote;
  require(has_scorers && job.max_blocks_in_flight > 0, ErrorCode::kConfig,
          "the plan has no scorer or no credit for a block; give --scorers 1 or more");
}

PipelineTimes expected_times(const PipelineConfig& config, const PreparedLearning& prepared,
                             const std::vector<ScoreBlock>& blocks,
                             const std::vector<ModelRate>& rates) {
  const LearningJob& job = *prepared.job;
  const Devices devices = devices_of(prepared);
  const double threads = is_on_cpu(job) && !config.is_sequential
                             ? std::max(1.0, static_cast<double>(num_cores() / job.learners.size()))
                             : 1.0;
  PipelineTimes times;
  times.num_scorers = devices.side_by_side;
  times.num_shared = devices.shared;
  if (config.follows()) times.versions = static_cast<std::uint64_t>(config.router_versions);
  for (std::size_t i = 0; i < job.learners.size(); ++i) {
    times.experts.push_back(learner_times(prepared, i, rates, threads));
  }
  times.scores = score_needs(job, blocks, rates, times);
  return times;
}

void add_stages(Table& table, const PreparedLearning& prepared, const std::vector<ModelRate>& rates,
                const PipelineTimes& times) {
  const LearningJob& job = *prepared.job;
  for (std::size_t m = 0; m < rates.size(); ++m) {
    table.row({std::string(role_name(job.models[m].role)) + "-scorer",
               job.models[m].replicas.front()->info().device, rates[m].rows,
               Cell(1.0 / rates[m].seconds_per_row, 1),
               Cell(static_cast<double>(rates[m].rows) * rates[m].seconds_per_row, 1)});
  }
  for (std::size_t i = 0; i < job.learners.size(); ++i) {
    const LearnerTimes& learner = times.experts[i];
    const auto rows = static_cast<double>(job.learners[i].train.size()) *
                      static_cast<double>(learner.steps) /
                      static_cast<double>(learner.steps_per_epoch);
    table.row({job.learners[i].name, prepared.learners[i]->info().device,
               static_cast<std::uint64_t>(rows), Cell(rows / std::max(learner.seconds(), 1e-9), 1),
               Cell(learner.seconds(), 1)});
  }
}

}  // namespace

std::string pipeline_plan(const PipelineConfig& config, const PreparedLearning& prepared,
                          const std::vector<DeviceMemory>& memory) {
  const LearningJob& job = *prepared.job;
  require_workable(job);
  const std::vector<ScoreBlock> blocks = plan_scores(job);
  const std::vector<ModelRate> rates = measure_models(job, blocks);
  const PipelineTimes times = expected_times(config, prepared, blocks, rates);
  const double least = critical_path_seconds(times);
  Table table({"stage", "where", "rows", "rows/s expected", "busy, s"});
  add_stages(table, prepared, rates, times);
  table.rule();
  add_memory(table, memory);
  table.row({"scorers", Cell(std::max(1U, job.num_scorers))});
  table.row({"blocks in flight, at most", Cell(job.max_blocks_in_flight)});
  if (config.follows()) add_following(table, config, times);
  table.row({"scorers idle, expected, %",
             percent(1.0 - times.score_seconds() / (least * times.num_scorers))});
  table.row({"scores and experts, at least, s", Cell(least, 2)});
  table.row({"stage after stage, s", Cell(sequential_seconds(times), 2)});
  return table.text();
}

}  // namespace midpo
