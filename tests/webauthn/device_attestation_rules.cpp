// Attestations of a device's own authenticator (WebAuthn sections 8.3, 8.4 and 8.8): each rule by a statement
// that is right and its twin with one fault, which is refused.
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/webauthn/relying_party.hpp>
#include <mfa/webauthn/trust_anchors.hpp>

#include "support/attestation_issuer.hpp"
#include "support/catch.hpp"
#include "support/device_attestations.hpp"

namespace {

using mfa::test::AttestationIssuer;
using mfa::test::CertificateContents;
using mfa::test::SigningKey;
using mfa::test::SoftwareAuthenticator;
using mfa::test::TestAndroid;
using mfa::test::TestApple;
using mfa::test::TestTpm;
using mfa::webauthn::Algorithm;
using mfa::webauthn::AttestationConveyance;
namespace der = mfa::test::der;

const AttestationIssuer& vendor() {
  static const AttestationIssuer issuer;
  return issuer;
}

mfa::webauthn::RelyingPartySettings usual() {
  return {.id = "example.org", .name = "Example", .origins = {"https://example.org"}};
}

mfa::webauthn::RelyingPartySettings asking() {
  auto settings = usual();
  settings.algorithms = {Algorithm::es256, Algorithm::es384, Algorithm::es512, Algorithm::eddsa,
                         Algorithm::rs256};
  settings.attestation = AttestationConveyance::direct;
  return settings;
}

mfa::webauthn::RelyingPartySettings trusting() {
  auto settings = asking();
  settings.attestation_trust = mfa::webauthn::trust_anchors(vendor().root_pem());
  return settings;
}

mfa::webauthn::Registration registration(const SoftwareAuthenticator& authenticator,
                                         mfa::webauthn::RelyingPartySettings settings) {
  const auto party = mfa::webauthn::relying_party(std::move(settings));
  const std::string options = party->creation_options(
      {.challenge = "challenge", .user_handle = "handle", .user = "alan", .display_name = "Alan"});
  return party->verify_registration(
      authenticator.create(options).json(),
      {.is_challenge = [](std::string_view bytes) { return bytes == "challenge"; },
       .now = std::chrono::time_point_cast<mfa::Time::duration>(std::chrono::system_clock::now())});
}

std::string answer_to(const SoftwareAuthenticator& authenticator,
                      mfa::webauthn::RelyingPartySettings settings = asking()) {
  return std::string(to_string(registration(authenticator, std::move(settings)).status));
}

/// What becomes of a right one that was changed so.
template <class Device> std::string with(const std::function<void(Device&)>& change) {
  Device device;
  change(device);
  return answer_to(device.authenticator(vendor()));
}
constexpr const char* refused = "attestation_refused";

} // namespace

TEST_CASE("tpm: keys and algorithms that TPMs have") {
  for (const Algorithm algorithm : {Algorithm::es256, Algorithm::es384, Algorithm::es512, Algorithm::rs256}) {
    CAPTURE(static_cast<int>(algorithm));
    const TestTpm tpm;
    CHECK(answer_to(tpm.authenticator(vendor(), algorithm)) == "valid");
  }
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.in_one_part = true; }) == "valid");
  CHECK(with<TestTpm>([](TestTpm& tpm) { // Windows, with most TPMs
          tpm.algorithm = -65535;
          tpm.hash = "SHA1";
        }) == "valid");
  CHECK(with<TestTpm>([](TestTpm& tpm) {
          tpm.attestation_key = SigningKey(Algorithm::es384);
          tpm.algorithm = -35;
          tpm.hash = "SHA384";
        }) == "valid");
  for (const auto& hash : {std::pair(0x0004U, "SHA1"), {0x000CU, "SHA384"}, {0x000DU, "SHA512"}}) {
    CAPTURE(hash.second);
    CHECK(with<TestTpm>([&](TestTpm& tpm) {
            tpm.name_algorithm = hash.first;
            tpm.name_hash = hash.second;
          }) == "valid");
  }
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.scheme = 0x0018; }) == "valid");
  TestTpm rsa;
  rsa.scheme = 0x0014;
  rsa.exponent = 65'537;
  CHECK(answer_to(rsa.authenticator(vendor(), Algorithm::rs256)) == "valid");
}

TEST_CASE("tpm: the members of a statement") {
  for (const std::string member : {"alg", "sig", "ver", "x5c", "pubArea", "certInfo"}) {
    CAPTURE(member);
    CHECK(with<TestTpm>([&](TestTpm& tpm) { tpm.left_out = {member}; }) == refused);
  }
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.statement_version = "1.2"; }) == refused);
}

TEST_CASE("tpm: the public area is the credential's key") {
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.other_key = SigningKey(Algorithm::es256); }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.type = 0x0008; }) == refused); // a keyed hash
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.cipher = 0x0006; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.scheme = 0x0019; }) == refused); // ECDH
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.key_derivation = 0x0007; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.after_public_area = std::string(1, '\0'); }) == refused);
  TestTpm other_modulus;
  other_modulus.other_key = SigningKey(Algorithm::rs256);
  CHECK(answer_to(other_modulus.authenticator(vendor(), Algorithm::rs256)) == refused);
  TestTpm other_exponent;
  other_exponent.exponent = 3;
  CHECK(answer_to(other_exponent.authenticator(vendor(), Algorithm::rs256)) == refused);
  TestTpm other_curve;
  other_curve.other_key = SigningKey(Algorithm::es384);
  CHECK(answer_to(other_curve.authenticator(vendor())) == refused);
}

TEST_CASE("tpm: the certificate meets section 8.3.1") {
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.contents.version = 0; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.contents.name = "TPM"; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.manufacturer = ""; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.manufacturer = "id:4946580"; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.manufacturer = "id:4946580g"; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.manufacturer = "49465800"; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.model = ""; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.version = ""; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.names_critical = false; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.usages = {}; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.usages = {"2.23.133.8.1"}; }) ==
        refused); // of an endorsement key
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.usages = {"2.23.133.8.1", "2.23.133.8.3"}; }) == "valid");
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.contents.basic_constraints = ""; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.contents.basic_constraints = "critical,CA:TRUE"; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.contents.aaguid = "0123456789abcdef"; }) == "valid");
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.contents.aaguid = "fedcba9876543210"; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { // an extension twice
          tpm.contents.more = {{"2.5.29.37", der::sequence({der::oid("2.23.133.8.3")})}};
        }) == refused);
}

TEST_CASE("tpm: what it certifies is signed, and is of this credential at this registration") {
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.other_signer = SigningKey(Algorithm::rs256); }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.algorithm = -65535; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.algorithm = -7; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.magic = 0xFF544348; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.kind = 0x8018; }) == refused); // a quote
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.extra_data = ""; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.extra_data = std::string(32, 'x'); }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.name = ""; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.name = mfa::test::tpm_two(0x000B) + std::string(32, 'x'); }) ==
        refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.name_hash = "SHA1"; }) == refused);
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.name_algorithm = 0x0012; }) == refused); // SM3
  CHECK(with<TestTpm>([](TestTpm& tpm) { tpm.after_certification = std::string(1, '\0'); }) == refused);
}

TEST_CASE("android-key: the certificate is of the credential's key, and of this registration") {
  CHECK(with<TestAndroid>([](TestAndroid&) {}) == "valid");
  CHECK(with<TestAndroid>([](TestAndroid& android) { android.signer = SigningKey(Algorithm::es256); }) ==
        refused);
  CHECK(with<TestAndroid>([](TestAndroid& android) {
          android.certified_key = SigningKey(Algorithm::es256); // whose signature it is, too
          android.signer = android.certified_key;
        }) == refused);
  CHECK(with<TestAndroid>([](TestAndroid& android) { android.algorithm = -257; }) == refused);
  CHECK(with<TestAndroid>([](TestAndroid& android) { android.with_extension = false; }) == refused);
  CHECK(with<TestAndroid>([](TestAndroid& android) { android.challenge = std::string(32, 'x'); }) == refused);
  CHECK(with<TestAndroid>([](TestAndroid& android) { android.challenge = ""; }) == refused);
  CHECK(with<TestAndroid>([](TestAndroid& android) { android.after_description = der::integer(1); }) ==
        refused);
}

TEST_CASE("android-key: no certificate above tells of an attested key, which would have signed this one") {
  const auto below = [](const CertificateContents& contents) {
    return with<TestAndroid>([&](TestAndroid& android) {
      android.issuer_certificate = vendor().certify(SigningKey(Algorithm::es256), contents);
    });
  };
  CertificateContents issuer{.name = "An intermediate", .basic_constraints = "critical,CA:TRUE"};
  CHECK(below(issuer) == "valid");
  issuer.more.push_back({"1.3.6.1.4.1.11129.2.1.17", der::sequence({der::integer(3)})}); // whatever it says
  CHECK(below(issuer) == refused);
}

TEST_CASE("android-key: a signing key of one app, generated where it is kept") {
  const std::string signs = der::field(1, der::set({der::integer(2)}));
  const std::string generated = der::field(702, der::integer(0));
  const std::string all_applications = der::field(600, der::value("\x05", ""));
  const auto answer = [&](const std::string& software, const std::string& hardware,
                          bool with_software = false) {
    TestAndroid android;
    android.software = software;
    android.hardware = hardware;
    auto settings = asking();
    settings.android_software_keys = with_software;
    return answer_to(android.authenticator(vendor()), settings);
  };
  const std::string right = signs + generated;
  CHECK(answer("", right) == "valid");
  CHECK(answer("", der::field(2, der::integer(3)) + right + der::field(705, der::integer(100))) == "valid");
  CHECK(answer("", all_applications + right) == refused);
  CHECK(answer(all_applications, right) == refused);
  CHECK(answer("", generated) == refused);
  CHECK(answer("", signs) == refused);
  CHECK(answer("", signs + der::field(702, der::integer(2))) == refused); // imported
  CHECK(answer("", der::field(1, der::set({der::integer(0), der::integer(2)})) + generated) == refused);
  CHECK(answer("", der::field(1, der::set({der::integer(3)})) + generated) == refused);
  CHECK(answer("", der::field(1, der::set({})) + generated) == refused);
  CHECK(answer("", signs + right) == refused);
  CHECK(answer("", right + generated) == refused);
  CHECK(answer("", right + der::integer(1)) == refused);

  // What Android itself says counts only if the relying party takes it.
  CHECK(answer(right, "") == refused);
  CHECK(answer(signs, generated) == refused);
  CHECK(answer(generated, signs) == refused);
  CHECK(answer(right, "", true) == "valid");
  CHECK(answer(signs, generated, true) == "valid");
  CHECK(answer("", right, true) == "valid");
  CHECK(answer("", "", true) == refused);
  CHECK(answer(der::field(702, der::integer(2)), right, true) == refused);
  CHECK(answer(der::field(702, der::integer(2)), right) == "valid");
  CHECK(answer(der::field(1, der::set({der::integer(0)})), right, true) == refused);
  CHECK(answer(all_applications + right, "", true) == refused);
}

TEST_CASE("apple: the certificate is of the credential's key, and of this registration") {
  CHECK(with<TestApple>([](TestApple&) {}) == "valid");
  CHECK(with<TestApple>([](TestApple& apple) { apple.algorithm = -7; }) == "valid"); // devices of 2020
  CHECK(with<TestApple>([](TestApple& apple) { apple.algorithm = -257; }) == refused);
  CHECK(with<TestApple>([](TestApple& apple) { apple.with_signature = true; }) == refused);
  CHECK(with<TestApple>([](TestApple& apple) { apple.certified_key = SigningKey(Algorithm::es256); }) ==
        refused);
  CHECK(with<TestApple>([](TestApple& apple) { apple.with_extension = false; }) == refused);
  CHECK(with<TestApple>([](TestApple& apple) { apple.nonce = std::string(32, 'x'); }) == refused);
  CHECK(with<TestApple>([](TestApple& apple) { apple.more = {{"1.2.3", "another"}}; }) == "valid");
  CHECK(with<TestApple>([](TestApple& apple) { // an extension twice
          apple.more = {{"1.2.840.113635.100.8.2", "another"}};
        }) == refused);
  CHECK(with<TestApple>([](TestApple& apple) { apple.before_nonce = "\x04\x20"; }) == refused);
  CHECK(with<TestApple>([](TestApple& apple) { apple.after_nonce = std::string(1, '\0'); }) == refused);
}

TEST_CASE("They count as proof of hardware once their vendor is trusted, and for nothing before") {
  const AttestationIssuer stranger("Another Root");
  auto strangers = asking();
  strangers.attestation_trust = mfa::webauthn::trust_anchors(stranger.root_pem());
  const TestTpm tpm;
  const TestAndroid android;
  const TestApple apple;
  for (const SoftwareAuthenticator& authenticator :
       {tpm.authenticator(vendor()), android.authenticator(vendor()), apple.authenticator(vendor())}) {
    CAPTURE(authenticator.format);
    CHECK_FALSE(registration(authenticator, asking()).credential.attestation_trusted);
    CHECK(registration(authenticator, trusting()).credential.attestation_trusted);
    CHECK(answer_to(authenticator, strangers) == refused);
  }
}

TEST_CASE("Where Android's own keys are taken, none of Android's counts as hardware") {
  auto settings = trusting();
  settings.android_software_keys = true;
  const TestAndroid android;
  const auto taken = registration(android.authenticator(vendor()), settings);
  CHECK(to_string(taken.status) == "valid");
  CHECK_FALSE(taken.credential.attestation_trusted);
  const TestTpm tpm;
  CHECK(registration(tpm.authenticator(vendor()), settings).credential.attestation_trusted);
}

TEST_CASE("A wrong statement that nobody asked for is none, which it could have been") {
  TestTpm tpm;
  tpm.magic = 0;
  TestAndroid android;
  android.challenge = "another";
  TestApple apple;
  apple.nonce = "another";
  for (const SoftwareAuthenticator& authenticator :
       {tpm.authenticator(vendor()), android.authenticator(vendor()), apple.authenticator(vendor())}) {
    CAPTURE(authenticator.format);
    CHECK(answer_to(authenticator, usual()) == "valid");
    auto refusing = usual();
    refusing.unverified_formats = mfa::webauthn::UnverifiedFormats::refuse;
    CHECK(answer_to(authenticator, refusing) == refused);
    auto ignoring = trusting();
    ignoring.unverified_formats = mfa::webauthn::UnverifiedFormats::ignore;
    CHECK(answer_to(authenticator, ignoring) == refused); // trust needs a certificate
  }
}

TEST_CASE("android-safetynet is refused where an attestation is wanted: its service ended") {
  SoftwareAuthenticator safetynet;
  safetynet.format = "android-safetynet";
  CHECK(answer_to(safetynet, usual()) == "valid");
  CHECK(answer_to(safetynet) == refused);
  CHECK(answer_to(safetynet, trusting()) == refused);
}
