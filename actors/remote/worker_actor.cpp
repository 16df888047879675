// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/worker_actor.h"

#include <unistd.h>

#include <random>

#include "actors/error_boundary.h"
#include "actors/remote/lane_actor.h"
#include "actors/stop_request.h"
#include "runtime/observe/log.h"

namespace midpo {
namespace {

using Pointer = WorkerActor::stateful_pointer<WorkerState>;
using Clock = WorkerState::Clock;

constexpr std::chrono::milliseconds kTick{20};
/// For the coordinator's answer to the goodbye; and at least this long, to answer its own.
constexpr std::chrono::milliseconds kEndLimit{2000};
constexpr std::chrono::milliseconds kEndDelay{100};
/// Tasks a lane holds at once: one computed, one on its desk.
constexpr std::uint32_t kCreditsPerLane = 2;

std::uint64_t random_number() {
  std::random_device entropy;
  return std::uint64_t{entropy()} << 32 | entropy();
}

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

WorkerSessionOptions session_options(const WorkerConfig& config) {
  WorkerSessionOptions options;
  options.seed = random_number();
  options.hello.version = MIDPO_VERSION;
  options.hello.name = config.name;
  options.hello.instance = random_number();
  options.hello.host = host_name();
  options.hello.pid = static_cast<std::uint64_t>(getpid());
  options.hello.devices = config.devices;
  options.hello.roles = {"scorer"};
  options.hello.num_lanes = config.num_lanes;
  return options;
}

void put_on_wire(Pointer self, std::vector<Frame> wire) {
  WorkerState& state = self->state;
  if (!state.faults) {
    state.endpoint->send(std::move(wire));
    return;
  }
  for (const FaultPlan::Delivery& delivery : state.faults->next()) {
    std::vector<Frame> copy = wire;
    if (delivery.flipped_bit) flip_bit(copy, *delivery.flipped_bit);
    self->delayed_send(self, delivery.delay, WireDelayed{"", std::move(copy)});
  }
}

void flush(Pointer self) {
  for (const Message& message : self->state.session->due(Clock::now())) {
    put_on_wire(self, encode(message));
  }
}

void hand_out(Pointer self) {
  WorkerState& state = self->state;
  while (!state.idle_lanes.empty() && !state.tasks.empty() && !state.is_leaving) {
    const std::uint32_t lane = *state.idle_lanes.begin();
    state.idle_lanes.erase(lane);
    self->send(state.lanes[lane], ComputeTask{state.tasks.front(), state.models});
    state.tasks.pop_front();
  }
}

/// Says goodbye once nothing is computed any more, then waits a moment for it to arrive.
void leave_if_idle(Pointer self) {
  WorkerState& state = self->state;
  if (!state.is_leaving || state.end_by || state.idle_lanes.size() < state.lanes.size()) return;
  if (!state.session->is_over()) {
    state.session->leave(state.error ? state.error->what() : "stopped on request");
  }
  state.end_by = Clock::now() + kEndLimit;
}

void begin_leaving(Pointer self, std::optional<Error> error) {
  WorkerState& state = self->state;
  if (state.is_leaving) return;
  state.is_leaving = true;
  state.error = std::move(error);
  state.tasks.clear();  // the coordinator takes back what was not begun
  leave_if_idle(self);
}

void report_ready(WorkerState& state) {
  Ready ready;
  ready.credits = kCreditsPerLane * state.config.num_lanes;
  for (const auto& replicas : state.models->replicas) {
    const ModelInfo& info = replicas.front()->info();
    ready.models.push_back({info.content.hex(), info.numerics});
  }
  state.session->ready(state.offer->session, ready);
  state.is_ready = true;
  log::info("ready",
            {{"job", state.offer->job}, {"credits", static_cast<std::uint64_t>(ready.credits)}});
}

/// Ready if what is loaded is what is wanted; else the loader begins, once at a time. Lanes that
/// still compute for a session that is over are waited for: what they do is nobody's task now.
void take_offer(Pointer self) {
  WorkerState& state = self->state;
  if (!state.offer || state.is_ready || state.is_loading || state.is_leaving) return;
  if (state.idle_lanes.size() < state.lanes.size()) return;
  const auto& wanted = state.offer->welcome.models;
  if (state.models && state.models->wanted == wanted) {
    report_ready(state);
    return;
  }
  state.models.reset();
  state.is_loading = true;
  self->send(state.loader, LoadModels{std::make_shared<const std::vector<RemoteModel>>(wanted)});
}

void note(Pointer self, const JobOffered& offer) {
  log::info("joined", {{"job", offer.job}});
  self->state.offer = offer;
  self->state.is_ready = false;
  take_offer(self);
}

void note(Pointer self, const TaskGiven& given) {
  self->state.tasks.push_back(std::make_shared<const TaskGiven>(given));
  hand_out(self);
}

void note(Pointer, const WeightsGiven&) {}

void note(Pointer self, const DrainAsked&) { begin_leaving(self, std::nullopt); }

void note(Pointer self, const SessionLost& lost) {
  log::warn("session_lost", {{"reason", lost.reason}});
  self->state.tasks.clear();
  self->state.offer.reset();
}

void note(Pointer self, const SessionOver& over) {
  log::info("session_over", {{"reason", over.reason}});
  begin_leaving(self, over.error);
}

void note_all(Pointer self, const std::vector<SessionEvent>& events) {
  for (const SessionEvent& event : events) {
    std::visit([self](const auto& what) { note(self, what); }, event);
  }
}

void receive(Pointer self, const WireArrived& arrived) {
  std::optional<Message> message;
  try {
    message = decode(arrived.wire);
  } catch (const Error& error) {
    log::debug("message_broken", {{"reason", error.what()}});
    return;
  }
  note_all(self, self->state.session->receive(std::move(*message), Clock::now()));
  flush(self);
}

void note_models(Pointer self, const ModelsLoaded& loaded) {
  WorkerState& state = self->state;
  state.is_loading = false;
  if (loaded.error) {
    begin_leaving(self, loaded.error);
  } else {
    state.models = loaded.models;
    take_offer(self);
  }
  flush(self);
}

void note_computed(Pointer self, const TaskComputed& computed) {
  WorkerState& state = self->state;
  const TaskGiven& given = *computed.given;
  if (const auto* result = std::get_if<TileResult>(computed.answer.get())) {
    state.session->finish(given.session, given.task, given.attempt, *result);
  } else {
    const auto& failure = std::get<Failure>(*computed.answer);
    log::warn("tile_failed", {{"reason", failure.text}});
    state.session->fail(given.session, given.task, given.attempt, failure);
  }
  ++state.num_computed;
  state.idle_lanes.insert(computed.lane);
  take_offer(self);
  hand_out(self);
  leave_if_idle(self);
  flush(self);
}

std::string link_text(ClientEndpoint::Link link) {
  switch (link) {
    case ClientEndpoint::Link::kUp:
      return "somebody is there, but does not welcome this worker";
    case ClientEndpoint::Link::kRefused:
      return "it does not know this worker's key; add NAME.pub to its --allowed-keys";
    case ClientEndpoint::Link::kUnanswered:
      return "it broke off; compare --server-key with its own";
    default:
      return "nobody answers";
  }
}

/// A worker without a coordinator gives up after a while, and says what it saw.
void check_patience(Pointer self) {
  WorkerState& state = self->state;
  const auto now = Clock::now();
  if (state.offer) state.last_in_job = now;
  if (now - state.last_in_job < state.config.give_up_after) return;
  const auto seconds = static_cast<int>(state.config.give_up_after.count());
  begin_leaving(
      self, Error(ErrorCode::kTransport, state.config.connection.address + ": no coordinator for " +
                                             std::to_string(seconds) +
                                             " s: " + link_text(state.endpoint->link())));
}

void end(Pointer self) {
  WorkerState& state = self->state;
  log::info("left", {{"tiles", state.num_computed}});
  for (const LaneActor& lane : state.lanes) self->send(lane, Stop{});
  self->send(state.loader, Stop{});
  caf::anon_send(state.listener, WorkerEnded{state.error});
  self->quit();
}

void report(const WorkerState& state) {
  log::info("waits", {{"who", state.session->describe(Clock::now())},
                      {"busy_lanes",
                       static_cast<std::uint64_t>(state.lanes.size() - state.idle_lanes.size())},
                      {"tasks_waiting", static_cast<std::uint64_t>(state.tasks.size())},
                      {"computed", state.num_computed},
                      {"loads_models", state.is_loading}});
}

void tick(Pointer self) {
  WorkerState& state = self->state;
  const auto now = Clock::now();
  note_all(self, state.session->tick(now));
  if (state.reports.take()) report(state);
  if (stop_requested()) begin_leaving(self, std::nullopt);
  check_patience(self);
  flush(self);
  const bool is_answered =
      state.session->is_settled() && state.end_by && now >= *state.end_by - kEndLimit + kEndDelay;
  if (state.end_by && (now >= *state.end_by || is_answered)) {
    end(self);
    return;
  }
  self->delayed_send(self, kTick, WorkerTick{});
}

}  // namespace

WorkerActor::behavior_type worker_actor(Pointer self, const WorkerConfig& config,
                                        const EngineFactory* engines, caf::actor listener) {
  install_error_boundary(self);
  WorkerState& state = self->state;
  state.config = config;
  state.listener = std::move(listener);
  state.session = std::make_unique<WorkerSession>(session_options(config), Clock::now());
  state.last_in_job = Clock::now();
  state.faults = faults_from_environment();
  const WorkerActor me = self;
  state.loader = self->spawn<caf::detached>(loader_actor, config, engines, me);
  for (std::uint32_t lane = 0; lane < config.num_lanes; ++lane) {
    state.lanes.push_back(self->spawn<caf::detached>(lane_actor, lane, me));
    state.idle_lanes.insert(lane);
  }
  state.endpoint =
      std::make_unique<ClientEndpoint>(config.connection, [me](std::vector<Frame> wire) {
        caf::anon_send(me, WireArrived{"", std::move(wire)});
      });
  self->send(self, WorkerTick{});
  return {
      [self](const WireArrived& arrived) { receive(self, arrived); },
      [self](const WireDelayed& delayed) { self->state.endpoint->send(delayed.wire); },
      [self](WorkerTick) { tick(self); },
      [self](const ModelsLoaded& loaded) { note_models(self, loaded); },
      [self](const TaskComputed& computed) { note_computed(self, computed); },
  };
}

void run_worker(const WorkerConfig& config, const EngineFactory& engines) {
  caf::actor_system_config system_config;
  system_config.set("scheduler.max-threads", std::size_t{1});
  system_config.set("scheduler.policy", caf::atom("sharing"));
  caf::actor_system system(system_config);
  caf::scoped_actor listener(system);
  const WorkerActor worker =
      system.spawn<caf::detached>(worker_actor, config, &engines, caf::actor(listener));
  listener->monitor(worker);
  std::optional<Error> error;
  listener->receive(
      [&](const WorkerEnded& ended) { error = ended.error; },
      [&](const caf::down_msg& down) { error = from_caf_error(down.reason, "worker"); });
  if (error) throw Error(*error);
}

}  // namespace midpo
