#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include <nlohmann/json.hpp>

#include <mfa/assurance.hpp>
#include <mfa/challenge_details.hpp>
#include <mfa/channel.hpp>
#include <mfa/confirmation.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/factor.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/factor_details.hpp>
#include <mfa/purpose.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/verification.hpp>
#include <mfa/webauthn_extensions.hpp>
#include <mfa/workos/iso8601.hpp>

/// Factors, challenges and verifications as WorkOS's MFA API prints them, with further members for what that
/// API has not. Phone numbers and addresses are masked, and nothing is secret but what WebAuthn's extensions
/// gave (`Verification::webauthn_outputs`). Needs nlohmann/json.
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
  json["locked"] = factor.locked();
  if (factor.delayed_until()) json["delayed_until"] = iso8601(*factor.delayed_until());
  factor::with_kind(factor.type(), [&](auto kind) {
    using Kind = decltype(kind);
    nlohmann::ordered_json& shown = json[to_string(Kind::type)];
    Kind::tell(*factor.details_as<typename Kind::Details>(),
               [&](std::string_view name, const auto& value) { shown[name] = value; });
  });
  if (const WebAuthnDetails* const webauthn = factor.webauthn())
    json["webauthn"].update({{"backup_eligible", webauthn->backup_eligible},
                             {"backed_up", webauthn->backed_up},
                             {"aaguid", webauthn->aaguid},
                             {"authenticator", webauthn->authenticator},
                             {"user_handle", webauthn->user_handle}});
  return json;
}

/// "authentication_challenge", without its code.
[[nodiscard]] inline nlohmann::ordered_json json(const ChallengeDetails& challenge) {
  nlohmann::ordered_json json{
      {"object", "authentication_challenge"},          {"id", challenge.id()},
      {"created_at", iso8601(challenge.created_at())}, {"updated_at", iso8601(challenge.updated_at())},
      {"purpose", to_string(challenge.purpose())},     {"state", to_string(challenge.state())}};
  if (challenge.expires_at()) json["expires_at"] = iso8601(*challenge.expires_at());
  json["authentication_factor_id"] = challenge.factor_id();
  json["attempts_left"] = challenge.attempts_left();
  if (challenge.channel()) json["channel"] = to_string(*challenge.channel());
  return json;
}

/// How much a verification or a factor shows.
[[nodiscard]] inline nlohmann::ordered_json json(const Assurance& assurance) {
  return {{"factors", assurance.factors}, {"phishing_resistant", assurance.phishing_resistant}};
}

/// What a browser and an authenticator said beside an answer. Bytes are base64url. Of `prf`, secrets.
[[nodiscard]] inline nlohmann::ordered_json json(const webauthn::Outputs& outputs) {
  auto json = nlohmann::ordered_json::object();
  if (outputs.attachment)
    json["attachment"] =
        *outputs.attachment == webauthn::Attachment::platform ? "platform" : "cross-platform";
  if (outputs.resident_key) json["resident_key"] = *outputs.resident_key;
  if (outputs.credential_protection)
    json["credential_protection"] = static_cast<unsigned>(*outputs.credential_protection); // CTAP's number
  if (outputs.min_pin_length) json["min_pin_length"] = *outputs.min_pin_length;
  if (outputs.large_blob_supported) json["large_blob_supported"] = *outputs.large_blob_supported;
  if (outputs.prf_enabled) json["prf_enabled"] = *outputs.prf_enabled;
  if (outputs.large_blob) json["large_blob"] = mfa::detail::base64url(*outputs.large_blob);
  if (outputs.large_blob_written) json["large_blob_written"] = *outputs.large_blob_written;
  if (!outputs.prf.first.empty()) json["prf"]["first"] = mfa::detail::base64url(outputs.prf.first.view());
  if (!outputs.prf.second.empty()) json["prf"]["second"] = mfa::detail::base64url(outputs.prf.second.view());
  return json;
}

namespace detail {

/// What a `Verification` and a `Confirmation` have in common.
template <class Answer> void add_outcome(const Answer& answer, nlohmann::ordered_json& json) {
  json["status"] = to_string(answer.status());
  json["factor_id"] = answer.factor_id();
  json["factor_type"] = to_string(answer.factor_type());
  json["attempts_left"] = answer.attempts_left();
  json["factor_locked"] = answer.factor_locked();
  if (answer.retry_after()) json["retry_after"] = answer.retry_after()->count();
  if (answer.clock_skew()) json["clock_skew"] = answer.clock_skew()->count();
  if (!answer.user_id().empty()) json["user_id"] = answer.user_id();
  if (const auto* const outputs = answer.webauthn_outputs()) json["webauthn"] = workos::json(*outputs);
}

} // namespace detail

/// The answer of verify: the challenge, whether the code was right, and all else that is known of it. Times
/// to wait, and by which a clock is off, are in seconds.
[[nodiscard]] inline nlohmann::ordered_json json(const Verification& verification) {
  nlohmann::ordered_json json{{"challenge", workos::json(verification.challenge())},
                              {"valid", verification.valid()}};
  detail::add_outcome(verification, json);
  json["purpose"] = to_string(verification.purpose());
  if (!verification.valid()) return json;
  json["amr"] = nlohmann::ordered_json::array();
  for (const std::string_view method : verification.amr()) json["amr"].push_back(method);
  if (verification.assurance()) json["assurance"] = workos::json(*verification.assurance());
  if (verification.verified_at()) json["verified_at"] = iso8601(*verification.verified_at());
  return json;
}

/// The same of the confirmation of an enrolment, which starts no session: `confirmed` in place of `valid`.
[[nodiscard]] inline nlohmann::ordered_json json(const Confirmation& confirmation) {
  nlohmann::ordered_json json{{"challenge", workos::json(confirmation.challenge())},
                              {"confirmed", confirmation.confirmed()}};
  detail::add_outcome(confirmation, json);
  return json;
}

} // namespace mfa::workos
