// SPDX-License-Identifier: Apache-2.0
#include "runtime/observe/trace.h"

#include <atomic>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "runtime/core/error.h"
#include "runtime/core/json_text.h"

namespace midpo::trace {
namespace {

/// Chrome's JSON array format, which may lack its end.
class Writer {
 public:
  explicit Writer(const std::string& path) : path_(path), file_(path, std::ios::binary) {
    require(file_.is_open(), ErrorCode::kStorage, path + ": the trace cannot be written");
    file_ << "[\n";
  }

  std::uint64_t microseconds(Clock::time_point time) const {
    const auto since = std::chrono::duration_cast<std::chrono::microseconds>(time - begin_);
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, since.count()));
  }

  /// A track's number; its name is an event of its own, written before the first other one.
  std::size_t track(std::string_view name) {
    const auto [place, is_new] = tracks_.emplace(std::string(name), tracks_.size() + 1);
    if (is_new) {
      event("M", place->second,
            "\"name\":\"thread_name\",\"args\":{\"name\":" + json_string(name) + "}");
    }
    return place->second;
  }

  void event(std::string_view phase, std::size_t track, const std::string& fields) {
    file_ << (is_first_ ? "" : ",\n") << "{\"ph\":\"" << phase << "\",\"pid\":1,\"tid\":" << track
          << ',' << fields << '}';
    is_first_ = false;
  }

  void flush_sometimes() {
    if (++events_ % 256 == 0) file_.flush();
  }

  void finish() {
    file_ << "\n]\n";
    file_.close();
    require(file_.good(), ErrorCode::kStorage, path_ + ": the trace cannot be written whole");
  }

 private:
  std::string path_;
  std::ofstream file_;
  Clock::time_point begin_ = Clock::now();
  std::map<std::string, std::size_t> tracks_;
  std::uint64_t events_ = 0;
  bool is_first_ = true;
};

std::mutex g_mutex;
std::unique_ptr<Writer> g_writer;
std::atomic<bool> g_is_open{false};
std::atomic<std::uint64_t> g_job{0};
thread_local const std::string* t_track = nullptr;

/// @param more  fields behind name, time and duration.
void write_span(std::string_view track, std::string_view name, Clock::time_point start,
                Clock::time_point end, const std::string& more) {
  const std::lock_guard lock(g_mutex);
  if (!g_writer) return;
  const std::uint64_t from = g_writer->microseconds(start);
  g_writer->event("X", g_writer->track(track),
                  "\"name\":" + json_string(name) + ",\"ts\":" + std::to_string(from) +
                      ",\"dur\":" + std::to_string(g_writer->microseconds(end) - from) + more);
  g_writer->flush_sometimes();
}

}  // namespace

void open(const std::string& path) {
  const std::lock_guard lock(g_mutex);
  g_writer = std::make_unique<Writer>(path);
  g_is_open = true;
}

bool is_open() { return g_is_open.load(std::memory_order_relaxed); }

void add_span(std::string_view track, std::string_view name, Clock::time_point start,
              Clock::time_point end, std::uint64_t items) {
  write_span(track, name, start, end, ",\"args\":{\"rows\":" + std::to_string(items) + "}");
}

const std::string* set_thread_track(const std::string* track) {
  return std::exchange(t_track, track);
}

void add_op(const char* name, Clock::time_point start, Clock::time_point end) {
  static std::atomic<int> num_threads{0};
  static thread_local const std::string own = "compute thread " + std::to_string(++num_threads);
  write_span(t_track != nullptr ? *t_track : own, name, start, end, ",\"cat\":\"op\"");
}

void add_flow(const TrackInGroup& place, FlowId flow, Clock::time_point time, bool is_begin) {
  const std::lock_guard lock(g_mutex);
  if (!g_writer) return;
  const std::string job = place.group.empty() ? std::to_string(g_job) : std::string(place.group);
  g_writer->event(is_begin ? "s" : "t", g_writer->track(place.track),
                  "\"name\":" + json_string(flow.kind) + ",\"cat\":" + json_string(flow.kind) +
                      ",\"id\":" + json_string(job + '.' + std::to_string(flow.id)) +
                      ",\"ts\":" + std::to_string(g_writer->microseconds(time)));
}

void begin_job() { ++g_job; }

void close() {
  const std::lock_guard lock(g_mutex);
  g_is_open = false;
  const std::unique_ptr<Writer> writer = std::move(g_writer);
  if (writer) writer->finish();
}

}  // namespace midpo::trace
