#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <mfa/error.hpp>
#include <mfa/status.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/workos/http.hpp>

/// Answers to what is refused, with bodies as WorkOS's are. What an SDK sends again by itself (429 and 5xx)
/// is answered only where nothing was sent to a user.
namespace mfa::workos {

/// `{message}`.
[[nodiscard]] inline Reply refusal(int status, std::string_view message) {
  return {.status = status, .body = {{"message", message}}};
}

/// `{code, message}`.
[[nodiscard]] inline Reply refusal(int status, std::string_view code, std::string_view message) {
  return {.status = status, .body = {{"code", code}, {"message", message}}};
}

/// `{error, error_description}`, as OAuth has it.
[[nodiscard]] inline Reply oauth_refusal(int status, std::string_view error, std::string_view description) {
  return {.status = status, .body = {{"error", error}, {"error_description", description}}};
}

namespace detail {

/// Repeats an id only if it is well formed, so that no message says what a client made up.
[[nodiscard]] inline Reply not_found(std::string_view what, std::string_view id, std::string_view prefix) {
  const bool well_formed = mfa::detail::is_id(id, prefix);
  std::string message = std::string(what).append(" not found");
  if (well_formed) message.append(": '").append(id).append("'");
  Reply reply{.status = 404, .body = {{"message", message + "."}, {"code", "entity_not_found"}}};
  if (well_formed) reply.body["entity_id"] = id;
  return reply;
}

/// 400 for an attempt, and 422, as WorkOS has no 400 there, for a challenge.
[[nodiscard]] inline Reply too_many_attempts(int status, std::optional<std::chrono::seconds> retry_after) {
  Reply reply = refusal(status, "one_time_code_too_many_attempts",
                        "Too many wrong codes were entered. Wait, or use another factor.");
  reply.retry_after = retry_after;
  return reply;
}

[[nodiscard]] inline std::string name_of(errc code) {
  std::string name = make_error_code(code).message();
  for (char& c : name) c = c == ' ' ? '_' : lower(c);
  return name;
}

/// What a verb refused, of which a client may be told why.
[[nodiscard]] inline Reply refused(const Error& error) {
  Reply reply = refusal(
      422, error.code() == errc::invalid_argument ? "invalid_request_parameters" : name_of(error.code()),
      error.what());
  reply.retry_after = error.retry_after();
  return reply;
}

/// What a verb threw. 5xx only for what happens before anything is sent; 503 for what may not fail again.
[[nodiscard]] inline Reply reply_to(const Error& error) {
  switch (error.code()) {
  case errc::entity_not_found: return not_found("Entity", {}, {});

  case errc::factor_locked_out:
  case errc::user_delayed: return too_many_attempts(422, error.retry_after());

  case errc::invalid_argument:
  case errc::invalid_phone_number:
  case errc::invalid_email_address:
  case errc::invalid_secret:
  case errc::duplicate_secret:
  case errc::invalid_uri:
  case errc::invalid_token_file:
  case errc::invalid_sms_template:
  case errc::invalid_email_template:
  case errc::qr_code_too_large:
  case errc::sms_rate_limited:
  case errc::sms_budget_spent:
  case errc::sms_country_not_allowed:
  case errc::email_rate_limited:
  case errc::code_rate_limited:
  case errc::sms_not_sent:
  case errc::message_not_delivered:
  case errc::factor_not_verified:
  case errc::insufficient_assurance:
  case errc::wrong_purpose:
  case errc::challenge_over:
  case errc::enrollment_expired:
  case errc::authorization_required:
  case errc::last_factor: return refused(error);

  case errc::storage_failure:
  case errc::storage_conflict:
  case errc::storage_unavailable: {
    Reply reply = refusal(503, "The service cannot answer at the moment.");
    reply.retry_after = std::chrono::seconds(1);
    return reply;
  }

  case errc::options_differ:
  case errc::no_relying_party:
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
  return refusal(500, "Internal server error.");
}

/// What was thrown, of which an `Error` is answered by `reply`. Tells nothing of other exceptions, whose
/// texts are the host's.
[[nodiscard]] inline Reply reply_to(const std::exception_ptr& thrown,
                                    Reply (*reply)(const Error& error) = reply_to) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    return reply(error);
  } catch (...) {
    return refusal(500, "Internal server error.");
  }
}

} // namespace detail
} // namespace mfa::workos
