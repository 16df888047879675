// SPDX-License-Identifier: Apache-2.0
// A model that writes tokens from a hash: of what it is, the request, the sample and the place.
#pragma once

#include <algorithm>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/generator.h"
#include "tests/support/temporary_folder.h"

namespace midpo {

/// Gives every sample of every request one token a step.
class StubGenerator : public Generator {
 public:
  explicit StubGenerator(const ContentHash& model) : model_(model) {}

  void submit(GenerationRequest request) override {
    for (std::uint32_t sample = 0; sample < request.num_samples; ++sample) {
      running_.push_back({request, sample, 0});
    }
  }
  void cancel(std::uint64_t request, std::uint32_t sample) override {
    std::erase_if(running_, [&](const Sample& running) {
      return running.request.id == request && running.sample == sample;
    });
  }
  std::vector<TokenEvent> step() override {
    std::vector<TokenEvent> events;
    for (Sample& sample : running_) events.push_back(next(sample));
    std::erase_if(running_, [](const Sample& sample) { return sample.is_finished; });
    return events;
  }
  std::size_t num_waiting() const override { return 0; }
  std::size_t num_running() const override { return running_.size(); }

 private:
  struct Sample {
    GenerationRequest request;
    std::uint32_t sample = 0;
    std::int64_t num_tokens = 0;
    bool is_finished = false;
  };

  TokenEvent next(Sample& sample) const {
    const GenerationRequest& request = sample.request;
    const std::string place = model_.hex() + ' ' + std::to_string(request.seed) + ' ' +
                              std::to_string(request.id) + ' ' + std::to_string(sample.sample) +
                              ' ' + std::to_string(sample.num_tokens++);
    TokenEvent event{request.id, sample.sample, 0, 0.0F, FinishReason::kUnfinished};
    event.token = static_cast<std::int32_t>(content_hash(place).low % 16);
    if (std::ranges::find(request.stop_ids, event.token) != request.stop_ids.end()) {
      event.finish = FinishReason::kStop;
    } else if (sample.num_tokens == request.max_new_tokens) {
      event.finish = FinishReason::kLength;
    }
    sample.is_finished = event.finish != FinishReason::kUnfinished;
    return event;
  }

  ContentHash model_;
  std::deque<Sample> running_;
};

class StubGenerationModel : public GenerationModel {
 public:
  /// @param adapter  a stub learner's weights; empty: the base model.
  StubGenerationModel(const std::string& base, const std::string& adapter) {
    std::string bytes = base;
    if (!adapter.empty()) bytes += read_file(adapter + "/stub.bin");
    info_.content = content_hash(bytes);
    info_.numerics = "stub";
    info_.device = "cpu";
    info_.vocab_size = 1 << 20;
    info_.max_positions = 1 << 10;
  }
  const ModelInfo& info() const override { return info_; }
  std::vector<std::int32_t> eos_ids() const override { return {0}; }
  std::unique_ptr<Generator> make_generator(const GeneratorLimits&) const override {
    return std::make_unique<StubGenerator>(info_.content);
  }
  GateValues gates(const std::vector<std::int32_t>&) const override { return {}; }

 private:
  ModelInfo info_;
};

}  // namespace midpo
