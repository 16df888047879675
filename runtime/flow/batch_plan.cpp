// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/batch_plan.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>
#include <string>

#include "runtime/core/error.h"

namespace midpo {
namespace {

/// SplitMix64 (Steele et al. 2014): the standard library's distributions differ between libraries,
/// and a plan must not.
class PlanRandom {
 public:
  explicit PlanRandom(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  /// 0 .. bound - 1, each equally likely: values of the incomplete last run are drawn again.
  std::uint64_t below(std::uint64_t bound) {
    const std::uint64_t incomplete = (UINT64_MAX % bound + 1) % bound;
    std::uint64_t value = next();
    while (value > UINT64_MAX - incomplete) value = next();
    return value % bound;
  }

 private:
  std::uint64_t state_;
};

std::vector<std::uint64_t> make_order(const BatchOptions& options, std::uint64_t epoch) {
  std::vector<std::uint64_t> order(options.num_rows);
  std::iota(order.begin(), order.end(), 0);
  if (!options.shuffles) return order;
  // The seed goes through the generator once, or near seeds and epochs would share their streams.
  PlanRandom random(PlanRandom(options.seed).next() + epoch);
  for (std::uint64_t i = options.num_rows; i > 1; --i) {
    std::swap(order[i - 1], order[random.below(i)]);
  }
  return order;
}

std::uint64_t divide_up(std::uint64_t value, std::uint64_t divisor) {
  return (value + divisor - 1) / divisor;
}

}  // namespace

BatchPlan::BatchPlan(const BatchOptions& options) : options_(options) {
  require(options.num_rows > 0, ErrorCode::kConfig, "there is no row to train on");
  require(options.batch_size > 0, ErrorCode::kConfig, "batch_size is 0, must be at least 1");
  require(options.accumulation > 0, ErrorCode::kConfig,
          "gradient_accumulation is 0, must be at least 1");
  require(options.max_steps > 0 || options.num_epochs > 0.0, ErrorCode::kConfig,
          "epochs is 0 and max_steps is not given; give one of them");
  steps_per_epoch_ = divide_up(options.num_rows, rows_per_step());
  num_steps_ = options.max_steps;
  if (num_steps_ == 0) {
    const double steps = options.num_epochs * static_cast<double>(steps_per_epoch_);
    num_steps_ = static_cast<std::uint64_t>(std::ceil(steps));
  }
}

const std::vector<std::uint64_t>& BatchPlan::order_of(std::uint64_t epoch) const {
  if (epoch != cached_epoch_) {
    cached_order_ = make_order(options_, epoch);
    cached_epoch_ = epoch;
  }
  return cached_order_;
}

std::vector<std::uint64_t> BatchPlan::rows_of(std::uint64_t step) const {
  assert(step < num_steps_);
  const std::vector<std::uint64_t>& order = order_of(step / steps_per_epoch_);
  const std::uint64_t begin = step % steps_per_epoch_ * rows_per_step();
  const std::uint64_t end = std::min(options_.num_rows, begin + rows_per_step());
  return {order.begin() + static_cast<std::ptrdiff_t>(begin),
          order.begin() + static_cast<std::ptrdiff_t>(end)};
}

double BatchPlan::epochs_after(std::uint64_t steps) const {
  const std::uint64_t batches = divide_up(options_.num_rows, options_.batch_size);
  const std::uint64_t done = std::min(batches, steps % steps_per_epoch_ * options_.accumulation);
  return static_cast<double>(steps / steps_per_epoch_) +
         static_cast<double>(done) / static_cast<double>(batches);
}

}  // namespace midpo
