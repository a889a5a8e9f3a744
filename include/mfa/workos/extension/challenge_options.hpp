#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <mfa/channel.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/email/message_template.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/options.hpp>
#include <mfa/purpose.hpp>
#include <mfa/verbs/challenge.hpp>
#include <mfa/workos/extension/arguments.hpp>
#include <mfa/workos/extension/webauthn.hpp>
#include <mfa/workos/json.hpp>
#include <mfa/workos/resources.hpp>

/// What a client may say about a question, and how the question is shown.
namespace mfa::workos::detail {

inline constexpr auto purposes_of_factor =
    std::to_array<Choice<Purpose>>({{"sign_in", Purpose::sign_in},
                                    {"step_up", Purpose::step_up},
                                    {"action", Purpose::action},
                                    {"confirm_enrollment", Purpose::confirm_enrollment}});
inline constexpr auto purposes_but_enrollment = std::to_array<Choice<Purpose>>(
    {{"sign_in", Purpose::sign_in}, {"step_up", Purpose::step_up}, {"action", Purpose::action}});

inline constexpr auto channels = std::to_array<Choice<Channel>>(
    {{"sms", Channel::sms}, {"voice", Channel::voice}, {"email", Channel::email}, {"push", Channel::push}});

/// What `ChallengeOptions` and `ResendOptions` say of the message.
template <class MessageOptions> void read_message_options(Arguments& arguments, MessageOptions& options) {
  options.sms_template = arguments.text("sms_template");
  options.sms_values = arguments.texts_by_name("sms_values");
  arguments.object("email_template", [&options](Arguments& within) {
    options.email_template.subject = within.text("subject");
    options.email_template.text = within.text("text");
    options.email_template.html = within.text("html");
  });
  options.email_values = arguments.texts_by_name("email_values");
  options.email_link = arguments.text("email_link");
  options.link_works_in_any_browser = arguments.flag("link_works_in_any_browser");
  options.voice_template = arguments.text("voice_template");
  options.voice_language = arguments.text("voice_language");
  options.email_address = arguments.text("email_address");
}

/// What can be said of every question that has one of these purposes.
[[nodiscard]] ChallengeOptions read_challenge_options(Arguments& arguments, const auto& purposes) {
  ChallengeOptions options;
  options.purpose = arguments.choice("purpose", purposes).value_or(options.purpose);
  options.action = arguments.named("action").value_or(std::string());
  options.binding = arguments.named("binding");
  options.required = arguments.assurance("required");
  options.webauthn_hints = arguments.choices("webauthn_hints", hints);
  options.webauthn_extensions = read_sign_in_extensions(arguments);
  return options;
}

/// A challenge, with what is told this once.
[[nodiscard]] inline Json created_json(const verbs::Created& created) {
  Json json = workos::json(created.challenge);
  if (const auto* const to_user = created.delivery.get_if<factor::ToUser>())
    json["code"] = to_user->text.view();
  if (const auto* const to_client = created.delivery.get_if<factor::ToClient>())
    json["webauthn_options"] = Json::parse(to_client->text);
  if (created.resend_after) json["resend_after"] = created.resend_after->count();
  return json;
}

} // namespace mfa::workos::detail
