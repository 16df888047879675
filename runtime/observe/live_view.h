// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/observe/activity.h"

namespace midpo {

/// One line an actor: what it does and since when, its busy share, rows/s, queue, weight version.
/// No line is wider than `width` columns. Where there would be more than `room` lines (at least 1),
/// the last one counts the actors that are left out.
std::vector<std::string> actor_lines(const std::vector<ActorFigures>& actors, int width, int room);

/// From now on progress bars of this process stand above a line for every actor, on terminals.
void show_actors(bool is_wanted);
bool shows_actors();

}  // namespace midpo
