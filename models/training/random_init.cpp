// SPDX-License-Identifier: Apache-2.0
#include "models/training/random_init.h"

#include <ATen/ops/empty.h>

#include <cmath>
#include <numbers>

namespace midpo {
namespace {

/// splitmix64 (Steele et al. 2014): a bijection that scatters consecutive integers.
std::uint64_t scatter(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

class Stream {
 public:
  Stream(std::uint64_t seed, std::string_view name) : key_(scatter(seed)) {
    for (unsigned char c : name) key_ = scatter(key_ ^ c);
  }

  /// In (0, 1), 53 bits.
  double next() { return (static_cast<double>(scatter(key_ + counter_++) >> 11) + 0.5) * 0x1p-53; }

 private:
  std::uint64_t key_;
  std::uint64_t counter_ = 0;
};

template <class Draw>
at::Tensor fill(const std::vector<std::int64_t>& shape, const Draw& draw) {
  at::Tensor values = at::empty(shape, at::TensorOptions().dtype(at::kFloat));
  auto* data = values.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) data[i] = static_cast<float>(draw());
  return values;
}

}  // namespace

at::Tensor random_uniform(std::uint64_t seed, std::string_view name,
                          const std::vector<std::int64_t>& shape, double bound) {
  Stream stream(seed, name);
  return fill(shape, [&] { return bound * (2.0 * stream.next() - 1.0); });
}

at::Tensor random_normal(std::uint64_t seed, std::string_view name,
                         const std::vector<std::int64_t>& shape, double deviation) {
  Stream stream(seed, name);
  return fill(shape, [&] {
    double radius = std::sqrt(-2.0 * std::log(stream.next()));
    return deviation * radius * std::cos(2.0 * std::numbers::pi * stream.next());
  });
}

}  // namespace midpo
