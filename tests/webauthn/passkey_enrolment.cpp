// Enrolling passkeys as products do: what the browser is asked for beside a credential, what it and the
// authenticator say of that, and what is shown in the user's list.
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/catch.hpp"
#include "support/webauthn_host.hpp"

namespace {

using mfa::errc;
using mfa::test::SoftwareAuthenticator;
using mfa::test::thrown_by;
using mfa::test::WebAuthnHost;
using mfa::webauthn::Attachment;
using mfa::webauthn::CredentialProtection;
using mfa::webauthn::DeviceBound;
using mfa::webauthn::Hint;
using mfa::webauthn::LargeBlobSupport;
using mfa::webauthn::Outputs;
using Json = nlohmann::json;
namespace cbor = mfa::test::cbor;

const std::string salt(32, 's');
const std::string next_salt(32, 'n');

std::string encoded(std::string_view bytes) { return mfa::detail::base64url(bytes); }

mfa::WebAuthn request(const std::function<void(mfa::WebAuthn&)>& change) {
  mfa::WebAuthn request{.user = "alan@example.org", .user_id = "u_42"};
  change(request);
  return request;
}

/// A member of the creation options, by its JSON pointer; null if it is not there.
Json created(const mfa::WebAuthn& request, const char* pointer) {
  WebAuthnHost host;
  const auto enrolled = host.verifier.enroll_factor(request);
  const auto options = Json::parse(enrolled.webauthn.creation_options);
  const auto again = enrolled.factor.challenge_enrollment({}, mfa::by_operator);
  CHECK(Json::parse(again.webauthn_options()) == options);
  const Json::json_pointer place(pointer);
  return options.contains(place) ? options.at(place) : Json();
}

/// The same of the options of a sign-in.
Json asked(const mfa::ChallengeOptions& request, const char* pointer) {
  WebAuthnHost host;
  const SoftwareAuthenticator authenticator;
  const auto options =
      Json::parse(host.verifier.challenge_factor(host.registered(authenticator), mfa::any_user, request)
                      .webauthn_options());
  const Json::json_pointer place(pointer);
  return options.contains(place) ? options.at(place) : Json();
}

/// Bytes, in the shape of what is compared: "none" if there are none.
std::string shown(const std::optional<std::string>& text) { return text.value_or("none"); }
std::string shown(const std::optional<bool>& truth) { return !truth ? "none" : *truth ? "yes" : "no"; }
std::string shown(const mfa::crypto::SecretString& secret) { return secret.empty() ? "none" : secret.str(); }

/// All that was said.
std::string shown(const Outputs& outputs) {
  std::string all;
  const auto add = [&](const char* name, const std::string& value) {
    if (value != "none") all.append(all.empty() ? "" : ", ").append(name).append(" ").append(value);
  };
  add("attachment", !outputs.attachment                           ? "none"
                    : *outputs.attachment == Attachment::platform ? "platform"
                                                                  : "cross-platform");
  add("rk", shown(outputs.resident_key));
  add("credProtect", !outputs.credential_protection
                         ? "none"
                         : std::to_string(static_cast<int>(*outputs.credential_protection)));
  add("minPinLength", !outputs.min_pin_length ? "none" : std::to_string(*outputs.min_pin_length));
  add("largeBlob", shown(outputs.large_blob_supported));
  add("blob", shown(outputs.large_blob));
  add("written", shown(outputs.large_blob_written));
  add("prf", shown(outputs.prf_enabled));
  add("first", shown(outputs.prf.first));
  add("second", shown(outputs.prf.second));
  return all;
}

/// What is said of a registration, and of a sign-in, with these extension results.
std::string said(const Json& results, bool signing_in, const std::string& signed_extensions = "",
                 const Json& attachment = nullptr) {
  WebAuthnHost host;
  SoftwareAuthenticator authenticator;
  const auto with_results = [&](const std::string& json) {
    Json answer = Json::parse(json);
    answer["clientExtensionResults"] = results;
    answer["authenticatorAttachment"] = attachment;
    return answer.dump();
  };
  if (signing_in) {
    const auto challenge = host.verifier.challenge_factor(host.registered(authenticator), mfa::any_user);
    authenticator.extensions = signed_extensions;
    const auto verification =
        challenge.verify(with_results(authenticator.get(challenge.webauthn_options()).json()));
    REQUIRE(to_string(verification.status()) == "valid");
    REQUIRE(verification.webauthn_outputs() != nullptr);
    return shown(*verification.webauthn_outputs());
  }
  authenticator.extensions = signed_extensions;
  const auto challenge =
      host.verifier.challenge_enrollment(host.enroll(), mfa::any_user, {}, mfa::by_operator);
  const auto confirmation =
      challenge.confirm(with_results(authenticator.create(challenge.webauthn_options()).json()));
  REQUIRE(to_string(confirmation.status()) == "valid");
  REQUIRE(confirmation.webauthn_outputs() != nullptr);
  return shown(*confirmation.webauthn_outputs());
}

} // namespace

TEST_CASE("What is asked for at an enrolment stands in the creation options, as often as they are given") {
  struct Row {
    std::string name;
    std::function<void(mfa::WebAuthn&)> change;
    const char* pointer;
    Json expected;
  };
  const std::vector<Row> rows{
      {"nothing", [](auto&) {}, "/extensions", nullptr},
      {"no hints", [](auto&) {}, "/hints", nullptr},
      {"a passkey",
       [](auto& r) {
         r.resident_key = mfa::webauthn::ResidentKey::required;
         r.user_verification = mfa::webauthn::UserVerification::required;
       },
       "/authenticatorSelection",
       {{"residentKey", "required"}, {"requireResidentKey", true}, {"userVerification", "required"}}},
      {"a passkey if it can be",
       [](auto& r) { r.resident_key = mfa::webauthn::ResidentKey::preferred; },
       "/authenticatorSelection",
       {{"residentKey", "preferred"}, {"requireResidentKey", false}, {"userVerification", "preferred"}}},
      {"hints",
       [](auto& r) {
         r.hints = {Hint::hybrid, Hint::client_device};
       },
       "/hints",
       {"hybrid", "client-device"}},
      {"of two kinds for browsers without hints",
       [](auto& r) {
         r.hints = {Hint::hybrid, Hint::client_device};
       },
       "/authenticatorSelection/authenticatorAttachment", nullptr},
      {"a key", [](auto& r) { r.hints = {Hint::security_key}; },
       "/authenticatorSelection/authenticatorAttachment", "cross-platform"},
      {"a key or a phone",
       [](auto& r) {
         r.hints = {Hint::hybrid, Hint::security_key};
       },
       "/authenticatorSelection/authenticatorAttachment", "cross-platform"},
      {"the device", [](auto& r) { r.hints = {Hint::client_device}; },
       "/authenticatorSelection/authenticatorAttachment", "platform"},
      {"the device, but another attachment",
       [](auto& r) {
         r.hints = {Hint::client_device};
         r.attachment = Attachment::cross_platform;
       },
       "/authenticatorSelection/authenticatorAttachment", "cross-platform"},
      {"credProps",
       [](auto& r) { r.extensions.credential_properties = true; },
       "/extensions",
       {{"credProps", true}}},
      {"credProtect",
       [](auto& r) { r.extensions.credential_protection = CredentialProtection::user_verification_optional; },
       "/extensions",
       {{"credentialProtectionPolicy", "userVerificationOptional"},
        {"enforceCredentialProtectionPolicy", false}}},
      {"credProtect of the second kind",
       [](auto& r) {
         r.extensions.credential_protection =
             CredentialProtection::user_verification_optional_with_credential_id_list;
       },
       "/extensions/credentialProtectionPolicy", "userVerificationOptionalWithCredentialIDList"},
      {"credProtect, enforced",
       [](auto& r) {
         r.extensions.credential_protection = CredentialProtection::user_verification_required;
         r.extensions.enforce_credential_protection = true;
       },
       "/extensions",
       {{"credentialProtectionPolicy", "userVerificationRequired"},
        {"enforceCredentialProtectionPolicy", true}}},
      {"minPinLength",
       [](auto& r) { r.extensions.min_pin_length = true; },
       "/extensions",
       {{"minPinLength", true}}},
      {"largeBlob",
       [](auto& r) { r.extensions.large_blob = LargeBlobSupport::preferred; },
       "/extensions",
       {{"largeBlob", {{"support", "preferred"}}}}},
      {"largeBlob or nothing",
       [](auto& r) { r.extensions.large_blob = LargeBlobSupport::required; },
       "/extensions",
       {{"largeBlob", {{"support", "required"}}}}},
      {"prf", [](auto& r) { r.extensions.prf = true; }, "/extensions", {{"prf", Json::object()}}},
      {"prf of an input",
       [](auto& r) {
         r.extensions.prf = true;
         r.extensions.prf_inputs = {.first = salt};
       },
       "/extensions",
       {{"prf", {{"eval", {{"first", encoded(salt)}}}}}}},
      {"prf of two",
       [](auto& r) {
         r.extensions.prf = true;
         r.extensions.prf_inputs = {.first = salt, .second = next_salt};
       },
       "/extensions/prf/eval",
       {{"first", encoded(salt)}, {"second", encoded(next_salt)}}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(created(request(row.change), row.pointer) == row.expected);
  }
}

TEST_CASE("What is asked for at a sign-in stands in the request options, and in those alone") {
  using mfa::ChallengeOptions;
  const std::string own = encoded(SoftwareAuthenticator().credential_id);
  struct Row {
    std::string name;
    std::function<void(ChallengeOptions&)> change;
    const char* pointer;
    Json expected;
  };
  const std::vector<Row> rows{
      {"nothing", [](auto&) {}, "/extensions", nullptr},
      {"no hints", [](auto&) {}, "/hints", nullptr},
      {"hints",
       [](auto& o) {
         o.webauthn_hints = {Hint::security_key, Hint::hybrid};
       },
       "/hints",
       {"security-key", "hybrid"}},
      {"reading",
       [](auto& o) { o.webauthn_extensions.read_large_blob = true; },
       "/extensions",
       {{"largeBlob", {{"read", true}}}}},
      {"writing",
       [](auto& o) { o.webauthn_extensions.write_large_blob = "\x01\xff"; },
       "/extensions",
       {{"largeBlob", {{"write", "Af8"}}}}},
      {"prf",
       [](auto& o) { o.webauthn_extensions.prf = {.first = salt}; },
       "/extensions",
       {{"prf", {{"eval", {{"first", encoded(salt)}}}}}}},
      {"prf by credential",
       [&](auto& o) {
         o.webauthn_extensions.prf = {.first = salt};
         o.webauthn_extensions.prf_by_credential = {{own, {.first = next_salt}}};
       },
       "/extensions/prf",
       {{"eval", {{"first", encoded(salt)}}},
        {"evalByCredential", {{own, {{"first", encoded(next_salt)}}}}}}},
      {"prf for a credential that is not asked, which browsers refuse",
       [](auto& o) {
         o.webauthn_extensions.prf_by_credential = {{encoded("another"), {.first = salt}}};
       },
       "/extensions", nullptr},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    ChallengeOptions options;
    row.change(options);
    CHECK(asked(options, row.pointer) == row.expected);
  }
}

TEST_CASE("What no browser or authenticator could do is refused before it is asked for") {
  const std::vector<std::function<void(mfa::WebAuthn&)>> enrolments{
      [](auto& r) { r.extensions.prf_inputs = {.first = salt}; }, // without `prf`
      [](auto& r) {
        r.extensions.prf = true;
        r.extensions.prf_inputs = {.second = salt};
      },
      [](auto& r) {
        r.extensions.prf = true;
        r.extensions.prf_inputs = {.first = std::string(1025, 's')};
      },
      [](auto& r) { r.hints.assign(9, Hint::hybrid); },
  };
  for (const auto& change : enrolments) {
    WebAuthnHost host;
    CHECK(thrown_by([&] { return host.verifier.enroll_factor(request(change)); }) == errc::invalid_argument);
  }
  const std::vector<std::function<void(mfa::ChallengeOptions&)>> sign_ins{
      [](auto& o) {
        o.webauthn_extensions.read_large_blob = true;
        o.webauthn_extensions.write_large_blob = "x";
      },
      [](auto& o) { o.webauthn_extensions.write_large_blob = std::string(32'769, 'x'); },
      [](auto& o) { o.webauthn_extensions.prf = {.second = salt}; },
      [](auto& o) { o.webauthn_hints.assign(9, Hint::hybrid); },
  };
  for (const auto& change : sign_ins) {
    WebAuthnHost host;
    const std::string id = host.registered(SoftwareAuthenticator());
    mfa::ChallengeOptions options;
    change(options);
    CHECK(thrown_by([&] { return host.verifier.challenge_factor(id, mfa::any_user, options); }) ==
          errc::invalid_argument);
  }
}

TEST_CASE("What browsers say of extensions is given to the host, and what is no such thing is not") {
  struct Row {
    const char* results;
    std::string expected;
  };
  const std::vector<Row> rows{
      {"null", ""},
      {"[]", ""},
      {"{}", ""},
      {R"({"credProps":{"rk":true}})", "rk yes"},
      {R"({"credProps":{"rk":false}})", "rk no"},
      {R"({"credProps":{}})", ""},
      {R"({"credProps":{"rk":true,"authenticatorDisplayName":"A"}})", "rk yes"},
      {R"({"credProps":{"rk":"true"}})", ""},
      {R"({"credProps":true})", ""},
      {R"({"credProps.rk":true})", ""},
      {R"({"largeBlob":{"supported":true}})", "largeBlob yes"},
      {R"({"largeBlob":{"blob":"YWJj"}})", "blob abc"},
      {R"({"largeBlob":{"blob":"YWJj="}})", ""},
      {R"({"largeBlob":{"blob":7}})", ""},
      {R"({"largeBlob":{"written":true}})", "written yes"},
      {R"({"largeBlob":{"written":false}})", "written no"},
      {R"({"prf":{"enabled":true}})", "prf yes"},
      {R"({"prf":{"enabled":false,"results":null}})", "prf no"},
      {R"({"prf":{"enabled":true,"results":{"first":"YWJj"}}})", "prf yes, first abc"},
      {R"({"prf":{"results":{"first":"YWJj","second":"ZGVm"}}})", "first abc, second def"},
      {R"({"prf":{"results":{"first":"Y-_k==","second":{"first":"YWJj"}}}})", ""},
      {R"({"prf":{"results":[{"first":"YWJj"}]}})", ""},
      {R"({"prf.results":{"first":"YWJj"}})", ""},
      {R"({"prf":{"x":{"results":{"first":"YWJj"}}}})", ""},
      {R"({"other":{"prf":{"results":{"first":"YWJj"}}}})", ""},
      {R"({"uvm":[[2,4,2]],"devicePubKey":{"signature":"AA"},"prf":{"enabled":true}})", "prf yes"},
  };
  for (const Row& row : rows)
    for (const bool signing_in : {false, true}) {
      CAPTURE(row.results, signing_in);
      CHECK(said(Json::parse(row.results), signing_in) == row.expected);
    }
  CHECK(said(Json::object(), true, "", "platform") == "attachment platform");
  CHECK(said(Json::object(), false, "", "cross-platform") == "attachment cross-platform");
  CHECK(said(Json::object(), true, "", "wireless") == "");
  CHECK(said(Json::object(), true, "", 1) == "");
}

TEST_CASE("What authenticators say of extensions at an enrolment is given to the host, and what is no such "
          "thing is not") {
  const auto pair = [](const char* name, const std::string& value) {
    return std::pair(cbor::text(name), value);
  };
  struct Row {
    std::string extensions;
    std::string expected;
  };
  const std::vector<Row> rows{
      {cbor::map({}), ""},
      {cbor::map({pair("credProtect", cbor::integer(3))}), "credProtect 3"},
      {cbor::map({pair("credProtect", cbor::integer(1)), pair("minPinLength", cbor::integer(6))}),
       "credProtect 1, minPinLength 6"},
      {cbor::map({pair("minPinLength", cbor::integer(63)), pair("hmac-secret", "\xf5")}), "minPinLength 63"},
      {cbor::map({pair("credProtect", cbor::integer(0))}), ""},
      {cbor::map({pair("credProtect", cbor::integer(4))}), ""},
      {cbor::map({pair("credProtect", cbor::text("3"))}), ""},
      {cbor::map({pair("minPinLength", cbor::integer(-6))}), ""},
      {cbor::map({pair("minPinLength", cbor::integer(64))}), ""},
      {cbor::map({{cbor::integer(1), cbor::integer(2)}, pair("credProtect", cbor::integer(2))}),
       "credProtect 2"},
      {cbor::map({pair("a", cbor::map({pair("credProtect", cbor::integer(2))}))}), ""},
  };
  for (const Row& row : rows)
    for (const bool signing_in : {false, true}) {
      CAPTURE(row.expected, signing_in);
      CHECK(said(Json::object(), signing_in, row.extensions) == (signing_in ? "" : row.expected));
    }
}

TEST_CASE("An answer that is refused says nothing beside it, and other kinds say nothing at all") {
  WebAuthnHost host;
  SoftwareAuthenticator authenticator;
  const auto challenge = host.verifier.challenge_factor(host.registered(authenticator), mfa::any_user);
  authenticator.spoil_signature = [](std::string& signature) { signature.back() ^= 1; };
  Json answer = Json::parse(authenticator.get(challenge.webauthn_options()).json());
  answer["clientExtensionResults"] = {{"prf", {{"results", {{"first", encoded(salt)}}}}}};
  const auto refused = challenge.verify(answer.dump());
  CHECK(to_string(refused.status()) == "wrong_signature");
  CHECK(refused.webauthn_outputs() == nullptr);
  const auto enrolled = host.verifier.enroll_factor(mfa::GenericOtp{.user_id = "u_43"});
  const auto typed = enrolled.factor.challenge_enrollment({}, mfa::by_operator);
  const auto confirmation = typed.confirm(typed.code());
  CHECK(confirmation.confirmed());
  CHECK(confirmation.webauthn_outputs() == nullptr);
  CHECK_FALSE(mfa::Confirmation(confirmation).webauthn_outputs());
}

TEST_CASE("Of a temporary the outputs are a copy, which outlives it") {
  WebAuthnHost host;
  const SoftwareAuthenticator authenticator;
  const std::string id = host.registered(authenticator);
  const std::optional<Outputs> outputs = host.sign_in_with(authenticator, id).webauthn_outputs();
  REQUIRE(outputs);
  CHECK(outputs->attachment == Attachment::cross_platform);
}

TEST_CASE("A passkey that may be copied is refused where credentials are to be bound to their devices") {
  constexpr unsigned eligible = SoftwareAuthenticator::backup_eligible;
  struct Row {
    DeviceBound setting;
    bool of_this_enrolment;
    std::string registration; ///< of one that may be copied
    std::string sign_in;      ///< of one that was registered before
  };
  const std::vector<Row> rows{
      {DeviceBound::not_required, false, "valid", "valid"},
      {DeviceBound::not_required, true, "not_device_bound", "valid"},
      {DeviceBound::new_ones, false, "not_device_bound", "valid"},
      {DeviceBound::new_ones, true, "not_device_bound", "valid"},
      {DeviceBound::always, false, "not_device_bound", "not_device_bound"},
  };
  for (const Row& row : rows) {
    CAPTURE(static_cast<int>(row.setting), row.of_this_enrolment);
    auto settings = mfa::test::example_settings();
    settings.device_bound = row.setting;
    WebAuthnHost host(settings);
    const auto registration_of = [&](unsigned flags) {
      SoftwareAuthenticator authenticator;
      authenticator.credential_id = "of flags " + std::to_string(flags);
      authenticator.flags |= flags;
      return std::string(to_string(host.register_with(authenticator, host.enroll(request([&](auto& r) {
                                         r.device_bound = row.of_this_enrolment;
                                       })))
                                       .status()));
    };
    CHECK(registration_of(0) == "valid");
    CHECK(registration_of(eligible) == row.registration);
    CHECK(registration_of(eligible | SoftwareAuthenticator::backed_up) == row.registration);

    const mfa::KeyRing keys = mfa::KeyRing::generate();
    mfa::Options with_keys;
    with_keys.key_ring = keys;
    WebAuthnHost before(mfa::test::example_settings(), with_keys);
    SoftwareAuthenticator passkey;
    passkey.flags |= eligible;
    const std::string id = before.registered(passkey);
    mfa::Options changed;
    changed.key_ring = keys;
    changed.webauthn = mfa::webauthn::relying_party(settings);
    mfa::Verifier now(before.storage, before.clock, changed);
    const auto sign_in = [&] {
      const auto challenge = now.challenge_factor(id, mfa::any_user);
      return std::string(
          to_string(challenge.verify(passkey.get(challenge.webauthn_options()).json()).status()));
    };
    CHECK(sign_in() == row.sign_in);
    passkey.flags = SoftwareAuthenticator::user_present; // by now it says otherwise, and may have been copied
    CHECK(sign_in() == row.sign_in);
  }
}

TEST_CASE("A factor is called by the product that made its passkey, as far as that is known") {
  const std::string google = "ea9b8d664d011d213ce4b6b48cb575d4";
  SoftwareAuthenticator authenticator;
  authenticator.aaguid = mfa::test::from_hex(google);
  const auto name_of = [&](WebAuthnHost& host) {
    host.registered(authenticator);
    return host.verifier.list_factors("u_42").at(0).webauthn()->authenticator;
  };
  WebAuthnHost plain;
  CHECK(name_of(plain) == "Google Password Manager");

  auto settings = mfa::test::example_settings();
  const char* const newer =
      R"({"EA9B8D66-4D01-1D21-3CE4-B6B48CB575D4":{"name":"Their new name","icon_dark":"data:"},
      "00000000-0000-0000-0000-000000000001":{"name":"A new one"}})";
  settings.authenticator_name = mfa::webauthn::AuthenticatorNames::with(newer);
  WebAuthnHost renamed(settings);
  CHECK(name_of(renamed) == "Their new name");

  settings.authenticator_name = [](std::string_view aaguid) { return "model " + std::string(aaguid); };
  WebAuthnHost by_function(settings);
  CHECK(name_of(by_function) == "model " + google);

  authenticator.aaguid = "an unknown model";
  WebAuthnHost unknown;
  CHECK(name_of(unknown).empty());
  authenticator.aaguid = std::string(16, '\0'); // as those say that do not tell
  WebAuthnHost untold;
  CHECK(name_of(untold).empty());
}

TEST_CASE("A newer list of names is read as the community writes it, or is refused whole") {
  using mfa::webauthn::AuthenticatorNames;
  const auto names = AuthenticatorNames::with(R"({"00000000-0000-0000-0000-00000000000a":{"name":"A"}})");
  CHECK(names("0000000000000000000000000000000a") == "A");
  CHECK(names("00000000-0000-0000-0000-00000000000A") == "A");
  CHECK(names("d548826e-79b4-db40-a3d8-11116f7e8349") == "Bitwarden"); // what is not in it is as released
  CHECK(names("").empty());
  CHECK(names("d548826e79b4db40a3d811116f7e834").empty());
  CHECK(names("no AAGUID at all").empty());
  for (const char* const list :
       {"", "[]", "{}", "null", "{", R"({"00000000-0000-0000-0000-00000000000a":"A"})",
        R"({"00000000-0000-0000-0000-00000000000a":{}})",
        R"({"00000000-0000-0000-0000-00000000000a":{"name":1}})",
        R"({"00000000-0000-0000-0000-00000000000a":{"name":""}})",
        R"({"00000000-0000-0000-0000-00000000000a":{"name":"a\nb"}})", R"({"0000-000a":{"name":"A"}})",
        R"({"00000000-0000-0000-0000-00000000000g":{"name":"A"}})"}) {
    CAPTURE(list);
    CHECK(thrown_by([&] { return AuthenticatorNames::with(list); }) == errc::invalid_argument);
  }
}

TEST_CASE("The table of names is in order, and each AAGUID stands once") {
  const auto& table = mfa::webauthn::detail::authenticator_table;
  for (std::size_t i = 0; i < table.size(); ++i) {
    CAPTURE(table.at(i).first);
    CHECK(table.at(i).first.size() == 32);
    CHECK(table.at(i).first.find_first_not_of("0123456789abcdef") == std::string_view::npos);
    CHECK_FALSE(table.at(i).second.empty());
    CHECK(mfa::detail::is_utf8(table.at(i).second));
    if (i > 0) CHECK(table.at(i - 1).first < table.at(i).first);
    CHECK(mfa::webauthn::AuthenticatorNames()(table.at(i).first) == table.at(i).second);
  }
}

TEST_CASE("An enrolment that an earlier release began is read") {
  mfa::detail::FieldWriter old(1);
  old.text("bytes")
      .time(mfa::Time(std::chrono::milliseconds(1000)))
      .number(1)
      .text("id")
      .number(1)
      .text("usb");
  const std::string bytes = old.flag(true).take();
  const auto pending =
      mfa::webauthn::decode_pending(mfa::storage::FactorRecord(), mfa::crypto::bytes_of(bytes));
  CHECK(pending.challenge == "bytes");
  REQUIRE(pending.exclude.size() == 1);
  CHECK(pending.exclude.at(0).transports == std::vector<std::string>{"usb"});
  CHECK(pending.conditional);
  CHECK(pending.hints.empty());
  CHECK_FALSE(pending.device_bound);
}
