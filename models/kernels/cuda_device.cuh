// SPDX-License-Identifier: Apache-2.0
// What the CUDA kernels share: element types, block reductions, launches.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <string>

#include "models/dtype.h"
#include "runtime/core/error.h"

namespace midpo::cuda {

inline constexpr int kThreads = 256;
inline constexpr int kWarp = 32;

__device__ inline float read(const float* source) { return *source; }
__device__ inline float read(const __nv_bfloat16* source) { return __bfloat162float(*source); }
__device__ inline void write(float* target, float value) { *target = value; }
__device__ inline void write(__nv_bfloat16* target, float value) {
  *target = __float2bfloat16_rn(value);
}

struct Sum {
  __device__ static float combine(float a, float b) { return a + b; }
  __device__ static float identity() { return 0.0F; }
};
struct Max {
  /// NaN wins, so that it reaches the result.
  __device__ static float combine(float a, float b) { return a != a || a > b ? a : b; }
  __device__ static float identity() { return -INFINITY; }
};

/// The same value in every thread; the order of combination is fixed.
template <class Operation>
__device__ float reduce_block(float value) {
  __shared__ float of_warp[kWarp];
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    value = Operation::combine(value, __shfl_xor_sync(0xffffffffU, value, offset));
  }
  if (threadIdx.x % kWarp == 0) of_warp[threadIdx.x / kWarp] = value;
  __syncthreads();
  float result = Operation::identity();
  for (unsigned warp = 0; warp < blockDim.x / kWarp; ++warp) {
    result = Operation::combine(result, of_warp[warp]);
  }
  __syncthreads();
  return result;
}

/// Keeps a parameter out of deduction. (std::type_identity is of C++20, which nvcc's build is not.)
template <class T>
struct Exactly {
  using Type = T;
};

/// Enqueues the kernel. @param stream a cudaStream_t.
/// @throws Error(kDevice) naming the kernel where CUDA refuses the launch.
template <class... Parameters>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, void* stream,
            typename Exactly<Parameters>::Type... arguments) {
  void* pointers[] = {&arguments...};
  cudaError_t status =
      cudaLaunchKernel(kernel, grid, block, pointers, 0, static_cast<cudaStream_t>(stream));
  if (status == cudaSuccess) return;
  throw Error(ErrorCode::kDevice,
              std::string(name) + ": CUDA refuses the launch: " + cudaGetErrorString(status));
}

/// A dimension of a grid or block.
inline unsigned extent(std::int64_t count) { return static_cast<unsigned>(count); }

}  // namespace midpo::cuda
