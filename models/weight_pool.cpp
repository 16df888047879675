// SPDX-License-Identifier: Apache-2.0
#include "models/weight_pool.h"

namespace midpo {
namespace {

bool is_used(const FrozenLinear& linear) { return linear.is_shared(); }
bool is_used(const at::Tensor& tensor) { return tensor.use_count() > 1; }

/// Not of a slot that somebody else has at hand: slots are handed out under the pool's lock alone.
template <class Slots>
void drop_unused_of(Slots& slots, const std::string& kept) {
  std::erase_if(slots, [&](const auto& entry) {
    const auto& [key, slot] = entry;
    if (!kept.empty() && key.starts_with(kept)) return false;
    if (slot.use_count() > 1) return false;
    const std::lock_guard lock(slot->mutex);
    return !slot->weight || !is_used(*slot->weight);
  });
}

template <class Slots>
std::size_t count_filled(const Slots& slots) {
  std::size_t count = 0;
  for (const auto& [key, slot] : slots) {
    const std::lock_guard lock(slot->mutex);
    count += slot->weight ? 1 : 0;
  }
  return count;
}

}  // namespace

WeightPool& WeightPool::instance() {
  // Never destroyed: models of other static objects may outlive it.
  static auto* pool = new WeightPool;
  return *pool;
}

template <class Weight>
Weight WeightPool::take(Slots<Weight>& slots, const std::string& key,
                        const std::function<Weight()>& make) {
  std::shared_ptr<Slot<Weight>> slot;
  {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Slot<Weight>>& found = slots[key];
    if (!found) found = std::make_shared<Slot<Weight>>();
    slot = found;
  }
  const std::lock_guard lock(slot->mutex);
  // If the one before failed, this one tries for itself.
  if (!slot->weight) slot->weight = make();
  return *slot->weight;
}

FrozenLinear WeightPool::linear(const std::string& key, const std::function<FrozenLinear()>& make) {
  return take(linears_, key, make);
}

at::Tensor WeightPool::tensor(const std::string& key, const std::function<at::Tensor()>& make) {
  return take(tensors_, key, make);
}

void WeightPool::drop_unused(const std::string& kept) {
  const std::lock_guard lock(mutex_);
  drop_unused_of(linears_, kept);
  drop_unused_of(tensors_, kept);
}

std::size_t WeightPool::size() const {
  Slots<FrozenLinear> linears;
  Slots<at::Tensor> tensors;
  {
    const std::lock_guard lock(mutex_);
    linears = linears_;
    tensors = tensors_;
  }
  return count_filled(linears) + count_filled(tensors);
}

}  // namespace midpo
