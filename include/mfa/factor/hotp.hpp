#pragma once

#include <algorithm>
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
#include <mfa/otp/hotp.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>

namespace mfa {

/// To enrol: a counter-based one-time password (RFC 4226), as tokens with a button show it. Prefer `Totp` for
/// apps.
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct Hotp {
  std::string issuer = {}; ///< the name of your application, as the app shows it: 1 to 200 bytes
  std::string user = {};   ///< whose account it is, as the app shows it: 1 to 255 bytes
  /// Your own identifier of the user, for `list_factors`: 1 to 255 bytes.
  std::optional<UserId> user_id = {};
  std::string friendly_name = {}; ///< the user's name of this factor: up to 200 bytes
  /// A token's secret in base32 (either case, with spaces or without): 16 to 128 bytes. Empty: a new one is
  /// drawn.
  crypto::SecretString secret = {};
  /// The same as bytes, in place of `secret`: for those who have it in hexadecimal, say.
  crypto::SecretBytes secret_bytes = {};
  /// Unsafe: takes an existing secret of 10 to 15 bytes, less than RFC 4226 section 4 requires.
  bool accept_short_secret = false;
  crypto::Hash hash = crypto::Hash::sha1; ///< RFC 4226 knows no other
  unsigned digits = 6;                    ///< 6 to 8
  std::uint64_t counter = 0;              ///< of the token's next code: up to 10^15
  QrCodeOptions qr_code = {};
};

using HotpEnrollment = AuthenticatorEnrollment;

/// What may be shown of an HOTP factor.
struct HotpDetails {
  std::string issuer;
  std::string user;
};

namespace factor {

/// The kind `hotp`. The token runs ahead when its button is pressed in vain, so a code is looked for a few
/// counters ahead (`Options::hotp_look_ahead`). A token further ahead is found again by two consecutive codes
/// in one answer
/// ("123456 654321"), for which guessing has no chance (`Options::hotp_resynchronization_window`; RFC 4226
/// section 7.4).
struct HotpKind : AuthenticatorKind<FactorType::hotp, Hotp, HotpDetails>, UnlocksNothing {
  template <class Factor> struct Enrolled {
    Factor factor;
    Shown hotp;
  };

  static Answer check(storage::FactorRecord& record, const storage::ChallengeRecord&, std::string_view answer,
                      const Context& context) {
    AuthenticatorParameters parameters = authenticator_of(record);
    const unsigned digits = parameters.format.digits;
    const TypedCode code(answer);
    if (code.size() != digits && code.size() != std::size_t{2} * digits) return Answer::malformed();

    const crypto::SecretBytes secret = open_secret(record, context.keys);
    const std::uint64_t next = parameters.next;
    Answer valid{.status = Status::valid, .amr = amr};
    if (code.size() != digits) {
      const auto found =
          otp::find_pair_in_window(secret, code.value(0, digits), code.value(digits, digits), next,
                                   next + context.options.hotp_resynchronization_window, parameters.format);
      if (!found) return {};
      parameters.next = *found + 2;
      valid.events.push_back(EventType::token_resynchronized);
    } else {
      // One counter back, to tell a code that was sent twice from a wrong one.
      const otp::WindowMatch match =
          otp::find_in_window(secret, code.value(), next - std::min<std::uint64_t>(next, 1),
                              next + context.options.hotp_look_ahead, next, parameters.format);
      if (!match.fresh) return {.status = match.used ? Status::code_already_used : Status::wrong_code};
      parameters.next = *match.fresh + 1;
    }
    record.parameters = encode(type, parameters);
    reseal_secret(record, secret, context.keys);
    return valid;
  }
};

} // namespace factor
} // namespace mfa
