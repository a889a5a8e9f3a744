#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include <mfa/encoding/checked_text.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/verbs/ids.hpp>

namespace mfa::detail {

[[nodiscard]] constexpr bool is_stored_time(Time time) noexcept {
  return Time{} <= time && time < end_of_times;
}

[[nodiscard]] constexpr bool is_stored_time(const std::optional<Time>& time) noexcept {
  return !time || is_stored_time(*time);
}

/// Of a record that was stored, and such that the next one is, too.
[[nodiscard]] constexpr bool is_stored_version(std::uint64_t version) noexcept {
  return version > 0 && version < std::numeric_limits<std::uint64_t>::max();
}

inline constexpr const char* not_ours = "are not what this library writes; restore the record";
inline constexpr const char* out_of_range = "are out of range; restore the record";
inline constexpr const char* not_plain_text =
    "hold text that is too long, not UTF-8 or has control characters; restore the record";
inline constexpr const char* of_another =
    "are those of another record; check the storage, and restore the record";

inline void check_contents(const storage::FactorRecord& factor) {
  if (factor.type == FactorType{}) throw_corrupt("factor", factor.id, not_ours); // see `unreadable_factor`
  if (factor.type < FactorType::totp || factor.type > last_factor_type)
    throw_corrupt("factor", factor.id,
                  "are of a kind that this release of the library does not know; update it");
  if ((factor.state != FactorState::unverified && factor.state != FactorState::verified) ||
      !is_stored_version(factor.version) || !is_stored_time(factor.created_at) ||
      !is_stored_time(factor.updated_at) || !is_stored_time(factor.last_used_at) ||
      !is_stored_time(factor.last_failure_at))
    throw_corrupt("factor", factor.id, out_of_range);
  if (!is_plain_text(factor.user_id, storage::longest_user_id) ||
      !is_plain_text(factor.friendly_name, storage::longest_friendly_name))
    throw_corrupt("factor", factor.id, not_plain_text);
}

inline void check_contents(const storage::ChallengeRecord& challenge) {
  if (challenge.state < ChallengeState::pending || challenge.state > ChallengeState::exhausted ||
      !is_stored_version(challenge.version) || !is_stored_time(challenge.created_at) ||
      !is_stored_time(challenge.updated_at) || !is_stored_time(challenge.expires_at) ||
      !is_stored_time(challenge.purge_at))
    throw_corrupt("challenge", challenge.id, out_of_range);
}

inline void check_contents(const storage::CounterRecord& counter) {
  if (!is_stored_version(counter.version) || !is_stored_time(counter.purge_at))
    throw_corrupt("counter", counter.id, out_of_range);
}

} // namespace mfa::detail

namespace mfa::storage {

// What the decisions take for granted of a record, whatever storage it comes from and whoever wrote there.
// Each throws `errc::corrupt_record`. The verbs check all that they read.

inline void check(const FactorRecord& factor) {
  if (!detail::is_id(factor.id, detail::factor_id_prefix))
    detail::throw_corrupt("factor", "of an unreadable id", detail::not_ours);
  detail::check_contents(factor);
}

inline void check(const ChallengeRecord& challenge) {
  if (!detail::is_id(challenge.id, detail::challenge_id_prefix))
    detail::throw_corrupt("challenge", "of an unreadable id", detail::not_ours);
  detail::check_contents(challenge);
}

inline void check(const CounterRecord& counter) { detail::check_contents(counter); }

/// A record that was asked for by its id is that one.
template <class Record> void check_named(std::string_view what, std::string_view id, const Record& record) {
  if (record.id != id) detail::throw_corrupt(what, id, detail::of_another);
  detail::check_contents(record);
}

/// One of the factors that were asked for by their user.
inline void check_of_user(std::string_view user_id, const FactorRecord& factor) {
  check(factor);
  if (factor.user_id != user_id)
    detail::throw_corrupt("factor", factor.id,
                          "are not those of the user whose factors were asked for; the storage must "
                          "compare user ids byte by byte");
}

} // namespace mfa::storage
