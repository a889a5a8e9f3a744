// The observer hears of everything that a verb changed or refused, after its commit, with what the host said
// of the request: a table of verbs and what each tells.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/import.hpp>
#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/testing/recording_email.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/failing_commits.hpp"
#include "support/host.hpp"
#include "support/scripted_relying_party.hpp"
#include "support/whole_storage.hpp"

using mfa::errc;
using mfa::Event;
using mfa::EventContext;
using mfa::EventType;
using mfa::KeyRing;
using mfa::Options;
using mfa::Status;
using mfa::crypto::bytes_of;
using mfa::test::error_of;
using mfa::test::HostOver;
using mfa::test::thrown_by;
using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

namespace {

constexpr std::string_view old_key = "0123456789abcdef0123456789ABCDEF";
constexpr std::string_view new_key = "ABCDEF01234567890abcdef012345678";

const EventContext request{.ip_address = "192.0.2.1", .user_agent = "Browser/1.0", .request_id = "request 7"};

/// An event in one line: what is set of it, in the order of its members.
std::string line_of(const Event& event) {
  std::string line(to_string(event.type));
  if (event.factor_type) line += " " + std::string(to_string(*event.factor_type));
  if (!event.factor_id.empty()) line += " factor";
  if (!event.user_id.empty()) line += " of " + std::string(event.user_id);
  if (!event.challenge_id.empty()) line += " challenge";
  if (event.status) line += " " + std::string(to_string(*event.status));
  if (!event.device_id.empty()) line += " device";
  if (event.count) line += " " + std::to_string(*event.count);
  if (event.channel) line += " by " + std::string(to_string(*event.channel));
  if (event.report) line += " as " + std::string(to_string(*event.report));
  if (!event.country.empty()) line += " to " + std::string(event.country);
  if (event.limit) line += " limited by " + std::string(to_string(*event.limit));
  try {
    if (event.cause) std::rethrow_exception(event.cause);
  } catch (const mfa::Error& error) {
    line += " because: " + error.code().message();
  } catch (const std::exception& error) {
    line += std::string(" because: ") + error.what();
  }
  return line;
}

/// What is set of an event, as docs/events-and-errors.md calls it.
Lines set_of(const Event& event) {
  CHECK(event.factor_id.empty() == !event.factor_type);
  Lines set;
  if (!event.factor_id.empty()) set.emplace_back("factor");
  if (!event.user_id.empty()) set.emplace_back("user");
  if (!event.challenge_id.empty()) set.emplace_back("challenge");
  if (event.status) set.emplace_back("status");
  if (!event.device_id.empty()) set.emplace_back("device");
  if (event.count) set.emplace_back("count");
  if (event.channel) set.emplace_back("channel");
  if (event.report) set.emplace_back("report");
  if (event.limit) set.emplace_back("limit");
  if (!event.country.empty()) set.emplace_back("country");
  if (event.cause) set.emplace_back("cause");
  return set;
}

/// What that page says is set of an event of this type.
std::set<std::string> documented(EventType type) {
  std::ifstream page(MFA_SOURCE_DIRECTORY "/docs/events-and-errors.md");
  const std::string begin = "| `" + std::string(to_string(type)) + "` |";
  std::set<std::string> set;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with(begin)) continue;
    line.resize(line.rfind(" |"));
    std::stringstream cell(line.substr(line.rfind('|') + 1));
    for (std::string word; cell >> word;) set.insert(word.substr(0, word.find(',')));
    break; // some errors further down have an event's name
  }
  return set;
}

/// What each type of event was seen with.
using Seen = std::map<EventType, std::set<std::string>>;

struct Scene {
  Lines heard;
  Seen* seen;
  HostOver<mfa::test::FailingCommits<mfa::storage::Memory>> host;
  decltype(host.verifier)& verifier = host.verifier;
  mfa::testing::RecordingEmail emails;
  mfa::Verifier<decltype(host.storage), mfa::testing::ManualClock, mfa::testing::RecordingEmail> by_email{
      host.storage,
      host.clock,
      emails,
      {.key_ring = KeyRing{"old", bytes_of(old_key)},
       .observer = [this](const Event& event) { hear(event); }}};

  explicit Scene(Seen& all)
      : seen(&all), host({.key_ring = KeyRing{"old", bytes_of(old_key)},
                          .sms_allowed_country_codes = {"1"},
                          .webauthn = std::make_shared<const mfa::test::ScriptedRelyingParty>(),
                          .failures_before_lockout = 2,
                          .observer = [this](const Event& event) { hear(event); }}) {}

  void hear(const Event& event) {
    heard.push_back(line_of(event));
    const Lines set = set_of(event);
    (*seen)[event.type].insert(set.begin(), set.end());
    CHECK(event.at == std::chrono::floor<std::chrono::milliseconds>(host.clock.now()));
    CHECK(event.ip_address == request.ip_address);
    CHECK(event.user_agent == request.user_agent);
    CHECK(event.request_id == request.request_id);
  }

  // What a case begins with, of which nothing is checked.
  template <class Make> auto unheard(Make make) {
    const auto before = heard.size();
    struct Forget {
      Scene& scene;
      std::size_t size;
      ~Forget() { scene.heard.resize(size); }
    } forget{*this, before};
    return make();
  }

  auto new_totp() {
    return verifier.enroll_factor(
        mfa::Totp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42", .qr_code = {.scale = 1}},
        mfa::by_operator, request);
  }
  auto new_phone() {
    return verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123", .user_id = "u_42"},
                                  mfa::by_operator, request);
  }
  auto new_security_key() {
    return verifier.enroll_factor(mfa::WebAuthn{.user = "alan", .user_id = "u_42"}, mfa::by_operator, request)
        .factor;
  }

  // The same, confirmed, and long enough ago for the next code.
  auto totp() {
    auto enrolled = new_totp();
    REQUIRE(enrolled.factor.confirm(host.code(enrolled.totp.secret), {.event_context = request}).confirmed());
    host.clock.advance(30s);
    return enrolled;
  }
  auto phone() {
    auto enrolled = new_phone();
    const auto challenge = enrolled.factor.challenge_enrollment({.event_context = request});
    REQUIRE(challenge.confirm(host.sms.last().body, {.event_context = request}).confirmed());
    host.clock.advance(30s);
    return enrolled;
  }
  auto delivered() {
    auto enrolled = verifier.enroll_factor(mfa::GenericOtp{.user_id = "u_42"}, mfa::by_operator, request);
    const auto challenge = enrolled.factor.challenge_enrollment({.event_context = request});
    REQUIRE(challenge.confirm(challenge.code(), {.event_context = request}).confirmed());
    host.clock.advance(30s);
    return enrolled;
  }
  // A mailbox, by a verifier over the same storage that sends e-mails.
  auto mailbox() {
    auto enrolled = by_email.enroll_factor(mfa::Email{.address = "alan@example.com", .user_id = "u_42"},
                                           mfa::by_operator, request);
    const auto challenge = enrolled.factor.challenge_enrollment(
        {.email_template = {.subject = "s", .text = "{{code}}"}, .event_context = request});
    REQUIRE(challenge.confirm(emails.last().text, {.event_context = request}).confirmed());
    host.clock.advance(30s);
    return enrolled;
  }
  auto security_key() {
    auto factor = new_security_key();
    const auto challenge = factor.challenge_enrollment({.event_context = request}, mfa::by_operator);
    REQUIRE(challenge.confirm("valid", {.event_context = request}).confirmed());
    return factor;
  }
  auto codes() {
    return verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_42", .count = 3}, mfa::by_operator,
                                  request);
  }
  auto remember() { return verifier.remember_device("u_42", "laptop", mfa::by_operator, 24h, request); }
};

/// Whether one of these is part of the line.
bool among(std::string_view line, const std::vector<std::string_view>& parts) {
  return std::ranges::any_of(parts, [&](auto part) { return line.find(part) != line.npos; });
}

struct Case {
  const char* verb;
  /// What is there before, and then, returned, what is done.
  std::function<std::function<void()>(Scene&)> prepare;
  Lines tells;
};

const std::vector<Case> cases{
    {"enroll_factor",
     [](Scene& s) { return [&s] { (void)s.new_totp(); }; },
     {"factor_enrolled totp factor of u_42"}},
    {"challenge_factor, totp",
     [](Scene& s) {
       return [&s, id = s.totp().factor.id()] {
         (void)s.verifier.challenge_factor(id, mfa::any_user, {.event_context = request});
       };
     },
     {"challenge_created totp factor of u_42 challenge"}},
    {"challenge_factor, sms",
     [](Scene& s) {
       return [&s, id = s.phone().factor.id()] {
         (void)s.verifier.challenge_factor(id, mfa::any_user, {.event_context = request});
       };
     },
     {"challenge_created sms factor of u_42 challenge",
      "sms_sent sms factor of u_42 challenge by sms to US"}},
    {"challenge_factor, too soon",
     [](Scene& s) {
       const auto id = s.phone().factor.id();
       (void)s.verifier.challenge_factor(id, mfa::any_user, {.event_context = request});
       return [&s, id] { (void)s.verifier.challenge_factor(id, mfa::any_user, {.event_context = request}); };
     },
     {"sms_refused sms factor of u_42 to US limited by destination because: " +
      mfa::make_error_code(errc::sms_rate_limited).message()}},
    {"challenge_factor, not sent",
     [](Scene& s) {
       const auto id = s.phone().factor.id();
       s.host.sms.fail_next();
       return [&s, id] { (void)s.verifier.challenge_factor(id, mfa::any_user, {.event_context = request}); };
     },
     {"challenge_created sms factor of u_42 challenge",
      "sms_not_sent sms factor of u_42 challenge by sms to US because: RecordingSms was told to fail"}},
    {"challenge_factor, sent or not",
     [](Scene& s) {
       const auto id = s.phone().factor.id();
       s.host.sms.fail_next(mfa::DeliveryFailure::unclear);
       return [&s, id] { (void)s.verifier.challenge_factor(id, mfa::any_user, {.event_context = request}); };
     },
     {"challenge_created sms factor of u_42 challenge",
      "message_unclear sms factor of u_42 challenge by sms to US because: message not delivered"}},
    {"resend_challenge",
     [](Scene& s) {
       const auto id = s.phone().factor.challenge({.event_context = request}).id();
       s.host.clock.advance(std::chrono::minutes(1));
       return [&s, id] {
         (void)s.verifier.resend_challenge(id, mfa::any_user, {.event_context = request});
         (void)s.verifier.resend_challenge(id, mfa::any_user, {.event_context = request});
       };
     },
     {"challenge_resent sms factor of u_42 challenge", "sms_sent sms factor of u_42 challenge by sms to US",
      "sms_refused sms factor of u_42 to US limited by destination because: " +
          mfa::make_error_code(errc::sms_rate_limited).message()}},
    {"report_delivery",
     [](Scene& s) {
       const auto id = s.phone().factor.challenge({.event_context = request}).id();
       return [&s, id] {
         (void)s.verifier.report_delivery(id, mfa::DeliveryReport::delivered, request);
         (void)s.verifier.report_delivery(id, mfa::DeliveryReport::undelivered, request);
       };
     },
     {"delivery_reported sms factor of u_42 challenge as delivered to US",
      "delivery_reported sms factor of u_42 challenge as undelivered to US"}},
    {"reset_sms_budgets",
     [](Scene& s) {
       (void)s.phone().factor.challenge({.event_context = request});
       return [&s] { (void)s.verifier.reset_sms_budgets("US", request); };
     },
     {"send_limits_reset to US"}},
    {"challenge_factor, email",
     [](Scene& s) {
       return [&s, id = s.mailbox().factor.id()] {
         (void)s.by_email.challenge_factor(id, mfa::any_user, {.event_context = request});
       };
     },
     {"challenge_created email factor of u_42 challenge",
      "message_sent email factor of u_42 challenge by email"}},
    {"challenge_factor, email not sent",
     [](Scene& s) {
       const auto id = s.mailbox().factor.id();
       s.emails.fail_next();
       return [&s, id] { (void)s.by_email.challenge_factor(id, mfa::any_user, {.event_context = request}); };
     },
     {"challenge_created email factor of u_42 challenge",
      "message_not_sent email factor of u_42 challenge by email because: RecordingEmail was told to fail"}},
    {"challenge_factor, email too soon",
     [](Scene& s) {
       const auto id = s.mailbox().factor.id();
       (void)s.by_email.challenge_factor(id, mfa::any_user, {.event_context = request});
       return [&s, id] { (void)s.by_email.challenge_factor(id, mfa::any_user, {.event_context = request}); };
     },
     {"code_refused email factor of u_42 limited by destination because: " +
      mfa::make_error_code(errc::email_rate_limited).message()}},
    {"challenge_factor, generic_otp too soon",
     [](Scene& s) {
       const auto id = s.delivered().factor.id();
       (void)s.verifier.challenge_factor(id, mfa::any_user, {.event_context = request});
       return [&s, id] { (void)s.verifier.challenge_factor(id, mfa::any_user, {.event_context = request}); };
     },
     {"code_refused generic_otp factor of u_42 limited by destination because: " +
      mfa::make_error_code(errc::code_rate_limited).message()}},
    {"reset_send_limits",
     [](Scene& s) {
       const auto id = s.delivered().factor.id();
       (void)s.verifier.challenge_factor(id, mfa::any_user, {.event_context = request});
       return [&s, id] { (void)s.verifier.reset_send_limits(id, "u_42", request); };
     },
     {"send_limits_reset generic_otp factor of u_42"}},
    {"challenge_enrollment, sms",
     [](Scene& s) {
       return [&s, id = s.new_phone().factor.id()] {
         (void)s.verifier.challenge_enrollment(id, "u_42", {.event_context = request});
       };
     },
     {"challenge_created sms factor of u_42 challenge",
      "sms_sent sms factor of u_42 challenge by sms to US"}},
    {"confirm_enrollment by the challenge",
     [](Scene& s) {
       const auto challenge = s.new_phone().factor.challenge_enrollment({.event_context = request});
       return [&s, challenge] {
         (void)s.verifier.confirm_enrollment(challenge.id(), s.host.sms.last().body,
                                             {.event_context = request});
       };
     },
     {"verification_succeeded sms factor of u_42 challenge valid",
      "factor_verified sms factor of u_42 challenge valid"}},
    {"confirm_enrollment by the factor, wrong and right",
     [](Scene& s) {
       const auto enrolled = s.new_totp();
       return [&s, enrolled] {
         for (const std::string& code :
              {s.host.wrong_code(enrolled.totp.secret), s.host.code(enrolled.totp.secret)})
           (void)s.verifier.confirm_enrollment(enrolled.factor.id(), code, {.event_context = request});
       };
     },
     {"challenge_created totp factor of u_42 challenge",
      "verification_failed totp factor of u_42 challenge wrong_code",
      "challenge_created totp factor of u_42 challenge",
      "verification_succeeded totp factor of u_42 challenge valid",
      "factor_verified totp factor of u_42 challenge valid"}},
    {"verify_challenge, valid",
     [](Scene& s) {
       const auto enrolled = s.totp();
       const auto challenge = enrolled.factor.challenge({.event_context = request});
       return [&s, challenge, code = s.host.code(enrolled.totp.secret)] {
         (void)s.verifier.verify_challenge(challenge.id(), code, {.event_context = request});
       };
     },
     {"verification_succeeded totp factor of u_42 challenge valid"}},
    {"verify_challenge, wrong until locked",
     [](Scene& s) {
       const auto enrolled = s.totp();
       const auto challenge = enrolled.factor.challenge({.event_context = request});
       return [challenge, wrong = s.host.wrong_code(enrolled.totp.secret)] {
         for (int i = 0; i < 3; ++i) (void)challenge.verify(wrong, {.event_context = request});
       };
     },
     {"verification_failed totp factor of u_42 challenge wrong_code",
      "verification_failed totp factor of u_42 challenge wrong_code",
      "factor_locked_out totp factor of u_42 challenge wrong_code",
      "verification_failed totp factor of u_42 challenge locked_out"}},
    {"verify_challenge, wrong until locked, beside a damaged record of the user",
     [](Scene& s) {
       const auto enrolled = s.totp();
       const auto challenge = enrolled.factor.challenge({.event_context = request});
       auto record = s.host.storage.find_counter("user_u_42");
       REQUIRE(record);
       record->data += 'x';
       REQUIRE(
           s.host.storage.commit({.factors = {}, .challenges = {}, .counters = {*record}, .removals = {}}));
       return [challenge, wrong = s.host.wrong_code(enrolled.totp.secret)] {
         for (int i = 0; i < 2; ++i)
           (void)thrown_by([&] { return challenge.verify(wrong, {.event_context = request}); });
       };
     },
     {"verification_failed totp factor of u_42 challenge wrong_code",
      "verification_failed totp factor of u_42 challenge wrong_code",
      "factor_locked_out totp factor of u_42 challenge wrong_code"}},
    {"verify_challenge, wrong until locked, from a device that was revoked meanwhile",
     [](Scene& s) {
       const auto enrolled = s.totp();
       const auto challenge =
           enrolled.factor.challenge({.device_token = s.remember().token, .event_context = request});
       (void)s.verifier.revoke_devices("u_42", {.event_context = request});
       return [challenge, wrong = s.host.wrong_code(enrolled.totp.secret)] {
         for (int i = 0; i < 2; ++i) (void)challenge.verify(wrong, {.event_context = request});
       };
     },
     {"verification_failed totp factor of u_42 challenge wrong_code",
      "verification_failed totp factor of u_42 challenge wrong_code",
      "factor_locked_out totp factor of u_42 challenge wrong_code"}},
    {"verify_challenge, two codes of a token that was ahead",
     [](Scene& s) {
       const auto enrolled = s.verifier.enroll_factor(
           mfa::Hotp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42"}, mfa::by_operator, request);
       const auto shown = [secret = mfa::otp::base32_decode(enrolled.hotp.secret)](std::uint64_t counter) {
         return mfa::otp::hotp(secret, counter);
       };
       (void)enrolled.factor.confirm(shown(0), {.event_context = request});
       const auto challenge = enrolled.factor.challenge({.event_context = request});
       return [challenge, codes = shown(50) + shown(51)] {
         (void)challenge.verify(codes, {.event_context = request});
       };
     },
     {"verification_succeeded hotp factor of u_42 challenge valid",
      "token_resynchronized hotp factor of u_42 challenge valid"}},
    {"verify_challenge, few recovery codes left",
     [](Scene& s) {
       const auto enrolled = s.codes();
       const auto challenge = enrolled.factor.challenge({.event_context = request});
       const std::string code(enrolled.recovery_codes.codes.front());
       return [challenge, code] { (void)challenge.verify(code, {.event_context = request}); };
     },
     {"verification_succeeded recovery_codes factor of u_42 challenge valid",
      "recovery_codes_low recovery_codes factor of u_42 challenge valid"}},
    {"verify_challenge, a cloned authenticator",
     [](Scene& s) {
       const auto factor = s.security_key();
       const auto challenge = factor.challenge({.event_context = request});
       return [challenge] { (void)challenge.verify("cloned_authenticator", {.event_context = request}); };
     },
     {"verification_failed webauthn factor of u_42 challenge cloned_authenticator",
      "authenticator_cloned webauthn factor of u_42 challenge cloned_authenticator"}},
    {"verify_challenge, a synchronised passkey",
     [](Scene& s) {
       const auto factor = s.security_key();
       const auto challenge = factor.challenge({.event_context = request});
       return [challenge] {
         (void)challenge.verify(mfa::test::ScriptedRelyingParty::valid_and_told, {.event_context = request});
       };
     },
     {"verification_succeeded webauthn factor of u_42 challenge valid",
      "signature_counter_behind webauthn factor of u_42 challenge valid",
      "backup_eligibility_changed webauthn factor of u_42 challenge valid",
      "backup_state_changed webauthn factor of u_42 challenge valid"}},
    {"verify_challenge, which initializes user verification",
     [](Scene& s) {
       const auto factor = s.security_key();
       const auto challenge =
           factor.challenge({.initialize_user_verification = true, .event_context = request});
       return [challenge] { (void)challenge.verify("valid", {.event_context = request}); };
     },
     {"verification_succeeded webauthn factor of u_42 challenge valid",
      "user_verification_initialized webauthn factor of u_42 challenge valid"}},
    {"regenerate_recovery_codes",
     [](Scene& s) {
       return [&s, id = s.codes().factor.id()] {
         (void)s.verifier.regenerate_recovery_codes(id, "u_42", mfa::by_operator, request);
       };
     },
     {"recovery_codes_regenerated recovery_codes factor of u_42"}},
    {"remember_device",
     [](Scene& s) { return [&s] { (void)s.remember(); }; },
     {"device_remembered of u_42 device"}},
    {"remember_device, one too many",
     [](Scene& s) {
       for (std::size_t i = 0; i < mfa::most_trusted_devices; ++i) (void)s.remember();
       return [&s] { (void)s.remember(); };
     },
     {"device_revoked of u_42 device", "device_remembered of u_42 device"}},
    {"check_device, trusted",
     [](Scene& s) {
       return [&s, token = s.remember().token] { CHECK(s.verifier.check_device(token, "u_42", request)); };
     },
     {"device_accepted of u_42 device"}},
    {"check_device, of another user, revoked, no token, none at all",
     [](Scene& s) {
       const auto token = s.remember().token;
       (void)s.verifier.revoke_devices("u_42", {.event_context = request});
       return [&s, token] {
         CHECK_FALSE(s.verifier.check_device(token, "u_43", request));
         CHECK_FALSE(s.verifier.check_device(token, "u_42", request));
         CHECK_FALSE(s.verifier.check_device("mfa_device_1_", "u_42", request));
         CHECK_FALSE(s.verifier.check_device(token, "no\nuser", request));
         CHECK_FALSE(s.verifier.check_device("", "u_42", request));
       };
     },
     {"device_refused of u_43", "device_refused of u_42 device", "device_refused of u_42", "device_refused"}},
    {"revoke_device",
     [](Scene& s) {
       (void)s.remember();
       return [&s, id = s.remember().device.id] {
         (void)s.verifier.revoke_device("u_42", id, request);
         (void)s.verifier.revoke_device("u_42", id, request);
       };
     },
     {"device_revoked of u_42 device"}},
    {"revoke_devices",
     [](Scene& s) {
       (void)s.remember();
       (void)s.remember();
       return [&s] {
         (void)s.verifier.revoke_devices("u_42", {.event_context = request});
         (void)s.verifier.revoke_devices("u_42", {.event_context = request});
       };
     },
     {"device_revoked of u_42 device", "device_revoked of u_42 device"}},
    {"revoke_devices, but this one",
     [](Scene& s) {
       (void)s.remember();
       return [&s, token = s.remember().token] {
         (void)s.verifier.revoke_devices("u_42", {.keep_device = token, .event_context = request});
       };
     },
     {"device_revoked of u_42 device"}},
    {"unsafe_export_otpauth_uri",
     [](Scene& s) {
       return [&s, id = s.totp().factor.id()] {
         (void)s.verifier.unsafe_export_otpauth_uri(id, "u_42", request);
       };
     },
     {"factor_secret_exported totp factor of u_42"}},
    {"unlock_factor",
     [](Scene& s) {
       return [&s, id = s.totp().factor.id()] {
         s.verifier.unlock_factor(id, "u_42", mfa::by_operator, request);
       };
     },
     {"factor_unlocked totp factor of u_42"}},
    {"delete_factor",
     [](Scene& s) {
       return [&s, id = s.totp().factor.id()] {
         s.verifier.delete_factor(id, "u_42", mfa::by_operator, {.event_context = request});
       };
     },
     {"factor_deleted totp factor of u_42"}},
    {"delete_factor, with recovery codes",
     [](Scene& s) {
       (void)s.codes();
       return [&s, id = s.totp().factor.id()] {
         s.verifier.delete_factor(id, "u_42", mfa::by_operator,
                                  {.take_recovery_codes = true, .event_context = request});
       };
     },
     {"factor_deleted totp factor of u_42", "factor_deleted recovery_codes factor of u_42"}},
    {"delete_factor, but not the last",
     [](Scene& s) {
       return [&s, id = s.totp().factor.id()] {
         CHECK(error_of([&] {
                 s.verifier.delete_factor(id, "u_42", mfa::by_operator,
                                          {.refuse_last = true, .event_context = request});
               }).code() == errc::last_factor);
       };
     },
     {}},
    {"rename_factor, Factor::rename",
     [](Scene& s) {
       return [&s, factor = s.totp().factor] {
         s.verifier.rename_factor(factor.id(), "u_42", "my phone", request);
         factor.rename("my old phone", request);
       };
     },
     {"factor_renamed totp factor of u_42", "factor_renamed totp factor of u_42"}},
    {"reset_user",
     [](Scene& s) {
       (void)s.codes();
       (void)s.remember();
       (void)s.totp().factor.challenge({.event_context = request});
       return [&s] {
         (void)s.verifier.reset_user("u_42", mfa::by_operator, {.event_context = request});
         (void)s.verifier.reset_user("u_42", mfa::by_operator, {.event_context = request});
       };
     },
     {"user_reset of u_42 2", "user_reset of u_42 0"}},
    {"reset_user, of whom nothing can be read",
     [](Scene& s) {
       (void)s.totp();
       mfa::storage::Batch damage;
       damage.counters.push_back(*s.host.storage.find_counter("user_u_42"));
       damage.counters.back().data.back() ^= 1;
       REQUIRE(s.host.storage.commit(damage));
       return [&s] { (void)s.verifier.reset_user("u_42", mfa::by_operator, {.event_context = request}); };
     },
     {"user_reset of u_42 1 because: " + mfa::make_error_code(errc::seal_broken).message()}},
    {"reset_user, but this factor and this device",
     [](Scene& s) {
       (void)s.codes();
       return [&s, id = s.totp().factor.id(), token = s.remember().token] {
         (void)s.verifier.reset_user("u_42", mfa::by_operator,
                                     {.keep_factor = id, .keep_device = token, .event_context = request});
       };
     },
     {"user_reset of u_42 1"}},
    {"Factor::remove",
     [](Scene& s) {
       return [factor = s.totp().factor] { factor.remove(mfa::by_operator, {.event_context = request}); };
     },
     {"factor_deleted totp factor of u_42"}},
    {"Factor::remove, of one that was not confirmed",
     [](Scene& s) {
       return [factor = s.new_totp().factor] { factor.remove({}, {.event_context = request}); };
     },
     {"factor_deleted totp factor of u_42"}},
    {"verbs that want an authorization and get none",
     [](Scene& s) {
       return [&s, totp = s.totp().factor, codes = s.codes().factor] {
         const auto refused = [](auto&& call) {
           CHECK(error_of(call).code() == errc::authorization_required);
         };
         refused([&] { (void)s.verifier.enroll_factor(mfa::GenericOtp{.user_id = "u_42"}, {}, request); });
         refused([&] { totp.remove({}, {.event_context = request}); });
         refused([&] { (void)s.verifier.regenerate_recovery_codes(codes.id(), "u_42", {}, request); });
         refused([&] { (void)s.verifier.remember_device("u_42", "laptop", {}, 24h, request); });
       };
     },
     {}},
    {"import_factors",
     [](Scene& s) {
       return [&s] {
         const std::vector<mfa::ImportLine> lines{
             {"u_42", "otpauth://totp/Foo:alan?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"},
             {"u_43", "otpauth://totp/Foo:alan?secret=!"},
             {"no\nuser", "otpauth://totp/Foo:alan?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}};
         for (const bool dry_run : {true, false})
           (void)mfa::import_factors(s.verifier, lines, {.dry_run = dry_run, .event_context = request});
       };
     },
     {"import_refused of u_43 because: " + mfa::make_error_code(errc::invalid_secret).message(),
      "import_refused because: " + mfa::make_error_code(errc::invalid_argument).message(),
      "factor_enrolled totp factor of u_42"}},
    {"purge_expired",
     [](Scene& s) {
       const auto factor = s.new_totp().factor;
       for (int i = 0; i < 3; ++i) (void)factor.challenge_enrollment({.event_context = request});
       s.host.clock.advance(24h * 31);
       return [&s] { (void)s.verifier.purge_expired(request); };
     },
     {"expired_purged 3"}}, // what bounds the user stays, as it speaks of an unverified factor
    {"replace_key_ring and reseal_all",
     [](Scene& s) {
       for (int i = 0; i < 3; ++i) (void)s.new_totp();
       return [&s] {
         s.verifier.replace_key_ring(KeyRing{"new", bytes_of(new_key)}.add_further("old", bytes_of(old_key)),
                                     request);
         (void)s.verifier.reseal_all({.event_context = request});
         (void)s.verifier.reseal_all({.event_context = request});
       };
     },
     {"key_ring_replaced", "factors_resealed 3", "factors_resealed 0"}},
    {"verbs that look up, and those that find nothing",
     [](Scene& s) {
       const auto challenge = s.totp().factor.challenge({.event_context = request}).id();
       return [&s, challenge] {
         (void)s.verifier.list_factors("u_42");
         (void)s.verifier.list_devices("u_42");
         (void)s.verifier.count_keys();
         (void)s.verifier.get_challenge(challenge, mfa::any_user);
         (void)error_of([&] {
           s.verifier.delete_factor(challenge, mfa::any_user, mfa::by_operator, {.event_context = request});
         });
         (void)error_of([&] {
           (void)s.verifier.verify_challenge(challenge, "1",
                                             {.purpose = mfa::Purpose::step_up, .event_context = request});
         });
         (void)s.verifier.verify_challenge(challenge, "1", {.user = "u_43", .event_context = request});
       };
     },
     {}},
};

} // namespace

TEST_CASE("Each verb tells what it did, with what the host said of the request; every event has its verb and "
          "is documented") {
  Seen seen;
  for (const Case& tried : cases) {
    CAPTURE(tried.verb);
    Scene scene(seen);
    const auto act = scene.unheard([&] { return tried.prepare(scene); });
    try {
      act();
    } catch (const mfa::Error&) { // some are refused
    }
    CHECK(scene.heard == tried.tells);
  }
  for (int value = 0; value < 256; ++value) {
    const auto type = static_cast<EventType>(value);
    if (to_string(type) == "unknown") continue;
    CAPTURE(to_string(type));
    REQUIRE(seen.contains(type));
    CHECK(seen.at(type) == documented(type));
  }
}

TEST_CASE("Nothing is told of what was not committed") {
  Seen seen;
  for (const Case& tried : cases) {
    CAPTURE(tried.verb);
    Scene scene(seen);
    const auto act = scene.unheard([&] { return tried.prepare(scene); });
    scene.host.storage.throws = true;
    try {
      act();
    } catch (const mfa::Error&) {
    }
    for (const std::string& line : scene.heard) {
      CAPTURE(line);
      // What no commit does: a refusal, an export of the secret, the end of a run, the answer to a code that
      // is not looked at, the arrival of a message.
      const bool no_change =
          among(line, {"_refused", "factor_secret_exported", "device_accepted", "key_ring_replaced",
                       "factors_resealed 0", "expired_purged", " as delivered"});
      CHECK(no_change);
    }
  }
}

TEST_CASE("A run that ends by an error tells how far it came") {
  Seen seen;
  Scene scene(seen);
  scene.unheard([&] {
    for (int i = 0; i < 5; ++i) (void)scene.totp();
    scene.verifier.replace_key_ring(KeyRing{"new", bytes_of(new_key)}.add_further("old", bytes_of(old_key)),
                                    request);
    return 0;
  });
  (void)error_of([&] {
    (void)scene.verifier.reseal_all({.batch = 2,
                                     .progress =
                                         [&](const mfa::ResealProgress& progress) {
                                           scene.host.storage.throws = progress.scanned >= 4;
                                           return true;
                                         },
                                     .event_context = request});
  });
  CHECK(scene.heard == Lines{"factors_resealed 4"});
}

TEST_CASE("What a client says of itself is cut and cleaned for the log, and never stored") {
  std::vector<std::string> heard;
  HostOver<mfa::test::WholeStorage<mfa::storage::Memory>> host(
      {.observer = [&](const Event& event) { heard.emplace_back(event.user_agent); }});
  const auto told = [&](const std::string& user_agent) {
    (void)host.verifier.enroll_factor(mfa::GenericOtp{.user_id = "u_42"}, mfa::by_operator,
                                      {.user_agent = user_agent});
    return heard.back();
  };
  const std::string long_name(512, 'a');
  const std::pair<std::string, std::string> spoken[]{
      {"", ""},
      {"Browser/1.0 \xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91",
       "Browser/1.0 \xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91"},
      {"a\r\nfactor_deleted", "a??factor_deleted"},
      {std::string("a\0b", 3), "a?b"},
      {"a\xc2\x9b"
       "b",
       "a?b"},
      {"a\xff\xc3", "a??"},
      {"\xe2\x82"
       "b",
       "??b"},
      {long_name, long_name},
      {long_name + "b", long_name},
      {long_name.substr(1) + "\xc3\xa4", long_name.substr(1)},
  };
  for (const auto& [said, shown] : spoken) {
    CAPTURE(said);
    CHECK(told(said) == shown);
  }
  (void)told("Unmistakable/1.0");
  const auto contents = host.storage.contents();
  for (const auto& factor : contents.factors)
    for (const std::string& text : {factor.parameters, factor.sealed, factor.friendly_name, factor.user_id})
      CHECK(text.find("Unmistakable") == std::string::npos);
  for (const auto& counter : contents.counters) CHECK(counter.data.find("Unmistakable") == std::string::npos);
}

TEST_CASE("What the observer throws does not change what the verb answers") {
  mfa::test::Host host({.observer = [](const Event&) { throw std::runtime_error("the log is full"); }});
  const auto enrolled = host.enroll_totp();
  CHECK(host.verify(host.challenge(enrolled.factor.id()), host.code(enrolled.totp.secret)) == Status::valid);
}
