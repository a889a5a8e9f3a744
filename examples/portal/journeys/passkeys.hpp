#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include <mfa/mfa.hpp>

#include "../site.hpp"
#include "ceremonies.hpp"

namespace portal {

namespace detail {

inline mfa::WebAuthn wanted_passkey() {
  return {.user_verification = mfa::webauthn::UserVerification::required,
          .resident_key = mfa::webauthn::ResidentKey::required};
}

/// Whether the user has one in a device or a password manager. A passkey in a security key is not told from a
/// credential that is none.
inline bool has_passkey(const auto& factors) {
  return std::any_of(factors.begin(), factors.end(), [](const auto& factor) {
    if (factor.webauthn() == nullptr || !factor.verified()) return false;
    const auto& transports = factor.webauthn()->transports;
    return factor.webauthn()->backup_eligible ||
           std::find(transports.begin(), transports.end(), "internal") != transports.end();
  });
}

} // namespace detail

/// Passkeys: sign in with one, in the field of the user name or at a button, and make one.
template <class Clock> void add_passkeys(Site<Clock>& site) {
  site.seams.offers.push_back(
      {mfa::FactorType::webauthn, "/security/passkey", "Passkey",
       "Sign in with your fingerprint, your face or your device's PIN, and no password."});

  // --- sign in

  site.seams.scripts_on_sign_in.push_back(ceremonies::script);
  site.seams.on_sign_in.push_back([](Call& call) {
    const Html inner = html("<button class=\"button quiet\">Sign in with a passkey</button>");
    const Html form = ceremonies::form({.kind = "sign-in",
                                        .ask = "/sign-in/passkey/options",
                                        .action = "/sign-in/passkey",
                                        .waiting = "Your browser asks for your passkey."},
                                       call.session.csrf, inner);
    // Its script puts passkeys among the names that the browser fills in.
    return card(html("<h2>Without a password</h2>") + form) +
           html("<form method=\"post\" action=\"/sign-in/passkey\" data-offer=\"field\" "
                "data-ask=\"/sign-in/passkey/options\"><input type=\"hidden\" name=\"csrf\" value=\"{}\">"
                "<input type=\"hidden\" name=\"conditional\" value=\"yes\">{}</form>",
                call.session.csrf, ceremonies::regions());
  });

  site.post("/sign-in/passkey/options", Access::anybody, [&site](Call& call) {
    const mfa::ChallengeOptions options{.binding = call.session.id,
                                        .conditional = call.param("conditional") == "yes",
                                        .event_context = call.context()};
    const auto challenge = site.verifier.challenge_passkey(options);
    // The page asks again before the challenge is over, and before its session is.
    const auto lifetime = std::min<std::chrono::milliseconds>(
        std::chrono::floor<std::chrono::milliseconds>(*challenge.expires_at() - call.now),
        Sessions::longest_idle);
    return ceremonies::ask(challenge, {{"lifetime", lifetime.count()}});
  });

  site.post("/sign-in/passkey", Access::anybody, [&site](Call& call) {
    if (!call.wants_json()) return ceremonies::refuse_form(call, "/sign-in");
    const mfa::VerifyOptions options{.binding = call.session.id, .event_context = call.context()};
    const auto verification =
        site.verifier.verify_challenge(call.param("challenge"), call.param("response"), options);
    return ceremonies::answered(site, call, verification);
  });

  // --- make one

  const auto creation = [](Call& call, const char* text) {
    return ceremonies::form(
        {.kind = "enroll",
         .ask = "/security/passkey/options",
         .action = "/security/passkey",
         .waiting = "Your browser asks where to keep it, and for your fingerprint, face or PIN."},
        call.session.csrf, button(text));
  };
  constexpr std::string_view about = "With a passkey you sign in without a password: by your fingerprint, "
                                     "your face or the PIN of your device. "
                                     "Your password manager can keep it for all your devices.";

  site.get("/security/passkey", Access::enrolling, [&site, creation, about](Call& call) -> Answer {
    if (auto first = site.ask_first(call, "/security/passkey")) return *std::move(first);
    return show(
        {.title = "Create a passkey",
         .body = card(creation(call, "Create a passkey")) + html("<p><a href=\"/security\">Cancel</a></p>"),
         .lead = std::string(about),
         .scripts = {ceremonies::script}});
  });

  site.post("/security/passkey/options", Access::enrolling, [&site](Call& call) {
    mfa::WebAuthn wanted = detail::wanted_passkey();
    if (call.param("upgrade") == "yes") {
      wanted.user_verification = mfa::webauthn::UserVerification::preferred;
      wanted.resident_key = mfa::webauthn::ResidentKey::preferred;
      wanted.conditional_create = true;
    }
    return ceremonies::begin(site, call, std::move(wanted), "/security/passkey");
  });

  site.post("/security/passkey", Access::enrolling, [&site](Call& call) {
    if (!call.wants_json()) return ceremonies::refuse_form(call, "/security/passkey");
    return ceremonies::end(site, call, "Passkey");
  });

  // --- offered to whoever has signed in with a password, until he says "not now"

  constexpr const char* later = "no-passkey"; // the cookie
  site.seams.on_overview.push_back([&site, creation, about](Call& call) {
    if (!call.session.password_at || !site.cookie_of(call.request, later).empty()) return Html();
    const auto factors = site.verified_factors(call.user->id);
    const auto& shown_at = factors.empty() ? call.session.password_at : call.session.shown_at;
    const bool may_add =
        shown_at && mfa::is_fresh(*shown_at, site.verifier.options().authorization_lifetime, call.now);
    if (!may_add || detail::has_passkey(factors)) return Html();
    return html(
        "<section class=\"card\" id=\"passkey-offer\"><h2>Sign in faster next time</h2><p>{}</p>{}{}"
        "<form method=\"post\" action=\"/security/passkey\" data-offer=\"upgrade\" "
        "data-ask=\"/security/passkey/options\" data-made=\"Your password manager has made a passkey for "
        "you. It is in the list on the page Security.\"><input type=\"hidden\" name=\"csrf\" value=\"{}\">"
        "<input type=\"hidden\" name=\"upgrade\" value=\"yes\">{}</form></section>"
        "<script type=\"module\" src=\"{}\"></script>",
        about, creation(call, "Create a passkey"),
        form("/security/passkey/later", call.session.csrf, quiet_button("Not now")), call.session.csrf,
        ceremonies::regions(), ceremonies::script);
  });

  site.post("/security/passkey/later", Access::enrolling, [&site](Call&) {
    Answer answer = go_to("/");
    answer.headers.push_back(site.cookie(later, "later", std::chrono::hours(24 * 30)));
    return answer;
  });

  // --- after one was removed, or the user has another name

  site.seams.on_security.push_back([&site](Call& call) {
    auto& values = call.session.values;
    if (const auto handle = ceremonies::handle_of(site.verifier.list_factors(call.user->id)); !handle.empty())
      values["user_handle"] = handle; // which nobody tells when the last is gone
    const auto signals = ceremonies::signals_for(site, *call.user, values["user_handle"]);
    if (signals.empty() || std::exchange(values["signalled"], signals.dump()) == signals.dump())
      return Html();
    return html("<div hidden data-accepted=\"{}\" data-details=\"{}\"></div>"
                "<script type=\"module\" src=\"{}\"></script>",
                signals.at("accepted").dump(), signals.at("details").dump(), ceremonies::script);
  });

  site.serve_file(ceremonies::script, "examples/portal/ceremonies.js", "text/javascript; charset=utf-8");
}

} // namespace portal
