// SPDX-License-Identifier: Apache-2.0
// Ranks of a data-parallel learner that workers have become.
#include "runtime/transport/worker_table.h"

namespace midpo {

bool WorkerTable::assign(WorkerId worker, std::uint64_t task, const RankTask& body) {
  Session* session = find(worker);
  if (session == nullptr || session->state != State::kReady || session->rank_credits == 0) {
    return false;
  }
  Message message = to_message(body);
  message.envelope.task = task;
  session->link.send(std::move(message));
  session->ranks.insert(task);
  --session->rank_credits;
  return true;
}

void WorkerTable::note_rank_ended(Session& session, const Envelope& envelope,
                                  const RankEnded& ended) {
  if (session.ranks.erase(envelope.task) == 0) {
    ++num_unasked_;
    return;
  }
  ++session.rank_credits;
  events_.push_back(RankLeft{session.worker, envelope.task, ended.how});
}

}  // namespace midpo
