#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <mfa/mfa.hpp>
#include <mfa/webauthn/signals.hpp>

#include "../site.hpp"

/// What the journeys with security keys and those with passkeys share: forms that `ceremonies.js` sends, and
/// what it is answered.
namespace portal::ceremonies {

using Json = nlohmann::json;

inline constexpr const char* script = "/ceremonies.js";

struct Form {
  std::string_view kind;    ///< "enroll" or "sign-in"
  std::string_view ask;     ///< gives the options for the browser
  std::string_view action;  ///< takes the browser's answer
  std::string_view waiting; ///< what the user should do meanwhile
};

/// Of a form without script, and of a page whose script does not run.
inline constexpr std::string_view needs_script = "Passkeys and security keys need JavaScript in the browser. "
                                                 "Turn it on and load the page again, or choose "
                                                 "another way.";

/// Where the script says what happens. They are there from the beginning, for screen readers to hear of a
/// change.
inline Html regions() {
  return html("<div class=\"told\"><p class=\"hint\" data-tell=\"status\" role=\"status\"></p>"
              "<p class=\"problem\" data-tell=\"error\" role=\"alert\"></p></div>");
}

inline Html form(const Form& form, const std::string& csrf, const Html& inner) {
  return html(
      "<form method=\"post\" action=\"{}\" data-ceremony=\"{}\" data-ask=\"{}\" data-waiting=\"{}\">"
      "<input type=\"hidden\" name=\"csrf\" value=\"{}\">{}{}<noscript><p class=\"problem\">{}</p></noscript>"
      "</form>",
      form.action, form.kind, form.ask, form.waiting, csrf, inner, regions(), needs_script);
}

/// The options for the browser. The challenge's id comes back with the answer; it is bound to the session.
inline Answer ask(const auto& challenge, Json more = Json::object()) {
  more["challenge"] = challenge.id();
  more["options"] = Json::parse(challenge.webauthn_options());
  return json(more);
}

/// What the script does after a right answer: it goes where a form would be sent.
inline Answer done(Answer answer, Json more = Json::object()) {
  more["status"] = "valid";
  more["go"] = answer.location;
  Answer told = json(more);
  told.headers = std::move(answer.headers);
  return told;
}

inline std::string_view sentence(mfa::Status status) {
  switch (status) {
  case mfa::Status::expired: return "This took too long. Try again.";
  case mfa::Status::already_verified:
  case mfa::Status::superseded:
  case mfa::Status::too_many_attempts:
  case mfa::Status::wrong_challenge: return "This was answered already. Try again.";
  case mfa::Status::wrong_credential:
    return "This is not one of the passkeys and security keys of your account. Take another one.";
  case mfa::Status::unknown_credential:
    return "This passkey is not known here any more. Your browser was told to forget it. Sign in another "
           "way.";
  case mfa::Status::user_not_present: return "It was not touched. Try again, and touch it when it blinks.";
  case mfa::Status::insufficient_assurance: // a passkey that was made without a prompt, say
    return "This one was made without its PIN, your fingerprint or your face, so it does not sign you in "
           "alone. Sign in with your password, and take it then.";
  case mfa::Status::user_not_verified:
    return "It did not ask for its PIN, your fingerprint or your face, which is needed here. Set that up, or "
           "take "
           "another one.";
  case mfa::Status::wrong_origin:
  case mfa::Status::wrong_relying_party:
    return "This was answered at another address. Open this site by its own address and try again.";
  case mfa::Status::already_registered: return "This one is registered already. Take another one.";
  case mfa::Status::unsupported_credential:
  case mfa::Status::not_device_bound:
  case mfa::Status::attestation_refused: return "One of this kind is not taken here. Take another one.";
  case mfa::Status::cloned_authenticator:
    return "There seems to be a copy of this security key. Choose another way, and tell support.";
  default: return "That was not understood. Try again.";
  }
}

inline Answer refused(mfa::Status status) {
  return json({{"status", to_string(status)}, {"message", sentence(status)}});
}

/// Refuses what was sent without the script.
inline Answer refuse_form(Call& call, std::string back) {
  return refuse(call, {std::string(needs_script)}, std::move(back));
}

/// By which authenticators know the user; empty if he has no passkey and no security key.
inline std::string handle_of(const auto& factors) {
  for (const auto& factor : factors)
    if (const auto* const webauthn = factor.webauthn(); webauthn != nullptr && factor.verified())
      return webauthn->user_handle;
  return {};
}

/// What the user's password manager should know: which passkeys are still taken, and what he is called.
template <class Clock> Json signals_for(Site<Clock>& site, const User& user, const std::string& handle) {
  if (handle.empty()) return Json::object();
  namespace signals = mfa::webauthn::signals;
  return {
      {"accepted", Json::parse(signals::all_accepted_credentials(site.host(), handle,
                                                                 site.verifier.list_factors(user.id)))},
      {"details", Json::parse(signals::current_user_details(site.host(), handle, user.email, user.email))}};
}

/// Takes the browser's answer to a sign-in or a step-up.
template <class Clock> Answer answered(Site<Clock>& site, Call& call, const mfa::Verification& verification) {
  if (!verification.valid()) return refused(verification.status());
  Answer answer = site.answered(call, verification);
  const auto handle = handle_of(site.verifier.list_factors(call.session.user_id));
  return done(std::move(answer), signals_for(site, *call.user, handle));
}

/// Begins an enrolment: what the browser needs, or where the user confirms first that it is he. `page` is
/// where he then comes back to.
template <class Clock>
Answer begin(Site<Clock>& site, Call& call, mfa::WebAuthn wanted, const std::string& page) {
  if (auto first = site.ask_first(call, page))
    return json({{"message", "Confirm first that it is you."}, {"go", first->location}}, 403);
  // Of those that he has begun and not ended, the latest counts.
  std::string& begun = call.session.values["credential"];
  if (!begun.empty())
    for (const auto& factor : site.verifier.list_factors(call.user->id))
      if (factor.id() == begun && !factor.verified()) site.verifier.delete_factor(begun, call.user->id);
  wanted.user = call.user->email;
  wanted.user_id = call.user->id;
  const auto shown = site.shown_by(call);
  const auto enrolled = site.verifier.enroll_factor(wanted, shown, call.context());
  begun = enrolled.factor.id();
  const mfa::ChallengeOptions options{.binding = call.session.id, .event_context = call.context()};
  return ask(site.verifier.challenge_enrollment(enrolled.factor.id(), call.user->id, options, shown));
}

/// Takes the browser's answer to `begin`.
template <class Clock> Answer end(Site<Clock>& site, Call& call, const std::string& name) {
  const mfa::VerifyOptions options{
      .binding = call.session.id, .user = call.user->id, .event_context = call.context()};
  const auto confirmation =
      site.verifier.confirm_enrollment(call.param("challenge"), call.param("response"), options);
  if (!confirmation.confirmed()) return refused(confirmation.status());
  call.session.values.erase("credential");
  Answer answer = site.factor_added(call, confirmation, name);
  return done(std::move(answer),
              signals_for(site, *call.user, handle_of(site.verifier.list_factors(call.user->id))));
}

} // namespace portal::ceremonies
