// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/transport/fault_plan.h"
#include "tests/simulation/world.h"

namespace midpo::simulation {

inline const std::string kCoordinator = "coordinator";

/// Carries encoded messages between named processes, as badly as its fault plan says.
class Network {
 public:
  /// @param from  the sender's name
  using Arrival = std::function<void(const std::string& from, Message message)>;

  Network(World& world, const FaultRates& rates) : world_(world), faults_(rates, world.draw()) {}

  /// Whoever listens under a name gets what is sent to it; several may listen under one.
  /// @return a number for forget()
  std::uint64_t listen(const std::string& name, Arrival arrival);
  void forget(std::uint64_t listener) { listeners_.erase(listener); }

  void send(const std::string& from, const std::string& to, const Message& message);

  void cut(const std::string& name) { cut_.insert(name); }
  void heal(const std::string& name) { cut_.erase(name); }
  void heal_all();

  std::uint64_t num_corrupt() const { return num_corrupt_; }

 private:
  struct Listener {
    std::string name;
    Arrival arrival;
  };
  void deliver(const std::string& from, const std::string& to, const std::vector<Frame>& wire);

  World& world_;
  FaultPlan faults_;
  std::map<std::uint64_t, Listener> listeners_;
  std::uint64_t next_listener_ = 0;
  std::set<std::string> cut_;
  std::uint64_t num_corrupt_ = 0;
};

/// Watches one process's side of its sessions: no more messages are on their way than the window
/// allows.
class WindowWatch {
 public:
  explicit WindowWatch(std::size_t window) : window_(window) {}
  void note_received(const Envelope& envelope);
  void check_sent(const Envelope& envelope) const;

 private:
  std::size_t window_;
  std::map<std::uint64_t, std::uint64_t> acknowledged_;  ///< by session
};

}  // namespace midpo::simulation
