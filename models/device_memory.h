// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace midpo {

/// Bytes that a device ("cpu", "cuda:N") could still give to this process. CPU: what Linux says is
/// available, and no more than what the process's control group has left.
/// @throws Error(kDevice) for an unknown device, or where the system does not tell.
std::int64_t free_device_bytes(const std::string& device);

}  // namespace midpo
