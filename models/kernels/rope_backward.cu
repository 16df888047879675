// SPDX-License-Identifier: Apache-2.0
// One block per row and head. The gradients of the norms' weights are sums over rows and heads: a
// second kernel adds them in a fixed order, one block per element of the head.
#include "models/kernels/cuda_device.cuh"
#include "models/kernels/cuda_kernels.h"

namespace midpo {
namespace {

constexpr int kHeadThreads = 64;

/// Gradient of element i of the head before the rotation.
__device__ float rotate_back(const float* gradient, const float* cos_sin, int half, int i) {
  int angle = i % half;
  float sine = i < half ? cos_sin[half + angle] : -cos_sin[half + angle];
  return gradient[i] * cos_sin[angle] + gradient[i < half ? i + half : i - half] * sine;
}

template <class T>
__device__ float inverse_rms(const T* x, int dim, float eps) {
  float squares = 0.0F;
  for (int i = threadIdx.x; i < dim; i += blockDim.x)
    squares += cuda::read(x + i) * cuda::read(x + i);
  return rsqrtf(cuda::reduce_block<cuda::Sum>(squares) / static_cast<float>(dim) + eps);
}

template <class T>
__device__ void backward(const float* gradient, const float* cos_sin, const T* x, const float* norm,
                         float eps, int dim, T* out) {
  int half = dim / 2;
  float scale = 1.0F;
  float mean = 0.0F;
  if (norm != nullptr) {
    scale = inverse_rms(x, dim, eps);
    float products = 0.0F;
    for (int i = threadIdx.x; i < dim; i += blockDim.x) {
      products += rotate_back(gradient, cos_sin, half, i) * norm[i] * (cuda::read(x + i) * scale);
    }
    mean = cuda::reduce_block<cuda::Sum>(products) / static_cast<float>(dim);
  }
  for (int i = threadIdx.x; i < dim; i += blockDim.x) {
    float g = rotate_back(gradient, cos_sin, half, i);
    if (norm != nullptr) g = (g * norm[i] - cuda::read(x + i) * (scale * mean)) * scale;
    cuda::write(out + i, g);
  }
}

template <class T>
__global__ void rope_backward_kernel(RopeBackwardArgs args) {
  std::int64_t row = blockIdx.x;
  std::int64_t head = blockIdx.y;
  auto dim = static_cast<int>(args.head_dim);
  std::int64_t heads = args.num_heads + 2 * args.num_kv_heads;
  std::int64_t offset = (row * heads + head) * dim;
  const T* x = args.qkv == nullptr ? nullptr : static_cast<const T*>(args.qkv) + offset;
  T* out = static_cast<T*>(args.grad_qkv) + offset;
  const float* cos_sin = args.cos_sin + args.positions[row] * dim;
  if (head < args.num_heads) {
    const float* gradient = args.grad_q + head * args.q_head_stride + row * dim;
    return backward(gradient, cos_sin, x, args.q_norm, args.eps, dim, out);
  }
  std::int64_t kv_head = (head - args.num_heads) % args.num_kv_heads;
  std::int64_t source = kv_head * args.kv_head_stride + row * dim;
  if (head < args.num_heads + args.num_kv_heads) {
    return backward(args.grad_k + source, cos_sin, x, args.k_norm, args.eps, dim, out);
  }
  for (int i = threadIdx.x; i < dim; i += blockDim.x) cuda::write(out + i, args.grad_v[source + i]);
}

/// What the gradient of one norm's weight is a sum of.
struct NormSum {
  const float* gradient;
  std::int64_t head_stride;
  std::int64_t first_head;  ///< of qkv
  std::int64_t num_heads;
  float* grad_weight;
};

template <class T>
__global__ void norm_weight_kernel(RopeBackwardArgs args, NormSum norm) {
  auto dim = static_cast<int>(args.head_dim);
  auto element = static_cast<int>(blockIdx.x);
  std::int64_t heads = args.num_heads + 2 * args.num_kv_heads;
  float sum = 0.0F;
  for (std::int64_t item = threadIdx.x; item < args.rows * norm.num_heads; item += blockDim.x) {
    std::int64_t row = item / norm.num_heads;
    std::int64_t head = item % norm.num_heads;
    const T* x = static_cast<const T*>(args.qkv) + (row * heads + norm.first_head + head) * dim;
    float squares = 0.0F;
    for (int i = 0; i < dim; ++i) squares += cuda::read(x + i) * cuda::read(x + i);
    float scale = rsqrtf(squares / static_cast<float>(dim) + args.eps);
    float g = rotate_back(norm.gradient + head * norm.head_stride + row * dim,
                          args.cos_sin + args.positions[row] * dim, dim / 2, element);
    sum += g * (cuda::read(x + element) * scale);
  }
  sum = cuda::reduce_block<cuda::Sum>(sum);
  if (threadIdx.x == 0) norm.grad_weight[element] += sum;
}

template <class T>
void launch(const RopeBackwardArgs& args, void* stream) {
  dim3 grid(cuda::extent(args.rows), cuda::extent(args.num_heads + 2 * args.num_kv_heads));
  cuda::launch("rope_backward", rope_backward_kernel<T>, grid, kHeadThreads, stream, args);
  NormSum of_q{args.grad_q, args.q_head_stride, 0, args.num_heads, args.grad_q_norm};
  NormSum of_k{args.grad_k, args.kv_head_stride, args.num_heads, args.num_kv_heads,
               args.grad_k_norm};
  for (const NormSum& norm : {of_q, of_k}) {
    if (norm.grad_weight == nullptr || norm.num_heads == 0) continue;
    cuda::launch("rope_backward (norm)", norm_weight_kernel<T>, cuda::extent(args.head_dim),
                 cuda::kThreads, stream, args, norm);
  }
}

}  // namespace

void rope_backward_cuda(const RopeBackwardArgs& args, void* stream) {
  if (args.rows == 0) return;
  if (args.dtype == DType::kFloat32) {
    launch<float>(args, stream);
  } else {
    launch<__nv_bfloat16>(args, stream);
  }
}

}  // namespace midpo
