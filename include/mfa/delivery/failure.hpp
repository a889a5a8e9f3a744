#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>

#include <mfa/error.hpp>

namespace mfa {

/// Why a message was not delivered, in words that are the same for every provider.
enum class DeliveryFailure : std::uint8_t {
  invalid_recipient, ///< no such number or address, or it takes no messages of this kind
  opted_out,         ///< the recipient has told this sender to stop
  not_permitted,     ///< the account may not send there: a region, an unregistered sender
  throttled,         ///< too many at once; `Error::retry_after()` says how long to wait, if the provider did
  credentials_refused, ///< the account's key is wrong, expired or not allowed this
  balance_empty,       ///< the account must be paid
  message_refused,     ///< its text, its sender or another setting; the message of the error says what
  unavailable,         ///< the provider was not reached or said that it failed; nothing was sent
  unclear,             ///< the connection ended, or the time ran out, after the message may have been taken
};

constexpr std::string_view to_string(DeliveryFailure failure) noexcept {
  switch (failure) {
  case DeliveryFailure::invalid_recipient: return "invalid_recipient";
  case DeliveryFailure::opted_out: return "opted_out";
  case DeliveryFailure::not_permitted: return "not_permitted";
  case DeliveryFailure::throttled: return "throttled";
  case DeliveryFailure::credentials_refused: return "credentials_refused";
  case DeliveryFailure::balance_empty: return "balance_empty";
  case DeliveryFailure::message_refused: return "message_refused";
  case DeliveryFailure::unavailable: return "unavailable";
  case DeliveryFailure::unclear: return "unclear";
  }
  return "unknown";
}

/// What a transport throws that knows why: `errc::message_not_delivered` with the reason. A transport that
/// throws anything else has not sent the message, for reasons of its own, but for `async::Cancellation`.
class [[gnu::visibility("default")]] DeliveryError : public Error {
 public:
  /// `message` names the provider and the remedy, and holds no code, no credential and no whole number or
  /// address.
  DeliveryError(DeliveryFailure failure, std::string_view message)
      : Error(errc::message_not_delivered, message), failure_(failure) {}
  DeliveryError(DeliveryFailure failure, std::string_view message, std::chrono::seconds retry_after)
      : Error(errc::message_not_delivered, message, retry_after), failure_(failure) {}

  [[nodiscard]] DeliveryFailure failure() const noexcept { return failure_; }

 private:
  DeliveryFailure failure_;
};

/// The reason that a transport gave, if what it threw gives one.
[[nodiscard]] inline std::optional<DeliveryFailure> delivery_failure(const std::exception_ptr& thrown) {
  if (!thrown) return std::nullopt;
  try {
    std::rethrow_exception(thrown);
  } catch (const DeliveryError& error) {
    return error.failure();
  } catch (...) { // of the transport's own
  }
  return std::nullopt;
}

/// How long it said to wait, if it did.
[[nodiscard]] inline std::optional<std::chrono::seconds> retry_after_of(const std::exception_ptr& thrown) {
  if (!thrown) return std::nullopt;
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    return error.retry_after();
  } catch (...) { // of the transport's own
  }
  return std::nullopt;
}

} // namespace mfa
