// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace midpo {

/// Prompts of a round that one generator writes for, all with the weights of one version.
struct RoundPart {
  std::uint64_t id = 0;  ///< from PartDesk::kFirstId on: never that of a tile
  std::uint32_t attempt = 0;
  std::uint64_t round = 0;
  std::uint64_t version = 0;
  std::vector<std::uint64_t> prompts;

  bool operator==(const RoundPart&) const = default;
};

/// Who writes what: cuts rounds into as many parts as can be written side by side, hands them out
/// in their order to generators that have the weights, and again when a generator is lost. What is
/// written depends on the prompt and the weights alone, so all of this is free. Not thread-safe.
class PartDesk {
 public:
  using GeneratorId = std::uint64_t;
  static constexpr std::uint64_t kFirstId = std::uint64_t{1} << 62;
  /// A part that failed, or ended its generator, so often is given up.
  static constexpr std::uint32_t kMaxFailures = 3;

  struct Given {
    GeneratorId generator = 0;
    RoundPart part;
  };

  /// @param has_all_weights  it finds every version by itself; others confirm() each.
  void join(GeneratorId generator, std::uint32_t credits, bool has_all_weights);
  void confirm(GeneratorId generator, std::uint64_t version);
  /// Its parts are free again.
  void leave(GeneratorId generator);

  void add_round(std::uint64_t round, std::uint64_t version,
                 const std::vector<std::uint64_t>& prompts);

  /// What can be handed out now.
  std::vector<Given> hand_out();

  /// The generator has written the part. @return the part; none if it is not the one that has it.
  std::optional<RoundPart> finish(GeneratorId generator, std::uint64_t part);

  /// It could not, or the part has ended a generator (0: lost already).
  /// @return the part if it was given up: it is nobody's any more.
  std::optional<RoundPart> fail(GeneratorId generator, std::uint64_t part);

  std::size_t num_generators() const { return generators_.size(); }
  std::size_t num_waiting() const { return waiting_.size(); }
  std::size_t num_out() const { return out_.size(); }

 private:
  struct Generator {
    std::uint32_t credits = 0;
    bool has_all_weights = false;
    std::set<std::uint64_t> versions;

    bool can_write(const RoundPart& part) const {
      return credits > 0 && (has_all_weights || versions.count(part.version) == 1);
    }
  };

  std::uint64_t num_lanes() const;
  /// Who has most room for the part; null: nobody.
  Generator* writer_of(const RoundPart& part, GeneratorId& id);
  void put_back(RoundPart part);

  std::map<GeneratorId, Generator> generators_;
  std::map<std::uint64_t, RoundPart> waiting_;  ///< [part]: oldest first
  std::map<std::uint64_t, Given> out_;          ///< [part]
  std::map<std::uint64_t, std::uint32_t> num_failures_;
  std::uint64_t next_id_ = kFirstId;
};

}  // namespace midpo
