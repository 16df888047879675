// SPDX-License-Identifier: Apache-2.0
#include "models/thread_share.h"

#include <ATen/Parallel.h>

namespace midpo {

void set_thread_share(int num_threads) {
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
