// SPDX-License-Identifier: Apache-2.0
#include "actors/generation/chat_session.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>

#include "actors/generation/prompt_row.h"
#include "actors/stop_request.h"
#include "models/generation/response_text.h"
#include "runtime/core/error.h"
#include "runtime/observe/table.h"

namespace midpo {
namespace {

double mean(std::span<const float> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

ChatSession::ChatSession(std::shared_ptr<const GenerationModel> model,
                         std::shared_ptr<const PromptTemplate> prompt_template,
                         SamplingConfig sampling, std::int64_t max_length, std::int64_t threads,
                         Print print)
    : model_(std::move(model)),
      template_(std::move(prompt_template)),
      sampling_(std::move(sampling)),
      max_length_(max_length),
      print_(std::move(print)) {
  require(template_ != nullptr, ErrorCode::kCheckpoint,
          "the model directory has no tokenizer, which a chat needs");
  GeneratorLimits limits;
  limits.max_sequences = 1;
  limits.num_threads = threads;
  generator_ = model_->make_generator(limits);
}

const std::vector<ChatSession::ChatCommand>& ChatSession::commands() {
  static const std::vector<ChatCommand> table = {
      {"/reset", "forget the conversation", &ChatSession::reset},
      {"/clear", "forget the conversation and the system text", &ChatSession::clear},
      {"/regenerate", "answer the last message once more", &ChatSession::regenerate},
      {"/system", "TEXT: stand in front of the first message; without TEXT: none",
       &ChatSession::system},
      {"/set", "NAME VALUE: temperature, top_k, top_p, repetition_penalty, max_new_tokens, seed",
       &ChatSession::set},
      {"/gates", "how much of each expert the last answer used, layer by layer",
       &ChatSession::gates},
      {"/help", "this list", &ChatSession::help},
  };
  return table;
}

bool ChatSession::handle(const std::string& line) {
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == std::string::npos) return true;
  if (line[first] != '/') {
    say(line);
    return true;
  }
  const std::string text = line.substr(first, line.find_last_not_of(" \t\r") + 1 - first);
  const std::size_t space = std::min(text.find(' '), text.size());
  const std::string name = text.substr(0, space);
  if (name == "/quit" || name == "/exit") return false;
  const std::string argument = text.substr(std::min(space + 1, text.size()));
  const auto found = std::ranges::find_if(
      commands(), [&](const ChatCommand& command) { return name == command.name; });
  if (found == commands().end()) {
    print_("unknown command " + name + "; /help lists them\n");
    return true;
  }
  try {
    (this->*found->run)(argument);
  } catch (const Error& error) {
    print_(std::string(error.what()) + "\n");
  }
  return true;
}

void ChatSession::help(const std::string&) {
  Table table;
  for (const ChatCommand& command : commands()) table.row({command.name, command.help});
  table.row({"/quit", "leave"});
  print_(table.text());
}

void ChatSession::reset(const std::string&) {
  turns_.clear();
  last_ids_.clear();
}

void ChatSession::clear(const std::string& argument) {
  reset(argument);
  system_.clear();
}

void ChatSession::regenerate(const std::string&) {
  require(!turns_.empty(), ErrorCode::kConfig, "there is no message yet");
  if (turns_.size() % 2 == 0) turns_.pop_back();
  answer();
}

void ChatSession::system(const std::string& text) { system_ = text; }

void ChatSession::set(const std::string& assignment) {
  const std::size_t space = assignment.find(' ');
  require(space != std::string::npos, ErrorCode::kConfig, "usage: /set NAME VALUE");
  SamplingConfig changed = sampling_;
  OptionTable table("/set", "");
  add_sampling_options(table, changed);
  table.parse({"--set", assignment.substr(0, space) + "=" + assignment.substr(space + 1)});
  response_options(changed, *model_, template_.get());
  sampling_ = std::move(changed);
}

void ChatSession::gates(const std::string&) {
  require(!last_ids_.empty(), ErrorCode::kConfig, "there is no answer yet");
  const GenerationModel::GateValues gates = model_->gates(last_ids_);
  require(!gates.alpha.empty(), ErrorCode::kConfig, "this model has no gates: give --router");
  Table table({"layer", "safety", "helpfulness"});
  for (std::size_t layer = 0; layer < gates.alpha.size(); ++layer) {
    const auto answer_of = [&](const std::vector<float>& tokens) {
      return mean(std::span(tokens).subspan(last_prompt_size_));
    };
    table.row({layer, {answer_of(gates.alpha[layer]), 3}, {answer_of(gates.beta[layer]), 3}});
  }
  print_(table.text());
}

void ChatSession::say(const std::string& message) {
  if (turns_.size() % 2 == 1) turns_.pop_back();
  turns_.push_back(message);
  try {
    answer();
  } catch (const Error& error) {
    turns_.pop_back();
    print_(std::string(error.what()) + "\n/reset starts a new conversation\n");
  }
}

GenerationRequest ChatSession::next_request() const {
  std::vector<std::string> turns = turns_;
  if (!system_.empty()) turns.front() = system_ + "\n" + turns.front();
  std::vector<std::int32_t> prompt = template_->encode_prompt(turns);
  const auto length = static_cast<std::int64_t>(prompt.size());
  require(length < max_length_, ErrorCode::kConfig,
          "the conversation has " + std::to_string(length) + " tokens, --max-length is " +
              std::to_string(max_length_));
  return make_request(response_options(sampling_, *model_, template_.get()), num_answers_,
                      std::move(prompt), max_length_);
}

void ChatSession::answer() {
  const GenerationRequest request = next_request();
  ResponseText text(template_->shared_tokenizer(), sampling_.stop);
  generator_->submit(request);
  ++num_answers_;
  std::size_t num_printed = 0;
  const auto show = [&](const std::string& piece) {
    num_printed += piece.size();
    if (!piece.empty()) print_(piece);
  };
  while (!generator_->is_idle()) {
    for (const TokenEvent& event : generator_->step()) {
      if (text.push(event.token) || stop_requested()) generator_->cancel(request.id, 0);
      show(text.take_settled());
    }
  }
  const std::string whole = text.finish();
  show(whole.substr(std::min(num_printed, whole.size())));
  print_("\n");
  turns_.push_back(whole);
  last_ids_ = request.prompt;
  last_prompt_size_ = request.prompt.size();
  last_ids_.insert(last_ids_.end(), text.tokens().begin(), text.tokens().end());
}

}  // namespace midpo
