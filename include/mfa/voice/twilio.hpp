#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/error.hpp>
#include <mfa/http/request.hpp>
#include <mfa/http/transport.hpp>
#include <mfa/http/twilio.hpp>
#include <mfa/types.hpp>
#include <mfa/voice/concept.hpp>

namespace mfa::voice {

struct TwilioSettings {
  http::TwilioAccount account;
  std::string from;       ///< a number of the account that may call
  std::string voice = {}; ///< "Polly.Joanna", say; empty: Twilio's own for the language
  std::size_t times = 2;  ///< how often the text is spoken, 1 to 5: who takes up a phone misses the first
  std::string base_url = "https://api.twilio.com";
};

/// Calls by Twilio, as a description for `http::Transport` and `async::Curl`. That it took a message says
/// that the call is queued, and not that somebody answered: an answering machine hears the code as well. It
/// has no idempotency key: what is sent twice calls twice.
class TwilioCalls {
 public:
  using Settings = TwilioSettings;
  using Message = VoiceMessage;

  explicit TwilioCalls(Settings settings) : settings_(std::move(settings)) {
    http::detail::check_twilio(settings_.account, settings_.base_url);
    http::check_sender("voice::TwilioSettings::from", settings_.from);
    if (settings_.times < 1 || settings_.times > 5)
      throw Error(errc::invalid_argument, "voice::TwilioSettings::times must be from 1 to 5");
  }

  [[nodiscard]] http::Request request(const VoiceMessage& message, Time) const {
    crypto::SecretString say("<Pause length=\"1\"/><Say");
    append_attribute(say, "language", message.language);
    append_attribute(say, "voice", settings_.voice);
    say += '>';
    append_xml(say, message.spoken);
    say += "</Say>";
    crypto::SecretString markup("<Response>");
    for (std::size_t i = 0; i < settings_.times; ++i) markup += say.view();
    markup += "</Response>";

    crypto::SecretString url(settings_.base_url);
    url += "/2010-04-01/Accounts/";
    http::append_encoded(url, settings_.account.account_sid);
    url += "/Calls.json";
    crypto::SecretString form;
    http::append_form(form, "To", message.to);
    http::append_form(form, "From", settings_.from);
    http::append_form(form, "Twiml", markup);
    return http::detail::twilio_request(settings_.account, std::move(url), std::move(form));
  }

  static void outcome(const http::Response& response) { http::detail::twilio_outcome("Twilio", response); }

 private:
  static void append_attribute(crypto::SecretString& to, std::string_view name, std::string_view value) {
    if (value.empty()) return;
    (((to += ' ') += name) += "=\"");
    append_xml(to, value);
    to += '"';
  }

  /// What XML 1.0 cannot hold becomes a space.
  static void append_xml(crypto::SecretString& to, std::string_view text) {
    for (const char c : text) {
      switch (c) {
      case '&': to += "&amp;"; break;
      case '<': to += "&lt;"; break;
      case '>': to += "&gt;"; break;
      case '"': to += "&quot;"; break;
      default: to += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
      }
    }
  }

  Settings settings_;
};

using Twilio = http::Transport<TwilioCalls>;

} // namespace mfa::voice
