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
  /// A part that failed, or a single prompt that ended its generator, so often is given up.
  static constexpr std::uint32_t kMaxFailures = 3;

  struct Given {
    GeneratorId generator = 0;
    RoundPart part;
  };

  /// @param is_local  it finds every version by itself, and passes on what it writes; others
  /// confirm() each version, and finish() says whether what they write is wanted.
  void join(GeneratorId generator, std::uint32_t credits, bool is_local);
  void confirm(GeneratorId generator, std::uint64_t version);
  /// Its parts are free again.
  void leave(GeneratorId generator);

  void add_round(std::uint64_t round, std::uint64_t version,
                 const std::vector<std::uint64_t>& prompts);

  /// What can be handed out now.
  std::vector<Given> hand_out();

  /// The generator has written the part. @return the part; none if it is not the one that has it.
  std::optional<RoundPart> finish(GeneratorId generator, std::uint64_t part);

  /// It could not. @return the part if it was given up: it is nobody's any more.
  std::optional<RoundPart> fail(GeneratorId generator, std::uint64_t part);

  /// A generator died while it wrote the part, which may be with another one by now (and stays with
  /// a local one). Several prompts are parted at once: only the one to blame must be found.
  /// @return the part, of that prompt, if it was given up
  std::optional<RoundPart> blame(std::uint64_t part);

  std::size_t num_generators() const { return generators_.size(); }
  std::size_t num_waiting() const { return waiting_.size(); }
  std::size_t num_out() const { return out_.size(); }  ///< given up meanwhile or not

 private:
  struct Generator {
    std::uint32_t credits = 0;
    bool is_local = false;
    std::set<std::uint64_t> versions;

    bool can_write(const RoundPart& part) const {
      return credits > 0 && (is_local || versions.count(part.version) == 1);
    }
  };

  /// A part at a generator. Void: it was given up, and what is written comes too late.
  struct Out {
    GeneratorId generator = 0;
    RoundPart part;
    bool is_void = false;
  };

  std::uint64_t num_lanes() const;
  std::optional<RoundPart> take_away(std::uint64_t part);
  /// Who has most room for the part; null: nobody.
  Generator* writer_of(const RoundPart& part, GeneratorId& id);
  void put_back(RoundPart part);

  std::map<GeneratorId, Generator> generators_;
  std::map<std::uint64_t, RoundPart> waiting_;  ///< [part]: oldest first
  std::map<std::uint64_t, Out> out_;            ///< [part]
  std::map<std::uint64_t, std::uint32_t> num_failures_;
  std::map<std::uint64_t, std::uint32_t> num_deaths_;  ///< of generators, by part of one prompt
  std::uint64_t next_id_ = kFirstId;
};

}  // namespace midpo
