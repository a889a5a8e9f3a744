#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include <mfa/encoding/fields.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/record.hpp>

/// What a server keeps of a record without looking at it: all that no key, condition or index is made of,
/// packed into one value. A server takes, writes and returns one such value in less time than a value for
/// each field.
namespace mfa::detail {

/// Of the fields. Later formats come beside it: records of earlier releases stay readable.
inline constexpr std::uint64_t record_format = 1;

/// For scans: what `read` gives, or, of a factor that cannot be read, what `unreadable` gives.
template <class Read, class Unreadable>
storage::FactorRecord read_or(const Read& read, const Unreadable& unreadable) {
  try {
    return read();
  } catch (const Error& error) {
    if (error.code() != errc::corrupt_record) throw;
  }
  return unreadable();
}

inline std::uint32_t read_count(FieldReader& fields) {
  return static_cast<std::uint32_t>(fields.number_up_to(std::numeric_limits<std::uint32_t>::max()));
}

/// All but id, version and user_id. The first three bytes are those of format, type and state.
inline std::string fields_of(const storage::FactorRecord& factor) {
  return FieldWriter(record_format)
      .enumerator(factor.type)
      .enumerator(factor.state)
      .text(factor.friendly_name)
      .time(factor.created_at)
      .time(factor.updated_at)
      .optional_time(factor.last_used_at)
      .number(factor.failures)
      .optional_time(factor.last_failure_at)
      .text(factor.parameters)
      .text(factor.sealed)
      .take();
}

inline void read_fields(FieldReader fields, storage::FactorRecord& factor) {
  factor.type = fields.enumerator(last_factor_type);
  factor.state = fields.enumerator(FactorState::verified);
  factor.friendly_name = fields.text();
  factor.created_at = fields.any_time();
  factor.updated_at = fields.any_time();
  factor.last_used_at = fields.any_optional_time();
  factor.failures = read_count(fields);
  factor.last_failure_at = fields.any_optional_time();
  factor.parameters = fields.text();
  factor.sealed = fields.text();
  fields.end();
}

/// All but id, version, factor_id and purge_at.
inline std::string fields_of(const storage::ChallengeRecord& challenge) {
  return FieldWriter(record_format)
      .enumerator(challenge.state)
      .time(challenge.created_at)
      .time(challenge.updated_at)
      .optional_time(challenge.expires_at)
      .number(challenge.attempts_left)
      .text(challenge.answer)
      .text(challenge.binding)
      .take();
}

inline void read_fields(FieldReader fields, storage::ChallengeRecord& challenge) {
  challenge.state = fields.enumerator(ChallengeState::exhausted);
  challenge.created_at = fields.any_time();
  challenge.updated_at = fields.any_time();
  challenge.expires_at = fields.any_optional_time();
  challenge.attempts_left = read_count(fields);
  challenge.answer = fields.text();
  challenge.binding = fields.text();
  fields.end();
}

} // namespace mfa::detail
