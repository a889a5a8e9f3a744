// What is secret does not outlive the object that held it: no block of the heap holds a secret, URI, QR code,
// code or token when it is freed, or afterwards, whether the verb returned or threw.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <openssl/evp.h>
#include <qrencode.h>
#include <sys/stat.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/key_file.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/factor/sent_code.hpp>
#include <mfa/import.hpp>
#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/catch.hpp"
#include "support/edited_record.hpp"
#include "support/failing_commits.hpp"
#include "support/temporary_directory.hpp"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__GLIBC__)
#include "support/freed_memory.hpp"

using mfa::Status;
using mfa::crypto::bytes_of;
using mfa::crypto::SecretBytes;
using mfa::crypto::SecretString;
using mfa::crypto::text_of;
using mfa::test::found_in_freed_memory;
using mfa::test::found_in_live_memory;
using mfa::test::LookAway;
using mfa::test::Needles;
using mfa::test::Watch;
using Found = std::set<std::string>;
using namespace std::chrono_literals;

namespace {

SecretBytes drawn_key() {
  SecretBytes key(mfa::KeyRing::key_size);
  mfa::crypto::random_bytes(key);
  return key;
}

const SecretBytes current_key = drawn_key();
const mfa::KeyRing keys{"2026-01", current_key};

/// The secret in each form in which it passes through an enrolment.
void note_secret(Needles& needles, const std::string& name, std::string_view base32) {
  const LookAway away;
  needles.add_parts(name + " in base32", base32, 12);
  needles.add_parts(name, text_of(mfa::otp::base32_decode(base32)), 10);
}

/// libqrencode's modules, a byte each, and the rows of the image, a bit a pixel.
void note_qr_code(Needles& needles, const std::string& name, std::string_view uri, unsigned scale) {
  const LookAway away;
  QRcode* const code = QRcode_encodeData(static_cast<int>(uri.size()), bytes_of(uri).data(), 0, QR_ECLEVEL_M);
  REQUIRE(code != nullptr);
  const auto side = static_cast<std::size_t>(code->width);
  for (std::size_t y = 9; y + 9 < side; ++y) {
    const unsigned char* const row = code->data + y * side;
    needles.add(name + "'s modules", {reinterpret_cast<const char*>(row), side});
    std::string pixels((side + 8) * scale / 8, '\xFF');
    for (std::size_t x = 0; x < side * scale; ++x)
      if ((row[x / scale] & 1) != 0) {
        const std::size_t at = x + 4 * scale;
        pixels[at / 8] = static_cast<char>(pixels[at / 8] & ~(0x80 >> at % 8));
      }
    needles.add(name + "'s rows of pixels", std::string_view(pixels).substr(2 * scale));
  }
  QRcode_free(code);
}

void note(Needles& needles, const std::string& name, const mfa::AuthenticatorEnrollment& shown) {
  const LookAway away;
  note_secret(needles, name, shown.secret);
  needles.add(name + "'s URI", shown.uri);
  note_qr_code(needles, name, shown.uri, 4);
  const std::string_view image =
      shown.qr_code.view().substr(std::string_view("data:image/png;base64,").size());
  needles.add_parts(name + "'s image in base64", image.substr(200, 480), 48);
  std::string png(image.size() / 4 * 3, '\0');
  REQUIRE(EVP_DecodeBlock(reinterpret_cast<unsigned char*>(png.data()), bytes_of(image).data(),
                          static_cast<int>(image.size())) > 0);
  needles.add_parts(name + "'s image", std::string_view(png).substr(150, 360), 36);
}

void note(Needles& needles, const std::string& name, const mfa::RecoveryCodesEnrollment& shown) {
  const LookAway away;
  for (const auto& code : shown.codes) {
    needles.add(name, code);
    std::string plain;
    for (const char c : code.view())
      if (c != '-') plain += c;
    needles.add(name + " without dashes", plain);
  }
}

void note(Needles& needles, const std::string& name, const mfa::RememberedDevice& remembered) {
  const LookAway away;
  const auto token = remembered.token.view().substr(mfa::verbs::device_token_prefix.size());
  needles.add_parts(name, token, 24);
  const auto sealed = mfa::detail::base64url_decode(token);
  needles.add_parts(name + " sealed", std::string_view(*sealed).substr(30), 24);
  const auto content = keys.open(*sealed, mfa::verbs::device_sealing_context("u_42"), "a token");
  needles.add_parts(name + "'s secret", text_of(content).substr(content.size() - 32), 16);
}

/// Throws when told to, and says what the last commit would have been of.
struct Storage : mfa::test::FailingCommits<mfa::storage::Memory> {
  mfa::storage::Batch last;

  bool commit(const mfa::storage::Batch& batch) {
    {
      const LookAway away;
      last = batch;
    }
    return FailingCommits::commit(batch);
  }
};

struct Gateway {
  Needles* needles = nullptr;
  bool throws = false;
  SecretString code;
  SecretString token;

  void send(const mfa::SmsMessage& message) {
    code = message.body.view().substr(message.body.size() - 9);
    needles->add("the code in the message", code);
    needles->add("the message", message.body);
    if (throws) throw std::runtime_error("told to fail");
  }

  /// Of the template in `Host`.
  void send(const mfa::EmailMessage& message) {
    code = message.subject;
    token = message.text.view().substr(message.text.size() - 22);
    needles->add("the code in the mail", code);
    needles->add_parts("the token in the mail", token, 11);
    needles->add("the text of the mail", message.text);
    needles->add("the HTML of the mail", message.html);
    if (throws) throw std::runtime_error("told to fail");
  }
};

struct Host {
  explicit Host(Needles& noted) : needles(noted) { gateway.needles = &noted; }

  Needles& needles;
  Storage storage;
  mfa::testing::ManualClock clock;
  Gateway gateway;
  mfa::Verifier<Storage, mfa::testing::ManualClock, Gateway> verifier{
      storage, clock, gateway,
      mfa::Options{.key_ring = keys,
                   .sms_code_digits = 9,
                   .sms_allowed_country_codes = {"1"},
                   .email_code_digits = 9,
                   .email_template = {.subject = "{{code}}",
                                      .text = "{{code}} {{link}}",
                                      .html = "<p>{{code}}</p><a href='{{link}}'>Sign in</a>"},
                   .email_link = "https://example.com/{{challenge}}#{{token}}",
                   .generic_otp_digits = 9}};

  SecretString totp(std::string_view base32) {
    const LookAway away;
    return mfa::otp::totp(mfa::otp::base32_decode(base32), clock.now(), {.digits = 8});
  }
};

/// A secret that the host brings, noted.
SecretString drawn(Needles& needles, const std::string& name) {
  SecretBytes bytes(20);
  mfa::crypto::random_bytes(bytes);
  SecretString base32 = mfa::otp::base32_encode(bytes);
  note_secret(needles, name, base32);
  return base32;
}

template <class Call> void throws(mfa::errc expected, Call&& call) {
  try {
    (void)call();
    FAIL("nothing was thrown");
  } catch (const mfa::Error& error) {
    const LookAway away;
    CHECK(error.code() == expected);
  }
}

void authenticators(Host& host) {
  const auto app = host.verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan", .digits = 8});
  note(host.needles, "TOTP", app.totp);
  const SecretString first_code = host.totp(app.totp.secret);
  host.needles.add("TOTP's first code", first_code);
  REQUIRE(app.factor.confirm(first_code).confirmed());
  host.clock.advance(30s);
  const auto challenge = app.factor.challenge();
  const SecretString code = host.totp(app.totp.secret);
  host.needles.add("TOTP's code", code);
  REQUIRE(challenge.verify(code).valid());
  REQUIRE(host.verifier.unsafe_export_otpauth_uri(app.factor.id(), mfa::any_user).size() > 0);
  const auto token = host.verifier.enroll_factor(mfa::Hotp{.issuer = "Foo Corp", .user = "alan"});
  note(host.needles, "HOTP", token.hotp);
  REQUIRE(token.factor.confirm("000000").status() != Status::malformed_code);
  // Other drawings of the code.
  const auto matrix = mfa::qr::encode(app.totp.uri);
  const auto svg = mfa::qr::svg(matrix);
  host.needles.add_parts("the SVG image", svg.view().substr(500, 640), 64);
  const auto text = mfa::qr::terminal(matrix);
  host.needles.add_parts("the QR code on a terminal", text.view().substr(text.size() / 2, 400), 100);
}

void recovery_codes(Host& host) {
  const auto set = host.verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_42"}, mfa::by_operator);
  note(host.needles, "a recovery code", set.recovery_codes);
  REQUIRE(set.factor.challenge().verify(set.recovery_codes.codes[3]).valid());
  const auto renewed =
      host.verifier.regenerate_recovery_codes(set.factor.id(), mfa::any_user, mfa::by_operator);
  note(host.needles, "a new recovery code", renewed.recovery_codes);
  host.storage.throws = true;
  throws(mfa::errc::storage_failure, [&] {
    return host.verifier.regenerate_recovery_codes(set.factor.id(), mfa::any_user, mfa::by_operator);
  });
  host.storage.throws = false;
}

void codes(Host& host) {
  const auto channel = host.verifier.enroll_factor(mfa::GenericOtp{.destination = "a***@example.com"});
  const auto challenge = channel.factor.challenge_enrollment();
  host.needles.add("the code to deliver", challenge.code());
  const auto copy = challenge;
  REQUIRE(challenge.confirm(copy.code()).confirmed());

  const auto phone = host.verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123"});
  const auto sent = phone.factor.challenge_enrollment();
  REQUIRE(sent.confirm(host.gateway.code).confirmed());
  host.clock.advance(1h);
  host.gateway.throws = true;
  throws(mfa::errc::sms_not_sent, [&] { return phone.factor.challenge(); });
  host.gateway.throws = false;
  host.gateway.code.clear();
}

/// Of what is kept sealed to be sent again, whether it is sent or not.
void codes_sent_again(Host& host) {
  const mfa::Verifier again{host.storage, host.clock, host.gateway,
                            mfa::Options{.key_ring = keys,
                                         .sms_code_digits = 9,
                                         .sms_allowed_country_codes = {"1"},
                                         .generic_otp_digits = 9,
                                         .resend_same_code = true}};
  const auto channel = again.enroll_factor(mfa::GenericOtp{.destination = "a***@example.com"});
  const auto challenge = channel.factor.challenge_enrollment();
  host.needles.add("the code to deliver again", challenge.code());
  host.clock.advance(1min);
  const auto delivered_again = challenge.resend();
  const bool same = delivered_again.code() == challenge.code();
  CHECK(same);

  const auto phone = again.enroll_factor(mfa::Sms{.phone_number = "+14155550124"});
  const auto sent = phone.factor.challenge_enrollment();
  host.clock.advance(1min);
  REQUIRE(sent.resend().id().size() > 0);
  host.clock.advance(1min);
  host.gateway.throws = true;
  throws(mfa::errc::sms_not_sent, [&] { return sent.resend(); });
  host.gateway.throws = false;
  REQUIRE(sent.confirm(host.gateway.code).confirmed());
  host.gateway.code.clear();
}

void mails(Host& host) {
  const auto mailbox = host.verifier.enroll_factor(mfa::Email{.address = "alan@example.com"});
  const auto first = mailbox.factor.challenge_enrollment({.binding = "session"});
  REQUIRE(first.confirm(host.gateway.code, {.binding = "session"}).confirmed());
  host.clock.advance(1h);
  const auto challenge = mailbox.factor.challenge({.binding = "session"});
  host.clock.advance(1min);
  REQUIRE(challenge.resend({.binding = "session"}).attempts_left() == 5);
  REQUIRE(challenge.verify(host.gateway.token, {.binding = "session"}).valid());
  host.clock.advance(1h);
  host.gateway.throws = true;
  throws(mfa::errc::message_not_delivered, [&] { return mailbox.factor.challenge({.binding = "session"}); });
  host.gateway.throws = false;
  host.gateway.code.clear();
  host.gateway.token.clear();
}

void devices(Host& host) {
  const auto remembered = host.verifier.remember_device("u_42", "Laptop", mfa::by_operator);
  note(host.needles, "a device's token", remembered);
  REQUIRE(host.verifier.check_device(remembered.token, "u_42").has_value());
  REQUIRE_FALSE(host.verifier.check_device(remembered.token, "u_43").has_value());
}

/// As Google Authenticator exports one account.
SecretString migration_uri(std::string_view secret) {
  const LookAway away;
  std::string account =
      "\x0a\x14" + std::string(secret) + "\x12\x08" + "Foo:alan" + "\x20\x01\x28\x01\x30\x02";
  account = "\x0a" + std::string(1, static_cast<char>(account.size())) + account;
  return "otpauth-migration://offline?data=" + mfa::detail::base64<SecretString>(account);
}

void imports(Host& host) {
  SecretBytes exported(20);
  mfa::crypto::random_bytes(exported);
  {
    const LookAway away;
    host.needles.add_parts("an export's secret", text_of(exported), 10);
    const auto uri = migration_uri(text_of(exported));
    host.needles.add("an export", uri.view().substr(uri.size() - 40));
  }
  const auto line = [&](const std::string& name, std::string_view before, std::string_view after) {
    const SecretString secret = drawn(host.needles, name);
    return mfa::ImportLine{.user_id = "u_42", .uri = SecretString(before) + secret + after};
  };
  std::vector<mfa::ImportLine> lines;
  lines.reserve(6);
  lines.push_back(line("an imported secret", "otpauth://totp/Foo:alan?secret=", ""));
  lines.push_back(line("an imported token's secret", "otpauth://hotp/Foo:alan?secret=", "&counter=7"));
  lines.push_back(line("a refused secret", "otpauth://totp/Foo:alan?secret=", "&digits=5"));
  lines.push_back(line("a damaged secret", "otpauth://totp/Foo:alan?secret=", "!"));
  lines.push_back({.user_id = "u_42", .uri = migration_uri(text_of(exported))});
  lines.push_back({.user_id = "u_42", .uri = migration_uri(text_of(exported)) + "A"});
  const auto summary = mfa::import_factors(host.verifier, lines);
  CHECK(summary.imported == 3);
  CHECK(summary.refused == 3);
}

/// Each ends in the middle of an enrolment or a challenge.
void what_throws(Host& host) {
  const auto request = [&](const std::string& name) {
    return mfa::Totp{.issuer = "Foo Corp", .user = "alan", .secret = drawn(host.needles, name)};
  };
  mfa::Totp too_long = request("the secret of a QR code that is too large");
  too_long.issuer = std::string(200, '%');
  too_long.user = std::string(200, '%');
  too_long.qr_code.error_correction = mfa::qr::ErrorCorrection::high;
  throws(mfa::errc::qr_code_too_large, [&] { return host.verifier.enroll_factor(too_long); });
  mfa::Totp too_big = request("the secret of an image that is too big");
  too_big.qr_code.scale = 65;
  throws(mfa::errc::invalid_argument, [&] { return host.verifier.enroll_factor(too_big); });

  host.storage.throws = true;
  throws(mfa::errc::storage_failure,
         [&] { return host.verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"}); });
  host.storage.throws = false;
  {
    const LookAway away;
    const auto record = mfa::test::opened(host.storage.last.factors.at(0), keys);
    const SecretString base32 = mfa::otp::base32_encode(mfa::factor::open_secret(record, keys));
    note_secret(host.needles, "the secret of an enrolment that failed", base32);
    const SecretString uri = "otpauth://totp/Foo%20Corp:alan?secret=" + base32 + "&issuer=Foo%20Corp";
    host.needles.add("the URI of an enrolment that failed", uri);
    note_qr_code(host.needles, "an enrolment that failed", uri, 4);
  }

  mfa::Verifier short_codes{host.storage, host.clock, mfa::Options{.key_ring = keys}};
  const auto channel = short_codes.enroll_factor(mfa::GenericOtp{.destination = "e-mail"});
  host.storage.throws = true;
  throws(mfa::errc::storage_failure, [&] { return channel.factor.challenge_enrollment(); });
  host.storage.throws = false;
  const LookAway away;
  auto challenge = mfa::test::opened(host.storage.last.challenges.at(0), keys);
  (void)mfa::decision::take_terms(challenge);
  for (int i = 0; i < 1'000'000; ++i) {
    const std::string digits = std::to_string(i);
    const std::string code = std::string(6 - digits.size(), '0') + digits;
    if (!keys.matches(challenge.answer, code,
                      mfa::factor::code_context(mfa::FactorType::generic_otp, challenge), "a challenge"))
      continue;
    host.needles.add("the code of a challenge that failed", code);
    return;
  }
  FAIL("no code fits");
}

/// Opens and seals every secret.
void another_key(Host& host) {
  host.verifier.replace_key_ring(mfa::KeyRing{"2027-01", drawn_key()}.add_further("2026-01", current_key));
  const auto progress = host.verifier.reseal_all();
  CHECK(progress.resealed >= 7);
  CHECK(progress.failed == 0);
}

void key_files(Needles& needles) {
  const mfa::test::TemporaryDirectory directory;
  const std::string good = directory.path() + "/keys";
  const std::string bad = directory.path() + "/damaged";
  {
    const LookAway away;
    SecretBytes key(32);
    mfa::crypto::random_bytes(key);
    const std::string hex = mfa::detail::hexadecimal(key);
    needles.add_parts("a key", text_of(key), 16);
    needles.add_parts("a key in hexadecimal", hex, 16);
    std::ofstream(good) << "2026-01 " << hex << '\n';
    std::ofstream(bad) << "2026-01 " << hex << "\nsecond " << hex.substr(1) << '\n';
    for (const std::string& file : {good, bad}) REQUIRE(chmod(file.c_str(), 0600) == 0);
  }
  REQUIRE_FALSE(mfa::read_key_file(good).empty());
  throws(mfa::errc::key_unavailable, [&] { return mfa::read_key_file(bad); });
}

/// What the documents say of libqrencode: it frees its own copies as they are.
Found without_libqrencode(Found found) {
  std::erase_if(found, [](const std::string& line) { return line.find("libqrencode") != std::string::npos; });
  return found;
}

} // namespace

TEST_CASE("The search finds what was freed and what is left, whole or in part") {
  Needles needles;
  const std::string_view text = "a secret that is too long for a string to keep in itself";
  needles.add("a text", text);
  needles.add_parts("a part", text.substr(9, 20), 10);
  {
    const Watch watch;
    { const SecretString wiped(text); }
  }
  CHECK(found_in_freed_memory(needles) == Found{});
  CHECK(found_in_live_memory(needles) == Found{});
  {
    const Watch watch;
    { const std::string kept(text); }
  }
  const auto freed = found_in_freed_memory(needles);
  CHECK(freed.size() == 2);
  CHECK(freed.begin()->starts_with("a part, freed by "));
  const std::string live(text);
  CHECK(found_in_live_memory(needles) == Found{"a part, live", "a text, live"});
  mfa::test::freed().clear();
}

TEST_CASE("Texts that are wiped leave nothing behind when they grow, move, are assigned and are let go") {
  Needles needles;
  needles.add("short", "7KQP-X2M9-T4WD");
  needles.add("short, but for its first character", "KQP-X2M9-T4WD");
  needles.add("long", "otpauth://totp/Foo?secret=GEZDGNBVGY3TQOJQ");
  {
    const Watch watch;
    for (const std::string_view text : {"7KQP-X2M9-T4WD", "otpauth://totp/Foo?secret=GEZDGNBVGY3TQOJQ"}) {
      auto* const one = new std::vector<SecretString>;
      one->emplace_back(text);
      for (int i = 0; i < 9; ++i) one->push_back(one->front()); // moves them as it grows
      (*one)[1] = std::move((*one)[2]);                         // takes one over
      (*one)[3] = (*one)[4];                                    // copies one
      (*one)[5] += text;                                        // grows
      (*one)[6].reserve(500);                                   // moves
      (*one)[7] = "another";                                    // forgets
      (*one)[8].clear();                                        // forgets
      SecretString grown;
      for (int i = 0; i < 20; ++i)
        for (const char c : text) grown.push_back(c);
      std::string plain(text);
      one->push_back(SecretString(std::move(plain))); // takes over
      // A reporter keeps what a check compares, so it gets the result alone.
      const bool right = plain.empty() && (*one)[1] == text && (*one)[5] == SecretString(text) + text;
      CHECK(right);
      delete one;
    }
  }
  // What was moved from lives on, and holds nothing.
  std::vector<SecretString> moved_from;
  for (const std::string_view text : {"7KQP-X2M9-T4WD", "otpauth://totp/Foo?secret=GEZDGNBVGY3TQOJQ"})
    moved_from.emplace_back(text);
  for (SecretString& text : moved_from) {
    const SecretString moved_to(std::move(text));
    const bool empty = text.empty();
    CHECK(empty);
  }
  CHECK(found_in_freed_memory(needles) == Found{});
  CHECK(found_in_live_memory(needles) == Found{});
  mfa::test::freed().clear();
}

TEST_CASE("No secret is left in memory by any verb, whether it returns or throws") {
  Needles needles;
  {
    Host host(needles);
    // What is made once for each thread is made.
    (void)host.verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
    const Watch watch;
    authenticators(host);
    recovery_codes(host);
    codes(host);
    codes_sent_again(host);
    mails(host);
    devices(host);
    imports(host);
    what_throws(host);
    another_key(host);
    key_files(needles);
  }
  CHECK(needles.count() > 250);
  const Found freed = found_in_freed_memory(needles);
  CHECK(without_libqrencode(freed) == Found{});
  CHECK(found_in_live_memory(needles) == Found{});
  // The search looks where it should: libqrencode's own copies are found.
  CHECK(freed != Found{});
}
#else
TEST_CASE("No secret is left in memory by any verb, whether it returns or throws") {
  WARN("not looked at: a sanitizer, or a library other than glibc, has malloc for itself");
}
#endif
