#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/challenge_details.hpp>
#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/factor/totp.hpp>
#include <mfa/factor_details.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/workos/api_options.hpp>
#include <mfa/workos/iso8601.hpp>

/// Factors and challenges with the members that WorkOS's API has, and no others.
namespace mfa::workos::detail {

using Json = nlohmann::ordered_json;

/// Whether WorkOS's API has this kind. Its PHP SDK throws on any other.
[[nodiscard]] constexpr bool is_known(FactorType type) noexcept {
  return type == FactorType::totp || type == FactorType::sms || type == FactorType::generic_otp ||
         type == FactorType::webauthn;
}

/// A factor as get and list show it. `phone_number` is that of an SMS factor.
[[nodiscard]] inline Json factor_json(const FactorDetails& factor, std::string_view phone_number) {
  Json json{{"object", "authentication_factor"},
            {"id", factor.id()},
            {"created_at", iso8601(factor.created_at())},
            {"updated_at", iso8601(factor.updated_at())},
            {"type", to_string(factor.type())}};
  if (const TotpDetails* const totp = factor.totp())
    json["totp"] = {{"issuer", totp->issuer}, {"user", totp->user}};
  if (factor.sms() != nullptr) json["sms"] = {{"phone_number", phone_number}};
  if (!factor.user_id().empty()) json["user_id"] = factor.user_id();
  return json;
}

/// The same with what its user is shown this once.
[[nodiscard]] inline Json enrolled_json(const FactorDetails& factor, const TotpEnrollment& shown) {
  Json json = factor_json(factor, {});
  json["totp"].update(
      {{"secret", shown.secret.view()}, {"qr_code", shown.qr_code.view()}, {"uri", shown.uri.view()}});
  return json;
}

/// The phone number of an SMS factor, as the host has it shown.
[[nodiscard]] inline std::string phone_number_of(const storage::FactorRecord& record,
                                                 const FactorDetails& factor, const ApiOptions& options,
                                                 const KeyRing& keys) {
  if (factor.sms() == nullptr) return {};
  if (options.mask_phone_numbers) return factor.sms()->phone_number;
  return std::string(crypto::text_of(factor::open_secret(record, keys)));
}

/// A challenge of a factor of this kind; that of TOTP has no end. `code` is that of generic_otp, for the host
/// to deliver, and empty otherwise.
[[nodiscard]] inline Json challenge_json(const ChallengeDetails& challenge, FactorType type,
                                         std::string_view code = {}) {
  Json json{{"object", "authentication_challenge"},
            {"id", challenge.id()},
            {"created_at", iso8601(challenge.created_at())},
            {"updated_at", iso8601(challenge.updated_at())}};
  if (challenge.expires_at() && type != FactorType::totp)
    json["expires_at"] = iso8601(*challenge.expires_at());
  if (!code.empty()) json["code"] = code;
  json["authentication_factor_id"] = challenge.factor_id();
  return json;
}

} // namespace mfa::workos::detail
