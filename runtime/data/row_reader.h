// SPDX-License-Identifier: Apache-2.0
// Reads dataset files into blocks of preference rows, in constant memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/data/preference_row.h"

namespace midpo {

/// What a row that cannot be used does: kFail ends the job, and the user could have chosen
/// otherwise; kRefuse does so where there is no choice.
enum class BadRowPolicy { kFail, kQuarantine, kRefuse };

/// One input file as the plan records it.
struct InputFile {
  std::string path;
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
};

/// Reads files one after the other into blocks of fixed length. Not thread-safe. Every record,
/// good or bad, takes one row id; blank lines take none, but count as lines.
class RowReader {
 public:
  virtual ~RowReader() = default;

  virtual const std::vector<InputFile>& files() const = 0;

  /// The next block of up to block_rows rows; a block of zero rows with is_last after the end, and
  /// at once where the inputs hold no row. Block boundaries depend on the files and block_rows
  /// only.
  /// @throws Error(kData) naming file:line for an unreadable file, or for a bad row unless it is
  ///   quarantined.
  virtual std::unique_ptr<RowBlock> next_block() = 0;

  /// Skips to the block with this index without keeping rows (used by --resume).
  virtual void seek_block(std::uint64_t index) = 0;

  /// Share of the input bytes consumed so far, 0..1, for the progress bar.
  virtual double fraction_read() const = 0;

  /// @throws Error(kData) if a file's size or mtime is no longer what it was when opened.
  virtual void check_unchanged() const = 0;
};

/// Opens .jsonl, .json (array of objects, or JSON Lines), either with .gz or .zst behind, and
/// .parquet, told by name and checked by content.
/// @throws Error(kData) naming the path of a file that is missing, empty, not a regular file, or
///   not what its name says; Error(kConfig) for an unknown name and for no path at all.
std::unique_ptr<RowReader> open_rows(const std::vector<std::string>& paths,
                                     std::uint64_t block_rows, BadRowPolicy policy,
                                     const RowRequirements& requirements);

}  // namespace midpo
