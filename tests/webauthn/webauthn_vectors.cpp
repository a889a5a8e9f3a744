#include <algorithm>
#include <chrono>
#include <cstddef>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/encoding/base64.hpp>
#include <mfa/mfa.hpp>
#include <mfa/webauthn/relying_party.hpp>
#include <mfa/webauthn/trust_anchors.hpp>

#include "support/catch.hpp"
#include "support/webauthn.hpp"

namespace {

using mfa::Status;
using namespace mfa::webauthn;
using mfa::test::Vector;

const mfa::test::Vectors& published() {
  static const auto all = mfa::test::read_vectors(MFA_SOURCE_DIRECTORY "/tests/webauthn");
  return all;
}

std::string root_pem() {
  return "-----BEGIN CERTIFICATE-----\n" + mfa::detail::base64(published().root_certificate) +
         "\n-----END CERTIFICATE-----\n";
}

RelyingPartySettings settings() {
  return {.id = published().rp_id,
          .name = "Test vectors",
          .origins = {published().origin},
          .allow_cross_origin = true,
          .top_origins = {"https://example.com"},
          .algorithms = {Algorithm::es256, Algorithm::eddsa, Algorithm::es384, Algorithm::es512,
                         Algorithm::rs256}};
}

Expectation expecting(const std::string& challenge) {
  return {.is_challenge = [challenge](std::string_view bytes) { return bytes == challenge; },
          .user_handle = {},
          .now = mfa::Time(std::chrono::hours(24 * 365 * 56))};
}

/// The statement of the format "android-key" says neither where its key was made nor what for
/// (w3c/webauthn#2379), which section 8.4 wants.
bool right(const Vector& vector) { return vector.format != "android-key"; }

/// The whole ceremony: a registration, then a sign-in with what it left.
Status run(const RelyingParty& party, const Vector& vector) {
  const auto registered =
      party.verify_registration(vector.registration.json(), expecting(vector.registration_challenge));
  if (registered.status != Status::valid) return registered.status;
  return party
      .verify_assertion(vector.assertion.json(), expecting(vector.assertion_challenge), registered.credential)
      .status;
}

/// Where the attestation object tells the model of authenticator; and before it the count of signatures, of a
/// passkey that is synchronised, whose count is told and not held against it.
std::vector<std::size_t> model_of(const Vector& vector) {
  constexpr char backup_eligible = 0x08;
  const std::string& object = vector.registration.attestation_object;
  const std::size_t flags = object.find(vector.assertion.authenticator_data.substr(0, 32)) + 32;
  const bool synced = vector.format == "none" && (object.at(flags) & backup_eligible) != 0;
  std::vector<std::size_t> bytes(synced ? 4 + 16 : 16);
  std::iota(bytes.begin(), bytes.end(), flags + 1 + (synced ? 0 : 4));
  return bytes;
}

/// Which of the bytes can be changed, one at a time, without the ceremony being refused.
std::vector<std::size_t> undetected(const RelyingParty& party, const Vector& vector, auto part) {
  std::vector<std::size_t> found;
  Vector changed = vector;
  std::string& bytes = part(changed);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char right = bytes[i];
    bytes[i] = static_cast<char>(right ^ 0x01);
    if (run(party, changed) == Status::valid) found.push_back(i);
    bytes[i] = right;
  }
  return found;
}

} // namespace

TEST_CASE("every ceremony is accepted whose attestation is right") {
  const auto party = relying_party(settings());
  std::size_t accepted = 0;
  for (const Vector& vector : published().vectors) {
    if (!right(vector)) continue;
    INFO(vector.section << ' ' << vector.title);
    const auto registered =
        party->verify_registration(vector.registration.json(), expecting(vector.registration_challenge));
    CHECK(to_string(registered.status) == "valid");
    CHECK(registered.credential.id == vector.registration.credential_id);
    CHECK(registered.credential.public_key == vector.public_key);
    const auto asserted = party->verify_assertion(
        vector.assertion.json(), expecting(vector.assertion_challenge), registered.credential);
    CHECK(to_string(asserted.status) == "valid");
    ++accepted;
  }
  CHECK(accepted == 13);
}

TEST_CASE("the one attestation that is not right is refused, or taken as none by option") {
  auto strict_settings = settings();
  strict_settings.unverified_formats = UnverifiedFormats::refuse;
  const auto strict = relying_party(strict_settings);
  auto lenient_settings = settings();
  lenient_settings.unverified_formats = UnverifiedFormats::ignore;
  const auto lenient = relying_party(lenient_settings);
  std::vector<std::string> formats;
  for (const Vector& vector : published().vectors) {
    if (right(vector)) continue;
    INFO(vector.section << ' ' << vector.title);
    formats.push_back(vector.format);
    CHECK(to_string(run(*strict, vector)) == "attestation_refused");
    CHECK(to_string(run(*lenient, vector)) == "valid");
  }
  CHECK(formats == std::vector<std::string>{"android-key"});
}

TEST_CASE("attestation certificates lead to the root that the relying party trusts, or are refused") {
  auto trusting = settings();
  trusting.attestation_trust = trust_anchors(root_pem());
  const auto party = relying_party(trusting);
  for (const Vector& vector : published().vectors) {
    INFO(vector.section << ' ' << vector.title);
    const auto registered =
        party->verify_registration(vector.registration.json(), expecting(vector.registration_challenge));
    const bool certified = right(vector) && vector.format != "none" && vector.section != "16.3";
    CHECK(to_string(registered.status) == (certified ? "valid" : "attestation_refused"));
    CHECK(registered.credential.attestation_trusted == certified);
  }
}

TEST_CASE("frames of another origin are the relying party's choice") {
  auto no_frames = settings();
  no_frames.allow_cross_origin = false;
  no_frames.top_origins = {};
  auto frames = no_frames;
  frames.allow_cross_origin = true;
  const auto closed = relying_party(no_frames);
  const auto unnamed_tops = relying_party(frames);
  const auto named_tops = relying_party(settings());
  std::size_t framed = 0;
  for (const Vector& vector : published().vectors) {
    if (!vector.cross_origin) continue;
    INFO(vector.section << ' ' << vector.title);
    ++framed;
    CHECK(to_string(run(*closed, vector)) == "wrong_origin");
    CHECK(to_string(run(*unnamed_tops, vector)) == (vector.top_origin.empty() ? "valid" : "wrong_origin"));
    CHECK(to_string(run(*named_tops, vector)) == "valid");
  }
  CHECK(framed == 2);
}

TEST_CASE("a change of any one byte is refused where anything signs or checks it") {
  auto trusting = settings();
  trusting.attestation_trust = [anchored = trust_anchors(root_pem())](const Attestation& attestation) {
    return attestation.type != AttestationType::certified || anchored(attestation);
  };
  const auto party = relying_party(trusting);
  for (const Vector& vector : published().vectors) {
    if (!right(vector)) continue;
    INFO(vector.section << ' ' << vector.title);

    // The sign-in is signed as a whole.
    CHECK(undetected(
              *party, vector, [](Vector & v) -> auto& { return v.assertion.client_data; })
              .empty());
    CHECK(undetected(
              *party, vector, [](Vector & v) -> auto& { return v.assertion.authenticator_data; })
              .empty());
    CHECK(undetected(
              *party, vector, [](Vector & v) -> auto& { return v.assertion.signature; })
              .empty());
    CHECK(undetected(
              *party, vector, [](Vector & v) -> auto& { return v.assertion.credential_id; })
              .empty());

    // So is a registration with an attestation, but for "fido-u2f".
    const auto client = undetected(
        *party, vector, [](Vector & v) -> auto& { return v.registration.client_data; });
    const auto object = undetected(
        *party, vector, [](Vector & v) -> auto& { return v.registration.attestation_object; });
    CHECK(undetected(
              *party, vector, [](Vector & v) -> auto& { return v.registration.credential_id; })
              .empty());
    if (vector.format != "none" && vector.format != "fido-u2f") {
      CHECK(client.empty());
      CHECK(object.empty());
      continue;
    }

    // "fido-u2f" does not sign the model, and "none" nothing at all: what these say of the model is not
    // trusted.
    CHECK(object == model_of(vector));
    // Nor does "none" sign what the client says beyond type, challenge and origin.
    if (vector.format == "fido-u2f") CHECK(client.empty());
    const std::size_t checked_up_to = vector.registration.client_data.find(published().origin);
    CHECK(std::ranges::all_of(client, [&](std::size_t at) { return at > checked_up_to; }));
  }
}
