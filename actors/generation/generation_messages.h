// SPDX-License-Identifier: Apache-2.0
// The protocol of a generation job: one desk, and generators that ask it for work.
//
//   generator --WantPrompts--> desk --PromptsRead--> generator --RowGenerated--> desk
//
// Each actor ends by itself when its work is done; EndGeneration ends it early.
#pragma once

#include <caf/all.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "actors/generation/generated_row.h"

namespace midpo {

// --- to a generator
struct PromptsRead {
  std::vector<std::shared_ptr<const PromptRow>> rows;
  bool is_last = false;  ///< the input has ended
};
struct GenerateStep {};  ///< to itself
// --- to the desk
struct RowGenerated {
  std::shared_ptr<const GeneratedRow> row;
};
// --- to all
struct EndGeneration {};

}  // namespace midpo

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(midpo::PromptsRead)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(midpo::GenerateStep)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(midpo::RowGenerated)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(midpo::EndGeneration)

namespace midpo {

using GeneratorActor = caf::typed_actor<caf::reacts_to<PromptsRead>, caf::reacts_to<GenerateStep>,
                                        caf::reacts_to<EndGeneration>>;

// --- to the desk
struct WantPrompts {
  std::size_t count = 0;
  GeneratorActor generator;
};

}  // namespace midpo

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(midpo::WantPrompts)

namespace midpo {

using PromptDeskActor = caf::typed_actor<caf::reacts_to<WantPrompts>, caf::reacts_to<RowGenerated>,
                                         caf::reacts_to<EndGeneration>>;

}  // namespace midpo
