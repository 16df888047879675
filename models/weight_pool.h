// SPDX-License-Identifier: Apache-2.0
// Frozen weights that models of one process have in common: each is in memory once.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "models/frozen_linear.h"

namespace midpo {

/// Base weights by (content of the model, dtype, device, use, name). A second model on the same
/// base (a generator beside the reference scorer, the next version of an adapter) takes what is
/// there. Thread-safe. What no model uses any more is dropped when the next model is opened.
class WeightPool {
 public:
  static WeightPool& instance();

  /// What stands under `key`, made on first use. @throws what `make` throws; then nothing is kept.
  FrozenLinear linear(const std::string& key, const std::function<FrozenLinear()>& make);
  at::Tensor tensor(const std::string& key, const std::function<at::Tensor()>& make);

  void drop_unused();
  std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, FrozenLinear> linears_;
  std::map<std::string, at::Tensor> tensors_;
};

}  // namespace midpo
