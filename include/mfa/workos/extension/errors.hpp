#pragma once

#include <mfa/error.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/workos/errors.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/route.hpp>

/// Answers to what is refused beyond WorkOS's contract: the statuses of docs/events-and-errors.md, but never
/// 5xx for a message that was not sent, which may have left after all and must not go out again by itself.
namespace mfa::workos::detail {

/// 500 for what is no client's fault.
[[nodiscard]] constexpr int extension_status(errc code) noexcept {
  switch (code) {
  case errc::entity_not_found: return 404;

  case errc::authorization_required:
  case errc::factor_locked_out:
  case errc::insufficient_assurance: return 403;

  case errc::duplicate_secret:
  case errc::factor_not_verified:
  case errc::wrong_purpose:
  case errc::challenge_over:
  case errc::enrollment_expired:
  case errc::last_factor: return 409;

  case errc::sms_rate_limited:
  case errc::sms_budget_spent:
  case errc::email_rate_limited:
  case errc::code_rate_limited:
  case errc::user_delayed: return 429;

  case errc::invalid_argument:
  case errc::invalid_phone_number:
  case errc::invalid_email_address:
  case errc::invalid_secret:
  case errc::invalid_uri:
  case errc::invalid_token_file:
  case errc::invalid_sms_template:
  case errc::invalid_email_template:
  case errc::qr_code_too_large:
  case errc::sms_country_not_allowed:
  case errc::sms_not_sent:
  case errc::message_not_delivered:
  case errc::no_relying_party: return 422;

  case errc::storage_failure:
  case errc::storage_conflict:
  case errc::storage_unavailable: return 503;

  case errc::options_differ:
  case errc::no_key_ring:
  case errc::unknown_key:
  case errc::key_unavailable:
  case errc::seal_broken:
  case errc::corrupt_record:
  case errc::storage_schema:
  case errc::clock_out_of_range:
  case errc::crypto_failure:
  case errc::policy_failure: break;
  }
  return 500;
}

[[nodiscard]] inline Reply extension_reply_to(const Error& error) {
  const int status = extension_status(error.code());
  if (status == 404 || status >= 500) return reply_to(error);
  Reply reply = refused(error);
  reply.status = status;
  return reply;
}

/// What was not found by an operation of this route.
[[nodiscard]] inline Reply extension_not_found(const Route& route) {
  if (route.id.starts_with(mfa::detail::factor_id_prefix))
    return not_found("Factor", route.id, mfa::detail::factor_id_prefix);
  if (route.id.starts_with(mfa::detail::challenge_id_prefix))
    return not_found("Challenge", route.id, mfa::detail::challenge_id_prefix);
  return not_found("Entity", {}, {});
}

} // namespace mfa::workos::detail
