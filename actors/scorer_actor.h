// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "actors/job.h"
#include "actors/messages.h"

namespace midpo {

/// Computes tiles: reward, cost and reference models are engines behind one actor. Asks for work by
/// itself and keeps one tile waiting behind the one it computes. A tile that fails is reported,
/// never dropped; a tile that does not fit in memory is halved until it does (values do not depend
/// on the split). Detached: it owns the thread it computes on.
ScorerActor::behavior_type scorer_actor(ScorerActor::pointer self,
                                        std::shared_ptr<const ScoringJob> job, std::uint64_t worker,
                                        ScoreDesk desk, StoreActor store);

}  // namespace midpo
