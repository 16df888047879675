// SPDX-License-Identifier: Apache-2.0
// What kernel benchmarks share: processor time of one thread, shapes, buffers, one JSON line a
// result.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "models/dtype.h"
#include "models/kernels/cpu_isa.h"

namespace midpo {

/// Shapes of the small benchmark model, and rows of a chunk.
constexpr std::int64_t kRows = 256;
constexpr std::int64_t kHidden = 512;
constexpr std::int64_t kIntermediate = 1376;
constexpr std::int64_t kHeads = 8;
constexpr std::int64_t kHeadDim = 64;
constexpr std::int64_t kVocab = 8000;

inline double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Seconds of one call, best of several rounds.
template <class Call>
double seconds_of(const Call& call) {
  double best = 1e30;
  for (int round = 0; round < 10; ++round) {
    double start = thread_seconds();
    int calls = 0;
    while (thread_seconds() - start < 0.01) {
      call();
      ++calls;
    }
    best = std::min(best, (thread_seconds() - start) / calls);
  }
  return best;
}

/// Zeros of either dtype.
struct Buffer {
  Buffer(std::int64_t size, DType dtype)
      : bytes(static_cast<std::size_t>(size) * (dtype == DType::kFloat32 ? 4 : 2)) {}
  void* data() { return bytes.data(); }
  double size() const { return static_cast<double>(bytes.size()); }
  std::vector<std::byte> bytes;
};

inline void report(const char* kernel, DType dtype, CpuIsa isa, const char* unit, double amount,
                   double seconds) {
  std::printf(
      "{\"kernel\": \"%s\", \"dtype\": \"%s\", \"isa\": \"%s\", \"us\": %.2f, \"%s\": %.1f}\n",
      kernel, dtype == DType::kFloat32 ? "float32" : "bfloat16",
      std::string(cpu_isa_name(isa)).c_str(), seconds * 1e6, unit, amount / seconds / 1e9);
}

}  // namespace midpo
