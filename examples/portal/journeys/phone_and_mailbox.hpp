#pragma once

#include <optional>
#include <string>
#include <utility>

#include "../site.hpp"
#include "second_step.hpp"

namespace portal {

namespace detail {

/// What differs between a phone and a mailbox.
struct SentTo {
  mfa::FactorType type;
  std::string path; ///< of the page that asks where to send
  std::string title;
  std::string lead;
  std::string usual_name;
};

} // namespace detail

/// A factor to which codes are sent: where to, and the first code. `enroll` makes the factor of what was
/// typed and gives its id and where messages go.
template <class Clock> class SentCodes {
 public:
  using Enroll = std::function<std::pair<std::string, std::string>(Call&, const std::string&)>;

  SentCodes(Site<Clock>& site, detail::SentTo kind, Enroll enroll, std::function<Field(const Call&)> where)
      : site_(&site), kind_(std::move(kind)), enroll_(std::move(enroll)), where_(std::move(where)) {
    on(&SentCodes::ask_where, kind_.path, false);
    on(&SentCodes::send, kind_.path, true);
    on(&SentCodes::ask_code, kind_.path + "/code", false);
    on(&SentCodes::confirm, kind_.path + "/code", true);
    on(&SentCodes::resend, kind_.path + "/code/again", true);
  }

 private:
  void on(Answer (SentCodes::*handler)(Call&), const std::string& path, bool post) {
    const auto call_it = [self = *this, handler](Call& call) mutable { return (self.*handler)(call); };
    post ? site_->post(path, Access::enrolling, call_it) : site_->get(path, Access::enrolling, call_it);
  }

  Answer ask_where(Call& call) {
    if (auto ask = site_->ask_first(call, kind_.path)) return *std::move(ask);
    return show({.title = kind_.title,
                 .body = site_->about_messages() +
                         card(form(kind_.path, call.session.csrf,
                                   field(where_(call), call.session.flash) + button("Send a code"))) +
                         html("<p><a href=\"/security\">Cancel</a></p>"),
                 .lead = kind_.lead});
  }

  Answer send(Call& call) {
    if (auto ask = site_->ask_first(call, kind_.path)) return *std::move(ask);
    const std::string typed = call.param("to");
    Enrolling& enrolling = call.session.enrolling;
    try {
      auto [factor_id, to] = enroll_(call, typed);
      const mfa::ChallengeOptions options{.binding = call.session.id, .event_context = call.context()};
      const auto challenge =
          site_->verifier.challenge_enrollment(factor_id, call.user->id, options, site_->shown_by(call));
      enrolling = {.path = kind_.path, .factor_id = factor_id, .challenge_id = challenge.id(), .sent_to = to};
      if (const auto wait = challenge.resend_after()) enrolling.resend_at = call.now + *wait;
    } catch (const mfa::Error& error) {
      if (error.code() == mfa::errc::authorization_required) throw;
      call.session.flash.typed = {{"to", typed}};
      return refuse(call, {sentence(error, call.now), "to"}, kind_.path);
    }
    return go_to(kind_.path + "/code");
  }

  Answer ask_code(Call& call) {
    const Enrolling& enrolling = call.session.enrolling;
    if (!waits(call)) return go_to(kind_.path);
    const Flash& flash = call.session.flash;
    return show({.title = kind_.title + ": the code",
                 .body = site_->about_messages() +
                         card(form(kind_.path + "/code", call.session.csrf,
                                   code_field(flash) + field(name_field(kind_.usual_name), flash) +
                                       button("Add it")) +
                              detail::again(kind_.path + "/code/again", call.session.csrf, kind_.type,
                                            enrolling.resend_at, call.now)) +
                         html("<p><a href=\"{}\">Use another</a></p>", kind_.path),
                 .lead = detail::sent_to(enrolling.sent_to, enrolling.channel)});
  }

  Answer confirm(Call& call) {
    Enrolling& enrolling = call.session.enrolling;
    if (!waits(call)) return go_to(kind_.path);
    const mfa::VerifyOptions options{
        .binding = call.session.id, .user = call.user->id, .event_context = call.context()};
    try {
      const auto confirmation =
          site_->verifier.confirm_enrollment(enrolling.challenge_id, call.param("code"), options);
      if (confirmation.confirmed()) return site_->factor_added(call, confirmation, call.param("name"));
      const bool over = confirmation.challenge().state() != mfa::ChallengeState::pending;
      if (over) enrolling = {};
      call.session.flash.typed = {{"name", call.param("name")}};
      return refuse(call, {sentence(confirmation, call.now), over ? "" : "code"},
                    over ? kind_.path : kind_.path + "/code");
    } catch (const mfa::Error& error) {
      if (error.code() == mfa::errc::authorization_required) throw;
      enrolling = {};
      return refuse(call, {sentence(error, call.now)}, kind_.path);
    }
  }

  Answer resend(Call& call) {
    Enrolling& enrolling = call.session.enrolling;
    if (!waits(call)) return go_to(kind_.path);
    const bool voice = call.param("channel") == "voice";
    mfa::ResendOptions options{.binding = call.session.id, .event_context = call.context()};
    options.channel = voice ? std::optional(mfa::Channel::voice) : std::nullopt;
    try {
      const auto challenge = site_->verifier.resend_challenge(enrolling.challenge_id, call.user->id, options);
      enrolling.channel = challenge.channel();
      if (const auto wait = challenge.resend_after()) enrolling.resend_at = call.now + *wait;
    } catch (const mfa::Error& error) {
      return refuse(call, {sentence(error, call.now)}, kind_.path + "/code");
    }
    call.session.flash.notice =
        voice ? "We are calling you." : "We have sent a new code. The one before is over.";
    return go_to(kind_.path + "/code");
  }

  /// Whether a code was sent that this journey asked for, and no other.
  bool waits(const Call& call) const {
    return call.session.enrolling.path == kind_.path && !call.session.enrolling.challenge_id.empty();
  }

  Site<Clock>* site_;
  detail::SentTo kind_;
  Enroll enroll_;
  std::function<Field(const Call&)> where_;
};

template <class Clock> void add_phone_and_mailbox(Site<Clock>& site) {
  site.seams.offers.push_back({mfa::FactorType::sms, "/security/phone", "Text message",
                               "We send a code to your phone. Good where nothing else is at hand."});
  site.seams.offers.push_back(
      {mfa::FactorType::email, "/security/mailbox", "E-mail code",
       "We send a code to your mailbox. A last resort: it is no second factor where your "
       "account needs one."});

  SentCodes<Clock>(
      site,
      {mfa::FactorType::sms, "/security/phone", "Add a phone",
       "We send it a code whenever you confirm that it is you.", "Phone"},
      [&site](Call& call, const std::string& typed) {
        const mfa::Sms request{.phone_number = typed, .user_id = call.user->id};
        const auto enrolled = site.verifier.enroll_factor(request, site.shown_by(call), call.context());
        return std::pair(std::string(enrolled.factor.id()), enrolled.sms.phone_number);
      },
      [](const Call&) {
        return Field{.name = "to",
                     .label = "Phone number",
                     .type = "tel",
                     .autocomplete = "tel",
                     .hint = "With the country code, like +44 7700 900123.",
                     .longest = 40,
                     .autofocus = true};
      });

  SentCodes<Clock>(
      site,
      {mfa::FactorType::email, "/security/mailbox", "Add a mailbox",
       "We send it a code whenever you confirm that it is you.", "Mailbox"},
      [&site](Call& call, const std::string& typed) {
        const mfa::Email request{.address = typed, .user_id = call.user->id};
        const auto enrolled = site.verifier.enroll_factor(request, site.shown_by(call), call.context());
        return std::pair(std::string(enrolled.factor.id()), enrolled.email.address);
      },
      [](const Call& call) {
        return Field{.name = "to",
                     .label = "E-mail address",
                     .type = "email",
                     .autocomplete = "email",
                     .value = call.user->email,
                     .longest = 254,
                     .autofocus = true};
      });
}

} // namespace portal
