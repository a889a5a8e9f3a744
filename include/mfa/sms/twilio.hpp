#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/error.hpp>
#include <mfa/http/json.hpp>
#include <mfa/http/refusal.hpp>
#include <mfa/http/request.hpp>
#include <mfa/http/transport.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/types.hpp>

namespace mfa::sms {

/// Who speaks to Twilio: an account by its auth token or, better, by an API key that can be revoked alone.
struct TwilioAccount {
  std::string account_sid;     ///< "AC..."
  std::string api_key = {};    ///< "SK..."; empty: `secret` is the account's auth token
  crypto::SecretString secret; ///< of the API key, or the auth token
};

struct TwilioSettings {
  TwilioAccount account;
  std::string messaging_service_sid = {}; ///< "MG...": the service chooses the sender. Either this
  std::string from = {};                  ///< or a number of the account, a short code or a sender id
  /// A message that has waited longer at Twilio is not sent any more: 1 second to 10 hours.
  std::chrono::seconds validity = std::chrono::minutes(10);
  std::string base_url = "https://api.twilio.com";
};

namespace detail {

inline void check(const TwilioAccount& account, std::string_view base_url) {
  http::check_setting("TwilioAccount::account_sid", account.account_sid);
  http::check_setting("TwilioAccount::secret", account.secret);
  if (!account.api_key.empty()) http::check_setting("TwilioAccount::api_key", account.api_key);
  http::check_url("the base_url of Twilio's settings", base_url);
}

[[nodiscard]] inline http::Request twilio_request(const TwilioAccount& account, crypto::SecretString url,
                                                  crypto::SecretString form) {
  http::Request request;
  request.url = std::move(url);
  request.headers.push_back(http::basic_authorization(
      account.api_key.empty() ? account.account_sid : account.api_key, account.secret));
  request.headers.push_back({"Content-Type", "application/x-www-form-urlencoded"});
  request.body = std::move(form);
  return request;
}

/// Twilio's error dictionary, as far as it is about sending.
inline constexpr std::array twilio_errors = {
    http::KnownError{10001, DeliveryFailure::credentials_refused}, // the account is not active
    http::KnownError{14107, DeliveryFailure::throttled},
    http::KnownError{20003, DeliveryFailure::credentials_refused},
    http::KnownError{20005, DeliveryFailure::credentials_refused}, // the account is not active
    http::KnownError{20006, DeliveryFailure::credentials_refused},
    http::KnownError{20008, DeliveryFailure::credentials_refused}, // test credentials
    http::KnownError{20404, DeliveryFailure::credentials_refused}, // no such account, or service of it
    http::KnownError{20429, DeliveryFailure::throttled},
    http::KnownError{20500, DeliveryFailure::unclear},
    http::KnownError{20503, DeliveryFailure::unavailable},
    http::KnownError{21211, DeliveryFailure::invalid_recipient},
    http::KnownError{21214, DeliveryFailure::invalid_recipient},
    http::KnownError{21215, DeliveryFailure::not_permitted}, // of calls: the region is not enabled
    http::KnownError{21216, DeliveryFailure::not_permitted}, // of calls: the number is blocked
    http::KnownError{21217, DeliveryFailure::invalid_recipient},
    http::KnownError{21219, DeliveryFailure::not_permitted}, // not verified, in a trial
    http::KnownError{21401, DeliveryFailure::invalid_recipient},
    http::KnownError{21408, DeliveryFailure::not_permitted}, // the region is not enabled
    http::KnownError{21421, DeliveryFailure::invalid_recipient},
    http::KnownError{21608, DeliveryFailure::not_permitted}, // not verified, in a trial
    http::KnownError{21610, DeliveryFailure::opted_out},
    http::KnownError{21611, DeliveryFailure::throttled},         // the sender's queue is full
    http::KnownError{21612, DeliveryFailure::not_permitted},     // not from this sender
    http::KnownError{21614, DeliveryFailure::invalid_recipient}, // no mobile number
    http::KnownError{30001, DeliveryFailure::throttled},
    http::KnownError{30002, DeliveryFailure::credentials_refused}, // the account is suspended
    http::KnownError{30005, DeliveryFailure::invalid_recipient},
    http::KnownError{30006, DeliveryFailure::invalid_recipient}, // a landline
    http::KnownError{30008, DeliveryFailure::unclear},
    http::KnownError{30022, DeliveryFailure::throttled}, // limits of a campaign in the USA
    http::KnownError{30023, DeliveryFailure::throttled},
    http::KnownError{30032, DeliveryFailure::not_permitted}, // a toll-free number that is not verified
    http::KnownError{30034, DeliveryFailure::not_permitted}, // a number that is not registered (10DLC)
    http::KnownError{30450, DeliveryFailure::not_permitted}, // held for pumping
    http::KnownError{30453, DeliveryFailure::not_permitted},
    http::KnownError{60003, DeliveryFailure::throttled}, // from here on of Verify
    http::KnownError{60203, DeliveryFailure::throttled},
    http::KnownError{60205, DeliveryFailure::invalid_recipient}, // a landline
    http::KnownError{60207, DeliveryFailure::throttled},
    http::KnownError{60212, DeliveryFailure::throttled},
    http::KnownError{60220, DeliveryFailure::not_permitted}, // China wants an approved template
    http::KnownError{60410, DeliveryFailure::not_permitted}, // held for fraud
    http::KnownError{60605, DeliveryFailure::not_permitted}, // the region is not enabled
    http::KnownError{63038, DeliveryFailure::throttled},     // the account's limit of a day
    http::KnownError{90010, DeliveryFailure::credentials_refused},
};

/// Only that a resource was created says that the message was taken; what the answer repeats is not read.
inline void twilio_outcome(std::string_view name, const http::Response& response) {
  if (response.status == 201) return;
  const std::optional<int> code =
      response.status >= 400 ? http::int_member(http::json_of(response), "code") : std::nullopt;
  if (!code) http::throw_refused_status(name, response);
  const auto failure = http::failure_of(twilio_errors, *code);
  http::throw_refusal(name, failure.value_or(http::failure_of_status(response.status)),
                      "error " + std::to_string(*code), response);
}

} // namespace detail

/// Twilio's Programmable Messaging, as a description for `http::Transport` and `async::Curl`. It has no
/// idempotency key: what is sent twice arrives twice.
class TwilioMessages {
 public:
  using Settings = TwilioSettings;
  using Message = SmsMessage;

  explicit TwilioMessages(Settings settings) : settings_(std::move(settings)) {
    detail::check(settings_.account, settings_.base_url);
    if (settings_.messaging_service_sid.empty() == settings_.from.empty())
      throw Error(errc::invalid_argument,
                  "TwilioSettings must have either messaging_service_sid or from; set one of them");
    using namespace std::chrono;
    if (settings_.validity < seconds(1) || settings_.validity > hours(10))
      throw Error(errc::invalid_argument, "TwilioSettings::validity must be from a second to 10 hours");
  }

  [[nodiscard]] http::Request request(const SmsMessage& message, Time) const {
    crypto::SecretString url(settings_.base_url);
    url += "/2010-04-01/Accounts/";
    http::append_encoded(url, settings_.account.account_sid);
    url += "/Messages.json";
    crypto::SecretString form;
    http::append_form(form, "To", message.to);
    if (settings_.from.empty())
      http::append_form(form, "MessagingServiceSid", settings_.messaging_service_sid);
    else
      http::append_form(form, "From", settings_.from);
    http::append_form(form, "Body", message.body);
    http::append_form(form, "ValidityPeriod", std::to_string(settings_.validity.count()));
    return detail::twilio_request(settings_.account, std::move(url), std::move(form));
  }

  static void outcome(const http::Response& response) { detail::twilio_outcome("Twilio", response); }

 private:
  Settings settings_;
};

using Twilio = http::Transport<TwilioMessages>;

} // namespace mfa::sms
