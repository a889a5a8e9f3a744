#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/http/json.hpp>
#include <mfa/http/refusal.hpp>
#include <mfa/http/request.hpp>
#include <mfa/http/settings.hpp>
#include <mfa/http/transport.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/sms/segments.hpp>
#include <mfa/types.hpp>

namespace mfa::sms {

struct VonageSettings {
  std::string api_key;
  crypto::SecretString api_secret;
  std::string from; ///< a number of the account, or a sender id where the country allows one
  std::string base_url = "https://rest.nexmo.com";
};

/// Vonage's SMS API, as a description for `http::Transport` and `async::Curl`. It answers with HTTP status
/// 200 whatever became of the message, and has no idempotency key: what is sent twice arrives twice.
class VonageSms {
 public:
  using Settings = VonageSettings;
  using Message = SmsMessage;

  explicit VonageSms(Settings settings) : settings_(std::move(settings)) {
    http::check_setting("VonageSettings::api_key", settings_.api_key);
    http::check_setting("VonageSettings::api_secret", settings_.api_secret);
    http::check_sender("VonageSettings::from", settings_.from);
    http::check_base_url("VonageSettings::base_url", settings_.base_url);
  }

  [[nodiscard]] http::Request request(const SmsMessage& message, Time) const {
    http::Request request;
    request.url = settings_.base_url + "/sms/json";
    request.headers.push_back({"Content-Type", "application/x-www-form-urlencoded"});
    http::append_form(request.body, "api_key", settings_.api_key);
    http::append_form(request.body, "api_secret", settings_.api_secret);
    http::append_form(request.body, "from", without_plus(settings_.from));
    http::append_form(request.body, "to", without_plus(message.to));
    http::append_form(request.body, "text", message.body);
    // Otherwise Vonage puts question marks for what GSM 7 does not hold.
    if (count_segments(message.body.view()).encoding == Encoding::ucs2)
      http::append_form(request.body, "type", "unicode");
    http::append_form(request.body, "client-ref", message.id);
    return request;
  }

  /// A message in several parts has an answer for each of them.
  static void outcome(const http::Response& response) {
    if (response.status != 200) http::throw_refused_status(name, response);
    const nlohmann::json json = http::json_of(response);
    const auto messages = json.is_object() ? json.find("messages") : json.end();
    if (messages == json.end() || !messages->is_array() || messages->empty())
      http::throw_refused_status(name, response);
    bool some_taken = false;
    std::optional<int> refused;
    for (const auto& part : *messages) {
      const auto status = http::int_member(part, "status");
      if (!status) http::throw_refused_status(name, response);
      some_taken = some_taken || *status == 0;
      if (*status != 0 && !refused) refused = *status;
    }
    if (!refused) return;
    const auto failure = http::failure_of(errors, *refused).value_or(DeliveryFailure::message_refused);
    http::throw_refusal(name, some_taken ? DeliveryFailure::unclear : failure,
                        "status " + std::to_string(*refused), response);
  }

 private:
  static constexpr std::string_view name = "Vonage";
  static constexpr std::array errors = {
      http::KnownError{1, DeliveryFailure::throttled},
      http::KnownError{4, DeliveryFailure::credentials_refused},
      http::KnownError{5, DeliveryFailure::unclear},
      http::KnownError{6, DeliveryFailure::invalid_recipient}, // an unknown prefix, say
      http::KnownError{7, DeliveryFailure::invalid_recipient}, // barred
      http::KnownError{8, DeliveryFailure::credentials_refused},
      http::KnownError{9, DeliveryFailure::balance_empty},
      http::KnownError{10, DeliveryFailure::throttled},
      http::KnownError{11, DeliveryFailure::credentials_refused},
      http::KnownError{14, DeliveryFailure::credentials_refused},
      http::KnownError{29, DeliveryFailure::not_permitted}, // not on the list, in a trial
      http::KnownError{32, DeliveryFailure::credentials_refused},
      http::KnownError{33, DeliveryFailure::invalid_recipient}, // no longer in use
  };

  static std::string_view without_plus(std::string_view number) noexcept {
    if (number.starts_with('+')) number.remove_prefix(1);
    return number;
  }

  Settings settings_;
};

using Vonage = http::Transport<VonageSms>;

} // namespace mfa::sms
