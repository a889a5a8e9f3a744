#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include <mfa/encoding/fields.hpp>
#include <mfa/storage/record.hpp>

/// What a server keeps of a record without looking at it: all that no key, condition or index is made of,
/// packed into one value. A server takes, writes and returns one such value in less time than a value for
/// each field.
namespace mfa::detail {

/// Of the fields. Later formats come beside it: records of earlier releases stay readable.
inline constexpr std::uint64_t record_format = 1;

inline void write_time(FieldWriter& fields, Time time) {
  fields.number(static_cast<std::uint64_t>(time.time_since_epoch().count()));
}

inline Time read_time(FieldReader& fields) {
  return Time(Time::duration(static_cast<std::int64_t>(fields.number())));
}

inline void write_optional_time(FieldWriter& fields, const std::optional<Time>& time) {
  fields.number(time ? 1 : 0);
  if (time) write_time(fields, *time);
}

inline std::optional<Time> read_optional_time(FieldReader& fields) {
  if (fields.number_up_to(1) == 0) return std::nullopt;
  return read_time(fields);
}

inline std::uint32_t read_count(FieldReader& fields) {
  return static_cast<std::uint32_t>(fields.number_up_to(std::numeric_limits<std::uint32_t>::max()));
}

/// `Enum` numbers its values from 1 to `last` without gaps.
template <class Enum> Enum read_enum(FieldReader& fields, Enum last) {
  const auto value = fields.number_up_to(static_cast<std::uint64_t>(last));
  if (value == 0) fields.refuse("are out of range; restore the record");
  return static_cast<Enum>(value);
}

/// All but id, version and user_id. The first three bytes are those of format, type and state.
inline std::string fields_of(const storage::FactorRecord& factor) {
  FieldWriter fields(record_format);
  fields.number(static_cast<std::uint64_t>(factor.type)).number(static_cast<std::uint64_t>(factor.state));
  fields.text(factor.friendly_name);
  write_time(fields, factor.created_at);
  write_time(fields, factor.updated_at);
  write_optional_time(fields, factor.last_used_at);
  fields.number(factor.failures);
  write_optional_time(fields, factor.last_failure_at);
  return fields.text(factor.parameters).text(factor.sealed).take();
}

inline void read_fields(FieldReader fields, storage::FactorRecord& factor) {
  factor.type = read_enum(fields, last_factor_type);
  factor.state = read_enum(fields, FactorState::verified);
  factor.friendly_name = fields.text();
  factor.created_at = read_time(fields);
  factor.updated_at = read_time(fields);
  factor.last_used_at = read_optional_time(fields);
  factor.failures = read_count(fields);
  factor.last_failure_at = read_optional_time(fields);
  factor.parameters = fields.text();
  factor.sealed = fields.text();
  fields.end();
}

/// All but id, version, factor_id and purge_at.
inline std::string fields_of(const storage::ChallengeRecord& challenge) {
  FieldWriter fields(record_format);
  fields.number(static_cast<std::uint64_t>(challenge.state));
  write_time(fields, challenge.created_at);
  write_time(fields, challenge.updated_at);
  write_optional_time(fields, challenge.expires_at);
  fields.number(challenge.attempts_left);
  return fields.text(challenge.answer).text(challenge.binding).take();
}

inline void read_fields(FieldReader fields, storage::ChallengeRecord& challenge) {
  challenge.state = read_enum(fields, ChallengeState::exhausted);
  challenge.created_at = read_time(fields);
  challenge.updated_at = read_time(fields);
  challenge.expires_at = read_optional_time(fields);
  challenge.attempts_left = read_count(fields);
  challenge.answer = fields.text();
  challenge.binding = fields.text();
  fields.end();
}

} // namespace mfa::detail
