// What real browsers, authenticators and the bridges of apps send, beside what the specification's examples
// show: each kind was reported of a product, and is taken here. What is wrong in the same place is not.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/encoding/base64.hpp>

#include "support/catch.hpp"
#include "support/webauthn_host.hpp"

namespace {

using mfa::test::SoftwareAuthenticator;
using mfa::test::WebAuthnHost;
using mfa::webauthn::Algorithm;
using Json = nlohmann::json;
namespace cbor = mfa::test::cbor;

/// What comes of a registration whose JSON was changed on its way.
std::string registration(const std::function<void(Json&)>& change,
                         const SoftwareAuthenticator& authenticator = SoftwareAuthenticator(),
                         mfa::webauthn::RelyingPartySettings settings = mfa::test::example_settings()) {
  WebAuthnHost host(std::move(settings));
  const auto challenge =
      host.verifier.challenge_enrollment(host.enroll(), mfa::any_user, {}, mfa::by_operator);
  Json answer = Json::parse(authenticator.create(challenge.webauthn_options()).json());
  change(answer);
  return std::string(to_string(challenge.confirm(answer.dump()).status()));
}

std::string registration(const SoftwareAuthenticator& authenticator,
                         mfa::webauthn::RelyingPartySettings settings = mfa::test::example_settings()) {
  return registration([](Json&) {}, authenticator, std::move(settings));
}

/// The same for a sign-in with a credential that was registered in the common way.
std::string sign_in(const std::function<void(Json&)>& change,
                    const SoftwareAuthenticator& authenticator = SoftwareAuthenticator()) {
  WebAuthnHost host;
  SoftwareAuthenticator plain = authenticator;
  plain.more_client_data = Json::object();
  const auto challenge = host.verifier.challenge_factor(host.registered(plain), mfa::any_user);
  Json answer = Json::parse(authenticator.get(challenge.webauthn_options()).json());
  change(answer);
  return std::string(to_string(challenge.verify(answer.dump()).status()));
}

/// Changes each text of bytes: "id" and "rawId", and in the response all but a list of transports.
void each_text_of_bytes(Json& answer, const std::function<std::string(const std::string&)>& change) {
  for (const char* const name : {"id", "rawId"}) answer[name] = change(answer.at(name).get<std::string>());
  for (auto& [name, value] : answer.at("response").items())
    if (value.is_string()) value = change(value.get<std::string>());
}

std::string padded(std::string text) {
  while (text.size() % 4 != 0) text += '=';
  return text;
}

std::string in_standard_alphabet(std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  return text;
}

/// In lines of 76 characters, of which the last ends too (RFC 2045 section 6.8).
std::string in_lines(const std::string& text, const char* end) {
  std::string lines;
  for (std::size_t at = 0; at < text.size(); at += 76) lines += text.substr(at, 76) + end;
  return lines;
}

/// A COSE key of ES256 or Ed25519 with its members in the order given.
std::string cose_of(const SoftwareAuthenticator& authenticator, int algorithm, std::vector<int> labels) {
  const std::string point = authenticator.key.octets();
  const bool elliptic = point.size() == 65;
  std::string all = cbor::head(5, labels.size());
  for (const int label : labels) {
    all += cbor::integer(label);
    all += label == 1    ? cbor::integer(elliptic ? 2 : 1)
           : label == 3  ? cbor::integer(algorithm)
           : label == -1 ? cbor::integer(elliptic ? 1 : 6)
           : label == -2 ? cbor::bytes(elliptic ? point.substr(1, 32) : point)
                         : cbor::bytes(point.substr(33));
  }
  return all;
}

} // namespace

TEST_CASE("The JSON around the signed bytes is read kindly") {
  struct Row {
    std::string name;
    std::function<void(Json&)> change;
    std::string expected = "valid";
  };
  const auto erase = [](const char* member) { return [=](Json& answer) { answer.erase(member); }; };
  const auto set = [](const char* member, const Json& value) {
    return [=](Json& answer) { answer[member] = value; };
  };
  const auto bytes = [](std::string (*change)(std::string)) {
    return [=](Json& answer) { each_text_of_bytes(answer, change); };
  };
  const std::vector<Row> rows{
      {"as a browser sends it", [](Json&) {}},
      {"no type", erase("type")},
      {"a type that is null", set("type", nullptr)},
      {"padded base64url", bytes([](std::string text) { return padded(std::move(text)); })},
      {"base64url in the standard alphabet",
       bytes([](std::string text) { return in_standard_alphabet(std::move(text)); })},
      {"base64", bytes([](std::string text) { return in_standard_alphabet(padded(std::move(text))); })},
      {"base64 in lines, as Android's Base64.DEFAULT writes it",
       bytes([](std::string text) { return in_lines(in_standard_alphabet(padded(std::move(text))), "\n"); })},
      {"base64url in lines of MIME",
       bytes([](std::string text) { return in_lines(padded(std::move(text)), "\r\n"); })},
      {"a line end in the middle of an id",
       [](Json& answer) { answer["id"] = answer.at("id").get<std::string>().insert(5, "\n"); }},
      {"no id beside the raw id", erase("id")},
      {"no raw id beside the id", erase("rawId")},
      {"an id that is null", set("id", nullptr)},
      {"an id in base64url beside a raw id in base64",
       [](Json& answer) { answer["rawId"] = padded(answer.at("rawId").get<std::string>()); }},
      {"a member with a dot in its name", set("app.version", "1.2")},
      {"a member named as an inner one", set("response.signature", "AA")},
      {"an object with a dot in its name", set("com.example", {{"id", "AA"}})},
      {"an object without a name", set("", {{"id", "AA"}})},
      {"an object whose members are named as others are",
       set("app", Json::object({{"id", "AA"}, {"type", "password"}, {"signature", "AA"}}))},
      {"a member of an inner object with a dot in its name",
       [](Json& answer) { answer["response"]["a.b"] = 1; }},
      {"members that are null",
       [](Json& answer) {
         answer["authenticatorAttachment"] = nullptr;
         answer["clientExtensionResults"] = nullptr;
         answer["response"]["transports"] = nullptr;
       }},
      {"another type", set("type", "password"), "malformed_code"},
      {"a type that is a number", set("type", 1), "malformed_code"},
      {"too much padding", bytes([](std::string text) { return padded(std::move(text)) + "===="; }),
       "malformed_code"},
      {"padding that ends no group", bytes([](std::string text) {
         return text.size() % 4 == 0 || text.size() % 4 == 2 ? text + '=' : text + "==";
       }),
       "malformed_code"},
      {"padding in the middle", bytes([](std::string text) { return "AA==" + std::move(text); }),
       "malformed_code"},
      {"a space", bytes([](std::string text) { return std::move(text) + ' '; }), "malformed_code"},
      {"line ends alone", bytes([](std::string text) { return std::string(text.size(), '\n'); }),
       "malformed_code"},
      {"an id of other bytes than the raw id", set("id", "AAAA"), "malformed_code"},
      {"an empty id beside the raw id", set("id", ""), "malformed_code"},
      {"an id that is a list beside the raw id", set("id", Json::array({"AA"})), "malformed_code"},
      {"neither id nor raw id",
       [](Json& answer) {
         answer.erase("id");
         answer.erase("rawId");
       },
       "malformed_code"},
      {"no response", erase("response"), "malformed_code"},
      {"a response under another name",
       [](Json& answer) {
         answer["app"] = answer.at("response");
         answer["response"] = Json::object();
       },
       "malformed_code"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(registration(row.change) == row.expected);
    CHECK(sign_in(row.change) == row.expected);
  }
}

TEST_CASE("An empty user handle is none, as Safari sends it") {
  WebAuthnHost host;
  SoftwareAuthenticator authenticator;
  const std::string factor_id = host.registered(authenticator);
  const auto status = [&] {
    return std::string(to_string(host.sign_in_with(authenticator, factor_id).status()));
  };
  for (const std::optional<std::string>& absent :
       {std::optional<std::string>(), std::optional(std::string())}) {
    authenticator.user_handle = absent;
    CHECK(status() == "valid");
  }
  authenticator.user_handle = std::string(1, '\0');
  CHECK(status() == "wrong_credential");
}

TEST_CASE("What a browser says of frames may be null") {
  const std::vector<std::pair<Json, std::string>> rows{
      {{{"crossOrigin", nullptr}}, "valid"},
      {{{"topOrigin", nullptr}}, "valid"},
      {{{"crossOrigin", nullptr}, {"topOrigin", nullptr}}, "valid"},
      {{{"crossOrigin", false}, {"topOrigin", nullptr}}, "valid"},
      {{{"clientExtensions", {{"a.b", 1}}}, {"com.example.client", "1.0"}}, "valid"},
      {{{"tokenBinding", {{"status", "not-supported"}}}}, "valid"}, // of Level 1
      {{{"crossOrigin", "false"}}, "malformed_code"},
      {{{"crossOrigin", 0}}, "malformed_code"},
      {{{"topOrigin", false}}, "malformed_code"},
      {{{"crossOrigin", nullptr}, {"topOrigin", "https://evil.example"}}, "wrong_origin"},
      {{{"crossOrigin", true}, {"topOrigin", nullptr}}, "wrong_origin"},
  };
  for (const auto& [members, expected] : rows) {
    CAPTURE(members.dump());
    SoftwareAuthenticator authenticator;
    authenticator.more_client_data = members;
    CHECK(registration(authenticator) == expected);
    CHECK(sign_in([](Json&) {}, authenticator) == expected);
  }
}

TEST_CASE("The signed bytes are read strictly: a challenge in another form than was given out is none") {
  WebAuthnHost host;
  const SoftwareAuthenticator authenticator;
  const auto challenge =
      host.verifier.challenge_enrollment(host.enroll(), mfa::any_user, {}, mfa::by_operator);
  const auto asked = Json::parse(challenge.webauthn_options()).at("challenge").get<std::string>();
  for (const std::string& form : {padded(asked), asked + "=", in_standard_alphabet(asked) + "+"}) {
    auto answer = authenticator.create(challenge.webauthn_options());
    answer.client_data =
        Json{{"type", "webauthn.create"}, {"challenge", form}, {"origin", "https://example.org"}}.dump();
    CHECK(to_string(challenge.confirm(answer.json()).status()) == "malformed_code");
  }
}

TEST_CASE("CBOR is read in any order of its keys, of which none comes twice and all are counted before") {
  SoftwareAuthenticator authenticator;
  SECTION("keys of credentials") {
    const std::vector<std::pair<std::vector<int>, std::string>> rows{
        {{1, 3, -1, -2, -3}, "valid"},
        {{3, 1, -1, -2, -3}, "valid"},
        {{-3, -2, -1, 3, 1}, "valid"},
        {{-1, -3, 3, -2, 1}, "valid"},
        {{1, 3, -1, -2}, "unsupported_credential"},
        {{1, 3, -1, -3}, "unsupported_credential"},
        {{3, -1, -2, -3}, "unsupported_credential"},
        {{1, -1, -2, -3}, "unsupported_credential"},
        {{1, 3, -2, -3}, "unsupported_credential"},
        {{1, 3, -1, -2, -3, -3}, "malformed_code"}, // no item of CBOR
        {{1, 1, 3, -1, -2, -3}, "malformed_code"},
    };
    for (const auto& [labels, expected] : rows) {
      CAPTURE(labels);
      authenticator.cose = cose_of(authenticator, -7, labels);
      CHECK(registration(authenticator) == expected);
    }
  }
  SECTION("attestation objects, statements and extensions") {
    const auto answer_with = [&](const std::string& extensions, auto&& object_of) {
      authenticator.extensions = extensions;
      return registration(
          [&](Json& answer) {
            const std::string data = authenticator.authenticator_data(true);
            answer["response"]["attestationObject"] = mfa::detail::base64url(object_of(data));
          },
          authenticator);
    };
    const auto pair = [](const char* name, const std::string& value) {
      return std::pair(cbor::text(name), value);
    };
    const auto none = [&](const std::string& data) {
      return cbor::map({pair("authData", cbor::bytes(data)), pair("attStmt", cbor::map({})),
                        pair("fmt", cbor::text("none"))});
    };
    const auto one = cbor::integer(1);
    CHECK(answer_with("", none) == "valid");
    CHECK(answer_with(cbor::map({pair("credProtect", one), pair("a", one)}), none) == "valid");
    CHECK(answer_with(cbor::map({pair("b", one), pair("a", one), pair("b", one)}), none) == "malformed_code");
    CHECK(answer_with("\xbf\x61"
                      "a\x01\xff",
                      none) == "malformed_code"); // without an end
    CHECK(answer_with(cbor::map({pair("a", cbor::array({cbor::map({pair("z", one), pair("y", one)})}))}),
                      none) == "valid");
    std::string many = cbor::head(5, 64);
    std::string too_many = cbor::head(5, 65);
    for (int i = 0; i < 65; ++i) {
      if (i < 64) many += cbor::integer(-i) + one;
      too_many += cbor::integer(-i) + one;
    }
    CHECK(answer_with(many, none) == "valid");
    CHECK(answer_with(too_many, none) == "malformed_code");
    const auto tpm = [&](const std::string& data) {
      return cbor::map(
          {pair("fmt", cbor::text("tpm")),
           pair("attStmt", cbor::map({pair("ver", cbor::text("2.0")), pair("sig", cbor::bytes("x")),
                                      pair("alg", cbor::integer(-65535))})),
           pair("authData", cbor::bytes(data))});
    };
    CHECK(answer_with("", tpm) == "valid"); // as Windows Hello wrote it in 2018
  }
}

TEST_CASE("An attestation that nobody asked for, of a format that is not verified, is none") {
  using mfa::webauthn::AttestationConveyance;
  using mfa::webauthn::UnverifiedFormats;
  const auto statement_of = [](const std::string& format) {
    const auto part = cbor::map(
        {{cbor::text("fmt"), cbor::text("packed")},
         {cbor::text("attStmt"), cbor::map({{cbor::text("x5c"), cbor::array({cbor::bytes("x")})}})}});
    return format == "compound" ? cbor::array({part, part})
                                : cbor::map({{cbor::text("ver"), cbor::text("2.0")}});
  };
  for (const std::string format : {"compound", "tpm", "android-key", "android-safetynet", "apple", "new"}) {
    CAPTURE(format);
    SoftwareAuthenticator authenticator;
    authenticator.format = format;
    authenticator.statement = [&](const auto&, const auto&) { return statement_of(format); };
    auto settings = mfa::test::example_settings();
    CHECK(registration(authenticator, settings) == "valid");
    settings.unverified_formats = UnverifiedFormats::refuse;
    CHECK(registration(authenticator, settings) == "attestation_refused");
    settings.unverified_formats = UnverifiedFormats::as_asked;
    settings.attestation = AttestationConveyance::direct;
    CHECK(registration(authenticator, settings) == "attestation_refused");
    settings.unverified_formats = UnverifiedFormats::ignore;
    CHECK(registration(authenticator, settings) == "valid");
    settings = mfa::test::example_settings();
    settings.attestation_trust = [](const auto&) { return true; }; // so no trust meets what was not verified
    CHECK(registration(authenticator, settings) == "attestation_refused");
  }
  SoftwareAuthenticator list;
  list.format = "packed";
  list.statement = [&](const auto&, const auto&) { return statement_of("compound"); };
  CHECK(registration(list) == "malformed_code");
}

TEST_CASE("An algorithm by its name of RFC 9864 is the one of before, and others are refused") {
  struct Row {
    Algorithm key;
    int named;
    std::vector<Algorithm> asked;
    std::string expected;
  };
  using enum Algorithm;
  const std::vector<Row> rows{
      {es256, -9, {es256}, "valid"},
      {es256, -7, {esp256}, "valid"},
      {eddsa, -19, {eddsa}, "valid"},
      {eddsa, -8, {ed25519}, "valid"},
      {es256, -9, {es384}, "unsupported_credential"},
      {es256, -19, {es256, ed25519}, "unsupported_credential"}, // of another type
      {es256, -51, {es256, esp384}, "unsupported_credential"},  // of another curve
      {eddsa, -53, {eddsa}, "unsupported_credential"},          // Ed448
      {es256, -37, {es256}, "unsupported_credential"},          // PS256
      {es256, -65535, {es256}, "unsupported_credential"},       // RS1
      {es256, -48, {es256}, "unsupported_credential"},          // ML-DSA-44
  };
  for (const Row& row : rows) {
    CAPTURE(row.named, row.expected);
    SoftwareAuthenticator authenticator(row.key);
    std::vector<int> labels{1, 3, -1, -2};
    if (row.key != eddsa) labels.push_back(-3);
    authenticator.cose = cose_of(authenticator, row.named, labels);
    auto settings = mfa::test::example_settings();
    settings.algorithms = row.asked;
    CHECK(registration(authenticator, settings) == row.expected);
    if (row.expected != "valid") continue;
    WebAuthnHost host(settings);
    const std::string factor_id = host.registered(authenticator);
    CHECK(host.sign_in_with(authenticator, factor_id).valid());
    authenticator.spoil_signature = [](std::string& signature) { signature.back() ^= 1; };
    CHECK(to_string(host.sign_in_with(authenticator, factor_id).status()) == "wrong_signature");
  }
}

TEST_CASE("Browser extensions and apps can be listed as origins, and are compared whole") {
  const std::string sha1(27, 'A');
  const std::string sha256 = std::string(42, 'b') + 'A';
  const std::vector<std::string> taken{
      "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
      "moz-extension://" + std::string(32, 'a') + std::string(32, 'p'), // as Firefox tells its id
      "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",
      "safari-web-extension://2C127FA4-62C7-7E4F-90E5-472B45EECFDC",
      "android:apk-key-hash:" + sha1,
      "android:apk-key-hash:" + sha256,
      "android:apk-key-hash-sha256:" + sha256,
  };
  for (const std::string& origin : taken) {
    CAPTURE(origin);
    auto settings = mfa::test::example_settings();
    settings.origins.push_back(origin);
    SoftwareAuthenticator authenticator;
    authenticator.origin = origin;
    CHECK(registration(authenticator) == "wrong_origin");
    CHECK(registration(authenticator, settings) == "valid");
    authenticator.origin = origin.substr(0, origin.size() - 1);
    CHECK(registration(authenticator, settings) == "wrong_origin");
    authenticator.origin = origin + '/';
    CHECK(registration(authenticator, settings) == "wrong_origin");
  }
  const std::vector<std::string> refused{
      "chrome-extension://", "chrome-extension://*", "chrome-extension://abc/page.html", "extension://abc",
      "android:apk-key-hash:", "android:apk-key-hash:ZXhhbXBsZQ", "android:apk-key-hash:" + sha1 + "=",
      "android:apk-key-hash-sha256:" + sha1,
      "android:apk-key-hash:14:6D:E9:83:C5:73:06:50:D8:EE:B9:95:2F:34:FC:64:16:A0:83:42", // as keytool prints
                                                                                          // it
      "ios:bundle-id:org.example"};
  for (const std::string& origin : refused) {
    CAPTURE(origin);
    auto settings = mfa::test::example_settings();
    settings.origins.push_back(origin);
    CHECK(mfa::test::thrown_by([&] { return mfa::webauthn::relying_party(settings); }) ==
          mfa::errc::invalid_argument);
  }
}

namespace {

/// A host that notes what its observer is told of WebAuthn, but for verifications.
struct Told {
  explicit Told(mfa::webauthn::RelyingPartySettings settings = mfa::test::example_settings())
      : host(std::move(settings), options()) {}

  std::vector<std::string> events;
  WebAuthnHost host;

  /// The status, and after it each event since the last call.
  std::string sign_in(const SoftwareAuthenticator& authenticator, const std::string& factor_id) {
    events.clear();
    std::string all(to_string(host.sign_in_with(authenticator, factor_id).status()));
    for (const std::string& event : events) all += ' ' + event;
    return all;
  }

 private:
  mfa::Options options() {
    mfa::Options options;
    options.observer = [this](const mfa::Event& event) {
      using enum mfa::EventType;
      for (const mfa::EventType ours :
           {authenticator_cloned, signature_counter_behind, backup_eligibility_changed, backup_state_changed})
        if (event.type == ours) events.emplace_back(to_string(ours));
    };
    return options;
  }
};

constexpr unsigned present = SoftwareAuthenticator::user_present;
constexpr unsigned eligible = SoftwareAuthenticator::backup_eligible;
constexpr unsigned backed_up = SoftwareAuthenticator::backed_up;

} // namespace

TEST_CASE("A synchronised passkey whose counter stands still or falls signs in, and that is told") {
  struct Row {
    std::uint32_t registered;
    std::vector<std::pair<std::uint32_t, bool>> counts; ///< and whether it is behind
  };
  const std::vector<Row> rows{
      {0, {{0, false}, {0, false}}},
      {7, {{7, true}, {7, true}, {8, false}}},              // it stands still
      {7, {{9, false}, {8, true}, {9, true}, {10, false}}}, // two devices that count by themselves
      {5, {{0, true}, {0, true}}},                          // a manager that took over and does not count
      {0, {{3, false}, {0, true}, {4, false}}},
  };
  for (const Row& row : rows)
    for (const bool synced : {true, false})
      for (const bool strict : {false, true}) {
        auto settings = mfa::test::example_settings();
        if (strict) settings.synced_passkeys = mfa::webauthn::SyncedPasskeys::refuse;
        Told told(settings);
        SoftwareAuthenticator authenticator;
        authenticator.flags = present | (synced ? eligible : 0);
        authenticator.sign_count = row.registered;
        const std::string id = told.host.registered(authenticator);
        for (const auto& [count, behind] : row.counts) {
          CAPTURE(row.registered, count, synced, strict);
          authenticator.sign_count = count;
          CHECK(told.sign_in(authenticator, id) == (!behind ? "valid"
                                                    : synced && !strict
                                                        ? "valid signature_counter_behind"
                                                        : "cloned_authenticator authenticator_cloned"));
        }
      }
}

TEST_CASE("Neither a counter nor a flag locks anybody out") {
  Told told;
  SoftwareAuthenticator authenticator;
  authenticator.sign_count = 5;
  const std::string id = told.host.registered(authenticator);
  SoftwareAuthenticator behind = authenticator;
  SoftwareAuthenticator changed = authenticator;
  changed.flags |= eligible;
  changed.sign_count = 6;
  for (int i = 0; i < 60; ++i) {
    CHECK(told.sign_in(behind, id) == "cloned_authenticator authenticator_cloned");
    CHECK(told.sign_in(changed, id) == "wrong_credential");
  }
  authenticator.sign_count = 6;
  CHECK(told.sign_in(authenticator, id) == "valid");
}

TEST_CASE("A synchronised passkey that says it is none is told; a device-bound one that says it is one is "
          "refused") {
  Told told;
  SoftwareAuthenticator authenticator;
  authenticator.flags = present | eligible | backed_up;
  const std::string id = told.host.registered(authenticator);
  authenticator.flags = present;
  CHECK(told.sign_in(authenticator, id) == "valid backup_eligibility_changed backup_state_changed");
  CHECK(told.sign_in(authenticator, id) == "valid backup_eligibility_changed");
  CHECK(told.host.verifier.get_factor(id, mfa::any_user)
            .webauthn()
            ->backup_eligible); // it may have been copied
  authenticator.flags = present | backed_up;
  CHECK(told.sign_in(authenticator, id) == "unsupported_credential");
  authenticator.flags = present | eligible;
  CHECK(told.sign_in(authenticator, id) == "valid");
  authenticator.spoil_signature = [](std::string& signature) { signature.back() ^= 1; };
  authenticator.flags = present;
  CHECK(told.sign_in(authenticator, id) == "wrong_signature"); // and nothing is told

  SoftwareAuthenticator bound;
  bound.credential_id = "bound to its device";
  const std::string bounds = told.host.registered(bound);
  bound.flags = present | eligible;
  CHECK(told.sign_in(bound, bounds) == "wrong_credential");

  auto settings = mfa::test::example_settings();
  settings.synced_passkeys = mfa::webauthn::SyncedPasskeys::refuse;
  Told strict(settings);
  SoftwareAuthenticator passkey;
  passkey.flags = present | eligible;
  const std::string factor_id = strict.host.registered(passkey);
  passkey.flags = present;
  CHECK(strict.sign_in(passkey, factor_id) == "wrong_credential");
}

TEST_CASE("That a passkey was backed up, or is no more, is told once") {
  Told told;
  SoftwareAuthenticator authenticator;
  authenticator.flags = present | eligible;
  const std::string id = told.host.registered(authenticator);
  const auto kept = [&] { return told.host.verifier.get_factor(id, mfa::any_user).webauthn()->backed_up; };
  CHECK(told.sign_in(authenticator, id) == "valid");
  authenticator.flags = present | eligible | backed_up;
  CHECK(told.sign_in(authenticator, id) == "valid backup_state_changed");
  CHECK(kept());
  CHECK(told.sign_in(authenticator, id) == "valid");
  authenticator.flags = present | eligible;
  CHECK(told.sign_in(authenticator, id) == "valid backup_state_changed");
  CHECK_FALSE(kept());
}

TEST_CASE("Conditional create shows no presence, which is taken where the host asked for it") {
  const auto enroll = [](WebAuthnHost& host, bool conditional, mfa::webauthn::UserVerification verification) {
    return host.verifier.enroll_factor(mfa::WebAuthn{.user = "alan@example.org",
                                                     .user_verification = verification,
                                                     .resident_key = mfa::webauthn::ResidentKey::preferred,
                                                     .conditional_create = conditional});
  };
  using mfa::webauthn::UserVerification;
  SoftwareAuthenticator manager;
  manager.flags = eligible | backed_up;
  struct Row {
    bool conditional;
    UserVerification verification;
    unsigned flags;
    std::string expected;
    std::vector<std::string> amr;
  };
  const std::vector<Row> rows{
      {true, UserVerification::preferred, 0, "valid", {"pop"}},
      {true, UserVerification::preferred, present, "valid", {"pop", "user"}},
      {true, UserVerification::required, 0, "user_not_verified", {}},
      {true,
       UserVerification::required,
       present | SoftwareAuthenticator::user_verified,
       "valid",
       {"pop", "user", "mfa"}},
      {false, UserVerification::preferred, 0, "user_not_present", {}},
      {false, UserVerification::preferred, present, "valid", {"pop", "user"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.conditional, row.flags, row.expected);
    manager.flags = eligible | backed_up | row.flags;
    mfa::Options options;
    options.unverified_factors_sign_in = true; // WorkOS's way, in which a registration is a sign-in
    WebAuthnHost signing_in(mfa::test::example_settings(), options);
    const auto at_once = enroll(signing_in, row.conditional, row.verification).factor.challenge();
    const auto verification = at_once.verify(manager.create(at_once.webauthn_options()).json());
    CHECK(to_string(verification.status()) == row.expected);
    CHECK(std::vector<std::string>(verification.amr().begin(), verification.amr().end()) == row.amr);

    WebAuthnHost host;
    const auto enrolled = enroll(host, row.conditional, row.verification);
    const auto challenge = enrolled.factor.challenge_enrollment({}, mfa::by_operator);
    CHECK(to_string(challenge.confirm(manager.create(challenge.webauthn_options()).json()).status()) ==
          row.expected);
    if (row.expected != "valid") continue;
    manager.flags = eligible | backed_up; // a sign-in always shows it
    CHECK(to_string(host.sign_in_with(manager, enrolled.factor.id()).status()) == "user_not_present");
  }
}

TEST_CASE("Names of any length that an e-mail address has are kept whole, and cut for the authenticator at a "
          "character") {
  const auto repeated = [](std::string_view text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) all += text;
    return all;
  };
  struct Row {
    std::string name;
    std::string sent;
  };
  const std::string address = repeated("a", 64) + '@' + repeated("b", 185) + ".org"; // 254 bytes
  const std::vector<Row> rows{
      {repeated("a", 64), repeated("a", 64)},
      {repeated("a", 65), repeated("a", 64)},
      {address, repeated("a", 64)},
      {repeated("\xc3\xa9", 40), repeated("\xc3\xa9", 32)},             // 2 bytes a character
      {"a" + repeated("\xc3\xa9", 40), "a" + repeated("\xc3\xa9", 31)}, // the 64th is half a character
      {repeated("\xe2\x82\xac", 30), repeated("\xe2\x82\xac", 21)},     // 3
      {"ab" + repeated("\xf0\x9f\x98\x80", 20), "ab" + repeated("\xf0\x9f\x98\x80", 15)}, // 4
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    WebAuthnHost host;
    const auto enrolled =
        host.verifier.enroll_factor(mfa::WebAuthn{.user = row.name, .display_name = row.name});
    const Json options = Json::parse(enrolled.webauthn.creation_options);
    CHECK(options.at("user").at("name") == row.sent);
    CHECK(options.at("user").at("displayName") == row.sent);
    CHECK(enrolled.factor.webauthn()->user == row.name);
    const auto without =
        Json::parse(host.verifier.enroll_factor(mfa::WebAuthn{.user = row.name}).webauthn.creation_options);
    CHECK(without.at("user").at("displayName") == row.sent);
  }
}

TEST_CASE("No more than 64 credentials are excluded, which are those that were used last") {
  using namespace std::chrono_literals;
  WebAuthnHost host;
  std::vector<SoftwareAuthenticator> all;
  std::vector<std::string> ids;
  const SoftwareAuthenticator common; // one key for all: only their ids differ
  for (int i = 0; i < 66; ++i) {
    all.push_back(common);
    all.back().credential_id = "credential " + std::to_string(i);
    ids.push_back(host.registered(all.back()));
    host.clock.advance(1s);
  }
  CHECK(host.sign_in_with(all[0], ids[0]).valid());
  const auto excluded = [&] {
    const auto enrolled =
        host.verifier.enroll_factor(mfa::WebAuthn{.user = "alan", .user_id = "u_42"}, mfa::by_operator);
    std::vector<std::string> names;
    const Json options = Json::parse(enrolled.webauthn.creation_options);
    for (const Json& one : options.at("excludeCredentials"))
      names.push_back(mfa::detail::base64url_decode(one.at("id").get<std::string>()).value());
    std::ranges::sort(names);
    return names;
  };
  std::vector<std::string> expected;
  for (int i = 0; i < 66; ++i)
    if (i != 1 && i != 2) expected.push_back(all[static_cast<std::size_t>(i)].credential_id);
  std::ranges::sort(expected);
  CHECK(excluded() == expected);
}

TEST_CASE("A user's handle stays, whatever becomes of his credentials, of time and of keys") {
  using namespace std::chrono_literals;
  const std::string old_key = SoftwareAuthenticator::hash("the old key");
  const std::string new_key = SoftwareAuthenticator::hash("the new key");
  mfa::Options options;
  options.key_ring = mfa::KeyRing("old", mfa::crypto::bytes_of(old_key));
  WebAuthnHost host(mfa::test::example_settings(), options);
  const auto handle_of = [&](const std::string& user_id) {
    const auto enrolled =
        host.verifier.enroll_factor(mfa::WebAuthn{.user = "alan", .user_id = user_id}, mfa::by_operator);
    std::string handle = Json::parse(enrolled.webauthn.creation_options).at("user").at("id");
    CHECK(enrolled.factor.webauthn()->user_handle == handle);
    return handle;
  };
  const SoftwareAuthenticator authenticator;
  const std::string id = host.registered(authenticator);
  const std::string handle = host.verifier.get_factor(id, mfa::any_user).webauthn()->user_handle;
  CHECK(handle_of("u_42") == handle);
  CHECK(handle_of("u_43") != handle);
  for (const auto& factor : host.verifier.list_factors("u_42"))
    host.verifier.delete_factor(factor.id(), mfa::any_user, mfa::by_operator);
  CHECK(handle_of("u_42") == handle);
  for (const auto& factor : host.verifier.list_factors("u_42"))
    host.verifier.delete_factor(factor.id(), mfa::any_user, mfa::by_operator);
  host.clock.advance(24h * 1000);
  (void)host.verifier.purge_expired();
  CHECK(handle_of("u_42") == handle);
  // A factor of another kind, a challenge and its purge change nothing of it.
  const auto totp = host.verifier.enroll_factor(mfa::Totp{.issuer = "Foo", .user = "alan", .user_id = "u_42"},
                                                mfa::by_operator);
  host.verifier.delete_factor(totp.factor.id(), "u_42", mfa::by_operator);
  CHECK(handle_of("u_42") == handle);
  // Nothing but the handle keeps the record of this one.
  SoftwareAuthenticator others;
  others.credential_id = "another user's";
  const std::string others_id = host.registered(others, {.user = "eve", .user_id = "u_44"});
  const std::string others_handle = host.verifier.get_factor(others_id, "u_44").webauthn()->user_handle;
  host.verifier.delete_factor(others_id, "u_44", mfa::by_operator);
  host.clock.advance(24h * 1000);
  (void)host.verifier.purge_expired();
  CHECK(handle_of("u_44") == others_handle);
  // It is under the current key as soon as anything is enrolled or asked for.
  host.verifier.replace_key_ring(
      mfa::KeyRing("new", mfa::crypto::bytes_of(new_key)).add_further("old", mfa::crypto::bytes_of(old_key)));
  CHECK(handle_of("u_42") == handle);
  for (const auto& factor : host.verifier.list_factors("u_42"))
    host.verifier.delete_factor(factor.id(), mfa::any_user, mfa::by_operator);
  host.verifier.replace_key_ring(mfa::KeyRing("new", mfa::crypto::bytes_of(new_key)));
  CHECK(handle_of("u_42") == handle);
}
