#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include <mfa/encoding/fields.hpp>
#include <mfa/storage/postgres/values.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/storage/record_fields.hpp>

namespace mfa::detail::postgres {

// The columns of the tables, in the order in which rows are read (from 0) and written (as parameters from 1).

inline constexpr std::string_view factor_columns[]{"id", "version", "user_id", "fields"};
inline constexpr std::string_view challenge_columns[]{"id", "version", "factor_id", "purge_at", "fields"};
inline constexpr std::string_view counter_columns[]{"id", "version", "data", "purge_at"};

/// The record's packed fields, read into it. Throws `errc::corrupt_record`.
template <class Record> void read_fields_at(const Row& row, int column, const char* what, Record& record) {
  const std::string id = record.id + " in " + row.storage();
  read_fields({row.view(column), record_format, what, id}, record);
}

/// Reads the columns from `first` on.
inline storage::FactorRecord read_factor_at(const Row& row, int first) {
  storage::FactorRecord factor;
  factor.id = row.bytes(first);
  factor.version = static_cast<std::uint64_t>(row.integer(first + 1));
  factor.user_id = row.bytes(first + 2);
  read_fields_at(row, first + 3, "factor", factor);
  return factor;
}

inline storage::FactorRecord read_factor(const Row& row) { return read_factor_at(row, 0); }

/// For scans.
inline storage::FactorRecord read_factor_if_readable(const Row& row) {
  return mfa::detail::read_or([&row] { return read_factor(row); },
                              [&row] {
                                return storage::unreadable_factor(row.bytes(0),
                                                                  static_cast<std::uint64_t>(row.integer(1)));
                              });
}

inline storage::ChallengeRecord read_challenge(const Row& row) {
  storage::ChallengeRecord challenge;
  challenge.id = row.bytes(0);
  challenge.version = static_cast<std::uint64_t>(row.integer(1));
  challenge.factor_id = row.bytes(2);
  challenge.purge_at = row.time(3);
  read_fields_at(row, 4, "challenge", challenge);
  return challenge;
}

/// From the challenge's columns, followed by those of its factor or by NULLs.
inline storage::ChallengeWithFactor read_challenge_with_factor(const Row& row) {
  constexpr int first_of_factor = std::size(challenge_columns);
  return {
      .challenge = read_challenge(row),
      .factor =
          row.is_null(first_of_factor) ? std::nullopt : std::optional(read_factor_at(row, first_of_factor)),
  };
}

inline storage::CounterRecord read_counter(const Row& row) {
  return {
      .id = row.bytes(0),
      .version = static_cast<std::uint64_t>(row.integer(1)),
      .data = row.bytes(2),
      .purge_at = row.time(3),
  };
}

} // namespace mfa::detail::postgres
