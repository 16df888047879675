// SPDX-License-Identifier: Apache-2.0
// What a container, a batch job or a service unit lets its processes take.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace midpo {

/// Folders of this process's control group (version 2) and of those above it, its own first: each
/// may hold a limit. None where the system has none.
std::vector<std::string> control_groups(const std::string& membership = "/proc/self/cgroup",
                                        const std::string& root = "/sys/fs/cgroup");

/// Bytes that the group lets its processes still take; the largest number without a limit. Pages of
/// files that were read are no loss: the system takes them back first.
std::int64_t memory_left(const std::string& group);

/// Processors' worth of time that the group's processes get, rounded up; the largest number without
/// a limit.
std::size_t processor_quota(const std::string& group);

/// Processors that this process may use: of its affinity mask, and no more than its quota.
std::size_t num_cores();

}  // namespace midpo
