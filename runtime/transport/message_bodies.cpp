// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/message_bodies.h"

#include <cmath>
#include <cstring>
#include <span>

#include "runtime/transport/packing.h"

namespace midpo {
namespace {

// What goes into the body where arrays travel as frames.

struct TaskHead {
  std::uint32_t model = 0;
  std::vector<std::vector<std::uint32_t>> lengths;  // [row][sequence]
  static auto fields(auto& self) { return std::tie(self.model, self.lengths); }
};

struct ResultHead {
  std::vector<std::uint32_t> num_sequences;  // [row]
  double compute_seconds = 0.0;
  double least_flops = 0.0;
  static auto fields(auto& self) {
    return std::tie(self.num_sequences, self.compute_seconds, self.least_flops);
  }
};

struct PromptHead {
  std::uint64_t id = 0;
  std::uint32_t max_new_tokens = 0;
  std::uint32_t length = 0;
  static auto fields(auto& self) { return std::tie(self.id, self.max_new_tokens, self.length); }
};

struct PromptsHead {
  std::uint64_t version = 0;
  std::uint64_t seed = 0;
  std::uint32_t vocab_size = 0;
  std::uint32_t num_samples = 0;
  double temperature = 0.0;
  std::uint32_t top_k = 0;
  double top_p = 0.0;
  double repetition_penalty = 0.0;
  bool wants_log_probs = false;
  std::vector<std::int32_t> stop_ids;
  std::vector<PromptHead> prompts;
  static auto fields(auto& self) {
    return std::tie(self.version, self.seed, self.vocab_size, self.num_samples, self.temperature,
                    self.top_k, self.top_p, self.repetition_penalty, self.wants_log_probs,
                    self.stop_ids, self.prompts);
  }
};

struct ResponsesHead {
  std::vector<std::vector<std::uint32_t>> lengths;  // [prompt][sample]
  bool has_log_probs = false;
  double compute_seconds = 0.0;
  static auto fields(auto& self) {
    return std::tie(self.lengths, self.has_log_probs, self.compute_seconds);
  }
};

struct NamedError {
  std::string code;
  std::string text;
  static auto fields(auto& self) { return std::tie(self.code, self.text); }
};

struct WeightsHead {
  std::uint64_t version = 0;
  std::uint64_t oldest = 0;
  std::string content;
  std::uint32_t num_files = 0;
  std::uint32_t file = 0;
  std::string file_name;
  std::uint64_t file_bytes = 0;
  std::uint64_t offset = 0;
  static auto fields(auto& self) {
    return std::tie(self.version, self.oldest, self.content, self.num_files, self.file,
                    self.file_name, self.file_bytes, self.offset);
  }
};

std::string where(const Message& message) {
  return "a " + std::string(message_kind_name(message.envelope.kind)) + " message";
}

void check(bool condition, const Message& message, const char* text) {
  require(condition, ErrorCode::kTransport, where(message) + ": " + text);
}

template <typename Head>
Head read_head(const Message& message, std::size_t num_frames) {
  check(message.frames.size() == num_frames, message, "wrong number of arrays");
  return unpack_strictly<Head>(message.body, where(message));
}

template <typename T>
void append(Frame& frame, const std::vector<T>& values) {
  const auto* begin = reinterpret_cast<const std::byte*>(values.data());
  frame.insert(frame.end(), begin, begin + values.size() * sizeof(T));
}

/// Takes arrays from a frame, front to back.
class FrameReader {
 public:
  explicit FrameReader(const Frame& frame) : rest_(frame) {}

  template <typename T>
  bool take(std::uint64_t count, std::vector<T>& values) {
    if (count > rest_.size() / sizeof(T)) return false;
    values.resize(count);
    if (count > 0) std::memcpy(values.data(), rest_.data(), count * sizeof(T));
    rest_ = rest_.subspan(count * sizeof(T));
    return true;
  }

  bool is_at_end() const { return rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
};

// How each body is written and read: as its fields, unless said otherwise below.

template <typename Body>
void write(const Body& body, Message& message) {
  message.body = pack_strictly(body);
}

void write(const TileTask& task, Message& message) {
  TaskHead head{task.model, {}};
  Frame ids;
  for (const auto& row : task.rows) {
    auto& lengths = head.lengths.emplace_back();
    for (const auto& sequence : row) {
      lengths.push_back(static_cast<std::uint32_t>(sequence.size()));
      append(ids, sequence);
    }
  }
  message.body = pack_strictly(head);
  message.frames.push_back(std::move(ids));
}

void write(const TileResult& result, Message& message) {
  ResultHead head{{}, result.compute_seconds, result.least_flops};
  Frame values;
  for (const auto& row : result.values) {
    head.num_sequences.push_back(static_cast<std::uint32_t>(row.size()));
    append(values, row);
  }
  message.body = pack_strictly(head);
  message.frames.push_back(std::move(values));
}

void write(const PromptTask& task, Message& message) {
  PromptsHead head{task.version,
                   task.seed,
                   task.vocab_size,
                   task.num_samples,
                   task.temperature,
                   task.top_k,
                   task.top_p,
                   task.repetition_penalty,
                   task.wants_log_probs,
                   task.stop_ids,
                   {}};
  Frame ids;
  for (const PromptTask::Prompt& prompt : task.prompts) {
    head.prompts.push_back(
        {prompt.id, prompt.max_new_tokens, static_cast<std::uint32_t>(prompt.tokens.size())});
    append(ids, prompt.tokens);
  }
  message.body = pack_strictly(head);
  message.frames.push_back(std::move(ids));
}

void write(const PromptResult& result, Message& message) {
  ResponsesHead head{{}, false, result.compute_seconds};
  Frame ids;
  Frame log_probs;
  for (const auto& samples : result.samples) {
    auto& lengths = head.lengths.emplace_back();
    for (const PromptResult::Sample& sample : samples) {
      lengths.push_back(static_cast<std::uint32_t>(sample.tokens.size()));
      append(ids, sample.tokens);
      append(log_probs, sample.log_probs);
    }
  }
  head.has_log_probs = !log_probs.empty();
  message.body = pack_strictly(head);
  message.frames.push_back(std::move(ids));
  message.frames.push_back(std::move(log_probs));
}

void write(const Failure& failure, Message& message) {
  message.body =
      pack_strictly(NamedError{std::string(error_code_name(failure.code)), failure.text});
}

void write(const Refusal& refusal, Message& message) {
  message.body =
      pack_strictly(NamedError{std::string(error_code_name(refusal.code)), refusal.text});
}

void write(const WeightsPiece& piece, Message& message) {
  message.body =
      pack_strictly(WeightsHead{piece.version, piece.oldest, piece.content, piece.num_files,
                                piece.file, piece.file_name, piece.file_bytes, piece.offset});
  message.frames.push_back(piece.bytes);
}

template <typename Body>
void read(const Message& message, Body& body) {
  body = read_head<Body>(message, 0);
}

void read(const Message& message, TileTask& task) {
  const auto head = read_head<TaskHead>(message, 1);
  FrameReader ids(message.frames.front());
  task.model = head.model;
  for (const auto& lengths : head.lengths) {
    auto& row = task.rows.emplace_back();
    for (const std::uint32_t length : lengths) {
      check(length > 0 && ids.take(length, row.emplace_back()), message, "lengths exceed the ids");
    }
    check(!row.empty(), message, "a row without sequences");
  }
  check(!task.rows.empty() && ids.is_at_end(), message, "ids that belong to no row");
}

void read(const Message& message, TileResult& result) {
  const auto head = read_head<ResultHead>(message, 1);
  FrameReader values(message.frames.front());
  result.compute_seconds = head.compute_seconds;
  result.least_flops = head.least_flops;
  check(std::isfinite(head.compute_seconds) && std::isfinite(head.least_flops), message,
        "a time or count that is not finite");
  for (const std::uint32_t count : head.num_sequences) {
    check(count > 0 && values.take(count, result.values.emplace_back()), message,
          "counts exceed the values");
  }
  check(!result.values.empty() && values.is_at_end(), message, "values that belong to no row");
}

void read(const Message& message, PromptTask& task) {
  const auto head = read_head<PromptsHead>(message, 1);
  task = {head.version,
          head.seed,
          head.vocab_size,
          head.num_samples,
          head.temperature,
          head.top_k,
          head.top_p,
          head.repetition_penalty,
          head.wants_log_probs,
          head.stop_ids,
          {}};
  check(std::isfinite(task.temperature) && std::isfinite(task.top_p) &&
            std::isfinite(task.repetition_penalty),
        message, "a rule that is not finite");
  FrameReader ids(message.frames.front());
  for (const PromptHead& prompt : head.prompts) {
    task.prompts.push_back({prompt.id, prompt.max_new_tokens, {}});
    check(prompt.length > 0 && ids.take(prompt.length, task.prompts.back().tokens), message,
          "lengths exceed the ids");
  }
  check(!task.prompts.empty() && ids.is_at_end(), message, "ids that belong to no prompt");
}

void read(const Message& message, PromptResult& result) {
  const auto head = read_head<ResponsesHead>(message, 2);
  FrameReader ids(message.frames[0]);
  FrameReader log_probs(message.frames[1]);
  result.compute_seconds = head.compute_seconds;
  check(std::isfinite(head.compute_seconds), message, "a time that is not finite");
  check(head.has_log_probs == !message.frames[1].empty(), message, "log-probs unlike announced");
  for (const auto& lengths : head.lengths) {
    auto& samples = result.samples.emplace_back();
    for (const std::uint32_t length : lengths) {
      PromptResult::Sample& sample = samples.emplace_back();
      check(length > 0 && ids.take(length, sample.tokens), message, "lengths exceed the ids");
      check(!head.has_log_probs || log_probs.take(length, sample.log_probs), message,
            "lengths exceed the log-probs");
    }
  }
  check(ids.is_at_end() && log_probs.is_at_end(), message, "ids that belong to no response");
}

NamedError read_error(const Message& message, ErrorCode& code) {
  auto named = read_head<NamedError>(message, 0);
  code = error_code_from_name(named.code);
  check(error_code_name(code) == named.code, message, "an unknown error code");
  return named;
}

void read(const Message& message, Failure& failure) {
  failure.text = read_error(message, failure.code).text;
}

void read(const Message& message, Refusal& refusal) {
  refusal.text = read_error(message, refusal.code).text;
}

void read(const Message& message, WeightsPiece& piece) {
  const auto head = read_head<WeightsHead>(message, 1);
  piece = {head.version,   head.oldest,     head.content, head.num_files,        head.file,
           head.file_name, head.file_bytes, head.offset,  message.frames.front()};
}

}  // namespace

template <typename Body>
Message to_message(const Body& body) {
  Message message;
  message.envelope.kind = Body::kKind;
  write(body, message);
  return message;
}

template <typename Body>
Body body_of(const Message& message) {
  check(message.envelope.kind == Body::kKind, message, "another kind was wanted");
  Body body;
  read(message, body);
  return body;
}

#define MIDPO_BODY(type)                    \
  template Message to_message(const type&); \
  template type body_of(const Message&);
MIDPO_BODY(Hello)
MIDPO_BODY(Welcome)
MIDPO_BODY(Ready)
MIDPO_BODY(TileTask)
MIDPO_BODY(TileResult)
MIDPO_BODY(PromptTask)
MIDPO_BODY(PromptResult)
MIDPO_BODY(RankTask)
MIDPO_BODY(RankEnded)
MIDPO_BODY(Failure)
MIDPO_BODY(Refusal)
MIDPO_BODY(Goodbye)
MIDPO_BODY(Reset)
MIDPO_BODY(WeightsPiece)
MIDPO_BODY(Confirm)
#undef MIDPO_BODY

}  // namespace midpo
