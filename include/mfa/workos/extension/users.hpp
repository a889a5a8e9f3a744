#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/authorization.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/webauthn_ceremony.hpp>
#include <mfa/factor_details.hpp>
#include <mfa/options.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/remaining.hpp>
#include <mfa/requirement.hpp>
#include <mfa/search.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/devices.hpp>
#include <mfa/verbs/look_up.hpp>
#include <mfa/verbs/reset_user.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/workos/call.hpp>
#include <mfa/workos/extension/arguments.hpp>
#include <mfa/workos/extension/enrollment.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/iso8601.hpp>
#include <mfa/workos/resources.hpp>

/// `/mfa/users/{user_id}`: the user as a whole.
namespace mfa::workos::detail {

using verbs::Verb;
using verbs::VerbRun;

/// `POST .../reset`.
Verb<Reply> mfa_reset_user(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  const Authorization authorization = arguments.authorization();
  ResetOptions options;
  options.keep_factor = arguments.named("keep_factor").value_or(std::string());
  options.keep_device = crypto::SecretString(arguments.text("keep_device"));
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const UserId user_id = call.route.id;
  const UserReset reset = co_await verbs::reset_user(run, user_id, authorization, options);
  Json body{{"factors", reset.factors}, {"devices", reset.devices}};
  co_return reply_with(200, std::move(body));
}

/// `POST .../password_changed`.
Verb<Reply> mfa_password_changed(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const UserId user_id = call.route.id;
  const std::size_t revoked = co_await verbs::password_changed(run, user_id);
  Json body{{"revoked", revoked}};
  co_return reply_with(200, std::move(body));
}

[[nodiscard]] inline FactorPolicy read_policy(Arguments& arguments) {
  FactorPolicy policy;
  policy.kinds = arguments.choices("kinds", factor_types);
  policy.assurance = arguments.assurance("assurance");
  policy.factors = static_cast<unsigned>(arguments.number("factors", policy.factors, 0, 10));
  policy.recovery_codes = arguments.flag("recovery_codes");
  policy.deadline = arguments.time("deadline");
  policy.grace = arguments.seconds("grace", policy.grace, std::chrono::hours(24 * 366));
  if (arguments.given("offered") != nullptr) policy.offered = arguments.choices("offered", factor_types);
  return policy;
}

[[nodiscard]] inline Json types_json(const std::vector<FactorType>& types) {
  Json json = Json::array();
  for (const FactorType type : types) json.push_back(to_string(type));
  return json;
}

/// `POST .../requirement`.
Verb<Reply> mfa_requirement(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  FactorPolicy policy = call.options.factor_policy;
  arguments.object("policy", [&policy](Arguments& within) { policy = read_policy(within); });
  PolicyUser user;
  user.since = arguments.time("since");
  user.exempt_until = arguments.time("exempt_until");
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const UserId user_id = call.route.id;
  const std::vector<FactorDetails> factors = co_await verbs::list_factors(run, user_id);
  const Time now = co_await run.time();
  const Requirement required = requirement(policy, factors, now, user);
  Json body{{"standing", to_string(required.standing)}, {"lets_pass", required.lets_pass()}};
  if (required.until) body["until"] = iso8601(*required.until);
  body["factors_lacking"] = required.factors_lacking;
  body["recovery_codes_lacking"] = required.recovery_codes_lacking;
  body["offer"] = types_json(required.offer);
  co_return reply_with(200, std::move(body));
}

/// `GET .../accepted_credentials`: for `PublicKeyCredential.signalAllAcceptedCredentials`, one for each
/// handle by which authenticators know the user.
Verb<Reply> mfa_accepted_credentials(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const factor::Context context = co_await run.now();
  // The relying party tells its id in the options that it makes, and nowhere else.
  webauthn::AssertionRequest request;
  request.challenge = std::string(32, '\0');
  const Json made = Json::parse(factor::credential::relying_party(context).request_options(request));
  const UserId user_id = call.route.id;
  const std::vector<FactorDetails> factors = co_await verbs::list_factors(run, user_id);
  Json data = Json::array();
  for (const FactorDetails& factor : factors) {
    const WebAuthnDetails* const credential = factor.webauthn();
    if (credential == nullptr) continue;
    Json* of_handle = nullptr;
    for (Json& other : data)
      if (other["userId"] == credential->user_handle) of_handle = &other;
    if (of_handle == nullptr) {
      data.push_back({{"rpId", made.at("rpId")},
                      {"userId", credential->user_handle},
                      {"allAcceptedCredentialIds", Json::array()}});
      of_handle = &data.back();
    }
    if (factor.verified()) (*of_handle)["allAcceptedCredentialIds"].push_back(credential->credential_id);
  }
  Json body{{"object", "list"}, {"data", std::move(data)}};
  co_return reply_with(200, std::move(body));
}

} // namespace mfa::workos::detail
