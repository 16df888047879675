// SPDX-License-Identifier: Apache-2.0
// Named tensors of a model directory as bytes: one or many safetensors files, or .bin files behind
// a flag.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace midpo {

enum class StoredType {
  kFloat64,
  kFloat32,
  kFloat16,
  kBFloat16,
  kInt64,
  kInt32,
  kInt16,
  kInt8,
  kUInt8,
  kBool
};

std::size_t size_of(StoredType type);           ///< bytes of one element
std::string stored_type_name(StoredType type);  ///< "F32", "BF16", ... as safetensors spells it

bool is_floating(StoredType type);

/// One tensor as stored: contiguous, row-major, little endian.
struct StoredTensor {
  std::string name;
  StoredType type = StoredType::kFloat32;
  std::vector<std::int64_t> shape;
  std::string file;                 ///< path it lives in, for messages
  const std::byte* data = nullptr;  ///< valid while its WeightFiles lives; of any alignment
  std::size_t size_bytes = 0;

  std::int64_t num_elements() const;
};

/// Read-only view of all tensors of a model directory or single file. Thread-safe after opening.
class WeightFiles {
 public:
  virtual ~WeightFiles() = default;
  virtual const std::vector<StoredTensor>& tensors() const = 0;         ///< sorted by name
  virtual const StoredTensor* find(const std::string& name) const = 0;  ///< null if absent
  /// As find(), but @throws Error(kCheckpoint) naming directory, tensor, and near names, and as
  /// check_unchanged().
  virtual const StoredTensor& require_tensor(const std::string& name) const = 0;

  /// The bytes are mapped, not copied. Call this after copying what is needed: a file that was cut
  /// or written to since it was opened then gives @throws Error(kCheckpoint) instead of wrong
  /// weights. (Touching a page beyond the new end of a cut file raises SIGBUS; see mapped_file.h.)
  virtual void check_unchanged() const = 0;

  /// Lets go of the memory that holds the tensor's bytes; touched again, they are read again. For
  /// who has copied them: a file that was read whole would otherwise stand in memory beside its
  /// copy.
  virtual void release(const StoredTensor& tensor) const = 0;
};

/// Opens model.safetensors, or model.safetensors.index.json and its shards, or (only with
/// allow_pickle) pytorch_model.bin / its index. Everything is validated before a byte is used. The
/// index is the authority: each tensor is taken from the shard that the index names, tensors it
/// leaves out are not shown. @throws Error(kCheckpoint) naming the file; Git LFS pointers are named
/// as such.
std::unique_ptr<WeightFiles> open_model_weights(const std::string& model_dir, bool allow_pickle);

/// Opens one safetensors (or, with allow_pickle, .bin) file; its content decides which it is.
/// Nested dictionaries of a .bin file give dotted names: {"layer_0_alpha": {"0.weight": ...}} is
/// "layer_0_alpha.0.weight".
std::unique_ptr<WeightFiles> open_weight_file(const std::string& path, bool allow_pickle);

}  // namespace midpo
