#pragma once

#include <string>
#include <utility>

#include "../site.hpp"

namespace portal {

namespace detail {

inline Html row(const mfa::FactorDetails& factor) {
  Html facts;
  if (title_of(factor) != name_of(factor.type())) facts += html("{} · ", name_of(factor.type()));
  if (const std::string detail = detail_of(factor); !detail.empty())
    facts += html("<bdi>{}</bdi> · ", detail);
  facts += factor.last_used_at() ? html("last used {}", moment_of(*factor.last_used_at()))
                                 : html("added {}", day_of(factor.created_at()));
  const Html state = factor.locked() ? html(" <span class=\"tag urgent\">Locked</span>") : Html();
  return html("<li class=\"factor\" id=\"{}\"><div><h3><bdi>{}</bdi>{}</h3><p class=\"hint\">{}</p></div>"
              "<div class=\"actions\"><a href=\"/security/rename?factor={}\">Rename<span class=\"unseen\"> "
              "{}</span></a>"
              "<a href=\"/security/remove?factor={}\">Remove<span class=\"unseen\"> {}</span></a></div></li>",
              factor.id(), title_of(factor), state, facts, factor.id(), title_of(factor), factor.id(),
              title_of(factor));
}

} // namespace detail

/// The page "Security": what the user has, can add, rename and remove.
template <class Clock> void add_security(Site<Clock>& site) {
  site.get("/security", Access::enrolling, [&site](Call& call) {
    const auto factors = site.verified_factors(call.user->id);
    Html list;
    for (const auto& factor : factors) list += detail::row(factor);
    Html body =
        card(html("<h2>Ways to confirm that it is you</h2>{}",
                  list.empty() ? html("<p>You have none yet. Whoever has your password can sign in.</p>")
                               : html("<ul class=\"factors\">{}</ul>", list)));
    Html offers;
    for (const Offer& offer : site.seams.offers)
      offers += html("<li><a class=\"choice\" href=\"{}\"><strong>{}</strong> <span>{}</span></a></li>",
                     offer.path, offer.title, offer.text);
    if (!offers.empty())
      body +=
          html("<section class=\"card\" id=\"add\"><h2>Add a way</h2><ul class=\"choices\">{}</ul></section>",
               offers);
    for (const auto& piece : site.seams.on_security) body += piece(call);
    body +=
        card(html("<h2>Account</h2><dl class=\"facts\"><dt>E-mail address</dt><dd>{} <a "
                  "href=\"/account/email\">Change<span class=\"unseen\"> the e-mail address</span></a></dd>"
                  "<dt>Password</dt><dd><a href=\"/account/password\">Change<span class=\"unseen\"> the "
                  "password</span></a></dd></dl>",
                  call.user->email) +
             form("/sign-out-everywhere", call.session.csrf, quiet_button("Sign out all other browsers")));
    return show({.title = "Security", .body = body, .narrow = false});
  });

  site.get("/security/rename", Access::enrolling, [&site](Call& call) {
    const auto factor = site.verifier.get_factor(call.param("factor"), call.user->id);
    const Field name{
        .name = "name", .label = "Name", .value = factor.friendly_name(), .longest = 50, .autofocus = true};
    return show({.title = "Rename: " + title_of(factor),
                 .body = card(form("/security/rename", call.session.csrf,
                                   hidden("factor", factor.id()) + field(name, call.session.flash) +
                                       button("Save the name"))) +
                         html("<p><a href=\"/security\">Cancel</a></p>")});
  });

  site.post("/security/rename", Access::enrolling, [&site](Call& call) {
    const std::string factor = call.param("factor");
    const std::string name = call.param("name");
    (void)site.verifier.get_factor(factor, call.user->id);
    if (!site.name_factor(call, factor, name)) {
      call.session.flash.typed = {{"name", name}};
      return refuse(call, {"Write a name of up to 50 characters.", "name"},
                    "/security/rename?factor=" + factor);
    }
    call.session.flash.notice = "The name is saved.";
    return go_to("/security");
  });

  site.get("/security/remove", Access::enrolling, [&site](Call& call) -> Answer {
    const auto factor = site.verifier.get_factor(call.param("factor"), call.user->id);
    const std::string here = "/security/remove?factor=" + factor.id();
    if (auto ask = site.ask_first(call, here)) return *std::move(ask);
    auto others = site.verified_factors(call.user->id);
    std::erase_if(others, [&](const auto& other) { return other.id() == factor.id(); });
    const mfa::Remaining left = mfa::Remaining::of(others);
    Html what;
    if (left.factors == 0 && left.recovery_codes == 0 && site.may_have_none(*call.user))
      what = html("<p>Nothing remains: from then on your password alone signs you in.</p>");
    else if (left.factors == 0 && !factor.recovery_codes())
      what = html("<p>It is your last way besides recovery codes, which are removed with it.</p>");
    else if (left.factors == 0)
      what = html("<p>Nothing else remains to confirm with.</p>");
    else {
      Html list;
      for (const auto& other : others) list += html("<li><bdi>{}</bdi></li>", title_of(other));
      what = html("<p>You keep:</p><ul class=\"kept\">{}</ul>", list);
    }
    return show({.title = "Remove: " + title_of(factor),
                 .body = card(what + html("<p>Browsers that were remembered with it are asked again.</p>") +
                              form("/security/remove", call.session.csrf,
                                   hidden("factor", factor.id()) +
                                       html("<button class=\"button danger\">Remove it</button>"))) +
                         html("<p><a href=\"/security\">Keep it</a></p>")});
  });

  site.post("/security/remove", Access::enrolling, [&site](Call& call) -> Answer {
    const std::string id = call.param("factor");
    if (auto ask = site.ask_first(call, "/security/remove?factor=" + id)) return *std::move(ask);
    const auto factor = site.verifier.get_factor(id, call.user->id);
    try {
      site.verifier.delete_factor(id, call.user->id, site.shown_by(call),
                                  {.refuse_last = !site.may_have_none(*call.user),
                                   .take_recovery_codes = true,
                                   .event_context = call.context()});
    } catch (const mfa::Error& error) {
      if (error.code() != mfa::errc::last_factor) throw;
      return refuse(call, {sentence(error, call.now)}, "/security");
    }
    site.tell(call.user->email, "a way to confirm was removed",
              "Removed from your account: " + std::string(name_of(factor.type())) + '.');
    call.session.flash.notice = title_of(factor) + " is removed.";
    return go_to("/security");
  });
}

} // namespace portal
