// Whatever comes in from outside through the verbs, each bad input gets a clear error or an ordinary refusal,
// and nothing changes in the storage, memory or SQLite.
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/scene.hpp"
#include "support/text.hpp"

using mfa::Authorization;
using mfa::errc;
using mfa::Purpose;
using mfa::Sms;
using mfa::Status;
using mfa::Totp;
using mfa::storage::Memory;
using mfa::test::repeated;
using mfa::test::Scene;
using mfa::test::TemporarySqlite;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

const std::string sql = "x'; DROP TABLE mfa_factors; --";

const std::string megabyte(1'000'000, 'A');

/// `text` with the code that would be right in place of 123456.
std::string with_right_code(std::string text, const std::string& right) {
  if (const auto at = text.find("123456"); at != std::string::npos) text.replace(at, 6, right);
  return text;
}

} // namespace

TEMPLATE_TEST_CASE("What is no code is refused, and costs no attempt", "", Memory, TemporarySqlite) {
  const std::array codes{
      ""s,
      " "s,
      "------"s,
      "12345"s,
      "1234567890"s,
      "18446744073709551616"s,
      std::string(10'000, '1'),
      std::string(65'536, '1'),
      std::string(251, ' ') + "123456", // one byte more than is looked at
      "+123456"s,
      "123456.0"s,
      "123,456"s,
      "0x1E240"s,
      "123456e0"s,
      "\0"s + "123456"s,
      "123456"s + "\0"s,
      "123\0456"s,
      "123456\x1b[2K"s,
      "\U0001D7CF\U0001D7D0\U0001D7D1\U0001D7D2\U0001D7D3\U0001D7D4"s, // mathematical bold
      "\u2460\u2461\u2462\u2463\u2464\u2465"s,                         // in circles
      "123456\u00B2"s,                                                 // a superscript
      "\xFF\xFE\xFD\xFC\xFB\xFA"s,
      "\xC0\xB1\xC0\xB2\xC0\xB3\xC0\xB4\xC0\xB5\xC0\xB6"s, // overlong "123456"
      "letmein"s,
      "null"s,
      "{\"code\":\"123456\"}"s,
      "123456' OR '1'='1"s,
      sql,
      "%s%s%s%n"s,
      "$(id)"s,
      "123456 123456"s,
  };
  Scene<TestType> host;
  const std::string totp_code = host.code(host.secret);
  const std::string sms_code = host.sms.last().body;
  for (const std::string& code : codes) {
    CAPTURE(code.substr(0, 80), code.size());
    host.answers(Status::malformed_code, host.totp_challenge, with_right_code(code, totp_code));
    host.answers(Status::malformed_code, host.sms_challenge, with_right_code(code, sms_code));
  }
  for (const std::size_t size : {65'537U, 1'000'000U}) {
    CAPTURE(size);
    host.refuses(errc::invalid_argument, "limit what a request may bring",
                 [&] { return host.verify(host.totp_challenge, std::string(size, '1')); });
  }
  CHECK(host.verify(host.totp_challenge, totp_code) == Status::valid);
  CHECK(host.verify(host.sms_challenge, sms_code) == Status::valid);
}

TEMPLATE_TEST_CASE("What is no id of ours is not found, by any verb", "", Memory, TemporarySqlite) {
  Scene<TestType> host;
  const auto bad_ids = [](const std::string& known, const std::string& prefix, const std::string& other) {
    const std::string ulid = known.substr(prefix.size());
    std::string lower = known;
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    std::string last_changed = known;
    last_changed.back() = last_changed.back() == '0' ? '1' : '0';
    return std::vector<std::string>{"",
                                    ulid,
                                    prefix,
                                    lower,
                                    last_changed,
                                    other, // of the other kind
                                    "AUTH" + known.substr(4),
                                    known.substr(0, known.size() - 1),
                                    known + "0",
                                    known + known,
                                    known + " ",
                                    " " + known,
                                    known + "\n",
                                    known + "\0"s,
                                    "\0"s + known,
                                    prefix + std::string(26, '\0'),
                                    prefix + "8" + ulid.substr(1), // over 128 bits
                                    prefix + "0" + std::string(24, '1') + "U",
                                    prefix + std::string(26, '%'),
                                    prefix + std::string(26, '_'),
                                    prefix + "0\x1b[31m" + std::string(20, '0'),
                                    prefix + repeated("\uFF10", 26),
                                    prefix + repeated("\xFF", 26),
                                    known + "' OR '1'='1",
                                    sql,
                                    "../../etc/passwd",
                                    prefix + megabyte};
  };
  for (const std::string& id : bad_ids(host.totp_id, "auth_factor_", host.totp_challenge)) {
    CAPTURE(id.substr(0, 80), id.size());
    const auto not_found = [&](auto&& call) { host.refuses(errc::entity_not_found, "no such factor", call); };
    not_found([&] { return host.verifier.get_factor(id, mfa::any_user); });
    not_found([&] { return host.verifier.challenge_factor(id, mfa::any_user); });
    not_found([&] { return host.verifier.challenge_enrollment(id, mfa::any_user); });
    not_found([&] { host.verifier.unlock_factor(id, mfa::any_user, mfa::by_operator); });
    not_found([&] { host.verifier.delete_factor(id, mfa::any_user, mfa::by_operator); });
    not_found([&] { return host.verifier.rename_factor(id, mfa::any_user, "x"); });
    if (!id.empty())
      not_found([&] { return host.verifier.reset_user("u_42", mfa::by_operator, {.keep_factor = id}); });
  }
  for (const std::string& id : bad_ids(host.totp_challenge, "auth_challenge_", host.totp_id)) {
    CAPTURE(id.substr(0, 80), id.size());
    const auto not_found = [&](auto&& call) {
      host.refuses(errc::entity_not_found, "no such challenge", call);
    };
    not_found([&] { return host.verifier.get_challenge(id, mfa::any_user); });
    not_found([&] { return host.verify(id, host.code(host.secret)); });
  }
}

TEMPLATE_TEST_CASE("Another user's or another session's is not found", "", Memory, TemporarySqlite) {
  Scene<TestType> host;
  for (const std::string& user_id : {"u_43"s, "U_42"s, "u_4"s, "u_42 "s, "u_42\0"s, "\0"s, "%"s,
                                     "u\u005F42\u200B"s, "\xFF"s, sql, "' OR user_id = 'u_42"s, megabyte}) {
    CAPTURE(user_id.substr(0, 80), user_id.size());
    const auto not_found = [&](auto&& call) { host.refuses(errc::entity_not_found, "another user's", call); };
    not_found([&] { return host.verifier.get_factor(host.totp_id, user_id); });
    not_found([&] { host.verifier.delete_factor(host.totp_id, user_id, mfa::by_operator); });
    not_found([&] { return host.verifier.rename_factor(host.totp_id, user_id, "x"); });
    not_found([&] { return host.verifier.challenge_factor(host.phone_id, user_id); });
    not_found([&] { return host.verifier.challenge_enrollment(host.phone_id, user_id); });
    not_found([&] { return host.verifier.get_challenge(host.totp_challenge, user_id); });
    not_found([&] { return host.verify(host.totp_challenge, host.code(host.secret), {.user = user_id}); });
    host.unchanged([&] { CHECK(host.verifier.list_factors(user_id).empty()); });
  }
  // The same words as for an unknown id, so that they do not tell the one from the other.
  const std::string words =
      "no such challenge: the id is unknown, or deleted, or another user's, or the binding "
      "is not that of the challenge.";
  host.refuses(errc::entity_not_found, words,
               [&] { return host.verifier.get_challenge("unknown", mfa::any_user); });
  host.refuses(errc::entity_not_found, words,
               [&] { return host.verify(host.bound_challenge, host.code(host.secret)); });
  for (const std::string& binding : {"session 2"s, "Session 1"s, "session 1 "s, "session 1\0"s, "session"s,
                                     sql, "\xFF"s, std::string(4096, 'A')}) {
    CAPTURE(binding.substr(0, 80), binding.size());
    host.refuses(errc::entity_not_found, words, [&] {
      return host.verify(host.bound_challenge, host.code(host.secret), {.binding = binding});
    });
    host.refuses(errc::entity_not_found, "no such challenge", [&] {
      return host.verify(host.totp_challenge, host.code(host.secret), {.binding = binding});
    });
  }
}

// A session that lost its user, or its own id, has an empty text in their place.
TEMPLATE_TEST_CASE("An empty text is nobody and binds nothing: it is refused, and never means anybody", "",
                   Memory, TemporarySqlite) {
  Scene<TestType> host;
  const auto refused = [&](const std::string& says, auto&& call) {
    host.refuses(errc::invalid_argument, says, call);
  };
  const auto nobody = [&](auto&& call) { refused("the user whose it must be is empty", call); };
  nobody([&] { return host.verifier.get_factor(host.totp_id, ""); });
  nobody([&] { return host.verifier.challenge_factor(host.totp_id, ""); });
  nobody([&] { return host.verifier.challenge_enrollment(host.totp_id, ""); });
  nobody([&] { return host.verifier.get_challenge(host.totp_challenge, ""); });
  nobody([&] { return host.verify(host.totp_challenge, host.code(host.secret), {.user = ""}); });
  nobody([&] {
    return host.verifier.confirm_enrollment(host.totp_id, host.code(host.secret), {.user = ""}).confirmed();
  });
  nobody([&] { host.verifier.delete_factor(host.totp_id, "", mfa::by_operator); });
  nobody([&] { return host.verifier.rename_factor(host.totp_id, "", "x"); });
  nobody([&] { host.verifier.unlock_factor(host.totp_id, "", mfa::by_operator); });
  nobody([&] { return host.verifier.reset_send_limits(host.phone_id, ""); });
  nobody([&] { return host.verifier.regenerate_recovery_codes(host.totp_id, "", mfa::by_operator); });
  nobody([&] { return host.verifier.unsafe_export_otpauth_uri(host.totp_id, ""); });

  const auto no_user_id = [&](auto&& call) { refused("user_id is empty, which no user's is", call); };
  no_user_id([&] { return host.enroll_sms("+14155550124", ""); });
  no_user_id([&] { return host.verifier.list_factors(""); });
  no_user_id([&] { return host.verifier.list_devices(""); });
  no_user_id([&] { return host.verifier.remember_device("", "laptop", mfa::by_operator); });
  no_user_id([&] { return host.verifier.check_device("mfa_device_1_", ""); });
  no_user_id([&] { return host.verifier.revoke_device("", "trusted_device_"); });
  no_user_id([&] { return host.verifier.revoke_devices(""); });
  no_user_id([&] { return host.verifier.password_changed(""); });
  no_user_id([&] { return host.verifier.reset_user("", mfa::by_operator); });

  for (const std::size_t size : {0U, 4097U, 1'000'000U}) {
    CAPTURE(size);
    const std::string text(size, 'A');
    const auto cannot_be = [&](const std::string& name, auto&& call) {
      refused(name + " has " + std::to_string(size) + " bytes; it may have 1 to 4096" +
                  (size > 0 ? ". Give a hash of it." : "."),
              call);
    };
    cannot_be("ChallengeOptions::binding",
              [&] { return host.verifier.challenge_factor(host.totp_id, "u_42", {.binding = text}); });
    cannot_be("VerifyOptions::binding",
              [&] { return host.verify(host.bound_challenge, host.code(host.secret), {.binding = text}); });
    cannot_be("ChallengeOptions::action", [&] {
      return host.verifier.challenge_factor(host.totp_id, "u_42",
                                            {.purpose = Purpose::action, .action = text});
    });
    cannot_be("VerifyOptions::action", [&] {
      return host.verify(host.action_challenge, host.code(host.secret),
                         {.purpose = Purpose::action, .action = text});
    });
  }
}

TEMPLATE_TEST_CASE("A right code for something else than the challenge is for is refused", "", Memory,
                   TemporarySqlite) {
  Scene<TestType> host;
  const std::string code = host.code(host.secret);
  const auto other_purpose = [&](const std::string& says, const std::string& challenge,
                                 const mfa::VerifyOptions& options) {
    CAPTURE(says);
    host.refuses(errc::wrong_purpose, says,
                 [&] { return host.verifier.verify_challenge(challenge, code, options).status(); });
  };
  const std::string asked = ", and its verification was asked for ";
  other_purpose("is for sign_in" + asked + "step_up", host.totp_challenge, {.purpose = Purpose::step_up});
  other_purpose("is for sign_in" + asked + "action", host.totp_challenge,
                {.purpose = Purpose::action, .action = "pay 100 EUR"});
  other_purpose("is for action" + asked + "sign_in", host.action_challenge, {});
  other_purpose("is for action" + asked + "step_up", host.action_challenge, {.purpose = Purpose::step_up});
  for (const std::string& words : {"pay 100 EU"s, "pay 1000 EUR"s, "Pay 100 EUR"s, "pay 100 EUR\0"s, sql,
                                   "\xFF"s, std::string(4096, 'A')})
    other_purpose("is for action in other words than VerifyOptions::action", host.action_challenge,
                  {.purpose = Purpose::action, .action = words});
  host.refuses(errc::wrong_purpose, "is for sign_in" + asked + "confirm_enrollment",
               [&] { return host.verifier.confirm_enrollment(host.totp_challenge, code).confirmed(); });

  // Options that contradict themselves, and verbs that are not for what they are asked.
  const auto refused = [&](const std::string& says, auto&& call) {
    host.refuses(errc::invalid_argument, says, call);
  };
  refused("ChallengeOptions::action is given for another purpose",
          [&] { return host.verifier.challenge_factor(host.totp_id, "u_42", {.action = "pay 100 EUR"}); });
  refused("VerifyOptions::action is given for another purpose", [&] {
    return host.verifier.verify_challenge(host.action_challenge, code, {.action = "pay 100 EUR"}).status();
  });
  refused("use challenge_enrollment", [&] {
    return host.verifier.challenge_factor(host.totp_id, "u_42", {.purpose = Purpose::confirm_enrollment});
  });
  refused("use confirm_enrollment", [&] {
    return host.verifier.verify_challenge(host.totp_challenge, code, {.purpose = Purpose::confirm_enrollment})
        .status();
  });
  refused("is verified; there is nothing to confirm",
          [&] { return host.verifier.challenge_enrollment(host.totp_id, "u_42"); });
  refused("is verified; there is nothing to confirm",
          [&] { return host.verifier.confirm_enrollment(host.totp_id, code).confirmed(); });
  refused("whose answer must be asked for; use challenge_enrollment",
          [&] { return host.verifier.confirm_enrollment(host.phone_id, "123456").confirmed(); });

  CHECK(host.verifier
            .verify_challenge(host.action_challenge, code,
                              {.purpose = Purpose::action, .action = "pay 100 EUR"})
            .valid());
}

TEMPLATE_TEST_CASE("Nothing but a fresh verification of the user's allows a change of his factors", "",
                   Memory, TemporarySqlite) {
  Scene<TestType> host;
  const auto codes = host.verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_42"}, mfa::by_operator);
  const auto refused = [&](const Authorization& authorization) {
    const auto refused_by = [&](auto&& call) {
      host.refuses(errc::authorization_required, "have the user show it, and give the Verification", call);
    };
    refused_by([&] { return host.enroll_totp("u_42", authorization); });
    refused_by(
        [&] { return host.verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_42"}, authorization); });
    refused_by([&] { host.verifier.delete_factor(host.totp_id, "u_42", authorization); });
    refused_by([&] { host.verifier.unlock_factor(host.totp_id, "u_42", authorization); });
    refused_by(
        [&] { return host.verifier.regenerate_recovery_codes(codes.factor.id(), "u_42", authorization); });
    refused_by([&] { return host.verifier.remember_device("u_42", "laptop", authorization); });
  };
  refused({});
  for (const std::string& id : {""s, "unknown"s, "auth_challenge_00000000000000000000000000"s, host.totp_id,
                                host.totp_challenge, host.totp_challenge + "\0"s, sql, megabyte})
    refused(Authorization::of_challenge(id));

  const auto verified = [&](const std::string& factor_id, const std::string& secret,
                            mfa::ChallengeOptions of = {}) {
    host.clock.advance(30s);
    const std::string id = host.verifier.challenge_factor(factor_id, mfa::any_user, of).id();
    auto verification =
        host.verifier.verify_challenge(id, host.code(secret), {.purpose = of.purpose, .action = of.action});
    REQUIRE(verification.valid());
    return verification;
  };
  const auto other_user = host.enroll_verified_totp("u_43");
  refused(verified(other_user.factor.id(), other_user.totp.secret));
  refused(verified(host.totp_id, host.secret, {.purpose = Purpose::action, .action = "pay 100 EUR"}));
  refused(host.verifier.verify_challenge(host.totp_challenge, host.wrong_code(host.secret)));
  const auto signed_in = verified(host.totp_id, host.secret);
  host.clock.advance(10min);
  refused(signed_in);
  // And with it deleted that showed it.
  const auto phone = host.challenge(host.phone_id);
  const auto by_phone = host.verifier.verify_challenge(phone, host.sms.last().body);
  REQUIRE(by_phone.valid());
  host.verifier.delete_factor(host.phone_id, "u_42", by_phone);
  refused(by_phone);
}

TEMPLATE_TEST_CASE("A factor whose enrolment was not confirmed signs nobody in", "", Memory,
                   TemporarySqlite) {
  Scene<TestType> host;
  const std::string id = host.enroll_totp("u_42", mfa::by_operator).factor.id();
  for (const Purpose purpose : {Purpose::sign_in, Purpose::step_up}) {
    CAPTURE(to_string(purpose));
    host.refuses(errc::factor_not_verified, "was never verified; have its user confirm the enrolment",
                 [&] { return host.verifier.challenge_factor(id, "u_42", {.purpose = purpose}); });
  }
}

TEMPLATE_TEST_CASE("A phone that cannot be sent to is refused with the reason", "", Memory, TemporarySqlite) {
  struct Row {
    Sms request;
    errc error;
    std::string says;
  };
  const auto number = [](const std::string& text, const std::string& says) {
    return Row{{.phone_number = text}, errc::invalid_phone_number, "the phone number " + says};
  };
  const std::vector<Row> rows{
      number("", "is empty"),
      number("+", "is empty"),
      number("4155550123", "has no country code; begin it with a plus sign"),
      number("0014155550123", "begins with an international prefix; write a plus sign"),
      number("+04155550123", "begins with zero"),
      number("+141555", "has 6 digits"),
      number("+4930555012345678", "has 16 digits"),
      number("+1 415 555 0123 x9", "has an extension"),
      number("+1 415 CALL NOW", "has a letter"),
      number("+39 (0)6 6982 0123", "has a zero in parentheses, which in this country may be part"),
      number("+44 00 20 7946 0123", "has several zeros after the country code"),
      number("++14155550123", "has a second plus sign"),
      number("+1415555\0"
             "0123"s,
             "has a control character at character 9"),
      number("+\u2460\u2463\u2460\u2464\u2464\u2464\u2464", "has a character that is neither a digit"),
      number("+1415\xFF\xFE", "is not valid UTF-8"),
      number("+1415555'; --", "has a character that is neither"),
      number("tel:+14155550123", "has a letter"),
      number(std::string(10'000, '1'), "is longer than 256 bytes"),
      number(megabyte, "is longer than 256 bytes"),
      {{.phone_number = "+14155550123", .user_id = std::string(256, 'u')}, errc::invalid_argument, "user_id"},
      {{.phone_number = "+14155550123", .user_id = "u_42\x01"}, errc::invalid_argument, "user_id"},
      {{.phone_number = "+14155550123", .user_id = ""}, errc::invalid_argument, "user_id is empty"},
      {{.phone_number = "+14155550123", .friendly_name = "\xFF"}, errc::invalid_argument, "friendly_name"},
  };
  Scene<TestType> host;
  for (const Row& row : rows) {
    CAPTURE(row.request.phone_number.substr(0, 80), row.request.friendly_name, row.says);
    host.refuses(row.error, row.says, [&] { return host.verifier.enroll_factor(row.request); });
  }
}

TEMPLATE_TEST_CASE("What only looks bad is taken and given back as it came", "", Memory, TemporarySqlite) {
  const std::array texts{
      "\U0001F512 Caf\u00E9"s,
      "\U0001F468\u200D\U0001F469\u200D\U0001F467"s, // one family of three and two joiners
      "Foo\uFF1A Corp"s,                             // the colon of another script
      "\u05D0\u05D1 \u202B\u05D2\u202C"s,            // right to left
      "100% & ?secret=AAAA&issuer=Evil#"s,
      "<script>alert(1)</script>"s,
      "\"Foo\" \\ 'Corp'"s,
      "null"s,
      "%s%n"s,
      sql,
      std::string(200, 'a'),
      repeated("\U0001F512", 50),
  };
  mfa::test::HostOver<mfa::test::WholeStorage<TestType>> host;
  for (const std::string& text : texts) {
    CAPTURE(text);
    const auto enrolled = host.verifier.enroll_factor(
        Totp{.issuer = text, .user = text, .user_id = text, .friendly_name = text});
    CHECK(enrolled.totp.uri.view().find_first_not_of(
              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
              "-._~%:/?&=") == std::string::npos);
    const auto found = host.verifier.list_factors(text);
    REQUIRE(found.size() == 1);
    CHECK(found[0].totp()->issuer == text);
    CHECK(found[0].totp()->user == text);
    CHECK(found[0].user_id() == text);
    CHECK(found[0].friendly_name() == text);
    CHECK(found[0].confirm(host.code(enrolled.totp.secret), {.binding = text, .user = text}).confirmed());
    const mfa::ChallengeOptions asked{.purpose = Purpose::action, .action = text, .binding = text};
    const std::string challenge = host.verifier.challenge_factor(found[0].id(), text, asked).id();
    CHECK(host.verifier
              .verify_challenge(challenge, host.code(enrolled.totp.secret, 1),
                                {.purpose = Purpose::action, .action = text, .binding = text, .user = text})
              .valid());
  }
  // A user, unlike an issuer, may have a colon, and a user id the most bytes of all.
  const auto enrolled = host.verifier.enroll_factor(
      Totp{.issuer = "Foo Corp", .user = "urn:alan:turing", .user_id = std::string(255, 'u')});
  CHECK(host.verifier.get_factor(enrolled.factor.id(), std::string(255, 'u')).totp()->user ==
        "urn:alan:turing");
}
