#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/assurance.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/decision/lockout.hpp>
#include <mfa/decision/not_found.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/factor/lifetime.hpp>
#include <mfa/options.hpp>
#include <mfa/purpose.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/webauthn_extensions.hpp>

namespace mfa::decision {

/// The longest answer that is looked at, in bytes.
inline constexpr std::size_t longest_answer = 65'536;

/// Throws `errc::invalid_argument` for one that is longer.
inline void check_answer(std::string_view answer) {
  if (answer.size() > longest_answer)
    throw Error(errc::invalid_argument, "the code to verify has " + std::to_string(answer.size()) +
                                            " bytes; limit what a request may bring");
}

/// What one attempt comes to.
struct Verdict {
  Status status{};
  bool factor_changed = false;    ///< to be committed, with the challenge,
  bool challenge_changed = false; ///< before anybody learns the status
  bool first_verification = false;
  bool locked_now = false;
  bool wrong_code = false; ///< one that counts,
  bool on_factor = false;  ///< and on the factor, if not only on the challenge and the device
  std::optional<std::chrono::seconds> retry_after = {};
  std::optional<std::chrono::seconds> clock_skew = {}; ///< of a wrong one
  std::span<const std::string_view> amr = {};          ///< of a valid one, and so is
  Assurance assurance = {};
  std::vector<EventType> events = {}; ///< the kind's own
  std::shared_ptr<const webauthn::Outputs> webauthn_outputs = {};
  /// Counters to commit as new ones with the records. If that commit fails and one of them exists, decide
  /// again with `Claims::taken`.
  std::vector<std::string> claims = {};
};

/// Whether a claim of this answer was found to be another factor's.
enum class Claims : bool { open, taken };

/// What the kind says of the answer. If the kind accepts one that others must refuse (what it claims is
/// another factor's, or it shows less than is required), that refusal, with the factor as it was.
[[nodiscard]] inline factor::Answer check(storage::FactorRecord& factor,
                                          const storage::ChallengeRecord& challenge, std::string_view answer,
                                          const Assurance& required, const factor::Context& context,
                                          Claims claims, std::vector<std::string>& claimed) {
  std::optional<storage::FactorRecord> before;
  if (claims == Claims::taken || required != Assurance{}) before = factor;
  factor::Answer said = factor::with_kind(
      factor.type, [&](auto kind) { return kind.check(factor, challenge, answer, context); });
  if (said.status != Status::valid) return said;
  if (factor.state != FactorState::verified) claimed = factor::claims_of(factor);
  if (claims == Claims::taken && !claimed.empty()) said = {.status = Status::already_registered};
  if (!said.assurance.meets(required)) said = {.status = Status::insufficient_assurance};
  if (said.status != Status::valid) {
    factor = *std::move(before);
    claimed.clear();
  }
  return said;
}

/// Whether a challenge was bound to this.
[[nodiscard]] inline bool is_bound_alike(const storage::ChallengeRecord& challenge,
                                         const std::optional<std::string>& binding,
                                         const factor::Context& context) {
  if (challenge.binding.empty()) return !binding;
  return binding && context.keys.matches(challenge.binding, *binding, binding_context(challenge),
                                         {"challenge", challenge.id});
}

/// Throws `errc::entity_not_found` for another user's challenge or another binding.
inline void check_bound_alike(const storage::ChallengeRecord& challenge,
                              const std::optional<std::string>& binding, bool of_the_user,
                              const factor::Context& context) {
  const bool bound_alike = is_bound_alike(challenge, binding, context);
  if (!bound_alike || !of_the_user) throw_not_found("challenge");
}

/// Throws `errc::entity_not_found` for another user's challenge or another binding, and
/// `errc::wrong_purpose`.
inline void check_asked_for(const storage::ChallengeRecord& challenge, const ChallengeTerms& terms,
                            bool of_the_user, const VerifyOptions& request, const factor::Context& context) {
  check_bound_alike(challenge, request.binding, of_the_user, context);
  const KeyRing::Named name{"challenge", challenge.id};
  const bool asked_for =
      terms.purpose == request.purpose &&
      (terms.purpose != Purpose::action ||
       context.keys.matches(terms.action, request.action, action_context(challenge), name));
  if (!asked_for)
    throw Error(errc::wrong_purpose,
                name.text() + " is for " + std::string(to_string(terms.purpose)) +
                    (terms.purpose == request.purpose ? " in other words than VerifyOptions::action"
                                                      : ", and its verification was asked for " +
                                                            std::string(to_string(request.purpose))));
}

/// What RFC 8176 has for a code by this channel.
[[nodiscard]] inline std::span<const std::string_view> amr_of(Channel channel) noexcept {
  static constexpr std::string_view text[] = {"sms"};
  static constexpr std::string_view call[] = {"tel"};
  static constexpr std::string_view code[] = {"otp"};
  if (channel == Channel::sms) return text;
  if (channel == Channel::voice) return call;
  return code;
}

/// Whether the time of a challenge is over that was not answered.
[[nodiscard]] inline bool is_over(const storage::ChallengeRecord& challenge, Time now) noexcept {
  return challenge.expires_at && factor::is_over(challenge.created_at, *challenge.expires_at, now);
}

/// Whether no later challenge replaced this one.
[[nodiscard]] inline bool is_current(const storage::FactorRecord& factor,
                                     const storage::ChallengeRecord& challenge) {
  return factor::with_kind(factor.type, [&](auto kind) { return kind.is_current(factor, challenge); });
}

inline void end_challenge(storage::ChallengeRecord& challenge, ChallengeState state) {
  challenge.state = state;
  challenge.answer.clear();
}

/// One that was answered wrongly to its end, of a kind of which nothing else bounds how many there are: it is
/// kept no longer than until every clock says that it is over.
inline void forget_soon(storage::ChallengeRecord& challenge) {
  const Time over_at = challenge.expires_at.value_or(challenge.updated_at) + std::chrono::hours(24);
  challenge.purge_at = std::min(challenge.purge_at, over_at);
}

/// Ends one that takes no further wrong code.
inline void exhaust(storage::ChallengeRecord& challenge) {
  end_challenge(challenge, ChallengeState::exhausted);
  challenge.attempts_left = 0;
}

/// Ends one whose time is over, so that it stays expired if the clock goes back.
inline void expire(storage::ChallengeRecord& challenge, Time now) {
  end_challenge(challenge, ChallengeState::expired);
  challenge.updated_at = now;
}

/// Counts a wrong code on the factor, and notes what that means for the next one.
inline void count_on_factor(Verdict& verdict, storage::FactorRecord& factor, const factor::Context& context) {
  const bool was_locked = lockout(factor, context.now, context.options).locked;
  count_failure(factor, context.now);
  verdict.on_factor = true;
  const Lockout next = lockout(factor, context.now, context.options);
  verdict.locked_now = next.locked && !was_locked;
  if (next.wait.count() > 0) verdict.retry_after = next.wait;
}

/// Whether the device that a challenge names is trusted still, as far as it was looked at.
enum class DeviceTrust : bool { stands, ended };

/// Whether it hangs on the trust in its device that an answer to this challenge is looked at.
[[nodiscard]] inline bool hangs_on_device(const storage::FactorRecord& factor, const ChallengeTerms& terms,
                                          const factor::Context& context) {
  if (terms.device_id.empty()) return false;
  const Lockout lock = lockout(factor, context.now, context.options);
  return lock.locked || lock.wait.count() > 0;
}

/// Decides one attempt on a challenge and its factor, and changes both records to what must be committed.
/// Throws `errc::entity_not_found` for another user's challenge or another binding, and
/// `errc::wrong_purpose`.
[[nodiscard]] inline Verdict verify(storage::FactorRecord& factor, storage::ChallengeRecord& challenge,
                                    const ChallengeTerms& terms, std::string_view answer,
                                    const VerifyOptions& request, const factor::Context& context,
                                    Claims claims = Claims::open, DeviceTrust trust = DeviceTrust::stands) {
  check_asked_for(challenge, terms, request.user.include(factor.user_id), request, context);

  switch (challenge.state) {
  case ChallengeState::pending: break;
  case ChallengeState::verified: return {.status = Status::already_verified};
  case ChallengeState::expired: return {.status = Status::expired};
  case ChallengeState::exhausted: return {.status = Status::too_many_attempts};
  }
  if (is_over(challenge, context.now)) {
    expire(challenge, context.now);
    return {.status = Status::expired, .challenge_changed = true};
  }
  if (!is_current(factor, challenge)) return {.status = Status::superseded};
  // For which its own count stands.
  const bool trusted_device = !terms.device_id.empty() && trust == DeviceTrust::stands;
  const Lockout lock = trusted_device ? Lockout() : lockout(factor, context.now, context.options);
  if (lock.locked) return {.status = Status::locked_out};
  if (lock.wait.count() > 0)
    return {.status = Status::delayed,
            .factor_changed = keep_bounded_wait(factor, context.now, context.options),
            .retry_after = lock.wait};

  if (!factor::facts_of(factor.type).best_assurance.meets(terms.required))
    return {.status = Status::insufficient_assurance};

  Verdict verdict{.factor_changed = true, .challenge_changed = true};
  factor::Context asked = context;
  asked.hints_clock_skew = request.hint_clock_skew_after_password;
  factor::Answer said = check(factor, challenge, answer, terms.required, asked, claims, verdict.claims);
  verdict.status = said.status;
  if (said.status != Status::valid && !said.counted) return {.status = said.status};

  challenge.updated_at = factor.updated_at = context.now;
  verdict.events = std::move(said.events);
  verdict.clock_skew = said.clock_skew;
  if (said.status == Status::valid) {
    verdict.amr = terms.channel ? amr_of(*terms.channel) : said.amr;
    verdict.assurance = said.assurance;
    verdict.webauthn_outputs = std::move(said.webauthn_outputs);
    verdict.first_verification = factor.state != FactorState::verified;
    end_challenge(challenge, ChallengeState::verified);
    factor.state = FactorState::verified;
    factor.last_used_at = context.now;
    if (!trusted_device) forget_failures(factor);
    return verdict;
  }
  challenge.attempts_left -= challenge.attempts_left > 0 ? 1 : 0;
  if (challenge.attempts_left == 0) {
    end_challenge(challenge, ChallengeState::exhausted);
    if (!factor::facts_of(factor.type).guessable) forget_soon(challenge);
  }
  verdict.wrong_code = true;
  if (!trusted_device) count_on_factor(verdict, factor, context);
  return verdict;
}

} // namespace mfa::decision
