#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <mfa/authorization.hpp>
#include <mfa/factor_details.hpp>
#include <mfa/options.hpp>
#include <mfa/remaining.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/delete_factor.hpp>
#include <mfa/verbs/look_up.hpp>
#include <mfa/verbs/rename_factor.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/workos/call.hpp>
#include <mfa/workos/extension/arguments.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/json.hpp>
#include <mfa/workos/resources.hpp>

/// `/mfa/factors` and what of a user's factors is no enrolment.
namespace mfa::workos::detail {

using verbs::Verb;
using verbs::VerbRun;

[[nodiscard]] inline Json remaining_json(const Remaining& remaining) {
  return {{"factors", remaining.factors},
          {"unverified", remaining.unverified},
          {"recovery_codes", remaining.recovery_codes},
          {"best", workos::json(remaining.best)}};
}

/// `GET /mfa/users/{user_id}/factors`: all of them, oldest first.
Verb<Reply> mfa_list_factors(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const UserId user_id = call.route.id;
  const std::vector<FactorDetails> factors = co_await verbs::list_factors(run, user_id);
  Json data = Json::array();
  for (const FactorDetails& factor : factors) data.push_back(workos::json(factor));
  Json body{
      {"object", "list"}, {"data", std::move(data)}, {"remaining", remaining_json(Remaining::of(factors))}};
  co_return reply_with(200, std::move(body));
}

/// `GET /mfa/factors/{factor_id}`.
Verb<Reply> mfa_get_factor(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  const Whose whose = arguments.whose();
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const FactorDetails factor = co_await verbs::get_factor(run, call.route.id, whose);
  co_return reply_with(200, workos::json(factor));
}

/// `PATCH /mfa/factors/{factor_id}`: its name.
Verb<Reply> mfa_rename_factor(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  const Whose whose = arguments.whose();
  if (arguments.find("friendly_name") == nullptr) arguments.require("friendly_name");
  const std::string friendly_name = arguments.text("friendly_name");
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const FactorDetails factor = co_await verbs::rename_factor(run, call.route.id, whose, friendly_name);
  co_return reply_with(200, workos::json(factor));
}

/// `DELETE /mfa/factors/{factor_id}`.
Verb<Reply> mfa_delete_factor(const VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  const Whose whose = arguments.whose();
  const Authorization authorization = arguments.authorization();
  DeleteOptions options;
  options.refuse_last = arguments.flag("refuse_last");
  options.take_recovery_codes = arguments.flag("take_recovery_codes");
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const Remaining remaining =
      co_await verbs::delete_factor(run, call.route.id, whose, authorization, options);
  Json body{{"remaining", remaining_json(remaining)}};
  co_return reply_with(200, std::move(body));
}

} // namespace mfa::workos::detail
