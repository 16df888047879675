// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "actors/pipeline/expert_versions.h"

namespace midpo {

/// An expert publishes its versions, and is held while it is too far ahead of the router.
std::shared_ptr<StepCompanion> make_publisher(std::shared_ptr<ExpertVersions> versions,
                                              std::size_t expert);

/// The router takes over the version that its next step is to use: both experts' at once, whole, as
/// they were published.
std::shared_ptr<StepCompanion> make_follower(std::shared_ptr<ExpertVersions> versions);

}  // namespace midpo
