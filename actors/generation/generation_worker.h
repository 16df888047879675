// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "actors/generation/row_writer.h"

namespace midpo {

/// One generator with the rows it is writing. Not thread-safe; no CAF.
class GenerationWorker {
 public:
  /// @param device  index into the job's replicas.
  GenerationWorker(std::shared_ptr<const GenerationJob> job, std::size_t device);

  void submit(std::shared_ptr<const PromptRow> row);

  /// Prompts not yet begun: who feeds it keeps some there.
  std::size_t num_waiting() const { return generator_->num_waiting(); }
  bool is_idle() const { return generator_->is_idle(); }

  /// One step of everything that runs. @return rows all of whose responses are now complete.
  std::vector<GeneratedRow> step();

 private:
  std::shared_ptr<const GenerationJob> job_;
  std::unique_ptr<Generator> generator_;
  std::map<std::uint64_t, RowWriter> writing_;
};

}  // namespace midpo
