// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/network.h"

#include <algorithm>

#include "runtime/core/error.h"

namespace midpo::simulation {
namespace {

constexpr std::chrono::milliseconds kLatency{1};

}  // namespace

std::uint64_t Network::listen(const std::string& name, Arrival arrival) {
  listeners_.emplace(next_listener_, Listener{name, std::move(arrival)});
  return next_listener_++;
}

void Network::send(const std::string& from, const std::string& to, const Message& message) {
  if (cut_.count(from) + cut_.count(to) > 0) return;
  for (const FaultPlan::Delivery& delivery : faults_.next()) {
    std::vector<Frame> wire = encode(message);
    if (delivery.flipped_bit) flip_bit(wire, *delivery.flipped_bit);
    world_.after(kLatency + delivery.delay,
                 [this, from, to, wire = std::move(wire)] { deliver(from, to, wire); });
  }
}

void Network::deliver(const std::string& from, const std::string& to,
                      const std::vector<Frame>& wire) {
  if (cut_.count(from) + cut_.count(to) > 0) return;
  Message message;
  try {
    message = decode(wire);
  } catch (const Error&) {
    ++num_corrupt_;
    return;
  }
  std::vector<std::uint64_t> addressed;
  for (const auto& [number, listener] : listeners_) {
    if (listener.name == to) addressed.push_back(number);
  }
  for (const std::uint64_t number : addressed) {
    const auto listener = listeners_.find(number);
    if (listener != listeners_.end()) listener->second.arrival(from, message);
  }
}

void Network::heal_all() {
  cut_.clear();
  faults_.set_rates({});
}

void WindowWatch::note_received(const Envelope& envelope) {
  auto& known = acknowledged_[envelope.session];
  known = std::max(known, envelope.ack);
}

void WindowWatch::check_sent(const Envelope& envelope) const {
  const auto known = acknowledged_.find(envelope.session);
  const std::uint64_t acknowledged = known == acknowledged_.end() ? 0 : known->second;
  check(envelope.seq <= acknowledged + window_, "more messages on their way than the window");
}

}  // namespace midpo::simulation
