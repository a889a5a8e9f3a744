#pragma once

#include <array>
#include <string_view>

#include <mfa/http/transport.hpp>
#include <mfa/http/webhook.hpp>
#include <mfa/sms/concept.hpp>

namespace mfa::sms {

using http::webhook_signature;
using http::WebhookSettings;

struct WebhookTokens {
  using Token = http::WebhookToken<SmsMessage>;
  static constexpr std::array all = {
      Token{"{{to}}", [](const SmsMessage& message) { return std::string_view(message.to); }},
      Token{"{{body}}", [](const SmsMessage& message) { return message.body.view(); }, true},
      Token{"{{code}}", [](const SmsMessage& message) { return message.code.view(); }, true},
      Token{"{{id}}", [](const SmsMessage& message) { return std::string_view(message.id); }}};
  static constexpr std::string_view usual_body = R"({"to":"{{to}}","body":"{{body}}","id":"{{id}}"})";
};

using WebhookGateway = http::WebhookGateway<SmsMessage, WebhookTokens>;
using Webhook = http::Transport<WebhookGateway>;

} // namespace mfa::sms
