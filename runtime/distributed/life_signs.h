// SPDX-License-Identifier: Apache-2.0
// Exchanges signs of life with the other ranks, beside whatever this process computes.
#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <memory>
#include <string>

#include "runtime/distributed/rank_board.h"

namespace midpo {

/// One thread that writes this rank's sign to rank 0's store and reads all of them, twice a second.
class LifeSigns {
 public:
  /// @param store  a connection of its own, on which nobody else waits; every rank's first sign is
  /// there already.
  LifeSigns(c10::intrusive_ptr<c10d::Store> store, int rank, int size,
            std::shared_ptr<RankBoard> board);
  /// Waits for the thread; once abandoned, for a moment only.
  ~LifeSigns();
  LifeSigns(const LifeSigns&) = delete;
  LifeSigns& operator=(const LifeSigns&) = delete;

  void set_calls(std::uint64_t calls);
  /// Published at once.
  void set_failure(const std::string& text);
  /// The connection may be stuck.
  void abandon() { is_abandoned_ = true; }

 private:
  struct Shared;
  static void run(const std::shared_ptr<Shared>& shared);
  /// @return whether rank 0 still answers.
  static bool exchange(Shared& shared, const RankSign& own);

  std::shared_ptr<Shared> shared_;
  bool is_abandoned_ = false;
  struct Thread;
  std::unique_ptr<Thread> thread_;
};

/// The store's key of a rank's sign.
std::string sign_key(int rank);

/// Makes a rank's first sign, which says that it has come.
void write_sign(c10d::Store& store, int rank, const RankSign& sign);

}  // namespace midpo
