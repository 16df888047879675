// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/bridge_actor.h"

#include <atomic>
#include <cmath>

#include "actors/error_boundary.h"
#include "actors/remote/bridge_welcome.h"
#include "actors/remote/key_list.h"
#include "actors/remote/remote_job.h"
#include "runtime/flow/part_desk.h"
#include "runtime/observe/log.h"

namespace midpo {
namespace {

using Pointer = BridgeActor::stateful_pointer<BridgeState>;
using Clock = BridgeState::Clock;
using Tile = BridgeState::Tile;

constexpr std::chrono::milliseconds kTick{20};
/// For the workers' answer to the goodbye.
constexpr std::chrono::seconds kStopLimit{3};
/// Messages on the desk; what comes on top is dropped and will be sent again.
constexpr std::size_t kMaxMailbox = 8192;

/// The endpoint's thread hands over and goes on; the bound keeps a flood out of memory.
ServerEndpoint::Arrival mailbox_of(const BridgeActor& me,
                                   std::shared_ptr<std::atomic<std::size_t>> num_arrived) {
  return [me, num_arrived](const std::string& peer, std::vector<Frame> wire) {
    if (*num_arrived >= kMaxMailbox) return;
    ++*num_arrived;
    caf::anon_send(me, WireArrived{peer, std::move(wire)});
  };
}

void put_on_wire(Pointer self, const std::string& peer, std::vector<Frame> wire) {
  BridgeState& state = self->state;
  if (!state.faults) {
    state.endpoint->send(peer, std::move(wire));
    return;
  }
  for (const FaultPlan::Delivery& delivery : state.faults->next()) {
    std::vector<Frame> copy = wire;
    if (delivery.flipped_bit) flip_bit(copy, *delivery.flipped_bit);
    self->delayed_send(self, delivery.delay, WireDelayed{peer, std::move(copy)});
  }
}

TileTask body_of(const ComputeTile& order, const ScoringJob& job) {
  const Task& task = order.task;
  const auto& tokens = order.block->tokens[job.models[task.model].tokenizer];
  TileTask body{task.model, {}};
  for (std::uint32_t i = 0; i < task.rows.count; ++i) {
    body.rows.push_back(tokens[task.rows.first + i].sequences);
  }
  return body;
}

void flush(Pointer self) {
  for (auto& [peer, message] : self->state.table->due(Clock::now())) {
    put_on_wire(self, peer, encode(message));
  }
}

/// Whether the result is one value for each sequence of the tile, all of them numbers.
std::string flaw_of(const TileResult& result, const ComputeTile& order, const ScoringJob& job) {
  const auto& tokens = order.block->tokens[job.models[order.task.model].tokenizer];
  if (result.values.size() != order.task.rows.count) return "values of another number of rows";
  for (std::size_t i = 0; i < result.values.size(); ++i) {
    const auto& row = result.values[i];
    if (row.size() != tokens[order.task.rows.first + i].sequences.size()) {
      return "values of another number of sequences";
    }
    if (!std::ranges::all_of(row, [](double value) { return std::isfinite(value); })) {
      return "the score is not finite";
    }
  }
  return "";
}

void forget_holder(BridgeState& state, std::uint64_t task) {
  const auto tile = state.tiles.find(task);
  if (tile != state.tiles.end() && --tile->second.num_holders == 0) state.tiles.erase(tile);
}

std::uint64_t id_of(const ComputeTile& order) { return order.task.id; }
std::uint64_t id_of(const RemotePrompts& order) { return order.part; }

bool assign(BridgeState& state, WorkerId worker, const ComputeTile& order) {
  const TileTask body = body_of(order, *state.job);
  if (!state.table->assign(worker, order.task.id, order.task.attempt, body, Clock::now())) {
    return false;
  }
  Tile& tile = state.tiles[order.task.id];
  tile.order = order;
  ++tile.num_holders;
  return true;
}

bool assign(BridgeState& state, WorkerId worker, const RemotePrompts& order) {
  return state.table->assign(worker, order.part, order.attempt, order.task, Clock::now());
}

/// Gives a worker what it may have now.
void advance(BridgeState& state, WorkerId worker) {
  BridgeState::Desk& desk = state.desks[worker];
  while (!desk.waiting.empty() && !desk.holds_suspect) {
    const BridgeState::Order& next = desk.waiting.front();
    const auto id = std::visit([](const auto& order) { return id_of(order); }, next);
    const bool is_suspect = state.suspects.count(id) == 1;
    if (is_suspect && desk.num_held > 0) return;
    // A worker that is gone has been reported as such: what it had is free again.
    if (!std::visit([&](const auto& order) { return assign(state, worker, order); }, next)) return;
    desk.holds_suspect = is_suspect;
    ++desk.num_held;
    desk.waiting.pop_front();
  }
}

/// The worker has answered: its place is free.
void take_back(BridgeState& state, WorkerId worker, std::uint64_t task) {
  forget_holder(state, task);
  BridgeState::Desk& desk = state.desks[worker];
  --desk.num_held;
  desk.holds_suspect = desk.holds_suspect && desk.num_held > 0;
  advance(state, worker);
}

void dismiss(Pointer self) {
  self->state.is_dismissed = true;
  self->state.table->finish("the job is done");
  flush(self);
}

std::string text_of(const std::vector<std::string>& roles) {
  std::string text;
  for (const std::string& role : roles) text += (text.empty() ? "" : ",") + role;
  return text;
}

void note(Pointer self, const WorkerJoined& joined) {
  self->state.desks[joined.worker].name = joined.hello.name;
  log_withheld(joined);
  log::info("worker_joined", {{"worker", joined.hello.name},
                              {"host", joined.hello.host},
                              {"pid", joined.hello.pid},
                              {"roles", text_of(joined.roles)},
                              {"lanes", static_cast<std::uint64_t>(joined.hello.num_lanes)}});
  if (self->state.is_dismissed) dismiss(self);  // it came too late
}

void note(Pointer, const WorkerRefused& refused) {
  log::warn("worker_refused", {{"reason", refused.reason}});
}

void note(Pointer self, const WorkerReady& ready) {
  BridgeState& state = self->state;
  const std::string& name = state.desks[ready.worker].name;
  log::info("worker_ready", {{"worker", name},
                             {"credits", static_cast<std::uint64_t>(ready.credits)},
                             {"parts", static_cast<std::uint64_t>(ready.prompt_credits)}});
  if (ready.credits > 0) self->send(state.desk, ScorerJoined{ready.worker, ready.credits, name});
  if (ready.prompt_credits > 0) {
    self->send(state.generators, GeneratorJoined{ready.worker, ready.prompt_credits, name});
  }
}

/// The learner's own ranks notice it, too.
void note(Pointer self, const RankLeft& left) {
  log::warn("rank_left", {{"worker", self->state.desks[left.worker].name}, {"how", left.how}});
}

void note(Pointer self, const PromptsDone& done) {
  self->state.suspects.erase(done.task);
  take_back(self->state, done.worker, done.task);
  self->send(
      self->state.generators,
      PromptsWritten{done.worker, done.task, std::make_shared<const PromptResult>(done.result)});
}

void note(Pointer self, const TaskDone& done) {
  BridgeState& state = self->state;
  const auto tile = state.tiles.find(done.task);
  if (tile != state.tiles.end()) {
    const ComputeTile& order = tile->second.order;
    const std::string flaw = flaw_of(done.result, order, *state.job);
    if (flaw.empty()) {
      using Values = std::vector<std::vector<double>>;
      self->send(state.store, TileScored{order.task, order.block,
                                         std::make_shared<const Values>(done.result.values),
                                         done.result.compute_seconds, done.result.least_flops});
    } else {
      self->send(state.desk, TileFailed{done.task, done.worker, ErrorCode::kNumerics, flaw});
    }
  }
  state.suspects.erase(done.task);
  take_back(state, done.worker, done.task);
  self->send(state.desk, PullWork{done.worker});
}

bool is_part(std::uint64_t task) { return task >= PartDesk::kFirstId; }

void note(Pointer self, const TaskFailed& failed) {
  BridgeState& state = self->state;
  take_back(state, failed.worker, failed.task);
  if (is_part(failed.task)) {
    self->send(state.generators,
               PromptsFailed{failed.worker, failed.task, failed.failure.code, failed.failure.text});
    return;
  }
  self->send(state.desk,
             TileFailed{failed.task, failed.worker, failed.failure.code, failed.failure.text});
  self->send(state.desk, PullWork{failed.worker});
}

void note(Pointer self, const WorkerLost& lost) {
  BridgeState& state = self->state;
  const auto level = state.is_dismissed ? &log::debug : &log::warn;
  level("worker_lost", {{"worker", state.desks[lost.worker].name},
                        {"reason", lost.reason},
                        {"tiles", static_cast<std::uint64_t>(lost.tasks.size())}});
  state.desks.erase(lost.worker);
  for (const std::uint64_t task : lost.tasks) forget_holder(state, task);
  self->send(state.desk, ScorerLeft{lost.worker, lost.reason});
  if (state.generators) self->send(state.generators, GeneratorLeft{lost.worker});
}

void note(Pointer self, const TaskSuspected& suspected) {
  self->state.suspects.insert(suspected.task);
  if (is_part(suspected.task)) {
    self->send(self->state.generators, PromptsFailed{0, suspected.task, ErrorCode::kData,
                                                     "it ends the process that writes it", true});
    return;
  }
  self->send(self->state.desk, TileFailed{suspected.task, 0, ErrorCode::kData,
                                          "it ends the process that computes it", true});
}

void note(Pointer self, const WeightsConfirmed& confirmed) {
  const Confirm& confirm = confirmed.confirm;
  log::debug("weights_live",
             {{"worker", self->state.desks[confirmed.worker].name}, {"version", confirm.version}});
  self->send(self->state.generators,
             WeightsAreLive{confirmed.worker, confirm.version, confirm.model});
}

void note_all(Pointer self, const std::vector<WorkerEvent>& events) {
  for (const WorkerEvent& event : events) {
    std::visit([self](const auto& what) { note(self, what); }, event);
  }
}

void receive(Pointer self, const WireArrived& arrived) {
  BridgeState& state = self->state;
  --*state.num_arrived;
  std::optional<Message> message;
  try {
    message = decode(arrived.wire);
  } catch (const Error& error) {
    // Broken on the way: who sent it will send it again.
    ++state.num_broken;
    log::debug("message_broken", {{"reason", error.what()}});
    return;
  }
  note_all(self, state.table->receive(arrived.peer, std::move(*message), Clock::now()));
  flush(self);
}

void give(Pointer self, WorkerId worker, BridgeState::Order order) {
  const auto desk = self->state.desks.find(worker);
  if (desk == self->state.desks.end()) return;  // gone, and reported as such
  desk->second.waiting.push_back(std::move(order));
  advance(self->state, worker);
  flush(self);
}

void publish(Pointer self, const PublishVersion& published) {
  self->state.table->publish(published.version, published.oldest);
  flush(self);
}

void report(BridgeState& state) {
  if (!state.endpoint) return;  // asked before the first tick
  const auto now = Clock::now();
  const EndpointCounters counters = state.endpoint->counters();
  log::info("waits", {{"who", "bridge"},
                      {"address", state.endpoint->address()},
                      {"workers", static_cast<std::uint64_t>(state.table->num_workers())},
                      {"received", counters.received},
                      {"sent", counters.sent},
                      {"dropped", counters.dropped_in + counters.dropped_out},
                      {"broken", state.num_broken},
                      {"forbidden", state.table->num_forbidden()}});
  for (const std::string& line : state.table->describe(now)) log::info("waits", {{"who", line}});
}

void listen(Pointer self) {
  BridgeState& state = self->state;
  state.endpoint = std::make_unique<ServerEndpoint>(state.job->remote->server,
                                                    mailbox_of(self, state.num_arrived));
  log::info("listening", {{"address", state.endpoint->address()},
                          {"job", state.job->remote->id},
                          {"epoch", state.job->remote->epoch}});
}

void tick(Pointer self) {
  BridgeState& state = self->state;
  const auto now = Clock::now();
  if (!state.endpoint) listen(self);
  if (state.reloads.take() && reload_keys(state.job->remote->server)) {
    note_all(self, state.table->review_rights());
  }
  note_all(self, state.table->tick(now));
  flush(self);
  const bool is_late = state.stop_by && now >= *state.stop_by;
  if (state.stop_by && (is_late || state.table->is_settled())) {
    self->quit();
    return;
  }
  self->delayed_send(self, kTick, BridgeTick{});
}

void stop(Pointer self) {
  // Workers that were not dismissed wait for the coordinator to come back.
  if (self->state.is_dismissed) {
    self->state.stop_by = Clock::now() + kStopLimit;
  } else {
    self->quit();
  }
}

}  // namespace

BridgeActor::behavior_type bridge_actor(Pointer self, std::shared_ptr<const ScoringJob> job,
                                        ScoreDesk desk, StoreActor store,
                                        GeneratorDesk generators) {
  install_error_boundary(self);
  BridgeState& state = self->state;
  state.table = std::make_unique<WorkerTable>(table_options(*job));
  state.faults = faults_from_environment();
  state.job = std::move(job);
  state.desk = std::move(desk);
  state.store = std::move(store);
  state.generators = std::move(generators);
  self->send(self, BridgeTick{});
  return {
      [self](const WireArrived& arrived) { receive(self, arrived); },
      [self](const WireDelayed& delayed) {
        self->state.endpoint->send(delayed.peer, delayed.wire);
      },
      [self](BridgeTick) { tick(self); },
      [self](const RemoteTile& tile) { give(self, tile.worker, tile.order); },
      [self](const PublishVersion& published) { publish(self, published); },
      [self](const RemotePrompts& order) { give(self, order.worker, order); },
      [self](DismissWorkers) { dismiss(self); },
      [self](ReportWaits) { report(self->state); },
      [self](Stop) { stop(self); },
  };
}

}  // namespace midpo
