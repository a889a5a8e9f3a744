// Whatever a host asks for or sets that cannot be: a clear error, and nothing changes in the storage, memory
// or SQLite.
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/scene.hpp"
#include "support/text.hpp"

using mfa::errc;
using mfa::Options;
using mfa::Status;
using mfa::Totp;
using mfa::storage::Memory;
using mfa::test::repeated;
using mfa::test::Scene;
using mfa::test::TemporarySqlite;
using mfa::test::thrown_by;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

const std::string sql = "x'; DROP TABLE mfa_factors; --";

const std::string megabyte(1'000'000, 'A');

} // namespace

TEMPLATE_TEST_CASE("A factor that cannot be enrolled is refused with the reason", "", Memory,
                   TemporarySqlite) {
  struct Row {
    std::string what;
    std::function<void(Totp&)> spoil;
    errc error;
    std::string says;
  };
  const auto issuer = [](const std::string& what, const std::string& text, const std::string& says) {
    return Row{"issuer: " + what, [text](Totp& totp) { totp.issuer = text; }, errc::invalid_argument,
               "the issuer " + says};
  };
  const auto user = [](const std::string& what, const std::string& text, const std::string& says) {
    return Row{"user: " + what, [text](Totp& totp) { totp.user = text; }, errc::invalid_argument,
               "the user " + says};
  };
  const auto user_id = [](const std::string& what, const std::string& text) {
    return Row{"user_id: " + what, [text](Totp& totp) { totp.user_id = text; }, errc::invalid_argument,
               "user_id must be UTF-8 of at most 255 bytes without control characters"};
  };
  const auto friendly_name = [](const std::string& what, const std::string& text) {
    return Row{"friendly_name: " + what, [text](Totp& totp) { totp.friendly_name = text; },
               errc::invalid_argument,
               "friendly_name must be UTF-8 of at most 200 bytes without control characters"};
  };
  const auto secret = [](const std::string& what, const std::string& text, const std::string& says) {
    return Row{"secret: " + what, [text](Totp& totp) { totp.secret = text; }, errc::invalid_secret, says};
  };
  const auto other = [](const std::string& what, std::function<void(Totp&)> spoil, const std::string& says,
                        errc error = errc::invalid_argument) {
    return Row{what, std::move(spoil), error, says};
  };
  const std::vector<Row> rows{
      issuer("none", "", "is empty"),
      issuer("1,000 characters", std::string(1000, 'a'), "is longer than 200 bytes of UTF-8; shorten it"),
      issuer("51 emoji", repeated("\U0001F512", 51), "is longer than 200 bytes of UTF-8; shorten it"),
      issuer("1 MB", megabyte, "is longer than 200 bytes of UTF-8; shorten it"),
      issuer("a line break", "Foo\nCorp", "has a control character"),
      issuer("NUL", "Foo\0Corp"s, "has a control character"),
      issuer("an escape sequence", "\x1b[31mFoo", "has a control character"),
      issuer("a C1 control character", "Foo\u0085Corp", "has a control character"),
      issuer("a cut off character", "Foo\xF0\x9F\x94", "is not valid UTF-8; convert it"),
      issuer("Latin-1", "Caf\xE9", "is not valid UTF-8; convert it"),
      issuer("a surrogate", "\xED\xA0\x80", "is not valid UTF-8; convert it"),
      issuer("overlong UTF-8", "\xC0\xBA", "is not valid UTF-8; convert it"),
      issuer("a space at the end", "Foo Corp ", "begins or ends with white space; trim it"),
      issuer("an ideographic space at the front", "\u3000Foo", "begins or ends with white space; trim it"),
      user("none", "", "is empty"),
      user("256 bytes", std::string(256, 'a'), "is longer than 255 bytes of UTF-8; shorten it"),
      user("NUL", "alan\0turing"s, "has a control character"),
      user("invalid UTF-8", "alan\x80", "is not valid UTF-8; convert it"),
      user("a space at the front", " alan", "begins or ends with white space; trim it"),
      Row{"user_id: empty", [](Totp& totp) { totp.user_id = ""; }, errc::invalid_argument,
          "user_id is empty, which no user's is; give the user of the session"},
      user_id("256 bytes", std::string(256, 'u')),
      user_id("1 MB", megabyte),
      user_id("NUL", "u_42\0"s),
      user_id("a line break", "u_42\nu_43"),
      user_id("invalid UTF-8", "u_\xFF"),
      friendly_name("201 bytes", std::string(201, 'f')),
      friendly_name("a tab", "Work\tphone"),
      friendly_name("DEL", "Work\x7Fphone"),
      friendly_name("invalid UTF-8", "\xE2\x82"),
      secret("not base32", "NAGCCFS3EYRB422HNAKAKY3XDUORMSR!", "character 32 of the secret is not base32"),
      secret("hexadecimal", "3132333435363738393031323334353637383930", "the secret looks like hexadecimal"),
      secret("full width letters", repeated("\uFF21", 32), "character 1 of the secret is not base32"),
      secret("NUL", "NAGCCFS3EYRB422HNAKAKY3XDUORMSR\0"s, "character 32 of the secret is not base32"),
      secret("spaces only", "    ", "the secret is empty"),
      other(
          "15 bytes as secret", [](Totp& totp) { totp.secret_bytes.assign(15, 'a'); },
          "the secret has 15 bytes; it may have 16 to 128", errc::invalid_secret),
      other(
          "129 bytes as secret", [](Totp& totp) { totp.secret_bytes.assign(129, 'a'); },
          "the secret has 129 bytes; it may have 16 to 128", errc::invalid_secret),
      other(
          "a secret in base32 and as bytes",
          [](Totp& totp) {
            totp.secret = "NAGCCFS3EYRB422HNAKAKY3XDUORMSRF";
            totp.secret_bytes.assign(20, 'a');
          },
          "secret and secret_bytes are both given; give one"),
      secret("too short", "NAGCCFS3EYRB422H", "set accept_short_secret"),
      secret("far too short", "NAGC", "the secret has 2 bytes"),
      secret("129 bytes", std::string(207, 'A'), "the secret has 129 bytes; it may have 16 to 128"),
      secret("1 MB", megabyte, "the secret is longer than 1024 characters"),
      other(
          "5 digits", [](Totp& totp) { totp.digits = 5; }, "6 to 8"),
      other(
          "9 digits", [](Totp& totp) { totp.digits = 9; }, "6 to 8"),
      other(
          "0 digits", [](Totp& totp) { totp.digits = 0; }, "6 to 8"),
      other(
          "4,294,967,295 digits", [](Totp& totp) { totp.digits = ~0U; }, "6 to 8"),
      other(
          "no period", [](Totp& totp) { totp.period = 0s; }, "it may be 1 s to 366 days"),
      other(
          "negative period", [](Totp& totp) { totp.period = -30s; }, "it may be 1 s to 366 days"),
      other(
          "period of 367 days", [](Totp& totp) { totp.period = 24h * 367; }, "it may be 1 s to 366 days"),
      other(
          "endless period", [](Totp& totp) { totp.period = std::chrono::seconds::max(); },
          "it may be 1 s to 366 days"),
      other(
          "hash 0", [](Totp& totp) { totp.hash = mfa::crypto::Hash{0}; }, "sha1, sha256 or sha512"),
      other(
          "hash 200", [](Totp& totp) { totp.hash = static_cast<mfa::crypto::Hash>(200); },
          "sha1, sha256 or sha512"),
      other(
          "QR code of scale 0", [](Totp& totp) { totp.qr_code.scale = 0; }, "not within 1 to 64 pixels"),
      other(
          "QR code of scale 65", [](Totp& totp) { totp.qr_code.scale = 65; }, "not within 1 to 64 pixels"),
      other(
          "unknown error correction",
          [](Totp& totp) { totp.qr_code.error_correction = static_cast<mfa::qr::ErrorCorrection>(77); },
          "unknown error correction level"),
      other(
          "too long for this error correction",
          [](Totp& totp) {
            totp.issuer = totp.user = repeated("\U0001F512", 50);
            totp.qr_code.error_correction = mfa::qr::ErrorCorrection::high;
          },
          "lower it, or shorten the issuer or the user", errc::qr_code_too_large),
  };
  Scene<TestType> host;
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Totp request{.issuer = "Foo Corp", .user = "alan", .user_id = "u_43"};
    row.spoil(request);
    host.refuses(row.error, row.says, [&] { return host.verifier.enroll_factor(request); });
  }
}

TEMPLATE_TEST_CASE("A message that would go out wrong is refused before it is sent or counted", "", Memory,
                   TemporarySqlite) {
  struct Row {
    std::string text;
    std::string says;
  };
  const std::array rows{
      Row{"Hello", "has no {{code}}; write it where the code goes"},
      Row{" ", "has no {{code}}"},
      Row{"Your code is {{cod}}", "has the unknown token {{cod}} at character 14"},
      Row{"{{code}} {{user.password}}", "has the unknown token {{user.password}}"},
      Row{"{{" + std::string(1000, 'x') + "}} {{code}}", "has an unknown token at character 1"},
      Row{"{{{code}}}", "has three braces in a row"},
      Row{"{{code", "has {{ without }}"},
      Row{"code}} {{code}}", "has }} without {{"},
      Row{"{{code}}\r\nBcc: everybody", "has a control character other than the line feed"},
      Row{"{{code}}\0"s, "has a control character other than the line feed"},
      Row{"{{code}}\x1b[2J", "has a control character other than the line feed"},
      Row{"\xFF{{code}}", "is not valid UTF-8; convert it"},
      Row{"{{code}}" + std::string(1591, '.'), "makes a message longer than 1600 characters; shorten it"},
      Row{repeated("{{code}}", 161), "makes a message longer than 1600 characters; shorten it"},
      Row{megabyte, "makes a message longer than 1600 characters; shorten it"},
  };
  Scene<TestType> host;
  host.clock.advance(1h); // so that no send limit is in the way
  for (const Row& row : rows) {
    CAPTURE(row.text.substr(0, 80), row.text.size());
    host.refuses(errc::invalid_sms_template, row.says, [&] {
      return host.verifier.challenge_factor(host.phone_id, mfa::any_user, {.sms_template = row.text});
    });
    host.refuses(errc::invalid_sms_template, row.says, [&] {
      mfa::Verifier other{host.storage, host.clock, host.sms, Options{.sms_template = row.text}};
    });
  }
}

TEMPLATE_TEST_CASE("An option out of its range is refused by its name and range", "", Memory,
                   TemporarySqlite) {
  struct Row {
    Options options;
    std::string says;
  };
  const std::vector<Row> rows{
      {{.authorization_lifetime = 59s}, "Options::authorization_lifetime is 59 s; it may be 60 to 86400 s"},
      {{.authorization_lifetime = 24h + 1s}, "Options::authorization_lifetime is 86401 s"},
      {{.authorization_lifetime = -1s}, "Options::authorization_lifetime is -1 s"},
      {{.open_challenges_a_user = 0}, "Options::open_challenges_a_user is 0; it may be 1 to 100"},
      {{.open_challenges_a_user = 101}, "Options::open_challenges_a_user is 101"},
      {{.unverified_factors_a_user = 0}, "Options::unverified_factors_a_user is 0; it may be 1 to 50"},
      {{.unverified_factors_a_user = 51}, "Options::unverified_factors_a_user is 51"},
      {{.enrollment_lifetime = 59s}, "Options::enrollment_lifetime is 59 s; it may be 60 to 2592000 s"},
      {{.enrollment_lifetime = 24h * 31}, "Options::enrollment_lifetime is 2678400 s"},
      {{.sends_a_user_an_hour = 0}, "Options::sends_a_user_an_hour is 0; it may be 1 to 500"},
      {{.sends_a_user_a_day = 501}, "Options::sends_a_user_a_day is 501; it may be 1 to 500"},
      {{.wrong_codes_a_user_a_day = 9}, "Options::wrong_codes_a_user_a_day is 9; it may be 10 to 1000"},
      {{.wrong_codes_a_user_a_day = 1001}, "Options::wrong_codes_a_user_a_day is 1001"},
      {{.challenge_lifetime = 29s}, "Options::challenge_lifetime is 29 s; it may be 30 to 3600 s"},
      {{.challenge_lifetime = 1h + 1s}, "Options::challenge_lifetime is 3601 s"},
      {{}, "Options::sms_allowed_country_codes names no country that messages may go to"},
      {{.sms_allowed_country_codes = {"*", "1"}}, "allowed country code number 1 of the list"},
      {{.totp_drift_steps = 11}, "Options::totp_drift_steps is 11; it may be 0 to 10"},
      {{.totp_drift_steps = ~0U}, "Options::totp_drift_steps is 4294967295; it may be 0 to 10"},
      {{.sms_code_digits = 5}, "Options::sms_code_digits is 5; it may be 6 to 9"},
      {{.sms_code_digits = 10}, "Options::sms_code_digits is 10; it may be 6 to 9"},
      {{.sms_code_lifetime = 29s}, "Options::sms_code_lifetime is 29 s; it may be 30 to 600 s"},
      {{.sms_code_lifetime = 601s}, "Options::sms_code_lifetime is 601 s; it may be 30 to 600 s"},
      {{.sms_code_lifetime = -1s}, "Options::sms_code_lifetime is -1 s"},
      {{.sms_allowed_country_codes = {""}},
       "allowed country code number 1 of the list must be 1 to 7 digits"},
      {{.sms_allowed_country_codes = {"44", "0049"}}, "allowed country code number 2 of the list"},
      {{.sms_allowed_country_codes = {"44", "49", "UK"}}, "allowed country code number 3 of the list"},
      {{.sms_allowed_country_codes = {"\uFF14\uFF14"}}, "allowed country code number 1 of the list"},
      {{.sms_send_interval = -1s}, "Options::sms_send_interval is -1 s; it may be 0 to 3600 s"},
      {{.sms_send_interval = 3601s}, "Options::sms_send_interval is 3601 s; it may be 0 to 3600 s"},
      {{.sms_sends_an_hour = 0}, "Options::sms_sends_an_hour is 0; it may be 1 to 100"},
      {{.sms_sends_an_hour = 101}, "Options::sms_sends_an_hour is 101; it may be 1 to 100"},
      {{.sms_sends_a_day = 0}, "Options::sms_sends_a_day is 0; it may be 1 to 100"},
      {{.sms_sends_a_day = 101}, "Options::sms_sends_a_day is 101; it may be 1 to 100"},
      {{.generic_otp_digits = 5}, "Options::generic_otp_digits is 5; it may be 6 to 9"},
      {{.generic_otp_digits = 10}, "Options::generic_otp_digits is 10; it may be 6 to 9"},
      {{.generic_otp_lifetime = 29s}, "Options::generic_otp_lifetime is 29 s; it may be 30 to 600 s"},
      {{.generic_otp_lifetime = 601s}, "Options::generic_otp_lifetime is 601 s; it may be 30 to 600 s"},
      {{.generic_otp_interval = -1s}, "Options::generic_otp_interval is -1 s; it may be 0 to 3600 s"},
      {{.generic_otp_interval = 3601s}, "Options::generic_otp_interval is 3601 s; it may be 0 to 3600 s"},
      {{.generic_otps_an_hour = 0}, "Options::generic_otps_an_hour is 0; it may be 1 to 100"},
      {{.generic_otps_a_day = 101}, "Options::generic_otps_a_day is 101; it may be 1 to 100"},
      {{.hotp_look_ahead = 101}, "Options::hotp_look_ahead is 101; it may be 0 to 100"},
      {{.hotp_resynchronization_window = 1001},
       "Options::hotp_resynchronization_window is 1001; it may be 0 to 1000"},
      {{.attempts_a_challenge = 0}, "Options::attempts_a_challenge is 0; it may be 1 to 10"},
      {{.attempts_a_challenge = 11}, "Options::attempts_a_challenge is 11; it may be 1 to 10"},
      {{.failures_before_delay = 0}, "Options::failures_before_delay is 0; it may be 1 to 10"},
      {{.failures_before_delay = 11}, "Options::failures_before_delay is 11; it may be 1 to 10"},
      {{.first_delay = 0s}, "Options::first_delay is 0 s; it may be 1 to 3600 s"},
      {{.first_delay = 3601s}, "Options::first_delay is 3601 s; it may be 1 to 3600 s"},
      {{.first_delay = 60s, .longest_delay = 59s}, "Options::longest_delay is 59 s; it may be 60 to 86400 s"},
      {{.longest_delay = std::chrono::seconds::max()}, "it may be 30 to 86400 s"},
      {{.failures_before_lockout = 0}, "Options::failures_before_lockout is 0; it may be 1 to 100"},
      {{.failures_before_lockout = 101}, "Options::failures_before_lockout is 101; it may be 1 to 100"},
      {{.challenge_retention = 3599s}, "Options::challenge_retention is 3599 s; it may be 3600 to"},
      {{.challenge_retention = std::chrono::seconds::min()}, "Options::challenge_retention is -"},
  };
  Scene<TestType> host;
  for (const Row& row : rows) {
    CAPTURE(row.says);
    host.refuses(errc::invalid_argument, row.says, [&] {
      mfa::Verifier other{host.storage, host.clock, host.sms, row.options};
    });
  }
}

TEST_CASE("A setting for unsealed records that is none is the safe one") {
  const auto nonsense = static_cast<mfa::UnsealedRecords>(77);
  mfa::test::Host host({.unsealed_records = nonsense});
  const auto id = host.enroll_totp().factor.id();
  auto record = *host.storage.find_factor(id);
  record.sealed.erase(0, 1 + mfa::verbs::stamp_in(record.sealed).size());
  REQUIRE(host.storage.commit({.factors = {record}, .challenges = {}, .counters = {}, .removals = {}}));
  CHECK(thrown_by([&] { return host.verifier.get_factor(id, "u_42"); }) == errc::seal_broken);
}

TEMPLATE_TEST_CASE("A key that is none is refused", "", Memory, TemporarySqlite) {
  const std::array<unsigned char, 33> bytes{1};
  const std::span<const unsigned char> key = std::span(bytes).first(32);
  Scene<TestType> host;
  const auto refused = [&](const std::string& says, auto&& call) {
    CAPTURE(says);
    host.refuses(errc::invalid_argument, says, call);
  };
  for (const std::string& id : {""s, "a b"s, "a\0"s, "a\n"s, "\u00E9"s, sql, std::string(65, 'a'), megabyte})
    refused("a key id has 1 to 64 letters", [&] { return mfa::KeyRing(id, key); });
  for (const std::size_t size : {0U, 16U, 31U, 33U})
    refused("has " + std::to_string(size) + " bytes; a key is 32 random bytes",
            [&] { return mfa::KeyRing("a", std::span(bytes).first(size)); });
  refused("holds a key 'a' already", [&] { return mfa::KeyRing("a", key).add_further("a", key); });
  refused("needs its current key before a further one", [&] { return mfa::KeyRing().add_further("a", key); });
}

TEMPLATE_TEST_CASE("A clock before 1970 or after 2260 stops every verb that depends on the time", "", Memory,
                   TemporarySqlite) {
  using time_point = std::chrono::system_clock::time_point;
  Scene<TestType> host;
  for (const time_point now :
       {time_point{} - time_point::duration(1), time_point{} - 1s, time_point{} - 24h * 365 * 100,
        time_point::min(), time_point(std::chrono::sys_days(std::chrono::year(2261) / 1 / 1)),
        time_point::max()}) {
    CAPTURE(now.time_since_epoch().count());
    host.clock.set(now);
    const auto refused = [&](auto&& call) {
      host.refuses(errc::clock_out_of_range, "the clock reads before 1970 or after 2260; set it", call);
    };
    refused([&] { return host.enroll_totp(); });
    refused([&] { return host.enroll_sms(); });
    refused([&] { return host.verifier.challenge_enrollment(host.totp_id, mfa::any_user); });
    refused([&] { return host.verifier.remember_device("u_42", "laptop", mfa::by_operator); });
    refused([&] { return host.verifier.challenge_factor(host.totp_id, mfa::any_user); });
    refused([&] { return host.verifier.challenge_factor(host.phone_id, mfa::any_user); });
    refused([&] { return host.verify(host.totp_challenge, "123456"); });
    refused([&] { return host.verify(host.sms_challenge, "123456"); });
    refused([&] { host.verifier.unlock_factor(host.totp_id, mfa::any_user, mfa::by_operator); });
    refused([&] { host.verifier.delete_factor(host.totp_id, mfa::any_user, mfa::by_operator); });
    refused([&] { return host.verifier.rename_factor(host.totp_id, mfa::any_user, "x"); });
    refused([&] { return host.verifier.reset_user("u_42", mfa::by_operator); });
    refused([&] { return host.verifier.purge_expired(); });
    // How long a factor waits hangs on the time, too.
    refused([&] { return host.verifier.get_factor(host.totp_id, mfa::any_user); });
    refused([&] { return host.verifier.list_factors("u_42"); });
    // To look at a challenge is harmless.
    host.unchanged(
        [&] { CHECK(host.verifier.get_challenge(host.totp_challenge, mfa::any_user).attempts_left() == 5); });
  }
}

TEMPLATE_TEST_CASE("The first and the last moment of the clock are times like any other", "", Memory,
                   TemporarySqlite) {
  using time_point = std::chrono::system_clock::time_point;
  const time_point end(std::chrono::sys_days(std::chrono::year(2261) / 1 / 1));
  for (const time_point now : {time_point{}, end - 30s, end - time_point::duration(1)}) {
    CAPTURE(now.time_since_epoch().count());
    mfa::test::HostOver<mfa::test::WholeStorage<TestType>> host;
    host.clock.set(now);
    const auto totp = host.enroll_totp();
    CHECK(host.verify(host.challenge(totp.factor.id()), "letmein") == Status::malformed_code);
    const auto confirmation = totp.factor.confirm(host.code(totp.totp.secret));
    CHECK(confirmation.confirmed());
    const auto phone = host.enroll_sms("+14155550123", "u_42", confirmation);
    const std::string challenge = host.challenge(phone.factor.id());
    CHECK(host.verify(challenge, host.sms.last().body) == Status::valid);
    CHECK(thrown_by([&] { return host.challenge(phone.factor.id()); }) == errc::sms_rate_limited);
    CHECK(host.verifier.purge_expired() == 0);
  }
}
