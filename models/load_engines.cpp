// SPDX-License-Identifier: Apache-2.0
#include "models/engines.h"
#include "models/op_listener.h"
#include "runtime/core/shared_library.h"

namespace midpo {
namespace {

using FactoryFunction = const EngineFactory* (*)();
using ListenFunction = void (*)(OpListener);

const SharedLibrary& model_library() {
  static const SharedLibrary library(
      program_folder() / "libmidpo_models.so", SharedLibrary::Symbols::kOwn,
      {"it holds the models; keep it beside the program, or build with -DMIDPO_TORCH=ON",
       "run scripts/setup.sh to install LibTorch"});
  return library;
}

}  // namespace

const EngineFactory& load_engines() {
  static const EngineFactory& engines =
      *model_library().function<FactoryFunction>("midpo_engine_factory")();
  return engines;
}

void listen_to_ops(OpListener listener) {
  model_library().function<ListenFunction>("midpo_listen_to_ops")(listener);
}

}  // namespace midpo
