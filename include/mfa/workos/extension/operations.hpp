#pragma once

#include <string>
#include <string_view>

#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/workos/call.hpp>
#include <mfa/workos/errors.hpp>
#include <mfa/workos/extension/enrollment.hpp>
#include <mfa/workos/extension/factors.hpp>
#include <mfa/workos/extension/verification.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/route.hpp>

/// The operations beyond WorkOS's contract (docs/http-api.md), each by the subject's header.
namespace mfa::workos::detail {

/// What was not found by an operation of this route.
[[nodiscard]] inline Reply extension_not_found(const Route& route) {
  if (route.id.starts_with(mfa::detail::factor_id_prefix))
    return not_found("Factor", route.id, mfa::detail::factor_id_prefix);
  if (route.id.starts_with(mfa::detail::challenge_id_prefix))
    return not_found("Challenge", route.id, mfa::detail::challenge_id_prefix);
  return not_found("Entity", {}, {});
}

verbs::Verb<Reply> perform_extension(const verbs::VerbRun auto& run, const Call& call) {
  switch (call.route.operation) {
  case Operation::mfa_enroll_factor: co_return co_await mfa_enroll_factor(run, call);
  case Operation::mfa_list_factors: co_return co_await mfa_list_factors(run, call);
  case Operation::mfa_get_factor: co_return co_await mfa_get_factor(run, call);
  case Operation::mfa_rename_factor: co_return co_await mfa_rename_factor(run, call);
  case Operation::mfa_delete_factor: co_return co_await mfa_delete_factor(run, call);
  case Operation::mfa_confirm_factor:
    co_return co_await mfa_confirm(run, call, mfa::detail::factor_id_prefix);
  default: break;
  }
  co_return refusal(404, "Not Found");
}

} // namespace mfa::workos::detail
