// SPDX-License-Identifier: Apache-2.0
#include "runtime/observe/live_view.h"

#include <algorithm>
#include <atomic>
#include <cstdio>

namespace midpo {
namespace {

std::atomic<bool> g_shows_actors{false};

std::string line_of(const ActorFigures& actor) {
  const double alive = std::max(actor.alive_seconds, 1e-9);
  char text[160];
  std::snprintf(text, sizeof text, "  %-20.20s %-16.16s %7.1f s  busy %3.0f %%  %9.1f rows/s",
                actor.name.c_str(), actor.state.c_str(), actor.state_seconds,
                100.0 * actor.busy_seconds / alive, static_cast<double>(actor.items) / alive);
  std::string line = text;
  if (actor.queue > 0) line += "  queue " + std::to_string(actor.queue);
  if (actor.version > 0) line += "  version " + std::to_string(actor.version);
  return line;
}

}  // namespace

std::vector<std::string> actor_lines(const std::vector<ActorFigures>& actors, int width, int room) {
  const auto columns = static_cast<std::size_t>(std::max(width, 1));
  const auto most = static_cast<std::size_t>(std::max(room, 1));
  const std::size_t num_shown = actors.size() <= most ? actors.size() : most - 1;
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < num_shown; ++i) lines.push_back(line_of(actors[i]));
  if (num_shown < actors.size()) {
    lines.push_back("  and " + std::to_string(actors.size() - num_shown) + " more");
  }
  for (std::string& line : lines) line.resize(std::min(line.size(), columns));
  return lines;
}

void show_actors(bool is_wanted) { g_shows_actors = is_wanted; }
bool shows_actors() { return g_shows_actors; }

}  // namespace midpo
