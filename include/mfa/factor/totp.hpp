#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/factor/authenticator.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/factor/typed_code.hpp>
#include <mfa/otp/totp.hpp>
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
};

namespace factor {

/// The kind `totp`. The authenticator shows its code unasked, and a challenge has no end of its own.
struct TotpKind : AuthenticatorKind<FactorType::totp, Totp, TotpDetails> {
  template <class Factor> struct Enrolled {
    Factor factor;
    Shown totp;
  };

  static Answer check(storage::FactorRecord& record, const storage::ChallengeRecord&, std::string_view answer,
                      const Context& context) {
    AuthenticatorParameters parameters = authenticator_of(record);
    const TypedCode code(answer);
    if (code.size() != parameters.format.digits) return Answer::malformed();

    const std::uint64_t step = otp::totp_step(context.now, parameters.period);
    const std::uint64_t drift = context.options.totp_drift_steps;
    const crypto::SecretBytes secret = open_secret(record, context.keys);
    const otp::WindowMatch match = otp::find_in_window(secret, code.value(), step - std::min(step, drift),
                                                       step + drift, parameters.next, parameters.format);
    if (!match.fresh) return {.status = match.used ? Status::code_already_used : Status::wrong_code};
    parameters.next = *match.fresh + 1;
    record.parameters = encode(type, parameters);
    reseal_secret(record, secret, context.keys);
    return {.status = Status::valid, .amr = amr};
  }

  /// Of the steps that were used, those that are to come in a day or later, which a clock that was ahead
  /// accepted: until then no code would be. No step up to now's is forgotten.
  static void unlock(storage::FactorRecord& record, const Context& context) {
    AuthenticatorParameters parameters = authenticator_of(record);
    const std::uint64_t step = otp::totp_step(context.now, parameters.period);
    if (parameters.next <= otp::totp_step(context.now + std::chrono::hours(24), parameters.period)) return;
    parameters.next = std::min(parameters.next, step + context.options.totp_drift_steps + 1);
    record.parameters = encode(type, parameters);
  }
};

} // namespace factor
} // namespace mfa
