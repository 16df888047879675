// SPDX-License-Identifier: Apache-2.0
// What a learner changes: named fp32 tensors in flat memory, with their gradients.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace midpo {

/// Handles are given by add*(); views exist once allocate() was called. A parameter's gradient is
/// either dense (a tensor of its shape that is added to) or an outer product rows x columns that is
/// never written out: that of a factor of a collapsed gate.
class ParameterSet {
 public:
  using Handle = std::size_t;

  /// @param initial any floating-point type; copied at allocate().
  Handle add(std::string name, at::Tensor initial, bool decays);
  /// @param initial [rows, columns] or [rows], a column then.
  Handle add_outer(std::string name, at::Tensor initial);
  /// Gradient memory that belongs to no parameter: what outer gradients are made from.
  Handle add_gradient_slot(std::int64_t size);

  void allocate(at::Device device);

  at::Tensor value(Handle handle) const { return entries_[handle].value; }
  at::Tensor gradient(Handle handle) const { return entries_[handle].gradient; }
  /// Of an outer parameter: for the next optimizer step.
  void set_outer_gradient(Handle handle, at::Tensor rows, at::Tensor columns);

  struct Entry {
    enum class Kind { kDense, kOuter, kSlot };
    Kind kind = Kind::kDense;
    std::string name;
    bool decays = false;
    std::vector<std::int64_t> shape;
    at::Tensor value;     ///< before allocate(): the initial value
    at::Tensor gradient;  ///< dense and slots
    at::Tensor outer_rows, outer_columns;
  };
  const std::vector<Entry>& entries() const { return entries_; }

  /// All values: dense ones that decay, dense ones that do not, outer ones. [P] fp32.
  const at::Tensor& values() const { return values_; }
  const at::Tensor& gradients() const { return gradients_; }
  std::int64_t num_decaying() const { return num_decaying_; }
  std::int64_t num_dense() const { return num_dense_; }
  /// Where an entry begins in values().
  std::int64_t offset(Handle handle) const;
  std::int64_t size() const { return values_.numel(); }

 private:
  Handle add_entry(Entry entry);

  std::vector<Entry> entries_;
  at::Tensor values_;
  at::Tensor gradients_;  ///< dense ones in the order of values_, then the slots
  std::int64_t num_decaying_ = 0;
  std::int64_t num_dense_ = 0;
};

}  // namespace midpo
