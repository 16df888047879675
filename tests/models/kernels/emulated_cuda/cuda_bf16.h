// SPDX-License-Identifier: Apache-2.0
// Stands in for the toolkit's header, see cuda_runtime.h.
#pragma once

#include "models/kernels/bfloat16.h"

using __nv_bfloat16 = midpo::BFloat16;

inline float __bfloat162float(__nv_bfloat16 value) { return midpo::to_float(value); }
inline __nv_bfloat16 __float2bfloat16_rn(float value) { return midpo::to_bfloat16(value); }
