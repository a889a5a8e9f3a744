#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/mfa.hpp>

#include "../site.hpp"

namespace portal {

namespace detail {

/// As many are left as the library calls few.
inline constexpr unsigned few_recovery_codes = 2;

struct RecoverySet {
  std::string factor_id;
  unsigned remaining;
  unsigned count;
};

inline std::optional<RecoverySet> recovery_set_of(const auto& factors) {
  for (const auto& factor : factors)
    if (const auto* const codes = factor.recovery_codes(); codes != nullptr && factor.verified())
      return RecoverySet{factor.id(), codes->remaining, codes->count};
  return std::nullopt;
}

inline std::string left_of(const RecoverySet& set) {
  if (set.remaining == 0) return "You have no recovery code left.";
  return "You have " + std::to_string(set.remaining) + " of " + std::to_string(set.count) +
         " recovery codes left.";
}

/// The codes of a form's field, one a line; none if something else is among them.
inline std::vector<std::string> read_codes(const std::string& lines) {
  constexpr std::size_t longest = 32;
  constexpr std::size_t most = 50;
  std::vector<std::string> codes(1);
  for (const char c : lines) {
    const bool of_code = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    if (c == '\n')
      codes.emplace_back();
    else if (of_code && codes.back().size() < longest)
      codes.back() += c;
    else if (c != '\r')
      return {};
    if (codes.size() > most) return {};
  }
  std::erase(codes, std::string());
  return codes;
}

/// The codes, once, with what helps to keep them.
inline Page page_of_codes(const Call& call, const std::vector<mfa::crypto::SecretString>& codes,
                          std::string_view site_name) {
  Html list;
  std::string lines;
  for (const auto& code : codes) {
    list += html("<li><code>{}</code></li>", code.view());
    lines.append(code.view()).append("\n");
  }
  const Html body = card(
      html("<p class=\"on-paper\">{}, {}, {}</p><ol class=\"codes\" id=\"codes\">{}</ol>", site_name,
           call.user->email, date(call.now), list) +
      html("<div class=\"row\"><button class=\"button\" type=\"button\" data-copy=\"#codes code\" "
           "hidden>Copy"
           "</button><button class=\"button quiet\" type=\"button\" data-print hidden>Print</button>{}</div>",
           form("/security/recovery-codes/download", call.session.csrf,
                hidden("codes", lines) + quiet_button("Download"))) +
      html("<p class=\"hint told\" role=\"status\" data-codes-status></p>"));
  return {
      .title = "Your recovery codes",
      .body = body + html("<p class=\"row\"><a class=\"button\" href=\"/security\">I have kept them</a></p>"),
      .lead =
          "They are shown this once. Keep them where you find them without your phone: on paper, or in your "
          "password manager. Each works once.",
      .scripts = {"/recovery_codes.js"}};
}

} // namespace detail

/// Recovery codes: made once there is another factor, kept on paper or in a file, made anew when few are
/// left.
template <class Clock> void add_recovery_codes(Site<Clock>& site) {
  site.get("/security/recovery-codes", Access::enrolling, [&site](Call& call) -> Answer {
    if (auto first = site.ask_first(call, "/security/recovery-codes")) return *std::move(first);
    const auto factors = site.verified_factors(call.user->id);
    const auto set = detail::recovery_set_of(factors);
    if (factors.empty())
      return show({.title = "Recovery codes",
                   .body = html("<p><a class=\"button\" href=\"/security\">Add a way to confirm</a></p>"),
                   .lead = "They stand in for another way to confirm that it is you. Add that first."});
    const Html make = form("/security/recovery-codes", call.session.csrf,
                           button(set ? "Make new codes" : "Make recovery codes"));
    return show(
        {.title = set ? "Make new recovery codes" : "Make recovery codes",
         .body = card((set ? html("<p id=\"codes-left\">{} The new ones replace all of them at once.</p>",
                                  detail::left_of(*set))
                           : Html()) +
                      make) +
                 html("<p><a href=\"/security\">Cancel</a></p>"),
         .lead = "With one of them you get in when your phone or your key is lost."});
  });

  site.post("/security/recovery-codes", Access::enrolling, [&site](Call& call) -> Answer {
    if (auto first = site.ask_first(call, "/security/recovery-codes")) return *std::move(first);
    const auto factors = site.verified_factors(call.user->id);
    if (factors.empty()) return go_to("/security/recovery-codes");
    const auto shown = site.shown_by(call);
    if (const auto set = detail::recovery_set_of(factors)) {
      const auto renewed =
          site.verifier.regenerate_recovery_codes(set->factor_id, call.user->id, shown, call.context());
      return show(detail::page_of_codes(call, renewed.recovery_codes.codes, site.settings.name));
    }
    const mfa::RecoveryCodes wanted{.user_id = call.user->id, .friendly_name = "Recovery codes"};
    const auto made = site.verifier.enroll_factor(wanted, shown, call.context());
    return show(detail::page_of_codes(call, made.recovery_codes.codes, site.settings.name));
  });

  // What the page has shown comes back as a file: the site keeps no code.
  site.post("/security/recovery-codes/download", Access::enrolling, [&site](Call& call) -> Answer {
    const auto codes = detail::read_codes(call.param("codes"));
    if (codes.empty())
      return refuse(call, {"There are no codes to download. Make new ones."}, "/security/recovery-codes");
    std::string text = site.settings.name + ": recovery codes of " + call.user->email + "\r\n" +
                       detail::date(call.now) + "\r\n\r\n";
    for (const std::string& code : codes) text += code + "\r\n";
    text += "\r\nEach works once, in place of your phone or your key. New ones end these.\r\n";
    return {.type = "text/plain; charset=utf-8",
            .body = text,
            .headers = {{"Content-Disposition", "attachment; filename=\"recovery-codes.txt\""}}};
  });

  // --- what is left

  site.seams.on_security.push_back([&site](Call& call) {
    const auto factors = site.verified_factors(call.user->id);
    if (factors.empty()) return Html();
    const auto set = detail::recovery_set_of(factors);
    const Html text =
        !set ? html("<p>You have none. Without them, who loses his phone or his key loses his account.</p>")
        : set->remaining <= detail::few_recovery_codes
            ? html("<p class=\"problem\" id=\"codes-left\">{} Make new ones before you need them.</p>",
                   detail::left_of(*set))
            : html("<p id=\"codes-left\">{}</p>", detail::left_of(*set));
    return card(html(
        "<h2>Recovery codes</h2>{}<p><a class=\"button quiet\" href=\"/security/recovery-codes\">{}</a></p>",
        text, set ? "Make new codes" : "Make recovery codes"));
  });

  site.seams.signed_in.push_back([&site](Call& call, const mfa::Verification& verification, Answer&) {
    if (verification.factor_type() != mfa::FactorType::recovery_codes) return;
    const auto set = detail::recovery_set_of(site.verified_factors(call.session.user_id));
    if (!set) return;
    call.session.flash.notice = detail::left_of(*set);
    if (set->remaining <= detail::few_recovery_codes)
      call.session.flash.notice += " Make new ones on the page Security, before you need them.";
  });

  site.serve_file("/recovery_codes.js", "examples/portal/recovery_codes.js",
                  "text/javascript; charset=utf-8");
}

} // namespace portal
