#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <mfa/confirmation.hpp>
#include <mfa/decision/not_found.hpp>
#include <mfa/options.hpp>
#include <mfa/purpose.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/verbs/verify.hpp>
#include <mfa/verification.hpp>
#include <mfa/workos/call.hpp>
#include <mfa/workos/extension/arguments.hpp>
#include <mfa/workos/extension/challenge_options.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/json.hpp>

/// What checks an answer. A wrong one is answered as a right one is, with its status.
namespace mfa::workos::detail {

using verbs::Verb;
using verbs::VerbRun;

/// What the user typed, or what his browser sent.
[[nodiscard]] inline std::string read_answer(Arguments& arguments) {
  const nlohmann::json* const response = arguments.find("response");
  if (response == nullptr) return arguments.required_text("code");
  if (!arguments.text("code").empty())
    arguments.refuse_as("invalid_", "response", "and code exclude one another");
  if (!response->is_object()) arguments.refuse_as("invalid_", "response", "must be an object");
  return response->dump();
}

/// All but the purpose.
[[nodiscard]] inline VerifyOptions read_verify_options(Arguments& arguments) {
  VerifyOptions options;
  options.binding = arguments.named("binding");
  options.user = arguments.whose();
  options.hint_clock_skew_after_password = arguments.flag("hint_clock_skew_after_password");
  return options;
}

/// `POST /mfa/challenges/{challenge_id}/verify`.
Verb<Reply> mfa_verify_challenge(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  const std::string answer = read_answer(arguments);
  VerifyOptions options = read_verify_options(arguments);
  options.purpose = arguments.choice("purpose", purposes_but_enrollment).value_or(options.purpose);
  options.action = arguments.named("action").value_or(std::string());
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const Verification verification = co_await verbs::verify_challenge(run, call.route.id, answer, options);
  co_return reply_with(200, workos::json(verification));
}

/// `POST /mfa/challenges/{challenge_id}/confirm` and `POST /mfa/factors/{factor_id}/confirm`.
Verb<Reply> mfa_confirm(const VerbRun auto& run, const Call& call, std::string_view prefix) {
  Arguments arguments(call.body, call.of_query);
  const std::string answer = read_answer(arguments);
  const VerifyOptions options = read_verify_options(arguments);
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  if (!call.route.id.starts_with(prefix)) decision::throw_not_found("challenge");
  const Confirmation confirmation = co_await verbs::confirm_enrollment(run, call.route.id, answer, options);
  co_return reply_with(200, workos::json(confirmation));
}

} // namespace mfa::workos::detail
