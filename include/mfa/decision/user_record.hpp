#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/encoding/fields.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/lifetime.hpp>
#include <mfa/factor/send_limits.hpp>
#include <mfa/options.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>

namespace mfa::decision {

/// What is bounded for a user as a whole, whatever the factor. Kept in one counter record, with which every
/// verb commits that enrols, challenges or confirms: so those of one user happen one after the other.
struct UserRecord {
  /// A challenge that was created and may still be open.
  struct OpenChallenge {
    std::string id;
    Time created_at{};
    Time ends_at{};
  };
  /// An unverified factor.
  struct Enrollment {
    std::string factor_id;
    Time created_at{};
    Time ends_at{};
    bool authorized = false; ///< by a verification of another factor, or by an operator
  };

  std::vector<OpenChallenge> challenges = {}; // each oldest first
  std::vector<Enrollment> enrollments = {};
  std::vector<Time> sends = {}; ///< codes that were sent or given to the host to deliver
};

/// The id of a user's record; a factor of no user has one for itself.
[[nodiscard]] inline std::string user_record_id(std::string_view user_id, std::string_view factor_id) {
  return user_id.empty() ? std::string("no_user_").append(factor_id) : std::string("user_").append(user_id);
}

/// Throws `errc::corrupt_record`.
[[nodiscard]] inline UserRecord decode_user(const storage::CounterRecord& record) {
  UserRecord user;
  if (record.data.empty()) return user;
  detail::FieldReader fields(record.data, 1, "record", record.id);
  constexpr std::uint64_t most = 1000;
  user.challenges.resize(fields.number_up_to(most));
  for (UserRecord::OpenChallenge& challenge : user.challenges) {
    challenge.id = fields.plain_text();
    challenge.created_at = fields.time();
    challenge.ends_at = fields.time();
  }
  user.enrollments.resize(fields.number_up_to(most));
  for (UserRecord::Enrollment& enrollment : user.enrollments) {
    enrollment.factor_id = fields.plain_text();
    enrollment.created_at = fields.time();
    enrollment.ends_at = fields.time();
    enrollment.authorized = fields.flag();
  }
  user.sends.resize(fields.number_up_to(most));
  for (Time& sent : user.sends) sent = fields.time();
  fields.end();
  return user;
}

/// What makes this all that the record says. It stays for a day after the last that it speaks of.
inline void encode_user(const UserRecord& user, storage::CounterRecord& record, Time now) {
  Time last = now;
  detail::FieldWriter fields(1);
  fields.number(user.challenges.size());
  for (const UserRecord::OpenChallenge& challenge : user.challenges) {
    fields.text(challenge.id).time(challenge.created_at).time(challenge.ends_at);
    last = std::max(last, challenge.ends_at);
  }
  fields.number(user.enrollments.size());
  for (const UserRecord::Enrollment& enrollment : user.enrollments) {
    fields.text(enrollment.factor_id)
        .time(enrollment.created_at)
        .time(enrollment.ends_at)
        .flag(enrollment.authorized);
    last = std::max(last, enrollment.ends_at);
  }
  fields.number(user.sends.size());
  for (const Time sent : user.sends) fields.time(sent);
  record.data = fields.take();
  record.purge_at = last + std::chrono::hours(24);
}

/// Whether what the record speaks of is over.
template <class Entry> [[nodiscard]] constexpr bool is_over(const Entry& entry, Time now) noexcept {
  return factor::is_over(entry.created_at, entry.ends_at, now);
}

/// The entry of this factor's enrolment; null if there is none.
[[nodiscard]] inline const UserRecord::Enrollment* enrollment_of(const UserRecord& user,
                                                                 std::string_view factor_id) noexcept {
  const auto found = std::ranges::find(user.enrollments, factor_id, &UserRecord::Enrollment::factor_id);
  return found == user.enrollments.end() ? nullptr : &*found;
}

/// Throws `errc::enrollment_expired` for a factor that can be confirmed no more.
inline void check_in_time(const UserRecord& user, const storage::FactorRecord& factor, Time now) {
  const UserRecord::Enrollment* const enrollment = enrollment_of(user, factor.id);
  if (enrollment != nullptr && is_over(*enrollment, now))
    throw Error(errc::enrollment_expired,
                "the enrolment of factor " + factor.id + " was not confirmed in time; enrol it anew");
}

inline void forget_enrollment(UserRecord& user, std::string_view factor_id) {
  std::erase_if(user.enrollments, [&](const auto& entry) { return entry.factor_id == factor_id; });
}

/// Takes one more open challenge in, and returns the ids of those that must go for it: the oldest.
[[nodiscard]] inline std::vector<std::string>
admit(UserRecord& user, const storage::ChallengeRecord& challenge, const factor::Context& context) {
  std::erase_if(user.challenges, [&](const auto& open) { return is_over(open, context.now); });
  std::vector<std::string> gone;
  while (user.challenges.size() >= context.options.open_challenges_a_user) {
    gone.push_back(std::move(user.challenges.front().id));
    user.challenges.erase(user.challenges.begin());
  }
  user.challenges.push_back(
      {challenge.id, challenge.created_at,
       challenge.expires_at.value_or(challenge.created_at + context.options.challenge_lifetime)});
  return gone;
}

/// Takes one more unverified factor in, and returns the ids of those that must go: what is over, and the
/// oldest.
[[nodiscard]] inline std::vector<std::string> admit(UserRecord& user, const storage::FactorRecord& factor,
                                                    bool authorized, const factor::Context& context) {
  std::vector<std::string> gone;
  const auto end = [&](std::vector<UserRecord::Enrollment>::iterator entry) {
    gone.push_back(std::move(entry->factor_id));
    return user.enrollments.erase(entry);
  };
  for (auto entry = user.enrollments.begin(); entry != user.enrollments.end();)
    entry = is_over(*entry, context.now) ? end(entry) : entry + 1;
  while (user.enrollments.size() >= context.options.unverified_factors_a_user)
    (void)end(user.enrollments.begin());
  user.enrollments.push_back(
      {factor.id, factor.created_at, factor.created_at + context.options.enrollment_lifetime, authorized});
  return gone;
}

/// Counts one more code that is sent to the user; or what refuses it.
[[nodiscard]] inline std::optional<factor::Refusal>
count_send(UserRecord& user, const storage::FactorRecord& factor, const factor::Context& context) {
  const factor::SendLimits limits{std::chrono::seconds(0), context.options.sends_a_user_an_hour,
                                  context.options.sends_a_user_a_day};
  const auto wait = factor::count_send(user.sends, limits, context).wait;
  if (!wait) return std::nullopt;
  const bool sms = factor.type == FactorType::sms;
  return factor::Refusal{sms ? EventType::sms_refused : EventType::code_refused,
                         factor::too_many(sms ? errc::sms_rate_limited : errc::code_rate_limited,
                                          "codes to this user", "sent", *wait)};
}

} // namespace mfa::decision
