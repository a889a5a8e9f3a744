#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <mfa/compiler.hpp>

namespace mfa::webauthn {

/// The key of a TPM's object as the TPM describes it (TPMT_PUBLIC; TPM 2.0 Library, Part 2, section 12.2.4),
/// of a key that signs: RSA or elliptic. The members are parts of what was parsed, or empty.
struct TpmPublicArea {
  std::uint16_t name_algorithm = 0;
  std::uint16_t curve = 0;                       ///< TPM_ECC_CURVE; 0: RSA
  std::uint32_t exponent = 0;                    ///< of RSA
  std::span<const unsigned char> modulus = {};   ///< of RSA
  std::span<const unsigned char> x = {}, y = {}; ///< of a point
};

/// What a TPM signs when it certifies an object (TPMS_ATTEST; Part 2, section 10.12.8). The members are parts
/// of what was parsed.
struct TpmCertification {
  std::span<const unsigned char> extra_data; ///< what the caller had it sign along
  std::span<const unsigned char> name;       ///< of the object
};

namespace detail {

/// Reads big-endian numbers and bytes with their length before them. What runs out is zero or empty, and
/// `good` is then false.
class TpmReader {
 public:
  explicit TpmReader(std::span<const unsigned char> bytes) : rest_(bytes) {}

  [[nodiscard]] bool good() const noexcept { return good_; }
  [[nodiscard]] bool at_end() const noexcept { return good_ && rest_.empty(); }

  std::uint16_t two() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t four() { return number(4); }
  /// TPM2B.
  std::span<const unsigned char> sized() { return take(two()); }

  std::span<const unsigned char> take(std::size_t size) {
    good_ = good_ && size <= rest_.size();
    if (!good_) return {};
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

 private:
  std::uint32_t number(std::size_t size) {
    std::uint32_t value = 0;
    for (const unsigned char byte : take(size)) value = value << 8 | byte;
    return value;
  }

  std::span<const unsigned char> rest_;
  bool good_ = true;
};

inline constexpr std::uint16_t tpm_rsa = 0x0001;
inline constexpr std::uint16_t tpm_ecc = 0x0023;
inline constexpr std::uint16_t tpm_null = 0x0010;
inline constexpr std::uint16_t tpm_rsassa = 0x0014;
inline constexpr std::uint16_t tpm_ecdsa = 0x0018;

} // namespace detail

/// Nothing for objects of other types, for keys that do not sign, and unless the bytes are one object and no
/// more.
[[nodiscard]] inline std::optional<TpmPublicArea>
parse_tpm_public_area(std::span<const unsigned char> bytes) {
  detail::TpmReader reader(bytes);
  TpmPublicArea area;
  const std::uint16_t type = reader.two();
  if (type != detail::tpm_rsa && type != detail::tpm_ecc) return std::nullopt;
  const bool rsa = type == detail::tpm_rsa;
  area.name_algorithm = reader.two();
  (void)reader.four();                                       // attributes
  (void)reader.sized();                                      // policy
  if (reader.two() != detail::tpm_null) return std::nullopt; // a cipher: of keys that decrypt only
  const std::uint16_t scheme = reader.two();
  if (scheme == (rsa ? detail::tpm_rsassa : detail::tpm_ecdsa))
    (void)reader.two(); // its hash
  else if (scheme != detail::tpm_null)
    return std::nullopt;
  if (rsa) {
    constexpr std::uint32_t usual_exponent = 65'537; // is written as 0
    const std::uint16_t bits = reader.two();
    area.exponent = reader.four();
    if (area.exponent == 0) area.exponent = usual_exponent;
    area.modulus = reader.sized();
    if (area.modulus.size() * 8 != bits) return std::nullopt;
  } else {
    area.curve = reader.two();
    if (area.curve == 0 || reader.two() != detail::tpm_null) return std::nullopt; // key derivation
    area.x = reader.sized();
    area.y = reader.sized();
  }
  if (!reader.at_end()) return std::nullopt;
  return area;
}

/// Nothing unless the bytes are one statement that a TPM made itself about an object that it holds, and no
/// more.
[[nodiscard]] inline std::optional<TpmCertification>
parse_tpm_certification(std::span<const unsigned char> bytes) {
  constexpr std::uint32_t made_by_tpm = 0xFF544347; // TPM_GENERATED_VALUE
  constexpr std::uint16_t certifies = 0x8017;       // TPM_ST_ATTEST_CERTIFY
  detail::TpmReader reader(bytes);
  TpmCertification certification;
  if (reader.four() != made_by_tpm) return std::nullopt;
  if (reader.two() != certifies) return std::nullopt;
  (void)reader.sized(); // who signs
  certification.extra_data = reader.sized();
  (void)reader.take(17 + 8); // clock, firmware
  certification.name = reader.sized();
  (void)reader.sized(); // qualified name
  if (!reader.at_end()) return std::nullopt;
  return certification;
}

/// OpenSSL's name of a hash that a TPM names so (TPM_ALG_ID); null for others.
[[nodiscard]] constexpr const char* tpm_hash(std::uint16_t algorithm) noexcept {
  switch (algorithm) {
  case 0x0004: return "SHA1";
  case 0x000B: return "SHA256";
  case 0x000C: return "SHA384";
  case 0x000D: return "SHA512";
  default: return nullptr;
  }
}

} // namespace mfa::webauthn
