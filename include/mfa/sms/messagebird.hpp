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

struct MessageBirdSettings {
  crypto::SecretString access_key;
  std::string originator; ///< a number of the account, or a sender id where the country allows one
  std::string base_url = "https://rest.messagebird.com";
};

/// MessageBird's (Bird's) REST messages, as a description for `http::Transport` and `async::Curl`. It has no
/// idempotency key: what is sent twice arrives twice.
class MessageBirdMessages {
 public:
  using Settings = MessageBirdSettings;
  using Message = SmsMessage;

  explicit MessageBirdMessages(Settings settings) : settings_(std::move(settings)) {
    http::check_setting("MessageBirdSettings::access_key", settings_.access_key);
    http::check_sender("MessageBirdSettings::originator", settings_.originator);
    http::check_base_url("MessageBirdSettings::base_url", settings_.base_url);
  }

  [[nodiscard]] http::Request request(const SmsMessage& message, Time) const {
    http::Request request;
    request.url = settings_.base_url + "/messages";
    request.headers.push_back({"Authorization", crypto::SecretString("AccessKey ") + settings_.access_key});
    request.headers.push_back({"Content-Type", "application/json"});
    request.body = "{";
    http::append_member(request.body, "originator", settings_.originator);
    request.body += ",\"recipients\":[\"";
    http::append_json(request.body, message.to.starts_with('+') ? message.to.substr(1) : message.to);
    request.body += "\"]";
    http::append_member(request.body, "body", message.body);
    http::append_member(request.body, "datacoding", "auto");
    http::append_member(request.body, "reference", message.id);
    request.body += '}';
    return request;
  }

  static void outcome(const http::Response& response) {
    if (response.status == 201) return; // what it repeats is not read
    if (response.status < 400) http::throw_refused_status(name, response);
    const nlohmann::json json = http::json_of(response);
    const auto errors = json.is_object() ? json.find("errors") : json.end();
    if (errors == json.end() || !errors->is_array() || errors->empty())
      http::throw_refused_status(name, response);
    // One error is enough to refuse; that of the recipient tells most.
    for (const auto& error : *errors)
      if (http::text_member(error, "parameter").starts_with("recipient"))
        refuse(DeliveryFailure::invalid_recipient, http::int_member(error, "code").value_or(0), response);
    const int code = http::int_member(errors->front(), "code").value_or(0);
    refuse(failure_of(code, response.status), code, response);
  }

 private:
  static constexpr std::string_view name = "MessageBird";

  static constexpr DeliveryFailure failure_of(int code, int status) noexcept {
    switch (code) {
    case 2: return DeliveryFailure::credentials_refused;
    case 25: return DeliveryFailure::balance_empty;
    case 99: return DeliveryFailure::unclear;
    default: return http::failure_of_status(status);
    }
  }

  [[noreturn]] static void refuse(DeliveryFailure failure, int code, const http::Response& response) {
    http::throw_refusal(name, failure, "error " + std::to_string(code), response);
  }

  Settings settings_;
};

using MessageBird = http::Transport<MessageBirdMessages>;

} // namespace mfa::sms
