#pragma once

#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <mfa/challenge_details.hpp>
#include <mfa/factor.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/verification.hpp>

/// Factors, challenges and verifications as WorkOS's MFA API prints them, with further members for what that
/// API has not. Nothing secret is in what they are made from: phone numbers are masked. Needs nlohmann/json.
namespace mfa::workos {

/// A time as ISO 8601 in UTC with milliseconds: "2026-01-01T00:00:00.000Z".
[[nodiscard]] inline std::string iso8601(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::array<char, 64> buffer{};
  static_cast<void>(std::snprintf(
      buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count())));
  return buffer.data();
}

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
