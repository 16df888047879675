// SPDX-License-Identifier: Apache-2.0
#include "models/training/adamw.h"

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/square.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace midpo {
namespace {

using Entry = ParameterSet::Entry;

/// Elements that are reduced or updated together: a fixed cut, so that sums have a fixed order.
constexpr std::int64_t kBlock = 1 << 16;

double sum_of_squares(const at::Tensor& values) {
  return at::sum(at::square(values), at::kDouble).item<double>();
}

}  // namespace

AdamW::AdamW(ParameterSet& parameters, const AdamWOptions& options, const Backend& backend)
    : AdamW(parameters, options, backend, {0, parameters.size()}) {}

AdamW::AdamW(ParameterSet& parameters, const AdamWOptions& options, const Backend& backend,
             const Shard& shard)
    : parameters_(parameters), options_(options), backend_(backend), shard_(shard) {
  auto type = at::TensorOptions()
                  .dtype(at::kFloat)
                  .device(options.offloads_moments ? at::Device(at::kCPU) : backend.device());
  first_ = at::zeros({shard.size()}, type);
  second_ = at::zeros({shard.size()}, type);
}

double AdamW::gradient_square_sum() const {
  const Shard own = shard_.overlap({0, parameters_.num_dense()});
  at::Tensor dense = parameters_.gradients().narrow(0, own.begin, own.size());
  std::int64_t num_blocks = (dense.numel() + kBlock - 1) / kBlock;
  std::vector<double> sums(static_cast<std::size_t>(num_blocks));
  backend_.parallel_for(num_blocks, [&](std::int64_t block) {
    std::int64_t size = std::min(kBlock, dense.numel() - block * kBlock);
    sums[static_cast<std::size_t>(block)] = sum_of_squares(dense.narrow(0, block * kBlock, size));
  });
  double sum = 0.0;
  for (double block : sums) sum += block;
  for (const Entry& entry : parameters_.entries()) {
    if (entry.kind != Entry::Kind::kOuter) continue;
    sum += sum_of_squares(entry.outer_rows) * sum_of_squares(entry.outer_columns);
  }
  return sum;
}

void AdamW::step(double learning_rate, double norm) {
  constexpr double kNormEps = 1e-6;  // as clip_grad_norm_
  double scale = 1.0;
  if (options_.max_grad_norm > 0.0) {
    scale = std::min(1.0, options_.max_grad_norm / (norm + kNormEps));
  }
  ++num_steps_;
  at::Tensor gradients = parameters_.gradients();
  if (scale != 1.0) gradients.mul_(scale);
  std::int64_t decaying = parameters_.num_decaying();
  update_dense(0, decaying, learning_rate, options_.weight_decay);
  update_dense(decaying, parameters_.num_dense(), learning_rate, 0.0);
  for (const Entry& entry : parameters_.entries()) {
    if (entry.kind != Entry::Kind::kOuter) continue;
    if (scale != 1.0) entry.outer_rows.mul_(scale);
    update_outer(entry, learning_rate);
  }
  gradients.zero_();
}

void AdamW::update_dense(std::int64_t begin, std::int64_t end, double learning_rate,
                         double weight_decay) {
  const Shard own = shard_.overlap({begin, end});
  update(own.begin, parameters_.gradients().narrow(0, own.begin, own.size()), learning_rate,
         weight_decay);
}

void AdamW::update(std::int64_t begin, const at::Tensor& gradient, double learning_rate,
                   double weight_decay) {
  std::int64_t size = gradient.numel();
  if (size == 0) return;
  at::Tensor value = parameters_.values().narrow(0, begin, size);
  at::Tensor first = first_.narrow(0, begin - shard_.begin, size);
  at::Tensor second = second_.narrow(0, begin - shard_.begin, size);
  at::Tensor first_here = first.to(value.device());
  at::Tensor second_here = second.to(value.device());
  auto step = at::full({}, static_cast<double>(num_steps_), value.options());
  at::_fused_adamw_({value}, {gradient.reshape({size})}, {first_here}, {second_here}, {}, {step},
                    learning_rate, options_.beta1, options_.beta2, weight_decay, options_.eps,
                    /*amsgrad=*/false, /*maximize=*/false);
  if (first_here.is_same(first)) return;
  first.copy_(first_here);
  second.copy_(second_here);
}

void AdamW::update_outer(const Entry& entry, double learning_rate) {
  std::int64_t rows = entry.outer_rows.numel();
  std::int64_t columns = entry.outer_columns.numel();
  std::int64_t rows_per_block = std::max<std::int64_t>(1, kBlock / columns);
  std::int64_t offset = entry.value.storage_offset();
  backend_.parallel_for((rows + rows_per_block - 1) / rows_per_block, [&](std::int64_t block) {
    std::int64_t first_row = block * rows_per_block;
    std::int64_t count = std::min(rows_per_block, rows - first_row);
    at::Tensor gradient =
        at::outer(entry.outer_rows.narrow(0, first_row, count), entry.outer_columns);
    update(offset + first_row * columns, gradient, learning_rate, 0.0);
  });
}

}  // namespace midpo
