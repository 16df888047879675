// SPDX-License-Identifier: Apache-2.0
#include "models/thread_share.h"

#include <ATen/Parallel.h>
#include <omp.h>

#include <algorithm>

namespace midpo {
namespace {

/// What the environment lets a parallel region have.
int most_threads() { return omp_get_max_active_levels() > 0 ? omp_get_thread_limit() : 1; }

}  // namespace

void set_thread_share(int num_threads) {
  // oneDNN counts on all the threads that it asks for: with fewer it leaves out a part of the
  // result. So none are asked for that OMP_DYNAMIC, OMP_THREAD_LIMIT or OMP_MAX_ACTIVE_LEVELS would
  // not give.
  omp_set_dynamic(0);
  num_threads = std::min(num_threads, most_threads());
  // LibTorch and this library each hold a copy of the inline code that takes the process's last
  // setting over, once a thread. Behind both, a setting stays.
  at::get_num_threads();
  at::internal::lazy_init_num_threads();
  static thread_local int share = 0;
  // To set anew what holds already is not free: it resizes a pool that all threads have together.
  if (share == num_threads && at::get_num_threads() == num_threads) return;
  at::set_num_threads(num_threads);
  share = num_threads;
}

}  // namespace midpo
