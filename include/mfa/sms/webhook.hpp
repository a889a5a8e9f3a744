#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/hmac.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/error.hpp>
#include <mfa/http/json.hpp>
#include <mfa/http/refusal.hpp>
#include <mfa/http/request.hpp>
#include <mfa/http/transport.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/types.hpp>

namespace mfa::sms {

/// A gateway that takes JSON: a host's own service, or a provider that has no class here.
struct WebhookSettings {
  crypto::SecretString url; ///< https, or http on this machine
  /// JSON with {{to}}, {{body}}, {{code}} and {{id}} inside its strings, where they are escaped.
  std::string body = R"({"to":"{{to}}","body":"{{body}}","id":"{{id}}"})";
  /// Signs each request in the header `Mfa-Signature`; empty: unsigned.
  crypto::SecretString signing_key = {};
  std::vector<http::Header> headers = {}; ///< further ones: {"Authorization", "Bearer ..."}, say
};

/// The value of `Mfa-Signature`: "t=1790000000,v1=" and 64 hexadecimal digits, the HMAC-SHA-256 under the
/// key of the seconds since 1970, a full stop and the body. A receiver computes the same of the `t` that it
/// got, compares in constant time, and refuses a `t` that is more than some minutes away from its own time.
[[nodiscard]] inline std::string webhook_signature(std::string_view signing_key, Time time,
                                                   std::string_view body) {
  const std::string seconds =
      std::to_string(std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
  crypto::SecretString signed_text(seconds);
  (signed_text += '.') += body;
  crypto::Hmac hmac(crypto::Hash::sha256, crypto::bytes_of(signing_key));
  const crypto::Digest digest = hmac(crypto::bytes_of(signed_text.view()));
  return "t=" + seconds + ",v1=" + mfa::detail::hexadecimal(digest.span());
}

/// That gateway, as a description for `http::Transport` and `async::Curl`. `Idempotency-Key` carries the
/// message's id, so that a gateway can know a second try. Any 2xx says that the message was taken, 503 that
/// it was not; another answer may say which failure it is: {"failure": "invalid_recipient"}, one of the words
/// of `DeliveryFailure`.
class WebhookGateway {
 public:
  using Settings = WebhookSettings;
  using Message = SmsMessage;

  explicit WebhookGateway(Settings settings) : settings_(std::move(settings)) {
    http::check_url("WebhookSettings::url", settings_.url);
    if (settings_.body.find("{{body}}") == std::string::npos &&
        settings_.body.find("{{code}}") == std::string::npos)
      refuse("has neither {{body}} nor {{code}}; write one of them where the text goes");
    // A quote in each value shows whether all tokens are inside of strings.
    const SmsMessage sample{.to = "\"", .body = "\"", .id = "\"", .code = "\""};
    if (const crypto::SecretString rendered = render(sample); !nlohmann::json::accept(rendered.str()))
      refuse("is no JSON with its tokens inside of strings; write \"{{body}}\" with quotes");
  }

  [[nodiscard]] http::Request request(const SmsMessage& message, Time now) const {
    http::Request request;
    request.url = settings_.url;
    request.body = render(message);
    request.headers = settings_.headers;
    request.headers.push_back({"Content-Type", "application/json"});
    request.headers.push_back({"Idempotency-Key", message.id});
    if (!settings_.signing_key.empty())
      request.headers.push_back(
          {"Mfa-Signature", webhook_signature(settings_.signing_key, now, request.body)});
    return request;
  }

  static void outcome(const http::Response& response) {
    if (response.status >= 200 && response.status < 300) return;
    const std::string word = http::text_member(http::json_of(response), "failure");
    for (const auto failure : failures)
      if (word == to_string(failure))
        http::throw_refusal(name, failure, "HTTP status " + std::to_string(response.status), response);
    if (response.status == 503)
      http::throw_refusal(name, DeliveryFailure::unavailable, "HTTP status 503", response);
    http::throw_refused_status(name, response);
  }

 private:
  static constexpr std::string_view name = "the webhook";
  static constexpr std::array failures = {
      DeliveryFailure::invalid_recipient,   DeliveryFailure::opted_out,     DeliveryFailure::not_permitted,
      DeliveryFailure::throttled,           DeliveryFailure::balance_empty, DeliveryFailure::message_refused,
      DeliveryFailure::credentials_refused, DeliveryFailure::unavailable,   DeliveryFailure::unclear};

  [[noreturn]] static void refuse(std::string_view why) {
    throw Error(errc::invalid_argument, std::string("WebhookSettings::body ").append(why));
  }

  /// What looks like a token in a value is text.
  [[nodiscard]] crypto::SecretString render(const SmsMessage& message) const {
    crypto::SecretString text;
    std::string_view rest = settings_.body;
    for (auto at = rest.find("{{"); at != std::string_view::npos; at = rest.find("{{")) {
      text += rest.substr(0, at);
      rest.remove_prefix(at);
      const auto end = rest.find("}}");
      const std::string_view token = rest.substr(0, end == std::string_view::npos ? end : end + 2);
      if (token == "{{to}}") {
        http::append_json(text, message.to);
      } else if (token == "{{body}}") {
        http::append_json(text, message.body);
      } else if (token == "{{code}}") {
        http::append_json(text, message.code);
      } else if (token == "{{id}}") {
        http::append_json(text, message.id);
      } else {
        text += "{{"; // JSON's own braces
        rest.remove_prefix(2);
        continue;
      }
      rest.remove_prefix(token.size());
    }
    text += rest;
    return text;
  }

  Settings settings_;
};

using Webhook = http::Transport<WebhookGateway>;

} // namespace mfa::sms
