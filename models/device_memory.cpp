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

/// Version 2 control groups, as a container sees its own.
std::int64_t left_in_group() {
  const std::int64_t limit = number_in("/sys/fs/cgroup/memory.max");
  const std::int64_t used = number_in("/sys/fs/cgroup/memory.current");
  if (limit == kUnlimited || used == kUnlimited) return kUnlimited;
  return std::max<std::int64_t>(0, limit - used);
}

}  // namespace

std::int64_t free_device_bytes(const std::string& device) {
  const auto index = cuda_index(device);
  return index ? cuda_free_bytes(*index) : std::min(available_to_all(), left_in_group());
}

}  // namespace midpo
