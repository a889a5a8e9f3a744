#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/challenge_details.hpp>
#include <mfa/purpose.hpp>
#include <mfa/search.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/authorize.hpp>
#include <mfa/verbs/look_up.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/workos/api_keys.hpp>
#include <mfa/workos/body.hpp>
#include <mfa/workos/call.hpp>
#include <mfa/workos/errors.hpp>
#include <mfa/workos/pending_authentication.hpp>
#include <mfa/workos/verification.hpp>

/// `POST /user_management/authenticate` with the MFA grant.
namespace mfa::workos::detail {

inline constexpr std::string_view mfa_grant = "urn:workos:oauth:grant-type:mfa-totp";

/// The members of the grant.
struct Grant {
  std::string code;
  std::string pending_token;
  std::string challenge_id;
  std::string ip_address;
  std::string user_agent;
};

/// The grant, or what is wrong with it, in `refused`. `has_key`: a key came in the header.
[[nodiscard]] inline Grant read_grant(const nlohmann::json& body, const ApiKeys& keys,
                                      const ApiOptions& options, bool has_key, bool signs_in,
                                      std::optional<Reply>& refused) {
  Members members(body);
  const std::string type = members.required_text("grant_type");
  const std::string client_id = members.text("client_id");
  const std::string client_secret = members.text("client_secret");
  Grant grant{.code = members.text("code"),
              .pending_token = members.text("pending_authentication_token"),
              .challenge_id = members.text("authentication_challenge_id"),
              .ip_address = members.text("ip_address"),
              .user_agent = members.text("user_agent")};
  if (client_secret.empty() ? !has_key : !keys.accept(client_secret)) {
    refused = oauth_refusal(400, "invalid_client", "Invalid client secret.");
  } else if (!options.client_id.empty() && client_id != options.client_id) {
    refused = oauth_refusal(400, "invalid_client", "Invalid client ID.");
  } else if (members.fine() && (type != mfa_grant || !signs_in)) {
    refused = oauth_refusal(400, "unsupported_grant_type", "This service does not take this grant.");
  } else {
    members.require("code", grant.code);
    members.require("pending_authentication_token", grant.pending_token);
    members.require("authentication_challenge_id", grant.challenge_id);
    if (!members.fine()) refused = members.refusal();
  }
  return grant;
}

[[nodiscard]] inline Reply invalid_pending_token() {
  return refusal(400, "invalid_pending_authentication_token",
                 "The pending authentication token is invalid or has expired.");
}

/// At this path, a wrong code is an error.
[[nodiscard]] inline std::optional<Reply> grant_refusal_of(const Attempt& attempt) {
  switch (attempt.status) {
  case Status::valid: return std::nullopt;
  case Status::already_verified:
  case Status::code_already_used:
    return refusal(400, "one_time_code_previously_used", "The code has been used before.");
  case Status::expired:
  case Status::superseded: return refusal(400, "one_time_code_expired", "The code has expired.");
  case Status::too_many_attempts:
  case Status::delayed:
  case Status::locked_out: return too_many_attempts(400, attempt.retry_after);
  default: return refusal(400, "invalid_one_time_code", "The code is wrong.");
  }
}

/// The attempt of a grant whose token is this user's. `shown`: what he has shown, if the code was right.
Verb<Reply> attempt_grant(const VerbRun auto& run, const Grant& grant, const PendingUser& user,
                          std::optional<SecondFactor>& shown) {
  const Whose whose = UserId(user.user_id);
  const ChallengeDetails asked = co_await verbs::get_challenge(run, grant.challenge_id, whose);
  bool signs_in = true;
  if (asked.purpose() == Purpose::confirm_enrollment) {
    const auto factors = co_await run.list_factors(user.user_id); // the token may be of before he had one
    const bool has_another = mfa::detail::any_of(factors, [&](const storage::FactorRecord& other) {
      return verbs::is_verified(other) && other.id != asked.factor_id();
    });
    signs_in = user.may_enroll && !has_another;
  }
  if (!signs_in)
    co_return refusal(403, "authentication_method_not_allowed",
                      "The factor's enrolment was not confirmed, so it signs nobody in; use another.");
  const Attempt made = co_await attempt(run, grant.challenge_id, grant.code, whose, asked.purpose());
  if (auto refused = grant_refusal_of(made)) co_return *std::move(refused);
  shown = SecondFactor{.user_id = made.user_id,
                       .factor_id = made.challenge.factor_id(),
                       .factor_type = made.type,
                       .amr = made.amr,
                       .confirmed_enrollment = made.confirmed_enrollment,
                       .ip_address = grant.ip_address,
                       .user_agent = grant.user_agent};
  co_return Reply();
}

} // namespace mfa::workos::detail
