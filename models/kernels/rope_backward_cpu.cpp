// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/rope_backward.h"

#include "models/kernels/simd_headers.h"

#define MIDPO_KERNEL_FILE "models/kernels/rope_backward_cpu.inc"
#include "models/kernels/for_each_isa.inc"

namespace midpo {

void rope_backward_cpu(const RopeBackwardArgs& args, CpuIsa isa) {
  MIDPO_DISPATCH_ISA(isa, rope_backward, args)
}

}  // namespace midpo
