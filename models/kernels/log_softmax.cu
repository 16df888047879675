// SPDX-License-Identifier: Apache-2.0
// One block per target: targets that share a row (the first tokens that differ) are few.
#include "models/kernels/cuda_device.cuh"
#include "models/kernels/cuda_kernels.h"

namespace midpo {
namespace {

template <class T>
__global__ void log_softmax_kernel(LogSoftmaxArgs args) {
  LogProbTarget target = args.targets[blockIdx.x];
  const T* logits = static_cast<const T*>(args.logits) + target.row * args.vocab;
  float largest = cuda::Max::identity();
  for (std::int64_t i = threadIdx.x; i < args.vocab; i += blockDim.x) {
    largest = cuda::Max::combine(cuda::read(logits + i), largest);
  }
  largest = cuda::reduce_block<cuda::Max>(largest);
  float sum = 0.0F;
  for (std::int64_t i = threadIdx.x; i < args.vocab; i += blockDim.x) {
    sum += expf(cuda::read(logits + i) - largest);
  }
  sum = cuda::reduce_block<cuda::Sum>(sum);
  if (threadIdx.x == 0) {
    args.out[blockIdx.x] = cuda::read(logits + target.token) - largest - logf(sum);
  }
}

}  // namespace

void log_softmax_cuda(const LogSoftmaxArgs& args, void* stream) {
  if (args.num_targets == 0) return;
  auto kernel =
      args.dtype == DType::kFloat32 ? log_softmax_kernel<float> : log_softmax_kernel<__nv_bfloat16>;
  cuda::launch("log_softmax", kernel, cuda::extent(args.num_targets), cuda::kThreads, stream, args);
}

}  // namespace midpo
