// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/weight_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "models/checkpoint/checkpoint_error.h"
#include "models/checkpoint/mapped_file.h"
#include "models/checkpoint/safetensors_file.h"
#include "models/checkpoint/shard_index.h"
#include "models/checkpoint/strict_json.h"
#include "models/checkpoint/torch_file.h"

namespace midpo {
namespace {

constexpr const char* kConvertHint =
    "convert it to safetensors, or pass --allow-pickle to read it through the restricted reader";

bool precedes(const StoredTensor& a, const StoredTensor& b) { return a.name < b.name; }

/// How much two names share at both ends: near enough for "did you mean".
std::size_t likeness(const std::string& a, const std::string& b) {
  const std::size_t shorter = std::min(a.size(), b.size());
  std::size_t head = 0;
  while (head < shorter && a[head] == b[head]) ++head;
  std::size_t tail = 0;
  while (tail < shorter - head && a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) ++tail;
  return head + tail;
}

bool has_torch_extension(const std::string& path) {
  return path.ends_with(".bin") || path.ends_with(".pt") || path.ends_with(".pth");
}

/// All tensors of the files it owns.
class OpenedWeights final : public WeightFiles {
 public:
  explicit OpenedWeights(std::string origin) : origin_(std::move(origin)) {}

  /// Opens and parses one file; `wanted` (sorted) limits what is taken from it, null takes all.
  void add(const std::string& path, bool allow_pickle, const std::vector<std::string>* wanted);
  void finish() { std::sort(tensors_.begin(), tensors_.end(), precedes); }

  const std::vector<StoredTensor>& tensors() const override { return tensors_; }
  const StoredTensor* find(const std::string& name) const override;
  const StoredTensor& require_tensor(const std::string& name) const override;
  void check_unchanged() const override {
    for (const auto& file : files_) file->check_unchanged();
  }
  void release(const StoredTensor& tensor) const override;

 private:
  std::string near_names(const std::string& name) const;

  std::string origin_;
  std::vector<std::unique_ptr<MappedFile>> files_;
  std::vector<OwnedBytes> copies_;
  std::vector<StoredTensor> tensors_;
};

/// Only what lies in a mapping: dropping pages of our own memory would lose its content.
void OpenedWeights::release(const StoredTensor& tensor) const {
  for (const auto& file : files_) {
    const auto bytes = file->bytes();
    const bool is_inside = tensor.data >= bytes.data() && tensor.data < bytes.data() + bytes.size();
    if (is_inside) MappedFile::release({tensor.data, tensor.size_bytes});
  }
}

void OpenedWeights::add(const std::string& path, bool allow_pickle,
                        const std::vector<std::string>* wanted) {
  files_.push_back(std::make_unique<MappedFile>(path));
  const auto bytes = files_.back()->bytes();
  refuse_lfs_pointer(path, bytes);
  const bool is_torch = looks_like_torch_file(bytes) || has_torch_extension(path);
  if (is_torch && !allow_pickle)
    refuse_checkpoint(path, std::string("is a pickle; ") + kConvertHint);

  std::vector<StoredTensor> found =
      is_torch ? parse_torch_file(bytes, path, copies_) : parse_safetensors(bytes, path);
  if (wanted == nullptr) {
    tensors_.insert(tensors_.end(), std::make_move_iterator(found.begin()),
                    std::make_move_iterator(found.end()));
    return;
  }
  for (const std::string& name : *wanted) {
    const auto at =
        std::lower_bound(found.begin(), found.end(), name,
                         [](const auto& tensor, const auto& n) { return tensor.name < n; });
    if (at == found.end() || at->name != name) {
      refuse_checkpoint(path,
                        "lacks tensor " + quote_name(name) + ", which the index says is here");
    }
    tensors_.push_back(*at);
  }
}

const StoredTensor* OpenedWeights::find(const std::string& name) const {
  const auto at =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const StoredTensor& tensor, const auto& n) { return tensor.name < n; });
  return at == tensors_.end() || at->name != name ? nullptr : &*at;
}

const StoredTensor& OpenedWeights::require_tensor(const std::string& name) const {
  const StoredTensor* const tensor = find(name);
  if (tensor == nullptr) {
    refuse_checkpoint(origin_, "has no tensor " + quote_name(name) + near_names(name));
  }
  // The caller is about to touch its pages, some of which a cut file would no longer have.
  check_unchanged();
  return *tensor;
}

std::string OpenedWeights::near_names(const std::string& name) const {
  constexpr std::size_t kMostNames = 3;
  std::vector<std::pair<std::size_t, const StoredTensor*>> ranked;
  for (const StoredTensor& tensor : tensors_) {
    const std::size_t shared = likeness(name, tensor.name);
    if (2 * shared >= name.size()) ranked.emplace_back(shared, &tensor);
  }
  const auto shown = std::min(kMostNames, ranked.size());
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(shown),
                    ranked.end(), [](const auto& a, const auto& b) {
                      return a.first != b.first ? a.first > b.first
                                                : precedes(*a.second, *b.second);
                    });
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    text += (i == 0 ? "; near names: " : ", ") + quote_name(ranked[i].second->name);
  }
  return text;
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::symlink_status(path, ignored));
}

std::unique_ptr<WeightFiles> open_single(const std::string& origin, const std::string& path,
                                         bool allow_pickle) {
  auto weights = std::make_unique<OpenedWeights>(origin);
  weights->add(path, allow_pickle, nullptr);
  weights->finish();
  return weights;
}

std::unique_ptr<WeightFiles> open_sharded(const std::string& model_dir, const std::string& index,
                                          bool allow_pickle) {
  auto weights = std::make_unique<OpenedWeights>(model_dir);
  for (const auto& [file, names] : parse_shard_index(read_small_file(index), index)) {
    weights->add(model_dir + "/" + file, allow_pickle, &names);
  }
  weights->finish();
  return weights;
}

}  // namespace

std::size_t size_of(StoredType type) {
  switch (type) {
    case StoredType::kFloat64:
    case StoredType::kInt64:
      return 8;
    case StoredType::kFloat32:
    case StoredType::kInt32:
      return 4;
    case StoredType::kFloat16:
    case StoredType::kBFloat16:
    case StoredType::kInt16:
      return 2;
    case StoredType::kInt8:
    case StoredType::kUInt8:
    case StoredType::kBool:
      return 1;
  }
  __builtin_unreachable();
}

std::string stored_type_name(StoredType type) {
  switch (type) {
    case StoredType::kFloat64:
      return "F64";
    case StoredType::kFloat32:
      return "F32";
    case StoredType::kFloat16:
      return "F16";
    case StoredType::kBFloat16:
      return "BF16";
    case StoredType::kInt64:
      return "I64";
    case StoredType::kInt32:
      return "I32";
    case StoredType::kInt16:
      return "I16";
    case StoredType::kInt8:
      return "I8";
    case StoredType::kUInt8:
      return "U8";
    case StoredType::kBool:
      return "BOOL";
  }
  __builtin_unreachable();
}

bool is_floating(StoredType type) {
  return type == StoredType::kFloat64 || type == StoredType::kFloat32 ||
         type == StoredType::kFloat16 || type == StoredType::kBFloat16;
}

std::int64_t StoredTensor::num_elements() const {
  std::int64_t count = 1;
  for (const std::int64_t dim : shape) count *= dim;
  return count;
}

std::unique_ptr<WeightFiles> open_model_weights(const std::string& model_dir, bool allow_pickle) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(model_dir, ignored)) {
    refuse_checkpoint(model_dir, "is not a model directory");
  }
  const std::string safetensors = model_dir + "/model.safetensors";
  if (exists(safetensors)) return open_single(model_dir, safetensors, false);
  const std::string safetensors_index = safetensors + ".index.json";
  if (exists(safetensors_index)) return open_sharded(model_dir, safetensors_index, false);

  const std::string bin = model_dir + "/pytorch_model.bin";
  const std::string bin_index = bin + ".index.json";
  if (!exists(bin) && !exists(bin_index)) {
    refuse_checkpoint(model_dir,
                      "holds no weights: wanted model.safetensors, model.safetensors.index.json, "
                      "pytorch_model.bin or pytorch_model.bin.index.json");
  }
  if (!allow_pickle) {
    refuse_checkpoint(model_dir,
                      std::string("has its weights only as pickle (.bin); ") + kConvertHint);
  }
  return exists(bin) ? open_single(model_dir, bin, true) : open_sharded(model_dir, bin_index, true);
}

std::unique_ptr<WeightFiles> open_weight_file(const std::string& path, bool allow_pickle) {
  return open_single(path, path, allow_pickle);
}

}  // namespace midpo
