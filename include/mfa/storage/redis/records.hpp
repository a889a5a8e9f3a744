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

/// What stands for the purge time of a factor, which has none.
inline constexpr std::string_view no_purge_time = "-";

inline std::string text_of(Time time) { return std::to_string(time.time_since_epoch().count()); }

/// With the version that a commit leaves.
inline std::string head(std::uint64_t version, std::string_view purge_at, std::string_view owner) {
  std::string text = std::to_string(version + 1);
  text.append(" ").append(purge_at).append(" ").append(std::to_string(owner.size())).append(" ");
  return text.append(owner);
}

inline std::string bytes_of(const storage::FactorRecord& factor) {
  FieldWriter fields(format);
  fields.number(static_cast<std::uint64_t>(factor.type)).number(static_cast<std::uint64_t>(factor.state));
  fields.text(factor.friendly_name).number(number_of(factor.created_at)).number(number_of(factor.updated_at));
  write_optional(fields, factor.last_used_at);
  fields.number(factor.failures);
  write_optional(fields, factor.last_failure_at);
  fields.text(factor.parameters).text(factor.sealed);
  return head(factor.version, no_purge_time, factor.user_id) + fields.take();
}

inline std::string bytes_of(const storage::ChallengeRecord& challenge) {
  FieldWriter fields(format);
  fields.number(static_cast<std::uint64_t>(challenge.state));
  fields.number(number_of(challenge.created_at)).number(number_of(challenge.updated_at));
  write_optional(fields, challenge.expires_at);
  fields.number(challenge.attempts_left);
  fields.text(challenge.answer).text(challenge.binding);
  return head(challenge.version, text_of(challenge.purge_at), challenge.factor_id) + fields.take();
}

inline std::string bytes_of(const storage::CounterRecord& counter) {
  FieldWriter fields(format);
  fields.text(counter.data);
  return head(counter.version, text_of(counter.purge_at), {}) + fields.take();
}

/// A record's bytes taken apart. `what` and `id` name it in errors; all three are borrowed.
class Stored {
 public:
  Stored(std::string_view bytes, std::string_view what, std::string_view id) : what_(what), id_(id) {
    version_ = number_in<std::uint64_t>(word(bytes));
    purge_at_ = word(bytes);
    const auto size = number_in<std::size_t>(word(bytes));
    if (size > bytes.size()) refuse();
    owner_ = bytes.substr(0, size);
    fields_ = bytes.substr(owner_.size());
  }

  [[nodiscard]] std::string id() const { return std::string(id_); }
  [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
  [[nodiscard]] Time purge_at() const { return Time(Time::duration(number_in<std::int64_t>(purge_at_))); }
  [[nodiscard]] std::string owner() const { return std::string(owner_); }
  [[nodiscard]] FieldReader fields() const { return {fields_, format, what_, id_}; }

 private:
  /// What is before the next space, which both are taken off.
  std::string_view word(std::string_view& bytes) const {
    const auto end = bytes.find(' ');
    if (end == std::string_view::npos) refuse();
    const auto result = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    return result;
  }

  template <class Number> [[nodiscard]] Number number_in(std::string_view text) const {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) refuse();
    return number;
  }

  [[noreturn]] void refuse() const {
    throw Error(errc::corrupt_record, "the contents of " + std::string(what_) + ' ' + std::string(id_) +
                                          " in Redis are not what this library writes; restore the record");
  }

  std::string_view what_;
  std::string_view id_;
  std::uint64_t version_ = 0;
  std::string_view purge_at_;
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
  challenge.purge_at = stored.purge_at();
  challenge.state = read_enum(fields, ChallengeState::exhausted);
  challenge.created_at = time_of(fields.number());
  challenge.updated_at = time_of(fields.number());
  challenge.expires_at = read_optional(fields);
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
  counter.purge_at = stored.purge_at();
  counter.data = fields.text();
  fields.end();
  return counter;
}

} // namespace mfa::detail::redis
