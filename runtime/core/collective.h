// SPDX-License-Identifier: Apache-2.0
// How the ranks of a data-parallel computation exchange numbers. In runtime/core because both sides
// need it: learners sum gradients through it, runtime/distributed implements it.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace midpo {

/// How long a call waits for the other ranks. In both cases one that is dead or gives no sign of
/// life ends the wait within seconds.
enum class Patience {
  kDeadline,    ///< a living rank must come to the same call within the group's deadline
  kWhileAlive,  ///< it may take as long as it needs: waiting for orders
};

/// One member of a group of ranks. All ranks make the same calls in the same order, each rank on
/// one thread at a time. Sums have a fixed order: the same values on the same number of ranks give
/// the same bits. Float arrays lie in the memory of the group's device.
///
/// Every wait ends. @throws Error: kTransport naming the rank that is gone, is silent or did not
/// come to the call, and for how long; whatever a rank gave to fail(). A group that has thrown is
/// of no more use.
class Collective {
 public:
  virtual ~Collective() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// Begins to sum arrays over all ranks, in place. An array may not be touched until finish().
  virtual void start_sum(std::span<float> values) = 0;
  /// The sum is the root's alone; what the others' arrays hold afterwards is undefined.
  virtual void start_sum_at(int root, std::span<float> values) = 0;
  /// The root's values to all.
  virtual void start_copy_from(int root, std::span<float> values) = 0;
  /// Waits for all that was started.
  virtual void finish() = 0;

  /// @return the bytes of rank 0, at every rank; the others' argument does not matter.
  virtual std::string broadcast(const std::string& bytes, Patience patience) = 0;
  /// @return each rank's bytes, by rank, at every rank.
  virtual std::vector<std::string> gather(const std::string& bytes) = 0;

  /// Tells the other ranks that this one cannot go on: their waits throw this text, with this
  /// rank's number in front.
  virtual void fail(const std::string& text) = 0;
  /// What is known to be wrong with the group, without waiting; empty: nothing. From any thread.
  virtual std::string problem() const = 0;
};

}  // namespace midpo
