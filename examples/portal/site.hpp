#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <mfa/crypto/constant_time.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/http/request.hpp>
#include <mfa/http/settings.hpp>
#include <mfa/mfa.hpp>
#include <mfa/requirement.hpp>
#include <mfa/webauthn/relying_party.hpp>

#include "database.hpp"
#include "inbox.hpp"
#include "page.hpp"
#include "passwords.hpp"
#include "session.hpp"
#include "storage.hpp"
#include "trail.hpp"
#include "users.hpp"
#include "words.hpp"

namespace portal {

/// What becomes of text messages, calls and e-mails, which is told to whoever waits for one.
enum class Messages {
  on_page, ///< they come to the page "Inbox", for everybody to see: never in a product
  nowhere, ///< nobody gets them
  sent,    ///< transports in place of `Inbox` deliver them
};

/// Where nobody has set transports: they come to the page if nobody but this machine can see the site, or if
/// that is asked for. `host` is where it listens, `origin` where browsers find it; empty: there.
[[nodiscard]] inline Messages messages_of(std::string_view host, std::string_view origin,
                                          bool inbox_for_everybody) {
  const bool here = mfa::http::is_loopback(host) || host == "::1";
  const bool seen_here = origin.empty() || mfa::http::is_loopback(mfa::http::host_of(origin));
  return inbox_for_everybody || (here && seen_here) ? Messages::on_page : Messages::nowhere;
}

struct Settings {
  std::string name = "Foo Corp"; ///< of the product, as pages, messages and authenticators show it
  /// Where browsers find it, without a slash at the end: "https://portal.example.com", or for trying things
  /// out "http://localhost:8081".
  std::string origin = {};
  std::string data = {};              ///< the SQLite file; empty: memory
  std::string operator_password = {}; ///< empty: there is no page for operators
  Messages messages = Messages::on_page;
  std::string sources = {};    ///< the folder that has examples/ in it, for scripts and styles
  unsigned password_cost = 15; ///< of `Passwords`. Kept ones follow as their users sign in
  /// Who must have a second factor, and from when on: a week after he has signed up.
  mfa::FactorPolicy policy = {
      .grace = std::chrono::hours(24 * 7),
      .offered = {mfa::FactorType::webauthn, mfa::FactorType::totp, mfa::FactorType::sms}};
  /// Countries whose phones get messages.
  std::vector<std::string> countries = {"US", "CA", "GB", "IE", "DE", "FR", "NL", "ES", "IT", "AU", "NZ"};
};

/// Who may come to a page. Others are sent to where they can become that.
enum class Access {
  anybody,
  password_shown, ///< and no more: the second step of a sign-in
  signed_in,
  enrolling, ///< signed in, even if the deadline for a second factor has passed
  support,   ///< operators
};

/// One request, under the lock of its session.
struct Call {
  const httplib::Request& request;
  Session& session;
  std::optional<User> user; ///< from the password on
  Time now;

  [[nodiscard]] std::string param(const char* name) const { return request.get_param_value(name); }
  [[nodiscard]] bool wants_json() const {
    return request.get_header_value("Accept").find("application/json") != std::string::npos;
  }
  /// For the library's observer, by which the trail is kept.
  [[nodiscard]] mfa::EventContext context() const {
    return {.ip_address = request.remote_addr, .user_agent = request.get_header_value("User-Agent")};
  }
};

/// What is answered: a page, JSON, a file, or where to go.
struct Answer {
  int status = 200;
  std::optional<Page> page = {};
  std::string location = {};
  std::string type = {};
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {}; ///< besides
};

inline Answer show(Page page) {
  const int status = page.status;
  return {.status = status, .page = std::move(page)};
}
inline Answer go_to(std::string path) { return {.status = 303, .location = std::move(path)}; }
inline Answer json(const nlohmann::json& value, int status = 200) {
  return {.status = status,
          .type = "application/json",
          .body = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

/// Back to a form, which shows what was wrong. A script gets it as {"message"}.
inline Answer refuse(Call& call, Problem problem, std::string back) {
  if (call.wants_json()) return json({{"message", problem.text}}, 422);
  call.session.flash.problems = {std::move(problem)}; // no page may have shown those of former answers
  return go_to(std::move(back));
}

/// A path of this site, or "/": where a form or an address says to go next may come from anybody.
inline std::string local_path(const std::string& path) {
  constexpr std::size_t longest = 1000; // bytes: sessions of strangers keep it
  const bool local =
      path.size() > 1 && path.size() <= longest && path[0] == '/' && path[1] != '/' && path[1] != '\\';
  for (const char c : path)
    if (static_cast<unsigned char>(c) <= 0x20 || c == '\x7f') return "/";
  return local ? path : "/";
}

/// What can be added on the page "Security".
struct Offer {
  mfa::FactorType type;
  std::string path; ///< of the page that it begins with
  std::string title;
  std::string text;
};

/// Where journeys hook into those of others.
struct Seams {
  using Piece = std::function<Html(Call&)>;

  std::vector<Offer> offers = {}; ///< in the order in which they are shown
  /// By the kind of a factor: the page on which it is used, below "/sign-in/" and "/step-up/", if it is not
  /// used by a code that is typed. Factors of one kind share it.
  std::map<mfa::FactorType, std::string> own_pages = {};
  std::vector<Piece> on_sign_in = {}; ///< below the form of the page "Sign in"
  std::vector<std::string> scripts_on_sign_in = {};
  std::vector<Piece> below_code = {};  ///< inside the form in which a code is typed at the sign-in
  std::vector<Piece> on_overview = {}; ///< above the sections of the page "Overview"
  std::vector<Piece> on_security = {}; ///< sections of the page "Security"
  /// Whether the password is enough in this browser.
  std::function<bool(Call&)> is_remembered = [](Call&) { return false; };
  /// For `mfa::ChallengeOptions::device_token`.
  std::function<mfa::crypto::SecretString(Call&)> device_token = [](Call&) {
    return mfa::crypto::SecretString();
  };
  /// After a sign-in by a factor.
  std::vector<std::function<void(Call&, const mfa::Verification&, Answer&)>> signed_in = {};
  /// What removes what is past its time, once a day.
  std::vector<std::function<void(Time)>> daily = {};
  /// What is done once an action was allowed: by `Question::done`.
  std::map<std::string, std::function<Answer(Call&)>> actions = {};
};

/// The portal: the server's routes, and what the journeys share. `Clock` is the library's policy, which a
/// test can turn. The server must outlive it, and end before.
template <class Clock> class Site {
 public:
  using Verifier = mfa::Verifier<Storage, Clock, Inbox>;
  using Handler = std::function<Answer(Call&)>;

  Site(httplib::Server& server, Clock& clock, Settings given)
      : settings(std::move(given)), inbox([this] { return now(); }), storage_(settings.data),
        database_(settings.data), users(database_, database_lock_, settings.password_cost),
        trail(database_, database_lock_), clock_(&clock), server_(&server),
        verifier(storage_, clock, inbox, options()) {
    server.set_payload_max_length(65'536);
    server.set_read_timeout(std::chrono::seconds(5));
    server.set_keep_alive_timeout(2);
    server.new_task_queue = [] { return new httplib::ThreadPool(32); };
    set_headers();
    server.set_error_handler(
        [this](const httplib::Request&, httplib::Response& response) { tell_failure(response); });
    server.set_exception_handler(
        [this](const httplib::Request& request, httplib::Response& response,
               const std::exception_ptr& thrown) { tell_thrown(request, response, thrown); });
    serve_file("/style.css", "examples/portal/style.css", "text/css; charset=utf-8");
    serve_file("/icon.svg", "examples/portal/icon.svg", "image/svg+xml");
    serve_file("/passkeys.js", "examples/passkeys.js", "text/javascript; charset=utf-8");
  }

  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  // --- for journeys: routes

  void get(const std::string& path, Access access, Handler handler) {
    routes.push_back({path, access, false});
    server_->Get(path, [this, access, handler = std::move(handler)](const httplib::Request& request,
                                                                    httplib::Response& response) {
      handle(request, response, access, handler, false);
    });
  }

  /// A form, or a script's request, which must bring the session's `csrf`.
  void post(const std::string& path, Access access, Handler handler) {
    routes.push_back({path, access, true});
    server_->Post(path, [this, access, handler = std::move(handler)](const httplib::Request& request,
                                                                     httplib::Response& response) {
      handle(request, response, access, handler, true);
    });
  }

  /// A file of the source tree, read once. Throws if it is not there.
  void serve_file(const std::string& path, const std::string& file, const std::string& type) {
    std::ifstream in(settings.sources + '/' + file, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read '" + settings.sources + '/' + file + "'");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::string tag = '"' + std::to_string(std::hash<std::string>{}(text)) + '"';
    server_->Get(path, [text, type, tag](const httplib::Request& request, httplib::Response& response) {
      response.set_header("Cache-Control", "no-cache");
      response.set_header("ETag", tag);
      if (request.get_header_value("If-None-Match") == tag) {
        response.status = 304;
        return;
      }
      response.set_content(text, type);
    });
  }

  // --- for journeys: what has happened

  /// The password was right, and `call.user` is whose it was.
  Answer password_accepted(Call& call) {
    Session& session = call.session;
    const std::string return_to = std::exchange(session.return_to, {});
    session.nobody();
    session.user_id = call.user->id;
    session.password_at = call.now;
    note(call, "password_accepted");
    // Before factors are read: see `factor_added`.
    if (!sessions.renew(session, call.now)) return signed_out_meanwhile(call);
    const bool asks = !verified_factors(session.user_id).empty() && !seams.is_remembered(call);
    session.stage = asks ? Stage::password_shown : Stage::signed_in;
    if (session.stage == Stage::signed_in) {
      note(call, "signed_in");
      return go_to(local_path(return_to));
    }
    session.question = {.return_to = return_to};
    return go_to("/sign-in/second-step");
  }

  /// A right answer to a question: of a sign-in, also by a passkey and without a password, or of a step-up.
  Answer answered(Call& call, const mfa::Verification& verification) {
    Session& session = call.session;
    const Question question = std::exchange(session.question, {});
    if (verification.purpose() == mfa::Purpose::action) {
      const auto action = seams.actions.find(question.done);
      return action == seams.actions.end() ? go_to("/") : action->second(call);
    }
    if (verification.purpose() == mfa::Purpose::step_up) {
      was_shown(call, verification.challenge().id());
      return go_to(local_path(question.return_to));
    }
    std::string return_to = std::exchange(session.return_to, {});
    if (return_to.empty()) return_to = question.return_to;
    if (session.user_id != verification.user_id()) session.nobody();
    session.user_id = verification.user_id();
    session.stage = Stage::signed_in;
    call.user = users.find(session.user_id);
    was_shown(call, verification.challenge().id());
    if (!sessions.renew(session, call.now)) return signed_out_meanwhile(call);
    note(call, "signed_in");
    Answer answer = go_to(local_path(return_to));
    for (const auto& hook : seams.signed_in) hook(call, verification, answer);
    return answer;
  }

  /// The user has shown a factor: from now on, for ten minutes, he may change his factors.
  void was_shown(Call& call, const std::string& challenge_id) {
    call.session.shown = challenge_id;
    call.session.shown_at = call.now;
  }

  /// A factor was confirmed, which allows further changes as an answer to a question does. `name` is what the
  /// user calls it.
  Answer factor_added(Call& call, const mfa::Confirmation& confirmation, const std::string& name) {
    call.session.enrolling = {};
    was_shown(call, confirmation.challenge().id());
    name_factor(call, confirmation.factor_id(), name);
    const std::string kind(name_of(confirmation.factor_type()));
    tell(call.user->email, "a way to confirm was added", "Added to your account: " + kind + '.');
    call.session.flash.notice = kind + " added. We will ask for it when you sign in.";
    // With the first, a password alone is no longer enough, also of who has signed in with it already.
    if (verified_factors(call.user->id).size() == 1)
      if (const std::size_t ended = sessions.end_others(call.user->id, call.session.id); ended > 0)
        call.session.flash.notice += " Other browsers that were signed out: " + std::to_string(ended) + '.';
    return go_to("/security");
  }

  /// False if it is no name.
  bool name_factor(Call& call, const std::string& factor_id, const std::string& name) {
    const std::string_view trimmed = mfa::detail::trimmed(name);
    if (trimmed.empty()) return false;
    try {
      verifier.rename_factor(factor_id, call.user->id, trimmed, call.context());
      return true;
    } catch (const mfa::Error& error) {
      if (error.code() != mfa::errc::invalid_argument) throw;
      return false;
    }
  }

  /// What he has shown, for the library's verbs.
  [[nodiscard]] static mfa::Authorization shown_by(const Call& call) {
    return mfa::Authorization::of_challenge(call.session.shown);
  }

  /// Where to send a user who has shown no factor in the last ten minutes, or, if he has none, not his
  /// password; nothing if he has. He comes back to `return_to`.
  std::optional<Answer> ask_first(Call& call, const std::string& return_to) {
    const bool by_factor = !verified_factors(call.session.user_id).empty();
    const auto& when = by_factor ? call.session.shown_at : call.session.password_at;
    if (when && mfa::is_fresh(*when, verifier.options().authorization_lifetime, clock_->now()))
      return std::nullopt;
    call.session.question = {.purpose = mfa::Purpose::step_up, .return_to = return_to};
    return go_to(by_factor ? "/step-up" : "/step-up/password");
  }

  /// An event of the portal's own.
  void note(const Call& call, std::string type) {
    if (call.session.user_id.empty()) return;
    trail.add(call.session.user_id,
              {.at = call.now,
               .type = std::move(type),
               .factor_type = {},
               .status = {},
               .ip_address = call.request.remote_addr,
               .user_agent = call.request.get_header_value("User-Agent").substr(0, 200)});
  }

  /// A mail to the user: what changes his account is told to where he reads it.
  void tell(const std::string& email, const std::string& subject, const std::string& text) {
    mfa::EmailMessage mail;
    mail.to = email;
    mail.subject = settings.name + ": " + subject;
    mail.text = text + "\n\nIf this was not you, change your password and tell us.\n";
    try {
      inbox.send(mail);
    } catch (const std::exception& error) { // what it tells of is done
      std::cerr << "portal: a mail was not sent: " << error.what() << '\n';
    }
  }

  // --- for journeys: what is known

  [[nodiscard]] Time now() const { return std::chrono::floor<std::chrono::milliseconds>(clock_->now()); }

  /// Those that sign in: recovery codes among them.
  [[nodiscard]] auto verified_factors(const std::string& user_id) const {
    auto factors = verifier.list_factors(user_id);
    std::erase_if(factors, [](const auto& factor) { return !factor.verified(); });
    return factors;
  }

  /// How the user stands to the policy.
  [[nodiscard]] mfa::Requirement requirement(const User& user) const {
    return mfa::requirement(settings.policy, verifier.list_factors(user.id), clock_->now(),
                            {.since = user.joined_at});
  }

  /// Whether he may be without a factor, today.
  [[nodiscard]] bool may_have_none(const User& user) const {
    return mfa::requirement(settings.policy, std::vector<mfa::FactorDetails>(), clock_->now(),
                            {.since = user.joined_at})
        .lets_pass();
  }

  /// The relying party of security keys: the origin's host.
  [[nodiscard]] std::string host() const {
    const auto from = settings.origin.find("://") + 3;
    return settings.origin.substr(from, settings.origin.find(':', from) - from);
  }

  /// For whoever waits for a message: where it comes, or that none does.
  [[nodiscard]] Html about_messages() const {
    if (settings.messages == Messages::on_page)
      return html(
          "<p class=\"banner\" id=\"about-messages\">This is an example, from which nothing goes to phones "
          "and mailboxes. Read it in the <a href=\"/inbox\" target=\"_blank\">Inbox (opens a new "
          "tab)</a>.</p>");
    if (settings.messages == Messages::nowhere)
      return html(
          "<p class=\"banner urgent\" id=\"about-messages\">No message and no call goes out from this site "
          "yet: no code will come. Choose another way.</p>");
    return {};
  }

  [[nodiscard]] bool is_secure() const { return settings.origin.starts_with("https://"); }

  /// The header by which a browser keeps a cookie; with no `lifetime` until it is closed.
  [[nodiscard]] std::pair<std::string, std::string>
  cookie(const std::string& name, std::string_view value,
         std::optional<std::chrono::seconds> lifetime = std::nullopt) const {
    std::string text = cookie_name(name).append("=").append(value) + "; Path=/; HttpOnly; SameSite=Lax";
    if (is_secure()) text += "; Secure";
    if (lifetime) text += "; Max-Age=" + std::to_string(lifetime->count());
    return {"Set-Cookie", text};
  }
  [[nodiscard]] std::string cookie_of(const httplib::Request& request, const std::string& name) const {
    return portal::cookie_of(request.get_header_value("Cookie"), cookie_name(name));
  }

  struct Route {
    std::string path;
    Access access;
    bool changes; ///< a POST
  };

  const Settings settings;
  std::vector<Route> routes; ///< of all journeys
  Seams seams;
  Sessions sessions;
  Inbox inbox;

 private:
  Storage storage_; // makes the file, for its owner alone
  std::mutex database_lock_;
  Database database_;

 public:
  Users users;
  Trail trail;

 private:
  mfa::Options options() {
    mfa::Options options{
        .key_ring = keys_for(settings.data),
        .sms_template = "{{code}} is your code for {{company}}. Give it to nobody.",
        .sms_values = {{"company", settings.name}},
        .sms_allowed_country_codes = settings.countries,
        .sms_channels = {mfa::Channel::sms, mfa::Channel::voice},
        .voice_template = "Your code is {{code}}.",
        .email_template =
            {.subject = "Your code for {{company}}",
             .text = "Your code is {{code}}\n\nIt is good for ten minutes. If you did not ask for it, "
                     "somebody knows your password: change it.\n"},
        .email_values = {{"company", settings.name}},
        .webauthn =
            mfa::webauthn::relying_party({.id = host(), .name = settings.name, .origins = {settings.origin}}),
        .failures_before_lockout = 10, // of 100 that are allowed: support is a page away
        .observer = [this](const mfa::Event& event) {
          try {
            trail.add(event);
          } catch (const std::exception& error) { // what it tells of is done
            std::cerr << "portal: an event was not kept: " << error.what() << '\n';
          }
        }};
    return options;
  }

  [[nodiscard]] std::string cookie_name(const std::string& name) const {
    return is_secure() ? "__Host-" + name : name;
  }

  void set_headers() {
    httplib::Headers headers{
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
         "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Permissions-Policy", "camera=(), microphone=(), geolocation=(), publickey-credentials-get=(self), "
                               "publickey-credentials-create=(self)"}};
    if (is_secure()) headers.emplace("Strict-Transport-Security", "max-age=31536000");
    server_->set_default_headers(std::move(headers));
  }

  void handle(const httplib::Request& request, httplib::Response& response, Access access,
              const Handler& handler, bool changes) {
    const Time at = now();
    const std::string brought = cookie_of(request, "session");
    auto session = brought.empty() ? nullptr : sessions.find(brought, at);
    std::unique_lock<std::mutex> guard;
    // While this waited, the session may have got a new id, with what its user has shown, or have ended: who
    // comes with the former id then is a stranger, and gets no cookie over the one that was sent meanwhile.
    bool is_too_late = false;
    if (session) {
      guard = std::unique_lock(session->lock);
      is_too_late = sessions.find(brought, at) != session;
    }
    if (!session || is_too_late) {
      guard = {};
      session = is_too_late ? Sessions::apart() : sessions.begin(at);
      guard = std::unique_lock(session->lock);
    }
    session->ends_seen = sessions.ends();
    purge_daily(at);
    Call call{request, *session, {}, at};
    if (!session->user_id.empty()) {
      call.user = users.find(session->user_id);
      if (!call.user) session->nobody();
    }
    Answer answer = answer_to(call, access, handler, changes);
    keep_little(*session);
    if (session->id != brought && !is_too_late) answer.headers.push_back(cookie("session", session->id));
    send(call, std::move(answer), response);
  }

  /// While this user signed in, all his sessions were ended, as for a new password: he has to begin again.
  static Answer signed_out_meanwhile(Call& call) {
    call.session.nobody();
    call.user.reset();
    return go_to("/sign-in");
  }

  Answer answer_to(Call& call, Access access, const Handler& handler, bool changes) {
    try {
      if (changes && !mfa::crypto::equal(call.param("csrf"), call.session.csrf)) return out_of_date(call);
      if (auto elsewhere = gate(call, access)) return *std::move(elsewhere);
      return handler(call);
    } catch (const mfa::Error& error) {
      return refuse(call, error);
    } catch (const std::exception& error) {
      std::cerr << "portal: " << call.request.path << ": " << error.what() << '\n';
      return failure(call, 500, "Something went wrong", "It is not your fault. Try again later.");
    }
  }

  /// Sessions are anybody's: what was typed stays in one only as far as a field takes it.
  static void keep_little(Session& session) {
    std::erase_if(session.flash.typed, [](const auto& typed) {
      const std::string& text = typed.second;
      return text.size() > 1000; // bytes
    });
  }

  /// Where to send somebody who may not come here.
  std::optional<Answer> gate(Call& call, Access access) {
    Session& session = call.session;
    const auto instead = [&](const char* path) {
      return call.wants_json() ? json({{"message", "You are signed out. Load the page again."}}, 401)
                               : go_to(path);
    };
    switch (access) {
    case Access::anybody: return std::nullopt;
    case Access::support:
      return session.is_operator ? std::nullopt : std::optional(instead("/operator/sign-in"));
    case Access::password_shown:
      if (session.stage == Stage::password_shown) return std::nullopt;
      return instead(session.stage == Stage::signed_in ? "/" : "/sign-in");
    case Access::signed_in:
    case Access::enrolling: break;
    }
    if (session.stage == Stage::password_shown) return instead("/sign-in/second-step");
    if (session.stage == Stage::nobody) {
      if (call.request.method == "GET") session.return_to = local_path(call.request.target);
      return instead("/sign-in");
    }
    if (access == Access::signed_in && !requirement(*call.user).lets_pass()) return instead("/security");
    return std::nullopt;
  }

  Answer refuse(Call& call, const mfa::Error& error) {
    switch (error.code()) {
    case mfa::errc::authorization_required:
      call.session.shown_at.reset();
      if (!call.wants_json())
        if (auto ask = ask_first(call, call.request.method == "GET" ? call.request.path : "/security"))
          return *std::move(ask);
      return failure(call, 403, "Confirm that it is you", sentence(error, call.now));
    case mfa::errc::entity_not_found: return failure(call, 404, "Not found", sentence(error, call.now));
    case mfa::errc::sms_rate_limited:
    case mfa::errc::sms_budget_spent:
    case mfa::errc::email_rate_limited:
    case mfa::errc::code_rate_limited:
    case mfa::errc::user_delayed: return failure(call, 429, "Please wait", sentence(error, call.now));
    case mfa::errc::factor_locked_out: return failure(call, 403, "Locked", sentence(error, call.now));
    case mfa::errc::sms_not_sent:
    case mfa::errc::message_not_delivered:
    case mfa::errc::challenge_over:
    case mfa::errc::enrollment_expired:
    case mfa::errc::last_factor:
    case mfa::errc::wrong_purpose: return failure(call, 409, "That did not work", sentence(error, call.now));
    default:
      std::cerr << "portal: " << call.request.path << ": " << error.what() << '\n';
      return failure(call, 500, "Something went wrong", "It is not your fault. Try again later.");
    }
  }

  static Answer failure(Call& call, int status, std::string title, std::string text) {
    if (call.wants_json()) return json({{"message", text}}, status);
    return show({.title = std::move(title),
                 .body = html("<p><a class=\"button\" href=\"/\">Go to the overview</a></p>"),
                 .lead = std::move(text),
                 .status = status});
  }

  static Answer out_of_date(Call& call) {
    return failure(
        call, 403, "This form is out of date",
        "You have signed in or out since the page was loaded, or it was open for too long. Load it again.");
  }

  /// What must be told on every page of a user's: until when he has to add a factor.
  Html banner(const Call& call) const {
    if (call.session.stage != Stage::signed_in || !call.user) return {};
    const mfa::Requirement asked = requirement(*call.user);
    if (asked.standing == mfa::Standing::due)
      return html(
          "<p class=\"banner\" id=\"deadline\">Your account needs a second way to confirm that it is you "
          "by {}.{}</p>",
          day_of(*asked.until),
          call.request.path.starts_with("/security") ? Html() : html(" <a href=\"/security\">Add one</a>"));
    if (asked.standing == mfa::Standing::overdue)
      return html(
          "<p class=\"banner urgent\" id=\"deadline\">Your account needs a second way to confirm that it is "
          "you. Add one to go on.</p>");
    return {};
  }

  void send(Call& call, Answer answer, httplib::Response& response) {
    response.status = answer.status;
    for (const auto& [name, value] : answer.headers) response.headers.emplace(name, value);
    response.headers.emplace("Cache-Control", "no-store");
    if (!answer.location.empty()) return response.set_redirect(answer.location, answer.status);
    if (!answer.page) return response.set_content(answer.body, answer.type);
    const Session& session = call.session;
    const Frame frame{.site_name = settings.name,
                      .path = call.request.path,
                      .email = session.stage == Stage::signed_in && call.user ? call.user->email : "",
                      .csrf = session.csrf,
                      .is_operator = session.is_operator,
                      .has_inbox = settings.messages == Messages::on_page,
                      .banner = banner(call),
                      .flash = std::exchange(call.session.flash, {})};
    response.set_content(document(*answer.page, frame).text(), "text/html; charset=utf-8");
  }

  /// What is past its time goes, without a program beside this one.
  void purge_daily(Time at) {
    Time::rep last = purged_at_.load();
    const Time::rep count = at.time_since_epoch().count();
    if (count - last > std::chrono::milliseconds(std::chrono::hours(24)).count() &&
        purged_at_.compare_exchange_strong(last, count)) {
      try {
        sessions.purge(at);
        trail.forget_before(at - std::chrono::hours(24 * 365));
        for (const auto& purge : seams.daily) purge(at);
        verifier.purge_expired();
      } catch (const std::exception& error) { // it is no matter of who happens to ask
        std::cerr << "portal: what is past its time was not removed: " << error.what() << '\n';
      }
    }
  }

  /// What was thrown outside of a handler, which the server would tell to the browser.
  void tell_thrown(const httplib::Request& request, httplib::Response& response,
                   const std::exception_ptr& thrown) const {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      std::cerr << "portal: " << request.path << ": " << error.what() << '\n';
    } catch (...) {
      std::cerr << "portal: " << request.path << ": something was thrown that is no exception\n";
    }
    response.status = 500;
    response.body.clear();
    tell_failure(response);
  }

  /// Of what no handler has answered.
  void tell_failure(httplib::Response& response) const {
    if (!response.body.empty()) return;
    const std::string title = response.status == 404   ? "Page not found"
                              : response.status == 413 ? "That was too much"
                              : response.status == 500 ? "Something went wrong"
                                                       : "That was not understood";
    const Page page{.title = title,
                    .body = html("<p><a class=\"button\" href=\"/\">Go to the overview</a></p>")};
    response.set_content(
        document(page, {.site_name = settings.name, .path = {}, .email = {}, .csrf = {}}).text(),
        "text/html; charset=utf-8");
  }

  Clock* clock_;
  httplib::Server* server_;
  std::atomic<Time::rep> purged_at_ = 0;

 public:
  Verifier verifier;
};

} // namespace portal
