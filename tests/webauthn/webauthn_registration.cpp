// Each step of WebAuthn Level 3 section 7.1, by a browser and an authenticator that break it.
#include <memory>
#include <string>
#include <string_view>

#include <openssl/evp.h>

#include "support/catch.hpp"
#include "support/webauthn_host.hpp"

namespace {

using mfa::Status;
using mfa::test::SoftwareAuthenticator;
using mfa::test::WebAuthnHost;
using mfa::webauthn::Algorithm;
namespace cbor = mfa::test::cbor;

/// What a registration by this authenticator comes to.
std::string answer_to(const SoftwareAuthenticator& authenticator,
                      mfa::webauthn::RelyingPartySettings settings = mfa::test::example_settings(),
                      mfa::WebAuthn request = {.user = "alan@example.org"}) {
  WebAuthnHost host(std::move(settings));
  return std::string(to_string(host.register_with(authenticator, host.enroll(std::move(request))).status()));
}

} // namespace

TEST_CASE("A registration that does all right is valid, by every algorithm that is asked for by default") {
  for (const Algorithm algorithm : {Algorithm::es256, Algorithm::eddsa, Algorithm::rs256}) {
    CAPTURE(static_cast<int>(algorithm));
    CHECK(answer_to(SoftwareAuthenticator(algorithm)) == "valid");
  }
}

TEST_CASE("7.1 step 7: the type is webauthn.create") {
  SoftwareAuthenticator authenticator;
  for (const std::string type : {"webauthn.get", "payment.get", "webauthn.create ", ""}) {
    authenticator.create_type = type;
    CHECK(answer_to(authenticator) == "wrong_challenge");
  }
}

TEST_CASE("7.1 step 8: the challenge is the one given out") {
  SoftwareAuthenticator authenticator;
  for (const std::string& challenge : {std::string(32, 'x'), std::string(31, '\0'), std::string()}) {
    authenticator.challenge = challenge;
    CHECK(answer_to(authenticator) == "wrong_challenge");
  }
}

TEST_CASE("7.1 step 9: the origin is one of the list, whole") {
  SoftwareAuthenticator authenticator;
  for (const std::string origin :
       {"https://example.org.evil.com", "https://evil-example.org", "https://example.org:444",
        "http://example.org", "https://example.org/", "https://example.org@evil.com", "https://EXAMPLE.org",
        "https://login.example.org", "https://example.or", "https://evil.com?https://example.org", "null",
        ""}) {
    CAPTURE(origin);
    authenticator.origin = origin;
    CHECK(answer_to(authenticator) == "wrong_origin");
  }
  auto settings = mfa::test::example_settings();
  settings.origins.emplace_back("https://login.example.org:8443");
  authenticator.origin = "https://login.example.org:8443";
  CHECK(answer_to(authenticator, settings) == "valid");
}

TEST_CASE("7.1 steps 10 and 11: a frame of another origin is the relying party's choice, and so is the page "
          "around it") {
  SoftwareAuthenticator framed;
  framed.more_client_data = {{"crossOrigin", true}};
  SoftwareAuthenticator named = framed;
  named.more_client_data["topOrigin"] = "https://partner.example";
  SoftwareAuthenticator inconsistent = named;
  inconsistent.more_client_data["crossOrigin"] = false;
  auto settings = mfa::test::example_settings();
  CHECK(answer_to(framed, settings) == "wrong_origin");
  CHECK(answer_to(named, settings) == "wrong_origin");
  settings.allow_cross_origin = true;
  CHECK(answer_to(framed, settings) == "valid");
  CHECK(answer_to(named, settings) == "wrong_origin");
  settings.top_origins = {"https://partner.example"};
  CHECK(answer_to(named, settings) == "valid");
  CHECK(answer_to(inconsistent, settings) == "wrong_origin");
}

TEST_CASE("7.1 step 14: the authenticator made it for this relying party id") {
  SoftwareAuthenticator authenticator;
  for (const std::string id : {"example.com", "login.example.org", "EXAMPLE.ORG", ""}) {
    authenticator.rp_id = id;
    CHECK(answer_to(authenticator) == "wrong_relying_party");
  }
}

TEST_CASE("7.1 step 15: the user was present") {
  SoftwareAuthenticator authenticator;
  authenticator.flags = SoftwareAuthenticator::user_verified;
  CHECK(answer_to(authenticator) == "user_not_present");
}

TEST_CASE("7.1 step 16: the user was verified, where that is required") {
  SoftwareAuthenticator authenticator;
  const mfa::WebAuthn required{.user = "alan@example.org",
                               .user_verification = mfa::webauthn::UserVerification::required};
  CHECK(answer_to(authenticator, mfa::test::example_settings(), required) == "user_not_verified");
  authenticator.flags |= SoftwareAuthenticator::user_verified;
  CHECK(answer_to(authenticator, mfa::test::example_settings(), required) == "valid");
}

TEST_CASE("7.1 step 17: what is backed up may be") {
  SoftwareAuthenticator authenticator;
  authenticator.flags |= SoftwareAuthenticator::backed_up;
  CHECK(answer_to(authenticator) == "unsupported_credential");
  authenticator.flags |= SoftwareAuthenticator::backup_eligible;
  CHECK(answer_to(authenticator) == "valid");
}

TEST_CASE("7.1 step 20: an Ed25519 key is a point of the large group, in its one encoding") {
  // Under the neutral point, this signature is one of every message: OpenSSL takes it.
  const std::string neutral = "01" + std::string(62, '0');
  const std::string forged = mfa::test::from_hex(neutral + std::string(64, '0'));
  const std::shared_ptr<EVP_PKEY> key(
      EVP_PKEY_new_raw_public_key_ex(
          nullptr, "ED25519", nullptr,
          reinterpret_cast<const unsigned char*>(mfa::test::from_hex(neutral).data()), 32),
      EVP_PKEY_free);
  for (const std::string_view message : {"any message", "another"})
    CHECK(mfa::webauthn::verify_signature(key.get(), -8, mfa::crypto::bytes_of(message),
                                          mfa::crypto::bytes_of(forged)));

  const std::string most(60, 'f');
  const std::string ys[] = {
      neutral,
      std::string(64, '0'),
      "ec" + most + "7f",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "ed" + most + "7f", // 2^255 - 19, which is zero
      "ee" + most + "7f", // one more: the neutral point again
      "f0" + most + "7f", // y = 3 in a second encoding
      "ff" + most + "7f",
  };
  for (const std::string& hex : ys)
    for (const bool negative : {false, true}) {
      std::string point = mfa::test::from_hex(hex);
      if (negative) point.back() = static_cast<char>(point.back() | 0x80);
      SoftwareAuthenticator authenticator(Algorithm::eddsa);
      authenticator.cose = cbor::map({{cbor::integer(1), cbor::integer(1)},
                                      {cbor::integer(3), cbor::integer(-8)},
                                      {cbor::integer(-1), cbor::integer(6)},
                                      {cbor::integer(-2), cbor::bytes(point)}});
      CAPTURE(hex, negative);
      CHECK(answer_to(authenticator) == "unsupported_credential");
    }
}

TEST_CASE("7.1 step 20: the algorithm was asked for") {
  CHECK(answer_to(SoftwareAuthenticator(Algorithm::es384)) == "unsupported_credential");
  auto settings = mfa::test::example_settings();
  settings.algorithms = {Algorithm::es384};
  CHECK(answer_to(SoftwareAuthenticator(Algorithm::es384), settings) == "valid");
  CHECK(answer_to(SoftwareAuthenticator(Algorithm::es256), settings) == "unsupported_credential");
}

TEST_CASE("7.1 step 21: a format that is not verified here is refused, or by option taken as unattested") {
  SoftwareAuthenticator authenticator;
  auto settings = mfa::test::example_settings();
  for (const std::string format : {"tpm", "android-key", "apple", "compound", "None", ""}) {
    CAPTURE(format);
    authenticator.format = format;
    settings.unverified_formats = mfa::webauthn::UnverifiedFormats::refuse;
    CHECK(answer_to(authenticator, settings) == "attestation_refused");
    settings.unverified_formats = mfa::webauthn::UnverifiedFormats::ignore;
    CHECK(answer_to(authenticator, settings) == "valid");
  }
}

TEST_CASE("7.1 step 22: the statement is right by its format") {
  SECTION("none is empty") {
    SoftwareAuthenticator authenticator;
    authenticator.statement = [](const auto&, const auto&) {
      return cbor::map({{cbor::text("sig"), cbor::bytes("x")}});
    };
    CHECK(answer_to(authenticator) == "attestation_refused");
  }
  SECTION("self attestation is signed by the credential's key, over this data, by its algorithm") {
    SoftwareAuthenticator authenticator;
    authenticator.attest_by_itself();
    CHECK(answer_to(authenticator) == "valid");

    const mfa::test::SigningKey other(Algorithm::es256);
    const auto statement = [&](std::int64_t algorithm, const mfa::test::SigningKey& key,
                               std::string_view suffix) {
      return [&, algorithm, suffix](const std::string& data, const std::string& hash) {
        return cbor::map({{cbor::text("alg"), cbor::integer(algorithm)},
                          {cbor::text("sig"), cbor::bytes(key.sign(data + hash + std::string(suffix)))}});
      };
    };
    authenticator.statement = statement(-7, other, "");
    CHECK(answer_to(authenticator) == "attestation_refused");
    authenticator.statement = statement(-7, authenticator.key, "more");
    CHECK(answer_to(authenticator) == "attestation_refused");
    authenticator.statement = statement(-8, authenticator.key, "");
    CHECK(answer_to(authenticator) == "attestation_refused");
    authenticator.statement = [&](const std::string& data, const std::string& hash) {
      return cbor::map({{cbor::text("sig"), cbor::bytes(authenticator.key.sign(data + hash))}}); // no alg
    };
    CHECK(answer_to(authenticator) == "attestation_refused");
  }
}

TEST_CASE("7.1 step 24: the relying party may refuse an attestation, and sees what it says") {
  SoftwareAuthenticator authenticator;
  authenticator.attest_by_itself();
  authenticator.aaguid = "0123456789abcdef";
  auto settings = mfa::test::example_settings();
  mfa::webauthn::Attestation seen;
  bool trust = false;
  settings.attestation_trust = [&](const mfa::webauthn::Attestation& attestation) {
    seen = attestation;
    return trust;
  };
  CHECK(answer_to(authenticator, settings) == "attestation_refused");
  CHECK(seen.format == "packed");
  CHECK(seen.type == mfa::webauthn::AttestationType::self);
  CHECK(seen.aaguid == "0123456789abcdef");
  CHECK(seen.certificates.empty());
  trust = true;
  CHECK(answer_to(authenticator, settings) == "valid");
}

TEST_CASE("7.1 step 25: a credential id has 1 to 1023 bytes") {
  SoftwareAuthenticator authenticator;
  authenticator.credential_id = std::string(1023, 'c');
  CHECK(answer_to(authenticator) == "valid");
  authenticator.credential_id = std::string(1024, 'c');
  CHECK(answer_to(authenticator) == "unsupported_credential");
  authenticator.credential_id = "c";
  CHECK(answer_to(authenticator) == "valid");
}

TEST_CASE("7.1 step 26: a credential id is one factor's, until that is deleted") {
  WebAuthnHost host;
  const SoftwareAuthenticator authenticator;
  const std::string first = host.registered(authenticator);
  const std::string of_another_user = host.enroll({.user = "grace@example.org", .user_id = "u_43"});
  CHECK(to_string(host.register_with(authenticator, of_another_user).status()) == "already_registered");
  CHECK_FALSE(host.verifier.get_factor(of_another_user, mfa::any_user).verified());
  host.verifier.delete_factor(first, mfa::any_user, mfa::by_operator);
  CHECK(to_string(host.register_with(authenticator, of_another_user).status()) == "valid");
}

TEST_CASE("The id beside the response is the attested one") {
  WebAuthnHost host;
  const SoftwareAuthenticator authenticator;
  const auto challenge =
      host.verifier.challenge_enrollment(host.enroll(), mfa::any_user, {}, mfa::by_operator);
  auto response = authenticator.create(challenge.webauthn_options());
  response.credential_id = "another one";
  CHECK(to_string(challenge.confirm(response.json()).status()) == "wrong_credential");
}

TEST_CASE("Extensions that nobody asked for are no reason to refuse") {
  SoftwareAuthenticator authenticator;
  authenticator.extensions = cbor::map({{cbor::text("credProtect"), cbor::integer(2)}});
  authenticator.more_client_data = {
      {"other_keys_can_be_added_here", "do not compare clientDataJSON as text"}};
  CHECK(answer_to(authenticator) == "valid");
}
