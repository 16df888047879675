// SPDX-License-Identifier: Apache-2.0
// What the mains of the stub programs do: arguments in, an Error as text and exit status out.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "runtime/core/error.h"

namespace midpo {

inline int stub_main(const char* name, int (*run)(const std::vector<std::string>& arguments),
                     int argc, char** argv) {
  try {
    return run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const Error& error) {
    std::fprintf(stderr, "%s: %s\n", name, error.what());
    return exit_status(error.code());
  }
}

}  // namespace midpo
