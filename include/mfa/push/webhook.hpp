#pragma once

#include <array>
#include <string_view>

#include <mfa/http/transport.hpp>
#include <mfa/http/webhook.hpp>
#include <mfa/push/concept.hpp>

namespace mfa::push {

struct WebhookTokens {
  using Token = http::WebhookToken<PushMessage>;
  static constexpr std::array all = {
      Token{"{{user_id}}", [](const PushMessage& message) { return std::string_view(message.user_id); }},
      Token{"{{body}}", [](const PushMessage& message) { return message.body.view(); }, true},
      Token{"{{id}}", [](const PushMessage& message) { return std::string_view(message.id); }}};
  static constexpr std::string_view usual_body =
      R"({"user_id":"{{user_id}}","body":"{{body}}","id":"{{id}}"})";
};

using Webhook = http::Transport<http::WebhookGateway<PushMessage, WebhookTokens>>;

} // namespace mfa::push
