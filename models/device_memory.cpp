// SPDX-License-Identifier: Apache-2.0
#include "models/device_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>

#include "models/load_cuda.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();

std::int64_t available_to_all() {
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  std::int64_t kib = 0;
  while (file >> name >> kib) {
    if (name == "MemAvailable:") return kib * 1024;
    std::getline(file, unit);
  }
  throw Error(ErrorCode::kDevice,
              "/proc/meminfo has no MemAvailable; it is needed to see whether "
              "the models fit");
}

/// "max", and files that are not there, are no limit.
std::int64_t number_in(const std::string& path) {
  std::ifstream file(path);
  std::int64_t value = 0;
  return file >> value ? value : kUnlimited;
}

/// Pages of files, which the system takes back before it refuses memory.
std::int64_t file_bytes_in(const std::string& path) {
  std::ifstream file(path);
  std::string name;
  std::int64_t value = 0, sum = 0;
  while (file >> name >> value) {
    if (name == "active_file" || name == "inactive_file") sum += value;
  }
  return sum;
}

}  // namespace

std::int64_t bytes_left_in_group(const std::string& folder) {
  const std::int64_t limit = number_in(folder + "/memory.max");
  const std::int64_t used = number_in(folder + "/memory.current");
  if (limit == kUnlimited || used == kUnlimited) return kUnlimited;
  return std::clamp<std::int64_t>(limit - used + file_bytes_in(folder + "/memory.stat"), 0, limit);
}

std::int64_t free_device_bytes(const std::string& device) {
  const auto index = cuda_index(device);
  return index ? cuda_free_bytes(*index)
               : std::min(available_to_all(), bytes_left_in_group("/sys/fs/cgroup"));
}

}  // namespace midpo
