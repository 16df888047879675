// SPDX-License-Identifier: Apache-2.0
#include "models/training/parameters.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <utility>

namespace midpo {

using Entry = ParameterSet::Entry;

ParameterSet::Handle ParameterSet::add(std::string name, at::Tensor initial, bool decays) {
  Entry entry;
  entry.name = std::move(name);
  entry.decays = decays;
  entry.shape = initial.sizes().vec();
  entry.value = std::move(initial);
  return add_entry(std::move(entry));
}

ParameterSet::Handle ParameterSet::add_outer(std::string name, at::Tensor initial) {
  Entry entry;
  entry.kind = Entry::Kind::kOuter;
  entry.name = std::move(name);
  entry.shape = initial.sizes().vec();
  entry.value = std::move(initial);
  return add_entry(std::move(entry));
}

ParameterSet::Handle ParameterSet::add_gradient_slot(std::int64_t size) {
  Entry entry;
  entry.kind = Entry::Kind::kSlot;
  entry.shape = {size};
  return add_entry(std::move(entry));
}

ParameterSet::Handle ParameterSet::add_entry(Entry entry) {
  entries_.push_back(std::move(entry));
  return entries_.size() - 1;
}

void ParameterSet::allocate(at::Device device) {
  std::int64_t num_values = 0;
  std::int64_t num_slots = 0;
  for (const Entry& entry : entries_) {
    std::int64_t size = entry.kind == Entry::Kind::kSlot ? entry.shape[0] : entry.value.numel();
    (entry.kind == Entry::Kind::kSlot ? num_slots : num_values) += size;
    if (entry.kind != Entry::Kind::kDense) continue;
    num_dense_ += size;
    if (entry.decays) num_decaying_ += size;
  }
  auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  values_ = at::empty({num_values}, options);
  gradients_ = at::zeros({num_dense_ + num_slots}, options);
  std::int64_t decaying = 0, other = num_decaying_, outer = num_dense_, slot = num_dense_;
  for (Entry& entry : entries_) {
    if (entry.kind == Entry::Kind::kSlot) {
      entry.gradient = gradients_.narrow(0, slot, entry.shape[0]);
      slot += entry.shape[0];
      continue;
    }
    bool is_dense = entry.kind == Entry::Kind::kDense;
    std::int64_t& next = !is_dense ? outer : entry.decays ? decaying : other;
    std::int64_t size = entry.value.numel();
    at::Tensor value = values_.narrow(0, next, size).view(entry.shape);
    value.copy_(entry.value);
    entry.value = value;
    if (is_dense) entry.gradient = gradients_.narrow(0, next, size).view(entry.shape);
    next += size;
  }
}

void ParameterSet::set_outer_gradient(Handle handle, at::Tensor rows, at::Tensor columns) {
  entries_[handle].outer_rows = std::move(rows);
  entries_[handle].outer_columns = std::move(columns);
}

std::int64_t ParameterSet::offset(Handle handle) const {
  return entries_[handle].value.storage_offset();
}

}  // namespace midpo
