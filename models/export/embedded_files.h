// SPDX-License-Identifier: Apache-2.0
// The Python files of this folder, part of the program: an export needs nothing beside it.
#pragma once

#include <string_view>

namespace midpo {

extern const std::string_view kConfigurationPython;  ///< configuration_midpo.py
extern const std::string_view kModelingPython;       ///< modeling_midpo.py

}  // namespace midpo
