#pragma once

#include <optional>
#include <string>
#include <utility>

#include <mfa/authorization.hpp>
#include <mfa/challenge_details.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/decision/verification.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/options.hpp>
#include <mfa/purpose.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/challenge.hpp>
#include <mfa/verbs/find_challenge.hpp>
#include <mfa/verbs/ids.hpp>
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

/// Whether to look, by one more read, if what is asked can be sent: only where the host's settings chose
/// nobody to send by. Where a transport has no `send`, no factor is enrolled that would need it.
[[nodiscard]] inline bool is_to_look(const Call& call) noexcept {
  return !call.options.unavailable_channels.empty();
}

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
  if (is_to_look(call) && options.device_token.empty()) { // with which nothing may be sent
    const storage::FactorRecord record = co_await run.find_factor(call.route.id, whose);
    if (auto refused = unavailable(record.type, options.channels, run.options, call))
      co_return *std::move(refused);
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

/// The refusal of a code that is to go again by a channel for which there is no transport. None of a
/// challenge that is to be answered as an unknown one, which the verb does.
Verb<std::optional<Reply>> unavailable_again(const VerbRun auto& run, const Call& call, const Whose& whose,
                                             const ResendOptions& options) {
  if (options.binding) decision::check_bound("ResendOptions", "binding", *options.binding);
  if (!mfa::detail::is_id(call.route.id, mfa::detail::challenge_id_prefix)) co_return std::nullopt;
  const factor::Context context = co_await run.now();
  auto found = co_await verbs::find_challenge_and_factor(run, call.route.id);
  if (!found || !found->factor) {
    if (options.binding) (void)context.keys.authenticate(*options.binding, call.route.id); // as the verb does
    co_return std::nullopt;
  }
  const decision::ChallengeTerms terms = decision::take_terms(found->challenge);
  const bool bound_alike = decision::is_bound_alike(found->challenge, options.binding, context);
  if (!bound_alike || !whose.include(found->factor->user_id)) co_return std::nullopt;
  const auto channel = options.channel ? options.channel : decision::channel_of(terms, found->factor->type);
  co_return channel ? unavailable(*channel, call) : std::nullopt;
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
  if (is_to_look(call))
    if (auto refused = co_await unavailable_again(run, call, whose, options)) co_return *std::move(refused);
  const verbs::Created created = co_await verbs::resend_challenge(run, call.route.id, whose, options);
  co_return reply_with(200, created_json(created));
}

} // namespace mfa::workos::detail
