// SPDX-License-Identifier: Apache-2.0
// Frozen weights that models of one process have in common: each is in memory once.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "models/frozen_linear.h"

namespace midpo {

/// Base weights by (content of the model, layout, dtype, device, name). A second model on the same
/// base (a learner or a generator beside the reference scorer, the next version of an adapter)
/// takes what is there. Nobody writes to them: what is trained is a learner's own copy.
/// Thread-safe. What no model uses any more is dropped when a model on another base is opened.
class WeightPool {
 public:
  static WeightPool& instance();

  /// What stands under `key`, made on first use; who wants it meanwhile waits for it, so that two
  /// models that load at once are in memory once. @throws what `make` throws; then nothing is kept.
  FrozenLinear linear(const std::string& key, const std::function<FrozenLinear()>& make);
  at::Tensor tensor(const std::string& key, const std::function<at::Tensor()>& make);

  /// But for what the next model will want: keys that begin with `kept`, if that is not empty.
  void drop_unused(const std::string& kept = {});
  /// Weights that are there; one that is being made is waited for.
  std::size_t size() const;

 private:
  /// A weight, or the place where one is being made: that is done under the slot's own lock, so
  /// that who wants the same one waits and nobody else does.
  template <class Weight>
  struct Slot {
    std::mutex mutex;
    std::optional<Weight> weight;
  };
  template <class Weight>
  using Slots = std::map<std::string, std::shared_ptr<Slot<Weight>>>;

  template <class Weight>
  Weight take(Slots<Weight>& slots, const std::string& key, const std::function<Weight()>& make);

  mutable std::mutex mutex_;
  Slots<FrozenLinear> linears_;
  Slots<at::Tensor> tensors_;
};

}  // namespace midpo
