#pragma once

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <mfa/detail/fields.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/record.hpp>

/// The bytes of a record: what the scripts look at as text (scripts.hpp), then its other fields
/// (FieldWriter). Packed and not a hash, since a server reads and writes one string several times as quickly.
namespace mfa::detail::redis {

/// Of the fields. Later formats come beside it: records of earlier releases stay readable.
inline constexpr std::uint64_t format = 1;

inline std::uint64_t number_of(Time time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

inline Time time_of(std::uint64_t number) { return Time(Time::duration(static_cast<std::int64_t>(number))); }

inline void write_optional(FieldWriter& fields, const std::optional<Time>& time) {
  fields.number(time ? 1 : 0);
  if (time) fields.number(number_of(*time));
}

inline std::optional<Time> read_optional(FieldReader& fields) {
  if (fields.number_up_to(1) == 0) return std::nullopt;
  return time_of(fields.number());
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

/// The version that a commit leaves, and whose the record is.
inline std::string head(std::uint64_t version, std::string_view owner) {
  return std::to_string(version + 1) + ' ' + std::to_string(owner.size()) + ' ' + std::string(owner);
}

inline std::string bytes_of(const storage::FactorRecord& factor) {
  FieldWriter fields(format);
  fields.number(static_cast<std::uint64_t>(factor.type)).number(static_cast<std::uint64_t>(factor.state));
  fields.text(factor.friendly_name).number(number_of(factor.created_at)).number(number_of(factor.updated_at));
  write_optional(fields, factor.last_used_at);
  fields.number(factor.failures);
  write_optional(fields, factor.last_failure_at);
  fields.text(factor.parameters).text(factor.sealed);
  return head(factor.version, factor.user_id) + fields.take();
}

inline std::string bytes_of(const storage::ChallengeRecord& challenge) {
  FieldWriter fields(format);
  fields.number(static_cast<std::uint64_t>(challenge.state));
  fields.number(number_of(challenge.created_at)).number(number_of(challenge.updated_at));
  write_optional(fields, challenge.expires_at);
  fields.number(number_of(challenge.purge_at)).number(challenge.attempts_left);
  fields.text(challenge.answer).text(challenge.binding);
  return head(challenge.version, challenge.factor_id) + fields.take();
}

inline std::string bytes_of(const storage::CounterRecord& counter) {
  FieldWriter fields(format);
  fields.text(counter.data).number(number_of(counter.purge_at));
  return head(counter.version, {}) + fields.take();
}

/// A record's bytes taken apart. `what` and `id` name it in errors; all three are borrowed.
class Stored {
 public:
  Stored(std::string_view bytes, std::string_view what, std::string_view id) : what_(what), id_(id) {
    version_ = number_before_space(bytes);
    const auto size = number_before_space(bytes);
    if (size > bytes.size()) refuse();
    owner_ = bytes.substr(0, static_cast<std::size_t>(size));
    fields_ = bytes.substr(owner_.size());
  }

  [[nodiscard]] std::string id() const { return std::string(id_); }
  [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
  [[nodiscard]] std::string owner() const { return std::string(owner_); }
  [[nodiscard]] FieldReader fields() const { return {fields_, format, what_, id_}; }

 private:
  std::uint64_t number_before_space(std::string_view& bytes) const {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), number);
    const auto length = static_cast<std::size_t>(end - bytes.data());
    if (error != std::errc() || length == bytes.size() || *end != ' ') refuse();
    bytes.remove_prefix(length + 1);
    return number;
  }

  [[noreturn]] void refuse() const {
    throw Error(errc::corrupt_record, "the contents of " + std::string(what_) + ' ' + std::string(id_) +
                                          " in Redis are not what this library writes; restore the record");
  }

  std::string_view what_;
  std::string_view id_;
  std::uint64_t version_ = 0;
  std::string_view owner_;
  std::string_view fields_;
};

// Members are initialised in the order in which they were written.

inline storage::FactorRecord factor_of(std::string_view id, std::string_view bytes) {
  const Stored stored(bytes, "factor", id);
  auto fields = stored.fields();
  storage::FactorRecord factor;
  factor.id = stored.id();
  factor.version = stored.version();
  factor.user_id = stored.owner();
  factor.type = read_enum(fields, last_factor_type);
  factor.state = read_enum(fields, FactorState::verified);
  factor.friendly_name = fields.text();
  factor.created_at = time_of(fields.number());
  factor.updated_at = time_of(fields.number());
  factor.last_used_at = read_optional(fields);
  factor.failures = read_count(fields);
  factor.last_failure_at = read_optional(fields);
  factor.parameters = fields.text();
  factor.sealed = fields.text();
  fields.end();
  return factor;
}

inline storage::ChallengeRecord challenge_of(std::string_view id, std::string_view bytes) {
  const Stored stored(bytes, "challenge", id);
  auto fields = stored.fields();
  storage::ChallengeRecord challenge;
  challenge.id = stored.id();
  challenge.version = stored.version();
  challenge.factor_id = stored.owner();
  challenge.state = read_enum(fields, ChallengeState::exhausted);
  challenge.created_at = time_of(fields.number());
  challenge.updated_at = time_of(fields.number());
  challenge.expires_at = read_optional(fields);
  challenge.purge_at = time_of(fields.number());
  challenge.attempts_left = read_count(fields);
  challenge.answer = fields.text();
  challenge.binding = fields.text();
  fields.end();
  return challenge;
}

inline storage::CounterRecord counter_of(std::string_view id, std::string_view bytes) {
  const Stored stored(bytes, "counter", id);
  auto fields = stored.fields();
  storage::CounterRecord counter;
  counter.id = stored.id();
  counter.version = stored.version();
  counter.data = fields.text();
  counter.purge_at = time_of(fields.number());
  fields.end();
  return counter;
}

} // namespace mfa::detail::redis
