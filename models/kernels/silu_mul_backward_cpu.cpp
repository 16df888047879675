// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/silu_mul_backward.h"

#include "models/kernels/simd_headers.h"

#define MIDPO_KERNEL_FILE "models/kernels/silu_mul_backward_cpu.inc"
#include "models/kernels/for_each_isa.inc"

namespace midpo {

void silu_mul_backward_cpu(const SiluMulBackwardArgs& args, CpuIsa isa) {
  MIDPO_DISPATCH_ISA(isa, silu_mul_backward, args)
}

}  // namespace midpo
