// SPDX-License-Identifier: Apache-2.0
// What may stand at the path of an output.
#pragma once

#include <string>
#include <vector>

namespace midpo {

/// To be asked before anything is written: --overwrite removes what is there.
/// @throws Error(kConfig) naming an output that is the same file or folder as an input.
void require_not_read(const std::vector<std::string>& inputs,
                      const std::vector<std::string>& outputs);

/// @throws Error(kConfig) naming an output that exists and that --overwrite was not given for.
void require_replaceable(const std::vector<std::string>& outputs, bool overwrite);

}  // namespace midpo
