// SPDX-License-Identifier: Apache-2.0
// One block per row; logits are read three times and written once.
#include "models/kernels/cuda_device.cuh"
#include "models/kernels/cuda_kernels.h"

namespace midpo {
namespace {

template <class T>
__global__ void softmax_gradient_kernel(SoftmaxGradientArgs args) {
  std::int64_t row = blockIdx.x;
  T* logits = static_cast<T*>(args.logits) + row * args.vocab;
  float max = -INFINITY;
  for (std::int64_t i = threadIdx.x; i < args.vocab; i += blockDim.x) {
    max = cuda::Max::combine(cuda::read(logits + i), max);
  }
  max = cuda::reduce_block<cuda::Max>(max);
  float sum = 0.0F;
  for (std::int64_t i = threadIdx.x; i < args.vocab; i += blockDim.x) {
    sum += expf(cuda::read(logits + i) - max);
  }
  float log_sum = logf(cuda::reduce_block<cuda::Sum>(sum));
  float log_prob =
      cuda::read(logits + args.tokens[row]) - max - log_sum;  // the bits of log_softmax
  float normalizer = max + log_sum;
  float weight = args.weights == nullptr ? 1.0F : args.weights[row];
  __syncthreads();  // the target's logit is read by all threads and written by one
  for (std::int64_t i = threadIdx.x; i < args.vocab; i += blockDim.x) {
    float gradient =
        i == args.tokens[row] ? -expm1f(log_prob) : -expf(cuda::read(logits + i) - normalizer);
    cuda::write(logits + i, weight * gradient);
  }
  if (threadIdx.x == 0) args.log_probs[row] = log_prob;
}

}  // namespace

void softmax_gradient_cuda(const SoftmaxGradientArgs& args, void* stream) {
  if (args.rows == 0) return;
  auto kernel = args.dtype == DType::kFloat32 ? softmax_gradient_kernel<float>
                                              : softmax_gradient_kernel<__nv_bfloat16>;
  cuda::launch("softmax_gradient", kernel, cuda::extent(args.rows), cuda::kThreads, stream, args);
}

}  // namespace midpo
