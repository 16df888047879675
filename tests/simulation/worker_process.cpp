// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/worker_process.h"

#include <set>
#include <utility>

namespace midpo::simulation {
namespace {

WorkerSessionOptions session_options(World& world, const WorkerHabits& habits) {
  WorkerSessionOptions options;
  options.link = habits.link;
  options.hello.name = habits.name;
  options.hello.host = "simulated";
  options.hello.instance = world.draw();
  options.hello.roles = {"scorer", "generator"};
  options.weights = kWeightsLimits;
  options.seed = world.draw();
  return options;
}

/// Rows carry their number as their first token.
std::uint64_t number_of(const Sequences& row) { return static_cast<std::uint64_t>(row[0][0]); }

bool has_any(const TileTask& task, const std::set<std::uint64_t>& rows) {
  for (const auto& row : task.rows) {
    if (rows.count(number_of(row)) == 1) return true;
  }
  return false;
}

}  // namespace

WorkerProcess::WorkerProcess(World& world, Network& network, const Job& job, WorkerHabits habits,
                             Casualties& casualties, std::function<void()> on_end)
    : Process(world),
      network_(network),
      job_(job),
      habits_(std::move(habits)),
      casualties_(casualties),
      on_end_(std::move(on_end)),
      session_(session_options(world, habits_), world.now()),
      window_(habits_.link.window) {
  listener_ = network_.listen(
      habits_.name, [this](const std::string&, Message message) { arrive(std::move(message)); });
  pump();
}

WorkerProcess::~WorkerProcess() {
  network_.forget(listener_);
  ++casualties_.num_ended;
  count_casualties();
}

void WorkerProcess::count_casualties() {
  for (const std::uint64_t row : lone_rows_) ++casualties_.by_row[row];
  for (const PromptOfRound& prompt : lone_prompts_) ++casualties_.by_prompt[prompt];
}

void WorkerProcess::jam(Duration span) {
  jammed_until_ = now() + span;
  ++casualties_.num_ended;
}

void WorkerProcess::freeze(Duration span) {
  frozen_until_ = now() + span;
  ++casualties_.num_ended;
  after(span, [this] {
    if (now() < frozen_until_) return;  // frozen again meanwhile
    while (!inbox_.empty()) {
      Message message = std::move(inbox_.front());
      inbox_.pop_front();
      arrive(std::move(message));
    }
    pump();
  });
}

void WorkerProcess::arrive(Message message) {
  if (now() < frozen_until_) {
    inbox_.push_back(std::move(message));
    return;
  }
  window_.note_received(message.envelope);
  const std::uint64_t epoch = message.envelope.epoch;
  const auto events = session_.receive(std::move(message), now());
  for (const SessionEvent& event : events) {
    if (!std::holds_alternative<JobOffered>(event)) continue;
    check(epoch >= epoch_, habits_.name + " follows a coordinator that another has replaced");
    epoch_ = epoch;
  }
  note(events);
  pump();
}

void WorkerProcess::pump() {
  if (now() < frozen_until_ || is_ending_) return;
  note(session_.tick(now()));
  compute_next();
  if (session_.session() != newest_session_) ++casualties_.num_sessions[habits_.name];
  newest_session_ = session_.session();
  for (const Message& message : session_.due(now())) {
    window_.check_sent(message.envelope);
    network_.send(habits_.name, kCoordinator, message);
  }
  if (session_.is_over() && session_.is_settled()) return end();
  set_alarm(session_.next_wake());
}

void WorkerProcess::note(const std::vector<SessionEvent>& events) {
  for (const SessionEvent& event : events) {
    std::visit([this](const auto& what) { note(what); }, event);
  }
}

void WorkerProcess::note(const JobOffered& offered) {
  offer_ = offered;
  lone_prompts_.clear();
  lone_rows_.clear();  // a process that is heard again is not taken for dead
}

void WorkerProcess::note(const TaskGiven& given) {
  check(given.session == held_session_, "a task came before its worker was ready");
  if (const auto* task = std::get_if<TileTask>(&given.body)) {
    check(++num_held_ <= habits_.credits, "more tasks at a worker than it has credits");
    if (task->rows.size() == 1) lone_rows_.push_back(number_of(task->rows[0]));
  } else {
    check(++num_parts_ <= 1, "more parts at a worker than it has credits");
    const auto& prompts = std::get<PromptTask>(given.body);
    check(weights_.find(prompts.version) != nullptr, "a part came to a worker without its weights");
    if (prompts.prompts.size() == 1)
      lone_prompts_.emplace_back(prompts.seed, prompts.prompts[0].id);
  }
  desk_.push_back(given);
}

void WorkerProcess::note(const WeightsGiven& given) {
  const auto confirm = weights_.take(given);
  if (!confirm) return;
  after(world().between(0, 0.3), [this, session = given.session, confirm] {
    session_.confirm(session, *confirm);
    pump();
  });
}

void WorkerProcess::note(const SessionLost& lost) {
  check(lost.reason.find("broke the protocol") == std::string::npos,
        habits_.name + " finds: " + lost.reason);
  world().note(habits_.name + " begins a new session: " + lost.reason);
  offer_.reset();
  weights_.clear();
  // The coordinator takes a hanging device for a death.
  if (jammed_until_ > Time{}) count_casualties();
  desk_.erase(desk_.begin() + (is_computing_ ? 1 : 0), desk_.end());
}

void WorkerProcess::note(const SessionOver& over) {
  check(!over.error, habits_.name + " was refused: " + (over.error ? over.error->what() : ""));
  world().note(habits_.name + " is sent home: " + over.reason);
}

void WorkerProcess::compute_next() {
  if (is_computing_) return;
  if (offer_) {
    held_session_ = offer_->session;
    num_held_ = num_parts_ = 0;
    Ready ready{habits_.credits, {}, 1, 0};
    for (const RemoteModel& model : offer_->welcome.models)
      ready.models.push_back({model.content, {}});
    session_.ready(offer_->session, ready);
    offer_.reset();
  }
  if (desk_.empty()) {
    if (is_draining_ && !session_.is_over()) session_.leave("drained");
    return;
  }
  is_computing_ = true;
  const auto* tile = std::get_if<TileTask>(&desk_.front().body);
  const auto num_rows = static_cast<double>(
      tile != nullptr ? tile->rows.size()
                      : std::get<PromptTask>(desk_.front().body).prompts.size());
  after(from_seconds(num_rows * habits_.seconds_per_row), [this] { answer(desk_.front()); });
}

void WorkerProcess::answer(const TaskGiven& given) {
  const Time free_at = std::max(frozen_until_, jammed_until_);
  if (now() < free_at) {
    after(free_at - now(), [this] { answer(desk_.front()); });
    return;
  }
  if (!std::visit([&](const auto& task) { return say(given, task); }, given.body)) return end();
  desk_.pop_front();
  is_computing_ = false;
  pump();
}

bool WorkerProcess::say(const TaskGiven& given, const TileTask& task) {
  if (has_any(task, job_.poison)) return false;
  if (given.session == held_session_) --num_held_;
  if (has_any(task, job_.bad)) {
    session_.fail(given.session, given.task, given.attempt, {ErrorCode::kData, "a bad row"});
    return true;
  }
  TileResult result;
  for (const auto& row : task.rows) result.values.push_back(score(task.model, row));
  session_.finish(given.session, given.task, given.attempt, result);
  return true;
}

bool WorkerProcess::say(const TaskGiven& given, const PromptTask& task) {
  for (const PromptTask::Prompt& prompt : task.prompts) {
    if (job_.poison_prompt == PromptOfRound{task.seed, prompt.id}) return false;
  }
  if (given.session != session_.session()) return true;  // nobody waits for it any more
  if (given.session == held_session_) --num_parts_;
  const Frame* weights = weights_.find(task.version);
  check(weights != nullptr, "the weights of a part are gone before it is written");
  session_.finish(given.session, given.task, given.attempt, write_prompts(task, *weights));
  return true;
}

void WorkerProcess::end() {
  is_ending_ = true;
  after(Duration::zero(), on_end_);
}

}  // namespace midpo::simulation
