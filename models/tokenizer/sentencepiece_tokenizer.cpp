// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizer/sentencepiece_tokenizer.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <sentencepiece_processor.h>

#include "models/tokenizer/added_tokens.h"
#include "models/tokenizer/token_roles.h"
#include "models/tokenizer/utf8.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

using sentencepiece::SentencePieceProcessor;

constexpr std::string_view kMetaspace = "\xE2\x96\x81";

// Appended to a model, protobuf merges this into it: normalizer_spec { add_dummy_prefix: false }.
constexpr std::string_view kNoDummyPrefix("\x1A\x02\x18\x00", 4);

void load(SentencePieceProcessor& processor, const std::string& model, const std::string& where) {
  const auto status = processor.LoadFromSerializedProto(model);
  if (!status.ok()) {
    throw Error(ErrorCode::kCheckpoint, where +
                                            ": not a SentencePiece model: " + status.ToString() +
                                            "; a tokenizer.json beside it would be read instead");
  }
}

AddedToken special_token(std::string content) {
  return {.content = std::move(content), .normalized = false, .special = true};
}

class SentencePieceTokenizer : public TokenizerWithRoles {
 public:
  SentencePieceTokenizer(std::string_view model, const SpecialTokens& special,
                         const std::string& where) {
    load(plain_, std::string(model), where);
    load(without_prefix_, std::string(model) + std::string(kNoDummyPrefix), where);
    add_tokens(special, where);
    set_roles(special, where);
    unk_text_ = plain_.unk_id() >= 0 ? plain_.IdToPiece(plain_.unk_id()) : "<unk>";
    std::vector<int> unk_ids;
    encode_with(without_prefix_, unk_text_, unk_ids);
    num_unk_ids_ = unk_ids.size();
    ContentHasher hasher;
    hasher.update("midpo tokenizer.model 1\n" + description_);
    hasher.update(model);
    content_ = hasher.digest();
  }

  std::vector<std::int32_t> encode(std::string_view text, bool add_special_tokens) const override {
    require_utf8(text);
    require(text.size() < std::numeric_limits<std::int32_t>::max(), ErrorCode::kData,
            "text: longer than 2 GiB; cut it first");
    std::vector<std::int32_t> ids;
    if (add_special_tokens && adds_bos_) ids.push_back(*bos_id_);
    std::vector<AddedTokens::Piece> pieces;
    finder_.split(text, false, pieces);
    if (!pieces.empty() && pieces[0].id != AddedTokens::kText && pieces[0].begin == 0 &&
        special_ids_.count(pieces[0].id) == 0) {
      append_ids(kMetaspace, ids);
    }
    for (const auto& piece : pieces) {
      if (piece.id != AddedTokens::kText) {
        ids.push_back(piece.id);
      } else if (piece.begin == 0) {
        encode_with(plain_, piece.text, ids);
      } else {
        append_ids(piece.text, ids);
      }
    }
    if (add_special_tokens && adds_eos_) ids.push_back(*eos_id_);
    return ids;
  }

  std::string decode(std::span<const std::int32_t> ids, bool skip_special_tokens) const override {
    std::string text;
    std::vector<int> run;
    bool is_first_run = true;
    const auto flush = [&] {
      std::string part;
      const auto& processor = is_first_run ? plain_ : without_prefix_;
      check(processor.Decode(run, &part));
      text += part;
      run.clear();
      is_first_run = false;
    };
    for (const std::int32_t id : ids) {
      const auto token = token_texts_.find(id);
      if (token == token_texts_.end()) {
        if (id >= 0 && id < plain_.GetPieceSize()) run.push_back(id);
      } else if (!skip_special_tokens || special_ids_.count(id) == 0) {
        if (!run.empty()) flush();
        is_first_run = false;
        text += token->second;
      }
    }
    if (!run.empty()) flush();
    return text;
  }

  std::int64_t vocab_size() const override {
    const std::int64_t added = token_texts_.empty() ? 0 : token_texts_.rbegin()->first + 1;
    return std::max<std::int64_t>(plain_.GetPieceSize(), added);
  }

  std::optional<std::int32_t> token_id(std::string_view token) const override {
    for (const auto& [id, text] : token_texts_) {
      if (text == token) return id;
    }
    return piece_id(token);
  }

 private:
  static void check(const sentencepiece::util::Status& status) {
    if (!status.ok()) throw Error(ErrorCode::kData, "text: SentencePiece: " + status.ToString());
  }

  static void encode_with(const SentencePieceProcessor& processor, std::string_view text,
                          std::vector<std::int32_t>& ids) {
    std::vector<int> encoded;
    check(processor.Encode(absl::string_view(text.data(), text.size()), &encoded));
    ids.insert(ids.end(), encoded.begin(), encoded.end());
  }

  /// Ids of text that follows something. SentencePiece drops spaces at the start of a text; behind
  /// the unknown token they stay.
  void append_ids(std::string_view text, std::vector<std::int32_t>& ids) const {
    if (!text.starts_with(' ') && !text.starts_with(kMetaspace)) {
      return encode_with(without_prefix_, text, ids);
    }
    std::vector<std::int32_t> with_unk;
    encode_with(without_prefix_, unk_text_ + std::string(text), with_unk);
    const auto skipped = static_cast<std::ptrdiff_t>(std::min(num_unk_ids_, with_unk.size()));
    ids.insert(ids.end(), with_unk.begin() + skipped, with_unk.end());
  }

  std::optional<std::int32_t> piece_id(std::string_view piece) const {
    const int id = plain_.PieceToId(absl::string_view(piece.data(), piece.size()));
    if (id < 0 || id >= plain_.GetPieceSize() || plain_.IdToPiece(id) != piece) return std::nullopt;
    return id;
  }

  void add_tokens(const SpecialTokens& special, const std::string& where) {
    for (const auto& [id, token] : special.by_id) {
      require(id <= std::numeric_limits<std::int32_t>::max() - 1, ErrorCode::kCheckpoint,
              where + ": the added token " + token.content + " has the id " + std::to_string(id));
      add_token(token, static_cast<std::int32_t>(id));
    }
    for (const auto& role : special.roles) add_token(role.token, std::nullopt);
    for (const AddedToken& token : special.extra) add_token(token, std::nullopt);
    for (const int id : {plain_.unk_id(), plain_.bos_id(), plain_.eos_id()}) {
      if (id >= 0) add_token(special_token(plain_.IdToPiece(id)), id);
    }
  }

  /// @param id  where the files give one; a piece of the model has its own, others the next free.
  void add_token(AddedToken token, std::optional<std::int32_t> id) {
    token.normalized = false;  // this kind of tokenizer looks for all of them in the text as it is
    if (token.content.empty()) return;
    if (const auto piece = piece_id(token.content)) id = piece;
    if (!id) id = static_cast<std::int32_t>(vocab_size());
    if (!finder_.add(token, *id, token.content)) return;
    token_texts_[*id] = token.content;
    if (token.special) special_ids_.insert(*id);
    description_ += std::to_string(*id) + ' ' + std::to_string(token.content.size()) + ' ' +
                    token.content + (token.special ? '1' : '0') + (token.lstrip ? '1' : '0') +
                    (token.rstrip ? '1' : '0') + (token.single_word ? '1' : '0') + '\n';
  }

  void set_roles(const SpecialTokens& special, const std::string& where) {
    const auto id_of = [&](std::string_view role, int fallback) -> std::optional<std::int32_t> {
      if (const std::string* text = special.text_of(role)) return token_id(*text);
      return fallback >= 0 ? std::optional(fallback) : std::nullopt;
    };
    bos_id_ = id_of("bos_token", plain_.bos_id());
    eos_id_ = id_of("eos_token", plain_.eos_id());
    pad_id_ = id_of("pad_token", plain_.pad_id());
    if (eos_id_) eos_token_ = token_texts_.at(*eos_id_);
    adds_bos_ = special.add_bos_token.value_or(bos_id_.has_value());
    adds_eos_ = special.add_eos_token.value_or(false);
    require((!adds_bos_ || bos_id_) && (!adds_eos_ || eos_id_), ErrorCode::kCheckpoint,
            where + ": tokenizer_config.json wants a BOS or EOS token added that no file names");
    description_ += std::string(adds_bos_ ? "bos " : "") + (adds_eos_ ? "eos " : "");
  }

  SentencePieceProcessor plain_;
  SentencePieceProcessor without_prefix_;
  AddedTokens finder_;
  std::map<std::int32_t, std::string> token_texts_;  ///< of added tokens
  std::set<std::int32_t> special_ids_;
  std::string unk_text_;
  std::size_t num_unk_ids_ = 0;
  bool adds_bos_ = true;
  bool adds_eos_ = false;
  std::string description_;
};

}  // namespace

std::shared_ptr<const Tokenizer> make_sentencepiece_tokenizer(std::string_view model,
                                                              const SpecialTokens& special,
                                                              const std::string& where) {
  return std::make_shared<SentencePieceTokenizer>(model, special, where);
}

}  // namespace midpo
