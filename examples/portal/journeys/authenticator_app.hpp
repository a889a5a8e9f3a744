#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "../site.hpp"

namespace portal {

namespace detail {

/// Four characters at a time, as a secret is typed.
inline std::string in_groups(std::string_view secret) {
  std::string text;
  for (std::size_t at = 0; at < secret.size(); at += 4)
    text.append(text.empty() ? "" : " ").append(secret.substr(at, 4));
  return text;
}

} // namespace detail

/// An authenticator app: scan the QR code, or type the secret, and confirm by the first code.
template <class Clock> void add_authenticator_app(Site<Clock>& site) {
  site.seams.offers.push_back({mfa::FactorType::totp, "/security/app", "Authenticator app",
                               "An app on your phone shows a code. It works without a network."});

  site.get("/security/app", Access::enrolling, [&site](Call& call) -> Answer {
    if (auto ask = site.ask_first(call, "/security/app")) return *std::move(ask);
    Enrolling& enrolling = call.session.enrolling;
    // The secret is told once; here it waits in the session, so that the page can be loaded again.
    bool waits = !enrolling.qr_code.empty();
    if (waits) {
      waits = false;
      for (const auto& factor : site.verifier.list_factors(call.user->id))
        waits = waits || (factor.id() == enrolling.factor_id && !factor.verified());
    }
    if (!waits) {
      const mfa::Totp request{
          .issuer = site.settings.name, .user = call.user->email, .user_id = call.user->id};
      const auto enrolled = site.verifier.enroll_factor(request, site.shown_by(call), call.context());
      enrolling = {.path = "/security/app",
                   .factor_id = enrolled.factor.id(),
                   .secret = enrolled.totp.secret,
                   .qr_code = std::string(enrolled.totp.qr_code),
                   .uri = enrolled.totp.uri};
    }
    const Html scan =
        html("<ol class=\"steps\"><li><h2>Scan this code with your app</h2>"
             "<p><img class=\"qr\" id=\"qr-code\" src=\"{}\" alt=\"QR code for your authenticator app. The "
             "key below is "
             "the same as text.\"></p><p><a class=\"button quiet\" id=\"open-app\" href=\"{}\">Open in an "
             "app on this "
             "device</a></p>"
             "<details><summary>Type a key instead</summary><p>Account: <strong>{}</strong></p><p>Key: <code "
             "class=\"secret\" id=\"secret\">{}</code></p><p class=\"hint\">Based on time, 6 "
             "digits.</p></details></li>",
             enrolling.qr_code, enrolling.uri.view(), call.user->email, detail::in_groups(enrolling.secret));
    const Html confirm =
        html("<li><h2>Type the code that it shows</h2>{}</li></ol>",
             form("/security/app", call.session.csrf,
                  code_field(call.session.flash) +
                      field(name_field("Authenticator app"), call.session.flash) + button("Add this app")));
    return show(
        {.title = "Add an authenticator app",
         .body = card(scan + confirm) + html("<p><a href=\"/security\">Cancel</a></p>"),
         .lead =
             "Any app for one-time codes will do: the one of your password manager, Aegis, 2FAS, Google or "
             "Microsoft Authenticator."});
  });

  site.post("/security/app", Access::enrolling, [&site](Call& call) -> Answer {
    Enrolling& enrolling = call.session.enrolling;
    if (enrolling.path != "/security/app") return go_to("/security/app");
    const mfa::VerifyOptions options{
        .user = call.user->id, .hint_clock_skew_after_password = true, .event_context = call.context()};
    const std::string factor_id = enrolling.factor_id;
    try {
      const auto confirmation = site.verifier.confirm_enrollment(factor_id, call.param("code"), options);
      if (!confirmation.confirmed()) {
        call.session.flash.typed = {{"name", call.param("name")}};
        return refuse(call, {sentence(confirmation, call.now), "code"}, "/security/app");
      }
      return site.factor_added(call, confirmation, call.param("name"));
    } catch (const mfa::Error& error) {
      if (error.code() == mfa::errc::authorization_required) throw;
      enrolling = {};
      return refuse(call, {sentence(error, call.now)}, "/security/app");
    }
  });
}

} // namespace portal
