// SPDX-License-Identifier: Apache-2.0
#include "models/training/sharded_arrays.h"

#include <cstring>
#include <string>

#include "runtime/core/error.h"

namespace midpo {

std::span<float> span_of(const at::Tensor& array, const Shard& part) {
  return {array.mutable_data_ptr<float>() + part.begin, static_cast<std::size_t>(part.size())};
}

void start_shard_sums(Collective& collective, const at::Tensor& array) {
  for (int rank = 0; rank < collective.size(); ++rank) {
    const Shard shard = shard_of(array.numel(), rank, collective.size());
    collective.start_sum_at(rank, span_of(array, shard));
  }
}

void copy_shards(Collective& collective, const at::Tensor& array) {
  for (int rank = 0; rank < collective.size(); ++rank) {
    const Shard shard = shard_of(array.numel(), rank, collective.size());
    collective.start_copy_from(rank, span_of(array, shard));
  }
  collective.finish();
}

double sum_over_ranks(Collective& collective, double value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  double sum = 0.0;
  for (const std::string& part : collective.gather(bytes)) {
    require(part.size() == sizeof value, ErrorCode::kTransport, "a rank's number is no number");
    double number = 0.0;
    std::memcpy(&number, part.data(), sizeof number);
    sum += number;
  }
  return sum;
}

}  // namespace midpo
