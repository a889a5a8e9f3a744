#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/assurance.hpp>
#include <mfa/channel.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/decision/lockout.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/options.hpp>
#include <mfa/purpose.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>

namespace mfa::decision {

/// What a challenge was created for, beside its record: what its verification must ask for and show.
struct ChallengeTerms {
  Purpose purpose = Purpose::sign_in;
  Assurance required = {};
  std::string action = {};    ///< under the key ring's HMAC; empty: none
  std::string device_id = {}; ///< of the trusted device that asked; empty: none
  factor::Credit credit = {}; ///< of the last message; kept with stored challenges alone
  /// By what the code went last, if that is not what its kind is named after; likewise.
  std::optional<Channel> channel = {};
  std::uint64_t generation = 0; ///< `UserRecord::generation` when its record was made; likewise
};

/// What codes of a kind go by, unless they are sent another way; none: by nothing of ours.
[[nodiscard]] constexpr std::optional<Channel> usual_channel(FactorType type) noexcept {
  if (type == FactorType::sms) return Channel::sms;
  if (type == FactorType::email) return Channel::email;
  return std::nullopt;
}

/// By what the code of a challenge of this kind went last.
[[nodiscard]] constexpr std::optional<Channel> channel_of(const ChallengeTerms& terms,
                                                          FactorType type) noexcept {
  return terms.channel ? terms.channel : usual_channel(type);
}

/// Notes by what it goes.
constexpr void go_by(ChallengeTerms& terms, Channel channel, FactorType type) noexcept {
  terms.channel = channel == usual_channel(type) ? std::nullopt : std::optional(channel);
}

inline void write_terms(const ChallengeTerms& terms, detail::FieldWriter& fields) {
  fields.enumerator(terms.purpose)
      .number(terms.required.factors)
      .flag(terms.required.phishing_resistant)
      .text(terms.action)
      .text(terms.device_id);
}

/// Throws `errc::corrupt_record`.
[[nodiscard]] inline ChallengeTerms read_terms(detail::FieldReader& fields) {
  ChallengeTerms terms;
  terms.purpose = fields.enumerator(last_purpose);
  terms.required.factors = static_cast<unsigned>(fields.number_up_to(UINT_MAX));
  terms.required.phishing_resistant = fields.flag();
  terms.action = fields.text();
  terms.device_id = fields.plain_text();
  return terms;
}

// What the format of the terms says is there, beside what all have.
inline constexpr std::uint64_t with_credit = 1;
inline constexpr std::uint64_t with_channel = 2;
inline constexpr std::uint64_t with_generation = 4;

/// Puts the terms before the kind's own bytes.
inline void put_terms(storage::ChallengeRecord& challenge, const ChallengeTerms& terms) {
  const bool credits = !terms.credit.counters.empty();
  // What has none of them is written as it was before there were any.
  detail::FieldWriter fields(1 + (credits ? with_credit : 0) + (terms.channel ? with_channel : 0) +
                             (terms.generation != 0 ? with_generation : 0));
  write_terms(terms, fields);
  if (credits) {
    fields.flag(terms.credit.enrollment).number(terms.credit.counters.size());
    for (const std::string& counter : terms.credit.counters) fields.text(counter);
  }
  if (terms.channel) fields.enumerator(*terms.channel);
  if (terms.generation != 0) fields.number(terms.generation);
  challenge.answer = fields.text(challenge.answer).take();
}

/// Takes them off again. Throws `errc::corrupt_record`.
[[nodiscard]] inline ChallengeTerms take_terms(storage::ChallengeRecord& challenge) {
  const std::string_view stored = challenge.answer;
  const bool known = stored >= "\x01" && stored < "\x09"; // or the reader refuses it
  const std::uint64_t format = known ? static_cast<unsigned char>(stored.front()) : 1;
  detail::FieldReader fields(stored, format, "challenge", challenge.id);
  ChallengeTerms terms = read_terms(fields);
  if (((format - 1) & with_credit) != 0) {
    terms.credit.enrollment = fields.flag();
    constexpr std::uint64_t most = 10;
    terms.credit.counters.resize(fields.number_up_to(most));
    for (std::string& counter : terms.credit.counters) counter = fields.plain_text();
  }
  if (((format - 1) & with_channel) != 0) terms.channel = fields.enumerator(last_channel);
  if (((format - 1) & with_generation) != 0) terms.generation = fields.number();
  std::string answer(fields.text());
  fields.end();
  challenge.answer = std::move(answer);
  return terms;
}

/// What a challenge's action is tied to.
[[nodiscard]] inline std::string action_context(const storage::ChallengeRecord& challenge) {
  return "action " + challenge.id;
}

/// What a challenge's bound value is tied to.
[[nodiscard]] inline std::string binding_context(const storage::ChallengeRecord& challenge) {
  return "binding " + challenge.id;
}

inline constexpr std::size_t longest_bound = 4096; ///< bytes

/// Refuses a value that is too long to be looked at, or empty. `name` is that of the options, `member` the
/// value's.
inline void check_bound(std::string_view name, std::string_view member, std::string_view value) {
  if (value.empty() || value.size() > longest_bound)
    throw Error(errc::invalid_argument, std::string(name) + "::" + std::string(member) + " has " +
                                            std::to_string(value.size()) + " bytes; it may have 1 to " +
                                            std::to_string(longest_bound) +
                                            (value.empty() ? "" : ". Give a hash of it"));
}

/// Refuses options that contradict themselves and values that `check_bound` refuses. `Said` are
/// `ChallengeOptions` or `VerifyOptions`; `name` is their name.
template <class Said> void check_said(std::string_view name, const Said& said) {
  if (said.binding) check_bound(name, "binding", *said.binding);
  if (said.purpose == Purpose::action) return check_bound(name, "action", said.action);
  if (!said.action.empty())
    throw Error(errc::invalid_argument,
                std::string(name) + "::action is given for another purpose; set purpose to Purpose::action");
}

/// Refuses what must not be challenged: an unverified factor for anything but its confirmation, a verified
/// one for that, one too weak for what is required, and one that is locked for all but trusted devices.
inline void check_challengeable(const storage::FactorRecord& factor, const ChallengeOptions& request,
                                std::string_view device_id, const factor::Context& context) {
  const bool verified = factor.state == FactorState::verified;
  if (request.purpose == Purpose::confirm_enrollment && verified)
    throw Error(errc::invalid_argument, "factor " + factor.id + " is verified; there is nothing to confirm");
  if (request.purpose != Purpose::confirm_enrollment && !verified &&
      !context.options.unverified_factors_sign_in)
    throw Error(errc::factor_not_verified, "factor " + factor.id +
                                               " was never verified; have its user confirm the enrolment "
                                               "with confirm_enrollment before it signs anybody in");
  if (!factor::facts_of(factor.type).best_assurance.meets(request.required))
    throw Error(errc::insufficient_assurance,
                "factor " + factor.id + " is of kind " + std::string(to_string(factor.type)) +
                    ", which never shows what ChallengeOptions::required asks for; challenge another factor");
  if (device_id.empty() && lockout(factor, context.now, context.options).locked)
    throw Error(errc::factor_locked_out,
                "factor " + factor.id +
                    " is locked after too many wrong codes; offer the user another factor, "
                    "or have an operator call unlock_factor");
}

/// Fills in of a new challenge what the limits say.
inline void begin_challenge(storage::ChallengeRecord& challenge, Time created_at, const Options& options) {
  challenge.state = ChallengeState::pending;
  challenge.created_at = challenge.updated_at = created_at;
  challenge.purge_at = created_at + options.challenge_retention;
  challenge.expires_at = created_at + options.challenge_lifetime; // or as the kind says
  challenge.attempts_left = options.attempts_a_challenge;
}

/// Notes what the verification must bring again.
[[nodiscard]] inline ChallengeTerms note_terms(storage::ChallengeRecord& challenge,
                                               const ChallengeOptions& request, std::string_view device_id,
                                               const KeyRing& keys) {
  if (request.binding) challenge.binding = keys.authenticate(*request.binding, binding_context(challenge));
  ChallengeTerms terms{
      .purpose = request.purpose, .required = request.required, .device_id = std::string(device_id)};
  if (request.purpose == Purpose::action)
    terms.action = keys.authenticate(request.action, action_context(challenge));
  return terms;
}

/// Has the kind of this factor prepare a challenge, or send a stored one again.
inline factor::ChallengeEffects prepare(storage::FactorRecord& factor, storage::ChallengeRecord& challenge,
                                        factor::Counters counters, const ChallengeOptions& request,
                                        const factor::Context& context) {
  auto effects = factor::with_kind(
      factor.type, [&](auto kind) { return kind.challenge(factor, challenge, counters, request, context); });
  if (effects.factor_changed) factor.updated_at = context.now;
  return effects;
}

/// Fills in a new challenge, whose id is set, and changes the factor and the counters as its kind wants.
/// Nothing but the counters counts of a challenge that is refused.
inline factor::ChallengeEffects create_challenge(storage::FactorRecord& factor,
                                                 storage::ChallengeRecord& challenge,
                                                 factor::Counters counters, const ChallengeOptions& request,
                                                 std::string_view device_id, std::uint64_t generation,
                                                 const factor::Context& context) {
  challenge.factor_id = factor.id;
  begin_challenge(challenge, context.now, context.options);
  ChallengeTerms terms = note_terms(challenge, request, device_id, context.keys);
  auto effects = prepare(factor, challenge, counters, request, context);
  terms.generation = generation;
  terms.credit = effects.credit;
  if (const OutgoingMessage message = effects.delivery.message())
    go_by(terms, message.channel(), factor.type);
  put_terms(challenge, terms);
  return effects;
}

} // namespace mfa::decision
