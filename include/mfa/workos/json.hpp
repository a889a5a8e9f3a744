#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include <mfa/challenge_details.hpp>
#include <mfa/factor.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/verification.hpp>
#include <mfa/workos/iso8601.hpp>

/// Factors, challenges and verifications as WorkOS's MFA API prints them, with further members for what that
/// API has not. Nothing secret is in what they are made from: phone numbers are masked. Needs nlohmann/json.
namespace mfa::workos {

/// "authentication_factor", as get and list show it.
[[nodiscard]] inline nlohmann::ordered_json json(const FactorDetails& factor) {
  nlohmann::ordered_json json{
      {"object", "authentication_factor"},          {"id", factor.id()},
      {"created_at", iso8601(factor.created_at())}, {"updated_at", iso8601(factor.updated_at())},
      {"type", to_string(factor.type())},           {"state", to_string(factor.state())}};
  if (!factor.user_id().empty()) json["user_id"] = factor.user_id();
  if (!factor.friendly_name().empty()) json["friendly_name"] = factor.friendly_name();
  if (factor.last_used_at()) json["last_used_at"] = iso8601(*factor.last_used_at());
  factor::with_kind(factor.type(), [&](auto kind) {
    using Kind = decltype(kind);
    nlohmann::ordered_json& shown = json[to_string(Kind::type)];
    Kind::tell(*factor.details_as<typename Kind::Details>(),
               [&](std::string_view name, const auto& value) { shown[name] = value; });
  });
  return json;
}

/// "authentication_challenge", without its code.
[[nodiscard]] inline nlohmann::ordered_json json(const ChallengeDetails& challenge) {
  nlohmann::ordered_json json{{"object", "authentication_challenge"},
                              {"id", challenge.id()},
                              {"created_at", iso8601(challenge.created_at())},
                              {"updated_at", iso8601(challenge.updated_at())}};
  if (challenge.expires_at()) json["expires_at"] = iso8601(*challenge.expires_at());
  json["authentication_factor_id"] = challenge.factor_id();
  json["attempts_left"] = challenge.attempts_left();
  return json;
}

/// The answer of verify: the challenge, and whether the code was right.
[[nodiscard]] inline nlohmann::ordered_json json(const Verification& verification) {
  return {{"challenge", json(verification.challenge())}, {"valid", verification.valid()}};
}

} // namespace mfa::workos
