// Attestations with certificates: what of them is verified (WebAuthn sections 8.2, 8.2.1 and 8.6), and that
// they mean nothing until the relying party says whom it trusts.
#include <string>
#include <vector>

#include <mfa/webauthn/trust_anchors.hpp>

#include "support/attestation_issuer.hpp"
#include "support/catch.hpp"
#include "support/webauthn_host.hpp"

namespace {

using mfa::test::AttestationIssuer;
using mfa::test::CertificateContents;
using mfa::test::SigningKey;
using mfa::test::SoftwareAuthenticator;
using mfa::test::WebAuthnHost;
using mfa::webauthn::Algorithm;
namespace cbor = mfa::test::cbor;

const std::string model = "0123456789abcdef";

/// An authenticator that attests with a certificate of the issuer's for this key.
SoftwareAuthenticator packed(const SigningKey& key, const std::string& certificate) {
  SoftwareAuthenticator authenticator;
  authenticator.aaguid = model;
  authenticator.format = "packed";
  authenticator.statement = [key, certificate](const std::string& data, const std::string& hash) {
    return cbor::map({{cbor::text("alg"), cbor::integer(key.algorithm())},
                      {cbor::text("sig"), cbor::bytes(key.sign(data + hash))},
                      {cbor::text("x5c"), cbor::array({cbor::bytes(certificate)})}});
  };
  return authenticator;
}

SoftwareAuthenticator fido_u2f(const SigningKey& key, const std::string& certificate,
                               Algorithm credential = Algorithm::es256, bool twice = false) {
  SoftwareAuthenticator authenticator(credential);
  authenticator.format = "fido-u2f";
  authenticator.statement = [=, own = authenticator.key, id = authenticator.credential_id](
                                const std::string& data, const std::string& hash) {
    const std::string message = std::string(1, '\0') + data.substr(0, 32) + hash + id + own.octets();
    const std::string one = cbor::bytes(certificate);
    return cbor::map({{cbor::text("sig"), cbor::bytes(key.sign(message, "SHA256"))},
                      {cbor::text("x5c"), twice ? cbor::array({one, one}) : cbor::array({one})}});
  };
  return authenticator;
}

std::string answer_to(const SoftwareAuthenticator& authenticator,
                      mfa::webauthn::RelyingPartySettings settings = mfa::test::example_settings()) {
  WebAuthnHost host(std::move(settings));
  return std::string(to_string(host.register_with(authenticator, host.enroll()).status()));
}

mfa::webauthn::RelyingPartySettings trusting(const std::string& pem) {
  auto settings = mfa::test::example_settings();
  settings.attestation = mfa::webauthn::AttestationConveyance::direct;
  settings.attestation_trust = mfa::webauthn::trust_anchors(pem);
  return settings;
}

} // namespace

TEST_CASE("packed: signed by the certificate's key, with an algorithm of that key") {
  const AttestationIssuer issuer;
  for (const Algorithm algorithm : {Algorithm::es256, Algorithm::es384, Algorithm::eddsa, Algorithm::rs256}) {
    CAPTURE(static_cast<int>(algorithm));
    const SigningKey key(algorithm);
    CHECK(answer_to(packed(key, issuer.certify(key))) == "valid");
    CHECK(answer_to(packed(SigningKey(algorithm), issuer.certify(key))) == "attestation_refused");
  }
  const SigningKey rsa(Algorithm::rs256);
  CHECK(answer_to(packed(SigningKey(Algorithm::es256), issuer.certify(rsa))) == "attestation_refused");
}

TEST_CASE("packed: the certificate meets section 8.2.1") {
  const AttestationIssuer issuer;
  const SigningKey key(Algorithm::es256);
  const auto answer = [&](const CertificateContents& contents) {
    return answer_to(packed(key, issuer.certify(key, contents)));
  };
  CHECK(answer({}) == "valid");
  CHECK(answer({.aaguid = model}) == "valid");
  CHECK(answer({.version = 0}) == "attestation_refused");
  CHECK(answer({.version = 1}) == "attestation_refused");
  CHECK(answer({.version = 0, .basic_constraints = ""}) == "attestation_refused");
  CHECK(answer({.country = ""}) == "attestation_refused");
  CHECK(answer({.country = "us"}) == "attestation_refused");
  CHECK(answer({.organization = ""}) == "attestation_refused");
  CHECK(answer({.unit = ""}) == "attestation_refused");
  CHECK(answer({.unit = "Authenticator Attestations"}) == "attestation_refused");
  CHECK(answer({.name = ""}) == "attestation_refused");
  CHECK(answer({.basic_constraints = ""}) == "attestation_refused");
  CHECK(answer({.basic_constraints = "critical,CA:TRUE"}) == "attestation_refused");
  CHECK(answer({.aaguid = "fedcba9876543210"}) == "attestation_refused");
  CHECK(answer({.aaguid = model, .aaguid_critical = true}) == "attestation_refused");
}

TEST_CASE("fido-u2f: signed by the one P-256 certificate over the id and the point of a P-256 credential") {
  const AttestationIssuer issuer;
  const SigningKey key(Algorithm::es256);
  const std::string certificate = issuer.certify(key);
  CHECK(answer_to(fido_u2f(key, certificate)) == "valid");
  CHECK(answer_to(fido_u2f(SigningKey(Algorithm::es256), certificate)) == "attestation_refused");
  const SigningKey p384(Algorithm::es384);
  CHECK(answer_to(fido_u2f(p384, issuer.certify(p384))) == "attestation_refused");
  CHECK(answer_to(fido_u2f(key, certificate, Algorithm::eddsa)) == "attestation_refused");
  CHECK(answer_to(fido_u2f(key, certificate, Algorithm::es256, true)) == "attestation_refused");
}

TEST_CASE("A certificate proves nothing until it leads to an anchor that the relying party trusts") {
  const AttestationIssuer issuer;
  const AttestationIssuer other("Another Root");
  const SigningKey key(Algorithm::es256);
  const auto authenticator = packed(key, issuer.certify(key));
  const auto amr = [&](mfa::webauthn::RelyingPartySettings settings, const SoftwareAuthenticator& used) {
    WebAuthnHost host(std::move(settings));
    host.clock.set(std::chrono::system_clock::now());
    const std::string id = host.enroll();
    const auto confirmation = host.register_with(used, id);
    return confirmation.confirmed() ? std::string(host.sign_in_with(used, id).amr()[0])
                                    : std::string(to_string(confirmation.status()));
  };
  CHECK(amr(mfa::test::example_settings(), authenticator) == "pop");
  CHECK(amr(trusting(issuer.root_pem()), authenticator) == "hwk");
  CHECK(amr(trusting(other.root_pem() + issuer.root_pem()), authenticator) == "hwk");
  CHECK(amr(trusting(other.root_pem()), authenticator) == "attestation_refused");
  CHECK(amr(trusting(issuer.root_pem()), fido_u2f(key, issuer.certify(key))) == "hwk");
  CHECK(amr(trusting(issuer.root_pem()),
            packed(key, issuer.certify(key, {.first_day = -9, .last_day = -2}))) == "attestation_refused");

  SoftwareAuthenticator none;
  CHECK(amr(trusting(issuer.root_pem()), none) == "attestation_refused");
  SoftwareAuthenticator self;
  self.attest_by_itself();
  CHECK(amr(trusting(issuer.root_pem()), self) == "attestation_refused");

  auto synced = packed(key, issuer.certify(key));
  synced.flags |= SoftwareAuthenticator::backup_eligible;
  CHECK(amr(trusting(issuer.root_pem()), synced) == "pop"); // what can be copied is no hardware
}

TEST_CASE(
    "A device's serial number is told to an enterprise that asks, and refused elsewhere (section 8.2.2)") {
  using mfa::webauthn::AttestationConveyance;
  const AttestationIssuer issuer;
  const SigningKey key(Algorithm::es256);
  constexpr const char* serial_number = "1.3.6.1.4.1.45724.1.1.2";
  const auto told = [&](AttestationConveyance conveyance, mfa::test::CertificateExtension serial) {
    std::string seen = "nothing";
    auto settings = mfa::test::example_settings();
    settings.attestation = conveyance;
    settings.attestation_trust = [&](const mfa::webauthn::Attestation& attestation) {
      seen = attestation.credential_id + ": " + attestation.device_serial;
      return true;
    };
    WebAuthnHost host(std::move(settings));
    host.clock.set(std::chrono::system_clock::now());
    auto authenticator = packed(key, issuer.certify(key, {.more = {std::move(serial)}}));
    authenticator.credential_id = "credential";
    const auto status = host.register_with(authenticator, host.enroll()).status();
    return status == mfa::Status::valid ? seen : std::string(to_string(status));
  };
  CHECK(told(AttestationConveyance::enterprise, {serial_number, "\x04\x03"
                                                                "123"}) == "credential: 123");
  CHECK(told(AttestationConveyance::enterprise, {"1.2.3", "\x04\x03"
                                                          "123"}) == "credential: ");
  for (const auto conveyance :
       {AttestationConveyance::none, AttestationConveyance::indirect, AttestationConveyance::direct})
    CHECK(told(conveyance, {serial_number, "\x04\x03"
                                           "123"}) == "attestation_refused");
  CHECK(told(AttestationConveyance::enterprise, {serial_number,
                                                 "\x04\x03"
                                                 "123",
                                                 true}) == "attestation_refused");
  CHECK(told(AttestationConveyance::enterprise, {serial_number, "123"}) == "attestation_refused");
  CHECK(told(AttestationConveyance::enterprise, {serial_number, "\x04\x02"
                                                                "123"}) == "attestation_refused");
  CHECK(told(AttestationConveyance::enterprise, {serial_number, std::string("\x04\x00", 2)}) ==
        "attestation_refused");
}

TEST_CASE("Models: those that are listed, where a certificate vouches for the model") {
  const AttestationIssuer issuer;
  const SigningKey key(Algorithm::es256);
  auto settings = trusting(issuer.root_pem());
  const auto answer = [&](const SoftwareAuthenticator& authenticator) {
    WebAuthnHost host(settings);
    host.clock.set(std::chrono::system_clock::now());
    return std::string(to_string(host.register_with(authenticator, host.enroll()).status()));
  };
  const std::string certificate = issuer.certify(key);
  settings.models = {"fb69481e-8ff7-4039-93ec-0a2729a154a8",
                     "30313233-3435-3637-3839-616263646566"}; // the second
  CHECK(answer(packed(key, certificate)) == "valid");
  auto u2f = fido_u2f(key, certificate);
  u2f.aaguid = model;
  CHECK(answer(u2f) == "attestation_refused"); // signs no model
  settings.models = {"fb69481e-8ff7-4039-93ec-0a2729a154a8"};
  CHECK(answer(packed(key, certificate)) == "attestation_refused");
  CHECK(mfa::webauthn::relying_party(settings)->security_settings().ends_with(
      "attestation is checked, models fb69481e-8ff7-4039-93ec-0a2729a154a8"));

  settings.attestation_trust = [](const auto&) { return true; };
  SoftwareAuthenticator none;
  none.aaguid = model;
  settings.models = {"30313233-3435-3637-3839-616263646566"};
  CHECK(answer(none) == "attestation_refused"); // nobody vouches for it
  auto self = none;
  self.attest_by_itself();
  CHECK(answer(self) == "attestation_refused");

  const auto refused = [&] {
    return mfa::test::thrown_by([&] { return mfa::webauthn::relying_party(settings) == nullptr; }) ==
           mfa::errc::invalid_argument;
  };
  for (const std::string& wrong : {std::string(), std::string("303132333435363738396162636465661111"),
                                   std::string("30313233-3435-3637-3839-61626364656"),
                                   std::string("30313233-3435-3637-3839-61626364656g"),
                                   std::string("30313233-3435-3637-3839 616263646566")}) {
    CAPTURE(wrong);
    settings.models = {wrong};
    CHECK(refused());
  }
  settings.models = {"30313233-3435-3637-3839-616263646566"};
  CHECK_FALSE(refused());
  settings.attestation_trust = {};
  CHECK(refused());
}

TEST_CASE("Trust anchors are certificates in PEM, all of them whole") {
  using mfa::webauthn::trust_anchors;
  const std::string pem = AttestationIssuer().root_pem();
  CHECK(trust_anchors(pem + pem));
  for (const std::string& broken : {std::string(), std::string("no certificate"),
                                    pem.substr(0, pem.size() / 2), pem + pem.substr(0, pem.size() / 2)}) {
    CHECK(mfa::test::thrown_by([&] { return trust_anchors(broken) == nullptr; }) ==
          mfa::errc::invalid_argument);
  }
}
