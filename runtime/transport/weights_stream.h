// SPDX-License-Identifier: Apache-2.0
// Published weights as a stream of small pieces, so that heartbeats and tasks pass between them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/transport/message_bodies.h"

namespace midpo {

struct WeightsLimits {
  std::size_t piece_bytes = std::size_t{256} << 10;    ///< as sent
  std::size_t max_piece_bytes = std::size_t{1} << 20;  ///< as taken
  std::uint32_t max_files = 64;
  std::uint64_t max_bytes = std::uint64_t{16} << 30;  ///< of a version
};

/// A version whose bytes are read as they are sent.
struct WeightsVersion {
  struct File {
    std::string name;
    std::uint64_t size_bytes = 0;
  };
  std::uint64_t version = 0;
  std::string content;
  std::vector<File> files;  ///< by name
  /// `size` bytes of a file. @throws Error(kStorage).
  std::function<Frame(std::size_t file, std::uint64_t offset, std::size_t size)> read;
};

/// What one worker is sent, and what it has confirmed.
class WeightsDelivery {
 public:
  explicit WeightsDelivery(const WeightsLimits& limits = {}) : limits_(limits) {}

  /// Sent behind the versions before it, which must be older.
  void add(std::shared_ptr<const WeightsVersion> version);

  /// Versions before `oldest` are not sent any more, except one that is on its way.
  void forget_before(std::uint64_t oldest);

  /// The next piece; none when all is sent.
  std::optional<WeightsPiece> next();

  /// @throws Error(kTransport) for a version that was not sent, or was confirmed before.
  void confirm(const Confirm& confirm);
  bool has_confirmed(std::uint64_t version) const;

 private:
  struct Sent {
    std::string content;
    bool is_confirmed = false;
  };

  WeightsLimits limits_;
  std::uint64_t oldest_ = 0;
  std::map<std::uint64_t, std::shared_ptr<const WeightsVersion>> waiting_;
  std::shared_ptr<const WeightsVersion> current_;  ///< the one that is being sent
  std::uint32_t file_ = 0;
  std::uint64_t offset_ = 0;
  std::map<std::uint64_t, Sent> sent_;  ///< whole
};

/// Takes pieces in the only order in which they may come.
class WeightsReceiver {
 public:
  explicit WeightsReceiver(const WeightsLimits& limits = {}) : limits_(limits) {}

  /// @return whether the version is now whole. @throws Error(kTransport) naming what is wrong: too
  /// large, out of order, an old version, a name that is no plain file name.
  bool take(const WeightsPiece& piece);

 private:
  void check_version(const WeightsPiece& piece) const;
  void check_place(const WeightsPiece& piece) const;
  void check_size(const WeightsPiece& piece) const;

  WeightsLimits limits_;
  std::optional<std::uint64_t> newest_;  ///< whole
  std::uint64_t oldest_ = 0;
  std::optional<WeightsPiece> last_;  ///< of the version that is coming, without its bytes
  std::uint32_t file_ = 0;            ///< where the next piece belongs
  std::uint64_t offset_ = 0;
  std::uint64_t taken_bytes_ = 0;  ///< of files that are whole
};

}  // namespace midpo
