#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/authenticator.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/factor/typed_code.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/otp/uri.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>

namespace mfa {

/// To enrol: a counter-based one-time password (RFC 4226), as tokens with a button show it. Prefer `Totp` for
/// apps.
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct Hotp {
  std::string issuer = {};        ///< the name of your application, as the app shows it: 1 to 200 bytes
  std::string user = {};          ///< whose account it is, as the app shows it: 1 to 255 bytes
  std::string user_id = {};       ///< your own identifier of the user, for `list_factors`: up to 255 bytes
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
struct HotpKind : ShowsOneFactor,
                  CountsNothing,
                  PreparesNothing,
                  ReplacesNothing,
                  UnlocksNothing,
                  ClaimsNothing {
  using Request = Hotp;
  using Details = HotpDetails;
  using Shown = HotpEnrollment;
  template <class Factor> struct Enrolled {
    Factor factor;
    Shown hotp;
  };

  static constexpr FactorType type = FactorType::hotp;
  static constexpr std::string_view amr[] = {"otp"};

  static HotpEnrollment enroll(const Hotp& request, storage::FactorRecord& record, const Context& context) {
    crypto::SecretBytes secret = keep(request, record, context);
    return show(account_of(decode(record), std::move(secret)), request.qr_code);
  }

  /// Enrols without drawing a QR code; returns the secret.
  static crypto::SecretBytes keep(const Hotp& request, storage::FactorRecord& record,
                                  const Context& context) {
    otp::check_label("issuer", request.issuer);
    otp::check_label("user", request.user);
    check_format(request.hash, request.digits);
    if (request.counter > otp::highest_first_counter)
      throw Error(errc::invalid_argument, "an HOTP counter starts at 0 to " +
                                              std::to_string(otp::highest_first_counter) +
                                              "; give the token's own");
    auto existing = existing_secret(request);
    crypto::SecretBytes secret =
        existing ? *std::move(existing) : draw_secret(request.hash, record, request.user);
    record.parameters =
        encode({request.issuer, request.user, {request.hash, request.digits}, request.counter});
    seal_secret(record, secret, context.keys);
    return secret;
  }

  /// The secret in the clear, as an otpauth URI.
  static crypto::SecretString unsafe_uri(const storage::FactorRecord& record, const Context& context) {
    return otp::uri(account_of(decode(record), open_secret(record, context.keys)));
  }

  template <class As> static void tell(const Details& details, As&& as) {
    as("issuer", details.issuer);
    as("user", details.user);
  }

  static Details describe(const storage::FactorRecord& record) {
    const Parameters parameters = decode(record);
    return {std::string(parameters.issuer), std::string(parameters.user)};
  }

  static Answer check(storage::FactorRecord& record, const storage::ChallengeRecord&, std::string_view answer,
                      const Context& context) {
    Parameters parameters = decode(record);
    const unsigned digits = parameters.format.digits;
    const TypedCode code(answer);
    if (code.size() != digits && code.size() != std::size_t{2} * digits) return Answer::malformed();

    const crypto::SecretBytes secret = open_secret(record, context.keys);
    const std::uint64_t next = parameters.next;
    if (code.size() != digits) {
      const auto found =
          otp::find_pair_in_window(secret, code.value(0, digits), code.value(digits, digits), next,
                                   next + context.options.hotp_resynchronization_window, parameters.format);
      if (!found) return {};
      parameters.next = *found + 2;
    } else {
      // One counter back, to tell a code that was sent twice from a wrong one.
      const otp::WindowMatch match =
          otp::find_in_window(secret, code.value(), next - std::min<std::uint64_t>(next, 1),
                              next + context.options.hotp_look_ahead, next, parameters.format);
      if (!match.fresh) return {.status = match.used ? Status::code_already_used : Status::wrong_code};
      parameters.next = *match.fresh + 1;
    }
    record.parameters = encode(parameters);
    reseal_secret(record, secret, context.keys);
    return {.status = Status::valid, .amr = amr};
  }

 private:
  static constexpr std::uint64_t highest_counter = std::uint64_t{1} << 60;

  struct Parameters {
    std::string_view issuer;
    std::string_view user;
    otp::CodeFormat format;
    std::uint64_t next = 0; ///< the first counter that was neither used nor passed; it never goes back
  };

  static otp::Account account_of(const Parameters& parameters, crypto::SecretBytes secret) {
    return {.issuer = std::string(parameters.issuer),
            .user = std::string(parameters.user),
            .secret = std::move(secret),
            .hash = parameters.format.hash,
            .digits = parameters.format.digits,
            .counter = parameters.next};
  }

  static std::string encode(const Parameters& parameters) {
    return detail::FieldWriter(1)
        .text(parameters.issuer)
        .text(parameters.user)
        .number(static_cast<std::uint64_t>(parameters.format.hash))
        .number(parameters.format.digits)
        .number(parameters.next)
        .take();
  }

  /// Its texts are parts of the record.
  static Parameters decode(const storage::FactorRecord& record) {
    detail::FieldReader fields(record.parameters, 1, "factor", record.id);
    Parameters parameters;
    parameters.issuer = fields.plain_text();
    parameters.user = fields.plain_text();
    const std::uint64_t hash = fields.number_up_to(3);
    const std::uint64_t digits = fields.number_up_to(8);
    parameters.next = fields.number_up_to(highest_counter);
    fields.end();
    if (hash < 1 || digits < 6) fields.refuse("are out of range; restore the record");
    parameters.format = {static_cast<crypto::Hash>(hash), static_cast<unsigned>(digits)};
    return parameters;
  }
};

} // namespace factor
} // namespace mfa
