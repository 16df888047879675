// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/report/run_data.h"

namespace midpo {

/// The report as one HTML page that needs nothing else: a table and the safety-helpfulness plane
/// of all evaluations, curves of what was trained, rows kept by rankings, gates, throughput.
/// Sections without data are left out.
std::string report_page(const std::vector<RunData>& runs);

}  // namespace midpo
