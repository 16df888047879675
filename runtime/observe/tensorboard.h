// SPDX-License-Identifier: Apache-2.0
// The same metrics as TensorBoard reads them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/observe/metrics.h"

namespace midpo {

/// Writes scalars to a new events file in this folder (created if needed); one file per process,
/// TensorBoard joins them. Floats are cut to 32 bits, as its format has it.
/// @param first_step  of a run that continues: TensorBoard then forgets this step and later ones of
///   earlier files. 0: a new run.
/// @throws Error(kStorage); write() as MetricsWriter says.
std::unique_ptr<MetricsWriter> open_tensorboard(const std::string& folder,
                                                std::uint64_t first_step = 0);

/// One TFRecord: length and payload, each followed by its masked CRC-32C.
std::string tensorboard_record(std::string_view payload);

}  // namespace midpo
