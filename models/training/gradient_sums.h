// SPDX-License-Identifier: Apache-2.0
// Gradients summed over ranks while the backward pass still computes others.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "runtime/core/collective.h"

namespace midpo {

/// The gradients of one step, which become final from the array's end to its begin. Their sums
/// begin bucket by bucket. Buckets are cut by size alone, so that ranks that become final in other
/// steps, or all at once, still make the same calls.
class GradientSums {
 public:
  GradientSums(Collective& collective, std::span<float> gradients, std::size_t bucket_size)
      : collective_(collective),
        gradients_(gradients),
        bucket_size_(bucket_size),
        end_(gradients.size()) {}

  /// gradients[begin] and all behind it are final.
  void final_from(std::size_t begin) {
    while (end_ > 0 && next_begin() >= begin) {
      collective_.start_sum(gradients_.subspan(next_begin(), end_ - next_begin()));
      end_ = next_begin();
    }
  }

 private:
  std::size_t next_begin() const { return end_ - std::min(end_, bucket_size_); }

  Collective& collective_;
  std::span<float> gradients_;
  std::size_t bucket_size_;
  std::size_t end_;  ///< all from here on are being summed
};

}  // namespace midpo
