// SPDX-License-Identifier: Apache-2.0
// Versions of weights on their way to generators, and the prompts that are written with them.
#include <utility>

#include "runtime/transport/worker_roles.h"
#include "runtime/transport/worker_table.h"

namespace midpo {
namespace {

/// Of weights, on their way to one worker.
constexpr std::size_t kPiecesAhead = 4;

}  // namespace

void WorkerTable::publish(std::shared_ptr<const WeightsVersion> version, std::uint64_t oldest) {
  oldest_version_ = oldest;
  for (auto& [peer, session] : sessions_) {
    if (session.state == State::kLoading) continue;  // it will get all that is published then
    if (!has_role(session.roles, worker_role::kGenerator)) continue;
    session.weights.add(version);
    session.weights.forget_before(oldest);
  }
  const std::uint64_t number = version->version;
  published_[number] = std::move(version);
  published_.erase(published_.begin(), published_.lower_bound(oldest));
  models_.erase(models_.begin(), models_.lower_bound(oldest));
}

/// A few pieces at a time: what else the worker is told waits for no more than those.
void WorkerTable::send_weights(Session& session) {
  while (session.link.num_unacknowledged() < kPiecesAhead) {
    const auto piece = session.weights.next();
    if (!piece) return;
    session.link.send(to_message(*piece));
  }
}

void WorkerTable::note_confirm(Session& session, const Confirm& confirm) {
  session.weights.confirm(confirm);
  if (!session.weights.has_confirmed(confirm.version)) return;
  const std::string& known = models_.emplace(confirm.version, confirm.model).first->second;
  require(known == confirm.model, ErrorCode::kCheckpoint,
          "with weights of version " + std::to_string(confirm.version) + " its model has content " +
              confirm.model + ", another's has " + known + "; copy the job's files to the worker");
  events_.push_back(WeightsConfirmed{session.worker, confirm});
}

bool WorkerTable::assign(WorkerId worker, std::uint64_t task, std::uint32_t attempt,
                         std::shared_ptr<const PromptTask> body, Clock::time_point now) {
  Session* session = find(worker);
  if (session == nullptr || session->state != State::kReady || session->prompt_credits == 0)
    return false;
  if (!session->weights.has_confirmed(body->version)) return false;
  Message message = to_message(*body);
  hold(*session, {task, attempt, std::move(body), now, {}}, std::move(message));
  return true;
}

void WorkerTable::note_result(Session& session, const Envelope& envelope, PromptResult result) {
  const auto held = give_back(session, envelope);
  if (!held) return;
  const auto* task = std::get_if<std::shared_ptr<const PromptTask>>(&held->wanted);
  const auto flaw = task != nullptr ? flaw_of(**task, result) : "responses to a tile";
  if (flaw) {
    session.held.add(*held);
    throw Error(ErrorCode::kTransport, *flaw);
  }
  events_.push_back(
      PromptsDone{session.worker, envelope.task, envelope.attempt, std::move(result)});
}

}  // namespace midpo
