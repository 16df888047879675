// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/weights_stream.h"

#include <algorithm>
#include <cctype>

#include "runtime/core/error.h"

namespace midpo {
namespace {

constexpr std::size_t kMaxName = 128;

void refuse_unless(bool condition, const WeightsPiece& piece, const std::string& text) {
  require(condition, ErrorCode::kTransport,
          "weights of version " + std::to_string(piece.version) + ": " + text);
}

/// Becomes a file in a folder of ours, and in no other.
bool is_plain_name(const std::string& name) {
  const auto is_plain = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
  };
  return name.size() <= kMaxName && name.find_first_not_of('.') != std::string::npos &&
         std::ranges::all_of(name, is_plain);
}

bool is_hash(const std::string& text) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == 32 && std::ranges::all_of(text, is_digit);
}

}  // namespace

void WeightsDelivery::add(std::shared_ptr<const WeightsVersion> version) {
  const std::uint64_t number = version->version;
  waiting_.emplace(number, std::move(version));
}

void WeightsDelivery::forget_before(std::uint64_t oldest) {
  oldest_ = std::max(oldest_, oldest);
  waiting_.erase(waiting_.begin(), waiting_.lower_bound(oldest_));
  // A confirmation of the newest of them may still be on its way.
  while (sent_.size() > 1 && std::next(sent_.begin())->first < oldest_) sent_.erase(sent_.begin());
}

std::optional<WeightsPiece> WeightsDelivery::next() {
  if (!current_) {
    if (waiting_.empty()) return std::nullopt;
    current_ = waiting_.begin()->second;
    waiting_.erase(waiting_.begin());
    file_ = 0;
    offset_ = 0;
  }
  const WeightsVersion::File& file = current_->files.at(file_);
  const std::size_t size = std::min<std::uint64_t>(limits_.piece_bytes, file.size_bytes - offset_);
  WeightsPiece piece{current_->version,
                     std::min(oldest_, current_->version),
                     current_->content,
                     static_cast<std::uint32_t>(current_->files.size()),
                     file_,
                     file.name,
                     file.size_bytes,
                     offset_,
                     current_->read(file_, offset_, size)};
  offset_ += size;
  if (offset_ < file.size_bytes) return piece;
  ++file_;
  offset_ = 0;
  if (file_ < current_->files.size()) return piece;
  sent_[current_->version] = {current_->content, false};
  current_.reset();
  return piece;
}

void WeightsDelivery::confirm(const Confirm& confirm) {
  const auto sent = sent_.find(confirm.version);
  // Of a version that nobody needs any more: it took its time.
  if (sent == sent_.end() && confirm.version < oldest_) return;
  const bool is_right =
      sent != sent_.end() && sent->second.content == confirm.content && !sent->second.is_confirmed;
  require(is_right, ErrorCode::kTransport,
          "confirms weights of version " + std::to_string(confirm.version) +
              " that it was not sent, or has confirmed before");
  sent->second.is_confirmed = true;
}

bool WeightsDelivery::has_confirmed(std::uint64_t version) const {
  const auto sent = sent_.find(version);
  return sent != sent_.end() && sent->second.is_confirmed;
}

void WeightsReceiver::check_version(const WeightsPiece& piece) const {
  refuse_unless(is_hash(piece.content), piece, "its content is no hash");
  refuse_unless(!newest_ || piece.version > *newest_, piece,
                "not newer than version " + std::to_string(newest_.value_or(0)));
  refuse_unless(piece.oldest >= oldest_ && piece.oldest <= piece.version, piece,
                "needed from version " + std::to_string(piece.oldest) + " on");
  const bool is_first = piece.file == 0 && piece.offset == 0;
  refuse_unless(last_ || is_first, piece, "begins in its middle");
  refuse_unless(piece.num_files >= 1 && piece.num_files <= limits_.max_files, piece,
                "has " + std::to_string(piece.num_files) + " files, must have 1 to " +
                    std::to_string(limits_.max_files));
  if (!last_) return;
  refuse_unless(piece.version == last_->version && piece.content == last_->content &&
                    piece.num_files == last_->num_files,
                piece, "mixed with version " + std::to_string(last_->version));
}

void WeightsReceiver::check_place(const WeightsPiece& piece) const {
  refuse_unless(piece.file == file_ && piece.offset == offset_, piece,
                "the piece at byte " + std::to_string(piece.offset) + " of file " +
                    std::to_string(piece.file) + " came where byte " + std::to_string(offset_) +
                    " of file " + std::to_string(file_) + " belongs");
  refuse_unless(is_plain_name(piece.file_name), piece, "a file name that is not plain");
  if (!last_) return;
  const bool is_same_file = offset_ > 0;
  refuse_unless(is_same_file
                    ? piece.file_name == last_->file_name && piece.file_bytes == last_->file_bytes
                    : piece.file_name > last_->file_name,
                piece, "the file " + piece.file_name + " came out of order");
}

void WeightsReceiver::check_size(const WeightsPiece& piece) const {
  const std::uint64_t size = piece.bytes.size();
  refuse_unless(size <= limits_.max_piece_bytes, piece,
                "a piece of " + std::to_string(size) + " bytes, too many");
  refuse_unless(piece.file_bytes <= limits_.max_bytes - taken_bytes_, piece,
                "more than " + std::to_string(limits_.max_bytes) + " bytes");
  refuse_unless(size <= piece.file_bytes - offset_ && (size > 0 || piece.file_bytes == 0), piece,
                "a piece of " + std::to_string(size) + " bytes at byte " + std::to_string(offset_) +
                    " of a file of " + std::to_string(piece.file_bytes));
}

bool WeightsReceiver::take(const WeightsPiece& piece) {
  check_version(piece);
  check_place(piece);
  check_size(piece);
  oldest_ = piece.oldest;
  offset_ += piece.bytes.size();
  const bool ends_file = offset_ == piece.file_bytes;
  if (ends_file) {
    taken_bytes_ += piece.file_bytes;
    ++file_;
    offset_ = 0;
  }
  const bool is_whole = file_ == piece.num_files;
  if (!is_whole) {
    last_ = piece;
    last_->bytes.clear();
    return false;
  }
  newest_ = piece.version;
  last_.reset();
  file_ = 0;
  taken_bytes_ = 0;
  return true;
}

}  // namespace midpo
