#pragma once

#include <string>
#include <utility>

#include <mfa/authorization.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/unlock.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/workos/call.hpp>
#include <mfa/workos/extension/arguments.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/resources.hpp>

/// What operators do for a user who is stuck.
namespace mfa::workos::detail {

using verbs::Verb;
using verbs::VerbRun;

/// `POST /mfa/factors/{factor_id}/unlock`.
Verb<Reply> mfa_unlock_factor(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  const Whose whose = arguments.whose();
  const Authorization authorization = arguments.authorization();
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  co_await verbs::unlock_factor(run, call.route.id, whose, authorization);
  co_return Reply{.status = 204};
}

/// `POST /mfa/factors/{factor_id}/send_limits/reset`.
Verb<Reply> mfa_reset_send_limits(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  const Whose whose = arguments.whose();
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const bool reset = co_await verbs::reset_send_limits(run, call.route.id, whose);
  Json body{{"reset", reset}};
  co_return reply_with(200, std::move(body));
}

/// `POST /mfa/sms/limits/reset`.
Verb<Reply> mfa_reset_sms_limits(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  const std::string phone_number = arguments.required_text("phone_number");
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const bool reset = co_await verbs::reset_sms_limits(run, phone_number);
  Json body{{"reset", reset}};
  co_return reply_with(200, std::move(body));
}

/// `POST /mfa/sms/budgets/reset`.
Verb<Reply> mfa_reset_sms_budgets(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  const std::string which = arguments.required_text("which");
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const bool reset = co_await verbs::reset_sms_budgets(run, which);
  Json body{{"reset", reset}};
  co_return reply_with(200, std::move(body));
}

} // namespace mfa::workos::detail
