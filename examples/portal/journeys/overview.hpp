#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "../site.hpp"

namespace portal {

namespace detail {

inline Html events(const std::vector<Trail::Entry>& entries) {
  Html list;
  for (const Trail::Entry& entry : entries) {
    std::string more;
    for (mfa::FactorType type = mfa::FactorType::totp; type <= mfa::last_factor_type;
         type = static_cast<mfa::FactorType>(static_cast<unsigned char>(type) + 1))
      if (to_string(type) == entry.factor_type) more = name_of(type);
    const std::string_view status = words_of_status(entry.status);
    if (!status.empty()) more += (more.empty() ? "" : ", ") + std::string(status);
    if (!entry.ip_address.empty()) more += (more.empty() ? "from " : " · from ") + entry.ip_address;
    list += html("<li><div><strong>{}</strong><span class=\"hint\">{}</span></div>{}</li>",
                 title_of_event(entry.type), more, moment_of(entry.at));
  }
  return html("<ol class=\"events\">{}</ol>", list);
}

/// The first of them, without those that lead up to others.
inline std::vector<Trail::Entry> what_counts(std::vector<Trail::Entry> entries, std::size_t most) {
  std::erase_if(entries, [](const Trail::Entry& entry) {
    return entry.type == "challenge_created" || entry.type == "factor_enrolled" ||
           entry.type == "password_accepted";
  });
  if (entries.size() > most) entries.resize(most);
  return entries;
}

inline Html welcome() {
  const auto feature = [](std::string_view title, std::string_view text) {
    return html("<li class=\"card\"><h2>{}</h2><p>{}</p></li>", title, text);
  };
  return html("<p class=\"row\"><a class=\"button\" href=\"/sign-up\">Sign up</a> <a class=\"button quiet\" "
              "href=\"/sign-in\">Sign in</a></p><ul class=\"features\">{}{}{}</ul>",
              feature("Passkeys",
                      "Your fingerprint, your face or your device's PIN signs you in. No page that "
                      "only looks like this one can ask for it."),
              feature("Codes", "From an app on your phone, a message or a call, whichever you have at hand."),
              feature("A way back in", "Recovery codes to print, several ways side by side, and support that "
                                       "lets you in again."));
}

} // namespace detail

/// What a visitor and a user see first, the trail of events, and what was sent.
template <class Clock> void add_overview(Site<Clock>& site) {
  site.get("/", Access::anybody, [&site](Call& call) -> Answer {
    if (call.session.stage == Stage::password_shown) return go_to("/sign-in/second-step");
    if (call.session.stage == Stage::nobody)
      return show(
          {.title = "An account that is hard to steal",
           .body = detail::welcome(),
           .lead = "Sign in with a passkey, or with a password and a second way to confirm that it is you.",
           .narrow = false});
    if (!site.requirement(*call.user).lets_pass()) return go_to("/security");
    const auto factors = site.verified_factors(call.user->id);
    const mfa::Remaining has = mfa::Remaining::of(factors);
    std::string strength = "Only a password protects your account.";
    if (has.factors > 0)
      strength = has.best.phishing_resistant ? "Your account is protected against phishing."
                                             : "Your account is protected by a second factor.";
    const auto counted = [](std::size_t count, const std::string& one, const std::string& more) {
      return count == 0 ? "None" : std::to_string(count) + ' ' + (count == 1 ? one : more);
    };
    const Html state =
        html("<h2>{}</h2><dl class=\"facts\"><dt>Signed in as</dt><dd>{}</dd><dt>To confirm that it is "
             "you</dt><dd>{}</dd>"
             "<dt>Recovery codes</dt><dd>{}</dd><dt>Member since</dt><dd>{}</dd></dl>"
             "<p class=\"row\"><a class=\"button\" href=\"/security\">{}</a></p>",
             strength, call.user->email, counted(has.factors, "way", "ways"),
             counted(has.recovery_codes, "left", "left"), day_of(call.user->joined_at),
             has.factors == 0 ? "Make it safer" : "Manage security");
    Html offers;
    for (const auto& piece : site.seams.on_overview) offers += piece(call);
    return show(
        {.title = "Overview",
         .body = offers + card(state) +
                 card(html("<h2>Lately</h2>{}<p><a href=\"/activity\">All activity</a></p>",
                           detail::events(detail::what_counts(site.trail.of_user(call.user->id), 5)))),
         .narrow = false});
  });

  site.get("/activity", Access::enrolling, [&site](Call& call) {
    constexpr std::size_t most = 100;
    const auto entries = site.trail.of_user(call.user->id, most);
    return show(
        {.title = "Activity",
         .body =
             card(detail::events(entries)) +
             (entries.size() < most ? Html() : html("<p class=\"hint\">These are the latest {}.</p>", most)),
         .lead = "What happened to your account, the latest first. Something that was not you? Change your "
                 "password.",
         .narrow = false});
  });

  if (site.settings.messages != Messages::on_page) return;
  site.get("/inbox", Access::anybody, [&site](Call&) {
    Html list;
    for (const Inbox::Message& message : site.inbox.messages()) {
      const std::string_view kind = message.channel == mfa::Channel::email   ? "E-mail"
                                    : message.channel == mfa::Channel::voice ? "Call"
                                                                             : "Text message";
      list +=
          html("<li class=\"message {}\"><p class=\"hint\">{} to {} · {}</p>{}<p class=\"text\">{}</p></li>",
               to_string(message.channel), kind, message.to, time_of_day(message.at),
               message.subject.empty() ? Html() : html("<h2>{}</h2>", message.subject), message.text);
    }
    return show(
        {.title = "Inbox",
         .body = list.empty() ? html("<p>Nothing was sent yet.</p>")
                              : html("<ol class=\"messages\">{}</ol>", list),
         .lead =
             "This is an example: instead of phones and mailboxes, all that is sent comes to this page, for "
             "everybody to see. The latest is on top."});
  });
}

} // namespace portal
