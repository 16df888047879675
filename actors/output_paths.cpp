// SPDX-License-Identifier: Apache-2.0
#include "actors/output_paths.h"

#include <filesystem>
#include <system_error>

#include "runtime/core/error.h"

namespace midpo {

void require_not_read(const std::vector<std::string>& inputs,
                      const std::vector<std::string>& outputs) {
  for (const std::string& output : outputs) {
    for (const std::string& input : inputs) {
      std::error_code ignored;  // what does not exist is not read
      require(!std::filesystem::equivalent(input, output, ignored), ErrorCode::kConfig,
              "output: " + output + " is also read; choose another path");
    }
  }
}

void require_replaceable(const std::vector<std::string>& outputs, bool overwrite) {
  for (const std::string& output : outputs) {
    require(overwrite || !std::filesystem::exists(output), ErrorCode::kConfig,
            output + " exists; choose another --output, or replace it with --overwrite");
  }
}

}  // namespace midpo
