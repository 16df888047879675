// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace midpo {

/// Bytes that a device ("cpu", "cuda:N") could still give to this process. CPU: what Linux says is
/// available, and no more than what the process's control group has left.
/// @throws Error(kDevice) for an unknown device, or where the system does not tell.
std::int64_t free_device_bytes(const std::string& device);

/// What the control group (version 2) with its files in `folder` lets its processes still take;
/// the largest number if it has no limit. Pages of files that it has read are no loss.
std::int64_t bytes_left_in_group(const std::string& folder);

}  // namespace midpo
