// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/rms_norm_backward.h"

#include "models/kernels/simd_headers.h"

#define MIDPO_KERNEL_FILE "models/kernels/rms_norm_backward_cpu.inc"
#include "models/kernels/for_each_isa.inc"

namespace midpo {

void rms_norm_backward_cpu(const RmsNormBackwardArgs& args, CpuIsa isa) {
  MIDPO_DISPATCH_ISA(isa, rms_norm_backward, args)
}

}  // namespace midpo
