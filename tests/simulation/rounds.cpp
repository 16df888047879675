// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/rounds.h"

#include <utility>

#include "runtime/core/hash.h"

namespace midpo::simulation {
namespace {

constexpr std::uint32_t kTokens = 3;

ContentHash hash_of(const Frame& bytes) { return content_hash(bytes.data(), bytes.size()); }

/// The bytes of a version, which is one file and an empty one.
Frame weights_of(std::uint64_t version) {
  Frame bytes(50 + version * 97 % 400);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::byte((i * 7 + version * 31) % 251);
  return bytes;
}

std::shared_ptr<const WeightsVersion> published(std::uint64_t number) {
  auto version = std::make_shared<WeightsVersion>();
  const Frame bytes = weights_of(number);
  version->version = number;
  version->content = hash_of(bytes).hex();
  version->files = {{"factors", bytes.size()}, {"nothing", 0}};
  version->read = [bytes](std::size_t, std::uint64_t offset, std::size_t size) {
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(offset);
    return Frame(begin, begin + static_cast<std::ptrdiff_t>(size));
  };
  return version;
}

PromptTask task_of(const RoundPart& part) {
  PromptTask task;
  task.version = part.version;
  task.seed = part.round;
  task.vocab_size = 1000;
  for (const std::uint64_t prompt : part.prompts)
    task.prompts.push_back({prompt, kTokens, {static_cast<std::int32_t>(prompt) + 1}});
  return task;
}

}  // namespace

PromptResult write_prompts(const PromptTask& task, const Frame& weights) {
  PromptResult result;
  for (const PromptTask::Prompt& prompt : task.prompts) {
    ContentHasher hasher;
    hasher.update(weights.data(), weights.size());
    hasher.update(&task.seed, sizeof task.seed);
    hasher.update(&prompt.id, sizeof prompt.id);
    std::uint64_t draws = hasher.digest().low;
    PromptResult::Sample sample;
    for (std::uint32_t i = 0; i < prompt.max_new_tokens; ++i, draws /= task.vocab_size)
      sample.tokens.push_back(static_cast<std::int32_t>(draws % task.vocab_size));
    result.samples.push_back({std::move(sample)});
  }
  return result;
}

std::optional<Confirm> ArrivedWeights::take(const WeightsGiven& given) {
  const WeightsPiece& piece = given.piece;
  versions_.erase(versions_.begin(), versions_.lower_bound(piece.oldest));
  Frame& bytes = versions_[piece.version];
  bytes.insert(bytes.end(), piece.bytes.begin(), piece.bytes.end());
  if (!given.is_whole) return std::nullopt;
  const std::string found = hash_of(bytes).hex();
  check(found == piece.content, "weights are not what was published");
  return Confirm{piece.version, found, "model " + found};
}

const Frame* ArrivedWeights::find(std::uint64_t version) const {
  const auto found = versions_.find(version);
  return found == versions_.end() ? nullptr : &found->second;
}

Rounds::Rounds(const Job& job, WorkerTable& table) : job_(job), table_(table) {
  if (is_done()) return;
  publish();
  admit();
}

void Rounds::publish() { table_.publish(published(steps_done_), version_of(steps_done_)); }

void Rounds::admit() {
  while (next_round_ < job_.num_rounds && next_round_ <= steps_done_ + job_.staleness) {
    std::vector<std::uint64_t> prompts;
    for (std::uint64_t i = 0; i < kPromptsOfRound; ++i) prompts.push_back(i);
    parts_.add_round(next_round_, version_of(next_round_), prompts);
    ++next_round_;
  }
}

void Rounds::join(const WorkerReady& ready) {
  if (ready.prompt_credits > 0) parts_.join(ready.worker, ready.prompt_credits, false);
}

void Rounds::confirm(const WeightsConfirmed& confirmed) {
  check(confirmed_[confirmed.worker].insert(confirmed.confirm.version).second,
        "a version was confirmed twice");
  parts_.confirm(confirmed.worker, confirmed.confirm.version);
}

void Rounds::finish(const PromptsDone& done) {
  const auto part = parts_.finish(done.worker, done.task);
  check(part || blamed_.count(done.task) == 1, "a part was written that its worker does not have");
  if (!part) return;  // too late
  check(confirmed_[done.worker].count(part->version) == 1,
        "a part was written by a worker that has not confirmed its weights");
  check(done.result == write_prompts(task_of(*part), weights_of(part->version)),
        "a part of version " + std::to_string(part->version) + " was written by other weights");
  for (const std::uint64_t prompt : part->prompts)
    check(written_[part->round].insert(prompt).second, "a prompt was written twice");
  advance();
}

std::vector<PromptOfRound> Rounds::blame(std::uint64_t task) {
  blamed_.insert(task);
  std::vector<PromptOfRound> dead;
  if (const auto part = parts_.blame(task)) {
    for (const std::uint64_t prompt : part->prompts) dead.emplace_back(part->round, prompt);
    left_out_[part->round] += dead.size();
    advance();
  }
  return dead;
}

void Rounds::advance() {
  while (!is_done() && written_[steps_done_].size() + left_out_[steps_done_] == kPromptsOfRound) {
    ++steps_done_;
    publish();
    admit();
  }
}

void Rounds::leave(WorkerId worker) {
  confirmed_.erase(worker);
  parts_.leave(worker);
}

void Rounds::hand_out(Time now) {
  for (const PartDesk::Given& given : parts_.hand_out()) {
    const auto task = std::make_shared<const PromptTask>(task_of(given.part));
    table_.assign(given.generator, given.part.id, given.part.attempt, task, now);
  }
}

std::string Rounds::describe() const {
  return std::to_string(steps_done_) + " of " + std::to_string(job_.num_rounds) + " rounds, " +
         std::to_string(parts_.num_waiting()) + " parts wait, " + std::to_string(parts_.num_out()) +
         " are out";
}

}  // namespace midpo::simulation
