// A mailbox as a factor: enrolled by its address, asked by a code or a link in a mail, counted by the address
// however it is spelt, and whatever is sent there is accepted once and in time.
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/key_ring.hpp>
#include <mfa/email/console.hpp>
#include <mfa/mfa.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_email.hpp>
#include <mfa/testing/recording_sms.hpp>

#include "support/catch.hpp"
#include "support/edited_record.hpp"
#include "support/errors.hpp"
#include "support/host.hpp"
#include "support/usual_send_limits.hpp"

using mfa::ChallengeOptions;
using mfa::errc;
using mfa::Status;
using mfa::test::contains;
using mfa::test::error_of;
using mfa::test::thrown_by;
using namespace std::chrono_literals;

namespace {

const std::string link_begin = "https://example.com/sign-in?challenge=";
constexpr std::string_view a_key = "0123456789abcdef0123456789ABCDEF";

/// A mail that is its code alone.
const mfa::email::Template code_only{.subject = "Code", .text = "{{code}}"};
const mfa::email::Template link_only{.subject = "Link", .text = "{{link}}"};
const mfa::email::Template both{.subject = "Both", .text = "{{code}}\n{{link}}"};

struct Host {
  explicit Host(mfa::Options options = {})
      : verifier(storage, clock, emails, with_link(std::move(options))) {}

  mfa::storage::Memory storage;
  mfa::testing::ManualClock clock;
  mfa::testing::RecordingEmail emails;
  mfa::Verifier<mfa::storage::Memory, mfa::testing::ManualClock, mfa::testing::RecordingEmail> verifier;

  auto enroll(std::string address = "alan@example.com", std::string user_id = "u_42") {
    return verifier.enroll_factor(mfa::Email{.address = std::move(address), .user_id = std::move(user_id)},
                                  mfa::by_operator);
  }

  /// A mailbox that its user has confirmed, more than a day ago.
  auto enroll_verified(std::string address = "alan@example.com", std::string user_id = "u_42") {
    auto enrolled = enroll(std::move(address), std::move(user_id));
    const auto challenge = enrolled.factor.challenge_enrollment({.email_template = code_only});
    REQUIRE(challenge.confirm(emails.last().text).confirmed());
    clock.advance(25h);
    return enrolled;
  }

  /// The token in the link of the last mail.
  [[nodiscard]] std::string token() const {
    const std::string_view text = emails.last().text;
    return std::string(text.substr(text.find("token=") + 6, 22));
  }

  static mfa::Options with_link(mfa::Options options) {
    if (options.email_link.empty()) options.email_link = link_begin + "{{challenge}}&token={{token}}";
    return options;
  }
};

std::string other(std::string text) {
  text.front() = text.front() == 'A' || text.front() == '1' ? '2' : '1';
  return text;
}

} // namespace

TEST_CASE("An address is enrolled, confirmed by a code, and signs in by the next") {
  Host host;
  const auto enrolled = host.verifier.enroll_factor(mfa::Email{
      .address = "Alan <Alan.Turing+x@Example.com>\n", .user_id = "u_42", .friendly_name = "work"});
  CHECK(enrolled.email.address == "Alan.Turing+x@example.com");
  CHECK(to_string(enrolled.factor.type()) == "email");
  CHECK_FALSE(enrolled.factor.verified());
  CHECK(host.emails.messages().empty());

  const auto first = enrolled.factor.challenge_enrollment();
  const auto mail = host.emails.last();
  CHECK(mail.to == "Alan.Turing+x@example.com");
  CHECK(mail.subject == "Your verification code");
  CHECK(mail.html.empty());
  CHECK(mail.id == first.id());
  CHECK(first.code().empty());
  CHECK(first.expires_at() == first.created_at() + 10min);
  const std::string begin = "Your verification code is ";
  REQUIRE(mail.text.starts_with(begin));
  CHECK(first.confirm(std::string(mail.text).substr(begin.size(), 6)).confirmed());
  host.clock.advance(1min);

  const auto challenge = enrolled.factor.challenge({.email_template = code_only});
  const std::string code = host.emails.last().text;
  CHECK(challenge.verify(mfa::test::Host::other_code(code)).status() == Status::wrong_code);
  CHECK(challenge.verify("12345").status() == Status::malformed_code);
  const auto verification = challenge.verify(" " + code.substr(0, 3) + "-" + code.substr(3) + "\n");
  CHECK(verification.valid());
  REQUIRE(verification.amr().size() == 1);
  CHECK(verification.amr().front() == "otp");
  CHECK(verification.assurance() == mfa::Assurance{});
  CHECK(challenge.verify(code).status() == Status::already_verified);

  const auto listed = host.verifier.list_factors("u_42");
  REQUIRE(listed.size() == 1);
  REQUIRE(listed.front().email() != nullptr);
  CHECK(listed.front().email()->address == "A***@example.com");
  CHECK(listed.front().sms() == nullptr);
}

TEST_CASE("The address is sealed: the storage has it nowhere in the clear, and nothing of code and token") {
  Host host({.key_ring = mfa::KeyRing("a", mfa::crypto::bytes_of(a_key))});
  const auto enrolled = host.enroll_verified("alan.turing@example.com");
  const auto challenge = enrolled.factor.challenge({.email_template = both, .binding = "session"});
  const std::string text = host.emails.last().text;
  const auto factor = *host.storage.find_factor(enrolled.factor.id());
  const auto stored = *host.storage.find_challenge(challenge.id());
  const std::string all = factor.parameters + factor.sealed + stored.answer;
  for (const std::string& secret :
       {std::string("alan.turing"), std::string("turing"), text.substr(0, 6), host.token()})
    CHECK(all.find(secret) == std::string::npos);
}

TEST_CASE("Later mails end earlier ones, and time ends all") {
  Host host({.email_code_lifetime = 5min});
  const auto enrolled = host.enroll_verified();
  const auto first = enrolled.factor.challenge({.email_template = code_only});
  const std::string first_code = host.emails.last().text;
  host.clock.advance(30s);
  const auto second = enrolled.factor.challenge({.email_template = link_only, .binding = "s"});
  CHECK(first.verify(first_code).status() == Status::superseded);
  CHECK(second.expires_at() == second.created_at() + 5min);
  host.clock.advance(5min);
  CHECK(second.verify(host.token(), {.binding = "s"}).status() == Status::expired);
}

TEST_CASE("A link answers for the session that asked, once") {
  Host host;
  const auto enrolled = host.enroll_verified();
  const auto challenge = enrolled.factor.challenge({.email_template = link_only, .binding = "session 1"});
  const std::string token = host.token();
  CHECK(std::string(host.emails.last().text) == link_begin + challenge.id() + "&token=" + token);
  CHECK(challenge.code().empty());
  // Whoever else opens the mail, or began the sign-in as him, has another session or none.
  CHECK(thrown_by([&] { return challenge.verify(token); }) == errc::entity_not_found);
  CHECK(thrown_by([&] { return challenge.verify(token, {.binding = "session 2"}); }) ==
        errc::entity_not_found);
  CHECK(challenge.verify(other(token), {.binding = "session 1"}).status() == Status::wrong_code);
  CHECK(challenge.verify(token.substr(1), {.binding = "session 1"}).status() == Status::malformed_code);
  CHECK(challenge.verify(token + "A", {.binding = "session 1"}).status() == Status::malformed_code);
  CHECK(challenge.verify("123456", {.binding = "session 1"}).status() == Status::malformed_code);
  CHECK(challenge.verify(token, {.purpose = mfa::Purpose::sign_in, .binding = "session 1"}).valid());
  CHECK(challenge.verify(token, {.binding = "session 1"}).status() == Status::already_verified);
}

TEST_CASE("A link without a session is refused before anything is sent, unless the host says it by name") {
  Host host;
  const auto enrolled = host.enroll_verified();
  const auto sent = host.emails.messages().size();
  const auto error = error_of([&] { (void)enrolled.factor.challenge({.email_template = link_only}); });
  CHECK(error.code() == errc::invalid_argument);
  CHECK_THAT(error.what(), contains("ChallengeOptions::binding"));
  CHECK(host.emails.messages().size() == sent);
  const auto challenge =
      enrolled.factor.challenge({.email_template = link_only, .link_works_in_any_browser = true});
  CHECK(challenge.verify(host.token()).valid());
}

TEST_CASE("A link needs to lead somewhere") {
  mfa::storage::Memory storage;
  mfa::testing::RecordingEmail emails;
  mfa::Verifier verifier{storage, mfa::clock::System{}, emails};
  const auto enrolled = verifier.enroll_factor(mfa::Email{.address = "alan@example.com"});
  const auto error = error_of(
      [&] { (void)enrolled.factor.challenge_enrollment({.email_template = link_only, .binding = "s"}); });
  CHECK(error.code() == errc::invalid_email_template);
  CHECK_THAT(error.what(), contains("Options::email_link"));
  CHECK(thrown_by([&] {
          return enrolled.factor.challenge_enrollment(
              {.email_template = link_only, .email_link = "http://example.com/{{token}}", .binding = "s"});
        }) == errc::invalid_email_template);
  (void)enrolled.factor.challenge_enrollment(
      {.email_template = link_only, .email_link = "https://tenant.example/{{token}}", .binding = "s"});
  CHECK(emails.last().text.starts_with("https://tenant.example/"));
}

TEST_CASE("A challenge's own template that lacks a part is refused, and not passed over") {
  Host host;
  const auto enrolled = host.enroll_verified();
  const std::size_t sent = host.emails.messages().size();
  const mfa::email::Template without_text{.subject = "Code", .html = "<p>{{code}}</p>"};
  const struct {
    mfa::email::Template given;
    const char* reason;
  } rows[] = {{without_text, "in its text; write one of them"},
              {{.html = "<p>{{code}}</p>"}, "has no subject"},
              {{.subject = "Code"}, "in its text; write one of them"},
              {{.text = "{{code}}"}, "has no subject"}};
  for (const auto& row : rows) {
    CAPTURE(row.given.subject, row.given.text, row.given.html);
    const auto error = error_of([&] { (void)enrolled.factor.challenge({.email_template = row.given}); });
    CHECK(error.code() == errc::invalid_email_template);
    CHECK_THAT(error.what(), contains(row.reason));
  }
  CHECK(host.emails.messages().size() == sent);
  const auto challenge = enrolled.factor.challenge();
  CHECK(host.emails.last().subject == "Your verification code");
  host.clock.advance(1min);
  CHECK(thrown_by([&] { return challenge.resend({.email_template = without_text}); }) ==
        errc::invalid_email_template);
}

TEST_CASE("Of a mail with both, either answers, and ends the other") {
  for (const bool by_code : {true, false}) {
    CAPTURE(by_code);
    Host host;
    const auto enrolled = host.enroll_verified();
    const auto challenge = enrolled.factor.challenge({.email_template = both, .binding = "s"});
    const std::string code = std::string(host.emails.last().text).substr(0, 6);
    const std::string token = host.token();
    CHECK(challenge.verify(by_code ? code : " " + token + "\n", {.binding = "s"}).valid());
    CHECK(challenge.verify(by_code ? token : code, {.binding = "s"}).status() == Status::already_verified);
  }
}

TEST_CASE("Code and token answer their own challenge alone, each as what it is") {
  Host host;
  const auto first = host.enroll_verified("alan@example.com", "u_1")
                         .factor.challenge({.email_template = both, .binding = "s"});
  const std::string code = std::string(host.emails.last().text).substr(0, 6);
  const std::string token = host.token();
  const auto second = host.enroll_verified("bob@example.com", "u_2")
                          .factor.challenge({.email_template = both, .binding = "s"});
  const std::string second_code = std::string(host.emails.last().text).substr(0, 6);
  CHECK(second.verify(token, {.binding = "s"}).status() == Status::wrong_code);
  if (code != second_code) CHECK(second.verify(code, {.binding = "s"}).status() == Status::wrong_code);
  const auto coded =
      host.enroll_verified("carl@example.com", "u_3").factor.challenge({.email_template = code_only});
  CHECK(coded.verify(token).status() == Status::malformed_code);
}

TEST_CASE("What one challenge keeps of its code and token answers no other, whoever moves it there") {
  const mfa::KeyRing keys("a", mfa::crypto::bytes_of(a_key));
  Host host({.key_ring = keys});
  const auto enrolled = host.enroll_verified();
  const auto first = enrolled.factor.challenge({.email_template = both, .binding = "s"});
  const std::string code = std::string(host.emails.last().text).substr(0, 6);
  const std::string token = host.token();
  const auto of_first = mfa::test::opened(*host.storage.find_challenge(first.id()), keys);
  host.clock.advance(1min);
  const auto second = enrolled.factor.challenge({.email_template = both, .binding = "s"});
  mfa::storage::Batch moved;
  moved.challenges.push_back(mfa::test::edited(*host.storage.find_challenge(second.id()), keys,
                                               [&](auto& challenge) { challenge.answer = of_first.answer; }));
  REQUIRE(host.storage.commit(moved));
  CHECK(second.verify(token, {.binding = "s"}).status() == Status::wrong_code);
  CHECK(second.verify(code, {.binding = "s"}).status() == Status::wrong_code);
}

TEST_CASE("Wrong codes and wrong tokens are counted, delay, and use the challenge up") {
  for (const bool tokens : {false, true}) {
    CAPTURE(tokens);
    Host host;
    const auto enrolled = host.enroll_verified();
    const auto challenge = enrolled.factor.challenge({.email_template = both, .binding = "s"});
    const std::string code = std::string(host.emails.last().text).substr(0, 6);
    const std::string wrong = tokens ? other(host.token()) : mfa::test::Host::other_code(code);
    for (int i = 0; i < 4; ++i)
      CHECK(challenge.verify(wrong, {.binding = "s"}).status() == Status::wrong_code);
    const auto last = challenge.verify(wrong, {.binding = "s"});
    CHECK(last.retry_after() == 30s);
    CHECK(challenge.verify(code, {.binding = "s"}).status() == Status::too_many_attempts);
  }
}

TEST_CASE("email sends: 30 s between two, 5 an hour, 10 a day, for an address and not for a factor") {
  Host host({.sends_a_user_an_hour = 100, .sends_a_user_a_day = 100});
  const auto first = host.enroll_verified("alan.turing@example.com");
  const auto second = host.enroll_verified("AlanTuring+bank@Example.COM", "u_43"); // the same mailbox
  int turn = 0;
  mfa::test::check_usual_send_limits(
      host, errc::email_rate_limited, [&] { (void)(++turn % 2 ? first : second).factor.challenge(); },
      [&] { CHECK_NOTHROW(host.enroll("bob@example.com", "u_44").factor.challenge_enrollment()); });
}

TEST_CASE("email sends: whoever enrols somebody else's address leaves its owner half") {
  Host host;
  const auto own = host.enroll_verified();
  int sent = 0;
  for (int i = 0; i < 30; ++i) {
    const auto theirs = host.enroll("Al.an@example.com", "stranger " + std::to_string(i));
    if (thrown_by([&] { (void)theirs.factor.challenge_enrollment(); }) == errc{}) ++sent;
    host.clock.advance(1min);
  }
  CHECK(sent == 3);
  for (int i = 0; i < 2; ++i, host.clock.advance(30s)) CHECK_NOTHROW(own.factor.challenge());
}

TEST_CASE("email sends: a factor that is enrolled anew has no fresh budget, and an operator resets it") {
  Host host;
  for (int i = 0; i < 2; ++i) {
    const auto enrolled = host.enroll();
    CHECK(thrown_by([&] { (void)enrolled.factor.challenge_enrollment(); }) ==
          (i == 0 ? errc{} : errc::email_rate_limited));
    if (i == 0) host.verifier.delete_factor(enrolled.factor.id(), "u_42", mfa::by_operator);
  }
  const auto enrolled = host.enroll("Al.an@example.com", "u_43");
  const auto error = error_of([&] { (void)enrolled.factor.challenge_enrollment(); });
  CHECK(error.code() == errc::email_rate_limited);
  CHECK(error.retry_after() == 30s);
  CHECK(host.verifier.reset_send_limits(enrolled.factor.id(), mfa::any_user));
  CHECK_NOTHROW(enrolled.factor.challenge_enrollment());
}

TEST_CASE("email sends: what a user is sent is bounded over all his addresses") {
  Host host({.unverified_factors_a_user = 50, .sends_a_user_an_hour = 3});
  const auto send = [&](int i) {
    return thrown_by([&] {
      (void)host.enroll("alan" + std::to_string(i) + "@example.com").factor.challenge_enrollment();
    });
  };
  for (int i = 0; i < 3; ++i) CHECK(send(i) == errc{});
  CHECK(send(3) == errc::email_rate_limited);
}

TEST_CASE("A key that is replaced takes address, limit and open challenge along") {
  const mfa::KeyRing old("a", mfa::crypto::bytes_of(a_key));
  Host host({.key_ring = old});
  const auto enrolled = host.enroll_verified();
  const auto challenge = enrolled.factor.challenge({.email_template = both, .binding = "s"});
  const std::string token = host.token();
  mfa::KeyRing both_keys = mfa::KeyRing("b", mfa::crypto::bytes_of("ABCDEF0123456789abcdef0123456789"))
                               .add_further("a", mfa::crypto::bytes_of(a_key));
  host.verifier.replace_key_ring(both_keys);
  CHECK(thrown_by([&] { (void)enrolled.factor.challenge(); }) == errc::email_rate_limited);
  CHECK(challenge.verify(token, {.binding = "s"}).valid());
  host.clock.advance(1min);
  (void)enrolled.factor.challenge();
  const auto stored = mfa::test::opened(*host.storage.find_factor(enrolled.factor.id()), both_keys);
  CHECK(mfa::KeyRing::key_id_of(stored.sealed) == "b");
}

TEST_CASE("A mail is sent again for the same challenge, to the session that asked, and the last one counts") {
  for (const bool same_code : {false, true}) {
    CAPTURE(same_code);
    Host host({.email_template = both, .resend_same_code = same_code});
    const auto enrolled = host.enroll_verified();
    const auto challenge = enrolled.factor.challenge({.binding = "s"});
    CHECK(challenge.resend_after() == 30s);
    const mfa::EmailMessage first = host.emails.last();
    const std::string first_token = host.token();
    host.clock.advance(1min);
    CHECK(thrown_by([&] { return host.verifier.resend_challenge(challenge.id(), "u_42"); }) ==
          errc::entity_not_found);
    const auto again = host.verifier.resend_challenge(challenge.id(), "u_42", {.binding = "s"});
    CHECK(again.id() == challenge.id());
    CHECK(again.expires_at() == challenge.expires_at());
    const mfa::EmailMessage second = host.emails.last();
    CHECK(second.id != first.id);
    const std::string code = std::string(second.text).substr(0, 6);
    if (same_code) CHECK(first.text.starts_with(code));
    CHECK(host.token() != first_token);
    CHECK(again.verify(first_token, {.binding = "s"}).status() == Status::wrong_code);
    CHECK(again.verify(same_code ? code : host.token(), {.binding = "s"}).valid());
  }
}

TEST_CASE("No link is sent again where none was bound, and a mail of a link alone is") {
  Host host({.email_template = link_only});
  const auto enrolled = host.enroll_verified();
  const auto unbound = enrolled.factor.challenge({.email_template = code_only});
  host.clock.advance(1min);
  CHECK(thrown_by([&] { return host.verifier.resend_challenge(unbound.id(), "u_42"); }) ==
        errc::invalid_argument);
  const auto bound = enrolled.factor.challenge({.binding = "s"});
  for (int i = 0; i < 2; ++i) {
    const std::string former = host.emails.last().id;
    host.clock.advance(1min);
    (void)host.verifier.resend_challenge(bound.id(), "u_42", {.binding = "s"});
    CHECK(host.emails.last().id != former);
  }
  // One that is not delivered leaves the link before it, and its id to nobody.
  const std::string token = host.token();
  const std::string former = host.emails.last().id;
  host.clock.advance(1min);
  host.emails.fail_next();
  CHECK(thrown_by([&] { return host.verifier.resend_challenge(bound.id(), "u_42", {.binding = "s"}); }) ==
        errc::message_not_delivered);
  CHECK(bound.verify(token, {.binding = "s"}).valid());
}

TEST_CASE("A mail that was not sent leaves no challenge, one that may have been leaves it") {
  Host host;
  const auto enrolled = host.enroll_verified();
  host.emails.fail_next(mfa::DeliveryFailure::invalid_recipient);
  const auto error = error_of([&] { (void)enrolled.factor.challenge(); });
  CHECK(error.code() == errc::message_not_delivered);
  CHECK_THAT(error.what(), contains("the email transport did not take the message (invalid_recipient"));
  CHECK_THAT(error.what(), !contains("alan"));
  host.clock.advance(1min);
  host.emails.fail_next(mfa::DeliveryFailure::unclear);
  CHECK(enrolled.factor.challenge().attempts_left() == 5);
}

TEST_CASE("A host that sends e-mails alone need not say to which countries") {
  mfa::storage::Memory storage;
  mfa::Verifier verifier{storage, mfa::clock::System{}, mfa::email::Console{}};
  CHECK(verifier.enroll_factor(mfa::Email{.address = "alan@example.com"}).email.address ==
        "alan@example.com");
  struct Both : mfa::testing::RecordingSms, mfa::testing::RecordingEmail {
    using RecordingEmail::send;
    using RecordingSms::send;
  } gateway;
  CHECK(thrown_by([&] { mfa::Verifier{storage, mfa::clock::System{}, gateway}; }) == errc::invalid_argument);
  mfa::Verifier sends_both{storage, mfa::clock::System{}, gateway,
                           mfa::Options{.sms_allowed_country_codes = {"1"}}};
  const auto phone = sends_both.enroll_factor(mfa::Sms{.phone_number = "+14155550123"});
  const auto mail = sends_both.enroll_factor(mfa::Email{.address = "alan@example.com"});
  (void)phone.factor.challenge_enrollment();
  (void)mail.factor.challenge_enrollment();
  CHECK(gateway.RecordingSms::messages().size() == 1);
  CHECK(gateway.RecordingEmail::messages().size() == 1);
}

TEST_CASE("A verifier without an e-mail transport says so of a factor that another enrolled") {
  const mfa::KeyRing keys("a", mfa::crypto::bytes_of(a_key));
  Host host({.key_ring = keys});
  const auto enrolled = host.enroll_verified();
  mfa::Verifier silent{host.storage, host.clock, mfa::Options{.key_ring = keys}};
  const auto error = error_of([&] { (void)silent.challenge_factor(enrolled.factor.id(), "u_42"); });
  CHECK(error.code() == errc::message_not_delivered);
  CHECK_THAT(error.what(), contains("the email transport did not take the message"));
}

TEST_CASE("By default no policy counts a mailbox as a second factor, and one that names it does") {
  Host host;
  (void)host.enroll_verified();
  const auto factors = host.verifier.list_factors("u_42");
  CHECK(mfa::requirement({}, factors, host.clock.now()).factors_lacking == 1);
  CHECK(mfa::requirement({.kinds = {mfa::FactorType::email}}, factors, host.clock.now()).factors_lacking ==
        0);
  // Where phishing must not help, it is not asked at all.
  CHECK(thrown_by([&] {
          return factors.front().challenge({.required = {.factors = 1, .phishing_resistant = true}});
        }) == errc::insufficient_assurance);
}
