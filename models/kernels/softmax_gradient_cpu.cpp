// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/softmax_gradient.h"

#include "models/kernels/simd_headers.h"

#define MIDPO_KERNEL_FILE "models/kernels/softmax_gradient_cpu.inc"
#include "models/kernels/for_each_isa.inc"

namespace midpo {

void softmax_gradient_cpu(const SoftmaxGradientArgs& args, CpuIsa isa) {
  MIDPO_DISPATCH_ISA(isa, softmax_gradient, args)
}

}  // namespace midpo
