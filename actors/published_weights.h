// SPDX-License-Identifier: Apache-2.0
// Weights that a learner has published: a folder, named by its content.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "runtime/core/hash.h"
#include "runtime/transport/weights_stream.h"

namespace midpo {

struct PublishedWeights {
  std::uint64_t version = 0;  ///< optimizer steps behind it
  std::string path;
  ContentHash hash;
};

/// Hash of the names and bytes of a folder's files. @throws Error(kStorage).
ContentHash hash_folder(const std::string& path);

/// @throws Error(kStalePolicy) unless the folder still is what was published.
void verify_weights(const PublishedWeights& weights);

/// The folder as other processes are sent it. Its files stay open: it may be removed meanwhile.
/// @throws Error(kStorage).
std::shared_ptr<const WeightsVersion> open_weights(const PublishedWeights& weights);

}  // namespace midpo
