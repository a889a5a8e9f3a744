// No user has two factors of one secret, and what a factor has accepted no later one of its secret accepts.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <mfa/import.hpp>
#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/otp/uri.hpp>

#include "support/catch.hpp"
#include "support/edited_record.hpp"
#include "support/host.hpp"

using mfa::errc;
using mfa::Status;
using mfa::test::Host;
using mfa::test::thrown_by;
using namespace std::chrono_literals;

namespace {

const std::string secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

mfa::Totp totp_of(const std::string& user_id) {
  mfa::Totp request{.issuer = "Foo Corp", .user = "alan", .secret = secret};
  if (!user_id.empty()) request.user_id = user_id;
  return request;
}

mfa::Hotp hotp_of(const std::string& user_id) {
  mfa::Hotp request{.issuer = "Foo Corp", .user = "alan", .secret = secret};
  if (!user_id.empty()) request.user_id = user_id;
  return request;
}

std::string hotp_code(std::uint64_t counter) {
  return mfa::otp::hotp(mfa::otp::base32_decode(secret), counter);
}

auto enroll(Host& host, const auto& request) {
  return host.verifier.enroll_factor(request, mfa::by_operator);
}

void remove(Host& host, const std::string& factor_id) {
  host.verifier.delete_factor(factor_id, mfa::any_user, mfa::by_operator);
}

} // namespace

TEST_CASE("A secret that the user has already is refused, verified or not and however it is written") {
  Host host;
  const auto first = enroll(host, totp_of("u_42"));
  const auto refused = [&] {
    mfa::Totp lower = totp_of("u_42");
    lower.secret = "gezd gnbv gy3t qojq gezd gnbv gy3t qojq";
    mfa::Totp other = totp_of("u_42");
    other.digits = 8;
    other.period = 60s;
    mfa::Totp bytes = totp_of("u_42");
    bytes.secret_bytes = mfa::otp::base32_decode(secret);
    bytes.secret = {};
    for (const auto& request : {totp_of("u_42"), lower, other, bytes})
      CHECK(thrown_by([&] { return enroll(host, request).factor.id(); }) == errc::duplicate_secret);
    CHECK(thrown_by([&] { return enroll(host, hotp_of("u_42")).factor.id(); }) == errc::duplicate_secret);
  };
  refused();
  REQUIRE(first.factor.confirm(host.code(secret)).confirmed());
  refused();
  CHECK(host.verifier.list_factors("u_42").size() == 1);
}

TEST_CASE("A token's secret is no app's") {
  Host host;
  enroll(host, hotp_of("u_42"));
  CHECK(thrown_by([&] { return enroll(host, totp_of("u_42")).factor.id(); }) == errc::duplicate_secret);
  CHECK(thrown_by([&] { return enroll(host, hotp_of("u_42")).factor.id(); }) == errc::duplicate_secret);
}

TEST_CASE("Other users, and factors of nobody, may have it") {
  Host host;
  (void)enroll(host, totp_of("u_42"));
  CHECK(thrown_by([&] { return enroll(host, totp_of("u_43")).factor.id(); }) == errc());
  CHECK(thrown_by([&] { return enroll(host, totp_of("")).factor.id(); }) == errc());
  CHECK(thrown_by([&] { return enroll(host, totp_of("")).factor.id(); }) == errc());
}

TEST_CASE("An enrolment that was not confirmed in time does not stand in the way") {
  Host host;
  const auto first = enroll(host, totp_of("u_42"));
  host.clock.advance(10min);
  const auto second = enroll(host, totp_of("u_42"));
  CHECK(host.verifier.list_factors("u_42").size() == 1);
  CHECK(second.factor.confirm(host.code(secret)).confirmed());
}

TEST_CASE("One that a sign-in verified, where hosts allow that, stands in the way however late") {
  Host host({.unverified_factors_sign_in = true});
  const auto first = enroll(host, totp_of("u_42"));
  const auto used = host.code(secret, 1); // of the next step
  REQUIRE(host.verifier.challenge_factor(first.factor.id(), "u_42").verify(used).valid());
  host.clock.advance(10min);
  CHECK(thrown_by([&] { return enroll(host, totp_of("u_42")).factor.id(); }) == errc::duplicate_secret);
  CHECK(host.verifier.list_factors("u_42").size() == 1);
}

TEST_CASE("No code is accepted twice by deleting a factor and enrolling its secret anew") {
  Host host;
  const auto first = enroll(host, totp_of("u_42"));
  const auto used = host.code(secret, 1);
  REQUIRE(first.factor.confirm(used).confirmed()); // of the next step
  for (int times = 0; times < 3; ++times) {
    const std::string id = host.verifier.list_factors("u_42").front().id();
    remove(host, id);
    const auto anew = enroll(host, totp_of("u_42"));
    CHECK(anew.factor.confirm(used).status() == Status::code_already_used);
    CHECK(anew.factor.confirm(host.code(secret)).status() == Status::code_already_used);
    host.clock.advance(30s);
    CHECK(anew.factor.confirm(used).status() == Status::code_already_used);
    host.clock.advance(-30s);
  }
  const auto of_another = enroll(host, totp_of("u_43"));
  CHECK(of_another.factor.confirm(used).confirmed());
}

TEST_CASE("Nor by importing it anew") {
  Host host;
  const auto first = enroll(host, totp_of("u_42"));
  REQUIRE(first.factor.confirm(host.code(secret)).confirmed());
  const auto import = [&] {
    std::vector<mfa::ImportLine> lines(1);
    lines.front().user_id = "u_42";
    lines.front().uri = std::string("otpauth://totp/Foo%20Corp:alan?issuer=Foo%20Corp&secret=") + secret;
    return mfa::import_factors(host.verifier, lines, {.verified = true});
  };
  CHECK(import().already_there == 1);
  remove(host, first.factor.id());
  REQUIRE(import().imported == 1);
  const auto imported = host.verifier.list_factors("u_42").front();
  CHECK(host.verify(host.challenge(imported.id()), host.code(secret)) == Status::code_already_used);
  CHECK(host.verify(host.challenge(imported.id()), host.code(secret, 1)) == Status::valid);
}

TEST_CASE("The counter of a token goes on, and its URI says so") {
  Host host;
  const auto first = enroll(host, hotp_of("u_42"));
  REQUIRE(first.factor.confirm(hotp_code(3)).confirmed());
  remove(host, first.factor.id());
  host.clock.advance(24h * 365);
  const auto anew = enroll(host, hotp_of("u_42"));
  CHECK(anew.hotp.uri.view().find("counter=4") != std::string_view::npos);
  CHECK(anew.factor.confirm(hotp_code(3)).status() == Status::code_already_used);
  CHECK(anew.factor.confirm(hotp_code(4)).confirmed());
}

TEST_CASE("What a token's secret has used outlasts a purge within its year") {
  Host host;
  const auto first = enroll(host, hotp_of("u_42"));
  REQUIRE(first.factor.confirm(hotp_code(3)).confirmed());
  remove(host, first.factor.id());
  host.clock.advance(24h * 300);
  host.verifier.purge_expired();
  CHECK(enroll(host, hotp_of("u_42")).factor.confirm(hotp_code(3)).status() == Status::code_already_used);
}

TEST_CASE("What a secret has used outlasts a change of keys, and a purge by a clock that is ahead") {
  const auto next = mfa::key_from_hex("0f5a9c3be77d41b2a8c6e19d4f03b7a20f1e2d3c4b5a69788796a5b4c3d2e1f0");
  const auto former = mfa::key_from_hex("91b7e4d20c6a5f38e2d19b07c4a6538f77d41b2a8c6e19d4f03b7a20f1e2d3c4");
  Host host({.key_ring = mfa::KeyRing("former", former)});
  const auto first = enroll(host, totp_of("u_42"));
  const auto used = host.code(secret);
  REQUIRE(first.factor.confirm(used).confirmed());
  remove(host, first.factor.id());
  host.verifier.replace_key_ring(mfa::KeyRing("next", next).add_further("former", former));
  host.clock.advance(24h);
  (void)host.verifier.purge_expired();
  host.clock.advance(-24h);
  const auto anew = enroll(host, totp_of("u_42"));
  CHECK(anew.factor.confirm(used).status() == Status::code_already_used);
}

TEST_CASE("The user's record ends when the codes that it speaks of are over") {
  Host host;
  const auto first = enroll(host, totp_of("u_42"));
  REQUIRE(first.factor.confirm(host.code(secret)).confirmed());
  remove(host, first.factor.id());
  host.clock.advance(24h * 4);
  (void)host.verifier.purge_expired();
  CHECK_FALSE(host.storage.find_counter("user_u_42"));
}

TEST_CASE("What is over is forgotten when a further factor goes") {
  Host host;
  const auto recorded_after = [&](const std::string& text) {
    mfa::Totp request = totp_of("u_42");
    request.secret = text;
    const auto enrolled = enroll(host, request);
    REQUIRE(enrolled.factor.confirm(host.code(text)).confirmed());
    remove(host, enrolled.factor.id());
    return host.storage.find_counter("user_u_42").value().data.size();
  };
  const std::size_t of_one = recorded_after(secret);
  CHECK(recorded_after("A" + secret.substr(1)) > of_one + 32);
  host.clock.advance(24h * 4);
  CHECK(recorded_after("B" + secret.substr(1)) < of_one + 32);
}

TEST_CASE("A secret whose steps are of another length begins anew") {
  Host host;
  const auto first = enroll(host, totp_of("u_42"));
  REQUIRE(first.factor.confirm(host.code(secret)).confirmed());
  remove(host, first.factor.id());
  mfa::Totp slower = totp_of("u_42");
  slower.period = 60s;
  const auto step = static_cast<std::uint64_t>(host.clock.now().time_since_epoch() / 60s);
  CHECK(enroll(host, slower).factor.confirm(hotp_code(step)).confirmed());
}

TEST_CASE("What stands for a secret says nothing of it, and nothing of other users' secrets") {
  const auto keys = mfa::KeyRing::generate();
  const mfa::Options options;
  const mfa::factor::Context context{mfa::Time(24h * 365 * 50), options, keys};
  const auto kept = [&](const std::string& user_id) {
    mfa::storage::FactorRecord record;
    record.id = "auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ";
    record.user_id = user_id;
    mfa::otp::Account account{
        .issuer = "Foo Corp", .user = "alan", .secret = mfa::otp::base32_decode(secret), .counter = 7};
    (void)mfa::factor::keep(std::move(account), false, record, context);
    record.last_used_at = context.now;
    return mfa::factor::used_secret(record, context).value();
  };
  CHECK(kept("u_42") == kept("u_42"));
  CHECK(kept("u_42").fingerprint != kept("u_43").fingerprint);
  CHECK(kept("u_42").fingerprint.find("12345678901234567890") == std::string::npos);
}

TEST_CASE("Twenty secrets are remembered of a user, and those of which nothing was accepted go first") {
  Host host;
  const auto secret_of = [](int number) {
    std::string text = secret;
    text[0] = static_cast<char>('A' + number);
    return text;
  };
  const auto enroll_number = [&](int number) {
    mfa::Totp request = totp_of("u_42");
    request.secret = secret_of(number);
    return enroll(host, request);
  };
  const auto used_by = [&](int number) { return host.code(secret_of(number)); };
  const auto first = enroll_number(0);
  REQUIRE(first.factor.confirm(used_by(0)).confirmed());
  remove(host, first.factor.id());
  mfa::VerifyOptions said;
  said.hint_clock_skew_after_password = true;
  for (int number = 1; number <= 25; ++number) { // of which nothing but a hint was given
    const auto hinted = enroll_number(number);
    REQUIRE(hinted.factor.confirm(host.code(secret_of(number), 20), said).clock_skew() == 600s);
    remove(host, hinted.factor.id());
  }
  const auto anew = enroll_number(0);
  CHECK(anew.factor.confirm(used_by(0)).status() == Status::code_already_used);
}

TEST_CASE("A user's record of before is read") {
  mfa::decision::UserRecord user;
  user.handle = "handle";
  mfa::storage::CounterRecord record;
  record.id = "user_u_42";
  mfa::decision::encode_user(user, record, {});
  REQUIRE(record.data.front() == 2);
  std::string before = record.data.substr(0, record.data.size() - 1); // no used secrets
  before.front() = 1;
  record.data = before;
  CHECK(mfa::decision::decode_user(record).handle == "handle");
  record.data = record.data + '\0';
  CHECK(thrown_by([&] { return mfa::decision::decode_user(record); }) == errc::corrupt_record);
}
