#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/authenticator.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/factor/typed_code.hpp>
#include <mfa/factor/used_secret.hpp>
#include <mfa/options.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/search.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>

namespace mfa {

/// To enrol: a time-based one-time password (RFC 6238), as authenticator apps show it.
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct Totp {
  std::string issuer = {}; ///< the name of your application, as the app shows it: 1 to 200 bytes
  std::string user = {};   ///< whose account it is, as the app shows it: 1 to 255 bytes
  /// Your own identifier of the user, for `list_factors`: 1 to 255 bytes.
  std::optional<UserId> user_id = {};
  std::string friendly_name = {}; ///< the user's name of this factor: up to 200 bytes
  /// An existing secret in base32 (either case, with spaces or without): 16 to 128 bytes. Empty: a new one is
  /// drawn.
  crypto::SecretString secret = {};
  /// The same as bytes, in place of `secret`: for those who have it in hexadecimal, say.
  crypto::SecretBytes secret_bytes = {};
  /// Unsafe: takes an existing secret of 10 to 15 bytes, less than RFC 4226 section 4 requires.
  bool accept_short_secret = false;
  crypto::Hash hash = crypto::Hash::sha1; ///< some apps ignore any other
  unsigned digits = 6;                    ///< 6 to 8; some apps ignore any other than 6
  std::chrono::seconds period{30};        ///< 1 s to 366 days; some apps ignore any other than 30 s
  QrCodeOptions qr_code = {};
};

using TotpEnrollment = AuthenticatorEnrollment;

/// What may be shown of a TOTP factor.
struct TotpDetails {
  std::string issuer;
  std::string user;
  /// How far the token's clock is ahead of ours, as its codes have shown; negative: behind
  /// (`Options::totp_learned_drift_steps`).
  std::chrono::seconds clock_drift{0};
};

namespace factor {

/// The kind `totp`. The authenticator shows its code unasked. Where a token's clock drifts, codes are looked
/// for around the drift that the last one showed, and a token further off is found again by two consecutive
/// codes in one answer ("123456 654321"), for which guessing has no chance
/// (`Options::totp_learned_drift_steps`; RFC 6238 section 6).
struct TotpKind : AuthenticatorKind<FactorType::totp, Totp, TotpDetails> {
  template <class Factor> struct Enrolled {
    Factor factor;
    Shown totp;
  };

  static TotpDetails describe(const storage::FactorRecord& record) {
    const AuthenticatorParameters parameters = authenticator_of(record);
    return {std::string(parameters.issuer), std::string(parameters.user),
            parameters.drift * parameters.period};
  }

  static Answer check(storage::FactorRecord& record, const storage::ChallengeRecord&, std::string_view answer,
                      const Context& context) {
    AuthenticatorParameters parameters = authenticator_of(record);
    const unsigned digits = parameters.format.digits;
    const std::int64_t furthest = context.options.totp_learned_drift_steps;
    const TypedCode code(answer);
    const bool pair = furthest > 0 && code.size() == std::size_t{2} * digits;
    if (code.size() != digits && !pair) return Answer::malformed();

    const std::uint64_t step = otp::totp_step(context.now, parameters.period);
    const crypto::SecretBytes secret = open_secret(record, context.keys);
    std::optional<std::uint64_t> found;
    if (pair) {
      const std::uint64_t first = std::max(parameters.next, shifted(step, -furthest));
      found = otp::find_pair_in_window(secret, code.value(0, digits), code.value(digits, digits), first,
                                       shifted(step, furthest - 1), parameters.format);
      if (!found) return {};
      if (is_hinted(parameters, *found)) return {.status = Status::code_already_used};
      found = *found + 1;
    } else {
      // As wide as ever, around the drift.
      const std::int64_t around = context.options.totp_drift_steps;
      const std::uint64_t centre = shifted(step, std::clamp(parameters.drift, -furthest, furthest));
      const otp::WindowMatch match =
          otp::find_in_window(secret, code.value(), shifted(centre, -around), shifted(centre, around),
                              parameters.next, parameters.format);
      if (!match.fresh && match.used) return {.status = Status::code_already_used};
      if (!match.fresh) return wrong_code(record, parameters, secret, code.value(), step, context);
      found = match.fresh;
    }
    if (is_hinted(parameters, *found)) return {.status = Status::code_already_used};
    parameters.next = *found + 1;
    if (furthest > 0)
      parameters.drift = std::clamp(static_cast<std::int64_t>(*found) - static_cast<std::int64_t>(step),
                                    -furthest, furthest);
    forget_hints(parameters, step, context.options);
    record.parameters = encode(type, parameters);
    reseal_secret(record, secret, context.keys);
    Answer valid{.status = Status::valid, .amr = amr};
    if (pair) valid.events.push_back(EventType::token_resynchronized);
    return valid;
  }

  /// Of the steps that were used, those that are to come in a day or later, which a clock that was ahead
  /// accepted: until then no code would be. No step up to now's is forgotten.
  static void unlock(storage::FactorRecord& record, const Context& context) {
    AuthenticatorParameters parameters = authenticator_of(record);
    const std::uint64_t step = otp::totp_step(context.now, parameters.period);
    if (parameters.next <= otp::totp_step(context.now + std::chrono::hours(24), parameters.period)) return;
    const auto ahead = static_cast<std::uint64_t>(std::max<std::int64_t>(parameters.drift, 0));
    parameters.next = std::min(parameters.next, step + ahead + context.options.totp_drift_steps + 1);
    record.parameters = encode(type, parameters);
  }

 private:
  [[nodiscard]] static std::uint64_t shifted(std::uint64_t step, std::int64_t by) {
    const auto steps = static_cast<std::uint64_t>(by < 0 ? -by : by);
    return by < 0 ? step - std::min(step, steps) : step + steps;
  }

  [[nodiscard]] static bool is_hinted(const AuthenticatorParameters& parameters, std::uint64_t step) {
    return mfa::detail::contains(parameters.hinted, step);
  }

  /// How many steps there are in the hour that a hint looks at, each way.
  [[nodiscard]] static std::int64_t reach(const AuthenticatorParameters& parameters) {
    return std::chrono::hours(1) / parameters.period;
  }

  /// Those that no code can be accepted for: used ones, and those of long ago, though a clock went back.
  static void forget_hints(AuthenticatorParameters& parameters, std::uint64_t step, const Options& options) {
    const std::int64_t ago = reach(parameters) + std::int64_t{options.totp_drift_steps} +
                             std::int64_t{options.totp_learned_drift_steps};
    mfa::detail::erase_if(parameters.hinted, [&, oldest = std::max(parameters.next, shifted(step, -ago))](
                                                 std::uint64_t hinted) { return hinted < oldest; });
  }

  /// With a hint, if one is wanted: the time says where a code was found, and so does the hint. A step whose
  /// code was told is never accepted, as whoever asked may have guessed it; so there are only a few.
  static Answer wrong_code(storage::FactorRecord& record, AuthenticatorParameters& parameters,
                           const crypto::SecretBytes& secret, std::uint32_t value, std::uint64_t step,
                           const Context& context) {
    if (!context.hints_clock_skew) return {};
    forget_hints(parameters, step, context.options);
    if (parameters.hinted.size() >= most_hints) return {};
    const auto found = otp::find_nearest(secret, value, step, static_cast<std::uint64_t>(reach(parameters)),
                                         parameters.next, parameters.format);
    if (!found) return {};
    if (!is_hinted(parameters, *found)) parameters.hinted.push_back(*found);
    record.parameters = encode(type, parameters);
    const auto off = static_cast<std::int64_t>(*found) - static_cast<std::int64_t>(step);
    return {.clock_skew = off * parameters.period};
  }
};

} // namespace factor
} // namespace mfa
