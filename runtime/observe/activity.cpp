// SPDX-License-Identifier: Apache-2.0
#include "runtime/observe/activity.h"

#include <algorithm>
#include <mutex>

#include "runtime/observe/trace.h"

namespace midpo {

using Clock = Activity::Clock;

struct Activity::Record {
  Record(const std::string& actor, std::string job_group)
      : name(job_group.empty() || actor == job_group ? actor : job_group + ' ' + actor),
        group(std::move(job_group)) {}

  const std::string name;
  const std::string group;
  const Clock::time_point born = Clock::now();
  std::mutex mutex;
  const char* state = nullptr;  ///< null: idle
  Clock::time_point since = born;
  double busy_seconds = 0.0;
  std::uint64_t items = 0;
  std::uint64_t queue = 0;
  std::uint64_t version = 0;
};

namespace {

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

class Registry {
 public:
  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  void add(const std::shared_ptr<Activity::Record>& record) {
    const std::lock_guard lock(mutex_);
    records_.push_back(record);
  }

  void remove(const std::shared_ptr<Activity::Record>& record) {
    const std::lock_guard lock(mutex_);
    std::erase(records_, record);
  }

  std::vector<std::shared_ptr<Activity::Record>> records() {
    const std::lock_guard lock(mutex_);
    return records_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<Activity::Record>> records_;
};

ActorFigures figures_of(Activity::Record& record, Clock::time_point now) {
  const std::lock_guard lock(record.mutex);
  ActorFigures figures;
  figures.name = record.name;
  figures.state = record.state == nullptr ? "idle" : record.state;
  figures.state_seconds = seconds(now - record.since);
  figures.busy_seconds = record.busy_seconds;
  if (record.state != nullptr) figures.busy_seconds += figures.state_seconds;
  figures.alive_seconds = seconds(now - record.born);
  figures.items = record.items;
  figures.queue = record.queue;
  figures.version = record.version;
  return figures;
}

/// "scorer 2" before "scorer 10".
bool comes_before(const ActorFigures& a, const ActorFigures& b) {
  const auto stem = [](const std::string& name) { return name.substr(0, name.find_last_of(' ')); };
  if (stem(a.name) != stem(b.name)) return a.name < b.name;
  return std::pair(a.name.size(), a.name) < std::pair(b.name.size(), b.name);
}

}  // namespace

Activity::Activity(const std::string& name, std::string group)
    : record_(std::make_shared<Record>(name, std::move(group))) {
  Registry::instance().add(record_);
}

Activity::~Activity() { Registry::instance().remove(record_); }

Activity::Busy::Busy(Activity& owner, const char* what, std::uint64_t items)
    : owner_(owner),
      what_(what),
      items_(items),
      start_(Clock::now()),
      track_before_(trace::set_thread_track(&owner.record_->name)) {
  const std::lock_guard lock(owner_.record_->mutex);
  owner_.record_->state = what;
  owner_.record_->since = start_;
}

Activity::Busy::~Busy() {
  const Clock::time_point end = Clock::now();
  trace::set_thread_track(track_before_);
  {
    Record& record = *owner_.record_;
    const std::lock_guard lock(record.mutex);
    record.state = nullptr;
    record.since = end;
    record.busy_seconds += seconds(end - start_);
    record.items += items_;
  }
  if (!trace::is_open()) return;
  trace::add_span(owner_.record_->name, what_, start_, end, items_);
  for (const Arrow& arrow : arrows_) {
    trace::add_flow({owner_.record_->name, owner_.record_->group}, arrow.flow, start_,
                    arrow.is_begin);
  }
}

void Activity::Busy::begin_flow(FlowId flow) {
  if (trace::is_open()) arrows_.push_back({flow, true});
}

void Activity::Busy::continue_flow(FlowId flow) {
  if (trace::is_open()) arrows_.push_back({flow, false});
}

void Activity::set_queue(std::uint64_t queue) {
  const std::lock_guard lock(record_->mutex);
  record_->queue = queue;
}

void Activity::set_version(std::uint64_t version) {
  const std::lock_guard lock(record_->mutex);
  record_->version = version;
}

std::vector<ActorFigures> actor_figures() {
  const Clock::time_point now = Clock::now();
  std::vector<ActorFigures> all;
  for (const auto& record : Registry::instance().records()) all.push_back(figures_of(*record, now));
  std::ranges::stable_sort(all, comes_before);
  return all;
}

}  // namespace midpo
