#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <mfa/compiler.hpp>

namespace mfa {

/// Why a verb refused. A wrong or late code is no error: `verify_challenge` answers it with a `Status`.
enum class errc {
  entity_not_found = 1,   ///< unknown, deleted, or not of the given user or binding: one answer for all
  invalid_argument,       ///< an argument or option out of its range
  invalid_phone_number,   ///< not an E.164 number
  invalid_email_address,  ///< not an address that mail goes to
  invalid_secret,         ///< a secret to import that is not base32, too short or too long
  duplicate_secret,       ///< a secret that another factor of the user has: both would accept one code
  invalid_uri,            ///< an otpauth URI or an export that cannot be read
  invalid_token_file,     ///< a file of tokens, or a line of it, that cannot be read or must not be used
  invalid_sms_template,   ///< no `{{code}}`, a token without a value, a bad value, or too long
  invalid_email_template, ///< the same of an e-mail, or a link that is none
  qr_code_too_large,      ///< the text does not fit a QR code at the chosen error correction
  sms_rate_limited,       ///< too many messages to this number; `Error::retry_after()` says how long to wait
  sms_budget_spent, ///< too many messages to a prefix, a country or at all, or too few of them were answered;
                    ///< `Error::retry_after()`
  sms_country_not_allowed, ///< the host's lists of country codes do not allow the number's
  email_rate_limited,      ///< too many e-mails to this address; `Error::retry_after()` says how long to wait
  code_rate_limited, ///< too many codes for the host to deliver; `Error::retry_after()` says how long to wait
  sms_not_sent, ///< the transport did not take the message; the challenge is withdrawn if the storage can
  message_not_delivered,  ///< the same of an e-mail, a call or a notification; what transports themselves
                          ///< throw
  factor_not_verified,    ///< its enrolment was never confirmed, so nobody signs in with it
  factor_locked_out,      ///< too many wrong codes; an operator must call `unlock_factor`
  insufficient_assurance, ///< the factor, or any of its kind, cannot show what the caller requires
  wrong_purpose,          ///< the challenge is for something else than its verification was asked for
  challenge_over,         ///< answered, expired, exhausted or replaced: there is nothing to send again
  user_delayed,           ///< too many wrong codes of the user's in a day; see `Error::retry_after()`
  enrollment_expired,     ///< the enrolment was not confirmed in time
  authorization_required, ///< a change of a user's factors that wants a fresh verification of one that stands
  last_factor,            ///< the user's last, which is not to be deleted (`DeleteOptions::refuse_last`)
  options_differ,         ///< another node runs with other options that decide security
  no_relying_party,       ///< WebAuthn without `Options::webauthn`
  no_key_ring,            ///< a durable storage without a key ring
  unknown_key,            ///< sealed under a key that the key ring does not hold
  key_unavailable,        ///< a key file or epoch file that cannot be used, or a key that was not unwrapped
  seal_broken,            ///< sealed bytes that do not open: changed, truncated or moved between records
  corrupt_record,         ///< a record whose contents this library did not write
  storage_failure,        ///< the storage could not read or write
  storage_conflict,       ///< a record kept changing under the operation
  storage_unavailable, ///< too many calls wait for the storage already, or it was stopped; it was not called
  storage_schema,      ///< the storage's schema is not one that this library can use
  clock_out_of_range,  ///< the clock reads before 1970 or after the year 2260
  crypto_failure,      ///< OpenSSL refused
  policy_failure,      ///< with `return_errors`: a host's policy threw what is no `Error`
};

} // namespace mfa

template <> struct std::is_error_code_enum<mfa::errc> : std::true_type {};

namespace mfa {

/// The category of `errc`; its messages are fixed texts that name the kind of failure.
///
/// Shared libraries that hide their symbols, or that are loaded with RTLD_LOCAL, may have one of these each,
/// and the standard library compares categories by their addresses. So compare codes with values of `errc`,
/// which looks at the name.
[[gnu::visibility("default")]] inline const std::error_category& error_category() noexcept {
  struct Category final : std::error_category {
    const char* name() const noexcept override { return "mfa"; }
    std::string message(int value) const override {
      switch (static_cast<errc>(value)) {
      case errc::entity_not_found: return "entity not found";
      case errc::invalid_argument: return "invalid argument";
      case errc::invalid_phone_number: return "invalid phone number";
      case errc::invalid_email_address: return "invalid email address";
      case errc::invalid_secret: return "invalid secret";
      case errc::duplicate_secret: return "duplicate secret";
      case errc::invalid_uri: return "invalid URI";
      case errc::invalid_token_file: return "invalid token file";
      case errc::invalid_sms_template: return "invalid SMS template";
      case errc::invalid_email_template: return "invalid email template";
      case errc::qr_code_too_large: return "QR code too large";
      case errc::sms_rate_limited: return "SMS rate limited";
      case errc::sms_budget_spent: return "SMS budget spent";
      case errc::sms_country_not_allowed: return "SMS country not allowed";
      case errc::email_rate_limited: return "email rate limited";
      case errc::code_rate_limited: return "code rate limited";
      case errc::sms_not_sent: return "SMS not sent";
      case errc::message_not_delivered: return "message not delivered";
      case errc::factor_not_verified: return "factor not verified";
      case errc::factor_locked_out: return "factor locked out";
      case errc::insufficient_assurance: return "insufficient assurance";
      case errc::wrong_purpose: return "wrong purpose";
      case errc::challenge_over: return "challenge over";
      case errc::user_delayed: return "user delayed";
      case errc::enrollment_expired: return "enrollment expired";
      case errc::authorization_required: return "authorization required";
      case errc::last_factor: return "last factor";
      case errc::options_differ: return "options differ";
      case errc::no_relying_party: return "no relying party";
      case errc::no_key_ring: return "no key ring";
      case errc::unknown_key: return "unknown key";
      case errc::key_unavailable: return "key unavailable";
      case errc::seal_broken: return "seal broken";
      case errc::corrupt_record: return "corrupt record";
      case errc::storage_failure: return "storage failure";
      case errc::storage_conflict: return "storage conflict";
      case errc::storage_unavailable: return "storage unavailable";
      case errc::storage_schema: return "storage schema";
      case errc::clock_out_of_range: return "clock out of range";
      case errc::crypto_failure: return "crypto failure";
      case errc::policy_failure: return "policy failure";
      }
      return "unknown error";
    }
  };
  static const Category category;
  return category;
}

/// True whichever library of the process made the code.
[[nodiscard]] inline bool operator==(const std::error_code& code, errc value) noexcept {
  return code.value() == static_cast<int>(value) &&
         (code.category() == error_category() || std::string_view(code.category().name()) == "mfa");
}

/// The code of an `Error`: a `std::error_code` to compare with the values of `errc`, or to `switch` over
/// them.
class ErrorCode : public std::error_code {
 public:
  explicit ErrorCode(errc value) noexcept : std::error_code(static_cast<int>(value), error_category()) {}

  operator errc() const noexcept { return static_cast<errc>(value()); }

  friend bool operator==(const ErrorCode& code, errc value) noexcept { return errc(code) == value; }
  friend bool operator==(const ErrorCode& a, const ErrorCode& b) noexcept { return errc(a) == errc(b); }
  friend bool operator==(const ErrorCode& a, const std::error_code& b) noexcept { return b == errc(a); }
};

inline ErrorCode make_error_code(errc value) noexcept { return ErrorCode(value); }

/// What every verb throws. `code()` is for the host to map (to HTTP, say); `what()` is a sentence or two that
/// name the thing and the remedy, and never holds a code, a secret, a key or a whole phone number.
class [[gnu::visibility("default")]] Error : public std::system_error {
 public:
  /// `message` gets a full stop if it ends without one.
  Error(errc value, std::string_view message)
      : std::system_error(ErrorCode(value)), message_(sentence(message)) {}
  Error(errc value, std::string_view message, std::chrono::seconds retry_after) : Error(value, message) {
    retry_after_ = retry_after;
  }
  Error(errc value, std::string_view message, std::exception_ptr cause,
        std::optional<std::chrono::seconds> retry_after = {})
      : Error(value, message) {
    cause_ = std::move(cause);
    retry_after_ = retry_after;
  }

  [[nodiscard]] ErrorCode code() const noexcept {
    return ErrorCode(static_cast<errc>(std::system_error::code().value()));
  }

  [[nodiscard]] const char* what() const noexcept override { return message_.what(); }

  /// How long to wait before the same call can succeed, where that is known.
  [[nodiscard]] std::optional<std::chrono::seconds> retry_after() const noexcept { return retry_after_; }

  /// What a host's own policy threw, where that is the reason; otherwise null. Its text is the host's.
  [[nodiscard]] const std::exception_ptr& cause() const noexcept { return cause_; }

 private:
  static std::string sentence(std::string_view message) {
    return std::string(message) + (message.ends_with('.') ? "" : ".");
  }

  std::runtime_error message_; ///< a text that copies without throwing, as exceptions must
  std::optional<std::chrono::seconds> retry_after_;
  std::exception_ptr cause_;
};

} // namespace mfa
