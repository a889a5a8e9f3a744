// Provokes every error, event and answer, with every kind of factor, and searches all that came out for
// codes, secrets, keys, messages and whole phone numbers.
#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <openssl/evp.h>
#include <sqlite3.h>

#include <mfa/async/worker_threads.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/encoding/base64.hpp>
#include <mfa/import.hpp>
#include <mfa/mfa.hpp>
#include <mfa/storage/sqlite.hpp>
#include <mfa/testing/recording_email.hpp>
#include <mfa/token_csv.hpp>
#include <mfa/workos/json.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/failing_commits.hpp"
#include "support/host.hpp"
#include "support/scripted_relying_party.hpp"
#include "support/temporary_directory.hpp"

using mfa::errc;
using mfa::EventType;
using mfa::FactorType;
using mfa::Sms;
using mfa::Status;
using mfa::Totp;
using namespace std::chrono_literals;

namespace {

std::string hex_of(std::string_view bytes, const char* format = "%02x") {
  std::string hex;
  for (const unsigned char byte : mfa::crypto::bytes_of(bytes)) {
    std::array<char, 3> two{};
    std::snprintf(two.data(), two.size(), format, byte);
    hex += two.data();
  }
  return hex;
}

/// What must not come out, in every spelling that a careless line of code would give it.
class Secrets {
 public:
  /// A text that a person could read: a code, a phone number, a message.
  void add_text(const std::string& text) { spellings_.insert(text); }

  /// Bytes: a key, a secret.
  void add_bytes(std::string_view bytes) {
    const std::string lower = hex_of(bytes, "%02x");
    const std::string upper = hex_of(bytes, "%02X");
    std::string base64 = mfa::detail::base64(bytes);
    while (base64.ends_with('=')) base64.pop_back();
    const std::string base32(mfa::otp::base32_encode(mfa::crypto::bytes_of(bytes)));
    std::string base32_lower = base32;
    std::ranges::transform(base32_lower, base32_lower.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    for (const std::string& spelling : {std::string(bytes), lower, upper, base64, base32, base32_lower})
      spellings_.insert(spelling);
  }

  /// The spellings that `text` holds.
  [[nodiscard]] std::vector<std::string> found_in(std::string_view text) const {
    std::vector<std::string> found;
    for (const std::string& spelling : spellings_)
      if (text.find(spelling) != std::string_view::npos) found.push_back(spelling);
    return found;
  }

 private:
  std::set<std::string> spellings_;
};

/// All that came out.
class Heard {
 public:
  std::string text;
  std::set<errc> errors;
  std::set<EventType> events;
  std::set<Status> statuses;
  std::set<FactorType> types;

  void say(std::string_view words) { text.append(words) += '\n'; }

  template <class Details> void shown(const Details& details) { say(mfa::workos::json(details).dump()); }

  void shown(const mfa::Verification& verification) {
    statuses.insert(verification.status());
    say(to_string(verification.status()));
    for (const auto& method : verification.amr()) say(method);
    say(verification.user_id());
    say(mfa::workos::json(verification).dump());
  }

  void shown(const mfa::Confirmation& confirmation) {
    statuses.insert(confirmation.status());
    say(to_string(confirmation.status()));
    say(confirmation.user_id());
    say(mfa::workos::json(confirmation.challenge()).dump());
  }

  void event(const mfa::Event& event) {
    events.insert(event.type);
    if (event.factor_type) types.insert(*event.factor_type);
    say(to_string(event.type));
    say(mfa::workos::iso8601(event.at));
    if (event.factor_type) say(to_string(*event.factor_type));
    for (const auto part : {event.factor_id, event.user_id, event.challenge_id, event.device_id,
                            event.ip_address, event.user_agent, event.request_id})
      say(part);
    if (event.status) say(to_string(*event.status));
    try {
      if (event.cause) std::rethrow_exception(event.cause);
    } catch (const std::exception& cause) {
      error(cause);
    }
  }

  /// What the library says in an error, and in one that it nested. A host's own exception is the host's.
  void error(const std::exception& thrown) {
    if (const auto* const error = dynamic_cast<const mfa::Error*>(&thrown)) {
      errors.insert(error->code());
      INFO(error->what());
      CHECK(mfa::test::blemish_of(*error) == "");
      say(error->what());
      say(error->code().message());
    }
    try {
      std::rethrow_if_nested(thrown);
    } catch (const std::exception& nested) {
      error(nested);
    }
  }

  template <class Call> void error_of(errc expected, Call&& call) {
    try {
      (void)call();
      FAIL_CHECK("nothing was thrown, expected " << mfa::make_error_code(expected).message());
    } catch (const mfa::Error& thrown) {
      CHECK(thrown.code() == expected);
      error(thrown);
    }
  }
};

std::string random_key() {
  mfa::crypto::SecretBytes key(mfa::KeyRing::key_size);
  mfa::crypto::random_bytes(key);
  return std::string(mfa::crypto::text_of(key));
}

const std::string phone_number = "+14155550123";

/// A host whose codes are so long that they are found in nothing else by chance, with all its secrets noted.
template <class StoragePolicy> class Play {
 public:
  template <class... Arguments>
  Play(Heard& heard_by, Secrets& noted, Arguments&&... arguments)
      : storage(std::forward<Arguments>(arguments)...), heard(heard_by), secrets(noted) {
    secrets.add_bytes(key);
    secrets.add_bytes(other_key);
    for (const std::string& number : {phone_number, phone_number.substr(1), phone_number.substr(2)})
      secrets.add_text(number);
  }

  void run() {
    right_and_wrong();
    purposes();
    bounds();
    unsafe_options();
    lockout();
    text_messages();
    mails();
    other_kinds();
    security_keys();
    bad_requests();
    broken_storage();
    broken_records();
    broken_cryptography();
  }

  mfa::Options options(mfa::Options changed = {}) {
    changed.key_ring = mfa::KeyRing("a", mfa::crypto::bytes_of(key));
    changed.sms_code_digits = 9;
    if (changed.sms_allowed_country_codes.empty()) changed.sms_allowed_country_codes = {"1"};
    changed.observer = [this](const mfa::Event& event) { heard.event(event); };
    return changed;
  }

  mfa::test::FailingCommits<StoragePolicy> storage;

 private:
  using Verifier = mfa::Verifier<mfa::test::FailingCommits<StoragePolicy>, mfa::testing::ManualClock,
                                 mfa::testing::RecordingSms>;

  auto enroll_totp(Verifier& verifier, const mfa::Authorization& authorization = mfa::by_operator) {
    auto enrolled = verifier.enroll_factor(
        Totp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42", .digits = 8}, authorization);
    const auto secret = mfa::otp::base32_decode(enrolled.totp.secret);
    secrets.add_bytes(mfa::crypto::text_of(secret));
    secrets.add_text(enrolled.totp.uri);
    secrets.add_text(enrolled.totp.qr_code);
    heard.shown(enrolled.factor);
    return enrolled;
  }

  auto enroll_sms(Verifier& verifier) {
    auto enrolled =
        verifier.enroll_factor(Sms{.phone_number = phone_number, .user_id = "u_42"}, mfa::by_operator);
    heard.shown(enrolled.factor);
    return enrolled;
  }

  /// Confirmed, a period ago.
  auto enroll_verified_totp(Verifier& verifier) {
    auto enrolled = enroll_totp(verifier);
    confirm(enrolled.factor, code(enrolled.totp.secret), Status::valid);
    clock.advance(30s);
    return enrolled;
  }

  /// Confirmed, so long ago that the next message may go out.
  auto enroll_verified_sms(Verifier& verifier) {
    auto enrolled = enroll_sms(verifier);
    const auto challenge = enrolled.factor.challenge_enrollment();
    heard.shown(challenge);
    confirm(challenge, code_sent(), Status::valid);
    clock.advance(30s);
    return enrolled;
  }

  /// What the authenticator shows now, noted with its neighbours.
  std::string code(const std::string& base32) {
    const auto secret = mfa::otp::base32_decode(base32);
    for (int step = -3; step <= 3; ++step)
      secrets.add_text(mfa::otp::totp(secret, clock.now() + step * 30s, {.digits = 8}));
    return mfa::otp::totp(secret, clock.now(), {.digits = 8});
  }

  /// What the last message said, noted.
  std::string code_sent() {
    const std::string body = sms.last().body;
    const std::string digits = body.substr(body.find_first_of("0123456789"));
    secrets.add_text(body);
    secrets.add_text(digits);
    return digits;
  }

  /// A wrong code is noted too: people mistype right ones.
  std::string wrong(std::string right) {
    std::string typed = mfa::test::Host::other_code(std::move(right));
    secrets.add_text(typed);
    return typed;
  }

  template <class Challenge>
  void verify(const Challenge& challenge, std::string_view typed, Status expected) {
    const auto verification = challenge.verify(typed);
    CHECK(verification.status() == expected);
    heard.shown(verification);
  }

  /// What `asked` is: a factor or a challenge.
  template <class Asked> void confirm(const Asked& asked, std::string_view typed, Status expected) {
    const auto confirmation = asked.confirm(typed);
    CHECK(confirmation.status() == expected);
    heard.shown(confirmation);
  }

  void right_and_wrong() {
    Verifier verifier{storage, clock, sms, options()};
    const auto enrolled = enroll_totp(verifier);
    confirm(enrolled.factor, wrong(code(enrolled.totp.secret)), Status::wrong_code);
    heard.error_of(errc::factor_not_verified, [&] { return enrolled.factor.challenge(); });
    confirm(enrolled.factor, code(enrolled.totp.secret), Status::valid);
    heard.error_of(errc::invalid_argument,
                   [&] { return enrolled.factor.confirm(code(enrolled.totp.secret)); });
    clock.advance(30s);
    const std::string right = code(enrolled.totp.secret);
    const auto challenge = enrolled.factor.challenge();
    heard.shown(challenge);
    verify(challenge, wrong(right), Status::wrong_code);
    verify(challenge, right + "x", Status::malformed_code);
    verify(challenge, right, Status::valid);
    verify(challenge, right, Status::already_verified);
    verify(enrolled.factor.challenge(), right, Status::code_already_used);
    for (const auto& factor : verifier.list_factors("u_42")) heard.shown(factor);
    heard.error_of(errc::entity_not_found, [&] { return verifier.get_factor(right, mfa::any_user); });
    heard.error_of(errc::entity_not_found, [&] { return verifier.get_challenge(right, mfa::any_user); });
    const std::string session = random_key();
    secrets.add_bytes(session);
    const auto bound = enrolled.factor.challenge({.binding = session});
    heard.shown(bound);
    heard.error_of(errc::entity_not_found, [&] { return bound.verify(right); });
    heard.error_of(errc::entity_not_found, [&] { return challenge.verify(right, {.binding = session}); });
    heard.error_of(errc::insufficient_assurance,
                   [&] { return enrolled.factor.challenge({.required = {.factors = 2}}); });
    heard.error_of(errc::entity_not_found, [&] { return verifier.get_factor(enrolled.factor.id(), right); });
    heard.error_of(errc::invalid_argument, [&] { return verifier.get_factor(enrolled.factor.id(), ""); });
    heard.error_of(errc::invalid_argument, [&] { return challenge.verify(right, {.binding = ""}); });
    enrolled.factor.remove(mfa::by_operator);
  }

  /// Words of the host's, which may hold what its user would not have in a log.
  void purposes() {
    Verifier verifier{storage, clock, sms, options()};
    const auto enrolled = enroll_verified_totp(verifier);
    const std::string words = random_key();
    secrets.add_bytes(words);
    const auto action = enrolled.factor.challenge({.purpose = mfa::Purpose::action, .action = words});
    heard.shown(action);
    const std::string right = code(enrolled.totp.secret);
    heard.error_of(errc::wrong_purpose, [&] { return action.verify(right); });
    heard.error_of(errc::wrong_purpose, [&] {
      return action.verify(right, {.purpose = mfa::Purpose::action, .action = words + "x"});
    });
    heard.error_of(errc::invalid_argument, [&] { return action.verify(right, {.action = words}); });
    heard.error_of(errc::invalid_argument, [&] { return enrolled.factor.challenge({.action = words}); });
    heard.error_of(errc::wrong_purpose, [&] { return action.confirm(right); });

    for (const auto& authorization :
         {mfa::Authorization(), mfa::Authorization::of_challenge(words),
          mfa::Authorization::of_challenge(right), mfa::Authorization::of_challenge(action.id())}) {
      heard.error_of(errc::authorization_required, [&] { return enroll_totp(verifier, authorization); });
      heard.error_of(errc::authorization_required, [&] { enrolled.factor.remove(authorization); });
      heard.error_of(errc::authorization_required,
                     [&] { return verifier.remember_device("u_42", "Laptop", authorization); });
    }
    const auto signed_in = enrolled.factor.challenge().verify(right);
    heard.shown(signed_in);
    heard.shown(enrolled.factor.rename("my phone"));
    heard.error_of(errc::last_factor, [&] { enrolled.factor.remove(signed_in, {.refuse_last = true}); });
    heard.error_of(errc::entity_not_found,
                   [&] { return verifier.reset_user("u_42", signed_in, {.keep_factor = words}); });
    heard.error_of(errc::invalid_argument,
                   [&] { return verifier.reset_user("u_42", signed_in, {.keep_device = words}); });
    (void)verifier.reset_user("u_42", signed_in);
  }

  /// What bounds a user, and a node of a service whose nodes are not alike.
  void bounds() {
    Verifier verifier{
        storage, clock, sms,
        options({.wrong_codes_a_user_a_day = 10, .attempts_a_challenge = 10, .failures_before_delay = 10})};
    clock.advance(24h);
    const auto enrolled = enroll_verified_totp(verifier);
    const std::string mistyped = wrong(code(enrolled.totp.secret));
    const auto challenge = enrolled.factor.challenge();
    for (int i = 0; i < 10; ++i) verify(challenge, mistyped, Status::wrong_code);
    heard.error_of(errc::user_delayed, [&] { return enrolled.factor.challenge(); });
    enrolled.factor.remove(mfa::by_operator);

    const auto forgotten = enroll_totp(verifier);
    clock.advance(24h);
    heard.error_of(errc::enrollment_expired,
                   [&] { return forgotten.factor.confirm(code(forgotten.totp.secret)); });

    verifier.publish_options();
    Verifier other{storage, clock, sms, options()};
    heard.error_of(errc::options_differ, [&] { other.compare_options(); });
  }

  /// What an upgrade and WorkOS's semantics turn on.
  void unsafe_options() {
    mfa::Options lax = options();
    lax.unverified_factors_sign_in = true;
    lax.authorization_lifetime = 1min;
    Verifier as_workos{storage, clock, sms, lax};
    const auto enrolled = enroll_totp(as_workos);
    verify(enrolled.factor.challenge(), code(enrolled.totp.secret), Status::valid);

    // A record of a release that sealed secrets alone; and one of nobody's making.
    auto record = *storage.find_factor(enrolled.factor.id());
    const mfa::KeyRing& keys = lax.key_ring;
    mfa::verbs::open(record, keys, mfa::UnsealedRecords::refuse);
    record.sealed = keys.seal(mfa::factor::open_secret(record, keys), "totp factor " + record.id);
    REQUIRE(storage.commit({.factors = {record}, .challenges = {}, .counters = {}, .removals = {}}));
    heard.error_of(errc::seal_broken, [&] { return enrolled.factor.challenge(); });
    lax.unsealed_records = mfa::UnsealedRecords::accept;
    Verifier upgrading{storage, clock, sms, lax};
    clock.advance(30s);
    verify(upgrading.challenge_factor(record.id, "u_42"), code(enrolled.totp.secret), Status::valid);
    record.sealed = enrolled.totp.secret; // in the clear, say
    record.version = storage.find_factor(record.id)->version;
    REQUIRE(storage.commit({.factors = {record}, .challenges = {}, .counters = {}, .removals = {}}));
    heard.error_of(errc::seal_broken, [&] { return enrolled.factor.challenge(); });
    heard.error_of(errc::seal_broken, [&] { return upgrading.challenge_factor(record.id, "u_42"); });
    REQUIRE(
        storage.commit({.factors = {},
                        .challenges = {},
                        .counters = {},
                        .removals = {{mfa::storage::RecordKind::factor, record.id, record.version + 1}}}));
  }

  void lockout() {
    Verifier verifier{
        storage, clock, sms,
        options({.attempts_a_challenge = 1, .failures_before_delay = 1, .failures_before_lockout = 2})};
    const auto enrolled = enroll_verified_totp(verifier);
    const std::string right = code(enrolled.totp.secret);
    const auto first = enrolled.factor.challenge();
    const auto second = enrolled.factor.challenge();
    const auto third = enrolled.factor.challenge();
    verify(first, wrong(right), Status::wrong_code);
    verify(first, right, Status::too_many_attempts);
    verify(second, right, Status::delayed);
    clock.advance(1min);
    verify(second, wrong(code(enrolled.totp.secret)), Status::wrong_code);
    verify(third, code(enrolled.totp.secret), Status::locked_out);
    heard.error_of(errc::factor_locked_out, [&] { return enrolled.factor.challenge(); });
    verifier.unlock_factor(enrolled.factor.id(), mfa::any_user, mfa::by_operator);
  }

  void text_messages() {
    Verifier verifier{storage, clock, sms, options()};
    const auto enrolled = enroll_verified_sms(verifier);
    const auto old_challenge = enrolled.factor.challenge();
    heard.shown(old_challenge);
    verify(old_challenge, wrong(code_sent()), Status::wrong_code);
    heard.error_of(errc::sms_rate_limited, [&] { return enrolled.factor.challenge(); });
    clock.advance(30s);
    const auto challenge = enrolled.factor.challenge();
    verify(old_challenge, code_sent(), Status::superseded);
    clock.advance(10min);
    verify(challenge, code_sent(), Status::expired);
    const auto in_time = enrolled.factor.challenge();
    verify(in_time, code_sent(), Status::valid);

    clock.advance(24h);
    sms.fail_next();
    heard.error_of(errc::sms_not_sent, [&] { return enrolled.factor.challenge(); });
    clock.advance(1h);
    sent_again(enrolled.factor.id());
    clock.advance(1h);
    sms.fail_next(mfa::DeliveryFailure::unclear);
    (void)enrolled.factor.challenge();
    clock.advance(1h);
    Verifier choosy{storage, clock, sms, options({.sms_allowed_country_codes = {"44"}})};
    heard.error_of(errc::sms_country_not_allowed, [&] { return enroll_sms(choosy); });
    heard.error_of(errc::sms_country_not_allowed,
                   [&] { return choosy.challenge_factor(enrolled.factor.id(), mfa::any_user); });
    Verifier sparing{storage, clock, sms, options({.sms_budgets = {.a_prefix_a_day = 1}})};
    heard.error_of(errc::sms_budget_spent,
                   [&] { return sparing.challenge_factor(enrolled.factor.id(), mfa::any_user); });

    CHECK(verifier.reset_sms_limits(phone_number));
    (void)verifier.reset_send_limits(enrolled.factor.id(), mfa::any_user);
    CHECK(verifier.reset_sms_budgets(phone_number));
    heard.error_of(errc::invalid_argument,
                   [&] { return verifier.reset_sms_budgets(phone_number.substr(1)); });
    CHECK(verifier.report_delivery(in_time.id(), mfa::DeliveryReport::delivered));

    // The library's own transports, whose errors are nested.
    clock.advance(1h);
    mfa::Verifier without{storage, clock, options()};
    heard.error_of(errc::sms_not_sent,
                   [&] { return without.challenge_factor(enrolled.factor.id(), mfa::any_user); });
    clock.advance(1h);
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> full(std::fopen("/dev/full", "w"), &std::fclose);
    REQUIRE(full);
    mfa::Verifier on_console{storage, clock, mfa::sms::Console(full.get()), options()};
    heard.error_of(errc::sms_not_sent,
                   [&] { return on_console.challenge_factor(enrolled.factor.id(), mfa::any_user); });
  }

  /// With the code kept sealed in the challenge.
  void sent_again(const std::string& factor_id) {
    Verifier verifier{storage, clock, sms, options({.resend_same_code = true})};
    const auto challenge = verifier.challenge_factor(factor_id, mfa::any_user);
    (void)code_sent();
    heard.error_of(errc::sms_rate_limited, [&] { return challenge.resend(); });
    clock.advance(30s);
    heard.shown(challenge.resend());
    clock.advance(30s);
    sms.fail_next();
    heard.error_of(errc::sms_not_sent, [&] { return challenge.resend(); });
    verify(challenge, code_sent(), Status::valid);
    heard.error_of(errc::challenge_over, [&] { return challenge.resend(); });
  }

  void mails() {
    const std::string address = "galois.evariste@example.com";
    secrets.add_text(address);
    secrets.add_text("galois");
    mfa::testing::RecordingEmail sent;
    mfa::Options changed = options();
    changed.email_code_digits = 9;
    mfa::Verifier verifier{storage, clock, sent, changed};
    const auto code_sent = [&] {
      const std::string text = sent.last().text;
      const std::string digits = text.substr(text.find_first_of("0123456789"), 9);
      secrets.add_text(text);
      secrets.add_text(digits);
      return digits;
    };
    heard.error_of(errc::invalid_email_address, [&] {
      return verifier.enroll_factor(mfa::Email{.address = "galois.evariste at example", .user_id = "u_mail"});
    });
    const auto enrolled =
        verifier.enroll_factor(mfa::Email{.address = address, .user_id = "u_mail"}, mfa::by_operator);
    heard.shown(enrolled.factor);
    heard.error_of(errc::invalid_email_template, [&] {
      return enrolled.factor.challenge_enrollment({.email_template = {.subject = "x", .text = "no code"}});
    });
    const auto challenge = enrolled.factor.challenge_enrollment();
    heard.shown(challenge);
    const std::string right = code_sent();
    confirm(challenge, wrong(right), Status::wrong_code);
    confirm(challenge, right, Status::valid);
    heard.error_of(errc::email_rate_limited, [&] { return enrolled.factor.challenge(); });
    clock.advance(1h);
    sent.fail_next(mfa::DeliveryFailure::invalid_recipient);
    heard.error_of(errc::message_not_delivered, [&] { return enrolled.factor.challenge(); });
    clock.advance(1h);
  }

  void other_kinds() {
    mfa::Options changed = options();
    changed.generic_otp_digits = 9;
    Verifier verifier{storage, clock, sms, changed};
    const auto delivered = verifier.enroll_factor(mfa::GenericOtp{.destination = "a***@example.com"});
    heard.shown(delivered.factor);
    const auto sent = delivered.factor.challenge_enrollment();
    const std::string sent_code(sent.code());
    secrets.add_text(sent_code);
    heard.shown(sent);
    heard.error_of(errc::code_rate_limited, [&] { return delivered.factor.challenge_enrollment(); });
    confirm(sent, wrong(sent_code), Status::wrong_code);
    confirm(sent, sent_code, Status::valid);
    clock.advance(30s);
    const auto next = delivered.factor.challenge();
    secrets.add_text(std::string(next.code()));
    verify(next, next.code(), Status::valid);

    const auto token = verifier.enroll_factor(mfa::Hotp{.issuer = "Foo Corp", .user = "alan", .digits = 8});
    const auto secret = mfa::otp::base32_decode(token.hotp.secret);
    secrets.add_bytes(mfa::crypto::text_of(secret));
    secrets.add_text(token.hotp.uri);
    secrets.add_text(token.hotp.qr_code);
    heard.shown(token.factor);
    for (unsigned counter = 0; counter < 4; ++counter)
      secrets.add_text(mfa::otp::hotp(secret, counter, {.digits = 8}));
    const auto shown = [&](unsigned counter) { return mfa::otp::hotp(secret, counter, {.digits = 8}); };
    confirm(token.factor, wrong(shown(0)), Status::wrong_code);
    confirm(token.factor, shown(0), Status::valid);
    verify(token.factor.challenge(), shown(1) + shown(2), Status::valid);
    verify(token.factor.challenge(), shown(2), Status::code_already_used);

    mfa::Totp again{.issuer = "Foo Corp", .user = "alan", .user_id = "u_49"};
    again.secret_bytes = secret;
    (void)verifier.enroll_factor(again);
    heard.error_of(errc::duplicate_secret, [&] { return verifier.enroll_factor(again); });

    const auto set = verifier.enroll_factor(mfa::RecoveryCodes{.count = 1}, mfa::by_operator);
    const auto renewed = verifier.regenerate_recovery_codes(set.factor.id(), mfa::any_user, mfa::by_operator);
    heard.shown(renewed.factor);
    for (std::string code : {set.recovery_codes.codes.front(), renewed.recovery_codes.codes.front()}) {
      secrets.add_text(code);
      std::erase(code, '-');
      secrets.add_text(code);
    }
    const std::string& kept = renewed.recovery_codes.codes.front();
    verify(set.factor.challenge(), set.recovery_codes.codes.front(), Status::wrong_code);
    verify(set.factor.challenge(), kept, Status::valid);
    verify(set.factor.challenge(), kept, Status::code_already_used);
    heard.error_of(errc::invalid_argument, [&] {
      return verifier.regenerate_recovery_codes(token.factor.id(), mfa::any_user, mfa::by_operator);
    });
    heard.error_of(errc::invalid_argument,
                   [&] { return verifier.enroll_factor(mfa::RecoveryCodes{.count = 51}, mfa::by_operator); });
    heard.error_of(errc::authorization_required,
                   [&] { return verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_43"}); });

    heard.error_of(errc::invalid_argument,
                   [&] { return verifier.unsafe_export_otpauth_uri(set.factor.id(), mfa::any_user); });
    const std::string uri(verifier.unsafe_export_otpauth_uri(token.factor.id(), mfa::any_user));
    const std::vector<mfa::ImportLine> lines{{.user_id = "u_42", .uri = uri},
                                             {.user_id = "u_42", .uri = uri + "x"},
                                             {.user_id = "u_42", .uri = uri + "%"}};
    const auto imported =
        mfa::import_factors(verifier, lines, {.report = [&](const mfa::ImportResult& result) {
                              heard.say(result.reason);
                              heard.say(result.user_id);
                              return true;
                            }});
    CHECK(imported.refused == 2);
    heard.error_of(errc::invalid_uri, [&] { return mfa::otp::parse_uri(uri + "%").digits; });
    const std::string& seed = token.hotp.secret;
    const std::vector<mfa::ImportToken> tokens = mfa::read_token_csv(
        "upn,secret,digits\nu_42," + seed + ",6\nu_42," + seed + "!,6\nu_42," + seed + "," + seed + "\n");
    const auto taken = mfa::import_factors(
        verifier, tokens,
        {.issuer = "Foo Corp", .user_id_as_user = true, .report = [&](const mfa::ImportResult& result) {
           heard.say(result.reason);
           return true;
         }});
    CHECK(taken.refused == 2);
    heard.error_of(errc::invalid_token_file, [&] { return mfa::read_token_csv(seed); });
    const std::string brought = "recoverycodeofbefore";
    secrets.add_text(brought);
    const std::vector<mfa::ImportRecoveryCodes> sets{{.user_id = "u_50", .codes = {brought}},
                                                     {.user_id = "u_50", .codes = {brought, brought}},
                                                     {.user_id = "u_50", .codes = {brought + "\x01"}},
                                                     {.user_id = "u_50", .hashes = {brought}}};
    const auto moved = mfa::import_factors(verifier, sets,
                                           {.verified = true, .report = [&](const mfa::ImportResult& result) {
                                              heard.say(result.reason);
                                              return true;
                                            }});
    CHECK(moved.imported == 1);
    CHECK(moved.refused == 3);
    const auto only = verifier.list_factors("u_50").at(0);
    (void)verifier.rename_factor(only.id(), "u_50", "Codes of before");
    heard.error_of(errc::last_factor, [&] {
      return verifier.delete_factor(only.id(), "u_50", mfa::by_operator, {.refuse_last = true});
    });
    (void)verifier.reset_user("u_50", mfa::by_operator);

    const auto device = verifier.remember_device("u_42", "Laptop", mfa::by_operator);
    secrets.add_text(device.token);
    CHECK(verifier.check_device(device.token, "u_42"));
    CHECK_FALSE(verifier.check_device(device.token, "u_43"));
    CHECK(verifier.revoke_device("u_42", device.device.id));
    (void)verifier.purge_expired();
    (void)verifier.reseal_all();
    verifier.replace_key_ring(options().key_ring);
    heard.error_of(errc::invalid_argument,
                   [&] { return verifier.remember_device("", device.token, mfa::by_operator); });
  }

  /// A browser's answers by name; what a relying party makes of real ones is tested elsewhere.
  void security_keys() {
    mfa::Options with_party = options();
    with_party.webauthn = std::make_shared<const mfa::test::ScriptedRelyingParty>();
    Verifier verifier{storage, clock, sms, with_party};
    const auto enroll = [&] {
      auto enrolled =
          verifier.enroll_factor(mfa::WebAuthn{.user = "alan", .user_id = "u_42"}, mfa::by_operator);
      secrets.add_bytes(enrolled.webauthn.creation_options);
      heard.shown(enrolled.factor);
      return enrolled.factor;
    };
    const auto factor = enroll();
    confirm(factor.challenge_enrollment({}, mfa::by_operator), "valid", Status::valid);
    heard.error_of(errc::insufficient_assurance,
                   [&] { return factor.challenge({.required = {.factors = 2}}); });
    verify(factor.challenge({.initialize_user_verification = true}), "valid", Status::valid);
    verify(factor.challenge({.required = {.factors = 2}}), mfa::test::ScriptedRelyingParty::valid_without_pin,
           Status::insufficient_assurance);
    verify(factor.challenge(), mfa::test::ScriptedRelyingParty::valid_and_told, Status::valid);
    confirm(enroll().challenge_enrollment({}, mfa::by_operator), "valid", Status::already_registered);
    for (auto status = Status::wrong_challenge; status <= Status::cloned_authenticator;
         status = static_cast<Status>(static_cast<int>(status) + 1)) {
      const auto challenge = factor.challenge();
      secrets.add_bytes(challenge.webauthn_options());
      verify(challenge, to_string(status), status);
      verifier.unlock_factor(factor.id(), mfa::any_user, mfa::by_operator);
    }
    heard.error_of(errc::no_relying_party, [&] {
      return Verifier(storage, clock, sms, options()).enroll_factor(mfa::WebAuthn{.user = "alan"});
    });
  }

  void bad_requests() {
    Verifier verifier{storage, clock, sms, options()};
    const std::string secret(mfa::otp::base32_encode(mfa::crypto::bytes_of(random_key())));
    for (const std::size_t size : {7U, 20U, 39U, 52U}) secrets.add_text(secret.substr(0, size));
    const auto totp = [&](const Totp& request, errc expected) {
      heard.error_of(expected, [&] { return verifier.enroll_factor(request); });
    };
    totp({.issuer = "Foo\nCorp", .user = "alan", .secret = secret}, errc::invalid_argument);
    totp({.issuer = "Foo Corp", .user = "alan", .secret = secret, .digits = 9}, errc::invalid_argument);
    totp({.issuer = "Foo Corp", .user = "alan", .secret = secret + "!"}, errc::invalid_secret);
    totp({.issuer = "Foo Corp", .user = "alan", .secret = secret + "="}, errc::invalid_secret);
    totp({.issuer = "Foo Corp", .user = "alan", .secret = secret.substr(0, 20)}, errc::invalid_secret);
    totp({.issuer = "Foo Corp", .user = "alan", .secret = secret.substr(0, 7)}, errc::invalid_secret);
    totp({.issuer = std::string(200, '%'),
          .user = std::string(200, '%'),
          .secret = secret,
          .qr_code = {.error_correction = mfa::qr::ErrorCorrection::high}},
         errc::qr_code_too_large);
    for (const std::string& number :
         {phone_number.substr(1), phone_number + "x9", "+" + phone_number, phone_number + phone_number,
          phone_number + ";", "00" + phone_number.substr(1), phone_number + "12345"})
      heard.error_of(errc::invalid_phone_number,
                     [&] { return verifier.enroll_factor(Sms{.phone_number = number}); });
    heard.error_of(errc::invalid_sms_template, [&] {
      return Verifier{storage, clock, sms, options({.sms_template = "no code"})}.options().sms_code_digits;
    });
    const auto no_key = [&](std::string_view id, const std::string& bytes) {
      heard.error_of(errc::invalid_argument, [&] { return mfa::KeyRing(id, mfa::crypto::bytes_of(bytes)); });
    };
    no_key("a b", key);
    no_key("a", key + "x");
    no_key("a", key.substr(1));
    heard.error_of(errc::invalid_argument, [&] {
      return mfa::KeyRing("a", mfa::crypto::bytes_of(key)).add_further("a", mfa::crypto::bytes_of(other_key));
    });
    heard.error_of(errc::no_key_ring, [&] { return mfa::KeyRing().seal({}, ""); });
    const std::string hex = hex_of(key);
    for (const std::string& line : {key, hex, "a " + hex + "0", "a " + hex + "\na " + hex_of(other_key)}) {
      const mfa::test::TemporaryDirectory directory;
      std::ofstream(directory.path() + "/keys") << line;
      heard.error_of(errc::key_unavailable, [&] {
        return mfa::read_key_file(directory.path() + "/keys", {.accept_readable_by_all = true});
      });
    }
    const auto now = clock.now();
    clock.set(std::chrono::system_clock::time_point{} - 1s);
    heard.error_of(errc::clock_out_of_range, [&] { return enroll_sms(verifier); });
    clock.set(now);
  }

  void broken_storage() {
    Verifier verifier{storage, clock, sms, options()};
    clock.advance(24h);
    const auto totp = enroll_verified_totp(verifier);
    const auto phone = enroll_verified_sms(verifier);
    const auto totp_challenge = totp.factor.challenge();
    const auto sms_challenge = phone.factor.challenge();
    for (const bool throws : {false, true}) {
      clock.advance(1min);
      const errc expected = throws ? errc::storage_failure : errc::storage_conflict;
      storage.throws = throws;
      storage.conflicts = !throws;
      heard.error_of(expected, [&] { return enroll_totp(verifier); });
      heard.error_of(expected, [&] { return enroll_sms(verifier); });
      heard.error_of(expected, [&] { return phone.factor.challenge(); });
      heard.error_of(expected, [&] { return totp_challenge.verify(code(totp.totp.secret)); });
      heard.error_of(expected, [&] { return sms_challenge.verify(code_sent()); });
      storage.throws = storage.conflicts = false;
    }
    // The message is not taken, and the challenge cannot be withdrawn.
    struct Breaking {
      mfa::test::FailingCommits<StoragePolicy>& storage;
      void send(const mfa::SmsMessage& message) const {
        storage.throws = true;
        throw std::runtime_error("cannot reach " + message.to);
      }
    };
    mfa::Verifier breaking{storage, clock, Breaking{storage}, options()};
    heard.error_of(errc::sms_not_sent,
                   [&] { return breaking.challenge_factor(phone.factor.id(), mfa::any_user); });
    storage.throws = false;
  }

  void broken_records() {
    Verifier verifier{storage, clock, sms, options()};
    clock.advance(24h);
    const auto totp = enroll_verified_totp(verifier);
    const auto phone = enroll_verified_sms(verifier);
    const auto totp_challenge = totp.factor.challenge();
    const auto sms_challenge = phone.factor.challenge();
    clock.advance(1min);
    const auto use_both = [&](auto& with, errc expected) {
      heard.error_of(expected,
                     [&] { return with.verify_challenge(totp_challenge.id(), code(totp.totp.secret)); });
      heard.error_of(expected, [&] { return with.challenge_factor(phone.factor.id(), mfa::any_user); });
    };
    mfa::Options other = options();
    other.key_ring = mfa::KeyRing("b", mfa::crypto::bytes_of(other_key));
    Verifier other_keys{storage, clock, sms, other};
    use_both(other_keys, errc::unknown_key);
    heard.error_of(errc::unknown_key,
                   [&] { return other_keys.verify_challenge(sms_challenge.id(), code_sent()); });
    other.key_ring = mfa::KeyRing("a", mfa::crypto::bytes_of(other_key)); // the id lies
    Verifier false_keys{storage, clock, sms, other};
    use_both(false_keys, errc::seal_broken);

    const auto put = [&](const mfa::storage::FactorRecord& record) {
      REQUIRE(storage.commit({.factors = {record}, .challenges = {}, .counters = {}, .removals = {}}));
    };
    const auto change = [&](const std::string& id,
                            const std::function<void(mfa::storage::FactorRecord&)>& to) {
      auto record = *storage.find_factor(id);
      to(record);
      put(record);
    };
    // By one who has the keys, or by a fault of the library's own.
    const auto change_and_seal = [&](const std::string& id,
                                     const std::function<void(mfa::storage::FactorRecord&)>& to) {
      auto record = *storage.find_factor(id);
      const mfa::KeyRing keys("a", mfa::crypto::bytes_of(key));
      mfa::verbs::open(record, keys, mfa::UnsealedRecords::refuse);
      to(record);
      mfa::verbs::seal(record, keys);
      put(record);
    };
    change_and_seal(totp.factor.id(), [](auto& record) { record.parameters += 'x'; });
    heard.error_of(errc::corrupt_record,
                   [&] { return verifier.get_factor(totp.factor.id(), mfa::any_user); });
    change_and_seal(phone.factor.id(), [](auto& record) { record.parameters.pop_back(); });
    heard.error_of(errc::corrupt_record,
                   [&] { return verifier.get_factor(phone.factor.id(), mfa::any_user); });
    const auto both = [&](const std::function<void(mfa::storage::FactorRecord&)>& to, errc expected) {
      change(totp.factor.id(), to);
      change(phone.factor.id(), to);
      use_both(verifier, expected);
    };
    both([](auto& record) { record.sealed.back() ^= 1; }, errc::seal_broken);
    both([](auto& record) { record.sealed.resize(1); }, errc::seal_broken);
    both(
        [&](auto& record) {
          record.sealed = mfa::KeyRing::unsealed().seal(mfa::crypto::bytes_of(phone_number), "");
        },
        errc::seal_broken);
    for (const std::string& id : {totp.factor.id(), phone.factor.id()}) { // as the message says
      const auto version = storage.find_factor(id)->version;
      REQUIRE(storage.commit({.factors = {},
                              .challenges = {},
                              .counters = {},
                              .removals = {{mfa::storage::RecordKind::factor, id, version}}}));
    }
  }

  /// On a machine whose OpenSSL has lost its algorithms. Its objects are kept per thread, so this takes a new
  /// one.
  void broken_cryptography() {
    Verifier verifier{storage, clock, sms, options()};
    clock.advance(24h);
    const auto totp = enroll_verified_totp(verifier);
    const auto phone = enroll_verified_sms(verifier);
    const auto totp_challenge = totp.factor.challenge();
    const std::string right = code(totp.totp.secret);
    REQUIRE(EVP_set_default_properties(nullptr, "provider=none") == 1);
    std::thread([&] {
      heard.error_of(errc::crypto_failure, [&] { return totp_challenge.verify(right); });
      heard.error_of(errc::crypto_failure, [&] { return phone.factor.challenge(); });
      heard.error_of(errc::crypto_failure, [&] { return enroll_totp(verifier); });
    }).join();
    REQUIRE(EVP_set_default_properties(nullptr, "") == 1);
  }

  Heard& heard;
  Secrets& secrets;
  mfa::testing::ManualClock clock;
  mfa::testing::RecordingSms sms;
  const std::string key = random_key();
  const std::string other_key = random_key();
};

void execute(const std::string& file, const char* sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &database) == SQLITE_OK);
  REQUIRE(sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  REQUIRE(sqlite3_close(database) == SQLITE_OK);
}

/// What SQLite says of files that cannot be used.
void broken_files(Play<mfa::storage::Sqlite>& play, const std::string& file, Heard& heard) {
  heard.error_of(errc::no_key_ring, [&] { return mfa::Verifier{play.storage}.options().sms_code_digits; });
  heard.error_of(errc::storage_failure, [&] { return mfa::storage::Sqlite(file + ".missing/mfa.db"); });
  heard.error_of(errc::invalid_argument, [] { return mfa::storage::Sqlite(":memory:"); });
  mfa::Verifier verifier{play.storage, play.options()};
  execute(file, "UPDATE mfa_factors SET type = 77");
  heard.error_of(errc::corrupt_record, [&] { return verifier.list_factors("u_42"); });
  execute(file, "DROP TABLE mfa_factors");
  heard.error_of(errc::storage_schema, [&] { return verifier.list_factors("u_42"); });
  execute(file, "UPDATE mfa_schema SET version = 99");
  heard.error_of(errc::storage_schema, [&] { return mfa::storage::Sqlite(file); });
}

/// What the library says of classes of the host's that fail, and of what waits for them.
void broken_policies(Heard& heard) {
  struct Lost : mfa::storage::Memory {
    static std::optional<mfa::storage::FactorRecord> find_factor(std::string_view) {
      throw std::runtime_error("lost");
    }
  };
  mfa::Verifier verifier{Lost{}, mfa::Options{}, mfa::return_errors};
  heard.error_of(errc::policy_failure, [&]() -> int {
    throw verifier.get_factor("auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ", mfa::any_user).error();
  });

  mfa::async::detail::WorkQueue queue(1, 0);
  (void)queue.stop(std::chrono::milliseconds(0));
  const auto call = [] { return 0; };
  heard.error_of(errc::storage_unavailable, [&] {
    queue.add(std::make_shared<mfa::async::detail::CallOf<decltype(call)>>(call), {});
    return 0;
  });
}

/// Every enumerator: all values but those that the library calls `unknown`.
template <class Enumeration, class Name> std::set<Enumeration> all_of(Name&& name, std::string_view unknown) {
  std::set<Enumeration> all;
  for (int value = 0; value < 256; ++value)
    if (name(static_cast<Enumeration>(value)) != unknown) all.insert(static_cast<Enumeration>(value));
  return all;
}

/// Whether this release has the kind.
bool can_be_enrolled(FactorType type) {
  return mfa::test::thrown_by([&] { return mfa::factor::with_kind(type, [](auto) { return true; }); }) ==
         errc{};
}

} // namespace

TEST_CASE("The search finds a secret in each of its spellings, and nothing else") {
  Secrets secrets;
  secrets.add_bytes("12345678901234567890");
  secrets.add_text("94287082");
  for (const std::string text : {"a 12345678901234567890 b", "3132333435363738393031323334353637383930",
                                 "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "gezdgnbvgy3tqojqgezdgnbvgy3tqojq",
                                 "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "code 94287082."}) {
    CAPTURE(text);
    CHECK(secrets.found_in(text).size() == 1);
  }
  CHECK(secrets.found_in("1234567890123456789 9428708").empty());
}

TEST_CASE("No code, secret, key, message or whole phone number is in an error, an event or a print") {
  Heard heard;
  Secrets secrets;
  Play<mfa::storage::Memory>(heard, secrets).run();
  const mfa::test::TemporaryDirectory directory;
  const std::string file = directory.path() + "/mfa.db";
  Play<mfa::storage::Sqlite> on_sqlite(
      heard, secrets, file, mfa::storage::SqliteOptions{.synchronous = mfa::storage::Synchronous::off});
  on_sqlite.run();
  broken_files(on_sqlite, file, heard);
  broken_policies(heard);

  CHECK(secrets.found_in(heard.text) == std::vector<std::string>{});

  // All there is was heard. A new kind of factor takes a part in Play.
  const auto name = [](auto value) { return to_string(value); };
  CHECK(heard.errors ==
        all_of<errc>([](errc value) { return mfa::make_error_code(value).message(); }, "unknown error"));
  CHECK(heard.events == all_of<EventType>(name, "unknown"));
  for (const FactorType type : all_of<FactorType>(name, "unknown"))
    CHECK(heard.types.contains(type) == can_be_enrolled(type));
  CHECK(heard.statuses == all_of<Status>(name, "unknown"));
}
