// Each step of WebAuthn Level 3 section 7.2, by a browser and an authenticator that break it.
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/catch.hpp"
#include "support/webauthn_host.hpp"

namespace {

using mfa::Status;
using mfa::test::SoftwareAuthenticator;
using mfa::test::WebAuthnHost;
using mfa::webauthn::Algorithm;

/// A registered authenticator, of which a test may turn a knob before it signs in.
struct Registered {
  explicit Registered(Algorithm algorithm = Algorithm::es256,
                      unsigned flags = SoftwareAuthenticator::user_present,
                      mfa::WebAuthn request = {.user = "alan@example.org", .user_id = "u_42"})
      : authenticator(algorithm) {
    authenticator.flags = flags;
    factor_id = host.registered(authenticator, std::move(request));
  }

  WebAuthnHost host;
  SoftwareAuthenticator authenticator;
  std::string factor_id;

  std::string answer() {
    return std::string(to_string(host.sign_in_with(authenticator, factor_id).status()));
  }
};

} // namespace

TEST_CASE("A sign-in that does all right is valid, by every algorithm that is asked for by default") {
  for (const Algorithm algorithm : {Algorithm::es256, Algorithm::eddsa, Algorithm::rs256}) {
    Registered user(algorithm);
    CHECK(user.answer() == "valid");
    CHECK(user.answer() == "valid");
  }
}

TEST_CASE("7.2 step 5: the credential is the factor's") {
  Registered user;
  user.authenticator.credential_id = "another one";
  CHECK(user.answer() == "wrong_credential");
}

TEST_CASE("7.2 step 6: the user handle, if there is one, is the user's") {
  Registered user;
  const auto options = nlohmann::json::parse(
      user.host.verifier
          .enroll_factor(mfa::WebAuthn{.user = "alan@example.org", .user_id = "u_42"}, mfa::by_operator)
          .webauthn.creation_options);
  user.authenticator.user_handle =
      mfa::detail::base64url_decode(options.at("user").at("id").get<std::string>()).value();
  CHECK(user.answer() == "valid");
  user.authenticator.user_handle = "u_42";
  CHECK(user.answer() == "wrong_credential");
}

TEST_CASE("7.2 step 11: the type is webauthn.get") {
  Registered user;
  for (const std::string type : {"webauthn.create", "payment.get", ""}) {
    user.authenticator.get_type = type;
    CHECK(user.answer() == "wrong_challenge");
  }
}

TEST_CASE("7.2 step 12: the challenge is the one given out, and answered once") {
  Registered user;
  auto& verifier = user.host.verifier;
  const auto first = verifier.challenge_factor(user.factor_id, mfa::any_user);
  const auto second = verifier.challenge_factor(user.factor_id, mfa::any_user);
  const std::string response = user.authenticator.get(first.webauthn_options()).json();
  CHECK(to_string(second.verify(response).status()) == "wrong_challenge");
  CHECK(to_string(first.verify(response).status()) == "valid");
  CHECK(to_string(first.verify(response).status()) == "already_verified");
}

TEST_CASE("7.2 steps 13 to 15: the page is the relying party's") {
  Registered user;
  for (const std::string origin : {"https://example.org.evil.com", "https://evil-example.org",
                                   "http://example.org", "https://example.org:8443"}) {
    user.authenticator.origin = origin;
    CHECK(user.answer() == "wrong_origin");
    user.host.verifier.unlock_factor(user.factor_id, mfa::any_user, mfa::by_operator);
  }
  user.authenticator.origin = "https://example.org";
  user.authenticator.more_client_data = {{"crossOrigin", true}};
  CHECK(user.answer() == "wrong_origin");
  user.authenticator.more_client_data["topOrigin"] = "https://example.org";
  CHECK(user.answer() == "wrong_origin");
}

TEST_CASE("7.2 step 16: the authenticator signed for this relying party id") {
  Registered user;
  user.authenticator.rp_id = "evil.com";
  CHECK(user.answer() == "wrong_relying_party");
}

TEST_CASE("7.2 step 17: the user was present") {
  Registered user;
  user.authenticator.flags = 0;
  CHECK(user.answer() == "user_not_present");
}

TEST_CASE("7.2 step 18: the user was verified, where the factor requires it") {
  Registered user(
      Algorithm::es256, SoftwareAuthenticator::user_present | SoftwareAuthenticator::user_verified,
      {.user = "alan@example.org", .user_verification = mfa::webauthn::UserVerification::required});
  CHECK(user.answer() == "valid");
  user.authenticator.flags = SoftwareAuthenticator::user_present;
  CHECK(user.answer() == "user_not_verified");
}

TEST_CASE("7.2 steps 19 and 20: what is backed up may be, and whether it may does not change") {
  const unsigned eligible = SoftwareAuthenticator::user_present | SoftwareAuthenticator::backup_eligible;
  const unsigned backed_up = SoftwareAuthenticator::backed_up;
  Registered synced(Algorithm::es256, eligible);
  CHECK_FALSE(synced.host.verifier.get_factor(synced.factor_id, mfa::any_user).webauthn()->backed_up);
  synced.authenticator.flags = eligible | backed_up;
  CHECK(synced.answer() == "valid");
  CHECK(synced.host.verifier.get_factor(synced.factor_id, mfa::any_user).webauthn()->backed_up);
  synced.authenticator.flags = SoftwareAuthenticator::user_present;
  CHECK(synced.answer() == "valid"); // see what_browsers_send.cpp
  synced.authenticator.flags = SoftwareAuthenticator::user_present | backed_up;
  CHECK(synced.answer() == "unsupported_credential");

  Registered bound;
  bound.authenticator.flags = eligible;
  CHECK(bound.answer() == "wrong_credential");
}

TEST_CASE("7.2 step 22: the signature is the credential's") {
  Registered user;
  SECTION("a changed one") {
    user.authenticator.spoil_signature = [](std::string& signature) { signature.back() ^= 1; };
    CHECK(user.answer() == "wrong_signature");
  }
  SECTION("none") {
    user.authenticator.spoil_signature = [](std::string& signature) { signature = "0"; };
    CHECK(user.answer() == "wrong_signature");
  }
  SECTION("one by another key") {
    const mfa::test::SigningKey other(Algorithm::es256);
    const auto challenge = user.host.verifier.challenge_factor(user.factor_id, mfa::any_user);
    auto response = user.authenticator.get(challenge.webauthn_options());
    response.signature =
        other.sign(response.authenticator_data + SoftwareAuthenticator::hash(response.client_data));
    CHECK(to_string(challenge.verify(response.json()).status()) == "wrong_signature");
  }
}

TEST_CASE("7.2 step 23: a counter that does not go up is a cloned authenticator, and an event") {
  std::vector<mfa::EventType> events;
  mfa::Options options;
  options.observer = [&](const mfa::Event& event) { events.push_back(event.type); };
  WebAuthnHost host(mfa::test::example_settings(), options);
  SoftwareAuthenticator authenticator;
  authenticator.sign_count = 5;
  const std::string factor_id = host.registered(authenticator);
  const auto answer = [&](std::uint32_t count) {
    authenticator.sign_count = count;
    return std::string(to_string(host.sign_in_with(authenticator, factor_id).status()));
  };
  CHECK(answer(6) == "valid");
  CHECK(answer(5000) == "valid");
  CHECK(std::ranges::count(events, mfa::EventType::authenticator_cloned) == 0);
  CHECK(answer(5000) == "cloned_authenticator");
  CHECK(answer(4999) == "cloned_authenticator");
  CHECK(answer(0) == "cloned_authenticator");
  CHECK(std::ranges::count(events, mfa::EventType::authenticator_cloned) == 3);
  CHECK(answer(UINT32_MAX) == "valid"); // the one that is ahead goes on
}

TEST_CASE(
    "7.2 step 23: an authenticator that does not count stays at zero, and one that begins to must go on") {
  Registered user;
  CHECK(user.answer() == "valid");
  CHECK(user.answer() == "valid");
  user.authenticator.sign_count = 1;
  CHECK(user.answer() == "valid");
  user.authenticator.sign_count = 0;
  CHECK(user.answer() == "cloned_authenticator");
}

TEST_CASE("A registration's response does not sign in, nor the reverse") {
  Registered user;
  const auto challenge = user.host.verifier.challenge_factor(user.factor_id, mfa::any_user);
  const std::string& options = challenge.webauthn_options();
  CHECK(to_string(challenge.verify(user.authenticator.create(options).json()).status()) == "malformed_code");
  const auto enrolment =
      user.host.verifier.challenge_enrollment(user.host.enroll(), mfa::any_user, {}, mfa::by_operator);
  CHECK(to_string(enrolment.confirm(user.authenticator.get(enrolment.webauthn_options()).json()).status()) ==
        "malformed_code");
}
