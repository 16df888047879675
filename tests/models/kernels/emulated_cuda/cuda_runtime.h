// SPDX-License-Identifier: Apache-2.0
// Stands in for the toolkit's header where kernels are compiled for the emulated device: what they
// use of CUDA's language and runtime, no more.
#pragma once

#include <cmath>
#include <cstddef>
#include <tuple>
#include <utility>

#include "tests/models/kernels/emulated_cuda/device.h"

#define __global__
#define __device__
/// One block runs at a time.
#define __shared__ static

#define blockIdx (midpo::emulated_cuda::place().block_index)
#define threadIdx (midpo::emulated_cuda::place().thread_index)
#define blockDim (midpo::emulated_cuda::place().block)

#define __syncthreads() midpo::emulated_cuda::meet_block()

inline float __shfl_xor_sync(unsigned /*all*/, float value, int lane_mask) {
  return midpo::emulated_cuda::exchange(value, static_cast<unsigned>(lane_mask));
}

inline float rsqrtf(float value) { return 1.0F / std::sqrt(value); }

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned width = 1, unsigned height = 1, unsigned depth = 1)
      : x(width), y(height), z(depth) {}
};

using cudaStream_t = struct CudaStream*;
enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidConfiguration = 9 };
inline const char* cudaGetErrorString(cudaError_t /*status*/) { return "invalid configuration"; }

template <class... Parameters, std::size_t... kIndex>
void emulate_launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, void** arguments,
                    std::index_sequence<kIndex...> /*unused*/) {
  midpo::emulated_cuda::run({grid.x, grid.y, grid.z}, {block.x, block.y, block.z}, [&] {
    kernel(*static_cast<std::remove_reference_t<Parameters>*>(arguments[kIndex])...);
  });
}

/// Refuses what a device would: empty grids, and blocks of more than 1,024 threads.
template <class... Parameters>
cudaError_t cudaLaunchKernel(void (*kernel)(Parameters...), dim3 grid, dim3 block, void** arguments,
                             std::size_t /*shared_bytes*/, cudaStream_t /*stream*/) {
  const unsigned threads = block.x * block.y * block.z;
  if (threads == 0 || threads > 1024 || grid.x == 0 || grid.y == 0 || grid.y > 65535) {
    return cudaErrorInvalidConfiguration;
  }
  emulate_launch(kernel, grid, block, arguments, std::index_sequence_for<Parameters...>());
  return cudaSuccess;
}
