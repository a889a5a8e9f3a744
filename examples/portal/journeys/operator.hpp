#pragma once

#include <chrono>
#include <iostream>
#include <string>
#include <utility>

#include <mfa/crypto/constant_time.hpp>

#include "../site.hpp"
#include "overview.hpp"

namespace portal {

/// Pages for those who help: whoever was locked out is let in again, and who has lost everything begins anew.
/// A product gives them accounts of their own, with second factors.
template <class Clock> void add_operator(Site<Clock>& site) {
  if (site.settings.operator_password.empty()) return;

  site.get("/operator/sign-in", Access::anybody, [](Call& call) {
    if (call.session.is_operator) return go_to("/operator");
    const Field password{.name = "password",
                         .label = "Operator password",
                         .type = "password",
                         .hint = "The program has printed it when it started.",
                         .autofocus = true};
    return show({.title = "Operator sign-in",
                 .body = card(form("/operator/sign-in", call.session.csrf,
                                   field(password, call.session.flash) + button("Sign in as operator")))});
  });

  site.post("/operator/sign-in", Access::anybody, [&site](Call& call) {
    const std::string& from = call.request.remote_addr;
    const auto wait = site.users.count_operator(from, call.now);
    if (wait || !mfa::crypto::equal(call.param("password"), site.settings.operator_password)) {
      std::cerr << "portal: a sign-in as operator from " << from << " was refused\n";
      return refuse(call,
                    {wait ? "Too many wrong passwords. " + wait_for(*wait, call.now)
                          : "This is not the operator's password.",
                     "password"},
                    "/operator/sign-in");
    }
    site.users.operator_accepted(from);
    call.session.is_operator = true;
    site.sessions.renew(call.session, call.now);
    return go_to("/operator");
  });

  site.post("/operator/sign-out", Access::support, [&site](Call& call) {
    call.session.is_operator = false;
    site.sessions.renew(call.session, call.now);
    return go_to("/operator/sign-in");
  });

  site.get("/operator", Access::support, [&site](Call& call) -> Answer {
    const std::string wanted = call.param("email");
    if (!wanted.empty()) {
      if (const auto user = site.users.find_by_email(wanted)) return go_to("/operator/user?id=" + user->id);
      call.session.flash.typed = {{"email", wanted}};
      return refuse(call, {"Nobody has this address.", "email"}, "/operator");
    }
    const Field address{.name = "email", .label = "E-mail address", .type = "email", .longest = 254};
    const Html search = html("<form method=\"get\" action=\"/operator\">{}{}</form>",
                             field(address, call.session.flash), quiet_button("Find the user"));
    Html list;
    for (const User& user : site.users.all()) {
      bool locked = false;
      for (const auto& factor : site.verifier.list_factors(user.id)) locked = locked || factor.locked();
      list += html("<li><a class=\"choice\" href=\"/operator/user?id={}\"><strong>{}</strong> <span>since "
                   "{}{}</span></a>"
                   "</li>",
                   user.id, user.email, day_of(user.joined_at), locked ? html(" · locked") : Html());
    }
    return show({.title = "Users",
                 .body = card(search) +
                         (list.empty() ? html("<p>Nobody has signed up yet.</p>")
                                       : html("<ul class=\"choices\">{}</ul>", list)) +
                         form("/operator/sign-out", call.session.csrf, quiet_button("Sign out as operator")),
                 .narrow = false});
  });

  site.get("/operator/user", Access::support, [&site](Call& call) -> Answer {
    const auto user = site.users.find(call.param("id"));
    if (!user) return refuse(call, {"There is no such user."}, "/operator");
    Html list;
    for (const auto& factor : site.verifier.list_factors(user->id)) {
      std::string state = factor.verified() ? "in use" : "not confirmed";
      if (factor.locked())
        state = "locked";
      else if (factor.delayed_until())
        state = "waits until " + time_of_day(*factor.delayed_until());
      Html actions;
      if (factor.locked() || factor.failures() > 0)
        actions =
            form("/operator/unlock", call.session.csrf,
                 hidden("user", user->id) + hidden("factor", factor.id()) +
                     html("<button class=\"button quiet\">Unlock<span class=\"unseen\"> {}</span></button>",
                          title_of(factor)));
      list += html("<li class=\"factor\"><div><h3><bdi>{}</bdi></h3><p class=\"hint\">{} · {}{}</p></div>"
                   "<div class=\"actions\">{}</div></li>",
                   title_of(factor), name_of(factor.type()), state,
                   factor.failures() == 0 ? Html() : html(" · wrong codes: {}", factor.failures()), actions);
    }
    const Html reset = html("<h2>Lost everything?</h2><p>Make sure by your own rules that it is really the "
                            "user. He can then sign in "
                            "with his password and add a new way.</p>") +
                       form("/operator/reset", call.session.csrf,
                            hidden("user", user->id) +
                                html("<button class=\"button danger\">Remove all ways to confirm</button>"));
    return show({.title = user->email,
                 .body = card(html("<h2>Ways to confirm</h2>{}",
                                   list.empty() ? html("<p>None.</p>")
                                                : html("<ul class=\"factors\">{}</ul>", list))) +
                         card(reset) +
                         card(html("<h2>Activity</h2>{}", detail::events(site.trail.of_user(user->id, 50)))) +
                         html("<p><a href=\"/operator\">All users</a></p>"),
                 .eyebrow = "User",
                 .narrow = false});
  });

  site.post("/operator/unlock", Access::support, [&site](Call& call) {
    const std::string user = call.param("user");
    site.verifier.unlock_factor(call.param("factor"), user, mfa::by_operator, call.context());
    call.session.flash.notice = "It is unlocked.";
    return go_to("/operator/user?id=" + user);
  });

  site.post("/operator/reset", Access::support, [&site](Call& call) -> Answer {
    const auto user = site.users.find(call.param("user"));
    if (!user) return refuse(call, {"There is no such user."}, "/operator");
    site.verifier.reset_user(user->id, mfa::by_operator, {.event_context = call.context()});
    site.sessions.end_others(user->id, call.session.id);
    site.tell(user->email, "all ways to confirm were removed",
              "Support has removed all ways to confirm that it is you. Sign in and add one.");
    call.session.flash.notice = "All is removed. The user can sign in with his password.";
    return go_to("/operator/user?id=" + user->id);
  });
}

} // namespace portal
