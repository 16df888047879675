// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <limits>

#include "models/learner.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/atomic_folder.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

constexpr std::size_t kNumWeights = 64;
constexpr std::uint64_t kStateMark = 0x6d6964706f737462;  // "midpostb"

/// Everything a step changes.
struct StubState {
  std::array<double, kNumWeights> weights{};
  std::array<double, kNumWeights> mean{};
  std::array<double, kNumWeights> square{};
  std::uint64_t num_steps = 0;
};

using Features = std::array<double, kNumWeights>;

double negative_log_sigmoid(double u) {
  return std::max(-u, 0.0) + std::log1p(std::exp(-std::abs(u)));
}

double negative_log_sigmoid_slope(double u) { return -1.0 / (1.0 + std::exp(u)); }

/// A linear model over hashed tokens, trained by AdamW in double.
class StubLearner final : public Learner {
 public:
  explicit StubLearner(const LearnerOptions& options) : options_(options) {
    const bool is_router = options.objective == Objective::kRouter;
    if (is_router && !options.safety_adapter.empty()) {
      mix(options.safety_adapter, options.helpfulness_adapter);
    }
    info_.content = content_hash("stub learner");
    info_.architecture = "StubLearner";
    info_.device = "cpu";
    info_.numerics = "stub";
    info_.vocab_size = std::numeric_limits<std::int32_t>::max();
    info_.max_positions = std::numeric_limits<std::int32_t>::max();
    info_.tile_tokens = 1024;
  }

  const ModelInfo& info() const override { return info_; }
  std::int64_t num_trained_parameters() const override { return kNumWeights; }

  BatchCount count(const TrainingRow& row) const override {
    BatchCount count;
    for (const auto& sequence : row.tokens.sequences) {
      count.tokens += static_cast<std::int64_t>(sequence.size());
    }
    count.items = 1;
    if (options_.objective == Objective::kSft) {
      count.items = 0;
      for (const TokenSpan& span : row.trained) count.items += span.end - span.begin;
    }
    return count;
  }

  LossReport accumulate(std::span<const TrainingRow> rows, const BatchCount& batch) override {
    return compute(rows, batch, &gradient_);
  }

  LossReport evaluate(std::span<const TrainingRow> rows, const BatchCount& batch) override {
    return compute(rows, batch, nullptr);
  }

  double apply(double learning_rate) override {
    if (options_.collective) sum_over_ranks();
    double square_sum = 0.0;
    for (const double g : gradient_) square_sum += g * g;
    const double norm = std::sqrt(square_sum);
    require(std::isfinite(norm), ErrorCode::kNumerics, "the gradient is not finite");
    const bool is_clipped = options_.max_grad_norm > 0.0 && norm > options_.max_grad_norm;
    const double scale = is_clipped ? options_.max_grad_norm / norm : 1.0;
    ++state_.num_steps;
    const auto step = static_cast<double>(state_.num_steps);
    for (std::size_t i = 0; i < kNumWeights; ++i)
      update(i, gradient_[i] * scale, learning_rate, step);
    gradient_.fill(0.0);
    return norm;
  }

  void save_state(const std::string& path) const override {
    if (options_.collective && options_.collective->rank() != 0) return;
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&kStateMark), sizeof kStateMark);
    file.write(reinterpret_cast<const char*>(&state_), sizeof state_);
    file.close();
    require(file.good(), ErrorCode::kStorage, path + ": cannot be written");
  }

  void load_state(const std::string& path) override { state_ = read_state(path); }

  void export_weights(const std::string& directory) const override {
    AtomicFolder folder(directory, ExistingFolder::kReplaceOwn);
    save_state(folder.file("stub.bin"));
    // The router asks for it before it loads an adapter.
    write_file_atomically(folder.file("adapter_config.json"), "{}\n");
    folder.publish();
  }

  void take_experts(const std::string& safety, const std::string& helpfulness) override {
    mix(safety, helpfulness);
  }

  double least_flops(std::span<const TrainingRow>) const override { return 0.0; }

 private:
  /// A router's weights are added to those of its experts.
  void mix(const std::string& safety, const std::string& helpfulness) {
    const StubState first = read_state(safety + "/stub.bin");
    const StubState second = read_state(helpfulness + "/stub.bin");
    for (std::size_t i = 0; i < kNumWeights; ++i) {
      experts_[i] = first.weights[i] + second.weights[i];
    }
  }

  static StubState read_state(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::uint64_t mark = 0;
    StubState state;
    file.read(reinterpret_cast<char*>(&mark), sizeof mark);
    file.read(reinterpret_cast<char*>(&state), sizeof state);
    require(file.good() && mark == kStateMark, ErrorCode::kCheckpoint,
            path + ": is no state of the stub learner");
    return state;
  }

  void sum_over_ranks() {
    std::array<float, kNumWeights> sums{};
    std::ranges::transform(gradient_, sums.begin(), [](double g) { return static_cast<float>(g); });
    options_.collective->start_sum(sums);
    options_.collective->finish();
    std::ranges::copy(sums, gradient_.begin());
  }

  void update(std::size_t i, double gradient, double learning_rate, double step) {
    double& mean = state_.mean[i];
    double& square = state_.square[i];
    mean += (1.0 - options_.adam_beta1) * (gradient - mean);
    square += (1.0 - options_.adam_beta2) * (gradient * gradient - square);
    const double corrected = mean / (1.0 - std::pow(options_.adam_beta1, step));
    const double spread = std::sqrt(square / (1.0 - std::pow(options_.adam_beta2, step)));
    state_.weights[i] -= learning_rate * corrected / (spread + options_.adam_eps);
  }

  static void add_features(std::span<const std::int32_t> ids, double sign, Features& features) {
    for (const std::int32_t id : ids) {
      features[static_cast<std::uint32_t>(id) * 2654435761U % kNumWeights] += sign * 0.01;
    }
  }

  double value_of(const Features& features) const {
    double value = 0.0;
    for (std::size_t i = 0; i < kNumWeights; ++i)
      value += (state_.weights[i] + experts_[i]) * features[i];
    return value;
  }

  static std::span<const std::int32_t> tail(const RowTokens& row, std::size_t sequence) {
    return std::span(row.sequences[sequence]).subspan(first_difference(row));
  }

  /// A value and what it is a sum of; the loss is -log sigmoid(value).
  Features features_of(const TrainingRow& row) const {
    Features features{};
    if (options_.objective == Objective::kSft) {
      for (const TokenSpan& span : row.trained) {
        const auto ids = std::span(row.tokens.sequences.front());
        add_features(ids.subspan(span.begin, span.end - span.begin), 1.0, features);
      }
      return features;
    }
    add_features(tail(row.tokens, 0), 1.0, features);
    add_features(tail(row.tokens, 1), -1.0, features);
    return features;
  }

  LossReport compute(std::span<const TrainingRow> rows, const BatchCount& batch,
                     Features* gradient) const {
    LossReport report;
    const bool is_pairs = options_.objective == Objective::kPairs;
    const double scale = options_.pair_scale > 0.0 ? options_.pair_scale : options_.beta;
    double margins = 0.0;
    double accurate = 0.0;
    for (const TrainingRow& row : rows) {
      const Features features = features_of(row);
      const double margin = (is_pairs ? scale : 1.0) * value_of(features);
      const double u = margin + row.offset;
      const auto share = static_cast<double>(count(row).items) / static_cast<double>(batch.items);
      report.loss += share * negative_log_sigmoid(u);
      report.num_tokens += count(row).tokens;
      margins += margin;
      accurate += margin > 0.0 ? 1.0 : 0.0;
      if (gradient == nullptr) continue;
      const double slope = share * negative_log_sigmoid_slope(u) * (is_pairs ? scale : 1.0);
      for (std::size_t i = 0; i < kNumWeights; ++i) (*gradient)[i] += slope * features[i];
    }
    report.sums = {{"rewards/margins", margins}, {"rewards/accuracies", accurate}};
    return report;
  }

  LearnerOptions options_;
  ModelInfo info_;
  StubState state_;
  Features experts_{};  ///< a router's
  Features gradient_{};
};

}  // namespace

std::unique_ptr<Learner> make_stub_learner(const LearnerOptions& options) {
  return std::make_unique<StubLearner>(options);
}

}  // namespace midpo
