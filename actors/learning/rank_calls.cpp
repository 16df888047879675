// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/rank_calls.h"

#include <cstring>
#include <type_traits>

namespace midpo {
namespace {

class Writer {
 public:
  template <class Number>
  void number(Number value) {
    static_assert(std::is_arithmetic_v<Number> || std::is_enum_v<Number>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(const std::string& value) {
    number<std::uint64_t>(value.size());
    bytes_ += value;
  }
  template <class Number>
  void numbers(const std::vector<Number>& values) {
    number<std::uint64_t>(values.size());
    bytes_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Number));
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads what Writer wrote; never beyond the bytes.
class Reader {
 public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {}

  template <class Number>
  Number number() {
    Number value{};
    std::memcpy(&value, take(sizeof value), sizeof value);
    return value;
  }
  std::string text() {
    const auto size = number<std::uint64_t>();
    return {take(size), size};
  }
  template <class Number>
  std::vector<Number> numbers() {
    const std::uint64_t count = this->count(sizeof(Number));
    std::vector<Number> values(count);
    const char* data = take(count * sizeof(Number));
    if (count > 0) std::memcpy(values.data(), data, count * sizeof(Number));
    return values;
  }
  /// Of items that have at least so many bytes each.
  std::uint64_t count(std::uint64_t least_bytes) {
    const auto count = number<std::uint64_t>();
    require(count <= (bytes_.size() - position_) / least_bytes, ErrorCode::kTransport, kCutOff);
    return count;
  }
  void finish() const {
    require(position_ == bytes_.size(), ErrorCode::kTransport,
            "a message between ranks is too long; are all ranks of one version?");
  }

 private:
  static constexpr const char* kCutOff =
      "a message between ranks is cut off; are all ranks of one version?";

  const char* take(std::uint64_t size) {
    require(size <= bytes_.size() - position_, ErrorCode::kTransport, kCutOff);
    const char* data = bytes_.data() + position_;
    position_ += size;
    return data;
  }

  const std::string& bytes_;
  std::size_t position_ = 0;
};

static_assert(sizeof(TokenSpan) == 2 * sizeof(std::uint32_t));

void write_row(Writer& writer, const TrainingRow& row) {
  writer.number(row.row);
  writer.number<std::uint64_t>(row.tokens.sequences.size());
  for (const std::vector<std::int32_t>& sequence : row.tokens.sequences) writer.numbers(sequence);
  writer.numbers(row.trained);
  writer.number(row.reference_chosen);
  writer.number(row.reference_rejected);
  writer.number(row.offset);
  writer.number(row.is_first_unsafe);
  writer.number(row.is_second_unsafe);
}

TrainingRow read_row(Reader& reader) {
  TrainingRow row;
  row.row = reader.number<std::uint64_t>();
  row.tokens.sequences.resize(reader.count(sizeof(std::uint64_t)));
  for (std::vector<std::int32_t>& sequence : row.tokens.sequences) {
    sequence = reader.numbers<std::int32_t>();
  }
  row.trained = reader.numbers<TokenSpan>();
  row.reference_chosen = reader.number<double>();
  row.reference_rejected = reader.number<double>();
  row.offset = reader.number<double>();
  row.is_first_unsafe = reader.number<bool>();
  row.is_second_unsafe = reader.number<bool>();
  return row;
}

}  // namespace

std::string RankCall::to_bytes() const {
  Writer writer;
  writer.number(kind);
  writer.number<std::uint64_t>(rows.size());
  for (const TrainingRow& row : rows) write_row(writer, row);
  writer.number(batch.items);
  writer.number(batch.tokens);
  writer.number(learning_rate);
  writer.text(path);
  return writer.take();
}

RankCall RankCall::from_bytes(const std::string& bytes) {
  Reader reader(bytes);
  RankCall call;
  call.kind = reader.number<Kind>();
  require(call.kind <= Kind::kQuit, ErrorCode::kTransport,
          "a call of ranks is of an unknown kind; are all ranks of one version?");
  call.rows.resize(reader.count(sizeof(std::uint64_t)));
  for (TrainingRow& row : call.rows) row = read_row(reader);
  call.batch.items = reader.number<std::int64_t>();
  call.batch.tokens = reader.number<std::int64_t>();
  call.learning_rate = reader.number<double>();
  call.path = reader.text();
  reader.finish();
  return call;
}

std::string RankOutcome::to_bytes() const {
  Writer writer;
  writer.number<bool>(error.has_value());
  if (error) {
    writer.text(std::string(error_code_name(error->code())));
    writer.text(error->what());
  }
  writer.number(report.loss);
  writer.number(report.num_tokens);
  writer.number<std::uint64_t>(report.sums.size());
  for (const NamedNumber& sum : report.sums) {
    writer.text(sum.name);
    writer.number(sum.value);
  }
  writer.number(norm);
  return writer.take();
}

RankOutcome RankOutcome::from_bytes(const std::string& bytes) {
  Reader reader(bytes);
  RankOutcome outcome;
  if (reader.number<bool>()) {
    const std::string code = reader.text();
    outcome.error = Error(error_code_from_name(code), reader.text());
  }
  outcome.report.loss = reader.number<double>();
  outcome.report.num_tokens = reader.number<std::int64_t>();
  outcome.report.sums.resize(reader.count(sizeof(std::uint64_t)));
  for (NamedNumber& sum : outcome.report.sums) {
    sum.name = reader.text();
    sum.value = reader.number<double>();
  }
  outcome.norm = reader.number<double>();
  reader.finish();
  return outcome;
}

}  // namespace midpo
