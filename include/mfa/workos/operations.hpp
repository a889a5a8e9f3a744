#pragma once

#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/workos/call.hpp>
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
#include <mfa/workos/factors.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/route.hpp>
#include <mfa/workos/user_management.hpp>
#include <mfa/workos/verification.hpp>

namespace mfa::workos::detail {

/// What performs an operation, each by its subject's header. `sign_in` makes the verb of `authenticate`,
/// which wants more than a call. Without `default`, so that the compiler tells of an operation that nobody
/// performs.
verbs::Verb<Reply> verb_of(const verbs::VerbRun auto& run, const Call& call, const auto& sign_in) {
  switch (call.route.operation) {
  case Operation::enroll_factor: return enroll_factor(run, call);
  case Operation::get_factor: return get_factor(run, call);
  case Operation::delete_factor: return delete_factor(run, call);
  case Operation::challenge_factor: return challenge_factor(run, call);
  case Operation::verify_challenge: return verify_challenge(run, call);
  case Operation::enroll_user_factor: return enroll_user_factor(run, call);
  case Operation::list_user_factors: return list_user_factors(run, call);

  case Operation::mfa_enroll_factor: return mfa_enroll_factor(run, call);
  case Operation::mfa_list_factors: return mfa_list_factors(run, call);
  case Operation::mfa_get_factor: return mfa_get_factor(run, call);
  case Operation::mfa_rename_factor: return mfa_rename_factor(run, call);
  case Operation::mfa_delete_factor: return mfa_delete_factor(run, call);
  case Operation::mfa_confirm_factor: return mfa_confirm(run, call, mfa::detail::factor_id_prefix);
  case Operation::mfa_challenge_factor: return mfa_challenge_factor(run, call);
  case Operation::mfa_regenerate_recovery_codes: return mfa_regenerate_recovery_codes(run, call);
  case Operation::mfa_unlock_factor: return mfa_unlock_factor(run, call);
  case Operation::mfa_reset_send_limits: return mfa_reset_send_limits(run, call);
  case Operation::mfa_get_challenge: return mfa_get_challenge(run, call);
  case Operation::mfa_verify_challenge: return mfa_verify_challenge(run, call);
  case Operation::mfa_confirm_challenge: return mfa_confirm(run, call, mfa::detail::challenge_id_prefix);
  case Operation::mfa_resend_challenge: return mfa_resend_challenge(run, call);
  case Operation::mfa_challenge_user: return mfa_challenge_user(run, call);
  case Operation::mfa_challenge_passkey: return mfa_challenge_passkey(run, call);
  case Operation::mfa_remember_device: return mfa_remember_device(run, call);
  case Operation::mfa_list_devices: return mfa_list_devices(run, call);
  case Operation::mfa_check_device: return mfa_check_device(run, call);
  case Operation::mfa_revoke_devices: return mfa_revoke_devices(run, call);
  case Operation::mfa_revoke_device: return mfa_revoke_device(run, call);
  case Operation::mfa_reset_user: return mfa_reset_user(run, call);
  case Operation::mfa_password_changed: return mfa_password_changed(run, call);
  case Operation::mfa_requirement: return mfa_requirement(run, call);
  case Operation::mfa_accepted_credentials: return mfa_accepted_credentials(run, call);
  case Operation::mfa_reset_sms_limits: return mfa_reset_sms_limits(run, call);
  case Operation::mfa_reset_sms_budgets: return mfa_reset_sms_budgets(run, call);
  case Operation::mfa_import_factors: return mfa_import_factors(run, call);
  case Operation::mfa_report_delivery: return mfa_report_delivery(run, call);
  case Operation::mfa_list_events: return mfa_list_events(run, call);

  case Operation::authenticate: break;
  }
  return sign_in();
}

} // namespace mfa::workos::detail
