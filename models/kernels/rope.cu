// SPDX-License-Identifier: Apache-2.0
// One block per row and head; every element is read once (twice with a norm) and written once.
#include "models/kernels/cuda_device.cuh"
#include "models/kernels/cuda_kernels.h"

namespace midpo {
namespace {

constexpr int kHeadThreads = 64;

template <class T>
__device__ void rotate(const T* head, const float* cos_sin, const float* norm, float eps, int dim,
                       T* out) {
  float scale = 1.0F;
  if (norm != nullptr) {
    float squares = 0.0F;
    for (int i = threadIdx.x; i < dim; i += blockDim.x) {
      squares += cuda::read(head + i) * cuda::read(head + i);
    }
    scale = rsqrtf(cuda::reduce_block<cuda::Sum>(squares) / static_cast<float>(dim) + eps);
  }
  int half = dim / 2;
  for (int i = threadIdx.x; i < half; i += blockDim.x) {
    float low = cuda::read(head + i);
    float high = cuda::read(head + half + i);
    if (norm != nullptr) {
      low *= scale * norm[i];
      high *= scale * norm[half + i];
    }
    cuda::write(out + i, low * cos_sin[i] - high * cos_sin[half + i]);
    cuda::write(out + half + i, high * cos_sin[i] + low * cos_sin[half + i]);
  }
}

template <class T>
__global__ void rope_kernel(RopeArgs args) {
  std::int64_t row = blockIdx.x;
  std::int64_t head = blockIdx.y;
  auto dim = static_cast<int>(args.head_dim);
  std::int64_t heads = args.num_heads + 2 * args.num_kv_heads;
  const T* input = static_cast<const T*>(args.qkv) + (row * heads + head) * dim;
  const float* cos_sin = args.cos_sin + args.positions[row] * dim;
  if (head < args.num_heads) {
    T* out = static_cast<T*>(args.q) + head * args.q_head_stride + row * dim;
    rotate(input, cos_sin, args.q_norm, args.eps, dim, out);
    return;
  }
  std::int64_t kv_head = (head - args.num_heads) % args.num_kv_heads;
  std::int64_t kv_row = args.kv_rows == nullptr ? row : args.kv_rows[row];
  std::int64_t offset = kv_head * args.kv_head_stride + kv_row * dim;
  if (head < args.num_heads + args.num_kv_heads) {
    rotate(input, cos_sin, args.k_norm, args.eps, dim, static_cast<T*>(args.k) + offset);
    return;
  }
  T* out = static_cast<T*>(args.v) + offset;
  for (int i = threadIdx.x; i < dim; i += blockDim.x) out[i] = input[i];
}

}  // namespace

void rope_cuda(const RopeArgs& args, void* stream) {
  if (args.rows == 0) return;
  auto kernel = args.dtype == DType::kFloat32 ? rope_kernel<float> : rope_kernel<__nv_bfloat16>;
  dim3 grid(cuda::extent(args.rows), cuda::extent(args.num_heads + 2 * args.num_kv_heads));
  cuda::launch("rope", kernel, grid, kHeadThreads, stream, args);
}

}  // namespace midpo
