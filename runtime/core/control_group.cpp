// SPDX-License-Identifier: Apache-2.0
#include "runtime/core/control_group.h"

#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>

namespace midpo {
namespace {

constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();

/// "max", and files that are not there, are no limit.
std::int64_t number_in(const std::string& path) {
  std::ifstream file(path);
  std::int64_t value = 0;
  return file >> value ? value : kUnlimited;
}

std::int64_t file_bytes_in(const std::string& path) {
  std::ifstream file(path);
  std::string name;
  std::int64_t value = 0, sum = 0;
  while (file >> name >> value) {
    if (name == "active_file" || name == "inactive_file") sum += value;
  }
  return sum;
}

/// The mask of a machine with more processors than cpu_set_t counts cannot be read into one.
std::size_t processors_in_mask() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<std::size_t>(CPU_COUNT(&set));
  return std::thread::hardware_concurrency();
}

}  // namespace

std::vector<std::string> control_groups(const std::string& membership, const std::string& root) {
  std::vector<std::string> groups;
  std::ifstream file(membership);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("0::/")) continue;  // other lines are of version 1
    std::filesystem::path below = line.substr(4);
    for (; !below.empty(); below = below.parent_path()) {
      groups.push_back((root / below).string());
    }
    groups.push_back(root);
  }
  return groups;
}

std::int64_t memory_left(const std::string& group) {
  const std::int64_t limit = number_in(group + "/memory.max");
  const std::int64_t used = number_in(group + "/memory.current");
  if (limit == kUnlimited || used == kUnlimited) return kUnlimited;
  return std::clamp<std::int64_t>(limit - used + file_bytes_in(group + "/memory.stat"), 0, limit);
}

std::size_t processor_quota(const std::string& group) {
  std::ifstream file(group + "/cpu.max");  // microseconds of processor time in each period
  std::int64_t quota = 0, period = 0;
  if (!(file >> quota >> period) || quota <= 0 || period <= 0) {
    return std::numeric_limits<std::size_t>::max();
  }
  return static_cast<std::size_t>((quota + period - 1) / period);
}

std::size_t num_cores() {
  std::size_t cores = std::max<std::size_t>(1, processors_in_mask());
  for (const std::string& group : control_groups()) cores = std::min(cores, processor_quota(group));
  return cores;
}

}  // namespace midpo
