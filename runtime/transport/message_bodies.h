// SPDX-License-Identifier: Apache-2.0
// What each kind of message says. Plain structs; fields() is their order on the wire.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "runtime/core/error.h"
#include "runtime/transport/envelope.h"

namespace midpo {

/// A worker introduces itself. It repeats its name over restarts, never its instance.
struct Hello {
  static constexpr MessageKind kKind = MessageKind::kHello;
  std::string version;         ///< of the program
  std::string name;            ///< of this worker, for people and for telling who came back
  std::uint64_t instance = 0;  ///< of the process: random
  std::string host;
  std::uint64_t pid = 0;
  std::string numerics;  ///< library, version, instruction set; empty until a model is loaded
  std::vector<std::string> devices;
  std::vector<std::string> roles;  ///< offered: see worker_roles.h
  std::uint32_t num_lanes = 1;     ///< tasks it computes side by side

  static auto fields(auto& self) {
    return std::tie(self.version, self.name, self.instance, self.host, self.pid, self.numerics,
                    self.devices, self.roles, self.num_lanes);
  }
  bool operator==(const Hello&) const = default;
};

/// A model that workers of the job hold.
struct RemoteModel {
  std::string role;
  std::string path;     ///< as the coordinator was given it; workers may map it to their own
  std::string content;  ///< hash of what was loaded, 32 hex digits: what counts
  std::string dtype;
  std::string numerics;  ///< that values must come from; empty: any

  static auto fields(auto& self) {
    return std::tie(self.role, self.path, self.content, self.dtype, self.numerics);
  }
  bool operator==(const RemoteModel&) const = default;
};

/// The job that the worker joins. Tasks carry token ids: no tokenizer is needed.
struct Welcome {
  static constexpr MessageKind kKind = MessageKind::kWelcome;
  std::vector<std::string> roles = {"scorer"};  ///< with work that this worker may do
  std::vector<RemoteModel> models;
  std::uint32_t heartbeat_ms = 1000;   ///< both sides are heard at least this often
  std::uint32_t dead_after_ms = 3000;  ///< of silence
  std::uint32_t task_deadline_ms = 600000;

  static auto fields(auto& self) {
    return std::tie(self.roles, self.models, self.heartbeat_ms, self.dead_after_ms,
                    self.task_deadline_ms);
  }
  bool operator==(const Welcome&) const = default;
};

/// The worker has loaded the job's models.
struct Ready {
  static constexpr MessageKind kKind = MessageKind::kReady;
  struct Loaded {
    std::string content;
    std::string numerics;

    static auto fields(auto& self) { return std::tie(self.content, self.numerics); }
    bool operator==(const Loaded&) const = default;
  };
  std::uint32_t credits = 2;         ///< tiles it holds at once; a scorer's
  std::vector<Loaded> models;        ///< as Welcome lists them; empty: not of its roles
  std::uint32_t prompt_credits = 0;  ///< prompt tasks it holds at once; a generator's
  std::uint32_t rank_credits = 0;    ///< ranks it can be at once, one a device

  static auto fields(auto& self) {
    return std::tie(self.credits, self.models, self.prompt_credits, self.rank_credits);
  }
  bool operator==(const Ready&) const = default;
};

/// Rows to compute under one model of the job; envelope: task, attempt.
struct TileTask {
  static constexpr MessageKind kKind = MessageKind::kTask;
  std::uint32_t model = 0;
  std::vector<std::vector<std::vector<std::int32_t>>> rows;  ///< [row][sequence] token ids

  bool operator==(const TileTask&) const = default;
};

struct TileResult {
  static constexpr MessageKind kKind = MessageKind::kResult;
  std::vector<std::vector<double>> values;  ///< [row][sequence]
  double compute_seconds = 0.0;
  double least_flops = 0.0;

  bool operator==(const TileResult&) const = default;
};

/// Prompts that get responses, all under the same rules; envelope: task, attempt.
struct PromptTask {
  static constexpr MessageKind kKind = MessageKind::kPrompts;
  struct Prompt {
    std::uint64_t id = 0;  ///< names its draws
    std::uint32_t max_new_tokens = 0;
    std::vector<std::int32_t> tokens;  ///< not empty

    bool operator==(const Prompt&) const = default;
  };
  std::uint64_t version = 0;     ///< of the weights that write; the worker has confirmed it
  std::uint64_t seed = 0;        ///< of the draws
  std::uint32_t vocab_size = 0;  ///< every token is below it
  std::uint32_t num_samples = 1;
  double temperature = 0.0;
  std::uint32_t top_k = 0;
  double top_p = 1.0;
  double repetition_penalty = 1.0;
  bool wants_log_probs = false;
  std::vector<std::int32_t> stop_ids;
  std::vector<Prompt> prompts;

  bool operator==(const PromptTask&) const = default;
};

struct PromptResult {
  static constexpr MessageKind kKind = MessageKind::kResponses;
  struct Sample {
    std::vector<std::int32_t> tokens;
    std::vector<float> log_probs;  ///< where asked for: one a token

    bool operator==(const Sample&) const = default;
  };
  std::vector<std::vector<Sample>> samples;  ///< [prompt][sample]
  double compute_seconds = 0.0;

  bool operator==(const PromptResult&) const = default;
};

/// A rank to become: a process of its own, which meets the others by itself; envelope: task.
struct RankTask {
  static constexpr MessageKind kKind = MessageKind::kRank;
  std::string rendezvous;  ///< tcp://HOST:PORT
  std::uint32_t rank = 1;
  std::uint32_t ranks = 2;
  std::uint32_t threads = 0;  ///< of one step, CPU; 0: all cores of its host
  double silence_seconds = 5.0;
  double deadline_seconds = 600.0;
  double join_seconds = 300.0;

  static auto fields(auto& self) {
    return std::tie(self.rendezvous, self.rank, self.ranks, self.threads, self.silence_seconds,
                    self.deadline_seconds, self.join_seconds);
  }
  bool operator==(const RankTask&) const = default;
};

struct RankEnded {
  static constexpr MessageKind kKind = MessageKind::kRankEnded;
  std::string how;  ///< "ended with exit status 0", ...

  static auto fields(auto& self) { return std::tie(self.how); }
  bool operator==(const RankEnded&) const = default;
};

/// Why a result cannot be what the task asked for, in words; none if it can.
std::optional<std::string> flaw_of(const PromptTask& task, const PromptResult& result);

/// A task that could not be computed; the worker lives.
struct Failure {
  static constexpr MessageKind kKind = MessageKind::kFailure;
  ErrorCode code = ErrorCode::kInternal;
  std::string text;

  bool operator==(const Failure&) const = default;
};

/// The worker cannot join, and must not try again.
struct Refusal {
  static constexpr MessageKind kKind = MessageKind::kRefusal;
  ErrorCode code = ErrorCode::kConfig;
  std::string text;

  bool operator==(const Refusal&) const = default;
};

struct Goodbye {
  static constexpr MessageKind kKind = MessageKind::kGoodbye;
  std::string reason;

  static auto fields(auto& self) { return std::tie(self.reason); }
  bool operator==(const Goodbye&) const = default;
};

struct Reset {
  static constexpr MessageKind kKind = MessageKind::kReset;
  std::string reason;

  static auto fields(auto& self) { return std::tie(self.reason); }
  bool operator==(const Reset&) const = default;
};

/// A piece of a published version of factors, which are files. Versions follow each other, so do
/// the files of a version, in the order of their names, and the pieces of a file.
struct WeightsPiece {
  static constexpr MessageKind kKind = MessageKind::kWeights;
  std::uint64_t version = 0;
  std::uint64_t oldest = 0;  ///< versions before this one are not needed any more
  std::string content;       ///< hash of the whole version
  std::uint32_t num_files = 0;
  std::uint32_t file = 0;  ///< index
  std::string file_name;
  std::uint64_t file_bytes = 0;
  std::uint64_t offset = 0;
  Frame bytes;

  bool operator==(const WeightsPiece&) const = default;
};

/// That version has arrived whole and was loaded: what a task of it asks for is written by it.
struct Confirm {
  static constexpr MessageKind kKind = MessageKind::kConfirm;
  std::uint64_t version = 0;
  std::string content;  ///< hash of the version
  std::string model;    ///< hash of base and factors together

  static auto fields(auto& self) { return std::tie(self.version, self.content, self.model); }
  bool operator==(const Confirm&) const = default;
};

/// A message of the body's kind; the rest of the envelope is zero.
template <typename Body>
Message to_message(const Body& body);

/// The body of a message. @throws Error(kTransport) if it is of another kind, or malformed: unknown
/// or missing fields, counts that do not fit the arrays.
template <typename Body>
Body body_of(const Message& message);

}  // namespace midpo
