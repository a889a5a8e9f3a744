#pragma once

#include <string>
#include <utility>

#include <mfa/authorization.hpp>
#include <mfa/challenge_details.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/options.hpp>
#include <mfa/purpose.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/challenge.hpp>
#include <mfa/verbs/look_up.hpp>
#include <mfa/verbs/passkey.hpp>
#include <mfa/verbs/resend.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/workos/call.hpp>
#include <mfa/workos/extension/arguments.hpp>
#include <mfa/workos/extension/challenge_options.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/json.hpp>
#include <mfa/workos/resources.hpp>

/// What puts a question.
namespace mfa::workos::detail {

using verbs::Verb;
using verbs::VerbRun;

/// `POST /mfa/factors/{factor_id}/challenge`, for signing in unless the request says otherwise.
Verb<Reply> mfa_challenge_factor(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  const Whose whose = arguments.whose();
  ChallengeOptions options = read_challenge_options(arguments, purposes_of_factor);
  read_message_options(arguments, options);
  options.channels = arguments.choices("channels", channels);
  options.device_token = crypto::SecretString(arguments.text("device_token"));
  options.initialize_user_verification = arguments.flag("initialize_user_verification");
  const bool confirms = options.purpose == Purpose::confirm_enrollment;
  Authorization authorization;
  if (confirms) authorization = arguments.authorization(); // elsewhere nobody reads it
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  if ((!call.sends_sms || !call.sends_email) &&
      options.device_token.empty()) { // with which nothing may be sent
    const storage::FactorRecord record = co_await run.find_factor(call.route.id, whose);
    if (auto refused = unavailable(record.type, options.channels, call)) co_return *std::move(refused);
  }
  if (confirms) {
    const verbs::Created created =
        co_await verbs::challenge_enrollment(run, call.route.id, whose, options, authorization);
    co_return reply_with(201, created_json(created));
  }
  const verbs::Created created = co_await verbs::challenge_factor(run, call.route.id, whose, options);
  co_return reply_with(201, created_json(created));
}

/// `POST /mfa/users/{user_id}/challenge`: all of his security keys and passkeys.
Verb<Reply> mfa_challenge_user(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  ChallengeOptions options = read_challenge_options(arguments, purposes_but_enrollment);
  options.device_token = crypto::SecretString(arguments.text("device_token"));
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const UserId user_id = call.route.id;
  const verbs::Created created = co_await verbs::challenge_user(run, user_id, options);
  co_return reply_with(201, created_json(created));
}

/// `POST /mfa/passkeys/challenge`: whoever comes.
Verb<Reply> mfa_challenge_passkey(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  ChallengeOptions options = read_challenge_options(arguments, purposes_but_enrollment);
  options.conditional = arguments.flag("conditional");
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const verbs::Created created = co_await verbs::challenge_passkey(run, options);
  co_return reply_with(201, created_json(created));
}

/// `GET /mfa/challenges/{challenge_id}`.
Verb<Reply> mfa_get_challenge(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  const Whose whose = arguments.whose();
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const ChallengeDetails challenge = co_await verbs::get_challenge(run, call.route.id, whose);
  co_return reply_with(200, workos::json(challenge));
}

/// `POST /mfa/challenges/{challenge_id}/resend`.
Verb<Reply> mfa_resend_challenge(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  const Whose whose = arguments.whose();
  ResendOptions options;
  read_message_options(arguments, options);
  options.channel = arguments.choice("channel", channels);
  options.binding = arguments.named("binding");
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  if (!call.sends_sms || !call.sends_email) {
    const ChallengeDetails challenge = co_await verbs::get_challenge(run, call.route.id, whose);
    if (const auto channel = options.channel ? options.channel : challenge.channel())
      if (auto refused = unavailable(*channel, call)) co_return *std::move(refused);
  }
  const verbs::Created created = co_await verbs::resend_challenge(run, call.route.id, whose, options);
  co_return reply_with(200, created_json(created));
}

} // namespace mfa::workos::detail
