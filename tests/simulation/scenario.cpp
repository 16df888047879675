// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/scenario.h"

#include <algorithm>
#include <cstdio>

namespace midpo::simulation {
namespace {

/// Most runs are spared most kinds of trouble, so that each kind is also met alone.
double rate(World& world, double most) { return world.happens(0.5) ? most * world.share() : 0.0; }

Job draw_job(World& world) {
  Job job;
  const std::uint64_t num_rows = 50 + world.below(world.happens(0.1) ? 1950 : 250);
  for (std::uint64_t row = 0; row < num_rows; ++row) {
    Sequences sequences(2);
    for (auto& sequence : sequences) {
      for (std::uint64_t i = 0; i <= world.below(10); ++i)
        sequence.push_back(static_cast<std::int32_t>(world.below(32000)));
    }
    sequences[0].insert(sequences[0].begin(), static_cast<std::int32_t>(row));
    job.rows.push_back(std::move(sequences));
  }
  // From what is drawn already: the stories of other seeds stay as they are.
  job.num_rounds = num_rows % 3 == 0 ? 2 + num_rows % 5 : 0;
  job.staleness = num_rows % 4;
  if (job.num_rounds > 0 && num_rows % 2 == 1) {
    job.poison_prompt = {num_rows / 2 % job.num_rounds, num_rows / 3 % kPromptsOfRound};
  }
  job.num_models = 1 + static_cast<std::uint32_t>(world.below(2));
  job.block_rows = 4 + world.below(44);
  job.tile_tokens = 20 + static_cast<std::int64_t>(world.below(180));
  if (world.happens(0.3)) {
    for (std::uint64_t i = 0; i <= world.below(5); ++i) job.bad.insert(world.below(num_rows));
  }
  if (world.happens(0.3)) {
    for (std::uint64_t i = 0; i <= world.below(2); ++i) {
      const std::uint64_t row = world.below(num_rows);
      if (job.bad.count(row) == 0) job.poison.insert(row);
    }
  }
  return job;
}

Mishaps draw_mishaps(World& world) {
  Mishaps mishaps;
  mishaps.kill_worker = rate(world, 1);
  mishaps.cut_worker = rate(world, 1);
  mishaps.freeze_worker = rate(world, 1);
  mishaps.jam_worker = rate(world, 0.3);
  mishaps.drain_worker = rate(world, 0.3);
  mishaps.kill_coordinator = rate(world, 1);
  mishaps.zombie_share = world.happens(0.5) ? 0.5 : 0.0;
  mishaps.mean_seconds = 0.5 + 4 * world.share();
  return mishaps;
}

}  // namespace

Scenario draw_scenario(World& world) {
  Scenario scenario;
  scenario.job = draw_job(world);
  const std::uint64_t num_workers = 1 + world.below(8);
  const double work_seconds = 5 + 25 * world.share();
  const auto num_scores = static_cast<double>(scenario.job.rows.size() * scenario.job.num_models);
  const double seconds_per_row = work_seconds * static_cast<double>(num_workers) / num_scores;
  LinkOptions link;
  link.window = 2 + world.below(30);
  for (std::uint64_t i = 0; i < num_workers; ++i) {
    const auto credits = 1 + static_cast<std::uint32_t>(world.below(4));
    scenario.workers.push_back({"w" + std::to_string(i), seconds_per_row, credits, link});
  }
  if (world.happens(0.2)) scenario.workers[0].seconds_per_row *= 20;
  scenario.coordinator.blocks_in_flight = 1 + world.below(8);
  scenario.coordinator.has_scorer = scenario.job.poison.empty() && world.happens(0.3);
  scenario.coordinator.seconds_per_row = seconds_per_row;
  scenario.coordinator.link = link;
  std::uint32_t largest_tile = 0;
  for (std::uint64_t block = 0; block < scenario.job.num_blocks(); ++block) {
    for (const TileRange& tile : scenario.job.tiles(block))
      largest_tile = std::max(largest_tile, tile.count);
  }
  scenario.coordinator.task_deadline_seconds =
      60 + 2 * largest_tile * scenario.workers[0].seconds_per_row;
  scenario.faults.drop = rate(world, 0.3);
  scenario.faults.doubled = rate(world, 0.3);
  scenario.faults.corrupt = rate(world, 0.3);
  scenario.faults.reordered = rate(world, 0.3);
  scenario.faults.delayed = rate(world, 0.3);
  scenario.faults.max_delay = std::chrono::milliseconds(100 + world.below(5000));
  scenario.mishaps = draw_mishaps(world);
  scenario.trouble = world.between(5, 40);
  const double alone_seconds = num_scores * scenario.workers[0].seconds_per_row;
  const std::size_t num_poisons =
      scenario.job.poison.size() + (scenario.job.poison_prompt.has_value() ? 1 : 0);
  scenario.patience = from_seconds(200 + 2 * alone_seconds + 60 * static_cast<double>(num_poisons));
  return scenario;
}

std::string Scenario::describe() const {
  char text[400];
  std::snprintf(
      text, sizeof text,
      "%zu rows, %u models, %u rounds, %zu workers%s, %zu poison, %zu bad; lost %.2f doubled %.2f "
      "corrupt "
      "%.2f "
      "reordered %.2f delayed %.2f; kills %.1f cuts %.1f freezes %.1f jams %.1f drains %.1f "
      "restarts %.1f",
      job.rows.size(), job.num_models, static_cast<unsigned>(job.num_rounds), workers.size(),
      coordinator.has_scorer ? " and its own" : "", job.poison.size(), job.bad.size(), faults.drop,
      faults.doubled, faults.corrupt, faults.reordered, faults.delayed, mishaps.kill_worker,
      mishaps.cut_worker, mishaps.freeze_worker, mishaps.jam_worker, mishaps.drain_worker,
      mishaps.kill_coordinator);
  return text;
}

}  // namespace midpo::simulation
