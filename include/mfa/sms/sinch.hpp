#pragma once

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
#include <mfa/types.hpp>

namespace mfa::sms {

struct SinchSettings {
  std::string service_plan_id;
  crypto::SecretString api_token;
  std::string from; ///< a number of the account, or a sender id where the country allows one
  /// That of the service plan's region: us, eu, au, br or ca.
  std::string base_url = "https://us.sms.api.sinch.com";
};

/// Sinch's SMS batches, as a description for `http::Transport` and `async::Curl`. It has no idempotency key:
/// what is sent twice arrives twice. A text with `${` is refused, as Sinch takes it for a placeholder of its
/// own.
class SinchBatches {
 public:
  using Settings = SinchSettings;
  using Message = SmsMessage;

  explicit SinchBatches(Settings settings) : settings_(std::move(settings)) {
    http::check_setting("SinchSettings::service_plan_id", settings_.service_plan_id);
    http::check_setting("SinchSettings::api_token", settings_.api_token);
    http::check_sender("SinchSettings::from", settings_.from);
    http::check_base_url("SinchSettings::base_url", settings_.base_url);
  }

  [[nodiscard]] http::Request request(const SmsMessage& message, Time) const {
    // Without a value for it the message fails after it was taken, which nobody here hears.
    if (message.body.view().find("${") != std::string_view::npos)
      throw DeliveryError(DeliveryFailure::message_refused,
                          "Sinch takes ${ in a text for a placeholder of its own; write the text without it");
    http::Request request;
    request.url = settings_.base_url + "/xms/v1/";
    http::append_encoded(request.url, settings_.service_plan_id);
    request.url += "/batches";
    request.headers.push_back({"Authorization", crypto::SecretString("Bearer ") + settings_.api_token});
    request.headers.push_back({"Content-Type", "application/json"});
    request.body = "{";
    http::append_member(request.body, "from", settings_.from);
    request.body += ",\"to\":[\"";
    http::append_json(request.body, message.to);
    request.body += "\"]";
    http::append_member(request.body, "body", message.body);
    http::append_member(request.body, "client_reference", message.id);
    request.body += '}';
    return request;
  }

  static void outcome(const http::Response& response) {
    if (response.status == 201) return; // what it repeats is not read
    if (response.status < 400) http::throw_refused_status(name, response);
    const nlohmann::json json = http::json_of(response);
    const std::string code = http::text_member(json, "code");
    const auto is = [&](std::string_view known, DeliveryFailure failure) {
      if (code == known) http::throw_refusal(name, failure, std::string("error ").append(known), response);
    };
    is("blocked_account", DeliveryFailure::balance_empty);
    is("illegal_number_type", DeliveryFailure::invalid_recipient);
    // Which parameter it is, only the text says, which is for people.
    const std::string text = http::text_member(json, "text");
    is("syntax_invalid_parameter_format", text.find("MSISDN") != std::string::npos ||
                                                  text.find("msisdn") != std::string::npos ||
                                                  text.find("recipient") != std::string::npos
                                              ? DeliveryFailure::invalid_recipient
                                              : DeliveryFailure::message_refused);
    is("syntax_invalid_json", DeliveryFailure::message_refused);
    is("syntax_constraint_violation", DeliveryFailure::message_refused);
    is("unknown_campaign", DeliveryFailure::not_permitted);
    http::throw_refused_status(name, response);
  }

 private:
  static constexpr std::string_view name = "Sinch";

  Settings settings_;
};

using Sinch = http::Transport<SinchBatches>;

} // namespace mfa::sms
