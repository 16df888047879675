// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "tests/simulation/world.h"

namespace midpo::simulation {

/// What every simulated process has: timers that die with it, and one alarm.
class Process {
 public:
  explicit Process(World& world) : world_(world) {}
  virtual ~Process() = default;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

 protected:
  World& world() { return world_; }
  Time now() const { return world_.now(); }

  void after(Duration delay, std::function<void()> happening) {
    world_.after(delay, [life = std::weak_ptr<int>(life_), happening = std::move(happening)] {
      if (!life.expired()) happening();
    });
  }

  /// on_alarm() is called at that time, unless an earlier one is set already: it sets the next.
  void set_alarm(Time time) {
    time = std::max(time, world_.now());
    if (alarm_ <= time) return;
    alarm_ = time;
    after(time - world_.now(), [this, time] {
      if (alarm_ != time) return;
      alarm_ = Time::max();
      on_alarm();
    });
  }

  virtual void on_alarm() = 0;

 private:
  World& world_;
  std::shared_ptr<int> life_ = std::make_shared<int>(0);
  Time alarm_ = Time::max();
};

}  // namespace midpo::simulation
