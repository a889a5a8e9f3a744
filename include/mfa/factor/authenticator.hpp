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

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/constant_time.hpp>
#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/purpose.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/factor/used_secret.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/otp/uri.hpp>
#include <mfa/qr/matrix.hpp>
#include <mfa/qr/png.hpp>
#include <mfa/search.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>

namespace mfa {

/// How the QR code of an enrolment is drawn.
struct QrCodeOptions {
  unsigned scale = 4; ///< pixels per module, 1 to 64
  qr::ErrorCorrection error_correction = qr::ErrorCorrection::medium;
};

/// What the user needs to set an authenticator up. Given once, at enrolment: show it and forget it.
struct AuthenticatorEnrollment {
  std::string issuer;
  std::string user;
  crypto::SecretString qr_code; ///< a PNG image as `data:` URI
  crypto::SecretString secret;  ///< base32, to type in
  crypto::SecretString uri;     ///< otpauth, what the QR code holds
};

namespace factor {

/// Refuses a format that no authenticator shows.
inline void check_format(crypto::Hash hash, unsigned digits) {
  otp::check_digits(digits);
  if (hash < crypto::Hash::sha1 || hash > crypto::Hash::sha512)
    throw Error(errc::invalid_argument, "the hash of a one-time password is sha1, sha256 or sha512");
}

/// As long as the hash's output (RFC 4226 section 4, RFC 6238 section 5.1): 20 bytes for SHA-1. `user` is the
/// one that the authenticator shows.
[[nodiscard]] inline crypto::SecretBytes draw_secret(crypto::Hash hash, const storage::FactorRecord& record,
                                                     std::string_view user) {
  crypto::SecretBytes secret(crypto::digest_size(hash));
  crypto::random_bytes_for(purpose_of("secret", record, user), secret);
  return secret;
}

/// Refuses a secret of users' that is too short or too long.
inline void check_secret(const crypto::SecretBytes& secret, bool accept_short_secret) {
  const std::size_t least = accept_short_secret ? 10 : 16;
  if (secret.size() < least || secret.size() > otp::longest_secret)
    throw Error(errc::invalid_secret,
                "the secret has " + std::to_string(secret.size()) + " bytes; it may have " +
                    std::to_string(least) + " to " + std::to_string(otp::longest_secret) +
                    (secret.size() >= 10 && secret.size() < least
                         ? "; draw a new one, or set accept_short_secret if users hold it already"
                         : ""));
}

/// What a request asks for. Its secret is empty unless users hold one already. Throws `errc::invalid_secret`,
/// and `errc::invalid_argument` for two secrets.
template <class Request> [[nodiscard]] otp::Account account_of(const Request& request) {
  otp::Account account{.issuer = request.issuer,
                       .user = request.user,
                       .secret = request.secret_bytes,
                       .hash = request.hash,
                       .digits = request.digits};
  if constexpr (requires { request.counter; })
    account.counter = request.counter;
  else
    account.period = request.period;
  if (request.secret.empty() && request.secret_bytes.empty()) return account;
  if (!request.secret.empty() && !request.secret_bytes.empty())
    throw Error(errc::invalid_argument, "secret and secret_bytes are both given; give one");
  if (!request.secret.empty()) account.secret = otp::base32_decode(request.secret);
  check_secret(account.secret, request.accept_short_secret);
  return account;
}

/// `FactorRecord::parameters` of these kinds. Its texts are parts of the record.
struct AuthenticatorParameters {
  std::string_view issuer;
  std::string_view user;
  otp::CodeFormat format;
  std::chrono::seconds period{}; ///< of TOTP; HOTP has none
  /// The first time step, or counter, that was neither used nor passed: codes of earlier ones are refused.
  std::uint64_t next = 0;
  /// Of TOTP: how many steps the token's clock is ahead of ours, as its codes have shown.
  std::int64_t drift = 0;
  /// Of TOTP: steps whose codes were told to be right at another time (`Verification::clock_skew`). They are
  /// accepted at none.
  std::vector<std::uint64_t> hinted = {};
};

/// Format 2 is that of a factor with a drift or hints alone, so that earlier releases read all others.
[[nodiscard]] inline std::string encode(FactorType type, const AuthenticatorParameters& parameters) {
  const bool drifts = parameters.drift != 0 || !parameters.hinted.empty();
  detail::FieldWriter fields(drifts ? 2 : 1);
  fields.text(parameters.issuer)
      .text(parameters.user)
      .enumerator(parameters.format.hash)
      .number(parameters.format.digits);
  if (type == FactorType::totp) fields.number(static_cast<std::uint64_t>(parameters.period.count()));
  fields.number(parameters.next);
  if (drifts) {
    const bool behind = parameters.drift < 0;
    fields.flag(behind).number(static_cast<std::uint64_t>(behind ? -parameters.drift : parameters.drift));
    fields.number(parameters.hinted.size());
    for (const std::uint64_t step : parameters.hinted) fields.number(step);
  }
  return fields.take();
}

[[nodiscard]] inline AuthenticatorParameters authenticator_of(const storage::FactorRecord& record) {
  constexpr auto longest_period = static_cast<std::uint64_t>(otp::longest_period.count());
  constexpr std::uint64_t highest_step = 200'000'000'000; // of the shortest period, beyond any clock
  constexpr std::uint64_t highest_counter = std::uint64_t{1} << 60;
  constexpr std::uint64_t furthest_drift = 10'000;
  const bool timed = record.type == FactorType::totp;
  const bool drifts = timed && record.parameters.starts_with('\2');
  detail::FieldReader fields(record.parameters, drifts ? 2 : 1, "factor", record.id);
  AuthenticatorParameters parameters;
  parameters.issuer = fields.plain_text();
  parameters.user = fields.plain_text();
  parameters.format.hash = fields.enumerator(crypto::Hash::sha512);
  parameters.format.digits = static_cast<unsigned>(fields.number_within(6, 8));
  if (timed)
    parameters.period =
        std::chrono::seconds(static_cast<std::int64_t>(fields.number_within(1, longest_period)));
  parameters.next = fields.number_within(0, timed ? highest_step : highest_counter);
  if (drifts) {
    const bool behind = fields.flag();
    const auto steps = static_cast<std::int64_t>(fields.number_up_to(furthest_drift));
    parameters.drift = behind ? -steps : steps;
    parameters.hinted.resize(fields.number_up_to(most_hints));
    for (std::uint64_t& step : parameters.hinted) step = fields.number_up_to(highest_step);
  }
  fields.end();
  return parameters;
}

/// Fills in a record for this account, which is HOTP's if it has a counter, and TOTP's otherwise. Draws its
/// secret if it has none. Returns what was kept.
inline otp::Account keep(otp::Account account, bool accept_short_secret, storage::FactorRecord& record,
                         const Context& context) {
  otp::check_label("issuer", account.issuer);
  otp::check_label("user", account.user);
  check_format(account.hash, account.digits);
  if (account.counter && *account.counter > otp::highest_first_counter)
    throw Error(errc::invalid_argument, "an HOTP counter starts at 0 to " +
                                            std::to_string(otp::highest_first_counter) +
                                            "; give the token's own");
  if (!account.counter && (account.period < std::chrono::seconds(1) || account.period > otp::longest_period))
    throw Error(errc::invalid_argument, "a TOTP period of " + std::to_string(account.period.count()) +
                                            " s; it may be 1 s to 366 days");
  if (account.secret.empty())
    account.secret = draw_secret(account.hash, record, account.user);
  else
    check_secret(account.secret, accept_short_secret);
  record.type = account.counter ? FactorType::hotp : FactorType::totp;
  record.parameters = encode(record.type, {.issuer = account.issuer,
                                           .user = account.user,
                                           .format = {account.hash, account.digits},
                                           .period = account.period,
                                           .next = account.counter.value_or(0)});
  seal_secret(record, account.secret, context.keys);
  return account;
}

/// What stands for a secret of a user's among those that he had. Steps of another period are other numbers.
[[nodiscard]] inline std::string fingerprint_context(const storage::FactorRecord& record,
                                                     std::chrono::seconds period) {
  return std::string("used secret of ")
      .append(to_string(record.type))
      .append(" ")
      .append(std::to_string(period.count()))
      .append(" of ")
      .append(record.user_id);
}

/// The secret, if it opens: one that does not accepts no code either.
[[nodiscard]] inline std::optional<crypto::SecretBytes> secret_if_any(const storage::FactorRecord& record,
                                                                      const KeyRing& keys) {
  try {
    return open_secret(record, keys);
  } catch (const Error& error) {
    if (error.code() != errc::seal_broken && error.code() != errc::unknown_key) throw;
  }
  return std::nullopt;
}

[[nodiscard]] constexpr bool is_authenticator(FactorType type) noexcept {
  return type == FactorType::totp || type == FactorType::hotp;
}

/// What to keep of a factor that goes. Nothing if no code of it was accepted or told, if its secret does not
/// open, or if it is of another kind.
[[nodiscard]] inline std::optional<UsedSecret> used_secret(const storage::FactorRecord& record,
                                                           const Context& context) {
  if (!is_authenticator(record.type)) return std::nullopt;
  AuthenticatorParameters parameters = authenticator_of(record);
  const bool timed = record.type == FactorType::totp;
  const bool used = timed ? parameters.next != 0 : record.last_used_at.has_value();
  if (!used && parameters.hinted.empty()) return std::nullopt;
  const auto secret = secret_if_any(record, context.keys);
  if (!secret) return std::nullopt;
  UsedSecret kept{.fingerprint = context.keys.authenticate(crypto::text_of(*secret),
                                                           fingerprint_context(record, parameters.period)),
                  .next = parameters.next,
                  .hinted = std::move(parameters.hinted)};
  // Until no clock takes the codes any more; those of counters never end, and a year is for all but those who
  // would keep a token for longer.
  constexpr auto margin = std::chrono::hours(24);
  kept.until = context.now + (timed ? margin : 366 * margin);
  if (timed) {
    std::uint64_t last = kept.next;
    for (const std::uint64_t step : kept.hinted) last = std::max(last, step);
    last += std::uint64_t{context.options.totp_drift_steps} + context.options.totp_learned_drift_steps + 1;
    kept.until = std::max(kept.until, std::min(Time(parameters.period * static_cast<std::int64_t>(last)),
                                               storage::never - margin) +
                                          margin);
  }
  return kept;
}

/// Has a new factor with this secret refuse what the user's factors that are gone have accepted or told.
inline void resume(const crypto::SecretBytes& secret, const std::vector<UsedSecret>& used_secrets,
                   storage::FactorRecord& record, const Context& context) {
  if (used_secrets.empty()) return;
  AuthenticatorParameters parameters = authenticator_of(record);
  const auto fingerprints = context.keys.authenticate_under_each(
      crypto::text_of(secret), fingerprint_context(record, parameters.period));
  for (const UsedSecret& used : used_secrets) {
    const bool same = mfa::detail::any_of(
        fingerprints, [&](const std::string& one) { return crypto::equal(one, used.fingerprint); });
    if (!same) continue;
    parameters.next = std::max(parameters.next, used.next);
    for (const std::uint64_t step : used.hinted) {
      if (parameters.hinted.size() < most_hints)
        parameters.hinted.push_back(step);
      else
        parameters.next = std::max(parameters.next, step + 1);
    }
  }
  record.parameters = encode(record.type, parameters);
}

/// Throws `errc::duplicate_secret` if one of the user's factors has this secret.
inline void check_is_new(const crypto::SecretBytes& secret, const EnrollingUser& user,
                         const Context& context) {
  for (const storage::FactorRecord& other : user.others) {
    const bool verified = other.state == FactorState::verified; // by a sign-in too, where hosts allow it
    if (!is_authenticator(other.type) || (!verified && mfa::detail::contains(user.ended, other.id))) continue;
    const auto known = secret_if_any(other, context.keys);
    if (known && crypto::equal(crypto::text_of(*known), crypto::text_of(secret)))
      throw Error(
          errc::duplicate_secret,
          "factor " + other.id + " of this user has the same secret, " +
              (verified ? "and is verified: have him use it, or delete it before the secret is enrolled anew"
                        : "and waits to be confirmed: confirm it, or delete it before the secret is enrolled "
                          "anew"));
  }
}

[[nodiscard]] inline AuthenticatorEnrollment show(const otp::Account& account, const QrCodeOptions& drawn) {
  AuthenticatorEnrollment shown;
  shown.issuer = account.issuer;
  shown.user = account.user;
  shown.secret = otp::base32_encode(account.secret);
  shown.uri = otp::uri(account);
  shown.qr_code = qr::png_data_uri(qr::encode(shown.uri, drawn.error_correction), {.scale = drawn.scale});
  return shown;
}

/// The base of these kinds, which leaves to them what a code is compared with.
template <FactorType Type, class Requested, class Told>
struct AuthenticatorKind : ShowsOneFactor,
                           Guessable,
                           CountsNothing,
                           PreparesNothing,
                           ReplacesNothing,
                           ClaimsNothing {
  using Request = Requested;
  using Details = Told;
  using Shown = AuthenticatorEnrollment;

  static constexpr FactorType type = Type;
  static constexpr std::string_view amr[] = {"otp"};

  static AuthenticatorEnrollment enroll(const Request& request, storage::FactorRecord& record,
                                        const EnrollingUser& user, const Context& context) {
    otp::Account account = account_of(request);
    const bool brought = !account.secret.empty();
    account = keep(std::move(account), request.accept_short_secret, record, context);
    if (brought) {
      check_is_new(account.secret, user, context);
      resume(account.secret, user.used_secrets, record, context);
      if (account.counter) account.counter = authenticator_of(record).next;
    }
    return show(account, request.qr_code);
  }

  static Details describe(const storage::FactorRecord& record) {
    const AuthenticatorParameters parameters = authenticator_of(record);
    return {std::string(parameters.issuer), std::string(parameters.user)};
  }

  template <class As> static void tell(const Details& details, As&& as) {
    as("issuer", details.issuer);
    as("user", details.user);
  }

  /// The secret in the clear, as an otpauth URI.
  static crypto::SecretString unsafe_uri(const storage::FactorRecord& record, const Context& context) {
    const AuthenticatorParameters parameters = authenticator_of(record);
    otp::Account account{.issuer = std::string(parameters.issuer),
                         .user = std::string(parameters.user),
                         .secret = open_secret(record, context.keys),
                         .hash = parameters.format.hash,
                         .digits = parameters.format.digits};
    if constexpr (Type == FactorType::totp)
      account.period = parameters.period;
    else
      account.counter = parameters.next;
    return otp::uri(account);
  }
};

} // namespace factor
} // namespace mfa
