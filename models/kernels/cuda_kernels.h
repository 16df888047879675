// SPDX-License-Identifier: Apache-2.0
// The CUDA twins of the CPU kernels: same arguments, all pointers on the device. Launchers enqueue
// on the stream (a cudaStream_t), neither allocate nor wait, and throw Error(kDevice) when a launch
// is refused. fp32 accumulation.
#pragma once

#include "models/kernels/log_softmax.h"
#include "models/kernels/rms_norm.h"
#include "models/kernels/rms_norm_backward.h"
#include "models/kernels/rope.h"
#include "models/kernels/rope_backward.h"
#include "models/kernels/silu_mul.h"
#include "models/kernels/silu_mul_backward.h"
#include "models/kernels/softmax_gradient.h"

namespace midpo {

void rms_norm_cuda(const RmsNormArgs& args, void* stream);
void rope_cuda(const RopeArgs& args, void* stream);
void silu_mul_cuda(const SiluMulArgs& args, void* stream);
/// `targets` and `out` are on the device as well.
void log_softmax_cuda(const LogSoftmaxArgs& args, void* stream);

void rms_norm_backward_cuda(const RmsNormBackwardArgs& args, void* stream);
void rope_backward_cuda(const RopeBackwardArgs& args, void* stream);
void silu_mul_backward_cuda(const SiluMulBackwardArgs& args, void* stream);
void softmax_gradient_cuda(const SoftmaxGradientArgs& args, void* stream);

}  // namespace midpo
