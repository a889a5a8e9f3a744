#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/challenge_details.hpp>
#include <mfa/confirmation.hpp>
#include <mfa/options.hpp>
#include <mfa/purpose.hpp>
#include <mfa/status.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/look_up.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/verbs/verify.hpp>
#include <mfa/verification.hpp>
#include <mfa/workos/body.hpp>
#include <mfa/workos/call.hpp>
#include <mfa/workos/errors.hpp>
#include <mfa/workos/factors.hpp>
#include <mfa/workos/resources.hpp>

/// `/auth/challenges`: verify.
namespace mfa::workos::detail {

/// One attempt, on a challenge of whatever purpose: WorkOS's API has one verb for both.
struct Attempt {
  Status status{};
  ChallengeDetails challenge;
  FactorType type{};
  std::optional<std::chrono::seconds> retry_after;
  std::string user_id;          ///< empty unless valid
  std::vector<std::string> amr; ///< the same
  bool confirmed_enrollment = false;
};

template <class Answer> [[nodiscard]] Attempt attempt_of(const Answer& answer) {
  return {.status = answer.status(),
          .challenge = answer.challenge(),
          .type = answer.factor_type(),
          .retry_after = answer.retry_after(),
          .user_id = answer.user_id(),
          .amr = {}};
}

Verb<Attempt> attempt(const VerbRun auto& run, const std::string& challenge_id, const std::string& code,
                      const Whose& whose, Purpose purpose) {
  VerifyOptions options;
  options.user = whose;
  if (purpose == Purpose::confirm_enrollment) {
    const Confirmation confirmation = co_await verbs::confirm_enrollment(run, challenge_id, code, options);
    Attempt made = attempt_of(confirmation);
    made.confirmed_enrollment = confirmation.confirmed();
    co_return made;
  }
  const Verification verification = co_await verbs::verify_challenge(run, challenge_id, code, options);
  Attempt made = attempt_of(verification);
  for (const std::string_view method : verification.amr()) made.amr.emplace_back(method);
  co_return made;
}

/// Why an attempt is an error in WorkOS's API; nothing for a right code, and for a wrong one, which is none.
[[nodiscard]] inline std::optional<Reply> refusal_of(const Attempt& attempt) {
  const std::string named = "The authentication challenge '" + attempt.challenge.id() + "' has ";
  switch (attempt.status) {
  case Status::already_verified:
    return refusal(422, "authentication_challenge_previously_verified", named + "already been verified.");
  case Status::expired:
  case Status::superseded: return refusal(422, "authentication_challenge_expired", named + "expired.");
  case Status::too_many_attempts:
  case Status::delayed:
  case Status::locked_out: return too_many_attempts(400, attempt.retry_after);
  default: return std::nullopt;
  }
}

/// `POST /auth/challenges/{id}/verify`.
Verb<Reply> verify_challenge(const VerbRun auto& run, const Call& call) {
  Members members(call.body);
  const std::string code = members.required_text("code");
  if (!members.fine()) co_return members.refusal();
  const Whose whose = any_user;
  const ChallengeDetails asked = co_await verbs::get_challenge(run, call.route.id, whose);
  const Attempt made = co_await attempt(run, call.route.id, code, whose, asked.purpose());
  if (auto refused = refusal_of(made)) co_return *std::move(refused);
  Json body{{"challenge", challenge_json(made.challenge, made.type)},
            {"valid", made.status == Status::valid}};
  co_return reply_with(201, std::move(body));
}

} // namespace mfa::workos::detail
