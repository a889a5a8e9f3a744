#pragma once

#include <array>
#include <string_view>

#include <mfa/http/transport.hpp>
#include <mfa/http/webhook.hpp>
#include <mfa/voice/concept.hpp>

namespace mfa::voice {

struct WebhookTokens {
  using Token = http::WebhookToken<VoiceMessage>;
  static constexpr std::array all = {
      Token{"{{to}}", [](const VoiceMessage& message) { return std::string_view(message.to); }},
      Token{"{{spoken}}", [](const VoiceMessage& message) { return message.spoken.view(); }, true},
      Token{"{{language}}", [](const VoiceMessage& message) { return std::string_view(message.language); }},
      Token{"{{id}}", [](const VoiceMessage& message) { return std::string_view(message.id); }}};
  static constexpr std::string_view usual_body =
      R"({"to":"{{to}}","spoken":"{{spoken}}","language":"{{language}}","id":"{{id}}"})";
};

using Webhook = http::Transport<http::WebhookGateway<VoiceMessage, WebhookTokens>>;

} // namespace mfa::voice
