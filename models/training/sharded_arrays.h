// SPDX-License-Identifier: Apache-2.0
// Flat arrays of which every rank answers for one shard (ZeRO stage 1, Rajbhandari et al. 2020).
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

#include "models/training/shard.h"
#include "runtime/core/collective.h"

namespace midpo {

std::span<float> span_of(const at::Tensor& array, const Shard& part);

/// Begins to sum an array over ranks; each rank's shard becomes the sum, the rest is undefined.
void start_shard_sums(Collective& collective, const at::Tensor& array);

/// Copies every rank's shard to all.
void copy_shards(Collective& collective, const at::Tensor& array);

/// Adds one number of every rank, in their order.
double sum_over_ranks(Collective& collective, double value);

}  // namespace midpo
