// SPDX-License-Identifier: Apache-2.0
// One coordinator's table and some workers' sessions with a wire between them that a test can cut.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/transport/worker_session.h"
#include "runtime/transport/worker_table.h"

namespace midpo {

inline WorkerTableOptions table_options(std::uint64_t epoch = 1) {
  WorkerTableOptions options;
  options.job = "0123";
  options.epoch = epoch;
  options.welcome.models = {{"reward", "/models/reward", "cafe", "fp32", "cpu-1"}};
  options.welcome.roles = {"scorer", "generator"};
  options.welcome.task_deadline_ms = 60'000;
  options.first_worker = 100;
  return options;
}

inline WorkerSessionOptions session_options(const std::string& name, std::uint64_t seed) {
  WorkerSessionOptions options;
  options.hello = {.version = "0.1.0",
                   .name = name,
                   .instance = seed,
                   .host = "host",
                   .pid = 42,
                   .numerics = {},
                   .devices = {"cpu"},
                   .roles = {"scorer", "generator"},
                   .num_lanes = 1};
  options.seed = seed;
  return options;
}

inline Ready good_ready() {
  return {.credits = 2, .models = {{"cafe", "cpu-1"}}, .prompt_credits = 1};
}

/// A version of two files, `size_bytes` and no bytes long.
inline std::shared_ptr<const WeightsVersion> version_of(std::uint64_t number,
                                                        std::size_t size_bytes) {
  auto version = std::make_shared<WeightsVersion>();
  version->version = number;
  version->content = std::string(31, 'a') + std::to_string(number % 10);
  version->files = {{"a.bin", size_bytes}, {"empty", 0}};
  version->read = [number](std::size_t, std::uint64_t offset, std::size_t size) {
    Frame bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = std::byte((offset + i + number) % 251);
    return bytes;
  };
  return version;
}

/// One prompt, two samples of at most three tokens below 100; 7 ends a sample.
inline PromptTask prompts_of(std::uint64_t version) {
  PromptTask task;
  task.version = version;
  task.seed = 42;
  task.vocab_size = 100;
  task.num_samples = 2;
  task.temperature = 1.0;
  task.stop_ids = {7};
  task.prompts = {{5, 3, {1, 2}}};
  return task;
}

inline PromptResult good_responses() {
  return {.samples = {{{{4, 7}, {}}, {{4, 5, 6}, {}}}}, .compute_seconds = 0.1};
}

template <typename Event, typename Events>
std::vector<Event> only(const Events& events) {
  std::vector<Event> found;
  for (const auto& event : events) {
    if (const auto* wanted = std::get_if<Event>(&event)) found.push_back(*wanted);
  }
  return found;
}

inline const TileTask kTask{.model = 0, .rows = {{{1, 2}, {3}}}};
inline const TileResult kResult{.values = {{0.5, -1.0}}, .compute_seconds = 0.1, .least_flops = 10};

/// Workers answer JobOffered with good_ready() at once; everything else is left to the test.
class Wire {
 public:
  using Clock = WorkerTable::Clock;

  explicit Wire(WorkerTableOptions options = table_options()) : table(std::move(options)) {}

  WorkerSession& add_worker(const std::string& name, std::uint64_t seed) {
    workers.erase(name);
    return workers.emplace(name, WorkerSession(session_options(name, seed), now)).first->second;
  }

  /// Everything that is due travels, for so long, in steps of 10 ms.
  void run(Clock::duration span) {
    for (const auto end = now + span; now < end; now += std::chrono::milliseconds(10)) step();
  }

  void step() {
    note(table.tick(now));
    for (auto& [name, worker] : workers) {
      note(name, worker.tick(now));
      for (const Message& message : worker.due(now)) {
        for (int copy = copies_of(message); copy > 0; --copy) to_table(name, message);
      }
    }
    for (const auto& [peer, message] : table.due(now)) {
      for (int copy = copies_of(message); copy > 0; --copy) to_worker(peer, message);
    }
  }

  void to_table(const std::string& name, const Message& message) {
    note(table.receive(name, message, now));
  }

  void to_worker(const std::string& name, const Message& message) {
    const auto worker = workers.find(name);
    if (worker != workers.end()) note(name, worker->second.receive(message, now));
  }

  /// The number of the only worker that is ready.
  WorkerId ready_worker() { return only<WorkerReady>(at_table).back().worker; }

  WorkerTable table;
  std::map<std::string, WorkerSession> workers;
  std::vector<WorkerEvent> at_table;
  std::map<std::string, std::vector<SessionEvent>> at_worker;
  Clock::time_point now{};
  bool is_cut = false;
  std::function<int(const Message&)> faults;  ///< how many copies of a message arrive; none: one

 private:
  int copies_of(const Message& message) const {
    if (is_cut) return 0;
    return faults ? faults(message) : 1;
  }

  void note(std::vector<WorkerEvent> events) {
    at_table.insert(at_table.end(), events.begin(), events.end());
  }

  void note(const std::string& name, std::vector<SessionEvent> events) {
    for (const JobOffered& offer : only<JobOffered>(events))
      workers.at(name).ready(offer.session, good_ready());
    at_worker[name].insert(at_worker[name].end(), events.begin(), events.end());
  }
};

/// With worker "a", which waits for tasks.
inline Wire ready_wire() {
  Wire wire;
  wire.add_worker("a", 1);
  wire.run(std::chrono::milliseconds(100));
  return wire;
}

}  // namespace midpo
