#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/error.hpp>
#include <mfa/http/request.hpp>
#include <mfa/http/settings.hpp>
#include <mfa/http/transport.hpp>
#include <mfa/http/twilio.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/types.hpp>

namespace mfa::sms {

using http::TwilioAccount;

struct TwilioSettings {
  TwilioAccount account;
  std::string messaging_service_sid = {}; ///< "MG...": the service chooses the sender. Either this
  std::string from = {};                  ///< or a number of the account, a short code or a sender id
  /// A message that has waited longer at Twilio is not sent any more: 1 second to 10 hours.
  std::chrono::seconds validity = std::chrono::minutes(10);
  std::string base_url = "https://api.twilio.com";
};

/// Twilio's Programmable Messaging, as a description for `http::Transport` and `async::Curl`. It has no
/// idempotency key: what is sent twice arrives twice.
class TwilioMessages {
 public:
  using Settings = TwilioSettings;
  using Message = SmsMessage;

  explicit TwilioMessages(Settings settings) : settings_(std::move(settings)) {
    http::detail::check_twilio(settings_.account, settings_.base_url);
    if (settings_.messaging_service_sid.empty() == settings_.from.empty())
      throw Error(errc::invalid_argument,
                  "TwilioSettings must have either messaging_service_sid or from; set one of them");
    http::check_optional_setting("TwilioSettings::messaging_service_sid", settings_.messaging_service_sid);
    constexpr std::string_view of_rcs = "rcs:"; // which Twilio takes for a number as well
    if (settings_.from.starts_with(of_rcs))
      http::check_setting("TwilioSettings::from", settings_.from);
    else if (!settings_.from.empty())
      http::check_sender("TwilioSettings::from", settings_.from);
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
    return http::detail::twilio_request(settings_.account, std::move(url), std::move(form));
  }

  static void outcome(const http::Response& response) { http::detail::twilio_outcome("Twilio", response); }

 private:
  Settings settings_;
};

using Twilio = http::Transport<TwilioMessages>;

} // namespace mfa::sms
