#pragma once

#include <array>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <httplib.h>

#include <mfa/crypto/random.hpp>
#include <mfa/mfa.hpp>

#include "escaped.hpp"

using examples::escaped;

/// Shows on a page of the site what everybody is sent: for trying things out, where a real site has
/// `mfa::email::Smtp`.
class InboxOnAPage {
 public:
  void send(const mfa::EmailMessage& message) {
    const std::lock_guard lock(mutex_);
    mails_.push_back(message);
  }

  [[nodiscard]] std::vector<mfa::EmailMessage> mails() const {
    const std::lock_guard lock(mutex_);
    return mails_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<mfa::EmailMessage> mails_;
};

/// What the site sets. `origin` is where it is served: "https://example.com".
inline mfa::Options magic_link_options(const std::string& origin) {
  return {.email_template = {.subject = "Sign in to {{company}}",
                             .text = "Open this in the browser in which you asked for it:\n\n{{link}}\n\n"
                                     "On another device, type this code into that browser: {{code}}\n\n"
                                     "If you did not ask for it, you need not do anything.\n"},
          .email_values = {{"company", "Foo Corp"}},
          .email_link = origin + "/sign-in?challenge={{challenge}}&token={{token}}"};
}

inline mfa::email::Template is_this_your_address() {
  return {.subject = "Is this your address?",
          .text = "To have an account at {{company}}, open this in the browser in which you asked for it:\n\n"
                  "{{link}}\n\nOn another device, type this code into that browser: {{code}}\n\n"
                  "If you did not ask for it, you need not do anything.\n"};
}

/// A site without passwords over a host's verifier, which must outlive the server: a first link confirms the
/// address of a new user, further ones sign in. Its users are known by their addresses, in small letters; a
/// real site has ids of its own for them.
template <class Verifier> class MagicLinkSite {
 public:
  MagicLinkSite(httplib::Server& server, Verifier& verifier, const InboxOnAPage& inbox)
      : verifier_(&verifier), inbox_(&inbox) {
    server.set_payload_max_length(8192); // of forms: else it takes in whatever comes
    using Route = void (MagicLinkSite::*)(const httplib::Request&, httplib::Response&);
    const auto handler = [this](Route route) {
      return [this, route](const httplib::Request& request, httplib::Response& response) {
        try {
          (this->*route)(request, response);
        } catch (const mfa::Error& error) {
          refuse(error, response);
        }
      };
    };
    server.Get("/", handler(&MagicLinkSite::home));
    server.Get("/inbox", handler(&MagicLinkSite::show_inbox));
    server.Post("/ask", handler(&MagicLinkSite::ask));
    server.Get("/sign-in", handler(&MagicLinkSite::show_button)); // httplib answers HEAD by the same
    server.Post("/sign-in", handler(&MagicLinkSite::sign_in));
    server.Post("/sign-out", handler(&MagicLinkSite::sign_out));
  }

 private:
  void home(const httplib::Request& request, httplib::Response& response) {
    const std::string user = signed_in(session_of(request));
    if (user.empty())
      show(response,
           "<form method=post action=/ask><input name=address type=email required autofocus "
           "autocomplete=email placeholder='you@example.com'> <button>Send me a link</button></form>"
           "<p>This is an example: mails go to <a href=/inbox>a page</a>.</p>");
    else
      show(response, "<p>You are signed in as " + escaped(user) +
                         ".</p><form method=post action=/sign-out><button>Sign out</button></form>");
  }

  /// Answers the same whether it knows the address, so that nobody learns who its users are.
  void ask(const httplib::Request& request, httplib::Response& response) {
    const std::string address = mfa::email::parse_address(request.get_param_value("address"));
    const std::string user = in_small_letters(address);
    auto session = session_of(request);
    if (!session) session = begin_session(response);
    std::string challenge_id;
    // The mail goes to the address that was enrolled, whatever spelling of it was typed now.
    for (const auto& factor : verifier_->list_factors(user))
      if (factor.verified() && challenge_id.empty())
        challenge_id = factor.challenge({.binding = session}).id();
    if (challenge_id.empty()) {
      const auto enrolled = verifier_->enroll_factor(mfa::Email{.address = address, .user_id = user});
      const mfa::ChallengeOptions asked{.email_template = is_this_your_address(), .binding = session};
      challenge_id = enrolled.factor.challenge_enrollment(asked).id();
    }
    show(response, "<p>A mail is on its way. Open its link in this browser, or type its code here.</p>" +
                       form(challenge_id, "<input name=token inputmode=numeric required "
                                          "autocomplete=one-time-code> <button>Continue</button>"));
  }

  /// What the link leads to. Programs that look at links before the user does may open it as often as they
  /// like: nothing is used up until he presses the button.
  void show_button(const httplib::Request& request, httplib::Response& response) {
    show(response, form(request.get_param_value("challenge"), "<input type=hidden name=token value='" +
                                                                  escaped(request.get_param_value("token")) +
                                                                  "'><button autofocus>Continue</button>"));
  }

  /// The button, or a code that was typed. Another browser has another session, for which there is no such
  /// challenge.
  void sign_in(const httplib::Request& request, httplib::Response& response) {
    const auto session = session_of(request);
    const std::string id = request.get_param_value("challenge");
    const std::string token = request.get_param_value("token");
    if (verifier_->get_challenge(id, mfa::any_user).purpose() == mfa::Purpose::confirm_enrollment) {
      const auto confirmation = verifier_->confirm_enrollment(id, token, {.binding = session});
      if (!confirmation.confirmed()) return refuse(response);
      return show(response, "<p>The address is confirmed. <a href=/>Have a link sent to sign in.</a></p>");
    }
    const auto verification = verifier_->verify_challenge(id, token, {.binding = session});
    if (!verification.valid()) return refuse(response);
    forget(session); // who knew its id before the sign-in is not signed in with it
    remember(begin_session(response), verification.user_id());
    response.set_redirect("/", 303);
  }

  void sign_out(const httplib::Request& request, httplib::Response& response) {
    forget(session_of(request));
    response.set_redirect("/", 303);
  }

  void show_inbox(const httplib::Request&, httplib::Response& response) {
    std::string list;
    for (const mfa::EmailMessage& mail : inbox_->mails())
      list.insert(0, "<h2>" + escaped(mail.subject) + "</h2><p>to " + escaped(mail.to) + "</p><pre>" +
                         with_links(escaped(mail.text)) + "</pre>");
    show(response, list.empty() ? "<p>No mail yet.</p>" : list);
  }

  void refuse(const mfa::Error& error, httplib::Response& response) {
    switch (error.code()) {
    case mfa::errc::entity_not_found:
    case mfa::errc::enrollment_expired:
    case mfa::errc::authorization_required: // another link has confirmed an address meanwhile
      return refuse(response);
    case mfa::errc::invalid_email_address:
      response.status = 400;
      return show(response, "<p>Please write another: " + escaped(error.what()) + ".</p>");
    case mfa::errc::email_rate_limited:
    case mfa::errc::user_delayed:      // of users alone, so that it is
    case mfa::errc::factor_locked_out: // told as what anybody may meet
      response.status = 429;
      response.set_header("Retry-After",
                          std::to_string(error.retry_after().value_or(std::chrono::seconds(30)).count()));
      return show(response, "<p>There were too many mails or codes for this address. Please wait, and then "
                            "<a href=/>ask for another link</a>.</p>");
    default:
      response.status = 503;
      return show(response, "<p>That did not work. Please try again later.</p>");
    }
  }

  /// The same for whatever is wrong with it: else that would tell whether there is a user of this address.
  static void refuse(httplib::Response& response) {
    response.status = 403;
    show(response,
         "<p>This link or code is wrong, not for this browser, or no longer good. Open it in the browser "
         "in which you asked for it, or <a href=/>ask for another</a>.</p>");
  }

  /// The token in the address of a page goes to no other site and into no cache; no other site frames its
  /// button; and no script is run, whatever the address holds.
  static void show(httplib::Response& response, const std::string& body) {
    response.set_header("Referrer-Policy", "no-referrer");
    response.set_header("Cache-Control", "no-store");
    response.set_header("Content-Security-Policy",
                        "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
    response.set_content("<!doctype html><html lang=en><meta name=viewport content='width=device-width'>"
                         "<title>Foo Corp</title><h1>Foo Corp</h1>" +
                             body,
                         "text/html; charset=utf-8");
  }

  static std::string form(const std::string& challenge_id, const std::string& rest) {
    return "<form method=post action=/sign-in><input type=hidden name=challenge value='" +
           escaped(challenge_id) + "'>" + rest + "</form>";
  }

  /// As mail programs do.
  static std::string with_links(const std::string& text) {
    const auto begin = text.find("http");
    if (begin == std::string::npos) return text;
    const std::string link = text.substr(begin, text.find('\n', begin) - begin);
    return std::string(text).replace(begin, link.size(), "<a href='" + link + "'>" + link + "</a>");
  }

  static std::string in_small_letters(std::string text) {
    for (char& c : text)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
  }

  // Sessions, which a real site has already.

  static std::optional<std::string> session_of(const httplib::Request& request) {
    const std::string cookies = "; " + request.get_header_value("Cookie") + ';';
    constexpr std::string_view name = "; session=";
    const auto begin = cookies.find(name);
    if (begin == std::string::npos) return std::nullopt;
    const std::string id =
        cookies.substr(begin + name.size(), cookies.find(';', begin + 1) - begin - name.size());
    return id.size() == 32 ? std::optional(id) : std::nullopt;
  }

  /// Over https, add "; Secure" and call the cookie "__Host-session".
  static std::string begin_session(httplib::Response& response) {
    std::array<unsigned char, 16> bytes{};
    mfa::crypto::random_bytes(bytes);
    std::string id;
    for (const unsigned char byte : bytes)
      (id += "0123456789abcdef"[byte >> 4]) += "0123456789abcdef"[byte & 15];
    response.set_header("Set-Cookie", "session=" + id + "; Path=/; HttpOnly; SameSite=Lax");
    return id;
  }

  void remember(const std::string& session, const std::string& user) {
    const std::lock_guard lock(mutex_);
    signed_in_[session] = user;
  }
  void forget(const std::optional<std::string>& session) {
    const std::lock_guard lock(mutex_);
    if (session) signed_in_.erase(*session);
  }
  std::string signed_in(const std::optional<std::string>& session) {
    const std::lock_guard lock(mutex_);
    const auto found = session ? signed_in_.find(*session) : signed_in_.end();
    return found == signed_in_.end() ? "" : found->second;
  }

  Verifier* verifier_;
  const InboxOnAPage* inbox_;
  std::mutex mutex_;
  std::map<std::string, std::string> signed_in_; ///< users by session
};
