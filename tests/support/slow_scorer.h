// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <thread>

#include "models/engines.h"

namespace midpo {

/// Sleeps before each call: makes a run long enough to be killed in the middle.
class SlowScorer : public Scorer {
 public:
  SlowScorer(std::shared_ptr<const Scorer> inner, std::int64_t delay_us)
      : inner_(std::move(inner)), delay_us_(delay_us) {}
  const ModelInfo& info() const override { return inner_->info(); }
  std::vector<std::vector<double>> score(std::span<const RowTokens> rows) const override {
    std::this_thread::sleep_for(std::chrono::microseconds(delay_us_));
    return inner_->score(rows);
  }
  double least_flops(std::span<const RowTokens> rows) const override {
    return inner_->least_flops(rows);
  }

 private:
  std::shared_ptr<const Scorer> inner_;
  std::int64_t delay_us_;
};

}  // namespace midpo
