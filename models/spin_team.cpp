// SPDX-License-Identifier: Apache-2.0
#include "models/spin_team.h"

#include <ATen/Parallel.h>
#include <omp.h>

#include <algorithm>
#include <exception>

#include "models/spin_rounds.h"

namespace midpo {
namespace {

thread_local SpinRounds* current_team = nullptr;

/// body() as the member who gives the tasks.
void lead(SpinRounds& team, const std::function<void()>& body, std::exception_ptr& error) {
  current_team = &team;
  try {
    body();
  } catch (...) {
    error = std::current_exception();
  }
  current_team = nullptr;
  team.dismiss();
}

}  // namespace

void with_spin_team(const std::function<void()>& body) {
  const int num_threads = at::in_parallel_region() ? 1 : at::get_num_threads();
  if (num_threads == 1) return body();
  SpinRounds team;
  std::exception_ptr error;
#pragma omp parallel num_threads(num_threads)
  {
#pragma omp single
    team.set_size(omp_get_num_threads());
    // The construct above ends with a barrier: all know the size.
    if (omp_get_thread_num() == 0) {
      lead(team, body, error);
    } else {
      team.serve(omp_get_thread_num());
    }
  }
  if (error) std::rethrow_exception(error);
}

void spin_share(std::int64_t count, std::int64_t grain,
                const std::function<void(std::int64_t, std::int64_t)>& body) {
  SpinRounds* team = current_team;
  if (team == nullptr) return at::parallel_for(0, count, grain, body);
  const std::int64_t parts = std::min<std::int64_t>(team->size(), count / grain);
  if (parts <= 1) return body(0, count);
  team->run([&](int member) {
    if (member < parts) body(count * member / parts, count * (member + 1) / parts);
  });
}

bool has_spin_team() { return current_team != nullptr; }

}  // namespace midpo
