// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/generation/generation_options.h"
#include "models/generator.h"
#include "models/preference/prompt_template.h"

namespace midpo {

/// A conversation with a model in a terminal: lines in, text out as it is written. Not thread-safe.
class ChatSession {
 public:
  /// Where text goes, piece by piece.
  using Print = std::function<void(const std::string& text)>;

  /// @param max_length  tokens that conversation and answer may have together.
  /// @param threads  of one step, on CPUs.
  /// @throws Error(kCheckpoint) for a model without tokenizer.
  ChatSession(std::shared_ptr<const GenerationModel> model,
              std::shared_ptr<const PromptTemplate> prompt_template, SamplingConfig sampling,
              std::int64_t max_length, std::int64_t threads, Print print);

  /// One line of the user: a message, or a command that begins with "/". What is wrong with a
  /// command is printed, not thrown. @return false when the user wants to leave.
  bool handle(const std::string& line);

 private:
  struct ChatCommand {
    const char* name;
    const char* help;
    void (ChatSession::*run)(const std::string& argument);
  };
  static const std::vector<ChatCommand>& commands();

  void help(const std::string&);
  void reset(const std::string&);
  void clear(const std::string&);
  void regenerate(const std::string&);
  void system(const std::string& text);
  void set(const std::string& assignment);
  void gates(const std::string&);

  void say(const std::string& message);
  void answer();
  GenerationRequest next_request() const;

  std::shared_ptr<const GenerationModel> model_;
  std::shared_ptr<const PromptTemplate> template_;
  SamplingConfig sampling_;
  std::int64_t max_length_;
  std::unique_ptr<Generator> generator_;
  Print print_;
  std::string system_;
  std::vector<std::string> turns_;      ///< user, assistant, user, ...
  std::vector<std::int32_t> last_ids_;  ///< prompt and response of the last answer
  std::size_t last_prompt_size_ = 0;
  std::uint64_t num_answers_ = 0;  ///< names the draws: another answer for the same message
};

}  // namespace midpo
