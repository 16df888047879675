// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/retiring_scorer.h"

#include <utility>

#include "runtime/core/error.h"

namespace midpo {
namespace {

const Scorer& in_service(const std::shared_ptr<const Scorer>& scorer) {
  require(scorer != nullptr, ErrorCode::kInternal, "a scorer was asked after it had retired");
  return *scorer;
}

}  // namespace

RetiringScorer::RetiringScorer(std::shared_ptr<const Scorer> inner)
    : info_(inner->info()), inner_(std::move(inner)) {}

std::shared_ptr<const Scorer> RetiringScorer::inner() const {
  const std::lock_guard lock(mutex_);
  return inner_;
}

std::vector<std::vector<double>> RetiringScorer::score(std::span<const RowTokens> rows) const {
  const auto scorer = inner();
  return in_service(scorer).score(rows);
}

double RetiringScorer::least_flops(std::span<const RowTokens> rows) const {
  const auto scorer = inner();
  return in_service(scorer).least_flops(rows);
}

void RetiringScorer::retire() const {
  std::shared_ptr<const Scorer> last;
  const std::lock_guard lock(mutex_);
  last.swap(inner_);
}

}  // namespace midpo
