#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <mfa/delivery/failure.hpp>
#include <mfa/http/request.hpp>

// How what a provider answers becomes a `DeliveryError`.
namespace mfa::http {

/// One line of a provider's table of errors.
struct KnownError {
  int code;
  DeliveryFailure failure;
};

/// What the first line of its code says.
template <class Table>
[[nodiscard]] constexpr std::optional<DeliveryFailure> failure_of(const Table& table, int code) noexcept {
  for (const KnownError& known : table)
    if (known.code == code) return known.failure;
  return std::nullopt;
}

/// What a status says where the provider's own code says nothing. After 5xx nobody knows whether the message
/// was taken.
[[nodiscard]] constexpr DeliveryFailure failure_of_status(int status) noexcept {
  switch (status) {
  case 401:
  case 403: return DeliveryFailure::credentials_refused;
  case 402: return DeliveryFailure::balance_empty;
  case 408: return DeliveryFailure::unavailable; // the request did not arrive whole
  case 429: return DeliveryFailure::throttled;
  default: break;
  }
  return status >= 300 && status < 500 ? DeliveryFailure::message_refused : DeliveryFailure::unclear;
}

/// What to do, in a sentence.
[[nodiscard]] constexpr std::string_view remedy(DeliveryFailure failure) noexcept {
  switch (failure) {
  case DeliveryFailure::invalid_recipient:
    return "the recipient does not exist or takes no such messages; offer another factor";
  case DeliveryFailure::opted_out:
    return "the recipient has opted out of this sender's messages; offer another factor";
  case DeliveryFailure::not_permitted:
    return "the account may not send there; allow the region, or register the sender";
  case DeliveryFailure::throttled: return "too many messages at once; wait, or have the limit raised";
  case DeliveryFailure::credentials_refused:
    return "the credentials are wrong or may not do this; check them and the account";
  case DeliveryFailure::balance_empty: return "the account has no money or quota left; top it up";
  case DeliveryFailure::message_refused: return "look the code up, and check the sender and the text";
  case DeliveryFailure::unavailable: return "nothing was sent; try again, or another provider";
  case DeliveryFailure::unclear: return "whether the message was taken is not known";
  }
  return "look the code up";
}

/// `why` is what the provider calls it: "error 21211", "status 4", "HTTP status 502".
[[noreturn]] inline void throw_refusal(std::string_view provider, DeliveryFailure failure,
                                       std::string_view why, const Response& response) {
  const std::string text =
      std::string(provider)
          .append(failure == DeliveryFailure::unclear ? " did not say that it took the message ("
                                                      : " did not take the message (")
          .append(why)
          .append("): ")
          .append(remedy(failure));
  const auto wait = failure == DeliveryFailure::throttled || failure == DeliveryFailure::unavailable
                        ? retry_after(response)
                        : std::nullopt;
  if (wait) throw DeliveryError(failure, text, *wait);
  throw DeliveryError(failure, text);
}

/// For an answer that says nothing but its status.
[[noreturn]] inline void throw_refused_status(std::string_view provider, const Response& response) {
  // Success, but not the one that is documented: something else may have answered.
  const DeliveryFailure failure = failure_of_status(response.status);
  throw_refusal(provider, failure, "HTTP status " + std::to_string(response.status), response);
}

} // namespace mfa::http
