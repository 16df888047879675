// SPDX-License-Identifier: Apache-2.0
// Linear layers with few rows: FrozenLinear::decode against its batch product (oneDNN) and
// at::linear, wall time on as many threads as the argument says (default: 1). One JSON line each;
// "gb_per_s" counts the weight once.
#include <ATen/Parallel.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "models/frozen_linear.h"

namespace midpo {
namespace {

template <class Call>
double seconds_of(const Call& call) {
  using Clock = std::chrono::steady_clock;
  double best = 1e30;
  for (int round = 0; round < 10; ++round) {
    auto start = Clock::now();
    int calls = 0;
    double seconds = 0.0;
    while (seconds < 0.01) {
      call();
      ++calls;
      seconds = std::chrono::duration<double>(Clock::now() - start).count();
    }
    best = std::min(best, seconds / calls);
  }
  return best;
}

/// Several weights in turn, so that they come from where a model's weights come from.
void bench(at::ScalarType type, std::int64_t inputs, std::int64_t outputs, std::int64_t rows) {
  std::vector<at::Tensor> weights;
  std::vector<FrozenLinear> layers;
  auto bytes = static_cast<double>(inputs * outputs) * (type == at::kFloat ? 4 : 2);
  for (double total = 0.0; total < 100e6; total += bytes) {
    weights.push_back(at::randn({outputs, inputs}).to(type));
    layers.emplace_back(weights.back().clone(), at::Tensor(), LinearCalls::kBatchesAndDecoding);
  }
  at::Tensor x = at::randn({rows, inputs}).to(type);
  std::size_t next = 0;
  auto in_turn = [&] { return next = (next + 1) % layers.size(); };
  double decode = seconds_of([&] { layers[in_turn()].decode(x); });
  double batch = seconds_of([&] { layers[in_turn()](x); });
  double plain = seconds_of([&] { at::linear(x, weights[in_turn()]); });
  std::printf(
      "{\"inputs\": %ld, \"outputs\": %ld, \"rows\": %ld, \"dtype\": \"%s\", \"decode_us\": %.1f, "
      "\"onednn_us\": %.1f, \"linear_us\": %.1f, \"decode_gb_per_s\": %.1f}\n",
      static_cast<long>(inputs), static_cast<long>(outputs), static_cast<long>(rows),
      type == at::kFloat ? "float32" : "bfloat16", decode * 1e6, batch * 1e6, plain * 1e6,
      bytes / decode / 1e9);
}

}  // namespace
}  // namespace midpo

int main(int argc, char** argv) {
  at::set_num_threads(argc > 1 ? std::atoi(argv[1]) : 1);
  for (at::ScalarType type : {at::kBFloat16, at::kFloat}) {
    for (auto [inputs, outputs] : {std::pair{512, 1536},
                                   {512, 2752},
                                   {1376, 512},
                                   {512, 8000},
                                   {768, 2304},
                                   {768, 4096},
                                   {2048, 768},
                                   {768, 16000}}) {
      for (std::int64_t rows : {1, 2, 4, 8, 16}) midpo::bench(type, inputs, outputs, rows);
    }
  }
}
