// SPDX-License-Identifier: Apache-2.0
// Structs to msgpack and back, strictly. For this folder's .cpp files: it includes msgpack.
#pragma once

#include <algorithm>
#include <msgpack.hpp>
#include <string>
#include <string_view>

#include "runtime/core/error.h"

namespace midpo {

/// A struct that lists its members in the order of the wire: static auto fields(auto& self).
template <typename T>
concept HasFields = requires(T& value) {
  T::fields(value);
};

}  // namespace midpo

namespace msgpack {
MSGPACK_API_VERSION_NAMESPACE(MSGPACK_DEFAULT_API_NS) {
  namespace adaptor {

  template <typename T>
  struct pack<T, std::enable_if_t<midpo::HasFields<T>>> {
    template <typename Stream>
    packer<Stream>& operator()(packer<Stream>& out, const T& value) const {
      return out.pack(T::fields(value));
    }
  };

  template <typename T>
  struct convert<T, std::enable_if_t<midpo::HasFields<T>>> {
    const msgpack::object& operator()(const msgpack::object& object, T& value) const {
      auto members = T::fields(value);
      object.convert(members);
      return object;
    }
  };

  }  // namespace adaptor
}
}  // namespace msgpack

namespace midpo {

template <typename T>
std::string pack_strictly(const T& value) {
  msgpack::sbuffer buffer;
  msgpack::pack(buffer, value);
  return {buffer.data(), buffer.size()};
}

/// A count or length claimed in the input is at most the input's size: nothing is allocated for
/// more. What does not pack to the same bytes again (missing or extra fields, wide integers, bytes
/// behind the end) is refused. `where` opens the error's text. @throws Error(kTransport)
template <typename T>
T unpack_strictly(std::string_view bytes, const std::string& where) {
  constexpr std::size_t kMaxDepth = 8;
  const std::size_t size = bytes.size();
  T value;
  try {
    const msgpack::unpack_limit limit(size, 0, size, 0, 0, kMaxDepth);
    const auto refer = [](msgpack::type::object_type, std::size_t, void*) { return true; };
    msgpack::unpack(bytes.data(), size, refer, nullptr, limit).get().convert(value);
  } catch (const std::exception& error) {
    throw Error(ErrorCode::kTransport, where + " does not parse: " + error.what());
  }
  require(pack_strictly(value) == bytes, ErrorCode::kTransport,
          where + " has fields, or a spelling, that this version does not know");
  return value;
}

}  // namespace midpo
