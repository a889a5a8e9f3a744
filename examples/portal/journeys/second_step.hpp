#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "../site.hpp"

namespace portal {

namespace detail {

/// How a factor is offered to somebody who shall confirm that it is he.
inline Html choice(const mfa::FactorDetails& factor) {
  std::string text;
  switch (factor.type()) {
  case mfa::FactorType::totp: text = "Type the code that your app shows"; break;
  case mfa::FactorType::sms: text = "We send a code to " + factor.sms()->phone_number; break;
  case mfa::FactorType::email: text = "We send a code to " + factor.email()->address; break;
  case mfa::FactorType::recovery_codes:
    text = "Type one of your codes, of which " + std::to_string(factor.recovery_codes()->remaining) +
           " are left";
    break;
  case mfa::FactorType::webauthn: text = "Use your device, your phone or your key"; break;
  case mfa::FactorType::hotp:
  case mfa::FactorType::generic_otp: text = "Type the code"; break;
  }
  if (factor.locked()) text = "Locked after too many wrong codes";
  return html("<strong><bdi>{}</bdi></strong> <span>{}</span>", title_of(factor), text);
}

/// Which code is asked for, of a message or a call.
inline std::string sent_to(const std::string& whom, std::optional<mfa::Channel> channel) {
  return channel == mfa::Channel::voice ? "We are calling " + whom + ". Type the code that you hear."
                                        : "We have sent a code to " + whom + ". Type it here.";
}

/// What is asked for, above the field.
inline std::string instruction(const mfa::FactorDetails& factor, const mfa::ChallengeDetails& challenge) {
  switch (factor.type()) {
  case mfa::FactorType::totp: return "Open your authenticator app and type the code that it shows now.";
  case mfa::FactorType::sms: return sent_to(factor.sms()->phone_number, challenge.channel());
  case mfa::FactorType::email: return sent_to(factor.email()->address, challenge.channel());
  case mfa::FactorType::recovery_codes: return "Type one of your recovery codes. Each works once.";
  default: return "Type the code.";
  }
}

constexpr bool sends(mfa::FactorType type) {
  return type == mfa::FactorType::sms || type == mfa::FactorType::email;
}

/// "Send the code again", and for a phone "Call me instead".
inline Html again(const std::string& path, const std::string& csrf, mfa::FactorType type,
                  const std::optional<Time>& from, Time now) {
  if (!sends(type)) return {};
  Html text = from && *from > now
                  ? html("<p class=\"hint\">It can be sent again from {} on.</p>", time_of_day(*from))
                  : Html();
  text += form(path, csrf, quiet_button("Send the code again"));
  if (type == mfa::FactorType::sms)
    text += form(path, csrf, hidden("channel", "voice") + quiet_button("Call me instead"));
  return html("<div class=\"again\"><h2>No code came?</h2>{}</div>", text);
}

} // namespace detail

/// The pages on which a user confirms that it is he: below "/sign-in" after the password, below "/step-up"
/// before something that matters. One page chooses the factor, another takes its code.
template <class Clock> class SecondStep {
 public:
  /// `choose` is the page on which a factor is chosen.
  SecondStep(Site<Clock>& site, std::string prefix, std::string choose, Access access)
      : site_(&site), prefix_(std::move(prefix)), choose_(std::move(choose)), access_(access),
        signs_in_(access == Access::password_shown) {
    on(&SecondStep::list, choose_, false);
    on(&SecondStep::take, choose_, true);
    on(&SecondStep::ask, prefix_ + "/code", false);
    on(&SecondStep::answer, prefix_ + "/code", true);
    on(&SecondStep::resend, prefix_ + "/code/again", true);
  }

 private:
  void on(Answer (SecondStep::*handler)(Call&), const std::string& path, bool post) {
    const auto call_it = [self = *this, handler](Call& call) mutable {
      try {
        return (self.*handler)(call);
      } catch (const mfa::Error& error) { // removed meanwhile, or asked of another session
        if (error.code() != mfa::errc::entity_not_found || call.session.question.challenge_id.empty()) throw;
        call.session.question.challenge_id.clear();
        return refuse(call, {sentence(error, call.now)}, self.choose_);
      }
    };
    post ? site_->post(path, access_, call_it) : site_->get(path, access_, call_it);
  }

  /// What the user sees that he allows.
  std::string eyebrow() const { return signs_in_ ? "Sign in, step 2 of 2" : "Before you go on"; }

  Answer list(Call& call) {
    const auto factors = site_->verified_factors(call.session.user_id);
    if (!signs_in_ && factors.empty()) return go_to("/step-up/password");
    Html items;
    std::string pages_shown;
    for (const auto& factor : factors) {
      if (factor.recovery_codes() && factor.recovery_codes()->remaining == 0) continue;
      const auto own = site_->seams.own_pages.find(factor.type());
      if (own == site_->seams.own_pages.end()) {
        items += html("<li>{}</li>",
                      form(choose_, call.session.csrf,
                           hidden("factor", factor.id()) +
                               html("<button class=\"choice\">{}</button>", detail::choice(factor))));
      } else if (pages_shown.find('/' + own->second) == std::string::npos) {
        pages_shown += '/' + own->second;
        items += html(
            "<li><a class=\"choice\" href=\"{}/{}\"><strong>{}</strong> <span>Use your device, your phone or "
            "your key</span></a></li>",
            prefix_, own->second, name_of(factor.type()));
      }
    }
    return show({.title = signs_in_ ? "Choose how to confirm it is you" : "Confirm that it is you",
                 .body = about_to(call.session.question.action) +
                         html("<ul class=\"choices\">{}</ul>", items) + leave(call),
                 .lead = "Choose what you have at hand.",
                 .eyebrow = eyebrow()});
  }

  Html leave(const Call& call) const {
    if (signs_in_) return form("/sign-out", call.session.csrf, quiet_button("Sign in as somebody else"));
    return html("<p><a href=\"{}\">Go back without confirming</a></p>", "/security");
  }

  /// A factor was chosen.
  Answer take(Call& call) {
    Question& question = call.session.question;
    if (!signs_in_ && question.purpose == mfa::Purpose::sign_in) question.purpose = mfa::Purpose::step_up;
    if (signs_in_) question.purpose = mfa::Purpose::sign_in;
    try {
      challenge(call, call.param("factor"));
    } catch (const mfa::Error& error) {
      return refuse(call, {sentence(error, call.now)}, choose_);
    }
    return go_to(prefix_ + "/code");
  }

  void challenge(Call& call, const std::string& factor_id) {
    Question& question = call.session.question;
    mfa::ChallengeOptions options{.purpose = question.purpose,
                                  .action = question.action,
                                  .binding = call.session.id,
                                  .device_token = site_->seams.device_token(call),
                                  .event_context = call.context()};
    const auto challenge = site_->verifier.challenge_factor(factor_id, call.session.user_id, options);
    question.factor_id = factor_id;
    question.challenge_id = challenge.id();
    question.resend_at.reset();
    if (const auto wait = challenge.resend_after()) question.resend_at = call.now + *wait;
  }

  Answer ask(Call& call) {
    const Question& question = call.session.question;
    if (question.challenge_id.empty()) return go_to(choose_);
    const auto factor = site_->verifier.get_factor(question.factor_id, call.session.user_id);
    const auto challenge = site_->verifier.get_challenge(question.challenge_id, call.session.user_id);
    const Flash& flash = call.session.flash;
    const bool recovery = factor.type() == mfa::FactorType::recovery_codes;
    Html inner = recovery ? field({.name = "code",
                                   .label = "Recovery code",
                                   .hint = "Like 7KQP-X2M9-T4WD. Capitals and dashes do not matter.",
                                   .autofocus = true},
                                  flash)
                          : code_field(flash);
    if (signs_in_)
      for (const auto& piece : site_->seams.below_code) inner += piece(call);
    Html body = about_to(call.session.question.action) +
                (detail::sends(factor.type()) ? site_->about_messages() : Html()) +
                card(form(prefix_ + "/code", call.session.csrf, inner + button("Confirm")) +
                     detail::again(prefix_ + "/code/again", call.session.csrf, factor.type(),
                                   question.resend_at, call.now));
    if (factor.locked())
      body += html(
          "<p>Support can unlock it: they reach you by what they know of you, and never ask for a code.</p>");
    body += html("<p><a href=\"{}\">Choose another way</a></p>", choose_);
    return show({.title = (signs_in_ ? "Sign in: " : "Confirm: ") + title_of(factor),
                 .body = body,
                 .lead = detail::instruction(factor, challenge),
                 .eyebrow = eyebrow()});
  }

  Answer answer(Call& call) {
    const Question& question = call.session.question;
    if (question.challenge_id.empty()) return go_to(choose_);
    const mfa::VerifyOptions options{.purpose = question.purpose,
                                     .action = question.action,
                                     .binding = call.session.id,
                                     .user = call.session.user_id,
                                     .hint_clock_skew_after_password = true,
                                     .event_context = call.context()};
    const auto verification =
        site_->verifier.verify_challenge(question.challenge_id, call.param("code"), options);
    if (verification.valid()) return site_->answered(call, verification);
    const bool over = verification.challenge().state() != mfa::ChallengeState::pending;
    const bool elsewhere = verification.factor_locked() || over;
    if (elsewhere) call.session.question.challenge_id.clear();
    return refuse(call, {sentence(verification, call.now), elsewhere ? "" : "code"},
                  elsewhere ? choose_ : prefix_ + "/code");
  }

  Answer resend(Call& call) {
    Question& question = call.session.question;
    if (question.challenge_id.empty()) return go_to(choose_);
    const bool voice = call.param("channel") == "voice";
    mfa::ResendOptions options{.binding = call.session.id, .event_context = call.context()};
    options.channel = voice ? std::optional(mfa::Channel::voice) : std::nullopt;
    try {
      const auto challenge =
          site_->verifier.resend_challenge(question.challenge_id, call.session.user_id, options);
      if (const auto wait = challenge.resend_after()) question.resend_at = call.now + *wait;
    } catch (const mfa::Error& error) {
      if (error.code() == mfa::errc::challenge_over) {
        question.challenge_id.clear();
        return refuse(call, {sentence(error, call.now)}, choose_);
      }
      return refuse(call, {sentence(error, call.now)}, prefix_ + "/code");
    }
    call.session.flash.notice =
        voice ? "We are calling you." : "We have sent a new code. The one before is over.";
    return go_to(prefix_ + "/code");
  }

  Site<Clock>* site_;
  std::string prefix_;
  std::string choose_;
  Access access_;
  bool signs_in_;
};

template <class Clock> void add_second_steps(Site<Clock>& site) {
  SecondStep<Clock>(site, "/sign-in", "/sign-in/second-step", Access::password_shown);
  SecondStep<Clock>(site, "/step-up", "/step-up", Access::enrolling);

  // Who has no factor yet shows his password again.
  site.get("/step-up/password", Access::enrolling, [](Call& call) {
    const Question& question = call.session.question;
    const Html words = about_to(question.action);
    const Field password{.name = "password",
                         .label = "Password",
                         .type = "password",
                         .autocomplete = "current-password",
                         .autofocus = true};
    return show({.title = "Confirm with your password",
                 .body = words + card(form("/step-up/password", call.session.csrf,
                                           field(password, call.session.flash) + button("Confirm"))),
                 .eyebrow = "Before you go on"});
  });

  site.post("/step-up/password", Access::enrolling, [&site](Call& call) -> Answer {
    if (!site.verified_factors(call.user->id).empty()) return go_to("/step-up");
    const auto answer = site.users.check(call.user->email, call.param("password"), call.now);
    if (!answer.user)
      return refuse(call,
                    {answer.wait ? "Too many wrong passwords. " + wait_for(*answer.wait, call.now)
                                 : "This is not your password.",
                     "password"},
                    "/step-up/password");
    call.session.password_at = call.now;
    const Question question = std::exchange(call.session.question, {});
    const auto action = site.seams.actions.find(question.done);
    return action == site.seams.actions.end() ? go_to(local_path(question.return_to)) : action->second(call);
  });
}

} // namespace portal
