// SPDX-License-Identifier: Apache-2.0
// What every actor of this process is doing: one record feeds the trace, the metrics endpoint, the
// live view and the report of who waits.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace midpo {

/// An actor as others see it at one moment.
struct ActorFigures {
  std::string name;            ///< "scorer 3"
  std::string state;           ///< what it does, or "idle"
  double state_seconds = 0.0;  ///< for so long
  double busy_seconds = 0.0;   ///< in all, with what it does now
  double alive_seconds = 0.0;
  std::uint64_t items = 0;    ///< rows done
  std::uint64_t queue = 0;    ///< waiting for it
  std::uint64_t version = 0;  ///< of the weights it serves or trains; 0: none
};

/// An arrow of the trace: from the span that begins it to those that continue it.
struct FlowId {
  std::string_view kind;  ///< "tile", "batch"
  std::uint64_t id = 0;
};

/// One actor's record, owned by the actor; registered while it lives. Its owner alone calls it; any
/// thread may read through actor_figures().
class Activity {
 public:
  using Clock = std::chrono::steady_clock;

  /// @param group  of the actors of a job beside another of this process: goes in front of their
  /// names, and their arrows stay among them.
  explicit Activity(const std::string& name, std::string group = {});
  ~Activity();
  Activity(const Activity&) = delete;
  Activity& operator=(const Activity&) = delete;

  /// From here to its end the actor does `what` (a literal); then `items` rows are done.
  class Busy {
   public:
    ~Busy();
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

    void set_items(std::uint64_t items) { items_ = items; }
    void begin_flow(FlowId flow);     ///< an arrow leaves this span
    void continue_flow(FlowId flow);  ///< an arrow arrives here, and may go on

   private:
    friend class Activity;
    Busy(Activity& owner, const char* what, std::uint64_t items);
    struct Arrow {
      FlowId flow;
      bool is_begin;
    };
    Activity& owner_;
    const char* what_;
    std::uint64_t items_;
    Clock::time_point start_;
    const std::string* track_before_;
    std::vector<Arrow> arrows_;
  };
  Busy busy(const char* what, std::uint64_t items = 0) { return {*this, what, items}; }

  void set_queue(std::uint64_t queue);
  void set_version(std::uint64_t version);

  struct Record;

 private:
  std::shared_ptr<Record> record_;
};

/// All living actors, in the order of their names.
std::vector<ActorFigures> actor_figures();

}  // namespace midpo
