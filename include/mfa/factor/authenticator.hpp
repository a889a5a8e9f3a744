#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/purpose.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/otp/uri.hpp>
#include <mfa/qr/matrix.hpp>
#include <mfa/qr/png.hpp>
#include <mfa/storage/record.hpp>

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

/// The secret that users hold already, if the request has one. Throws `errc::invalid_secret`, and
/// `errc::invalid_argument` for two.
template <class Request>
[[nodiscard]] std::optional<crypto::SecretBytes> existing_secret(const Request& request) {
  if (request.secret.empty() && request.secret_bytes.empty()) return std::nullopt;
  if (!request.secret.empty() && !request.secret_bytes.empty())
    throw Error(errc::invalid_argument, "secret and secret_bytes are both given; give one");
  crypto::SecretBytes secret =
      request.secret.empty() ? request.secret_bytes : otp::base32_decode(request.secret);
  const std::size_t least = request.accept_short_secret ? 10 : 16;
  if (secret.size() < least || secret.size() > otp::longest_secret)
    throw Error(errc::invalid_secret,
                "the secret has " + std::to_string(secret.size()) + " bytes; it may have " +
                    std::to_string(least) + " to " + std::to_string(otp::longest_secret) +
                    (secret.size() >= 10 && secret.size() < least
                         ? "; draw a new one, or set accept_short_secret if users hold it already"
                         : ""));
  return secret;
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

} // namespace factor
} // namespace mfa
