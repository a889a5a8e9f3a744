#pragma once

#include <string>
#include <string_view>

#include <mfa/mfa.hpp>

#include "../site.hpp"
#include "ceremonies.hpp"

namespace portal {

namespace detail {

/// What a user takes as a second factor, by the value of the field "kind".
inline mfa::WebAuthn wanted_key(const std::string& kind, bool asks_for_pin) {
  using namespace mfa::webauthn;
  if (kind == "device")
    return {.user_verification = UserVerification::required,
            .attachment = Attachment::platform,
            .hints = {Hint::client_device}};
  return {.user_verification = asks_for_pin ? UserVerification::required : UserVerification::discouraged,
          .attachment = Attachment::cross_platform,
          .hints = {Hint::security_key}};
}

/// The user's passkey, if he has no other credential and it was made without its PIN or biometric, as after a
/// password without a prompt: shown after the password, that counts from then on, and the passkey signs in
/// alone. Empty if there is none such.
inline std::string only_passkey_without_pin(const auto& factors) {
  std::string id;
  for (const auto& factor : factors) {
    if (factor.webauthn() == nullptr) continue;
    if (!id.empty() || !factor.webauthn()->backup_eligible || factor.best_assurance().factors > 1) return {};
    id = factor.id();
  }
  return id;
}

/// The page on which any security key or passkey of the user confirms that it is he: one prompt for all.
template <class Clock>
void add_key_step(Site<Clock>& site, const std::string& prefix, const std::string& choose, Access access) {
  const std::string path = prefix + "/security-key";
  const bool signs_in = access == Access::password_shown;

  site.get(path, access, [&site, path, choose, signs_in](Call& call) {
    const Question& question = call.session.question;
    Html inner;
    if (signs_in)
      for (const auto& piece : site.seams.below_code) inner += piece(call);
    inner += html("<button class=\"button\" autofocus>Use a passkey or security key</button>");
    const Html words = about_to(question.action);
    return show(
        {.title = signs_in ? "Sign in: passkey or security key" : "Confirm: passkey or security key",
         .body = words +
                 card(ceremonies::form({.kind = "sign-in",
                                        .ask = path + "/options",
                                        .action = path,
                                        .waiting = "Your browser asks for it. Insert your key and touch it, "
                                                   "or use your fingerprint, face or PIN."},
                                       call.session.csrf, inner)) +
                 html("<p><a href=\"{}\">Choose another way</a></p>", choose),
         .lead = "Take any that you have registered: you need not say which.",
         .eyebrow = signs_in ? "Sign in, step 2 of 2" : "Before you go on",
         .scripts = {ceremonies::script}});
  });

  site.post(path + "/options", access, [&site, signs_in](Call& call) {
    Question& question = call.session.question;
    if (signs_in)
      question.purpose = mfa::Purpose::sign_in;
    else if (question.purpose == mfa::Purpose::sign_in)
      question.purpose = mfa::Purpose::step_up;
    mfa::ChallengeOptions options{.purpose = question.purpose,
                                  .action = question.action,
                                  .binding = call.session.id,
                                  .event_context = call.context()};
    const auto passkey = only_passkey_without_pin(site.verified_factors(call.session.user_id));
    options.initialize_user_verification = signs_in && !passkey.empty();
    if (options.initialize_user_verification)
      return ceremonies::ask(site.verifier.challenge_factor(passkey, call.session.user_id, options));
    return ceremonies::ask(site.verifier.challenge_user(call.session.user_id, options));
  });

  site.post(path, access, [&site, path](Call& call) {
    if (!call.wants_json()) return ceremonies::refuse_form(call, path);
    const Question& question = call.session.question;
    const mfa::VerifyOptions options{.purpose = question.purpose,
                                     .action = question.action,
                                     .binding = call.session.id,
                                     .user = call.session.user_id,
                                     .event_context = call.context()};
    const auto verification =
        site.verifier.verify_challenge(call.param("challenge"), call.param("response"), options);
    return ceremonies::answered(site, call, verification);
  });
}

} // namespace detail

/// Security keys, and what is built into the device, as a second factor.
template <class Clock> void add_security_keys(Site<Clock>& site) {
  site.seams.own_pages[mfa::FactorType::webauthn] = "security-key";
  site.seams.offers.push_back({mfa::FactorType::webauthn, "/security/key", "Security key",
                               "A small key that you plug in or hold to your phone. Nobody can phish it."});
  detail::add_key_step(site, "/sign-in", "/sign-in/second-step", Access::password_shown);
  detail::add_key_step(site, "/step-up", "/step-up", Access::enrolling);

  site.get("/security/key", Access::enrolling, [&site](Call& call) -> Answer {
    if (auto first = site.ask_first(call, "/security/key")) return *std::move(first);
    const Html inner =
        field({.name = "name",
               .label = "Name",
               .hint = "By which you tell it from others in the list: where you keep it, or its colour.",
               .value = "Security key",
               .longest = 50},
              call.session.flash) +
        html(
            "<fieldset class=\"field\"><legend>What do you want to use?</legend>"
            "<label class=\"check\"><input type=\"radio\" name=\"kind\" value=\"key\" checked><span>A key "
            "that I "
            "carry</span></label>"
            "<label class=\"check\"><input type=\"radio\" name=\"kind\" value=\"device\"><span>This device, "
            "with its "
            "fingerprint, face or PIN</span></label></fieldset>"
            "<div class=\"field\"><label class=\"check\"><input type=\"checkbox\" name=\"pin\" value=\"yes\" "
            "aria-describedby=\"pin-hint\"><span>Ask for the key's PIN or fingerprint too</span></label>"
            "<p class=\"hint\" id=\"pin-hint\">Then a key that somebody finds is of no use to "
            "him.</p></div>") +
        button("Register it");
    return show(
        {.title = "Add a security key",
         .body = card(ceremonies::form({.kind = "enroll",
                                        .ask = "/security/key/options",
                                        .action = "/security/key",
                                        .waiting = "Your browser asks for it. Insert your key, and touch it "
                                                   "when it blinks."},
                                       call.session.csrf, inner)) +
                 html("<p><a href=\"/security\">Cancel</a></p>"),
         .lead = "It confirms that it is you after your password, and works on this site only.",
         .scripts = {ceremonies::script}});
  });

  site.post("/security/key/options", Access::enrolling, [&site](Call& call) {
    return ceremonies::begin(site, call, detail::wanted_key(call.param("kind"), call.param("pin") == "yes"),
                             "/security/key");
  });

  site.post("/security/key", Access::enrolling, [&site](Call& call) {
    if (!call.wants_json()) return ceremonies::refuse_form(call, "/security/key");
    return ceremonies::end(site, call, call.param("name"));
  });
}

} // namespace portal
