// SPDX-License-Identifier: Apache-2.0
// The time line of a run, for ui.perfetto.dev: one track an actor, a span for whatever it did,
// arrows from what caused to what followed.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/observe/activity.h"

/// Thread-safe. Events go to the file as they happen; a run that is killed leaves a readable trace.
namespace midpo::trace {

using Clock = std::chrono::steady_clock;

/// Begins a trace in PATH, whose times count from now. @throws Error(kStorage).
void open(const std::string& path);

/// Cheap: what costs something to prepare for a trace can be left out without one.
bool is_open();

void add_span(std::string_view track, std::string_view name, Clock::time_point start,
              Clock::time_point end, std::uint64_t items);

struct TrackInGroup {
  std::string_view track;
  std::string_view group;  ///< ids of arrows are its own; empty: the newest job's
};

/// Spans of operations of this thread go to this track, within the actor's own spans; to one of the
/// thread's own where it has none. @return the track before. @param track  outlives its time here.
const std::string* set_thread_track(const std::string* track);
void add_op(const char* name, Clock::time_point start, Clock::time_point end);

/// One end of an arrow, bound to the span of its track at `time`.
void add_flow(const TrackInGroup& place, FlowId flow, Clock::time_point time, bool is_begin);

/// Another job begins in this process: ids of its arrows are others than those before.
void begin_job();

/// Completes the file. Without an open trace: does nothing.
void close();

}  // namespace midpo::trace
