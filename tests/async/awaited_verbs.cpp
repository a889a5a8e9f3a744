// `async::Verifier` has the verbs of `Verifier`, rules and all, over a storage that is awaited; and what a
// task promises that is destroyed before its end.
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/async.hpp>
#include <mfa/import.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_email.hpp>
#include <mfa/testing/recording_sms.hpp>

#include "support/awaited_storage.hpp"
#include "support/catch.hpp"
#include "support/task.hpp"

using mfa::errc;
using mfa::Status;
using mfa::test::AwaitedMemory;
using mfa::test::Task;
using namespace std::chrono_literals;

namespace {

/// A host whose tasks wait at every request to the storage.
struct Host {
  AwaitedMemory storage;
  mfa::testing::ManualClock clock;
  mfa::testing::RecordingSms sms;
  mfa::async::Verifier<Task, AwaitedMemory, mfa::testing::ManualClock, mfa::testing::RecordingSms> verifier{
      storage, clock, sms, mfa::Options{.sms_template = "{{code}}", .sms_allowed_country_codes = {"1"}}};

  /// Runs a task to its end.
  template <class Result> Result run(Task<Result> task) {
    task.start();
    while (!task.done()) REQUIRE(storage.step());
    return task.result();
  }

  auto enroll_totp() {
    return run(verifier.enroll_factor(mfa::Totp{.issuer = "Foo", .user = "alan", .user_id = "u_1"}));
  }

  /// A TOTP factor that its user has confirmed, a period ago.
  auto enroll_verified_totp() {
    auto enrolled = enroll_totp();
    REQUIRE(run(enrolled.factor.confirm(code(enrolled.totp.secret))).confirmed());
    clock.advance(30s);
    return enrolled;
  }

  std::string code(std::string_view secret) const {
    const auto key = mfa::otp::base32_decode(secret);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(clock.now().time_since_epoch());
    return mfa::otp::hotp(key, static_cast<std::uint64_t>(seconds / 30s));
  }
};

template <class Call> std::optional<errc> refused_as(Call&& call) {
  try {
    (void)call();
  } catch (const mfa::Error& error) {
    return errc(error.code());
  }
  return std::nullopt;
}

/// As handlers are written.
Task<bool> sign_in(const auto& verifier, std::string factor_id, std::string code) {
  const auto challenge = co_await verifier.challenge_factor(factor_id, mfa::any_user);
  const auto verification = co_await challenge.verify(code);
  co_return verification.valid();
}

} // namespace

TEST_CASE("three verbs, awaited") {
  Host host;
  const auto enrolled = host.enroll_totp();
  CHECK(enrolled.factor.type() == mfa::FactorType::totp);
  CHECK(host.run(host.verifier.confirm_enrollment(enrolled.factor.id(), host.code(enrolled.totp.secret)))
            .confirmed());
  host.clock.advance(30s);
  const std::string code = host.code(enrolled.totp.secret);
  CHECK(host.run(sign_in(host.verifier, enrolled.factor.id(), code)));
  CHECK_FALSE(host.run(sign_in(host.verifier, enrolled.factor.id(), code))); // a code counts once
  CHECK(host.run(host.verifier.get_factor(enrolled.factor.id(), mfa::any_user)).verified());
}

TEST_CASE("every verb, awaited") {
  Host host;
  const auto totp = host.enroll_totp();
  const std::string id = totp.factor.id();
  const auto& verifier = host.verifier;
  CHECK(refused_as([&] { return host.run(verifier.challenge_factor(id, "u_1")); }) ==
        errc::factor_not_verified);
  const auto shown = host.run(verifier.confirm_enrollment(id, host.code(totp.totp.secret)));
  CHECK(shown.confirmed());

  const mfa::Sms request{.phone_number = "+14155550123", .user_id = "u_1"};
  CHECK(refused_as([&] { return host.run(verifier.enroll_factor(request)); }) ==
        errc::authorization_required);
  const auto phone = host.run(verifier.enroll_factor(request, shown));
  const auto first = host.run(phone.factor.challenge_enrollment());
  REQUIRE(host.sms.messages().size() == 1);
  CHECK(refused_as([&] { return host.run(verifier.challenge_enrollment(phone.factor.id(), "u_1")); }) ==
        errc::sms_rate_limited);
  CHECK(host.run(first.confirm(host.sms.messages().back().body)).confirmed());
  CHECK(host.run(verifier.report_delivery(first.id(), mfa::DeliveryReport::delivered)));
  CHECK(host.run(verifier.reset_sms_budgets("US")));
  CHECK(host.run(verifier.reset_sms_limits("+14155550123")));
  CHECK(host.run(verifier.reset_send_limits(phone.factor.id(), mfa::any_user))); // what was sent to the user
  CHECK_FALSE(host.run(verifier.reset_send_limits(phone.factor.id(), mfa::any_user)));
  const auto sms = host.run(verifier.challenge_factor(phone.factor.id(), "u_1"));
  const std::string sent = host.sms.messages().back().body;
  CHECK(refused_as([&] {
          return host.run(verifier.verify_challenge(sms.id(), sent, {.purpose = mfa::Purpose::step_up}));
        }) == errc::wrong_purpose);
  CHECK(host.run(verifier.verify_challenge(sms.id(), sent)).valid());
  CHECK(host.run(verifier.get_challenge(sms.id(), mfa::any_user)).state() == mfa::ChallengeState::verified);

  const auto codes = host.run(verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_1"}, shown));
  const auto renewed = host.run(verifier.regenerate_recovery_codes(codes.factor.id(), "u_1", shown));
  CHECK(renewed.recovery_codes.codes.size() == codes.recovery_codes.codes.size());

  CHECK(host.run(verifier.list_factors("u_1")).size() == 3);
  CHECK(host.run(verifier.list_factors("u_1", mfa::Page{.limit = 2})).size() == 2);
  CHECK(refused_as([&] { return host.run(verifier.list_factors("u_1", mfa::Page{.limit = 0})); }) ==
        errc::invalid_argument);

  const auto device = host.run(verifier.remember_device("u_1", "laptop", shown));
  CHECK(host.run(verifier.check_device(device.token, "u_1")));
  CHECK_FALSE(host.run(verifier.check_device(device.token, "u_2")));
  CHECK(host.run(verifier.list_devices("u_1")).size() == 1);
  CHECK(host.run(verifier.revoke_device("u_1", device.device.id)));
  CHECK(host.run(verifier.revoke_devices("u_1")) == 0);

  CHECK(host.run(verifier.unsafe_export_otpauth_uri(id, mfa::any_user)) == totp.totp.uri);
  host.run(verifier.unlock_factor(id, mfa::any_user, mfa::by_operator));
  CHECK(host.run(verifier.count_keys()).factors.size() == 1);
  CHECK(host.run(verifier.reseal_all()).scanned == 3);
  CHECK(host.run(verifier.purge_expired()) == 0);

  std::vector<mfa::ImportLine> lines(1);
  lines.front().user_id = "u_3";
  lines.front().uri = "otpauth://totp/Bar:bo?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Bar";
  CHECK(host.run(mfa::import_factors(verifier, lines)).imported == 1);
  CHECK(host.run(mfa::import_factors(verifier, lines)).already_there == 1);

  CHECK(host.run(verifier.rename_factor(id, "u_1", "my phone")).friendly_name() == "my phone");
  CHECK(host.run(totp.factor.rename("my old phone")).friendly_name() == "my old phone");
  const auto kept = host.run(verifier.remember_device("u_1", "laptop", shown));
  (void)host.run(verifier.remember_device("u_1", "tablet", shown));
  const mfa::RevokeOptions but_this{.keep_device = kept.token};
  CHECK(host.run(verifier.revoke_devices("u_1", but_this)) == 1);
  const mfa::DeleteOptions not_the_last{.refuse_last = true};
  CHECK(host.run(verifier.delete_factor(phone.factor.id(), "u_1", shown, not_the_last)).factors == 1);
  CHECK(refused_as([&] { return host.run(totp.factor.remove(shown, not_the_last)); }) == errc::last_factor);
  const mfa::ResetOptions to_one{.keep_factor = id, .keep_device = kept.token};
  CHECK(host.run(verifier.reset_user("u_1", shown, to_one)) == mfa::UserReset{1, 0});
  CHECK(host.run(verifier.check_device(kept.token, "u_1")));
  CHECK(refused_as([&] { return host.run(verifier.reset_user("u_1", mfa::Authorization())); }) ==
        errc::authorization_required);
  CHECK(host.run(totp.factor.remove(shown)) == mfa::Remaining());
  CHECK(refused_as([&] { return host.run(verifier.get_factor(id, mfa::any_user)); }) ==
        errc::entity_not_found);
  host.run(host.verifier.replace_key_ring(mfa::KeyRing::generate()));
  CHECK(refused_as([&] { return host.run(host.verifier.replace_key_ring(mfa::KeyRing())); }) ==
        errc::no_key_ring);
}

TEST_CASE("a code sent again, awaited") {
  Host host;
  const mfa::Sms request{.phone_number = "+14155550123", .user_id = "u_1"};
  const auto phone = host.run(host.verifier.enroll_factor(request));
  const auto challenge = host.run(phone.factor.challenge_enrollment());
  CHECK(refused_as([&] { return host.run(challenge.resend()); }) == errc::sms_rate_limited);
  host.clock.advance(*challenge.resend_after());
  const auto again = host.run(host.verifier.resend_challenge(challenge.id(), "u_1"));
  CHECK(again.id() == challenge.id());
  const std::string second(host.sms.last().body);
  host.clock.advance(*again.resend_after());
  host.sms.fail_next();
  CHECK(refused_as([&] { return host.run(challenge.resend()); }) == errc::sms_not_sent);
  CHECK(host.run(challenge.confirm(second)).confirmed()); // the one that was sent before counts
  CHECK(refused_as([&] { return host.run(challenge.resend()); }) == errc::challenge_over);
}

TEST_CASE("errors as values, awaited") {
  AwaitedMemory storage;
  auto verifier = mfa::async::make_verifier<Task>(storage, mfa::Options{}, mfa::return_errors);
  auto task = verifier.get_factor("auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ", mfa::any_user);
  task.start();
  while (!task.done()) REQUIRE(storage.step());
  const mfa::Result<decltype(verifier)::FactorHandle> found = task.result();
  REQUIRE_FALSE(found.has_value());
  CHECK(found.error().code() == errc::entity_not_found);
}

TEST_CASE("a thousand guesses at once are counted like guesses in a row") {
  Host host;
  const auto enrolled = host.enroll_verified_totp();
  const auto challenge = host.run(enrolled.factor.challenge());
  std::vector<Task<mfa::Verification>> tasks;
  for (int i = 0; i < 1000; ++i) tasks.push_back(challenge.verify("000000"));
  for (auto& task : tasks) task.start();
  while (host.storage.step()) {
  }
  std::size_t wrong = 0;
  for (auto& task : tasks) {
    REQUIRE(task.done());
    wrong += task.result().status() == Status::wrong_code ? 1 : 0;
  }
  CHECK(wrong == 5);
}

TEST_CASE("a task that is destroyed counted the attempt or did nothing, and gave no verdict") {
  // At each suspension in turn: before the commit is done nothing has happened, afterwards it has.
  std::vector<bool> counted_when_destroyed_at;
  for (std::size_t at = 1;; ++at) {
    Host host;
    const auto enrolled = host.enroll_verified_totp();
    const auto challenge = host.run(enrolled.factor.challenge());
    const std::size_t before = host.storage.suspensions();
    bool ended = false;
    {
      auto task = challenge.verify(host.code(enrolled.totp.secret));
      task.start();
      while (!task.done() && host.storage.suspensions() < before + at) REQUIRE(host.storage.step());
      ended = task.done();
    }
    host.storage.forget_all();
    if (ended) break;
    const bool counted =
        host.run(host.verifier.get_challenge(challenge.id(), "u_1")).state() == mfa::ChallengeState::verified;
    counted_when_destroyed_at.push_back(counted);
    // Nothing of it is left: the user tries again.
    CHECK(host.run(challenge.verify(host.code(enrolled.totp.secret))).status() ==
          (counted ? Status::already_verified : Status::valid));
  }
  // Read begins, read is done, commit begins, commit is done.
  CHECK(counted_when_destroyed_at == std::vector<bool>{false, false, false, true});
}

TEST_CASE("a message is sent after its challenge is committed, or not at all") {
  for (std::size_t at = 1; at < 20; ++at) {
    Host host;
    const auto phone =
        host.run(host.verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123", .user_id = "u_1"}));
    const std::size_t before = host.storage.suspensions();
    bool ended = false;
    {
      auto task = phone.factor.challenge_enrollment();
      task.start();
      while (!task.done() && host.storage.suspensions() < before + at) REQUIRE(host.storage.step());
      ended = task.done();
    }
    host.storage.forget_all();
    CHECK(host.sms.messages().size() == (ended ? 1U : 0U));
    if (ended) return;
  }
  FAIL("it never ended");
}

namespace {

/// A mail server that is awaited, at the storage's pace.
struct MailServer {
  AwaitedMemory& storage;
  mfa::testing::RecordingEmail& taken;

  Task<void> send(const mfa::EmailMessage& message) {
    (void)co_await storage.find_factor("auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ");
    taken.send(message);
  }
};

} // namespace

TEST_CASE("a mailbox, awaited: its link signs in the session that asked, once") {
  AwaitedMemory storage;
  mfa::testing::ManualClock clock;
  mfa::testing::RecordingEmail mails;
  MailServer server{storage, mails};
  const mfa::async::Verifier<Task, AwaitedMemory, mfa::testing::ManualClock, MailServer> verifier{
      storage, clock, server,
      mfa::Options{.email_template = {.subject = "Sign in", .text = "{{code}} {{link}}"},
                   .email_link = "https://example.com/{{challenge}}#{{token}}"}};
  const auto run = [&storage](auto task) {
    task.start();
    while (!task.done()) REQUIRE(storage.step());
    return task.result();
  };
  const auto token = [&mails] {
    const std::string text(mails.last().text);
    return text.substr(text.find('#') + 1);
  };
  const mfa::ChallengeOptions asked{.binding = "session"};
  const mfa::VerifyOptions clicked{.binding = "session"};
  const mfa::VerifyOptions clicked_elsewhere{.binding = "another"};
  const mfa::Email request{.address = "alan@example.com", .user_id = "u_1"};
  const auto mailbox = run(verifier.enroll_factor(request));
  CHECK(run(run(mailbox.factor.challenge_enrollment(asked)).confirm(token(), clicked)).confirmed());
  CHECK(refused_as([&] { return run(mailbox.factor.challenge(asked)); }) == errc::email_rate_limited);
  clock.advance(1min);
  CHECK(refused_as([&] { return run(mailbox.factor.challenge()); }) == errc::invalid_argument);
  const auto challenge = run(mailbox.factor.challenge(asked));
  CHECK(refused_as([&] { return run(challenge.verify(token(), clicked_elsewhere)); }) ==
        errc::entity_not_found);
  CHECK(run(challenge.verify(token(), clicked)).valid());
  CHECK(run(challenge.verify(token(), clicked)).status() == Status::already_verified);
  clock.advance(1min);
  mails.fail_next();
  CHECK(refused_as([&] { return run(mailbox.factor.challenge(asked)); }) == errc::message_not_delivered);
}

TEST_CASE("the handles of a verifier that is gone say so") {
  AwaitedMemory storage;
  std::optional<mfa::async::Verifier<Task, AwaitedMemory>::FactorHandle> kept;
  {
    auto verifier = mfa::async::make_verifier<Task>(storage);
    auto task = verifier.enroll_factor(mfa::GenericOtp{.destination = "a***@example.com"});
    task.start();
    while (!task.done()) REQUIRE(storage.step());
    kept = task.result().factor;
  }
  CHECK(refused_as([&] { return kept->challenge(); }) == errc::invalid_argument);
  CHECK(refused_as([&] { return kept->challenge_enrollment(); }) == errc::invalid_argument);
  CHECK(refused_as([&] { return kept->confirm("123456"); }) == errc::invalid_argument);
}
