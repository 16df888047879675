// SPDX-License-Identifier: Apache-2.0
// One thread per element of grad_out.
#include "models/kernels/cuda_device.cuh"
#include "models/kernels/cuda_kernels.h"

namespace midpo {
namespace {

template <class T>
__global__ void silu_mul_backward_kernel(SiluMulBackwardArgs args) {
  std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= args.rows * args.dim) return;
  std::int64_t gate = i / args.dim * 2 * args.dim + i % args.dim;
  const T* gate_up = static_cast<const T*>(args.gate_up);
  T* grad_gate_up = static_cast<T*>(args.grad_gate_up);
  float x = cuda::read(gate_up + gate);
  float up = cuda::read(gate_up + gate + args.dim);
  float gradient = cuda::read(static_cast<const T*>(args.grad_out) + i);
  float sigmoid = 1.0F / (1.0F + expf(-x));
  cuda::write(grad_gate_up + gate, gradient * up * sigmoid * (1.0F + x * (1.0F - sigmoid)));
  cuda::write(grad_gate_up + gate + args.dim, gradient * x * sigmoid);
}

}  // namespace

void silu_mul_backward_cuda(const SiluMulBackwardArgs& args, void* stream) {
  std::int64_t blocks = (args.rows * args.dim + cuda::kThreads - 1) / cuda::kThreads;
  if (blocks == 0) return;
  auto kernel = args.dtype == DType::kFloat32 ? silu_mul_backward_kernel<float>
                                              : silu_mul_backward_kernel<__nv_bfloat16>;
  cuda::launch("silu_mul_backward", kernel, cuda::extent(blocks), cuda::kThreads, stream, args);
}

}  // namespace midpo
