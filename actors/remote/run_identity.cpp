// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/run_identity.h"

#include <fstream>
#include <random>

#include "runtime/core/atomic_file.h"
#include "runtime/core/hash.h"

namespace midpo {
namespace {

std::string random_id() {
  std::random_device entropy;
  std::uint64_t words[2];
  for (std::uint64_t& word : words) word = std::uint64_t{entropy()} << 32 | entropy();
  return ContentHash{words[0], words[1]}.hex();
}

}  // namespace

RunIdentity next_identity(const std::string& run_dir) {
  const std::string path = run_dir + "/identity";
  RunIdentity identity;
  std::ifstream file(path);
  // A file that says nothing is as good as none: the id is new, and no worker knows an epoch of it.
  if (!(file >> identity.job >> identity.epoch)) identity = {random_id(), 0};
  ++identity.epoch;
  write_file_atomically(path, identity.job + " " + std::to_string(identity.epoch) + "\n");
  return identity;
}

}  // namespace midpo
