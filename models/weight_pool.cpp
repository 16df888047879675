// SPDX-License-Identifier: Apache-2.0
#include "models/weight_pool.h"

namespace midpo {
namespace {

/// Weights are made outside the lock: they take long, and two models rarely want one at once. If
/// they do, the first one's stays.
template <class Weight>
Weight take(std::mutex& mutex, std::map<std::string, Weight>& weights, const std::string& key,
            const std::function<Weight()>& make) {
  {
    const std::lock_guard lock(mutex);
    const auto found = weights.find(key);
    if (found != weights.end()) return found->second;
  }
  Weight made = make();
  const std::lock_guard lock(mutex);
  return weights.emplace(key, std::move(made)).first->second;
}

}  // namespace

WeightPool& WeightPool::instance() {
  // Never destroyed: models of other static objects may outlive it.
  static auto* pool = new WeightPool;
  return *pool;
}

FrozenLinear WeightPool::linear(const std::string& key, const std::function<FrozenLinear()>& make) {
  return take(mutex_, linears_, key, make);
}

at::Tensor WeightPool::tensor(const std::string& key, const std::function<at::Tensor()>& make) {
  return take(mutex_, tensors_, key, make);
}

void WeightPool::drop_unused() {
  const std::lock_guard lock(mutex_);
  std::erase_if(linears_, [](const auto& entry) { return !entry.second.is_shared(); });
  std::erase_if(tensors_, [](const auto& entry) { return entry.second.use_count() == 1; });
}

std::size_t WeightPool::size() const {
  const std::lock_guard lock(mutex_);
  return linears_.size() + tensors_.size();
}

}  // namespace midpo
