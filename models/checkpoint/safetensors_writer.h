// SPDX-License-Identifier: Apache-2.0
// Tensors to safetensors files, byte for byte as Hugging Face's own library lays them out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "models/checkpoint/weight_files.h"

namespace midpo {

/// One tensor: contiguous, row-major, little endian.
struct TensorToWrite {
  std::string name;
  StoredType type = StoredType::kFloat32;
  std::vector<std::int64_t> shape;
  const void* data = nullptr;  ///< read during the call only
  /// Instead of data, for what should not be in memory before its turn: called once, gives all
  /// bytes.
  std::function<std::vector<std::byte>()> make_bytes = nullptr;

  std::uint64_t size_bytes() const;
};

/// A stored tensor under its own name, its bytes read where they are mapped.
TensorToWrite copy_of(const StoredTensor& stored);

/// The file's own metadata. Loaders of transformers ask for "format": "pt".
using WeightMetadata = std::map<std::string, std::string>;

inline const WeightMetadata kPyTorchFormat = {{"format", "pt"}};

/// Writes one file, complete or not at all. No tensor is copied: bytes go from where they are to
/// the file. @throws Error kStorage; kInternal for a name that is there twice, or bytes that do not
/// fill a shape.
void write_safetensors(const std::string& path, std::span<const TensorToWrite> tensors,
                       const WeightMetadata& metadata = kPyTorchFormat);

/// As transformers saves a model: FOLDER/model.safetensors where that is at most max_shard_bytes of
/// tensors, else model-00001-of-0000N.safetensors, ... and model.safetensors.index.json. Tensors
/// are spread in the order given. The folder is one that nobody reads yet (an AtomicFolder's).
void write_safetensors_sharded(const std::string& folder, std::span<const TensorToWrite> tensors,
                               const WeightMetadata& metadata = kPyTorchFormat,
                               std::uint64_t max_shard_bytes = 5'000'000'000);

}  // namespace midpo
