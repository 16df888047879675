// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

namespace midpo::simulation {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Duration = Clock::duration;

/// What the simulation found wrong: a promise that was broken.
class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline void check(bool condition, const std::string& text) {
  if (!condition) throw Violation(text);
}

/// Virtual time, one queue of what happens next, one source of randomness: a seed is a whole run.
class World {
 public:
  World(std::uint64_t seed, bool is_verbose) : random_(seed), is_verbose_(is_verbose) {}

  Time now() const { return now_; }
  double seconds() const { return std::chrono::duration<double>(now_.time_since_epoch()).count(); }

  /// In the order of time, then of calls.
  void at(Time time, std::function<void()> happening) {
    queue_.emplace(std::pair(std::max(time, now_), next_++), std::move(happening));
  }
  void after(Duration delay, std::function<void()> happening) {
    at(now_ + delay, std::move(happening));
  }

  /// Lets the next thing happen. @return false if nothing is left.
  bool step();

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  std::uint64_t draw() { return random_(); }
  double share() { return static_cast<double>(random_() >> 11) * 0x1p-53; }
  bool happens(double probability) { return share() < probability; }
  Duration between(double least_seconds, double most_seconds);

  /// One line of the run's story: printed when asked for, and hashed, so that two runs of a seed
  /// can be compared.
  void note(const std::string& line);
  std::uint64_t story_hash() const { return story_hash_; }
  std::uint64_t num_steps() const { return num_steps_; }

 private:
  Time now_{};
  std::map<std::pair<Time, std::uint64_t>, std::function<void()>> queue_;
  std::uint64_t next_ = 0;
  std::uint64_t num_steps_ = 0;
  std::mt19937_64 random_;
  bool is_verbose_;
  std::uint64_t story_hash_ = 0xcbf29ce484222325;
};

Duration from_seconds(double seconds);

}  // namespace midpo::simulation
