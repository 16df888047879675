// SPDX-License-Identifier: Apache-2.0
// One block per row; the row is read twice and the residual written once.
#include "models/kernels/cuda_device.cuh"
#include "models/kernels/cuda_kernels.h"

namespace midpo {
namespace {

template <class T>
__global__ void rms_norm_kernel(RmsNormArgs args) {
  std::int64_t row = blockIdx.x;
  float* residual = args.residual + row * args.dim;
  const T* delta = static_cast<const T*>(args.delta);
  float squares = 0.0F;
  for (std::int64_t i = threadIdx.x; i < args.dim; i += blockDim.x) {
    float value = residual[i];
    if (delta != nullptr) residual[i] = value += cuda::read(delta + row * args.dim + i);
    squares += value * value;
  }
  if (args.out == nullptr) return;
  float mean = cuda::reduce_block<cuda::Sum>(squares) / static_cast<float>(args.dim);
  float scale = rsqrtf(mean + args.eps);
  T* out = static_cast<T*>(args.out) + row * args.dim;
  for (std::int64_t i = threadIdx.x; i < args.dim; i += blockDim.x) {
    cuda::write(out + i, residual[i] * scale * args.weight[i]);
  }
}

}  // namespace

void rms_norm_cuda(const RmsNormArgs& args, void* stream) {
  if (args.rows == 0) return;
  auto kernel =
      args.dtype == DType::kFloat32 ? rms_norm_kernel<float> : rms_norm_kernel<__nv_bfloat16>;
  cuda::launch("rms_norm", kernel, cuda::extent(args.rows), cuda::kThreads, stream, args);
}

}  // namespace midpo
