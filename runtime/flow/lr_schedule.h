// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace midpo {

enum class ScheduleKind { kCosine, kLinear, kConstant };

/// "cosine", "linear", "constant". @throws Error(kConfig) for another name.
ScheduleKind schedule_kind_from_name(std::string_view name);

/// The learning rate of each optimizer step, as transformers' get_scheduler() gives it: linear from
/// zero over the warm-up (so the first of its steps trains at zero), then half a cosine or a line
/// down to zero after the last step, or constant.
struct LrSchedule {
  ScheduleKind kind = ScheduleKind::kCosine;
  double peak = 1e-5;
  std::uint64_t num_warmup_steps = 0;
  std::uint64_t num_steps = 1;

  /// @param step  0-based
  double rate_at(std::uint64_t step) const;
};

/// Steps of warm-up for a share of all steps: rounded up, as transformers has it.
std::uint64_t warmup_steps(double ratio, std::uint64_t num_steps);

}  // namespace midpo
