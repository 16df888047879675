// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/low_rank.h"

#include "models/kernels/bfloat16.h"
#include "models/kernels/simd_headers.h"

#define MIDPO_KERNEL_FILE "models/kernels/low_rank_cpu.inc"
#include "models/kernels/for_each_isa.inc"

namespace midpo {

void low_rank_reduce_cpu(const LowRankArgs& args, CpuIsa isa) {
  MIDPO_DISPATCH_ISA(isa, low_rank_reduce, args)
}

void low_rank_expand_cpu(const LowRankArgs& args, CpuIsa isa) {
  MIDPO_DISPATCH_ISA(isa, low_rank_expand, args)
}

void low_rank_gradient_cpu(const LowRankArgs& args, CpuIsa isa) {
  MIDPO_DISPATCH_ISA(isa, low_rank_gradient, args)
}

}  // namespace midpo
