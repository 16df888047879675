// SPDX-License-Identifier: Apache-2.0
// One thread per output element.
#include "models/kernels/cuda_device.cuh"
#include "models/kernels/cuda_kernels.h"

namespace midpo {
namespace {

template <class T>
__global__ void silu_mul_kernel(SiluMulArgs args) {
  std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= args.rows * args.dim) return;
  const T* gate = static_cast<const T*>(args.gate_up) + i / args.dim * 2 * args.dim + i % args.dim;
  float x = cuda::read(gate);
  cuda::write(static_cast<T*>(args.out) + i, x / (1.0F + expf(-x)) * cuda::read(gate + args.dim));
}

}  // namespace

void silu_mul_cuda(const SiluMulArgs& args, void* stream) {
  std::int64_t blocks = (args.rows * args.dim + cuda::kThreads - 1) / cuda::kThreads;
  if (blocks == 0) return;
  auto kernel =
      args.dtype == DType::kFloat32 ? silu_mul_kernel<float> : silu_mul_kernel<__nv_bfloat16>;
  cuda::launch("silu_mul", kernel, cuda::extent(blocks), cuda::kThreads, stream, args);
}

}  // namespace midpo
