// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace midpo {

/// Called behind every tensor operation and kernel of ours, on the thread that called it. On
/// accelerators the times are those of the launch.
using OpListener = void (*)(const char* name, std::chrono::steady_clock::time_point start,
                            std::chrono::steady_clock::time_point end);

/// For the whole process, from here on: to be called before any model is loaded.
/// @throws Error(kDevice) as load_engines().
void listen_to_ops(OpListener listener);

}  // namespace midpo
