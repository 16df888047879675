// SPDX-License-Identifier: Apache-2.0
// A CUDA device for tests without one: the kernels' own sources, compiled as C++, one thread at a
// time. What differs from a device is said here; it knows neither speed nor memory spaces.
#pragma once

#include <functional>

namespace midpo::emulated_cuda {

/// What __shfl_xor_sync and __syncthreads wait for is all that orders a block's threads. Warps and
/// their lanes run as far as they can, in this order: a kernel that lacks a barrier gives other
/// numbers in one of the two.
enum class Order { kForwards, kBackwards };
void set_order(Order order);

struct Size {
  unsigned x = 1, y = 1, z = 1;
};

/// Of the thread that runs now.
struct Place {
  Size grid, block, block_index, thread_index;
};
const Place& place();

/// Runs `thread` for every thread of the grid, block after block. Ends the program with a word on
/// standard error where threads of a block wait in different places, which hangs or worse on a GPU.
void run(Size grid, Size block, const std::function<void()>& thread);

/// __syncthreads().
void meet_block();

/// __shfl_xor_sync() of a whole warp.
float exchange(float value, unsigned lane_mask);

}  // namespace midpo::emulated_cuda
