// SPDX-License-Identifier: Apache-2.0
// Engines without models for whole training jobs: scores and steps cost nothing, or a given time.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "models/engines.h"
#include "models/learner.h"
#include "runtime/core/error.h"
#include "tests/support/stub_generation.h"

namespace midpo {

/// Calls a hook before each call of the scorer inside.
class HookedScorer : public Scorer {
 public:
  using Hook = std::function<void(std::span<const RowTokens>)>;
  HookedScorer(std::shared_ptr<const Scorer> inner, Hook hook, const std::string& device = "cpu")
      : inner_(std::move(inner)), hook_(std::move(hook)), info_(inner_->info()) {
    info_.device = device;
  }
  const ModelInfo& info() const override { return info_; }
  std::vector<std::vector<double>> score(std::span<const RowTokens> rows) const override {
    if (hook_) hook_(rows);
    return inner_->score(rows);
  }
  double least_flops(std::span<const RowTokens> rows) const override {
    return static_cast<double>(rows.size());
  }

 private:
  std::shared_ptr<const Scorer> inner_;
  Hook hook_;
  ModelInfo info_;
};

/// Calls hooks before each step of the learner inside.
class HookedLearner : public Learner {
 public:
  struct Hooks {
    std::function<void(std::span<const TrainingRow>)> before_accumulate;
    std::function<void(LossReport&)> after_accumulate;
    std::function<void()> before_apply;
    std::function<void()> begin_epoch;
    double step_flops = 0.0;  ///< what least_flops() says; 0: what the learner inside says
  };
  HookedLearner(std::unique_ptr<Learner> inner, Hooks hooks)
      : inner_(std::move(inner)), hooks_(std::move(hooks)) {}

  const ModelInfo& info() const override { return inner_->info(); }
  std::int64_t num_trained_parameters() const override { return inner_->num_trained_parameters(); }
  BatchCount count(const TrainingRow& row) const override { return inner_->count(row); }
  LossReport accumulate(std::span<const TrainingRow> rows, const BatchCount& batch) override {
    if (hooks_.before_accumulate) hooks_.before_accumulate(rows);
    LossReport report = inner_->accumulate(rows, batch);
    if (hooks_.after_accumulate) hooks_.after_accumulate(report);
    return report;
  }
  void begin_epoch() override {
    if (hooks_.begin_epoch) hooks_.begin_epoch();
    inner_->begin_epoch();
  }
  LossReport evaluate(std::span<const TrainingRow> rows, const BatchCount& batch) override {
    return inner_->evaluate(rows, batch);
  }
  void take_experts(const std::string& safety, const std::string& helpfulness) override {
    inner_->take_experts(safety, helpfulness);
  }
  double apply(double learning_rate) override {
    if (hooks_.before_apply) hooks_.before_apply();
    return inner_->apply(learning_rate);
  }
  void save_state(const std::string& path) const override { inner_->save_state(path); }
  void load_state(const std::string& path) override { inner_->load_state(path); }
  void export_weights(const std::string& directory) const override {
    inner_->export_weights(directory);
  }
  double least_flops(std::span<const TrainingRow> rows) const override {
    return hooks_.step_flops > 0.0 ? hooks_.step_flops : inner_->least_flops(rows);
  }

 private:
  std::unique_ptr<Learner> inner_;
  Hooks hooks_;
};

/// A factory of stubs. A score model's path is its salt: equal paths give equal scores.
class StubEngines : public EngineFactory {
 public:
  HookedScorer::Hook scorer_hook;
  HookedLearner::Hooks learner_hooks;
  std::int64_t tile_tokens = 256;
  MemoryNeed need{0, 0, std::int64_t{1} << 40};  ///< of each model

  MemoryNeed memory_need(const ModelOptions&) const override { return need; }
  std::shared_ptr<const Scorer> load_score_model(const ModelOptions& options) const override {
    const std::uint64_t salt = content_hash(options.path).low;
    const HookedScorer::Hook hook =
        options.device == "cpu" ? scorer_hook : exclusive(options.device, scorer_hook);
    return std::make_shared<HookedScorer>(make_stub_scorer(salt, tile_tokens), hook,
                                          options.device);
  }
  std::shared_ptr<const Scorer> load_reference_model(const ModelOptions& options) const override {
    return load_score_model(options);
  }
  std::shared_ptr<const LanguageModel> load_language_model(const ModelOptions&) const override {
    throw Error(ErrorCode::kInternal, "the stubs have no language model");
  }
  std::shared_ptr<const GenerationModel> load_generation_model(
      const ModelOptions& options) const override {
    return std::make_shared<StubGenerationModel>(options.path, options.adapter_path);
  }
  std::unique_ptr<Learner> make_learner(const LearnerOptions& options) const override {
    return std::make_unique<HookedLearner>(make_stub_learner(options), learner_hooks);
  }
  double measure_gemm_flops(const Scorer&) const override { return 0.0; }

 private:
  /// An accelerator does one thing at a time.
  HookedScorer::Hook exclusive(const std::string& device, const HookedScorer::Hook& hook) const {
    if (!hook) return hook;
    auto& mutex = devices_[device];
    if (!mutex) mutex = std::make_shared<std::mutex>();
    return [mutex, hook](std::span<const RowTokens> rows) {
      const std::lock_guard lock(*mutex);
      hook(rows);
    };
  }

  mutable std::map<std::string, std::shared_ptr<std::mutex>> devices_;
};

}  // namespace midpo
