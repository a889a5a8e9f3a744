#pragma once

#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <mfa/error.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::detail {

// The columns in which SQL storages keep records, in the order in which rows are read (from 0) and written
// (as parameters from 1). The first is the id and the second the version.

inline constexpr std::string_view factor_columns[]{
    "id",         "version",      "type",     "state",           "user_id",    "friendly_name", "created_at",
    "updated_at", "last_used_at", "failures", "last_failure_at", "parameters", "sealed"};
inline constexpr std::string_view challenge_columns[]{
    "id",         "version",  "factor_id",     "state",  "created_at", "updated_at",
    "expires_at", "purge_at", "attempts_left", "answer", "binding"};
inline constexpr std::string_view counter_columns[]{"id", "version", "data", "purge_at"};

// A `Row` has `bytes`, `integer`, `is_null` and `column_name` of a column, and `storage`, which names the
// database for errors.

template <class Row> Time read_time(const Row& row, int column) {
  return Time(Time::duration(row.integer(column)));
}

template <class Row> std::optional<Time> read_optional_time(const Row& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(read_time(row, column));
}

/// The number in `column`, which must lie between `least` and `most`. The row's id is in column `id`.
template <class Row>
std::int64_t read_number(const Row& row, int column, int id, std::int64_t least, std::int64_t most) {
  const std::int64_t value = row.integer(column);
  if (value < least || value > most) {
    throw Error(errc::corrupt_record, "record '" + row.bytes(id) + "' in " + row.storage() + " has " +
                                          row.column_name(column) + " " + std::to_string(value) +
                                          ", which this release of mfa does not know. Use the release that "
                                          "wrote it, or restore the database from a backup.");
  }
  return value;
}

template <class Row> std::uint32_t read_count(const Row& row, int column, int id) {
  return static_cast<std::uint32_t>(
      read_number(row, column, id, 0, std::numeric_limits<std::uint32_t>::max()));
}

/// `Enum` numbers its values from 1 to `last` without gaps.
template <class Enum, class Row> Enum read_enum(const Row& row, int column, int id, Enum last) {
  return static_cast<Enum>(read_number(row, column, id, 1, static_cast<std::int64_t>(last)));
}

/// Reads the columns from `first` on.
template <class Row> storage::FactorRecord read_factor_at(const Row& row, int first) {
  return {
      .id = row.bytes(first),
      .version = static_cast<std::uint64_t>(row.integer(first + 1)),
      .type = read_enum(row, first + 2, first, last_factor_type),
      .state = read_enum(row, first + 3, first, FactorState::verified),
      .user_id = row.bytes(first + 4),
      .friendly_name = row.bytes(first + 5),
      .created_at = read_time(row, first + 6),
      .updated_at = read_time(row, first + 7),
      .last_used_at = read_optional_time(row, first + 8),
      .failures = read_count(row, first + 9, first),
      .last_failure_at = read_optional_time(row, first + 10),
      .parameters = row.bytes(first + 11),
      .sealed = row.bytes(first + 12),
  };
}

template <class Row> storage::FactorRecord read_factor(const Row& row) { return read_factor_at(row, 0); }

template <class Row> storage::ChallengeRecord read_challenge(const Row& row) {
  return {
      .id = row.bytes(0),
      .version = static_cast<std::uint64_t>(row.integer(1)),
      .factor_id = row.bytes(2),
      .state = read_enum(row, 3, 0, ChallengeState::exhausted),
      .created_at = read_time(row, 4),
      .updated_at = read_time(row, 5),
      .expires_at = read_optional_time(row, 6),
      .purge_at = read_time(row, 7),
      .attempts_left = read_count(row, 8, 0),
      .answer = row.bytes(9),
      .binding = row.bytes(10),
  };
}

/// From the challenge's columns, followed by those of its factor or by NULLs.
template <class Row> storage::ChallengeWithFactor read_challenge_with_factor(const Row& row) {
  constexpr int first_of_factor = std::size(challenge_columns);
  return {
      .challenge = read_challenge(row),
      .factor =
          row.is_null(first_of_factor) ? std::nullopt : std::optional(read_factor_at(row, first_of_factor)),
  };
}

template <class Row> storage::CounterRecord read_counter(const Row& row) {
  return {
      .id = row.bytes(0),
      .version = static_cast<std::uint64_t>(row.integer(1)),
      .data = row.bytes(2),
      .purge_at = read_time(row, 3),
  };
}

// `Parameters` has `bind` for numbers and times, `bind_text` and `bind_blob`. Each of these binds all columns
// except id and version, and returns the number of the last. What is bound is borrowed.

template <class Parameters> int bind_columns(Parameters& parameters, const storage::FactorRecord& factor) {
  parameters.bind(3, static_cast<std::int64_t>(factor.type));
  parameters.bind(4, static_cast<std::int64_t>(factor.state));
  parameters.bind_text(5, factor.user_id);
  parameters.bind_text(6, factor.friendly_name);
  parameters.bind(7, factor.created_at);
  parameters.bind(8, factor.updated_at);
  parameters.bind(9, factor.last_used_at);
  parameters.bind(10, std::int64_t{factor.failures});
  parameters.bind(11, factor.last_failure_at);
  parameters.bind_blob(12, factor.parameters);
  parameters.bind_blob(13, factor.sealed);
  return 13;
}

template <class Parameters>
int bind_columns(Parameters& parameters, const storage::ChallengeRecord& challenge) {
  parameters.bind_text(3, challenge.factor_id);
  parameters.bind(4, static_cast<std::int64_t>(challenge.state));
  parameters.bind(5, challenge.created_at);
  parameters.bind(6, challenge.updated_at);
  parameters.bind(7, challenge.expires_at);
  parameters.bind(8, challenge.purge_at);
  parameters.bind(9, std::int64_t{challenge.attempts_left});
  parameters.bind_blob(10, challenge.answer);
  parameters.bind_blob(11, challenge.binding);
  return 11;
}

template <class Parameters> int bind_columns(Parameters& parameters, const storage::CounterRecord& counter) {
  parameters.bind_blob(3, counter.data);
  parameters.bind(4, counter.purge_at);
  return 4;
}

} // namespace mfa::detail
