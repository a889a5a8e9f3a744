#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

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
#include <mfa/http/settings.hpp>
#include <mfa/http/transport.hpp>
#include <mfa/types.hpp>

namespace mfa::http {

/// A gateway that takes JSON: a host's own service, or a provider that has no class here.
struct WebhookSettings {
  crypto::SecretString url; ///< https, or http on this machine
  /// JSON with tokens inside its strings, where they are escaped: {{to}}, {{body}}, {{code}} and {{id}} of a
  /// text message; {{to}}, {{spoken}}, {{language}} and {{id}} of a call; {{user_id}}, {{body}} and {{id}} of
  /// a notification. Empty: members of these names, without the code.
  std::string body = {};
  /// Signs each request in the header `Mfa-Signature`; empty: unsigned.
  crypto::SecretString signing_key = {};
  std::vector<Header> headers = {}; ///< further ones: {"Authorization", "Bearer ..."}, say
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

/// What stands for what in a webhook's body, of one kind of message.
template <class Message> struct WebhookToken {
  std::string_view token;                            ///< "{{to}}"
  std::string_view (*value)(const Message& message); ///< of it
  bool is_text = false;                              ///< holds the code
};

/// That gateway, as a description for `http::Transport` and `async::Curl`. `Idempotency-Key` carries the
/// message's id, so that a gateway can know a second try. Any 2xx says that the message was taken, 503 that
/// it was not; another answer may say which failure it is: {"failure": "invalid_recipient"}, one of the words
/// of `DeliveryFailure`. `Tokens` has `all`, a range of `WebhookToken`, and `usual_body`.
template <class MessageType, class Tokens> class WebhookGateway {
 public:
  using Settings = WebhookSettings;
  using Message = MessageType;

  explicit WebhookGateway(Settings settings) : settings_(std::move(settings)) {
    check_url("WebhookSettings::url", settings_.url);
    check_signing_key("WebhookSettings::signing_key", settings_.signing_key);
    for (const Header& header : settings_.headers) check_header("WebhookSettings::headers", header);
    if (settings_.body.empty()) settings_.body = Tokens::usual_body;
    std::string texts;
    bool has_text = false;
    for (const auto& each : Tokens::all) {
      if (!each.is_text) continue;
      has_text = has_text || settings_.body.find(each.token) != std::string::npos;
      texts.append(texts.empty() ? "" : " or ").append(each.token);
    }
    if (!has_text) refuse("has nothing of the text; write " + texts + " where it goes");
    // A quote in place of each token shows whether all of them are inside of strings.
    const crypto::SecretString rendered = render([](const auto&) { return std::string_view("\""); });
    if (!nlohmann::json::accept(rendered.str()))
      refuse("is no JSON with its tokens inside of strings; write \"" +
             std::string(Tokens::all.front().token) + "\" with quotes");
  }

  [[nodiscard]] Request request(const Message& message, Time now) const {
    Request request;
    request.url = settings_.url;
    request.body = render([&](const auto& token) { return token.value(message); });
    request.headers = settings_.headers;
    request.headers.push_back({"Content-Type", "application/json"});
    request.headers.push_back({"Idempotency-Key", message.id});
    if (!settings_.signing_key.empty())
      request.headers.push_back(
          {"Mfa-Signature", webhook_signature(settings_.signing_key, now, request.body)});
    return request;
  }

  static void outcome(const Response& response) {
    if (response.status >= 200 && response.status < 300) return;
    const std::string word = text_member(json_of(response), "failure");
    for (const auto failure : failures)
      if (word == to_string(failure))
        throw_refusal(name, failure, "HTTP status " + std::to_string(response.status), response);
    if (response.status == 503)
      throw_refusal(name, DeliveryFailure::unavailable, "HTTP status 503", response);
    throw_refused_status(name, response);
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

  /// What looks like a token in a value is text; braces that are none of the tokens are JSON's own.
  template <class ValueOf> [[nodiscard]] crypto::SecretString render(ValueOf value_of) const {
    crypto::SecretString text;
    std::string_view rest = settings_.body;
    for (auto at = rest.find("{{"); at != std::string_view::npos; at = rest.find("{{")) {
      text += rest.substr(0, at);
      rest.remove_prefix(at);
      std::size_t taken = 0;
      for (const auto& each : Tokens::all) {
        if (!rest.starts_with(each.token)) continue;
        append_json(text, value_of(each));
        taken = each.token.size();
        break;
      }
      if (taken == 0) {
        text += "{{";
        taken = 2;
      }
      rest.remove_prefix(taken);
    }
    text += rest;
    return text;
  }

  Settings settings_;
};

} // namespace mfa::http
