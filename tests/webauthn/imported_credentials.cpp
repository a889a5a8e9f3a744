// Security keys and passkeys that users registered with another system sign in here, each as one factor
// alone, and so that what a user registers later is of the same account to his devices.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/encoding/base64.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/import.hpp>

#include "support/catch.hpp"
#include "support/failing_commits.hpp"
#include "support/webauthn_host.hpp"

using mfa::ImportCredential;
using mfa::ImportOutcome;
using mfa::ImportResult;
using mfa::TextEncoding;
using mfa::test::contains;
using mfa::test::SoftwareAuthenticator;
using mfa::test::WebAuthnHost;

namespace {

/// What another system keeps of what this authenticator registered there.
ImportCredential kept_of(const SoftwareAuthenticator& authenticator, std::string user_id = "u_42") {
  return {.user_id = std::move(user_id),
          .user = "alan@example.org",
          .credential_id = mfa::detail::base64url(authenticator.credential_id),
          .public_key = mfa::detail::base64url(authenticator.key.cose()),
          .user_handle = mfa::detail::base64url("the handle of before"),
          .transports = {"usb", "nfc"}};
}

std::vector<ImportResult> import(const auto& verifier, const std::vector<ImportCredential>& lines,
                                 mfa::ImportOptions options = {.verified = true}) {
  std::vector<ImportResult> results;
  options.report = [&](const ImportResult& result) {
    results.push_back(result);
    return true;
  };
  (void)mfa::import_factors(verifier, lines, options);
  return results;
}

/// Why one credential is refused; empty if it is not.
std::string refusal_of(const ImportCredential& line, const mfa::ImportOptions& options = {.verified = true}) {
  WebAuthnHost host;
  const auto results = import(host.verifier, {line}, options);
  REQUIRE(results.size() == 1);
  CHECK((results[0].outcome == ImportOutcome::refused) == !results[0].reason.empty());
  CHECK(host.verifier.list_factors("u_42").size() == (results[0].reason.empty() ? 1 : 0));
  return results[0].reason;
}

} // namespace

TEST_CASE("An imported credential signs in, with its counter and its handle of before") {
  WebAuthnHost host;
  SoftwareAuthenticator authenticator;
  authenticator.sign_count = 8;
  authenticator.user_handle = "the handle of before";
  ImportCredential line = kept_of(authenticator);
  line.sign_count = 7;
  line.aaguid = "00112233-4455-6677-8899-aabbccddeeff";
  line.friendly_name = "My key";
  const auto results = import(host.verifier, {line});
  REQUIRE(results.size() == 1);
  CHECK(results[0].outcome == ImportOutcome::imported);
  const auto factor = host.verifier.list_factors("u_42").at(0);
  CHECK(factor.verified());
  CHECK(factor.id() == results[0].factor_id);
  CHECK(factor.friendly_name() == "My key");
  CHECK(factor.webauthn()->aaguid == "00112233445566778899aabbccddeeff");
  CHECK(factor.webauthn()->transports == std::vector<std::string>{"usb", "nfc"});
  CHECK(factor.webauthn()->user_handle == mfa::detail::base64url("the handle of before"));

  authenticator.sign_count = 7;
  CHECK(host.sign_in_with(authenticator, factor.id()).status() == mfa::Status::cloned_authenticator);
  authenticator.sign_count = 8;
  CHECK(host.sign_in_with(authenticator, factor.id()).valid());
  authenticator.sign_count = 7;
  CHECK(host.sign_in_with(authenticator, factor.id()).status() == mfa::Status::cloned_authenticator);
  authenticator.sign_count = 9;
  authenticator.user_handle = "another handle";
  CHECK(host.sign_in_with(authenticator, factor.id()).status() == mfa::Status::wrong_credential);
}

TEST_CASE("An imported passkey says by itself whose it is") {
  WebAuthnHost host;
  SoftwareAuthenticator authenticator;
  authenticator.user_handle = "the handle of before";
  authenticator.flags |= SoftwareAuthenticator::user_verified;
  ImportCredential line = kept_of(authenticator);
  line.user_verified = true;
  REQUIRE(import(host.verifier, {line}).at(0).reason.empty());
  const auto challenge = host.verifier.challenge_passkey();
  const auto verification = challenge.verify(authenticator.get(challenge.webauthn_options()).json());
  CHECK(verification.valid());
  CHECK(verification.user_id() == "u_42");
  const auto to_user = host.verifier.challenge_user("u_42");
  CHECK(to_user.verify(authenticator.get(to_user.webauthn_options()).json()).valid());
}

TEST_CASE("What a PIN shows counts once it is known whose it is") {
  for (const bool user_verified : {false, true}) {
    CAPTURE(user_verified);
    WebAuthnHost host;
    SoftwareAuthenticator authenticator;
    authenticator.flags |= SoftwareAuthenticator::user_verified;
    ImportCredential line = kept_of(authenticator);
    line.user_verified = user_verified;
    REQUIRE(import(host.verifier, {line}).at(0).outcome == ImportOutcome::imported);
    const auto factor = host.verifier.list_factors("u_42").at(0);
    const auto verification = host.sign_in_with(authenticator, factor.id());
    REQUIRE(verification.valid());
    CHECK(verification.assurance()->factors == (user_verified ? 2U : 1U));
  }
}

TEST_CASE("A credential is read in each encoding, and keys of each algorithm") {
  using mfa::webauthn::Algorithm;
  for (const Algorithm algorithm : {Algorithm::es256, Algorithm::es384, Algorithm::eddsa, Algorithm::rs256}) {
    SoftwareAuthenticator authenticator(algorithm);
    for (const TextEncoding encoding : {TextEncoding::bytes, TextEncoding::hex, TextEncoding::base64}) {
      const auto encoded = [encoding](const std::string& bytes) {
        return encoding == TextEncoding::bytes ? bytes
               : encoding == TextEncoding::hex ? mfa::detail::hexadecimal(mfa::crypto::bytes_of(bytes))
                                               : mfa::detail::base64(bytes);
      };
      ImportCredential line = kept_of(authenticator);
      line.encoding = encoding;
      line.credential_id = encoded(authenticator.credential_id);
      line.public_key = encoded(authenticator.key.cose());
      line.user_handle = encoded("the handle of before");
      WebAuthnHost host;
      REQUIRE(import(host.verifier, {line}).at(0).reason.empty());
      CHECK(host.sign_in_with(authenticator, host.verifier.list_factors("u_42").at(0).id()).valid());
    }
  }
}

TEST_CASE("A key of U2F signs in for its AppID") {
  auto settings = mfa::test::example_settings();
  settings.u2f_app_id = "https://example.org/app-id.json";
  WebAuthnHost host(settings);
  SoftwareAuthenticator authenticator;
  authenticator.rp_id = settings.u2f_app_id;
  const auto cose = authenticator.key.cose();
  const auto key = mfa::webauthn::CoseKey::parse(mfa::crypto::bytes_of(cose));
  REQUIRE(key);
  const auto point = key->u2f_point();
  REQUIRE(point);
  ImportCredential line = kept_of(authenticator);
  line.u2f = true;
  line.user_handle = "";
  line.public_key = mfa::detail::base64url(mfa::crypto::text_of(*point));
  REQUIRE(import(host.verifier, {line}).at(0).reason.empty());
  const auto factor = host.verifier.list_factors("u_42").at(0);
  CHECK(host.sign_in_with(authenticator, factor.id()).valid());
  // One that is no key of U2F answers for no AppID.
  WebAuthnHost other(settings);
  line.u2f = false;
  REQUIRE(import(other.verifier, {line}).at(0).reason.empty());
  CHECK(other.sign_in_with(authenticator, other.verifier.list_factors("u_42").at(0).id()).status() ==
        mfa::Status::wrong_relying_party);
}

TEST_CASE("No credential is two factors, whoever brings it") {
  WebAuthnHost host;
  SoftwareAuthenticator authenticator;
  const ImportCredential line = kept_of(authenticator);
  const ImportCredential stolen = kept_of(authenticator, "u_43");
  // In one run, in a dry one, and in one after it.
  for (const bool dry_run : {true, false, false}) {
    const auto results = import(host.verifier, {line, line, stolen}, {.dry_run = dry_run, .verified = true});
    REQUIRE(results.size() == 3);
    const bool first = dry_run || host.verifier.list_factors("u_42").at(0).id() == results[0].factor_id;
    CHECK(results[0].outcome == (first ? ImportOutcome::imported : ImportOutcome::already_there));
    CHECK(results[1].outcome == ImportOutcome::already_there);
    CHECK(results[2].outcome == ImportOutcome::refused);
    CHECK_THAT(results[2].reason, contains("another user's"));
    CHECK(host.verifier.list_factors("u_42").size() == (dry_run ? 0 : 1));
    CHECK(host.verifier.list_factors("u_43").empty());
  }
  // Nor one that is registered here before or after.
  CHECK(
      host.register_with(authenticator, host.enroll({.user = "b@example.org", .user_id = "u_44"})).status() ==
      mfa::Status::already_registered);
  SoftwareAuthenticator registered;
  registered.credential_id = "registered here";
  (void)host.registered(registered, {.user = "c@example.org", .user_id = "u_45"});
  CHECK(import(host.verifier, {kept_of(registered)}).at(0).outcome == ImportOutcome::refused);
  CHECK(import(host.verifier, {kept_of(registered, "u_45")}).at(0).outcome == ImportOutcome::already_there);
  // It is free when its factor goes.
  (void)host.verifier.delete_factor(host.verifier.list_factors("u_42").at(0).id(), "u_42", mfa::by_operator);
  CHECK(import(host.verifier, {stolen}).at(0).outcome == ImportOutcome::imported);
}

TEST_CASE("One that is registered while an import commits is left out, and the others are taken") {
  struct Overtaken : mfa::storage::Memory {
    std::string claim;
    bool commit(const mfa::storage::Batch& batch) {
      if (!claim.empty() && batch.factors.size() > 1) {
        mfa::storage::Batch other;
        other.counters.push_back(
            {.id = std::exchange(claim, ""), .data = "x", .purge_at = mfa::storage::never});
        REQUIRE(mfa::storage::Memory::commit(other));
      }
      return mfa::storage::Memory::commit(batch);
    }
  };
  Overtaken storage;
  mfa::Options options;
  options.webauthn = mfa::webauthn::relying_party(mfa::test::example_settings());
  mfa::Verifier verifier{storage, mfa::clock::System{}, options};
  std::vector<ImportCredential> lines;
  for (int i = 0; i < 5; ++i) {
    SoftwareAuthenticator authenticator;
    authenticator.credential_id += std::to_string(i);
    lines.push_back(kept_of(authenticator, "u_" + std::to_string(i)));
  }
  SoftwareAuthenticator third;
  third.credential_id += "2";
  storage.claim = "webauthn_credential_" + mfa::detail::hexadecimal(mfa::crypto::sha256(third.credential_id));
  const auto results = import(verifier, lines);
  REQUIRE(results.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(results[i].outcome == (i == 2 ? ImportOutcome::refused : ImportOutcome::imported));
    CHECK(results[i].factor_id.empty() == (i == 2));
    CHECK(verifier.list_factors("u_" + std::to_string(i)).size() == (i == 2 ? 0 : 1));
  }
}

TEST_CASE("A user keeps one handle: that which was told, for what he registers later too") {
  WebAuthnHost host;
  SoftwareAuthenticator one;
  SoftwareAuthenticator two;
  two.credential_id = "another credential";
  ImportCredential without = kept_of(two);
  without.user_handle = "";
  REQUIRE(import(host.verifier, {kept_of(one), without}).size() == 2);
  const auto handle = mfa::detail::base64url("the handle of before");
  for (const auto& factor : host.verifier.list_factors("u_42"))
    CHECK(factor.webauthn()->user_handle == handle);
  const auto enrolled = host.verifier.enroll_factor(
      mfa::WebAuthn{.user = "alan@example.org", .user_id = "u_42"}, mfa::by_operator);
  CHECK(nlohmann::json::parse(enrolled.webauthn.creation_options).at("user").at("id") == handle);
  // It stays when all are gone.
  for (const auto& factor : host.verifier.list_factors("u_42"))
    (void)host.verifier.delete_factor(factor.id(), "u_42", mfa::by_operator);
  const auto again =
      host.verifier.enroll_factor(mfa::WebAuthn{.user = "alan@example.org", .user_id = "u_42"});
  CHECK(nlohmann::json::parse(again.webauthn.creation_options).at("user").at("id") == handle);
  // Also of a user who has registered nothing here meanwhile.
  REQUIRE(import(host.verifier, {kept_of(one, "u_47")}).at(0).reason.empty());
  (void)host.verifier.delete_factor(host.verifier.list_factors("u_47").at(0).id(), "u_47", mfa::by_operator);
  const auto first = host.verifier.enroll_factor(mfa::WebAuthn{.user = "b@example.org", .user_id = "u_47"});
  CHECK(nlohmann::json::parse(first.webauthn.creation_options).at("user").at("id") == handle);
  // And where none was ever told, one is drawn.
  SoftwareAuthenticator three;
  three.credential_id = "a third credential";
  ImportCredential drawn = kept_of(three, "u_46");
  drawn.user_handle = "";
  REQUIRE(import(host.verifier, {drawn}).at(0).reason.empty());
  CHECK(host.verifier.list_factors("u_46").at(0).webauthn()->user_handle.size() == 43);
}

TEST_CASE("A handle that a user has stays, though what is imported later brings none or another") {
  WebAuthnHost host;
  SoftwareAuthenticator authenticator;
  const auto handle = mfa::detail::base64url("the handle of before");
  REQUIRE(import(host.verifier, {kept_of(authenticator)}).at(0).reason.empty());
  (void)host.verifier.delete_factor(host.verifier.list_factors("u_42").at(0).id(), "u_42", mfa::by_operator);
  authenticator.credential_id = "one without";
  ImportCredential without = kept_of(authenticator);
  without.user_handle = "";
  REQUIRE(import(host.verifier, {without}).at(0).reason.empty());
  CHECK(host.verifier.list_factors("u_42").at(0).webauthn()->user_handle == handle);
  authenticator.credential_id = "one with another";
  ImportCredential other = kept_of(authenticator);
  other.user_handle = mfa::detail::base64url("the handle at a third system");
  REQUIRE(import(host.verifier, {other}).at(0).reason.empty());
  const auto enrolled = host.verifier.enroll_factor(
      mfa::WebAuthn{.user = "alan@example.org", .user_id = "u_42"}, mfa::by_operator);
  CHECK(nlohmann::json::parse(enrolled.webauthn.creation_options).at("user").at("id") == handle);
}

TEST_CASE("What is no credential is refused with its reason") {
  SoftwareAuthenticator authenticator;
  const ImportCredential good = kept_of(authenticator);
  CHECK(refusal_of(good).empty());
  const auto with = [&](auto change) {
    ImportCredential line = good;
    change(line);
    return refusal_of(line);
  };
  std::string off_the_curve(65, '\1');
  off_the_curve[0] = 4;
  using Line = ImportCredential;
  CHECK_THAT(refusal_of(good, {.verified = false}), contains("ImportOptions::verified"));
  CHECK_THAT(with([](Line& line) { line.user_id = ""; }), contains("user_id"));
  CHECK_THAT(with([](Line& line) { line.user_id = "u\n"; }), contains("user_id"));
  CHECK_THAT(with([](Line& line) { line.user = ""; }), contains("user"));
  CHECK_THAT(with([](Line& line) { line.credential_id = ""; }), contains("1023"));
  CHECK_THAT(with([](Line& line) { line.credential_id = std::string(1368, 'A'); }), contains("1023"));
  CHECK_THAT(with([](Line& line) { line.credential_id = "no base64!"; }), contains("base64"));
  CHECK_THAT(with([](Line& line) { line.public_key = std::string(5000, 'A'); }), contains("4096"));
  CHECK_THAT(with([](Line& line) { line.public_key = "AAAA"; }), contains("COSE"));
  CHECK_THAT(with([&](Line& line) { line.public_key = mfa::detail::base64(off_the_curve); }),
             contains("COSE"));
  CHECK_THAT(with([](Line& line) { line.user_handle = std::string(88, 'A'); }), contains("64 bytes"));
  CHECK_THAT(with([](Line& line) { line.encoding = TextEncoding::base32; }), contains("base32"));
  CHECK_THAT(with([](Line& line) { line.aaguid = "0011"; }), contains("16 bytes"));
  CHECK_THAT(with([](Line& line) { line.aaguid = "zz"; }), contains("aaguid"));
  CHECK_THAT(with([](Line& line) { line.backed_up = true; }), contains("backup_eligible"));
  CHECK_THAT(with([](Line& line) { line.u2f = line.user_verified = true; }), contains("U2F"));
  CHECK_THAT(with([](Line& line) { line.u2f = line.backup_eligible = true; }), contains("U2F"));
  CHECK_THAT(with([](Line& line) { line.transports = std::vector<std::string>(17, "usb"); }),
             contains("transports"));
  CHECK_THAT(with([](Line& line) { line.transports = {"u\nsb"}; }), contains("transports"));
  CHECK(refusal_of(
            [&] {
              ImportCredential line = good;
              line.user = "";
              return line;
            }(),
            {.verified = true, .user_id_as_user = true})
            .empty());
  mfa::test::Host host; // is no relying party
  CHECK(mfa::test::thrown_by([&] { return import(host.verifier, {good}).size(); }) ==
        mfa::errc::no_relying_party);
}
