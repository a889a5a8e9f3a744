#pragma once

#include <string>
#include <utility>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/http/request.hpp>
#include <mfa/http/settings.hpp>
#include <mfa/http/transport.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/sms/twilio.hpp>
#include <mfa/types.hpp>

namespace mfa::sms {

struct TwilioVerifySettings {
  TwilioAccount account;
  std::string service_sid;       ///< "VA...", whose custom codes are enabled (Twilio's console)
  std::string locale = {};       ///< of Twilio's text: "de", say; empty: by the number's country
  std::string template_sid = {}; ///< "HJ...": a text of your own that Twilio has approved
  std::string base_url = "https://verify.twilio.com";
};

/// Twilio Verify with custom codes, as a description for `http::Transport` and `async::Curl`: Twilio writes
/// the text around our code, and only we check it. `SmsMessage::body` is not sent.
///
/// Twilio counts five messages to a number in ten minutes unless a verification is reported as approved,
/// which it does not learn from us.
class TwilioVerifyCodes {
 public:
  using Settings = TwilioVerifySettings;
  using Message = SmsMessage;

  explicit TwilioVerifyCodes(Settings settings) : settings_(std::move(settings)) {
    http::detail::check_twilio(settings_.account, settings_.base_url);
    http::check_setting("TwilioVerifySettings::service_sid", settings_.service_sid);
    http::check_optional_setting("TwilioVerifySettings::locale", settings_.locale);
    http::check_optional_setting("TwilioVerifySettings::template_sid", settings_.template_sid);
  }

  [[nodiscard]] http::Request request(const SmsMessage& message, Time) const {
    if (message.code.empty())
      throw DeliveryError(DeliveryFailure::message_refused,
                          "Twilio Verify was given a message without SmsMessage::code; set it to the code");
    crypto::SecretString url(settings_.base_url);
    url += "/v2/Services/";
    http::append_encoded(url, settings_.service_sid);
    url += "/Verifications";
    crypto::SecretString form;
    http::append_form(form, "To", message.to);
    http::append_form(form, "Channel", "sms");
    http::append_form(form, "CustomCode", message.code);
    if (!settings_.locale.empty()) http::append_form(form, "Locale", settings_.locale);
    if (!settings_.template_sid.empty()) http::append_form(form, "TemplateSid", settings_.template_sid);
    return http::detail::twilio_request(settings_.account, std::move(url), std::move(form));
  }

  static void outcome(const http::Response& response) {
    http::detail::twilio_outcome("Twilio Verify", response);
  }

 private:
  Settings settings_;
};

using TwilioVerify = http::Transport<TwilioVerifyCodes>;

} // namespace mfa::sms
