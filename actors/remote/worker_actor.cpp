// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/worker_actor.h"

#include "actors/error_boundary.h"
#include "actors/job_actors.h"
#include "actors/remote/lane_actor.h"
#include "actors/remote/worker_hello.h"
#include "actors/stop_request.h"
#include "runtime/observe/log.h"
#include "runtime/transport/worker_roles.h"

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

template <typename Result>
void say(WorkerSession& session, const TaskGiven& given, const Result& result) {
  session.finish(given.session, given.task, given.attempt, result);
}

void say(WorkerSession& session, const TaskGiven& given, const Failure& failure) {
  session.fail(given.session, given.task, given.attempt, failure);
}

/// What a task is computed with. @throws Error(kTransport) for weights that are not here any more.
ComputeTask order_for(const WorkerState& state, std::shared_ptr<const TaskGiven> given) {
  ComputeTask order{std::move(given), state.models, nullptr, state.is_void};
  const auto* prompts = std::get_if<PromptTask>(&order.given->body);
  if (prompts == nullptr) return order;
  const auto version = state.versions.find(prompts->version);
  require(version != state.versions.end(), ErrorCode::kTransport,
          "weights of version " + std::to_string(prompts->version) + " are not needed any more");
  order.policy = version->second;
  return order;
}

void hand_out(Pointer self) {
  WorkerState& state = self->state;
  while (!state.idle_lanes.empty() && !state.tasks.empty() && !state.is_leaving) {
    const auto given = state.tasks.front();
    state.tasks.pop_front();
    try {
      const std::uint32_t lane = *state.idle_lanes.begin();
      self->send(state.lanes[lane], order_for(state, given));
      state.idle_lanes.erase(lane);
    } catch (const Error& error) {
      say(*state.session, *given, Failure{error.code(), error.what()});
    }
  }
}

/// Says goodbye once nothing is computed any more, then waits a moment for it to arrive.
void leave_if_idle(Pointer self) {
  WorkerState& state = self->state;
  if (!state.is_leaving || state.end_by || state.idle_lanes.size() < state.lanes.size()) return;
  if (state.ranks.is_any_running()) return;  // they end with rank 0
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
  const auto& roles = state.models->roles;
  Ready ready;
  const bool scores = has_role(roles, worker_role::kScorer);
  const bool writes = has_role(roles, worker_role::kGenerator);
  ready.credits = scores ? kCreditsPerLane * state.config.num_lanes : 0;
  ready.prompt_credits = writes ? state.config.num_lanes : 0;
  const bool ranks = has_role(roles, worker_role::kRank);
  ready.rank_credits = ranks ? state.ranks.num_free(state.config) : 0;
  ready.models = state.models->loaded;
  state.session->ready(state.offer->session, ready);
  state.is_ready = true;
  log::info("ready", {{"job", state.offer->job},
                      {"credits", static_cast<std::uint64_t>(ready.credits)},
                      {"parts", static_cast<std::uint64_t>(ready.prompt_credits)}});
}

/// What this worker is to the job on offer.
std::vector<std::string> shared_roles(const WorkerState& state) {
  std::vector<std::string> roles;
  for (const std::string& role : state.offer->welcome.roles) {
    if (has_role(state.config.roles, role)) roles.push_back(role);
  }
  return roles;
}

/// A job that only wants ranks (it has no models) is beginning: those of its life before are about
/// to end.
bool waits_for_ranks(WorkerState& state) {
  return state.offer->welcome.models.empty() && state.ranks.is_any_running();
}

/// Ready if what is loaded is what is wanted; else the loader begins, once at a time. Lanes that
/// still compute for a session that is over are waited for: what they do is nobody's task now.
void take_offer(Pointer self) {
  WorkerState& state = self->state;
  if (!state.offer || state.is_ready || state.is_loading || state.is_leaving) return;
  if (state.idle_lanes.size() < state.lanes.size()) return;
  if (waits_for_ranks(state)) return;
  const auto& wanted = state.offer->welcome.models;
  const std::vector<std::string> roles = shared_roles(state);
  if (state.models && state.models->wanted == wanted && state.models->roles == roles) {
    report_ready(state);
    return;
  }
  state.models.reset();
  state.is_loading = true;
  self->send(state.loader,
             LoadModels{std::make_shared<const std::vector<RemoteModel>>(wanted), roles});
}

void note(Pointer self, const JobOffered& offer) {
  log::info("joined", {{"job", offer.job}, {"roles", role_list(offer.welcome.roles)}});
  WorkerState& state = self->state;
  state.offer = offer;
  state.is_ready = false;
  state.is_void = std::make_shared<std::atomic<bool>>(false);
  state.versions.clear();
  take_offer(self);
}

void note(Pointer self, const TaskGiven& given) {
  self->state.tasks.push_back(std::make_shared<const TaskGiven>(given));
  hand_out(self);
}

void note(Pointer self, const WeightsGiven& given) {
  WorkerState& state = self->state;
  const auto weights = state.inbox.take(given.piece, given.is_whole);
  if (!weights) return;
  state.inbox.forget_before(given.piece.oldest);
  state.versions.erase(state.versions.begin(), state.versions.lower_bound(given.piece.oldest));
  self->send(state.loader, LoadVersion{given.session, state.models, *weights});
}

void note(Pointer self, const RankGiven& given) {
  WorkerState& state = self->state;
  try {
    state.ranks.start(state.config, given);
  } catch (const Error& error) {
    state.session->finish(given.session, given.task, 0, RankEnded{error.what()});
  }
}

void note_ended_ranks(WorkerState& state) {
  for (const auto& [given, how] : state.ranks.take_ended()) {
    state.session->finish(given.session, given.task, 0, RankEnded{how});
  }
}

void note(Pointer self, const DrainAsked&) { begin_leaving(self, std::nullopt); }

void note(Pointer self, const SessionLost& lost) {
  log::warn("session_lost", {{"reason", lost.reason}});
  self->state.tasks.clear();
  self->state.offer.reset();
  *self->state.is_void = true;
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

/// The version waits beside the others until a task asks for it: no sequence mixes two.
void note_version(Pointer self, const VersionLoaded& loaded) {
  WorkerState& state = self->state;
  if (!state.offer || loaded.session != state.offer->session) return;
  if (loaded.error) {
    begin_leaving(self, loaded.error);
  } else {
    const PolicyVersion& version = *loaded.version;
    state.versions[version.version] = loaded.version;
    const std::string model = version.replicas.front()->info().content.hex();
    log::info("weights_live", {{"version", version.version}, {"model", model}});
    state.session->confirm(loaded.session, {version.version, version.content, model});
  }
  flush(self);
}

void note_computed(Pointer self, const TaskComputed& computed) {
  WorkerState& state = self->state;
  const TaskGiven& given = *computed.given;
  if (const auto* failure = std::get_if<Failure>(computed.answer.get())) {
    log::warn("task_failed", {{"reason", failure->text}});
  }
  std::visit([&](const auto& answer) { say(*state.session, given, answer); }, *computed.answer);
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
  if (state.offer || state.ranks.is_any_running()) state.last_in_job = now;
  if (now - state.last_in_job < state.config.give_up_after) return;
  const auto seconds = static_cast<int>(state.config.give_up_after.count());
  begin_leaving(
      self, Error(ErrorCode::kTransport, state.config.connection.address + ": no coordinator for " +
                                             std::to_string(seconds) +
                                             " s: " + link_text(state.endpoint->link())));
}

void end(Pointer self) {
  WorkerState& state = self->state;
  log::info("left", {{"tasks", state.num_computed}});
  for (const LaneActor& lane : state.lanes) self->send(lane, Stop{});
  self->send(state.loader, Stop{});
  caf::anon_send(state.listener, WorkerEnded{state.error});
  self->quit();
}

/// What neither a lane nor the loader can answer for, a lack of memory for one: what they had at
/// hand would be waited for, and nobody would take it over.
void end_with(const caf::down_msg& down) {
  if (!down.reason || down.reason == caf::exit_reason::normal) return;
  throw from_caf_error(down.reason, "a lane or the loader");
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
  note_ended_ranks(state);
  take_offer(self);
  if (state.reports.take()) report(state);
  if (state.hangups.take()) log::info("hangup_ignored", {{"advice", "SIGTERM stops a worker"}});
  if (stop_requested()) begin_leaving(self, std::nullopt);
  check_patience(self);
  leave_if_idle(self);
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
  self->set_down_handler(end_with);
  state.loader = self->spawn<caf::detached + caf::monitored>(loader_actor, config, engines, me);
  for (std::uint32_t lane = 0; lane < config.num_lanes; ++lane) {
    state.lanes.push_back(self->spawn<caf::detached + caf::monitored>(lane_actor, lane, me));
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
      [self](const VersionLoaded& loaded) { note_version(self, loaded); },
      [self](const TaskComputed& computed) { note_computed(self, computed); },
  };
}

void run_worker(const WorkerConfig& config, const EngineFactory& engines) {
  JobActors actors(1);
  caf::scoped_actor listener(actors.system);
  const WorkerActor worker =
      actors.system.spawn<caf::detached>(worker_actor, config, &engines, caf::actor(listener));
  listener->monitor(worker);
  std::optional<Error> error;
  listener->receive(
      [&](const WorkerEnded& ended) { error = ended.error; },
      [&](const caf::down_msg& down) { error = from_caf_error(down.reason, "worker"); });
  if (error) throw Error(*error);
}

}  // namespace midpo
