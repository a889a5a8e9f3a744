#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/channel.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/email/address.hpp>
#include <mfa/email/concept.hpp>
#include <mfa/email/message_template.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/options.hpp>
#include <mfa/purpose.hpp>
#include <mfa/push/concept.hpp>
#include <mfa/search.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/sms/message_template.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/voice/concept.hpp>
#include <mfa/voice/spoken_template.hpp>

namespace mfa::factor {

/// Whether a code that came by this channel shows that its user has the phone.
[[nodiscard]] constexpr bool reaches_phone_number(Channel channel) noexcept {
  return channel == Channel::sms || channel == Channel::voice;
}

/// By what a code of an SMS factor is to go, of which a request named those `asked`, or none.
[[nodiscard]] inline std::vector<Channel> sms_channels(const std::vector<Channel>& asked,
                                                       const Options& options) {
  if (!asked.empty()) return asked;
  return {detail::contains(options.sms_channels, Channel::sms) ? Channel::sms : options.sms_channels.front()};
}

/// The messages of one code of an SMS factor, for each of the channels that it is to try.
class SmsMessages {
 public:
  /// Refuses what could not be sent, before anything is counted. Throws `errc::invalid_argument`,
  /// `errc::invalid_sms_template`, `errc::invalid_email_template` or `errc::invalid_email_address`.
  SmsMessages(const storage::FactorRecord& record, const ChallengeOptions& request, const Context& context)
      : user_id_(record.user_id), channels_(sms_channels(request.channels, context.options)) {
    const Options& options = context.options;
    for (std::size_t i = 0; i < channels_.size(); ++i) {
      const Channel channel = channels_[i];
      for (std::size_t before = 0; before < i; ++before)
        if (channels_[before] == channel) refuse(channel, "twice; each is tried once");
      if (!detail::contains(options.sms_channels, channel))
        refuse(channel, "which Options::sms_channels does not allow for codes of SMS factors");
      if (request.purpose == Purpose::confirm_enrollment && !reaches_phone_number(channel))
        refuse(channel, "which does not show that the phone is the user's; confirm the enrolment by a text "
                        "message or a call");
      switch (channel) {
      case Channel::voice: {
        const bool own = !request.voice_template.empty();
        spoken_.emplace(own ? request.voice_template : options.voice_template, request.sms_values,
                        options.sms_values);
        language_ = own || !request.voice_language.empty() ? request.voice_language : options.voice_language;
        voice::check_language(language_);
        break;
      }
      case Channel::email:
        if (request.email_address.empty())
          refuse(channel, "without an address; set email_address to one that is known to be the user's");
        address_ = email::parse_address(request.email_address);
        mail_.emplace(email::own_or(request.email_template, options.email_template), request.email_values,
                      options.email_values);
        if (mail_->has_link())
          refuse(channel, "with a template that has {{link}}, which Email factors have; write {{code}}");
        break;
      case Channel::push:
        if (user_id_.empty()) refuse(channel, "for a factor that has no user_id, by which your app is found");
        [[fallthrough]];
      case Channel::sms:
        if (!text_) text_.emplace(message_template(options, request.sms_template, request.sms_values));
        break;
      }
    }
  }

  /// In the order in which they are to be tried.
  [[nodiscard]] const std::vector<Channel>& channels() const noexcept { return channels_; }

  /// The message by one of them. `id` is that of a text message: others have the channel after it.
  [[nodiscard]] Delivery make(Channel channel, std::string_view number, const crypto::SecretString& code,
                              std::string id) const {
    if (channel != Channel::sms) id.append(".").append(to_string(channel));
    switch (channel) {
    case Channel::voice:
      return VoiceMessage{.to = std::string(number),
                          .spoken = spoken_->render(code),
                          .language = language_,
                          .id = std::move(id)};
    case Channel::email:
      return EmailMessage{.to = address_,
                          .subject = mail_->subject(code),
                          .text = mail_->text(code, {}),
                          .html = mail_->html(code, {}),
                          .id = std::move(id)};
    case Channel::push:
      return PushMessage{.user_id = user_id_, .body = text_->render(code), .id = std::move(id)};
    case Channel::sms: break;
    }
    return SmsMessage{
        .to = std::string(number), .body = text_->render(code), .id = std::move(id), .code = code};
  }

 private:
  [[noreturn]] static void refuse(Channel channel, const std::string& why) {
    throw Error(errc::invalid_argument,
                std::string("a code of an SMS factor is to go by ").append(to_string(channel)) + ", " + why);
  }

  std::string user_id_;
  std::vector<Channel> channels_;
  std::optional<sms::MessageTemplate> text_;
  std::optional<voice::SpokenTemplate> spoken_;
  std::string language_;
  std::optional<email::MessageTemplate> mail_;
  std::string address_;
};

} // namespace mfa::factor
