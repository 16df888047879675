// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/safetensors_writer.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

#include "models/checkpoint/checkpoint_error.h"
#include "runtime/core/atomic_file.h"

namespace midpo {
namespace {

constexpr std::size_t kAlignment = 8;

using Order = std::vector<const TensorToWrite*>;

/// Wider types come first, so that every tensor starts at a multiple of its element size; the order
/// among equally wide ones is that of the format's own library.
constexpr StoredType kTypeOrder[] = {
    StoredType::kInt64,    StoredType::kFloat64, StoredType::kFloat32, StoredType::kInt32,
    StoredType::kBFloat16, StoredType::kFloat16, StoredType::kInt16,   StoredType::kInt8,
    StoredType::kUInt8,    StoredType::kBool};

std::ptrdiff_t rank_of(StoredType type) {
  return std::find(std::begin(kTypeOrder), std::end(kTypeOrder), type) - std::begin(kTypeOrder);
}

Order file_order(std::span<const TensorToWrite> tensors) {
  Order order;
  for (const TensorToWrite& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const TensorToWrite* a, const TensorToWrite* b) {
    return std::pair(rank_of(a->type), std::string_view(a->name)) <
           std::pair(rank_of(b->type), std::string_view(b->name));
  });
  return order;
}

void require_distinct_names(std::span<const TensorToWrite> tensors) {
  std::vector<std::string_view> names;
  for (const TensorToWrite& tensor : tensors) names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twin = std::adjacent_find(names.begin(), names.end());
  if (twin == names.end()) return;
  throw Error(ErrorCode::kInternal, "weights to write hold tensor " + quote_name(*twin) + " twice");
}

/// The header keeps the order of the data, and its length makes the data start aligned.
std::string make_header(const Order& order, const WeightMetadata& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const TensorToWrite* tensor : order) {
    const std::uint64_t end = offset + tensor->size_bytes();
    header[tensor->name] = {{"dtype", stored_type_name(tensor->type)},
                            {"shape", tensor->shape},
                            {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  return text;
}

std::string little_endian(std::uint64_t number) {
  std::string bytes;
  for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(number >> shift & 0xff);
  return bytes;
}

void append_tensor(AtomicFile& file, const TensorToWrite& tensor) {
  if (!tensor.make_bytes) {
    file.append({static_cast<const char*>(tensor.data), tensor.size_bytes()});
    return;
  }
  const std::vector<std::byte> bytes = tensor.make_bytes();
  if (bytes.size() != tensor.size_bytes()) {
    throw Error(ErrorCode::kInternal,
                "tensor " + quote_name(tensor.name) + " has " + std::to_string(bytes.size()) +
                    " bytes, its shape wants " + std::to_string(tensor.size_bytes()));
  }
  file.append({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/// How many tensors from `first` on fit a shard; at least one.
std::size_t shard_length(std::span<const TensorToWrite> tensors, std::uint64_t max_shard_bytes) {
  std::uint64_t bytes = 0;
  std::size_t length = 0;
  while (length < tensors.size()) {
    bytes += tensors[length].size_bytes();
    if (length > 0 && bytes > max_shard_bytes) break;
    ++length;
  }
  return length;
}

std::string shard_name(std::size_t index, std::size_t num_shards) {
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, num_shards);
  return name;
}

}  // namespace

std::uint64_t TensorToWrite::size_bytes() const {
  std::uint64_t size = size_of(type);
  for (const std::int64_t dim : shape) size *= static_cast<std::uint64_t>(dim);
  return size;
}

TensorToWrite copy_of(const StoredTensor& stored) {
  return {stored.name, stored.type, stored.shape, stored.data};
}

void write_safetensors(const std::string& path, std::span<const TensorToWrite> tensors,
                       const WeightMetadata& metadata) {
  require_distinct_names(tensors);
  const Order order = file_order(tensors);
  const std::string header = make_header(order, metadata);
  AtomicFile file(path);
  file.append(little_endian(header.size()));
  file.append(header);
  for (const TensorToWrite* tensor : order) append_tensor(file, *tensor);
  file.publish();
}

void write_safetensors_sharded(const std::string& folder, std::span<const TensorToWrite> tensors,
                               const WeightMetadata& metadata, std::uint64_t max_shard_bytes) {
  require_distinct_names(tensors);
  std::vector<std::span<const TensorToWrite>> shards;
  for (auto rest = tensors; !rest.empty(); rest = rest.subspan(shards.back().size())) {
    shards.push_back(rest.first(shard_length(rest, max_shard_bytes)));
  }
  if (shards.size() <= 1) {
    write_safetensors(folder + "/model.safetensors", tensors, metadata);
    return;
  }
  std::uint64_t total_bytes = 0;
  std::int64_t total_parameters = 0;
  nlohmann::json weight_map = nlohmann::json::object();
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shard_name(i, shards.size());
    write_safetensors(folder + "/" + name, shards[i], metadata);
    for (const TensorToWrite& tensor : shards[i]) {
      weight_map[tensor.name] = name;
      total_bytes += tensor.size_bytes();
      total_parameters += static_cast<std::int64_t>(tensor.size_bytes() / size_of(tensor.type));
    }
  }
  const nlohmann::json index = {
      {"metadata", {{"total_parameters", total_parameters}, {"total_size", total_bytes}}},
      {"weight_map", weight_map}};
  write_file_atomically(folder + "/model.safetensors.index.json", index.dump(2) + "\n");
}

}  // namespace midpo
