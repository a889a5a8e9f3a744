#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <mfa/webauthn/cbor.hpp>
#include <mfa/webauthn_extensions.hpp>

namespace mfa::webauthn {

/// A new credential as the authenticator tells it (WebAuthn section 6.5.1).
struct AttestedCredential {
  std::span<const unsigned char> aaguid; ///< 16 bytes: the model of authenticator
  std::span<const unsigned char> id;
  std::span<const unsigned char> public_key; ///< a COSE key
};

/// What an authenticator signs (WebAuthn section 6.1). Its bytes are parts of what was parsed.
struct AuthenticatorData {
  std::span<const unsigned char> rp_id_hash; ///< 32 bytes: SHA-256 of the relying party's id
  std::uint8_t flags = 0;
  std::uint32_t sign_count = 0; ///< 0: the authenticator does not count
  std::optional<AttestedCredential> credential;
  std::span<const unsigned char> extensions; ///< one CBOR map; empty: none

  [[nodiscard]] bool user_present() const noexcept { return (flags & 0x01) != 0; }
  [[nodiscard]] bool user_verified() const noexcept { return (flags & 0x04) != 0; }
  /// Whether the credential may be copied to other devices, and whether it was.
  [[nodiscard]] bool backup_eligible() const noexcept { return (flags & 0x08) != 0; }
  [[nodiscard]] bool backed_up() const noexcept { return (flags & 0x10) != 0; }
};

/// Nothing unless the bytes are exactly what the flags say: no more, no less.
[[nodiscard]] inline std::optional<AuthenticatorData>
parse_authenticator_data(std::span<const unsigned char> bytes) {
  constexpr std::uint8_t credential_included = 0x40;
  constexpr std::uint8_t extensions_included = 0x80;
  const auto take = [&bytes](std::size_t size) {
    const auto taken = bytes.first(size);
    bytes = bytes.subspan(size);
    return taken;
  };

  AuthenticatorData data;
  if (bytes.size() < 37) return std::nullopt;
  data.rp_id_hash = take(32);
  data.flags = take(1).front();
  for (const unsigned char byte : take(4)) data.sign_count = data.sign_count << 8 | byte;

  if ((data.flags & credential_included) != 0) {
    AttestedCredential credential;
    if (bytes.size() < 18) return std::nullopt;
    credential.aaguid = take(16);
    const auto size = take(2);
    const std::size_t id_size = std::size_t{size[0]} << 8 | size[1];
    if (bytes.size() < id_size) return std::nullopt;
    credential.id = take(id_size);
    CborReader reader(bytes);
    const auto key = reader.any();
    if (!key) return std::nullopt;
    credential.public_key = *key;
    bytes = reader.rest();
    data.credential = credential;
  }
  if ((data.flags & extensions_included) != 0) {
    CborReader reader(bytes);
    CborReader extensions(bytes);
    if (!extensions.map() || !reader.any()) return std::nullopt;
    data.extensions = bytes.first(bytes.size() - reader.rest().size());
    bytes = reader.rest();
  }
  if (!bytes.empty()) return std::nullopt;
  return data;
}

/// Notes what an authenticator says of extensions (WebAuthn section 10.2, CTAP 2.1 section 12). What is not
/// as it should be is as if it were not there.
inline void note_outputs(const AuthenticatorData& data, Outputs& outputs) {
  if (data.extensions.empty()) return;
  CborReader reader(data.extensions);
  for (auto count = reader.map().value_or(0); count > 0; --count) {
    const auto key = reader.any();
    const auto value = key ? reader.any() : std::nullopt;
    if (!value) return;
    const auto name = CborReader(*key).text();
    const auto number = CborReader(*value).integer();
    if (name == "credProtect" && number >= 1 && number <= 3)
      outputs.credential_protection = static_cast<CredentialProtection>(*number);
    if (name == "minPinLength" && number >= 0 && number <= 63)
      outputs.min_pin_length = static_cast<unsigned>(*number);
  }
}

} // namespace mfa::webauthn
