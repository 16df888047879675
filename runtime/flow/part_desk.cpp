// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/part_desk.h"

#include <algorithm>
#include <utility>

namespace midpo {

void PartDesk::join(GeneratorId generator, std::uint32_t credits, bool is_local) {
  generators_[generator] = {credits, is_local, {}};
}

void PartDesk::confirm(GeneratorId generator, std::uint64_t version) {
  const auto found = generators_.find(generator);
  if (found != generators_.end()) found->second.versions.insert(version);
}

void PartDesk::leave(GeneratorId generator) {
  if (generators_.erase(generator) == 0) return;
  for (auto next = out_.begin(); next != out_.end();) {
    const auto current = next++;
    if (current->second.generator != generator) continue;
    if (!current->second.is_void) put_back(std::move(current->second.part));
    out_.erase(current);
  }
}

void PartDesk::put_back(RoundPart part) {
  const std::uint64_t id = part.id;
  waiting_.emplace(id, std::move(part));
}

std::uint64_t PartDesk::num_lanes() const {
  std::uint64_t lanes = 0;
  for (const auto& [id, generator] : generators_) lanes += generator.credits;
  for (const auto& [id, given] : out_) lanes += generators_.count(given.generator);
  return lanes;
}

void PartDesk::add_round(std::uint64_t round, std::uint64_t version,
                         const std::vector<std::uint64_t>& prompts) {
  const std::uint64_t num_parts =
      std::clamp<std::uint64_t>(num_lanes(), 1, std::max<std::uint64_t>(prompts.size(), 1));
  for (std::uint64_t i = 0; i < num_parts; ++i) {
    RoundPart part{next_id_++, 0, round, version, {}};
    for (std::uint64_t j = i; j < prompts.size(); j += num_parts)
      part.prompts.push_back(prompts[j]);
    put_back(std::move(part));
  }
}

PartDesk::Generator* PartDesk::writer_of(const RoundPart& part, GeneratorId& id) {
  Generator* best = nullptr;
  for (auto& [candidate, generator] : generators_) {
    if (!generator.can_write(part)) continue;
    if (best != nullptr && generator.credits <= best->credits) continue;
    best = &generator;
    id = candidate;
  }
  return best;
}

std::vector<PartDesk::Given> PartDesk::hand_out() {
  std::vector<Given> given;
  for (auto next = waiting_.begin(); next != waiting_.end();) {
    const auto current = next++;
    RoundPart& part = current->second;
    GeneratorId id = 0;
    Generator* writer = writer_of(part, id);
    if (writer == nullptr) continue;
    --writer->credits;
    ++part.attempt;
    given.push_back({id, part});
    out_[part.id] = {id, part};
    waiting_.erase(current);
  }
  return given;
}

std::optional<RoundPart> PartDesk::finish(GeneratorId generator, std::uint64_t part) {
  const auto out = out_.find(part);
  if (out == out_.end() || out->second.generator != generator) return std::nullopt;
  const Out done = std::move(out->second);
  out_.erase(out);
  num_failures_.erase(part);
  num_deaths_.erase(part);
  ++generators_.at(generator).credits;
  return done.is_void ? std::nullopt : std::optional(done.part);
}

std::optional<RoundPart> PartDesk::fail(GeneratorId generator, std::uint64_t part) {
  const auto out = out_.find(part);
  if (out != out_.end() && out->second.generator == generator) {
    ++generators_.at(generator).credits;
    if (!out->second.is_void) put_back(std::move(out->second.part));
    out_.erase(out);
  }
  const auto waiting = waiting_.find(part);
  if (waiting == waiting_.end() || ++num_failures_[part] < kMaxFailures) return std::nullopt;
  return take_away(part);
}

std::optional<RoundPart> PartDesk::take_away(std::uint64_t part) {
  std::optional<RoundPart> taken;
  const auto out = out_.find(part);
  if (const auto waiting = waiting_.find(part); waiting != waiting_.end()) {
    taken = std::move(waiting->second);
    waiting_.erase(waiting);
  } else if (out != out_.end() && !out->second.is_void) {
    taken = out->second.part;
    out->second.is_void = true;
  }
  if (taken) {
    num_failures_.erase(part);
    num_deaths_.erase(part);
  }
  return taken;
}

std::optional<RoundPart> PartDesk::blame(std::uint64_t part) {
  const auto out = out_.find(part);
  const auto waiting = waiting_.find(part);
  const bool is_out = out != out_.end() && !out->second.is_void;
  if (is_out && generators_.at(out->second.generator).is_local) return std::nullopt;
  if (!is_out && waiting == waiting_.end()) return std::nullopt;  // written, or parted, by now
  const bool is_one = (is_out ? out->second.part : waiting->second).prompts.size() == 1;
  if (is_one && ++num_deaths_[part] < kMaxFailures) return std::nullopt;
  RoundPart taken = *take_away(part);
  if (is_one) return taken;
  for (const std::uint64_t prompt : taken.prompts) {
    put_back({next_id_++, 0, taken.round, taken.version, {prompt}});
  }
  return std::nullopt;
}

}  // namespace midpo
