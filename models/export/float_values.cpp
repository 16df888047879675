// SPDX-License-Identifier: Apache-2.0
#include "models/export/float_values.h"

#include <cassert>
#include <cstring>

#include "models/checkpoint/checkpoint_error.h"
#include "models/kernels/bfloat16.h"

namespace midpo {
namespace {

__extension__ typedef _Float16 Half;  // not a type of ISO C++ before 23

BFloat16 rounded(float value, BFloat16 /*type*/) { return to_bfloat16(value); }
template <typename Element>
Element rounded(float value, Element /*type*/) {
  return static_cast<Element>(value);
}

float widened(BFloat16 value) { return to_float(value); }
template <typename Element>
float widened(Element value) {
  return static_cast<float>(value);
}

/// Stored data has any alignment, hence the copies of single elements.
template <typename Element>
std::vector<float> read(const StoredTensor& stored) {
  std::vector<float> values(stored.size_bytes / sizeof(Element));
  const std::byte* from = stored.data;
  for (float& value : values) {
    Element element;
    std::memcpy(&element, from, sizeof element);
    value = widened(element);
    from += sizeof element;
  }
  return values;
}

template <typename Element>
std::vector<std::byte> write(std::span<const float> values) {
  std::vector<std::byte> bytes(values.size() * sizeof(Element));
  std::byte* to = bytes.data();
  for (const float value : values) {
    const Element element = rounded(value, Element{});
    std::memcpy(to, &element, sizeof element);
    to += sizeof element;
  }
  return bytes;
}

}  // namespace

std::vector<float> float_values(const StoredTensor& stored) {
  switch (stored.type) {
    case StoredType::kFloat64:
      return read<double>(stored);
    case StoredType::kFloat32:
      return read<float>(stored);
    case StoredType::kFloat16:
      return read<Half>(stored);
    case StoredType::kBFloat16:
      return read<BFloat16>(stored);
    default:
      refuse_checkpoint(stored.file, "tensor " + quote_name(stored.name) + " has type " +
                                         stored_type_name(stored.type) +
                                         ", wanted F64, F32, F16 or BF16");
  }
}

std::vector<std::byte> stored_bytes(std::span<const float> values, StoredType type) {
  switch (type) {
    case StoredType::kFloat64:
      return write<double>(values);
    case StoredType::kFloat16:
      return write<Half>(values);
    case StoredType::kBFloat16:
      return write<BFloat16>(values);
    default:
      assert(type == StoredType::kFloat32);
      return write<float>(values);
  }
}

}  // namespace midpo
