// SPDX-License-Identifier: Apache-2.0
#include "models/device_memory.h"

#include <algorithm>
#include <fstream>

#include "models/load_cuda.h"
#include "runtime/core/control_group.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

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

}  // namespace

std::int64_t free_device_bytes(const std::string& device) {
  if (const auto index = cuda_index(device)) return cuda_free_bytes(*index);
  std::int64_t bytes = available_to_all();
  for (const std::string& group : control_groups()) bytes = std::min(bytes, memory_left(group));
  return bytes;
}

}  // namespace midpo
