#pragma once

#include <algorithm>
#include <chrono>
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
#include <mfa/otp/totp.hpp>
#include <mfa/otp/uri.hpp>
#include <mfa/storage/record.hpp>

namespace mfa {

/// To enrol: a time-based one-time password (RFC 6238), as authenticator apps show it.
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct Totp {
  std::string issuer = {};        ///< the name of your application, as the app shows it: 1 to 200 bytes
  std::string user = {};          ///< whose account it is, as the app shows it: 1 to 255 bytes
  std::string user_id = {};       ///< your own identifier of the user, for `list_factors`: up to 255 bytes
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
struct TotpKind : ShowsOneFactor, CountsNothing, PreparesNothing, ReplacesNothing, ClaimsNothing {
  using Request = Totp;
  using Details = TotpDetails;
  using Shown = TotpEnrollment;
  template <class Factor> struct Enrolled {
    Factor factor;
    Shown totp;
  };

  static constexpr FactorType type = FactorType::totp;
  static constexpr std::string_view amr[] = {"otp"};

  static TotpEnrollment enroll(const Totp& request, storage::FactorRecord& record, const Context& context) {
    crypto::SecretBytes secret = keep(request, record, context);
    return show(account_of(decode(record), std::move(secret)), request.qr_code);
  }

  /// Enrols without drawing a QR code; returns the secret.
  static crypto::SecretBytes keep(const Totp& request, storage::FactorRecord& record,
                                  const Context& context) {
    otp::check_label("issuer", request.issuer);
    otp::check_label("user", request.user);
    check_format(request.hash, request.digits);
    if (request.period < std::chrono::seconds(1) || request.period > otp::longest_period)
      throw Error(errc::invalid_argument, "a TOTP period of " + std::to_string(request.period.count()) +
                                              " s; it may be 1 s to 366 days");
    auto existing = existing_secret(request);
    crypto::SecretBytes secret =
        existing ? *std::move(existing) : draw_secret(request.hash, record, request.user);

    record.parameters =
        encode({request.issuer, request.user, {request.hash, request.digits}, request.period, 0});
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
    const TypedCode code(answer);
    if (code.size() != parameters.format.digits) return Answer::malformed();

    const std::uint64_t step = otp::totp_step(context.now, parameters.period);
    const std::uint64_t drift = context.options.totp_drift_steps;
    const crypto::SecretBytes secret = open_secret(record, context.keys);
    const otp::WindowMatch match = otp::find_in_window(secret, code.value(), step - std::min(step, drift),
                                                       step + drift, parameters.next, parameters.format);
    if (!match.fresh) return {.status = match.used ? Status::code_already_used : Status::wrong_code};
    parameters.next = *match.fresh + 1;
    record.parameters = encode(parameters);
    reseal_secret(record, secret, context.keys);
    return {.status = Status::valid, .amr = amr};
  }

  /// Of the steps that were used, those that are to come in a day or later, which a clock that was ahead
  /// accepted: until then no code would be. No step up to now's is forgotten.
  static void unlock(storage::FactorRecord& record, const Context& context) {
    Parameters parameters = decode(record);
    const std::uint64_t step = otp::totp_step(context.now, parameters.period);
    if (parameters.next <= otp::totp_step(context.now + std::chrono::hours(24), parameters.period)) return;
    parameters.next = std::min(parameters.next, step + context.options.totp_drift_steps + 1);
    record.parameters = encode(parameters);
  }

 private:
  static constexpr std::uint64_t highest_step = 200'000'000'000; ///< of the shortest period, beyond any clock

  struct Parameters {
    std::string_view issuer;
    std::string_view user;
    otp::CodeFormat format;
    std::chrono::seconds period{};
    std::uint64_t next = 0; ///< the first step that was not used yet: codes of earlier ones are refused
  };

  static otp::Account account_of(const Parameters& parameters, crypto::SecretBytes secret) {
    return {.issuer = std::string(parameters.issuer),
            .user = std::string(parameters.user),
            .secret = std::move(secret),
            .hash = parameters.format.hash,
            .digits = parameters.format.digits,
            .period = parameters.period};
  }

  static std::string encode(const Parameters& parameters) {
    return detail::FieldWriter(1)
        .text(parameters.issuer)
        .text(parameters.user)
        .number(static_cast<std::uint64_t>(parameters.format.hash))
        .number(parameters.format.digits)
        .number(static_cast<std::uint64_t>(parameters.period.count()))
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
    const std::uint64_t period = fields.number_up_to(static_cast<std::uint64_t>(otp::longest_period.count()));
    parameters.next = fields.number_up_to(highest_step);
    fields.end();
    if (hash < 1 || digits < 6 || period < 1) fields.refuse("are out of range; restore the record");
    parameters.format = {static_cast<crypto::Hash>(hash), static_cast<unsigned>(digits)};
    parameters.period = std::chrono::seconds(static_cast<std::int64_t>(period));
    return parameters;
  }
};

} // namespace factor
} // namespace mfa
