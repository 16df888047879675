// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "actors/job.h"
#include "runtime/transport/worker_table.h"

namespace midpo {

/// How a job presents itself to workers of other processes.
WorkerTableOptions table_options(const ScoringJob& job);

}  // namespace midpo
