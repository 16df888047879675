// SPDX-License-Identifier: Apache-2.0
// midpo worker with scorers that cost nothing (or a given time), for the jobs of stub_rank: the
// path of a stub model is stub/SALT.
#include <algorithm>
#include <cstdlib>

#include "actors/remote/worker_actor.h"
#include "actors/remote/worker_options.h"
#include "actors/stop_request.h"
#include "runtime/core/error.h"
#include "tests/support/slow_scorer.h"
#include "tests/support/stub_engines.h"
#include "tests/support/stub_main.h"

namespace midpo {
namespace {

struct StubWorkerConfig {
  WorkerArguments worker;
  std::int64_t delay_us = 0;
  std::int64_t poison = -1;  ///< a row that begins with this token ends the process
  std::int64_t salt_offset = 0;
};

/// Ends the process when a row begins with the token.
class DeadlyScorer : public Scorer {
 public:
  DeadlyScorer(std::shared_ptr<const Scorer> inner, std::int64_t token)
      : inner_(std::move(inner)), token_(token) {}
  const ModelInfo& info() const override { return inner_->info(); }
  std::vector<std::vector<double>> score(std::span<const RowTokens> rows) const override {
    const auto begins_with_token = [&](const RowTokens& row) {
      return row.sequences.front().front() == token_;
    };
    if (std::ranges::any_of(rows, begins_with_token)) std::abort();
    return inner_->score(rows);
  }
  double least_flops(std::span<const RowTokens> rows) const override {
    return inner_->least_flops(rows);
  }

 private:
  std::shared_ptr<const Scorer> inner_;
  std::int64_t token_;
};

class StubWorkerEngines : public StubEngines {
 public:
  explicit StubWorkerEngines(const StubWorkerConfig& config) : config_(config) {}

  std::shared_ptr<const Scorer> load_score_model(const ModelOptions& options) const override {
    const std::string number = options.path.substr(options.path.rfind('/') + 1);
    const std::int64_t salt = std::atoi(number.c_str()) + config_.salt_offset;
    const auto stub = make_stub_scorer(static_cast<std::uint64_t>(salt), 256);
    const auto slow = std::make_shared<SlowScorer>(stub, config_.delay_us);
    return std::make_shared<DeadlyScorer>(slow, config_.poison);
  }

 private:
  StubWorkerConfig config_;
};

int run(const std::vector<std::string>& arguments) {
  StubWorkerConfig config;
  OptionTable table("stub_worker", "midpo worker with stub scorers");
  add_worker_options(table, config.worker);
  table.integer("delay_us", &config.delay_us, 0, 100'000'000, "Sleep before each tile");
  table.integer("poison", &config.poison, -1, 1 << 30, "A row beginning with this token kills");
  table.integer("salt_offset", &config.salt_offset, 0, 100, "Other than 0: other models");
  if (!table.parse(arguments)) return 0;
  install_stop_signals();
  install_reload_signal();
  run_worker(make_worker_config(config.worker), StubWorkerEngines(config));
  return 0;
}

}  // namespace
}  // namespace midpo

int main(int argc, char** argv) { return midpo::stub_main("stub_worker", midpo::run, argc, argv); }
