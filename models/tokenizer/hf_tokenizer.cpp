// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizer/hf_tokenizer.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <set>
#include <utility>

#include "models/tokenizer/added_vocabulary.h"
#include "models/tokenizer/token_roles.h"
#include "models/tokenizer/tokenizer_json.h"
#include "models/tokenizer/utf8.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

/// All that one encode() writes to.
struct EncodeScratch {
  std::vector<AddedTokens::Piece> pieces;
  std::vector<AddedTokens::Piece> normalized_pieces;
  Normalizer::Buffers buffers;
  SplitScratch splitting;
  BpeScratch encoding;
};

/// Scratches between calls: as many as there were calls at once, so each thread finds one, with a
/// cache that knows its words.
class ScratchPool {
 public:
  class Lease {
   public:
    explicit Lease(ScratchPool& pool) : pool_(pool), scratch_(pool.take()) {}
    ~Lease() { pool_.give_back(std::move(scratch_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    EncodeScratch& operator*() const { return *scratch_; }

   private:
    ScratchPool& pool_;
    std::unique_ptr<EncodeScratch> scratch_;
  };

 private:
  std::unique_ptr<EncodeScratch> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        auto scratch = std::move(free_.back());
        free_.pop_back();
        return scratch;
      }
    }
    return std::make_unique<EncodeScratch>();
  }

  void give_back(std::unique_ptr<EncodeScratch> scratch) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(scratch));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<EncodeScratch>> free_;
};

class HfTokenizer : public TokenizerWithRoles {
 public:
  HfTokenizer(std::string_view json, const SpecialTokens& special, const std::string& where)
      : parts_(parse_tokenizer_json(json, where)),
        added_(parts_.added_tokens, special, parts_.model, parts_.normalizer, where) {
    bos_id_ = id_of_role(special, "bos_token");
    eos_id_ = id_of_role(special, "eos_token");
    pad_id_ = id_of_role(special, "pad_token");
    if (const std::string* eos = special.text_of("eos_token")) eos_token_ = *eos;
    ContentHasher hasher;
    hasher.update("midpo tokenizer.json 1\n");
    hasher.update(added_.description());
    hasher.update(json);
    content_ = hasher.digest();
  }

  std::vector<std::int32_t> encode(std::string_view text, bool add_special_tokens) const override {
    require_utf8(text);
    require(text.size() < std::numeric_limits<std::int32_t>::max(), ErrorCode::kData,
            "text: longer than 2 GiB; cut it first");
    const ScratchPool::Lease lease(pool_);
    EncodeScratch& scratch = *lease;
    std::vector<std::int32_t> ids;
    ids.reserve(text.size() / 4 + 16);
    if (add_special_tokens) ids = parts_.post_processor.prefix;
    added_.finder().split(text, false, scratch.pieces);
    for (const auto& piece : scratch.pieces) {
      if (piece.id == AddedTokens::kText) {
        encode_raw({piece.text, piece.begin == 0}, scratch, ids);
      } else {
        ids.push_back(piece.id);
      }
    }
    if (add_special_tokens) {
      const auto& suffix = parts_.post_processor.suffix;
      ids.insert(ids.end(), suffix.begin(), suffix.end());
    }
    return ids;
  }

  std::string decode(std::span<const std::int32_t> ids, bool skip_special_tokens) const override {
    std::vector<std::string> tokens;
    tokens.reserve(ids.size());
    for (const std::int32_t id : ids) {
      std::optional<std::string> token = text_of(id);
      if (!token || (skip_special_tokens && added_.is_special(*token))) continue;
      tokens.push_back(std::move(*token));
    }
    return parts_.decoder.decode(std::move(tokens));
  }

  std::int64_t vocab_size() const override {
    return std::max<std::int64_t>(parts_.model.id_bound(), added_.id_bound());
  }

  std::optional<std::int32_t> token_id(std::string_view token) const override {
    if (const auto id = added_.id_of(token)) return id;
    return parts_.model.id_of(token);
  }

 private:
  std::optional<std::int32_t> id_of_role(const SpecialTokens& special,
                                         std::string_view role) const {
    const std::string* text = special.text_of(role);
    return text ? token_id(*text) : std::nullopt;
  }

  /// Text between the added tokens that are looked for before normalisation.
  void encode_raw(const Segment& segment, EncodeScratch& scratch,
                  std::vector<std::int32_t>& ids) const {
    const auto normalized =
        parts_.normalizer.apply(segment.text, scratch.buffers, scratch.splitting.regex);
    added_.finder().split(normalized.text, true, scratch.normalized_pieces);
    for (const auto& piece : scratch.normalized_pieces) {
      if (piece.id == AddedTokens::kText) {
        const bool is_at_start = segment.is_at_start && normalized.keeps_start && piece.begin == 0;
        encode_words({piece.text, is_at_start}, scratch, ids);
      } else {
        ids.push_back(piece.id);
      }
    }
  }

  void encode_words(const Segment& segment, EncodeScratch& scratch,
                    std::vector<std::int32_t>& ids) const {
    parts_.pre_tokenizer.split(segment, scratch.splitting);
    const bool are_bytes = parts_.pre_tokenizer.yields_bytes();
    for (const Segment& word : scratch.splitting.segments) {
      if (are_bytes) {
        parts_.model.encode_bytes(word.text, scratch.encoding, ids);
      } else {
        parts_.model.encode_text(word.text, scratch.encoding, ids);
      }
    }
  }

  /// Null for an id without a token: models whose vocabulary is padded can give such ids.
  std::optional<std::string> text_of(std::int32_t id) const {
    if (const std::string* text = added_.text_of(id)) return *text;
    if (const auto token = parts_.model.token_of(id)) return std::string(*token);
    return std::nullopt;
  }

  TokenizerJson parts_;
  AddedVocabulary added_;
  mutable ScratchPool pool_;
};

}  // namespace

std::shared_ptr<const Tokenizer> make_hf_tokenizer(std::string_view json,
                                                   const SpecialTokens& special,
                                                   const std::string& where) {
  return std::make_shared<HfTokenizer>(json, special, where);
}

}  // namespace midpo
