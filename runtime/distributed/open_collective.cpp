// SPDX-License-Identifier: Apache-2.0
#include "runtime/distributed/open_collective.h"

#include "runtime/core/shared_library.h"

namespace midpo {
namespace {

using OpenFunction = void (*)(const CollectiveOptions&, std::unique_ptr<Collective>*);

OpenFunction load_open_function() {
  const SharedLibrary library(
      program_folder() / "libmidpo_collectives.so", SharedLibrary::Symbols::kOwn,
      {"it connects ranks; keep it beside the program, or build with -DMIDPO_TORCH=ON and Debian's "
       "libgloo-dev",
       "run scripts/setup.sh to install LibTorch"});
  return library.function<OpenFunction>("midpo_open_collective");
}

}  // namespace

std::unique_ptr<Collective> open_collective(const CollectiveOptions& options) {
  static const OpenFunction open = load_open_function();
  std::unique_ptr<Collective> collective;
  open(options, &collective);
  return collective;
}

}  // namespace midpo
