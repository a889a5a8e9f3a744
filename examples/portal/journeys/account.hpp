#pragma once

#include <optional>
#include <string>
#include <utility>

#include <mfa/email/address.hpp>

#include "../site.hpp"

namespace portal {

namespace detail {

inline Field new_password_field(std::string_view label = "Password") {
  return {.name = "new-password",
          .label = label,
          .type = "password",
          .autocomplete = "new-password",
          .hint = "At least 8 characters. A few words are easy to remember and hard to guess."};
}

inline Field email_field(std::string_view autocomplete, std::string_view label = "E-mail address") {
  return {.name = "email",
          .label = label,
          .type = "email",
          .autocomplete = autocomplete,
          .longest = 254,
          .autofocus = true};
}

/// As it is kept and mailed to; none if it is none.
inline std::optional<std::string> read_email(const std::string& typed) {
  try {
    return mfa::email::parse_address(typed);
  } catch (const mfa::Error&) {
    return std::nullopt;
  }
}

constexpr std::string_view no_email = "This is no e-mail address. Write it as name@example.com.";

} // namespace detail

/// Sign up, the password, sign out.
template <class Clock> void add_sign_in(Site<Clock>& site) {
  site.get("/sign-up", Access::anybody, [](Call& call) {
    if (call.session.stage == Stage::signed_in) return go_to("/");
    const Flash& flash = call.session.flash;
    return show({.title = "Sign up",
                 .body = card(form("/sign-up", call.session.csrf,
                                   field(detail::email_field("username"), flash) +
                                       field(detail::new_password_field(), flash) + button("Sign up"))) +
                         html("<p>Already have an account? <a href=\"/sign-in\">Sign in</a></p>")});
  });

  // That an address is taken is told here, as everywhere on the web where nobody waits for a mail before he
  // goes on. Where that must not be known, have the account made by the link of a mail (examples/magic_link).
  site.post("/sign-up", Access::anybody, [&site](Call& call) {
    const std::string typed = call.param("email");
    const std::string password = call.param("new-password");
    const auto email = detail::read_email(typed);
    Flash flash{.typed = {{"email", typed}}};
    if (!email) flash.problems.push_back({std::string(detail::no_email), "email"});
    if (auto problem = password_problem(password, typed); !problem.empty())
      flash.problems.push_back({std::move(problem), "new-password"});
    if (flash.problems.empty()) {
      if (auto user = site.users.sign_up(*email, password, call.now)) {
        call.session.nobody();
        call.session.user_id = user->id;
        call.session.stage = Stage::signed_in;
        call.session.password_at = call.now;
        site.sessions.renew(call.session, call.now);
        site.note(call, "signed_up");
        call.session.flash.notice = "Welcome. Your account is ready.";
        return go_to("/");
      }
      flash.problems.push_back({"There is an account with this address. Sign in, or use another.", "email"});
    }
    call.session.flash = std::move(flash);
    return go_to("/sign-up");
  });

  site.get("/sign-in", Access::anybody, [&site](Call& call) {
    if (call.session.stage == Stage::signed_in) return go_to("/");
    const Flash& flash = call.session.flash;
    const Field password{.name = "password",
                         .label = "Password",
                         .type = "password",
                         .autocomplete = "current-password webauthn"};
    Html body = card(form("/sign-in", call.session.csrf,
                          field(detail::email_field("username webauthn"), flash) + field(password, flash) +
                              button("Sign in")));
    for (const auto& piece : site.seams.on_sign_in) body += piece(call);
    body += html("<p>New here? <a href=\"/sign-up\">Sign up</a></p>");
    return show({.title = "Sign in", .body = body, .scripts = site.seams.scripts_on_sign_in});
  });

  site.post("/sign-in", Access::anybody, [&site](Call& call) {
    const std::string typed = call.param("email");
    const auto email = detail::read_email(typed);
    const auto answer = site.users.check(email.value_or(""), call.param("password"), call.now);
    if (answer.user) {
      call.user = answer.user;
      return site.password_accepted(call);
    }
    if (!answer.wait) // of nobody as well: else the time that it takes tells who has an account
      site.trail.add(answer.whose, {.at = call.now,
                                    .type = "password_refused",
                                    .factor_type = {},
                                    .status = {},
                                    .ip_address = call.request.remote_addr,
                                    .user_agent = {}});
    call.session.flash.typed = {{"email", typed}};
    return refuse(call,
                  {answer.wait
                       ? "Too many wrong passwords for this address. " + wait_for(*answer.wait, call.now)
                       : "This address and this password do not belong together.",
                   "password"},
                  "/sign-in");
  });

  site.post("/sign-out", Access::anybody, [&site](Call& call) {
    site.note(call, "signed_out");
    call.session.nobody();
    call.session.is_operator = false;
    site.sessions.renew(call.session, call.now);
    call.session.flash.notice = "You are signed out.";
    return go_to("/sign-in");
  });
}

/// What a user changes of his account: his password, and after one more factor his address.
template <class Clock> void add_account(Site<Clock>& site) {
  const Field current{.name = "password",
                      .label = "Your password now",
                      .type = "password",
                      .autocomplete = "current-password",
                      .autofocus = true};

  site.get("/account/password", Access::enrolling, [current](Call& call) {
    const Flash& flash = call.session.flash;
    return show({.title = "Change your password",
                 .body = card(form(
                     "/account/password", call.session.csrf,
                     // For password managers, which note whose password it is.
                     html("<input class=\"unseen\" type=\"text\" name=\"email\" value=\"{}\" "
                          "autocomplete=\"username\" readonly tabindex=\"-1\" aria-hidden=\"true\">",
                          call.user->email) +
                         field(current, flash) + field(detail::new_password_field("New password"), flash) +
                         button("Change the password"))),
                 .lead = "All other browsers are signed out, and remembered ones are forgotten."});
  });

  site.post("/account/password", Access::enrolling, [&site](Call& call) {
    const std::string password = call.param("new-password");
    const auto answer = site.users.check(call.user->email, call.param("password"), call.now);
    Flash flash;
    if (!answer.user)
      flash.problems.push_back({answer.wait ? "Too many wrong passwords. " + wait_for(*answer.wait, call.now)
                                            : "This is not your password.",
                                "password"});
    if (auto problem = password_problem(password, call.user->email); !problem.empty())
      flash.problems.push_back({std::move(problem), "new-password"});
    if (!flash.problems.empty()) {
      call.session.flash = std::move(flash);
      return go_to("/account/password");
    }
    site.users.change_password(call.user->id, password);
    site.verifier.password_changed(call.user->id, call.context());
    call.session.shown.clear(); // it has ended what was shown as well
    call.session.shown_at.reset();
    call.session.password_at = call.now;
    site.sessions.renew(call.session, call.now);
    const std::size_t ended = site.sessions.end_others(call.user->id, call.session.id);
    site.note(call, "password_changed");
    site.tell(call.user->email, "your password was changed", "Your password was changed just now.");
    call.session.flash.notice =
        "Your password is changed." +
        (ended == 0 ? std::string() : " Other browsers that were signed out: " + std::to_string(ended) + '.');
    return go_to("/security");
  });

  site.post("/sign-out-everywhere", Access::enrolling, [&site](Call& call) {
    site.verifier.revoke_devices(call.user->id, {.event_context = call.context()});
    site.sessions.end_others(call.user->id, call.session.id); // also of whom a device signs in just now
    site.note(call, "others_signed_out");
    call.session.flash.notice = "All other browsers are signed out, and remembered ones are forgotten.";
    return go_to("/security");
  });

  const auto action = [](const std::string& email) { return "change the e-mail address to " + email; };

  site.get("/account/email", Access::signed_in, [](Call& call) {
    const Flash& flash = call.session.flash;
    Field wanted = detail::email_field("email", "New e-mail address");
    return show({.title = "Change your e-mail address",
                 .body = card(
                     html("<dl class=\"facts\"><dt>Your address now</dt><dd>{}</dd></dl>", call.user->email) +
                     form("/account/email", call.session.csrf, field(wanted, flash) + button("Go on"))),
                 .lead = "You sign in with it. We ask you first to confirm that it is you."});
  });

  site.post("/account/email", Access::signed_in, [&site, action](Call& call) {
    const std::string typed = call.param("email");
    const auto email = detail::read_email(typed);
    if (!email) {
      call.session.flash.typed = {{"email", typed}};
      return refuse(call, {std::string(detail::no_email), "email"}, "/account/email");
    }
    call.session.new_email = *email;
    const bool by_factor = !site.verified_factors(call.user->id).empty();
    call.session.question = {.purpose = mfa::Purpose::action,
                             .action = action(*email),
                             .done = "change_email",
                             .return_to = "/security"};
    return go_to(by_factor ? "/step-up" : "/step-up/password");
  });

  site.seams.actions["change_email"] = [&site](Call& call) {
    const std::string email = std::exchange(call.session.new_email, {});
    const std::string former = call.user->email;
    if (email.empty() || !site.users.change_email(call.user->id, email)) {
      // Not as `refuse` does: the script of a security key, whose answer was right, goes on to the page.
      call.session.flash.problems = {{"There is another account with this address. Use another.", "email"}};
      return go_to("/account/email");
    }
    site.note(call, "email_changed");
    site.tell(former, "your address was changed", "You sign in with another address from now on.");
    call.session.flash.notice = "You sign in with " + email + " from now on.";
    return go_to("/security");
  };
}

} // namespace portal
