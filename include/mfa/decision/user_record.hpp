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

#include <mfa/crypto/key_ring.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/authenticator.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/lifetime.hpp>
#include <mfa/factor/send_limits.hpp>
#include <mfa/factor/used_secret.hpp>
#include <mfa/options.hpp>
#include <mfa/search.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>

namespace mfa::decision {

/// What is bounded for a user as a whole, whatever the factor. Kept in one counter record, with which every
/// verb commits that enrols, challenges or confirms: so those of one user happen one after the other.
struct UserRecord {
  /// A challenge that was created and may still be open.
  struct OpenChallenge {
    std::string id;
    std::string device_id = {}; ///< of the trusted device that it came from, if it did; or `put_to_no_factor`
    std::string session = {};   ///< stands for what it is bound to
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
  std::vector<Time> sends = {};       ///< codes that were sent or given to the host to deliver
  std::vector<Time> wrong_codes = {}; ///< of a day, for verified factors whose codes can be guessed
  /// See `factor::EnrollingUser`. It outlasts the factors, so a record that has one is never purged.
  std::string handle = {};
  /// Of his factors that are gone. Whatever else is forgotten of a user, these stay until they are over.
  std::vector<factor::UsedSecret> used_secrets = {};
  /// Grows when what he has shown is ended: a challenge of another one allows no change of his factors. A
  /// record that was purged begins at 0 again, when nothing of before allows any (see `encode_user`).
  std::uint64_t generation = 0;
};

/// In place of a device's id, in the entry of a challenge that was put to no factor
/// (verbs/passkey_challenge.hpp).
inline constexpr std::string_view put_to_no_factor = "passkey";

/// The id of a user's record; a factor of no user has one for itself.
[[nodiscard]] inline std::string user_record_id(std::string_view user_id, std::string_view factor_id) {
  return user_id.empty() ? std::string("no_user_").append(factor_id) : std::string("user_").append(user_id);
}

/// Throws `errc::corrupt_record`.
[[nodiscard]] inline UserRecord decode_user(const storage::CounterRecord& record) {
  UserRecord user;
  if (record.data.empty()) return user;
  // Format 1 knew no used secrets, and format 2 no generation.
  const std::uint64_t format = record.data.starts_with('\1') ? 1 : record.data.starts_with('\2') ? 2 : 3;
  detail::FieldReader fields(record.data, format, "record", record.id);
  constexpr std::uint64_t most = 1000;
  user.challenges.resize(fields.number_up_to(most));
  for (UserRecord::OpenChallenge& challenge : user.challenges) {
    challenge.id = fields.plain_text();
    challenge.device_id = fields.plain_text();
    challenge.session = fields.text();
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
  for (std::vector<Time>* times : {&user.sends, &user.wrong_codes}) {
    times->resize(fields.number_up_to(most));
    for (Time& time : *times) time = fields.time();
  }
  user.handle = fields.text();
  if (format > 1) {
    user.used_secrets.resize(fields.number_up_to(factor::most_used_secrets));
    for (factor::UsedSecret& used : user.used_secrets) {
      used.fingerprint = fields.text();
      used.next = fields.number();
      used.hinted.resize(fields.number_up_to(factor::most_hints));
      for (std::uint64_t& step : used.hinted) step = fields.number();
      used.until = fields.time();
    }
  }
  if (format > 2) user.generation = fields.number();
  fields.end();
  return user;
}

/// What makes this all that the record says. It stays for a day after the last that it speaks of; with a
/// generation for a day more, as what was shown before could count for so long
/// (`Options::authorization_lifetime`); for as long as it speaks of an unverified factor, which could be
/// confirmed again if it were gone; and for ever with a handle.
inline void encode_user(const UserRecord& user, storage::CounterRecord& record, Time now) {
  Time last = now;
  detail::FieldWriter fields(user.generation == 0 ? 2 : 3); // as before there were any
  fields.number(user.challenges.size());
  for (const UserRecord::OpenChallenge& challenge : user.challenges) {
    fields.text(challenge.id)
        .text(challenge.device_id)
        .text(challenge.session)
        .time(challenge.created_at)
        .time(challenge.ends_at);
    last = std::max(last, challenge.ends_at);
  }
  fields.number(user.enrollments.size());
  for (const UserRecord::Enrollment& enrollment : user.enrollments) {
    fields.text(enrollment.factor_id)
        .time(enrollment.created_at)
        .time(enrollment.ends_at)
        .flag(enrollment.authorized);
  }
  for (const std::vector<Time>* times : {&user.sends, &user.wrong_codes}) {
    fields.number(times->size());
    for (const Time time : *times) fields.time(time);
  }
  fields.text(user.handle).number(user.used_secrets.size());
  for (const factor::UsedSecret& used : user.used_secrets) {
    fields.text(used.fingerprint).number(used.next).number(used.hinted.size());
    for (const std::uint64_t step : used.hinted) fields.number(step);
    fields.time(used.until);
    last = std::max(last, used.until);
  }
  if (user.generation != 0) fields.number(user.generation);
  record.data = fields.take();
  const std::chrono::hours stays(user.generation == 0 ? 24 : 48);
  record.purge_at = user.enrollments.empty() && user.handle.empty() ? last + stays : storage::never;
}

/// Whether what the record speaks of is over.
template <class Entry> [[nodiscard]] constexpr bool is_over(const Entry& entry, Time now) noexcept {
  return factor::is_over(entry.created_at, entry.ends_at, now);
}

/// The entry of this factor's enrolment; null if there is none.
[[nodiscard]] inline const UserRecord::Enrollment* enrollment_of(const UserRecord& user,
                                                                 std::string_view factor_id) noexcept {
  return detail::find_if(user.enrollments,
                         [&](const UserRecord::Enrollment& one) { return one.factor_id == factor_id; });
}

/// Throws `errc::enrollment_expired` for a factor that can be confirmed no more.
inline void check_in_time(const UserRecord& user, const storage::FactorRecord& factor, Time now) {
  const UserRecord::Enrollment* const enrollment = enrollment_of(user, factor.id);
  if (enrollment != nullptr && is_over(*enrollment, now))
    throw Error(errc::enrollment_expired,
                "the enrolment of factor " + factor.id + " was not confirmed in time; enrol it anew");
}

/// The unverified factors that were not confirmed in time.
[[nodiscard]] inline std::vector<std::string> ended_enrollments(const UserRecord& user, Time now) {
  std::vector<std::string> ended;
  for (const UserRecord::Enrollment& enrollment : user.enrollments)
    if (is_over(enrollment, now)) ended.push_back(enrollment.factor_id);
  return ended;
}

inline void forget_enrollment(UserRecord& user, std::string_view factor_id) {
  detail::erase_if(user.enrollments, [&](const auto& entry) { return entry.factor_id == factor_id; });
}

/// Ends what the user has shown, and what was begun by that.
inline void end_what_was_shown(UserRecord& user, Time now) {
  // No generation twice, though somebody emptied the record.
  user.generation = std::max(user.generation + 1, static_cast<std::uint64_t>(now.time_since_epoch().count()));
  user.challenges.clear();
  for (UserRecord::Enrollment& enrollment : user.enrollments) enrollment.authorized = false;
}

/// What outlives a reset of the user, of whom a factor is kept or none: by what authenticators know him, what
/// his secrets have used, and what was sent to him, so that nobody gets more messages by resets; with a
/// factor, his wrong codes too, as it can be guessed as before.
inline void reset(UserRecord& user, bool keeps_factor, Time now) {
  end_what_was_shown(user, now);
  user.enrollments.clear();
  if (!keeps_factor) user.wrong_codes.clear();
}

/// Keeps what was used of a factor that goes, if anything was, and forgets what is over. Whatever removes a
/// factor of a user commits what this changes with it.
inline void keep_used_secret(UserRecord& user, const storage::FactorRecord& gone,
                             const factor::Context& context) {
  auto used = gone.user_id.empty() ? std::nullopt : factor::used_secret(gone, context);
  if (!used) return;
  detail::erase_if(user.used_secrets, [&](const auto& other) { return other.until <= context.now; });
  const auto is_same = [&](const factor::UsedSecret& other) {
    return other.fingerprint == used->fingerprint;
  };
  // Of a factor before it, from which it went on.
  if (const factor::UsedSecret* const known = detail::find_if(user.used_secrets, is_same)) {
    used->next = std::max(used->next, known->next);
    used->until = std::max(used->until, known->until);
    detail::erase_if(user.used_secrets, is_same);
  }
  // Those of which nothing was accepted go first: whoever has no more than the password can make such.
  const auto goes_before = [](const factor::UsedSecret& one, const factor::UsedSecret& other) {
    return std::pair(one.next != 0, one.until) < std::pair(other.next != 0, other.until);
  };
  if (user.used_secrets.size() >= factor::most_used_secrets)
    user.used_secrets.erase(
        std::min_element(user.used_secrets.begin(), user.used_secrets.end(), goes_before));
  user.used_secrets.push_back(*std::move(used));
}

/// Which open challenge goes when there are too many from this device, or from none: of those of the session
/// that has the most, the oldest, so that one session cannot end those of all others.
[[nodiscard]] inline std::vector<UserRecord::OpenChallenge>::iterator next_to_go(UserRecord& user,
                                                                                 std::string_view device_id) {
  const auto of_session = [&](const UserRecord::OpenChallenge& one) {
    return detail::count_if(user.challenges, [&](const UserRecord::OpenChallenge& other) {
      return other.device_id == device_id && other.session == one.session;
    });
  };
  auto chosen = user.challenges.end();
  for (auto open = user.challenges.begin(); open != user.challenges.end(); ++open)
    if (open->device_id == device_id &&
        (chosen == user.challenges.end() || of_session(*open) > of_session(*chosen)))
      chosen = open;
  return chosen;
}

/// What stands for a session's bound value beside other challenges; empty for none.
[[nodiscard]] inline std::string session_of(const ChallengeOptions& request, const KeyRing& keys) {
  constexpr std::size_t enough = 8;
  if (!request.binding) return {};
  const std::string mac = keys.authenticate(*request.binding, "session of an open challenge");
  return mac.substr(mac.size() - enough);
}

/// The most open challenges from one trusted device: with 20 devices, the record stays small.
inline constexpr std::size_t open_challenges_a_device = 5;

/// Takes one more open challenge in, of what `session_of` says, and returns the ids of those that must go for
/// it.
[[nodiscard]] inline std::vector<std::string> admit(UserRecord& user,
                                                    const storage::ChallengeRecord& challenge,
                                                    std::string_view device_id, std::string session,
                                                    const factor::Context& context) {
  detail::erase_if(user.challenges, [&](const auto& open) { return is_over(open, context.now); });
  std::vector<std::string> gone;
  const auto open = [&] {
    return detail::count_if(user.challenges,
                            [&](const UserRecord::OpenChallenge& one) { return one.device_id == device_id; });
  };
  const std::size_t bound = context.options.open_challenges_a_user;
  const std::size_t most = device_id.empty() ? bound : std::min(bound, open_challenges_a_device);
  while (open() >= most) {
    const auto chosen = next_to_go(user, device_id);
    gone.push_back(std::move(chosen->id));
    user.challenges.erase(chosen);
  }
  user.challenges.push_back(
      {challenge.id, std::string(device_id), std::move(session), challenge.created_at,
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

/// Of codes sent to a user, by whatever factors.
[[nodiscard]] inline factor::SendLimits send_limits(const Options& options) {
  return {std::chrono::seconds(0), options.sends_a_user_an_hour, options.sends_a_user_a_day};
}

/// How long the next code to a user of whom one was just counted has to wait.
[[nodiscard]] inline std::chrono::seconds wait_for_next(const UserRecord& user,
                                                        const factor::Context& context) {
  return factor::wait_for_next(user.sends, send_limits(context.options), context.now);
}

/// Counts one more code that is sent to the user; or what refuses it.
[[nodiscard]] inline std::optional<factor::Refusal>
count_send(UserRecord& user, const storage::FactorRecord& factor, const factor::Context& context) {
  const auto wait = factor::count_send(user.sends, send_limits(context.options), context).wait;
  if (!wait) return std::nullopt;
  const errc limited = factor.type == FactorType::sms     ? errc::sms_rate_limited
                       : factor.type == FactorType::email ? errc::email_rate_limited
                                                          : errc::code_rate_limited;
  return factor::Refusal{factor.type == FactorType::sms ? EventType::sms_refused : EventType::code_refused,
                         factor::too_many(limited, "codes to this user", "sent", *wait), SendLimit::user};
}

inline void forget_old_guesses(UserRecord& user, Time now) {
  detail::erase_if(user.wrong_codes, [&](Time at) { return at <= now - std::chrono::hours(24); });
  for (Time& at : user.wrong_codes) at = std::min(at, now); // of a clock that was ahead
}

/// What refuses to ask for a code that can be guessed, if too many of the user's were wrong within a day.
[[nodiscard]] inline std::optional<Error> too_many_guesses(UserRecord& user, const factor::Context& context) {
  forget_old_guesses(user, context.now);
  const std::size_t most = context.options.wrong_codes_a_user_a_day;
  if (user.wrong_codes.size() < most) return std::nullopt;
  const Time until = user.wrong_codes[user.wrong_codes.size() - most] + std::chrono::hours(24);
  const auto wait = std::chrono::ceil<std::chrono::seconds>(until - context.now);
  return Error(
      errc::user_delayed,
      "too many wrong codes of this user in a day; codes that can be guessed are asked for again in " +
          std::to_string(wait.count()) +
          " s, and a security key, a recovery code or a trusted device works meanwhile",
      wait);
}

/// Counts a wrong code of a verified factor whose codes can be guessed. True if no further one is asked for.
[[nodiscard]] inline bool count_wrong_code(UserRecord& user, const factor::Context& context) {
  forget_old_guesses(user, context.now);
  if (user.wrong_codes.size() < 1000) user.wrong_codes.push_back(context.now);
  return user.wrong_codes.size() >= context.options.wrong_codes_a_user_a_day;
}

} // namespace mfa::decision
