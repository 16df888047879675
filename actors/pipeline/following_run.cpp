// SPDX-License-Identifier: Apache-2.0
#include "actors/pipeline/following_run.h"

#include <chrono>
#include <exception>
#include <filesystem>
#include <future>
#include <mutex>
#include <utility>

#include "actors/learning/learning_setup.h"
#include "actors/pipeline/version_companions.h"
#include "actors/stop_request.h"
#include "runtime/store/shared_store.h"

namespace midpo {
namespace {

using Clock = std::chrono::steady_clock;

/// Opens a store once for both jobs.
class StoreOpener {
 public:
  std::shared_ptr<RunStore> operator()(const std::string& dir) {
    const std::lock_guard lock(mutex_);
    if (!store_) store_ = share_store(RunStore::open(dir));
    return store_;
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<RunStore> store_;
};

VersionSchedule schedule_of(const PipelineConfig& config, const LearningJob& experts) {
  std::vector<PublisherSteps> steps;
  for (const LearnerJob& expert : experts.learners) {
    const BatchPlan plan(expert.batches);
    steps.push_back({plan.num_steps(), plan.steps_per_epoch()});
  }
  return {static_cast<std::uint64_t>(config.router_versions), std::move(steps)};
}

/// The experts' job, with a publisher for each.
LearningRequest publishing(LearningRequest experts, const PipelineConfig& config,
                           const std::shared_ptr<ExpertVersions>& versions) {
  for (std::size_t i = 0; i < experts.learners.size(); ++i) {
    experts.learners[i].companion = make_publisher(versions, i);
  }
  experts.on_prepared = [&config, versions,
                         on_prepared = experts.on_prepared](const PreparedLearning& prepared) {
    versions->settle(schedule_of(config, *prepared.job));
    if (on_prepared) on_prepared(prepared);
  };
  experts.on_ranked = [versions] { versions->note_ranked(); };
  return experts;
}

/// The router's job on the first version it follows: its follower takes over the others.
LearningRequest following(const PipelineConfig& config, const std::string& resolved,
                          const std::shared_ptr<ExpertVersions>& versions) {
  const auto first = versions->weights(versions->schedule().first_followed());
  LearningRequest router = router_stage(config, resolved, first[0].path, first[1].path);
  router.learners.front().companion = make_follower(versions);
  return router;
}

/// A run that was interrupted between the router's end and that of the experts' job.
bool is_router_done(const PipelineConfig& config) {
  return std::filesystem::exists(PipelineFolder{config.shared.output}.router_state() +
                                 "/manifest.json");
}

/// What one job's `work` throws, which stops the other one; null: nothing.
template <class Work>
std::exception_ptr failure_of(const Work& work) {
  try {
    work();
    return nullptr;
  } catch (...) {
    request_stop();
    return std::current_exception();
  }
}

bool is_shutdown(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return error.code() == ErrorCode::kShutdown;
  } catch (...) {
    return false;
  }
}

/// That one was stopped on request is no failure of its own.
void rethrow_first(const std::exception_ptr& a, const std::exception_ptr& b) {
  if (a && (!b || !is_shutdown(a))) std::rethrow_exception(a);
  if (b) std::rethrow_exception(b);
}

/// Both jobs at once, each under the eyes of its own coordinator.
class BothJobs {
 public:
  BothJobs(const PipelineConfig& config, const std::string& resolved, const EngineFactory& engines,
           std::shared_ptr<ExpertVersions> versions)
      : config_(config), resolved_(resolved), engines_(engines), versions_(std::move(versions)) {}

  PipelineOutcome run(LearningRequest experts) {
    const auto open_store = [opener = std::make_shared<StoreOpener>()](const std::string& dir) {
      return (*opener)(dir);
    };
    experts.beside = {"", 1, open_store};
    experts.on_prepared = [this, on_prepared = experts.on_prepared](const PreparedLearning& made) {
      on_prepared(made);
      start_ = Clock::now();
    };
    auto router = std::async(std::launch::async, [&] {
      return failure_of([&] { train_router({"router", experts.learners.size(), open_store}); });
    });
    const std::exception_ptr failure = failure_of([&] { train_experts(experts); });
    rethrow_first(failure, router.get());
    return std::move(outcome_);
  }

 private:
  void train_experts(const LearningRequest& experts) {
    try {
      outcome_.experts = train_models(experts, engines_);
      versions_->note_experts_done();
    } catch (...) {
      versions_->give_up();
      throw;
    }
  }

  void train_router(JobBeside beside) {
    if (!versions_->wait_for_start()) return;
    LearningRequest router = following(config_, resolved_, versions_);
    router.beside = std::move(beside);
    outcome_.router = train_models(std::move(router), engines_);
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    outcome_.router_begin_seconds = seconds - outcome_.router.outcome.wall_seconds;
    outcome_.max_staleness = versions_->max_staleness_seen();
    versions_->note_router_done();
  }

  const PipelineConfig& config_;
  const std::string& resolved_;
  const EngineFactory& engines_;
  std::shared_ptr<ExpertVersions> versions_;
  PipelineOutcome outcome_;                 ///< each job writes its own part
  Clock::time_point start_ = Clock::now();  ///< of the experts' job; read behind its first version
};

}  // namespace

PipelineOutcome train_following(const PipelineConfig& config, const std::string& resolved,
                                LearningRequest experts, const EngineFactory& engines) {
  std::optional<std::uint64_t> max_staleness;
  if (!config.is_sequential) {
    max_staleness = static_cast<std::uint64_t>(config.router_max_staleness);
  }
  const std::string dir = PipelineFolder{config.shared.output}.versions();
  const auto versions = std::make_shared<ExpertVersions>(dir, max_staleness);
  experts = publishing(std::move(experts), config, versions);
  const bool has_router = is_router_done(config);
  if (!config.is_sequential && !has_router) {
    return BothJobs(config, resolved, engines, versions).run(std::move(experts));
  }
  versions->note_router_done();
  PipelineOutcome outcome;
  outcome.experts = train_models(std::move(experts), engines);
  outcome.router_begin_seconds = outcome.experts.outcome.wall_seconds;
  outcome.router.was_finished = has_router;
  if (!has_router) {
    outcome.router = train_models(following(config, resolved, versions), engines);
  }
  return outcome;
}

}  // namespace midpo
