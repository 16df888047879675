// SPDX-License-Identifier: Apache-2.0
#include "runtime/data/row_reader.h"

#include <algorithm>
#include <utility>

#include "runtime/core/error.h"
#include "runtime/data/byte_stream.h"
#include "runtime/data/file_format.h"
#include "runtime/data/row_parser.h"

namespace midpo {
namespace {

class FileRowReader final : public RowReader {
 public:
  FileRowReader(std::vector<InputFile> files, std::uint64_t block_rows, BadRowPolicy policy,
                const RowRequirements& requirements)
      : files_(std::move(files)), block_rows_(block_rows), policy_(policy), parser_(requirements) {}

  const std::vector<InputFile>& files() const override { return files_; }

  std::unique_ptr<RowBlock> next_block() override {
    auto block = std::make_unique<RowBlock>();
    block->index = next_block_++;
    block->first_row = next_row_;
    while (block->num_rows < block_rows_ && has_record()) read_row(*block);
    block->is_last = !has_record();
    return block;
  }

  void seek_block(std::uint64_t index) override {
    const std::uint64_t row = index * block_rows_;
    if (row < next_row_) rewind();
    while (next_row_ < row && has_record()) {
      is_pending_ = false;
      next_row_ += 1 + source_->skip(row - next_row_ - 1);
    }
    next_block_ = index;
  }

  double fraction_read() const override {
    std::uint64_t total = 0;
    std::uint64_t read = source_ ? source_->file_bytes_read() : 0;
    for (std::size_t i = 0; i < files_.size(); ++i) {
      total += files_[i].size_bytes;
      if (i < file_) read += files_[i].size_bytes;
    }
    return std::min(1.0, static_cast<double>(read) / static_cast<double>(total));
  }

  void check_unchanged() const override {
    for (const InputFile& file : files_) check_unchanged(file);
  }

 private:
  static void check_unchanged(const InputFile& file) {
    require(stamp_of(file.path) == FileStamp{file.size_bytes, file.mtime_ns}, ErrorCode::kData,
            file.path +
                ": size or modification time changed while it was being read; "
                "start the run again on a file at rest");
  }

  /// Looks one record ahead, over the ends of files.
  bool has_record() {
    while (!is_pending_ && file_ < files_.size()) {
      if (!source_) {
        check_unchanged(files_[file_]);
        source_ = open_records(files_[file_].path);
      }
      is_pending_ = source_->next(record_);
      if (is_pending_) break;
      source_.reset();
      ++file_;
    }
    return is_pending_;
  }

  void read_row(RowBlock& block) {
    is_pending_ = false;
    const RowPosition position{static_cast<std::uint32_t>(file_), record_.line};
    PreferenceRow& row = block.rows.emplace_back();
    row.row = next_row_++;
    row.position = position;
    ++block.num_rows;
    const std::optional<std::string> problem = parser_.parse(record_, row);
    if (!problem) return;
    if (policy_ != BadRowPolicy::kQuarantine) {
      const bool has_choice = policy_ == BadRowPolicy::kFail;
      throw Error(ErrorCode::kData, files_[file_].path + ":" + std::to_string(record_.line) + ": " +
                                        *problem + "; fix the row" +
                                        (has_choice ? " or pass --on-bad-row quarantine" : ""));
    }
    block.rows.pop_back();
    block.bad_rows.push_back({next_row_ - 1, position, *problem, std::string(record_.bytes)});
  }

  void rewind() {
    source_.reset();
    is_pending_ = false;
    file_ = 0;
    next_row_ = 0;
  }

  std::vector<InputFile> files_;
  std::uint64_t block_rows_;
  BadRowPolicy policy_;
  RowParser parser_;
  std::size_t file_ = 0;                  // the one being read
  std::unique_ptr<RecordSource> source_;  // of that file, once opened
  Record record_;
  bool is_pending_ = false;  // record_ is read but not yet in a block
  std::uint64_t next_row_ = 0;
  std::uint64_t next_block_ = 0;
};

}  // namespace

std::unique_ptr<RowReader> open_rows(const std::vector<std::string>& paths,
                                     std::uint64_t block_rows, BadRowPolicy policy,
                                     const RowRequirements& requirements) {
  require(!paths.empty(), ErrorCode::kConfig, "no data file was named; wanted at least one");
  require(block_rows > 0, ErrorCode::kConfig, "block_rows is 0; wanted at least 1");
  std::vector<InputFile> files;
  for (const std::string& path : paths) {
    check_format(path);
    const FileStamp stamp = stamp_of(path);
    files.push_back({path, stamp.size_bytes, stamp.mtime_ns});
  }
  return std::make_unique<FileRowReader>(std::move(files), block_rows, policy, requirements);
}

}  // namespace midpo
