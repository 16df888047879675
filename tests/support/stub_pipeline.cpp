// SPDX-License-Identifier: Apache-2.0
// midpo run with engines that only take time: a given one per row and model, and per step. For
// overlap measurements, crash tests and jitter.
#include <random>

#include "actors/observe_options.h"
#include "actors/pipeline/pipeline_run.h"
#include "tests/support/stub_engines.h"
#include "tests/support/stub_main.h"

namespace midpo {
namespace {

struct StubTimes {
  std::int64_t row_us = 0;
  std::int64_t step_us = 0;
  std::int64_t jitter_us = 0;
  std::int64_t jitter_seed = 1;
};

/// Sleeps to a given duration, and up to jitter_us longer.
class Sleeper {
 public:
  explicit Sleeper(const StubTimes& times) : times_(times) {}

  void sleep(std::int64_t microseconds) const {
    thread_local std::mt19937_64 random(static_cast<std::uint64_t>(times_.jitter_seed) ^
                                        std::hash<std::thread::id>{}(std::this_thread::get_id()));
    if (times_.jitter_us > 0) {
      microseconds +=
          static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(times_.jitter_us));
    }
    if (microseconds > 0) std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
  }

 private:
  StubTimes times_;
};

int run(const std::vector<std::string>& arguments) {
  PipelineConfig config;
  StubTimes times;
  std::int64_t tile_tokens = 256;
  std::int64_t poison_token = 0;
  std::int64_t model_mib = 0;
  OptionTable table("stub_pipeline", "midpo run with stubs");
  table.take_config();
  table.integer("row_us", &times.row_us, 0, 10'000'000, "Sleep for each row of a tile");
  table.integer("step_us", &times.step_us, 0, 10'000'000, "Sleep in each step");
  table.integer("jitter_us", &times.jitter_us, 0, 10'000'000, "More sleep, at random, up to this");
  table.integer("jitter_seed", &times.jitter_seed, 0, 1 << 30, "Of the jitter");
  table.integer("stub_tile_tokens", &tile_tokens, 1, 1 << 20, "Tokens per tile");
  table.integer("poison_token", &poison_token, 0, 1 << 20,
                "No scorer can handle a row whose prompt begins with it");
  table.integer("model_mib", &model_mib, 0, 1 << 20, "Weights of each model; a device has 1 TiB");
  ObserveConfig observe;
  add_pipeline_options(table, config);
  add_observe_options(table, observe);
  if (!table.parse(arguments)) return 0;
  const Sleeper sleeper(times);
  StubEngines engines;
  engines.tile_tokens = tile_tokens;
  engines.need.weight_bytes = engines.need.transpose_bytes = model_mib << 20;
  engines.scorer_hook = [=](std::span<const RowTokens> rows) {
    for (const RowTokens& row : rows) {
      require(poison_token == 0 || row.sequences.front().front() != poison_token,
              ErrorCode::kNumerics, "the score is NaN");
    }
    sleeper.sleep(times.row_us * static_cast<std::int64_t>(rows.size()));
  };
  engines.learner_hooks.before_apply = [=] { sleeper.sleep(times.step_us); };
  // One FLOP a row of a scorer: what the run's plan then says of learners is true as well.
  engines.learner_hooks.step_flops = static_cast<double>(times.step_us) /
                                     static_cast<double>(std::max<std::int64_t>(1, times.row_us));
  const Observation observation(observe);
  return run_pipeline(config, table.resolved_yaml(), engines);
}

}  // namespace
}  // namespace midpo

int main(int argc, char** argv) {
  return midpo::stub_main("stub_pipeline", midpo::run, argc, argv);
}
