// SPDX-License-Identifier: Apache-2.0
// How many threads a thread may use, LibTorch's kernels included.
#pragma once

namespace midpo {

/// At least 1; fewer where OpenMP's environment variables allow no more. Holds for the calling
/// thread until it says otherwise, whatever others set. To be used for at::set_num_threads(), whose
/// setting a thread may lose once: at its first parallel work LibTorch gives it what any thread of
/// the process set last.
void set_thread_share(int num_threads);

}  // namespace midpo
