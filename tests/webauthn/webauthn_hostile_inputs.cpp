// Answers that no browser gives: all are refused, and none costs more than a little memory.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/error.hpp>
#include <mfa/webauthn/relying_party.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/webauthn_host.hpp"

namespace {

using mfa::errc;
using mfa::test::example_settings;
using mfa::test::SoftwareAuthenticator;
using mfa::test::thrown_by;
using mfa::test::WebAuthnHost;
using namespace std::string_literals;
namespace cbor = mfa::test::cbor;

struct Input {
  std::string name;
  std::string answer;
};

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

std::string replaced(std::string text, std::string_view old, std::string_view by) {
  const auto at = text.find(old);
  REQUIRE(at != std::string::npos);
  return text.replace(at, old.size(), by);
}

/// What can be wrong around any answer, by a right one.
std::vector<Input> broken_json(const std::string& right, const std::string& data_member) {
  const auto json = nlohmann::json::parse(right);
  const std::string id = json.at("id");
  const std::string data = json.at("response").at(data_member);
  const std::string spoilt = "\"" + data_member + "\":\"" + data + "\"";
  std::vector<Input> inputs{
      {"nothing", ""},
      {"white space", " \n\t"},
      {"null", "null"},
      {"a number", "1"},
      {"a text", "\"public-key\""},
      {"a list", "[" + right + "]"},
      {"an empty object", "{}"},
      {"two objects", right + right},
      {"something after it", right + "x"},
      {"a NUL after it", right + std::string(1, '\0')},
      {"a comment", "/* */" + right},
      {"single quotes", "{'id':'x'}"},
      {"a member twice", replaced(right, "{", "{\"id\":\"" + id + "\",")},
      {"an inner member twice", replaced(right, spoilt, spoilt + "," + spoilt)},
      {"bytes that are no UTF-8", replaced(right, "{", "{\"a\":\"\xff\xfe\",")},
      {"overlong UTF-8", replaced(right, "{", "{\"a\":\"\xc0\xaf\",")},
      {"a surrogate in UTF-8", replaced(right, "{", "{\"a\":\"\xed\xa0\x80\",")},
      {"half a surrogate pair", replaced(right, "{", "{\"a\":\"\\ud800\",")},
      {"a control character", replaced(right, "{", "{\"a\":\"\n\",")},
      {"a number beyond numbers", replaced(right, "{", "{\"a\":1e999999,")},
      {"a name of NaN", replaced(right, "{", "{\"a\":NaN,")},
      {"lists in lists",
       replaced(right, "{", "{\"a\":" + repeated("[", 30'000) + repeated("]", 30'000) + ",")},
      {"objects in objects",
       replaced(right, "{", "{\"a\":" + repeated("{\"a\":", 10'000) + "1" + repeated("}", 10'000) + ",")},
      {"brackets that never close", repeated("[", 65'000)},
      {"braces that never close", repeated("{\"a\":", 13'000)},
      {"ten thousand members",
       [&] {
         std::string many = "{";
         for (int i = 0; i < 6'000; ++i) many += "\"" + std::to_string(i) + "\":1,";
         return replaced(right, "{", many);
       }()},
      {"another type", replaced(right, "public-key", "password")},
      {"an id that is not the raw id", replaced(right, "\"id\":\"", "\"id\":\"AA")},
      {"an id that is a number", replaced(right, "\"id\":\"" + id + "\"", "\"id\":1")},
      {"a response that is a list", R"({"id":"AA","rawId":"AA","type":"public-key","response":[]})"},
      {"padding after padding", replaced(right, data, data + "====")},
      {"base64 of the other alphabet", replaced(right, data, "+/" + data.substr(2))},
      {"a space in base64url", replaced(right, data, data + " ")},
      {"a tab in base64url", replaced(right, data, data + "\\t")},
      {"one character too many", replaced(right, data, data.substr(0, data.size() / 4 * 4) + "A")},
      {"bits that stand for no byte", replaced(right, data, data.substr(0, data.size() / 4 * 4) + "AB")},
      {"an empty member", replaced(right, data, "")},
      {"a member of 60,000 zeros", replaced(right, data, repeated("A", 60'000))},
  };
  auto without_ids = json;
  without_ids.erase("id");
  without_ids.erase("rawId");
  inputs.push_back({"neither id nor rawId", without_ids.dump()});
  auto another_raw_id = json;
  another_raw_id["rawId"] = "AAAA";
  inputs.push_back({"a raw id that is not the id", another_raw_id.dump()});
  auto without_response = json;
  without_response.erase("response");
  inputs.push_back({"no response", without_response.dump()});
  for (const auto& [member, value] : json.at("response").items()) {
    if (member == "transports" || member == "userHandle") continue;
    auto less = json;
    less["response"].erase(member);
    inputs.push_back({"no " + member, less.dump()});
    less["response"][member] = nlohmann::json::array({value});
    inputs.push_back({member + " in a list", less.dump()});
  }
  return inputs;
}

/// What can be wrong with the browser's own part, by a right one.
std::vector<std::pair<std::string, std::string>> broken_client_data(const std::string& right) {
  return {
      {"no JSON", "type=webauthn.create"},
      {"an empty object", "{}"},
      {"a list", "[" + right + "]"},
      {"a NUL at its end", right + std::string(1, '\0')},
      {"something after it", right + "{}"},
      {"another encoding", std::string("\xff\xfe{\0}\0", 6)},
      {"bytes that are no UTF-8", replaced(right, "{", "{\"a\":\"\x80\",")},
      {"a challenge twice", replaced(right, "{", "{\"challenge\":\"AA\",")},
      {"an origin twice", replaced(right, "{", "{\"origin\":\"https://example.org\",")},
      {"a padded challenge", replaced(right, "\",\"origin\"", "=\",\"origin\"")},
      {"an origin in a list", replaced(right, "\"https://example.org\"", "[\"https://example.org\"]")},
      {"a type that is null", replaced(right, "\"type\":\"webauthn.", "\"type\":null,\"x\":\"webauthn.")},
      {"crossOrigin as a text", replaced(right, "{", "{\"crossOrigin\":\"false\",")},
      {"topOrigin as a number", replaced(right, "{", "{\"topOrigin\":1,")},
      {"objects in objects", replaced(right, "{", "{\"a\":" + repeated("{\"a\":", 5'000))},
  };
}

std::vector<std::pair<std::string, std::string>>
broken_attestation_objects(const SoftwareAuthenticator& right) {
  const auto fmt = std::pair(cbor::text("fmt"), cbor::text("none"));
  const auto statement = std::pair(cbor::text("attStmt"), cbor::map({}));
  const auto data = std::pair(cbor::text("authData"), cbor::bytes(right.authenticator_data(true)));
  const auto packed = [&](const std::string& made) {
    return cbor::map({{cbor::text("fmt"), cbor::text("packed")}, {cbor::text("attStmt"), made}, data});
  };
  const auto signed_by = [&](const std::string& certificates) {
    return packed(cbor::map({{cbor::text("alg"), cbor::integer(-7)},
                             {cbor::text("sig"), cbor::bytes("signature")},
                             {cbor::text("x5c"), certificates}}));
  };
  const std::string whole = cbor::map({fmt, statement, data});
  const std::string garbage = cbor::bytes(std::string(800, '\x30'));
  std::vector<std::pair<std::string, std::string>> objects{
      {"a number", cbor::integer(1)},
      {"a list", cbor::array({fmt.second, statement.second, data.second})},
      {"an empty map", cbor::map({})},
      {"a map without an end", "\xbf" + whole.substr(1) + "\xff"},
      {"a map of 2^64 - 1 pairs", cbor::head(5, UINT64_MAX) + whole.substr(1)},
      {"a map of 2^32 - 1 pairs", cbor::head(5, UINT32_MAX) + whole.substr(1)},
      {"a list of 2^64 - 1 items", cbor::head(4, UINT64_MAX)},
      {"a byte string of 2^64 - 1 bytes", cbor::head(2, UINT64_MAX)},
      {"a text of 2^63 bytes", cbor::head(3, std::uint64_t{1} << 63)},
      {"lists in lists", repeated("\x81", 40'000)},
      {"maps in maps", repeated("\xa1\x01", 20'000)},
      {"lists without an end in lists", repeated("\x9f", 40'000)},
      {"a depth bomb as statement", packed(repeated("\x81", 30'000) + cbor::integer(1))},
      {"a depth bomb as extension",
       cbor::map({fmt,
                  statement,
                  {data.first, cbor::bytes([&] {
                     SoftwareAuthenticator deep = right;
                     deep.extensions = cbor::map({{cbor::text("a"), repeated("\x81", 30'000) + "\x01"}});
                     return deep.authenticator_data(true);
                   }())}})},
      {"a tag", "\xc0" + whole},
      {"tags on tags", repeated("\xc1", 40'000)},
      {"a floating point number", std::string("\xfb\0\0\0\0\0\0\0\0", 9)},
      {"undefined", "\xf7"},
      {"a break", "\xff"},
      {"reserved bits", "\x1c"},
      {"a length in more bytes than it needs", cbor::head(5, 3, 1) + whole.substr(1)},
      {"a text in pieces", cbor::map({{fmt.first, "\x7f\x62no\x62ne\xff"}, statement, data})},
      {"a text that is no UTF-8", cbor::map({{fmt.first, cbor::text("\xff")}, statement, data})},
      {"a format twice", cbor::map({fmt, fmt, statement, data})},
      {"a format in place of the statement", cbor::map({fmt, fmt, data})},
      {"a fourth member", cbor::map({fmt, statement, data, {cbor::text("z"), cbor::integer(1)}})},
      {"no statement", cbor::map({fmt, data})},
      {"a statement that is a list", cbor::map({fmt, {statement.first, cbor::array({})}, data})},
      {"a statement with a key twice",
       packed(cbor::map({{cbor::text("sig"), cbor::bytes("a")}, {cbor::text("sig"), cbor::bytes("b")}}))},
      {"authenticator data as a text", cbor::map({fmt, statement, {data.first, cbor::text("data")}})},
      {"a format that is a number", cbor::map({{fmt.first, cbor::integer(0)}, statement, data})},
      {"something after it", whole + std::string(1, '\0')},
      {"another object after it", whole + whole},
      {"no signature", packed(cbor::map({{cbor::text("alg"), cbor::integer(-7)}}))},
      {"an empty signature",
       packed(cbor::map({{cbor::text("alg"), cbor::integer(-7)}, {cbor::text("sig"), cbor::bytes("")}}))},
      {"an algorithm that is a text",
       packed(cbor::map({{cbor::text("alg"), cbor::text("ES256")}, {cbor::text("sig"), cbor::bytes("x")}}))},
      {"no certificates", signed_by(cbor::array({}))},
      {"2^64 - 1 certificates", signed_by(cbor::head(4, UINT64_MAX))},
      {"nine certificates", signed_by(cbor::head(4, 9) + repeated(cbor::bytes("x"), 9))},
      {"an empty certificate", signed_by(cbor::array({cbor::bytes("")}))},
      {"a certificate of garbage", signed_by(cbor::array({garbage}))},
      {"a certificate of 30,000 bytes", signed_by(cbor::array({cbor::bytes(repeated("\x30\x80", 15'000))}))},
      {"a certificate that is a number", signed_by(cbor::array({cbor::integer(1)}))},
  };
  return objects;
}

std::vector<std::pair<std::string, std::string>> broken_authenticator_data(const std::string& right) {
  const auto with_flags = [&](char flags) {
    std::string changed = right;
    changed[32] = flags;
    return changed;
  };
  const std::string without_credential = right.substr(0, 37);
  return {
      {"nothing", "x"},
      {"36 bytes", right.substr(0, 36)},
      {"a byte too many", right + "\x01"},
      {"a credential announced and not there", without_credential},
      {"extensions announced and not there", with_flags('\xc1')},
      {"a credential there and not announced", with_flags('\x01')},
      {"an id longer than all that follows", right.substr(0, 53) + "\xff\xff" + right.substr(55)},
      {"extensions that are no map", with_flags('\xc1') + cbor::array({})},
      {"extensions with a key twice", with_flags('\xc1') + cbor::map({{cbor::text("a"), cbor::integer(1)},
                                                                      {cbor::text("a"), cbor::integer(2)}})},
      {"extensions of 2^64 - 1 pairs", with_flags('\xc1') + cbor::head(5, UINT64_MAX)},
  };
}

std::vector<std::pair<std::string, std::string>> broken_keys() {
  using mfa::webauthn::Algorithm;
  const std::string point = mfa::test::SigningKey(Algorithm::es256).octets();
  const std::string x = point.substr(1, 32);
  const std::string y = point.substr(33);
  const auto pair = [](int label, const std::string& value) {
    return std::pair(cbor::integer(label), value);
  };
  const auto ec = [&](int alg, int curve, const std::string& first, const std::string& second) {
    return cbor::map({pair(1, cbor::integer(2)), pair(3, cbor::integer(alg)), pair(-1, cbor::integer(curve)),
                      pair(-2, first), pair(-3, second)});
  };
  const auto rsa = [&](const std::string& n, const std::string& e) {
    return cbor::map({pair(1, cbor::integer(3)), pair(3, cbor::integer(-257)), pair(-1, cbor::bytes(n)),
                      pair(-2, cbor::bytes(e))});
  };
  const auto okp = [&](int curve, const std::string& key) {
    return cbor::map({pair(1, cbor::integer(1)), pair(3, cbor::integer(-8)), pair(-1, cbor::integer(curve)),
                      pair(-2, cbor::bytes(key))});
  };
  const std::string e("\x01\x00\x01", 3);
  const auto modulus = [](std::size_t size) { return std::string(size - 1, '\xcd') + '\x01'; };
  std::string off_curve = y;
  off_curve.back() ^= 1;
  return {
      {"no map", cbor::array({})},
      {"an empty map", cbor::map({})},
      {"a point off the curve", ec(-7, 1, cbor::bytes(x), cbor::bytes(off_curve))},
      {"a point at zero", ec(-7, 1, cbor::bytes(std::string(32, '\0')), cbor::bytes(std::string(32, '\0')))},
      {"a point beyond the field", ec(-7, 1, cbor::bytes(std::string(32, '\xff')), cbor::bytes(y))},
      {"a point of another curve's size",
       ec(-7, 1, cbor::bytes(std::string(48, 'x')), cbor::bytes(std::string(48, 'y')))},
      {"another curve's number", ec(-7, 2, cbor::bytes(x), cbor::bytes(y))},
      {"secp256k1", ec(-7, 8, cbor::bytes(x), cbor::bytes(y))},
      {"a curve that no algorithm has", ec(-7, 99, cbor::bytes(x), cbor::bytes(y))},
      {"a short coordinate", ec(-7, 1, cbor::bytes(x.substr(1)), cbor::bytes(y))},
      {"a compressed point", ec(-7, 1, cbor::bytes(x), "\xf5")},
      {"an algorithm for another type of key", ec(-257, 1, cbor::bytes(x), cbor::bytes(y))},
      {"an algorithm that is not verified here", ec(-47, 1, cbor::bytes(x), cbor::bytes(y))},
      {"an algorithm beyond 64 bits",
       cbor::map({pair(1, cbor::integer(2)), {cbor::integer(3), cbor::head(1, UINT64_MAX)}})},
      {"a label twice",
       cbor::map({pair(1, cbor::integer(2)), pair(1, cbor::integer(2)), pair(3, cbor::integer(-7)),
                  pair(-1, cbor::integer(1)), pair(-2, cbor::bytes(x))})},
      {"one label more",
       cbor::map({pair(1, cbor::integer(2)), pair(3, cbor::integer(-7)), pair(-1, cbor::integer(1)),
                  pair(-2, cbor::bytes(x)), pair(-3, cbor::bytes(y)), pair(-4, cbor::bytes("d"))})},
      {"RSA of 1,024 bits", rsa(modulus(128), e)},
      {"RSA of 8,192 bits", rsa(modulus(1024), e)},
      {"RSA with an even modulus", rsa(std::string(256, '\xcc'), e)},
      {"RSA with leading zeros", rsa(std::string(1, '\0') + modulus(256), e)},
      {"RSA with the exponent 1", rsa(modulus(256), "\x01")},
      {"RSA with an even exponent", rsa(modulus(256), std::string("\x01\x00", 2))},
      {"RSA with an exponent of 256 bytes", rsa(modulus(256), modulus(256))},
      {"RSA with no exponent", rsa(modulus(256), "")},
      {"X25519 in place of Ed25519", okp(4, std::string(32, 'x'))},
      {"Ed448's number", okp(7, std::string(57, 'x'))},
      {"Ed25519 of 31 bytes", okp(6, std::string(31, 'x'))},
  };
}

/// Gives each input as the answer to a challenge of its own, and looks at what it did.
class Onslaught {
 public:
  explicit Onslaught(bool registered) : registered_(registered) {
    factor_id = host.enroll({.user = "alan@example.org"});
    if (registered) {
      REQUIRE(to_string(host.register_with(authenticator, factor_id).status()) == "valid");
    }
  }

  WebAuthnHost host;
  SoftwareAuthenticator authenticator;
  std::string factor_id;
  std::size_t count = 0;

  void refuses(const std::string& name, const std::string& answer, const std::string& challenge_id) {
    CAPTURE(name);
    ++count;
    const std::size_t before = mfa::test::allocated;
    const mfa::Status status = host.verify(challenge_id, answer);
    const std::size_t cost = mfa::test::allocated - before;
    CHECK(status != mfa::Status::valid);
    CHECK(cost <= 20 * answer.size() + 100'000);
    host.verifier.unlock_factor(factor_id, mfa::any_user, mfa::by_operator);
  }

  auto challenge() {
    return registered_ ? host.verifier.challenge_factor(factor_id, mfa::any_user)
                       : host.verifier.challenge_enrollment(factor_id, mfa::any_user, {}, mfa::by_operator);
  }

 private:
  bool registered_;
};

} // namespace

TEST_CASE("Every hostile registration is refused and costs little") {
  Onslaught onslaught(false);
  const auto& authenticator = onslaught.authenticator;
  {
    const auto challenge = onslaught.challenge();
    const auto right = authenticator.create(challenge.webauthn_options());
    for (const Input& input : broken_json(right.json(), "attestationObject"))
      onslaught.refuses(input.name, input.answer, challenge.id());
    for (const auto& [name, client_data] : broken_client_data(right.client_data)) {
      const auto fresh = onslaught.challenge();
      auto broken = authenticator.create(fresh.webauthn_options());
      broken.client_data = client_data;
      onslaught.refuses("client data: " + name, broken.json(), fresh.id());
    }
  }
  const auto with_object = [&](const std::string& name, const std::string& object) {
    const auto challenge = onslaught.challenge();
    auto broken = authenticator.create(challenge.webauthn_options());
    broken.attestation_object = object;
    onslaught.refuses(name, broken.json(), challenge.id());
  };
  for (const auto& [name, object] : broken_attestation_objects(authenticator))
    with_object("attestation object: " + name, object);
  const auto object_of = [](const std::string& data) {
    return cbor::map({{cbor::text("fmt"), cbor::text("none")},
                      {cbor::text("attStmt"), cbor::map({})},
                      {cbor::text("authData"), cbor::bytes(data)}});
  };
  for (const auto& [name, data] : broken_authenticator_data(authenticator.authenticator_data(true)))
    with_object("authenticator data: " + name, object_of(data));
  for (const auto& [name, key] : broken_keys()) {
    SoftwareAuthenticator with_key = authenticator;
    with_key.cose = key;
    with_object("key: " + name, object_of(with_key.authenticator_data(true)));
  }
  CHECK(onslaught.count >= 130);
  // After all that, the right one is taken.
  CHECK(to_string(onslaught.host.register_with(authenticator, onslaught.factor_id).status()) == "valid");
}

TEST_CASE("Every hostile sign-in is refused and costs little") {
  Onslaught onslaught(true);
  const auto& authenticator = onslaught.authenticator;
  const auto first = onslaught.challenge();
  const auto right = authenticator.get(first.webauthn_options());
  for (const Input& input : broken_json(right.json(), "authenticatorData"))
    onslaught.refuses(input.name, input.answer, onslaught.challenge().id());
  const auto with = [&](const std::string& name, std::string mfa::test::AssertionParts::*part,
                        const std::string& bytes) {
    const auto challenge = onslaught.challenge();
    auto broken = authenticator.get(challenge.webauthn_options());
    broken.*part = bytes;
    onslaught.refuses(name, broken.json(), challenge.id());
  };
  using Parts = mfa::test::AssertionParts;
  for (const auto& [name, client_data] : broken_client_data(right.client_data))
    with("client data: " + name, &Parts::client_data, client_data);
  with("authenticator data of a registration", &Parts::authenticator_data,
       authenticator.authenticator_data(true));
  with("authenticator data with a byte more", &Parts::authenticator_data, right.authenticator_data + "\x01");
  with("authenticator data with a byte less", &Parts::authenticator_data,
       right.authenticator_data.substr(0, 36));
  with("a signature of 40,000 bytes", &Parts::signature, std::string(40'000, '\x30'));
  with("a signature of zeros", &Parts::signature, std::string(64, '\0'));
  with("a signature with r and s of zero", &Parts::signature,
       std::string("\x30\x06\x02\x01\x00\x02\x01\x00", 8));
  with("a signature with a byte more", &Parts::signature, right.signature + std::string(1, '\0'));
  with("a signature with a length bomb", &Parts::signature, "\x30\x84\xff\xff\xff\xff");
  with("another credential's id", &Parts::credential_id, std::string(1023, 'c'));
  CHECK(onslaught.count >= 65);
  CHECK(onslaught.host.sign_in_with(authenticator, onslaught.factor_id).valid());
}

TEST_CASE("An answer that ends at any byte before its last is refused") {
  for (const bool registered : {false, true}) {
    Onslaught onslaught(registered);
    const auto challenge = onslaught.challenge();
    const std::string& options = challenge.webauthn_options();
    const auto& authenticator = onslaught.authenticator;
    const std::string right =
        registered ? authenticator.get(options).json() : authenticator.create(options).json();
    for (std::size_t size = 0; size < right.size(); ++size)
      onslaught.refuses("the first bytes", right.substr(0, size), challenge.id());
    if (registered) continue;
    const auto parts = authenticator.create(options);
    for (std::size_t size = 1; size < parts.attestation_object.size(); ++size) {
      auto cut = parts;
      cut.attestation_object.resize(size);
      onslaught.refuses("the attestation object's first bytes", cut.json(), challenge.id());
    }
    CHECK(challenge.confirm(right).confirmed());
  }
}

TEST_CASE("An answer of ten megabytes is refused before it is read") {
  Onslaught onslaught(true);
  const auto challenge = onslaught.challenge();
  const std::string large = "{\"a\":\"" + std::string(10'000'000, 'a') + "\"}";
  const std::size_t before = mfa::test::allocated;
  CHECK(mfa::test::thrown_by([&] { return challenge.verify(large); }) == mfa::errc::invalid_argument);
  CHECK(mfa::test::allocated - before < 10'000);
}

TEST_CASE("Text that is not UTF-8 is an error of the options, and no exception of the JSON library") {
  const auto party = mfa::webauthn::relying_party(example_settings());
  for (const std::string& text :
       {"caf\xe9"s, "\xff"s, "\xed\xa0\x80"s, "\xf4\x90\x80\x80"s, "cut \xe2\x82"s}) {
    const std::vector<mfa::webauthn::CredentialDescriptor> named{{.id = "id", .transports = {text}}};
    CHECK(thrown_by([&] { return party->creation_options({.user = text}); }) == errc::invalid_argument);
    CHECK(thrown_by([&] { return party->creation_options({.user = "u", .display_name = text}); }) ==
          errc::invalid_argument);
    CHECK(thrown_by([&] { return party->creation_options({.user = "u", .exclude = named}); }) ==
          errc::invalid_argument);
    CHECK(thrown_by([&] { return party->request_options({.allow = named}); }) == errc::invalid_argument);
    WebAuthnHost host;
    CHECK(thrown_by([&] { return host.enroll({.user = text}); }) == errc::invalid_argument);
    CHECK(thrown_by([&] { return host.enroll({.user = "u", .display_name = text}); }) ==
          errc::invalid_argument);
  }
}
