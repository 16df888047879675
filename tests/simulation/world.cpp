// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/world.h"

#include <cstdio>

namespace midpo::simulation {

Duration from_seconds(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

Duration World::between(double least_seconds, double most_seconds) {
  return from_seconds(least_seconds + share() * (most_seconds - least_seconds));
}

bool World::step() {
  if (queue_.empty()) return false;
  auto first = queue_.extract(queue_.begin());
  now_ = first.key().first;
  ++num_steps_;
  first.mapped()();
  return true;
}

void World::note(const std::string& line) {
  const auto add = [this](std::uint64_t byte) {
    story_hash_ = (story_hash_ ^ byte) * 0x100000001b3;
  };
  for (const char c : line) add(static_cast<unsigned char>(c));
  for (auto ticks = static_cast<std::uint64_t>(now_.time_since_epoch().count()); ticks; ticks >>= 8)
    add(ticks & 0xff);
  if (is_verbose_) std::printf("%10.4f %s\n", seconds(), line.c_str());
}

}  // namespace midpo::simulation
