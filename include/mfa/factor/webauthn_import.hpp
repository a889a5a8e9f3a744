#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/encoding/checked_text.hpp>
#include <mfa/encoding/text_encoding.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/factor/webauthn_ceremony.hpp>
#include <mfa/factor/webauthn_enrollment.hpp>
#include <mfa/factor/webauthn_record.hpp>
#include <mfa/import_types.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>

/// How a credential of another system becomes a factor.
namespace mfa::factor::credential {

[[noreturn]] inline void refuse_import(const std::string& why) {
  throw Error(errc::invalid_argument, "ImportCredential: " + why);
}

inline std::string imported_bytes(const char* what, std::string_view text, TextEncoding encoding) {
  constexpr std::size_t longest = 4096;
  if (text.size() > longest) refuse_import(std::string(what) + " is longer than 4096 characters");
  std::optional<std::string> bytes;
  if (encoding == TextEncoding::bytes) bytes = std::string(text);
  if (encoding == TextEncoding::hex) bytes = mfa::detail::read_hex<std::string>(text);
  if (encoding == TextEncoding::base64) bytes = mfa::detail::read_base64<std::string>(text);
  if (!bytes)
    refuse_import(std::string(what) + (encoding == TextEncoding::hex      ? " is not hexadecimal"
                                       : encoding == TextEncoding::base64 ? " is not base64"
                                                                          : " cannot be in base32"));
  return *std::move(bytes);
}

inline void check_transports(const std::vector<std::string>& transports) {
  constexpr std::size_t most = 16;
  constexpr std::size_t longest = 32;
  bool good = transports.size() <= most;
  for (const std::string& transport : transports)
    good = good && !transport.empty() && mfa::detail::is_plain_text(transport, longest);
  if (!good) refuse_import("transports are at most 16 words of at most 32 bytes");
}

/// The user's handle that is told for an imported credential; empty if none is.
inline std::string imported_handle(const ImportCredential& request) {
  std::string handle = imported_bytes("user_handle", request.user_handle, request.encoding);
  if (handle.size() > 64) refuse_import("user_handle must have at most 64 bytes");
  return handle;
}

/// Fills in a verified record for a credential of another system, of the user with this handle. Throws
/// `errc::invalid_argument` for what is no such credential.
inline void adopt(const ImportCredential& request, std::string user_handle, storage::FactorRecord& record,
                  const Context& context) {
  const webauthn::RelyingParty& party = relying_party(context);
  check_name("user", request.user, 1);
  check_name("display_name", request.display_name, 0);
  constexpr std::size_t longest_id = 1023; // WebAuthn section 4, Credential ID
  std::string credential_id = imported_bytes("credential_id", request.credential_id, request.encoding);
  if (credential_id.empty() || credential_id.size() > longest_id)
    refuse_import("credential_id must have 1 to 1023 bytes");
  auto public_key = party.cose_key(imported_bytes("public_key", request.public_key, request.encoding));
  if (!public_key)
    refuse_import(
        "public_key is neither a COSE key of an algorithm that is verified here nor a point of P-256 "
        "as U2F writes it");
  std::string aaguid = imported_bytes("aaguid", request.aaguid, TextEncoding::hex);
  if (!aaguid.empty() && aaguid.size() != 16) refuse_import("aaguid must have 16 bytes, in hexadecimal");
  if (request.backed_up && !request.backup_eligible)
    refuse_import("a credential is backed up that may not be: backed_up without backup_eligible");
  if (request.u2f && (request.backup_eligible || request.user_verified))
    refuse_import("a credential of U2F is neither backed up nor asks for a PIN");
  check_transports(request.transports);
  const webauthn::FactorParameters parameters{.user = request.user,
                                              .display_name = request.display_name,
                                              .user_handle = std::move(user_handle),
                                              .user_verification = request.user_verification,
                                              .credential_id = std::move(credential_id),
                                              .aaguid = std::move(aaguid),
                                              .transports = request.transports,
                                              .backup_eligible = request.backup_eligible,
                                              .backed_up = request.backed_up,
                                              .u2f = request.u2f};
  const webauthn::CredentialKey key{.public_key = *std::move(public_key),
                                    .sign_count = request.sign_count,
                                    .backup_eligible = request.backup_eligible,
                                    .user_verification_initialized = request.user_verified};
  record.state = FactorState::verified;
  record.parameters = encode(parameters);
  seal_secret(record, crypto::bytes_of(encode(key)), context.keys);
}

} // namespace mfa::factor::credential
