#pragma once

#include <string>
#include <string_view>

#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/workos/call.hpp>
#include <mfa/workos/errors.hpp>
#include <mfa/workos/extension/challenges.hpp>
#include <mfa/workos/extension/devices.hpp>
#include <mfa/workos/extension/enrollment.hpp>
#include <mfa/workos/extension/events.hpp>
#include <mfa/workos/extension/factors.hpp>
#include <mfa/workos/extension/imports.hpp>
#include <mfa/workos/extension/messages.hpp>
#include <mfa/workos/extension/operators.hpp>
#include <mfa/workos/extension/users.hpp>
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
  case Operation::mfa_challenge_factor: co_return co_await mfa_challenge_factor(run, call);
  case Operation::mfa_regenerate_recovery_codes: co_return co_await mfa_regenerate_recovery_codes(run, call);
  case Operation::mfa_unlock_factor: co_return co_await mfa_unlock_factor(run, call);
  case Operation::mfa_reset_send_limits: co_return co_await mfa_reset_send_limits(run, call);
  case Operation::mfa_get_challenge: co_return co_await mfa_get_challenge(run, call);
  case Operation::mfa_verify_challenge: co_return co_await mfa_verify_challenge(run, call);
  case Operation::mfa_resend_challenge: co_return co_await mfa_resend_challenge(run, call);
  case Operation::mfa_challenge_user: co_return co_await mfa_challenge_user(run, call);
  case Operation::mfa_challenge_passkey: co_return co_await mfa_challenge_passkey(run, call);
  case Operation::mfa_remember_device: co_return co_await mfa_remember_device(run, call);
  case Operation::mfa_list_devices: co_return co_await mfa_list_devices(run, call);
  case Operation::mfa_check_device: co_return co_await mfa_check_device(run, call);
  case Operation::mfa_revoke_devices: co_return co_await mfa_revoke_devices(run, call);
  case Operation::mfa_revoke_device: co_return co_await mfa_revoke_device(run, call);
  case Operation::mfa_reset_user: co_return co_await mfa_reset_user(run, call);
  case Operation::mfa_password_changed: co_return co_await mfa_password_changed(run, call);
  case Operation::mfa_requirement: co_return co_await mfa_requirement(run, call);
  case Operation::mfa_accepted_credentials: co_return co_await mfa_accepted_credentials(run, call);
  case Operation::mfa_reset_sms_limits: co_return co_await mfa_reset_sms_limits(run, call);
  case Operation::mfa_reset_sms_budgets: co_return co_await mfa_reset_sms_budgets(run, call);
  case Operation::mfa_import_factors: co_return co_await mfa_import_factors(run, call);
  case Operation::mfa_report_delivery: co_return co_await mfa_report_delivery(run, call);
  case Operation::mfa_list_events: co_return co_await mfa_list_events(run, call);
  case Operation::mfa_confirm_challenge:
    co_return co_await mfa_confirm(run, call, mfa::detail::challenge_id_prefix);
  default: break;
  }
  co_return refusal(404, "Not Found");
}

} // namespace mfa::workos::detail
