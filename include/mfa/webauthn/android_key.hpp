#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <mfa/webauthn/der.hpp>

namespace mfa::webauthn {

/// What one part of Android says that a key may be used for (AuthorizationList), as far as WebAuthn asks.
struct AndroidAuthorizations {
  bool all_applications = false;       ///< any app may use the key
  bool signs = false;                  ///< it is for signing
  bool other_purposes = false;         ///< it is for something else, too
  std::optional<std::uint32_t> origin; ///< 0: generated where it is kept
};

/// What Android says of a key in its certificate (KeyDescription, the extension 1.3.6.1.4.1.11129.2.1.17; its
/// schema is in Android's documentation of key attestation).
struct AndroidKeyDescription {
  std::span<const unsigned char> challenge; ///< a part of what was parsed
  AndroidAuthorizations software;           ///< what the operating system enforces
  AndroidAuthorizations hardware;           ///< what a trusted execution environment or a secure element does
};

namespace detail {

/// The purposes of a key; false if the bytes are no set of numbers.
inline bool read_android_purposes(std::span<const unsigned char> explicit_value, AndroidAuthorizations& to) {
  constexpr std::uint32_t sign = 2;
  DerReader outer(explicit_value);
  const auto set = outer.set();
  if (!set || !outer.at_end()) return false;
  for (DerReader purposes(*set); !purposes.at_end();) {
    const auto purpose = purposes.number();
    if (!purpose) return false;
    (*purpose == sign ? to.signs : to.other_purposes) = true;
  }
  return true;
}

inline std::optional<AndroidAuthorizations>
read_android_authorizations(std::span<const unsigned char> sequence) {
  constexpr unsigned char field = 0xA0; // specific to the context, constructed
  constexpr unsigned purpose = 1;
  constexpr unsigned all_applications = 600;
  constexpr unsigned origin = 702;
  AndroidAuthorizations list;
  bool has_purpose = false;
  for (DerReader reader(sequence); !reader.at_end();) {
    const auto value = reader.any();
    if (!value || value->form != field) return std::nullopt;
    if (value->number == purpose) {
      if (has_purpose || !read_android_purposes(value->contents, list)) return std::nullopt;
      has_purpose = true;
    }
    if (value->number == all_applications) list.all_applications = true;
    if (value->number == origin) {
      DerReader inner(value->contents);
      if (list.origin || !(list.origin = inner.number()) || !inner.at_end()) return std::nullopt;
    }
  }
  return list;
}

} // namespace detail

/// Nothing unless the bytes are one description and no more.
[[nodiscard]] inline std::optional<AndroidKeyDescription>
parse_android_key_description(std::span<const unsigned char> bytes) {
  constexpr unsigned enumerated = 10;
  DerReader outer(bytes);
  const auto sequence = outer.sequence();
  if (!sequence || !outer.at_end()) return std::nullopt;
  DerReader reader(*sequence);
  if (!reader.number() || !reader.number(enumerated) || !reader.number() || !reader.number(enumerated))
    return std::nullopt; // versions and levels of security
  const auto challenge = reader.octets();
  if (!challenge || !reader.octets()) return std::nullopt; // a unique id
  const auto software = reader.sequence();
  const auto hardware = software ? reader.sequence() : std::nullopt;
  if (!hardware || !reader.at_end()) return std::nullopt;
  const auto by_software = detail::read_android_authorizations(*software);
  const auto by_hardware = detail::read_android_authorizations(*hardware);
  if (!by_software || !by_hardware) return std::nullopt;
  return AndroidKeyDescription{*challenge, *by_software, *by_hardware};
}

/// Whether the key was generated where it is kept, and is for signing and nothing else, by what that list
/// says; or, without `hardware_only`, by the two together (WebAuthn section 8.4).
[[nodiscard]] inline bool is_signing_key_of_one_app(const AndroidKeyDescription& key, bool hardware_only) {
  constexpr std::uint32_t generated = 0;
  const auto& [challenge, software, hardware] = key;
  if (software.all_applications || hardware.all_applications) return false;
  const bool with_software = !hardware_only;
  if (!(hardware.signs || (with_software && software.signs))) return false;
  if (hardware.other_purposes || (with_software && software.other_purposes)) return false;
  if (!hardware.origin && !(with_software && software.origin)) return false;
  return hardware.origin.value_or(generated) == generated &&
         (!with_software || software.origin.value_or(generated) == generated);
}

} // namespace mfa::webauthn
