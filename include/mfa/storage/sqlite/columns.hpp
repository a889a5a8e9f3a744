#pragma once

#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <mfa/encoding/checked_text.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/storage/record_fields.hpp>
#include <mfa/storage/sqlite/connection.hpp>

namespace mfa::detail::sqlite {

// The columns of the tables, in the order in which rows are read (from 0) and written (as parameters from 1).
// The first is the id and the second the version.

inline constexpr std::string_view factor_columns[]{
    "id",         "version",      "type",     "state",           "user_id",    "friendly_name", "created_at",
    "updated_at", "last_used_at", "failures", "last_failure_at", "parameters", "sealed"};
inline constexpr std::string_view challenge_columns[]{
    "id",         "version",  "factor_id",     "state",  "created_at", "updated_at",
    "expires_at", "purge_at", "attempts_left", "answer", "binding"};
inline constexpr std::string_view counter_columns[]{"id", "version", "data", "purge_at"};

inline Time read_time(const Run& row, int column) { return Time(Time::duration(row.integer(column))); }

inline std::optional<Time> read_optional_time(const Run& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(read_time(row, column));
}

/// The number in `column`, which must lie between `least` and `most`. The row's id is in column `id`.
inline std::int64_t read_number(const Run& row, int column, int id, std::int64_t least, std::int64_t most) {
  const std::int64_t value = row.integer(column);
  if (value < least || value > most) {
    const std::string named = row.bytes(id);
    throw Error(errc::corrupt_record,
                (is_plain_text(named, 300) ? "record '" + named + "' in " : "a record in ") + row.storage() +
                    " has " + row.column_name(column) + " " + std::to_string(value) +
                    ", which this release of mfa does not know. Use the release that "
                    "wrote it, or restore the database from a backup.");
  }
  return value;
}

inline std::uint32_t read_count(const Run& row, int column, int id) {
  return static_cast<std::uint32_t>(
      read_number(row, column, id, 0, std::numeric_limits<std::uint32_t>::max()));
}

/// `Enum` numbers its values from 1 to `last` without gaps.
template <class Enum> Enum read_enum(const Run& row, int column, int id, Enum last) {
  return static_cast<Enum>(read_number(row, column, id, 1, static_cast<std::int64_t>(last)));
}

/// Reads the columns from `first` on.
inline storage::FactorRecord read_factor_at(const Run& row, int first) {
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

inline storage::FactorRecord read_factor(const Run& row) { return read_factor_at(row, 0); }

/// For scans.
inline storage::FactorRecord read_factor_if_readable(const Run& row) {
  return mfa::detail::read_or([&row] { return read_factor(row); },
                              [&row] {
                                return storage::unreadable_factor(row.bytes(0),
                                                                  static_cast<std::uint64_t>(row.integer(1)));
                              });
}

inline storage::ChallengeRecord read_challenge(const Run& row) {
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
inline storage::ChallengeWithFactor read_challenge_with_factor(const Run& row) {
  constexpr int first_of_factor = std::size(challenge_columns);
  return {
      .challenge = read_challenge(row),
      .factor =
          row.is_null(first_of_factor) ? std::nullopt : std::optional(read_factor_at(row, first_of_factor)),
  };
}

inline storage::CounterRecord read_counter(const Run& row) {
  return {
      .id = row.bytes(0),
      .version = static_cast<std::uint64_t>(row.integer(1)),
      .data = row.bytes(2),
      .purge_at = read_time(row, 3),
  };
}

// Each of these binds all columns except id and version, and returns the number of the last. What is bound is
// borrowed.

inline int bind_columns(Run& run, const storage::FactorRecord& factor) {
  run.bind(3, static_cast<std::int64_t>(factor.type));
  run.bind(4, static_cast<std::int64_t>(factor.state));
  run.bind_text(5, factor.user_id);
  run.bind_text(6, factor.friendly_name);
  run.bind(7, factor.created_at);
  run.bind(8, factor.updated_at);
  run.bind(9, factor.last_used_at);
  run.bind(10, std::int64_t{factor.failures});
  run.bind(11, factor.last_failure_at);
  run.bind_blob(12, factor.parameters);
  run.bind_blob(13, factor.sealed);
  return 13;
}

inline int bind_columns(Run& run, const storage::ChallengeRecord& challenge) {
  run.bind_text(3, challenge.factor_id);
  run.bind(4, static_cast<std::int64_t>(challenge.state));
  run.bind(5, challenge.created_at);
  run.bind(6, challenge.updated_at);
  run.bind(7, challenge.expires_at);
  run.bind(8, challenge.purge_at);
  run.bind(9, std::int64_t{challenge.attempts_left});
  run.bind_blob(10, challenge.answer);
  run.bind_blob(11, challenge.binding);
  return 11;
}

inline int bind_columns(Run& run, const storage::CounterRecord& counter) {
  run.bind_blob(3, counter.data);
  run.bind(4, counter.purge_at);
  return 4;
}

} // namespace mfa::detail::sqlite
