// WebAuthn through the verbs: what browsers are told, what is kept, and what an answer says.
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/catch.hpp"
#include "support/webauthn_host.hpp"

namespace {

using namespace std::chrono_literals;
using mfa::errc;
using mfa::Status;
using mfa::test::SoftwareAuthenticator;
using mfa::test::thrown_by;
using mfa::test::WebAuthnHost;
using Json = nlohmann::json;

std::vector<std::string> texts(auto&& range) { return {range.begin(), range.end()}; }

} // namespace

TEST_CASE(
    "Creation options are PublicKeyCredentialCreationOptionsJSON, and the first challenge gives the same") {
  WebAuthnHost host;
  const auto enrolled = host.verifier.enroll_factor(
      mfa::WebAuthn{.user = "alan@example.org",
                    .display_name = "Alan Turing \xe2\x99\xa5",
                    .user_verification = mfa::webauthn::UserVerification::required,
                    .attachment = mfa::webauthn::Attachment::platform,
                    .resident_key = mfa::webauthn::ResidentKey::required});
  const auto options = Json::parse(enrolled.webauthn.creation_options);
  CHECK(options.at("rp") == Json{{"id", "example.org"}, {"name", "Example"}});
  CHECK(options.at("user").at("name") == "alan@example.org");
  CHECK(options.at("user").at("displayName") == "Alan Turing \xe2\x99\xa5");
  CHECK(mfa::detail::base64url_decode(options.at("user").at("id").get<std::string>()).value().size() == 32);
  CHECK(mfa::detail::base64url_decode(options.at("challenge").get<std::string>()).value().size() == 32);
  CHECK(options.at("pubKeyCredParams") == Json::parse(R"([{"type":"public-key","alg":-7},
      {"type":"public-key","alg":-8},{"type":"public-key","alg":-257}])"));
  CHECK(options.at("timeout") == 300'000);
  CHECK(options.at("excludeCredentials") == Json::array());
  CHECK(options.at("authenticatorSelection") == Json{{"authenticatorAttachment", "platform"},
                                                     {"residentKey", "required"},
                                                     {"requireResidentKey", true},
                                                     {"userVerification", "required"}});
  CHECK(options.at("attestation") == "none");
  CHECK(enrolled.factor.challenge_enrollment({}, mfa::by_operator).webauthn_options() ==
        enrolled.webauthn.creation_options);
}

TEST_CASE("Request options are PublicKeyCredentialRequestOptionsJSON of this credential, with a challenge of "
          "their own") {
  WebAuthnHost host;
  SoftwareAuthenticator authenticator;
  authenticator.transports = {"usb", "nfc", "usb", "telepathy", "Not A Name"};
  const std::string id = host.registered(authenticator);
  const auto challenge = host.verifier.challenge_factor(id, mfa::any_user);
  const auto options = Json::parse(challenge.webauthn_options());
  CHECK(options.at("rpId") == "example.org");
  CHECK(options.at("allowCredentials") ==
        Json::array({{{"type", "public-key"},
                      {"id", mfa::detail::base64url(authenticator.credential_id)},
                      {"transports", {"nfc", "telepathy", "usb"}}}}));
  CHECK(options.at("userVerification") == "preferred");
  CHECK(options.at("timeout") == 300'000);
  CHECK(options.at("challenge") !=
        Json::parse(host.verifier.challenge_factor(id, mfa::any_user).webauthn_options()).at("challenge"));
  CHECK(host.verifier.get_challenge(challenge.id(), mfa::any_user).webauthn_options().empty());
}

TEST_CASE("A user's credentials are excluded from further enrolments, and share a random handle") {
  WebAuthnHost host;
  const SoftwareAuthenticator first;
  host.registered(first);
  SoftwareAuthenticator second;
  second.credential_id = "the second credential";
  (void)host.enroll(); // never verified, so of no account
  const auto options = [&](const std::optional<mfa::UserId>& user_id) {
    const mfa::WebAuthn request{.user = "alan", .user_id = user_id};
    return Json::parse(host.verifier.enroll_factor(request, mfa::by_operator).webauthn.creation_options);
  };
  const Json before = options("u_42");
  REQUIRE(before.at("excludeCredentials").size() == 1);
  CHECK(before.at("excludeCredentials").at(0).at("id") == mfa::detail::base64url(first.credential_id));
  host.registered(second);
  const Json after = options("u_42");
  CHECK(after.at("excludeCredentials").size() == 2);
  CHECK(after.at("user").at("id") == before.at("user").at("id"));
  const Json other = options("u_43");
  CHECK(other.at("excludeCredentials").empty());
  CHECK(other.at("user").at("id") != before.at("user").at("id"));
  CHECK(options(std::nullopt).at("user").at("id") != options(std::nullopt).at("user").at("id"));
}

TEST_CASE("What a user enrolled meanwhile is excluded from an enrolment that he goes on with") {
  WebAuthnHost host;
  const auto enroll = [&] {
    return host.verifier.enroll_factor(mfa::WebAuthn{.user = "alan", .user_id = "u_42"}, mfa::by_operator);
  };
  const auto excluded = [](const std::string& options) {
    return Json::parse(options).at("excludeCredentials").size();
  };
  const auto in_one_tab = enroll();
  const auto in_another = enroll();
  CHECK(excluded(in_another.webauthn.creation_options) == 0);
  const SoftwareAuthenticator authenticator;
  REQUIRE(in_one_tab.factor.challenge_enrollment()
              .confirm(authenticator.create(in_one_tab.webauthn.creation_options).json())
              .confirmed());
  const auto again = in_another.factor.challenge_enrollment({}, mfa::by_operator);
  const Json options = Json::parse(again.webauthn_options());
  REQUIRE(options.at("excludeCredentials").size() == 1);
  CHECK(options.at("excludeCredentials").at(0).at("id") ==
        mfa::detail::base64url(authenticator.credential_id));
  SoftwareAuthenticator other;
  other.credential_id = "the second credential";
  CHECK(
      again.confirm(other.create(in_another.webauthn.creation_options).json()).confirmed()); // the same bytes
  CHECK(
      excluded(host.verifier.enroll_factor(mfa::WebAuthn{.user = "alan", .user_id = "u_42"}, mfa::by_operator)
                   .webauthn.creation_options) == 2);
}

TEST_CASE("A challenge ends after the relying party's timeout, and an enrolment then gets new options") {
  WebAuthnHost host;
  const SoftwareAuthenticator authenticator;
  const auto enrolled = host.verifier.enroll_factor(mfa::WebAuthn{.user = "alan"});
  const auto first = enrolled.factor.challenge_enrollment({}, mfa::by_operator);
  CHECK(first.expires_at() == first.created_at() + 5min);
  host.clock.advance(5min);
  const std::string late = authenticator.create(first.webauthn_options()).json();
  CHECK(to_string(first.confirm(late).status()) == "expired");
  const auto second = enrolled.factor.challenge_enrollment({}, mfa::by_operator);
  CHECK(second.webauthn_options() != first.webauthn_options());
  CHECK(to_string(second.confirm(late).status()) == "wrong_challenge");
  CHECK(second.confirm(authenticator.create(second.webauthn_options()).json()).confirmed());

  const auto sign_in = enrolled.factor.challenge();
  host.clock.advance(5min);
  CHECK(to_string(sign_in.verify(authenticator.get(sign_in.webauthn_options()).json()).status()) ==
        "expired");
}

TEST_CASE("The bytes of an enrolment live one timeout, however late a challenge hands them out") {
  WebAuthnHost host;
  const SoftwareAuthenticator authenticator;
  const auto enrolled = host.verifier.enroll_factor(mfa::WebAuthn{.user = "alan"});
  const auto enrolled_at = enrolled.factor.created_at();
  host.clock.advance(4min);
  const auto late = enrolled.factor.challenge_enrollment({}, mfa::by_operator);
  CHECK(late.webauthn_options() == enrolled.webauthn.creation_options);
  CHECK(late.expires_at() == enrolled_at + 5min);
  const std::string answer = authenticator.create(enrolled.webauthn.creation_options).json();
  host.clock.advance(1min);
  CHECK(to_string(late.confirm(answer).status()) == "expired");
  const auto next = enrolled.factor.challenge_enrollment({}, mfa::by_operator);
  CHECK(next.expires_at() == next.created_at() + 5min);
  CHECK(to_string(next.confirm(answer).status()) == "wrong_challenge");
}

TEST_CASE("Options may stand in a page: no name ends a script element or a line") {
  const std::string hostile = "</script><!--&\xE2\x80\xA8\xE2\x80\xA9\"\\";
  auto settings = mfa::test::example_settings();
  settings.name = hostile;
  WebAuthnHost host(settings);
  const auto enrolled =
      host.verifier.enroll_factor(mfa::WebAuthn{.user = hostile, .display_name = hostile + "\xE2\x99\xA5"});
  const std::string& text = enrolled.webauthn.creation_options;
  for (const std::string_view never : {"<", ">", "&", "\xE2\x80\xA8", "\xE2\x80\xA9"})
    CHECK(text.find(never) == std::string::npos);
  const auto options = Json::parse(text);
  CHECK(options.at("rp").at("name") == hostile);
  CHECK(options.at("user").at("name") == hostile);
  CHECK(options.at("user").at("displayName") == hostile + "\xE2\x99\xA5");
}

TEST_CASE("One registration ends every other challenge of the enrolment") {
  WebAuthnHost host;
  const SoftwareAuthenticator authenticator;
  const auto enrolled = host.verifier.enroll_factor(mfa::WebAuthn{.user = "alan"});
  const auto first = enrolled.factor.challenge_enrollment({}, mfa::by_operator);
  const auto second = enrolled.factor.challenge_enrollment({}, mfa::by_operator);
  const std::string answer = authenticator.create(first.webauthn_options()).json();
  CHECK(second.confirm(answer).confirmed()); // they share the options
  CHECK(to_string(first.confirm(answer).status()) == "superseded");
}

TEST_CASE("An answer says what was shown: a key, its user's touch, and by a PIN or biometric two factors") {
  WebAuthnHost host;
  SoftwareAuthenticator authenticator;
  authenticator.flags |= SoftwareAuthenticator::user_verified;
  const std::string id = host.registered(authenticator);
  authenticator.flags = SoftwareAuthenticator::user_present;
  const auto touched = host.sign_in_with(authenticator, id);
  CHECK(texts(touched.amr()) == std::vector<std::string>{"pop", "user"});
  CHECK(touched.assurance() == mfa::Assurance{.factors = 1, .phishing_resistant = true});
  authenticator.flags |= SoftwareAuthenticator::user_verified;
  const auto verified = host.sign_in_with(authenticator, id);
  CHECK(texts(verified.amr()) == std::vector<std::string>{"pop", "user", "mfa"});
  CHECK(verified.assurance() == mfa::Assurance{.factors = 2, .phishing_resistant = true});
}

TEST_CASE("A sign-in that must show two factors asks for user verification, and is refused without") {
  WebAuthnHost host;
  SoftwareAuthenticator authenticator;
  authenticator.sign_count = 1;
  authenticator.flags |= SoftwareAuthenticator::user_verified;
  const std::string id = host.registered(authenticator);
  authenticator.flags = SoftwareAuthenticator::user_present;
  const mfa::Assurance two{.factors = 2, .phishing_resistant = true};
  const auto challenge = host.verifier.challenge_factor(id, mfa::any_user, {.required = two});
  const std::string& options = challenge.webauthn_options();
  CHECK(Json::parse(options).at("userVerification") == "required");
  authenticator.sign_count = 2;
  CHECK(to_string(challenge.verify(authenticator.get(options).json()).status()) == "insufficient_assurance");
  authenticator.flags |= SoftwareAuthenticator::user_verified;
  CHECK(challenge.verify(authenticator.get(options).json()).valid());
}

TEST_CASE("What may be shown of a factor is its credential, never its key") {
  WebAuthnHost host;
  SoftwareAuthenticator authenticator;
  authenticator.aaguid = "0123456789abcdef";
  authenticator.flags |= SoftwareAuthenticator::backup_eligible | SoftwareAuthenticator::backed_up;
  const std::string id =
      host.enroll({.user = "alan@example.org", .user_id = "u_42", .friendly_name = "my key"});
  const auto before = host.verifier.get_factor(id, mfa::any_user);
  REQUIRE(before.webauthn() != nullptr);
  CHECK(before.webauthn()->user == "alan@example.org");
  CHECK(before.webauthn()->credential_id.empty());
  REQUIRE(host.register_with(authenticator, id).confirmed());
  const auto listed = host.verifier.list_factors("u_42");
  REQUIRE(listed.size() == 1);
  const auto* const shown = listed[0].webauthn();
  REQUIRE(shown != nullptr);
  CHECK(listed[0].totp() == nullptr);
  CHECK(shown->credential_id == mfa::detail::base64url(authenticator.credential_id));
  CHECK(shown->aaguid == "30313233343536373839616263646566");
  CHECK(shown->transports == std::vector<std::string>{"usb"});
  CHECK(shown->backup_eligible);
  CHECK(shown->backed_up);
}

TEST_CASE("A public key that somebody with the storage alone puts in place of another is not used") {
  WebAuthnHost host;
  const SoftwareAuthenticator victim;
  SoftwareAuthenticator thief;
  thief.credential_id = "the thief's credential";
  const std::string id = host.registered(victim, {.user = "alan", .user_id = "u_42"});
  const std::string thiefs = host.registered(thief, {.user = "eve", .user_id = "u_43"});
  const auto challenge = host.verifier.challenge_factor(id, mfa::any_user);
  auto record = host.storage.find_factor(id).value();
  const auto other = host.storage.find_factor(thiefs).value();
  record.sealed = other.sealed;
  record.parameters = other.parameters;
  mfa::storage::Batch batch;
  batch.factors.push_back(record);
  REQUIRE(host.storage.commit(batch));
  CHECK(thrown_by([&] { return challenge.verify(thief.get(challenge.webauthn_options()).json()); }) ==
        errc::seal_broken);
  CHECK(thrown_by([&] { return host.verifier.challenge_factor(id, mfa::any_user); }) == errc::seal_broken);
}

TEST_CASE("The stored challenge is no copy of the one that was given out") {
  WebAuthnHost host;
  const SoftwareAuthenticator authenticator;
  const auto challenge = host.verifier.challenge_factor(host.registered(authenticator), mfa::any_user);
  const auto bytes = mfa::detail::base64url_decode(
                         Json::parse(challenge.webauthn_options()).at("challenge").get<std::string>())
                         .value();
  const auto record = host.storage.find_challenge(challenge.id()).value();
  CHECK(record.answer.find(bytes) == std::string::npos);
}

TEST_CASE("Without a relying party the verbs say what to set") {
  mfa::test::Host host;
  try {
    (void)host.verifier.enroll_factor(mfa::WebAuthn{.user = "alan"});
    FAIL("accepted");
  } catch (const mfa::Error& error) {
    CHECK(error.code() == errc::no_relying_party);
    CHECK_THAT(error.what(), mfa::test::contains("Options::webauthn"));
    CHECK_THAT(error.what(), mfa::test::contains("<mfa/webauthn/relying_party.hpp>"));
  }
}

TEST_CASE("Names that nobody has, or that browsers would misshow, are refused") {
  WebAuthnHost host;
  for (const std::string& user :
       {std::string(), std::string(256, 'a'), std::string("a\nb"), std::string("\xff")})
    CHECK(thrown_by([&] { return host.enroll({.user = user}); }) == errc::invalid_argument);
  CHECK(thrown_by([&] { return host.enroll({.user = "a", .display_name = std::string(256, 'a')}); }) ==
        errc::invalid_argument);
}

TEST_CASE("Settings that no browser could meet are refused, and named") {
  using mfa::webauthn::RelyingPartySettings;
  struct Row {
    std::string says;
    void (*change)(RelyingPartySettings&);
  };
  const std::vector<Row> rows{
      {"::id ", [](auto& s) { s.id = ""; }},
      {"::id ", [](auto& s) { s.id = "https://example.org"; }},
      {"::id ",
       [](auto& s) { s = {.id = "192.168.1.5", .name = "Router", .origins = {"https://192.168.1.5"}}; }},
      {"::id ", [](auto& s) { s.id = "example.org:8443"; }},
      {"::id ", [](auto& s) { s.id = "Example.org"; }},
      {"::id ", [](auto& s) { s.id = "example..org"; }},
      {"::name ", [](auto& s) { s.name = ""; }},
      {"::origins ", [](auto& s) { s.origins = {}; }},
      {"::origins ", [](auto& s) { s.origins = {"https://example.org/"}; }},
      {"::origins ", [](auto& s) { s.origins = {"https://example.org:443"}; }},
      {"::origins ", [](auto& s) { s.origins = {"https://example.org:"}; }},
      {"::origins ", [](auto& s) { s.origins = {"https://Example.org"}; }},
      {"::origins ", [](auto& s) { s.origins = {"https://*.example.org"}; }},
      {"::origins ", [](auto& s) { s.origins = {"http://example.org"}; }},
      {"::origins ", [](auto& s) { s.origins = {"example.org"}; }},
      {"::origins ", [](auto& s) { s.origins = {"https://evil-example.org"}; }},
      {"::origins ", [](auto& s) { s.origins = {"https://example.org.evil.com"}; }},
      {"::top_origins ", [](auto& s) { s.top_origins = {"https://example.com"}; }},
      {"::top_origins ",
       [](auto& s) {
         s.allow_cross_origin = true;
         s.top_origins = {"*"};
       }},
      {"::algorithms ", [](auto& s) { s.algorithms = {}; }},
      {"::timeout ", [](auto& s) { s.timeout = 29s; }},
      {"::timeout ", [](auto& s) { s.timeout = 61min; }},
  };
  for (const Row& row : rows) {
    auto settings = mfa::test::example_settings();
    row.change(settings);
    CAPTURE(row.says, settings.id, settings.origins);
    try {
      (void)mfa::webauthn::relying_party(settings);
      FAIL_CHECK("accepted");
    } catch (const mfa::Error& error) {
      CHECK(error.code() == errc::invalid_argument);
      CHECK_THAT(error.what(), mfa::test::contains("RelyingPartySettings" + row.says));
    }
  }
  auto local = mfa::test::example_settings();
  local.id = "localhost";
  local.origins = {"http://localhost:8080", "http://login.localhost:8080"};
  CHECK(mfa::webauthn::relying_party(local) != nullptr);
  auto app = mfa::test::example_settings();
  app.origins = {"https://example.org", "android:apk-key-hash:" + std::string(27, 'A')};
  CHECK(mfa::webauthn::relying_party(app) != nullptr);
}
