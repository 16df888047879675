// SPDX-License-Identifier: Apache-2.0
// Sharing out work that takes microseconds. A parallel region costs as much as such work does; a
// team is one region, in which the other threads wait for the next piece without sleeping.
#pragma once

#include <cstdint>
#include <functional>

namespace midpo {

/// Runs body() on the calling thread. What it shares out meanwhile is taken by its team: as many
/// threads as its share (set_thread_share) allows, itself included.
void with_spin_team(const std::function<void()>& body);

/// Runs body(begin, end) over parts of [0, count), of at least `grain` each: on the team of the
/// calling thread, without one as at::parallel_for() does.
void spin_share(std::int64_t count, std::int64_t grain,
                const std::function<void(std::int64_t, std::int64_t)>& body);

/// Whether the calling thread has a team.
bool has_spin_team();

}  // namespace midpo
