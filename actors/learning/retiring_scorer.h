// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>

#include "models/engines.h"

namespace midpo {

/// A scorer that gives its model's memory back when all rows of a job have their scores, while the
/// job trains on. Any thread may retire it.
class RetiringScorer : public Scorer {
 public:
  explicit RetiringScorer(std::shared_ptr<const Scorer> inner);

  const ModelInfo& info() const override { return info_; }
  /// @throws Error(kInternal) once retired.
  std::vector<std::vector<double>> score(std::span<const RowTokens> rows) const override;
  double least_flops(std::span<const RowTokens> rows) const override;

  /// No call follows; those under way end.
  void retire() const;

 private:
  std::shared_ptr<const Scorer> inner() const;

  ModelInfo info_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Scorer> inner_;
};

}  // namespace midpo
