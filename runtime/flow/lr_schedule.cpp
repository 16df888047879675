// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "runtime/core/error.h"

namespace midpo {

ScheduleKind schedule_kind_from_name(std::string_view name) {
  if (name == "cosine") return ScheduleKind::kCosine;
  if (name == "linear") return ScheduleKind::kLinear;
  if (name == "constant") return ScheduleKind::kConstant;
  throw Error(ErrorCode::kConfig,
              "schedule is " + std::string(name) + ", must be one of: cosine, linear, constant");
}

double LrSchedule::rate_at(std::uint64_t step) const {
  if (step < num_warmup_steps) {
    return peak * static_cast<double>(step) / static_cast<double>(num_warmup_steps);
  }
  if (kind == ScheduleKind::kConstant) return peak;
  const std::uint64_t rest = num_steps > num_warmup_steps ? num_steps - num_warmup_steps : 1;
  const double done = static_cast<double>(step - num_warmup_steps) / static_cast<double>(rest);
  if (kind == ScheduleKind::kLinear) return peak * std::max(0.0, 1.0 - done);
  return peak * std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * done)));
}

std::uint64_t warmup_steps(double ratio, std::uint64_t num_steps) {
  return static_cast<std::uint64_t>(std::ceil(ratio * static_cast<double>(num_steps)));
}

}  // namespace midpo
