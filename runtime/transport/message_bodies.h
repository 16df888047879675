// SPDX-License-Identifier: Apache-2.0
// What each kind of message says. Plain structs; fields() is their order on the wire.
#pragma once

#include <cstdint>
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
  std::vector<std::string> roles;  ///< offered: scorer, generator, learner
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
  std::vector<RemoteModel> models;
  std::uint32_t heartbeat_ms = 1000;   ///< both sides are heard at least this often
  std::uint32_t dead_after_ms = 3000;  ///< of silence
  std::uint32_t task_deadline_ms = 600000;

  static auto fields(auto& self) {
    return std::tie(self.models, self.heartbeat_ms, self.dead_after_ms, self.task_deadline_ms);
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
  std::uint32_t credits = 2;   ///< tasks it holds at once
  std::vector<Loaded> models;  ///< as Welcome lists them

  static auto fields(auto& self) { return std::tie(self.credits, self.models); }
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

/// A published version of factors, whole.
struct Weights {
  static constexpr MessageKind kKind = MessageKind::kWeights;
  std::string name;  ///< safety, helpfulness, router
  std::uint64_t version = 0;
  std::string content;  ///< hash of the factors
  std::vector<Frame> factors;

  bool operator==(const Weights&) const = default;
};

/// That version is live: every sequence that begins from now on uses it.
struct Confirm {
  static constexpr MessageKind kKind = MessageKind::kConfirm;
  std::string name;
  std::uint64_t version = 0;
  std::string content;

  static auto fields(auto& self) { return std::tie(self.name, self.version, self.content); }
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
