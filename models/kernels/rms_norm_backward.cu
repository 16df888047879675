// SPDX-License-Identifier: Apache-2.0
// One block per row; for the weight's gradient one thread per column, which sums rows in order.
#include "models/kernels/cuda_device.cuh"
#include "models/kernels/cuda_kernels.h"

namespace midpo {
namespace {

template <class T>
__global__ void rms_norm_backward_kernel(RmsNormBackwardArgs args) {
  std::int64_t offset = static_cast<std::int64_t>(blockIdx.x) * args.dim;
  const float* x = args.residual + offset;
  const T* grad_out = static_cast<const T*>(args.grad_out) + offset;
  float* grad = args.grad_residual + offset;
  float squares = 0.0F;
  float products = 0.0F;
  for (std::int64_t i = threadIdx.x; i < args.dim; i += blockDim.x) {
    squares += x[i] * x[i];
    products += x[i] * (cuda::read(grad_out + i) * args.weight[i]);
  }
  auto dim = static_cast<float>(args.dim);
  float scale = rsqrtf(cuda::reduce_block<cuda::Sum>(squares) / dim + args.eps);
  float mean = cuda::reduce_block<cuda::Sum>(products) / dim * scale * scale;
  for (std::int64_t i = threadIdx.x; i < args.dim; i += blockDim.x) {
    float g = cuda::read(grad_out + i) * args.weight[i];
    grad[i] += (g - x[i] * mean) * scale;
    if (args.rounded_grad != nullptr) {
      cuda::write(static_cast<T*>(args.rounded_grad) + offset + i, grad[i]);
    }
  }
}

/// A block has kWarp columns; its warps compute 1 / rms of as many rows, then all columns use them.
template <class T>
__global__ void rms_norm_weight_kernel(RmsNormBackwardArgs args) {
  __shared__ float scales[cuda::kWarp];
  std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * cuda::kWarp + threadIdx.x;
  float sum = 0.0F;
  for (std::int64_t first = 0; first < args.rows; first += blockDim.y) {
    std::int64_t row = first + threadIdx.y;
    float squares = 0.0F;
    for (std::int64_t i = threadIdx.x; row < args.rows && i < args.dim; i += cuda::kWarp) {
      squares += args.residual[row * args.dim + i] * args.residual[row * args.dim + i];
    }
    for (int offset = cuda::kWarp / 2; offset > 0; offset /= 2) {
      squares += __shfl_xor_sync(0xffffffffU, squares, offset);
    }
    if (threadIdx.x == 0) {
      scales[threadIdx.y] = rsqrtf(squares / static_cast<float>(args.dim) + args.eps);
    }
    __syncthreads();
    for (unsigned r = 0; threadIdx.y == 0 && r < blockDim.y; ++r) {
      if (column >= args.dim || first + r >= args.rows) break;
      std::int64_t i = (first + r) * args.dim + column;
      sum += cuda::read(static_cast<const T*>(args.grad_out) + i) * (args.residual[i] * scales[r]);
    }
    __syncthreads();
  }
  if (threadIdx.y == 0 && column < args.dim) args.grad_weight[column] += sum;
}

template <class T>
void launch(const RmsNormBackwardArgs& args, void* stream) {
  cuda::launch("rms_norm_backward", rms_norm_backward_kernel<T>, cuda::extent(args.rows),
               cuda::kThreads, stream, args);
  if (args.grad_weight == nullptr) return;
  unsigned blocks = cuda::extent((args.dim + cuda::kWarp - 1) / cuda::kWarp);
  cuda::launch("rms_norm_backward (weight)", rms_norm_weight_kernel<T>, blocks,
               dim3(cuda::kWarp, cuda::kWarp), stream, args);
}

}  // namespace

void rms_norm_backward_cuda(const RmsNormBackwardArgs& args, void* stream) {
  if (args.rows == 0) return;
  if (args.dtype == DType::kFloat32) {
    launch<float>(args, stream);
  } else {
    launch<__nv_bfloat16>(args, stream);
  }
}

}  // namespace midpo
