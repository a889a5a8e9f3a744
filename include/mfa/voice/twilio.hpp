#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>
#include <mfa/http/request.hpp>
#include <mfa/http/settings.hpp>
#include <mfa/http/transport.hpp>
#include <mfa/http/twilio.hpp>
#include <mfa/types.hpp>
#include <mfa/voice/concept.hpp>
#include <mfa/voice/twilio_languages.hpp>

namespace mfa::voice {

struct TwilioSettings {
  http::TwilioAccount account;
  std::string from; ///< a number of the account that may call
  std::string voice =
      {}; ///< "Polly.Joanna", say, of the language of your texts; empty: Twilio's own for each
  /// How often the text is spoken, 1 to 5, as who takes up a phone misses the first. Less often where
  /// Twilio's limit of 4,000 characters is reached.
  std::size_t times = 2;
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
    http::check_caller("voice::TwilioSettings::from", settings_.from);
    http::check_optional_setting("voice::TwilioSettings::voice", settings_.voice);
    if (settings_.times < 1 || settings_.times > 5)
      throw Error(errc::invalid_argument, "voice::TwilioSettings::times must be from 1 to 5");
  }

  [[nodiscard]] http::Request request(const VoiceMessage& message, Time) const {
    crypto::SecretString say("<Pause length=\"1\"/><Say");
    append_attribute(say, "language", spoken_language(message.language));
    append_attribute(say, "voice", settings_.voice);
    say += '>';
    append_xml(say, message.spoken);
    say += "</Say>";
    crypto::SecretString markup("<Response>");
    constexpr std::string_view end = "</Response>";
    for (std::size_t i = 0; i < settings_.times; ++i) {
      const auto longer = mfa::detail::code_points(markup) + mfa::detail::code_points(say) + end.size();
      if (i > 0 && longer > longest_markup) break;
      markup += say.view();
    }
    markup += end;

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
  static constexpr std::size_t longest_markup = 4000; ///< in characters, as Twilio's reference has it

  /// A voice that the host has chosen may speak what is not in the table, and has one region.
  [[nodiscard]] std::string_view spoken_language(std::string_view language) const {
    if (language.empty() || (!settings_.voice.empty() && !language_and_region(language).region.empty()))
      return language;
    const std::string_view spoken = twilio_language(language);
    if (spoken.empty())
      throw DeliveryError(DeliveryFailure::message_refused,
                          "Twilio has no voice for the language of a call; set voice_language to one that it "
                          "speaks (<mfa/voice/twilio_languages.hpp> has them), or TwilioSettings::voice");
    return spoken;
  }

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
