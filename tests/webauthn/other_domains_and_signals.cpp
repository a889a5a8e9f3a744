// A relying party of several domains and apps, what it tells password managers, and the security keys that it
// has from before WebAuthn.
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/webauthn/related_origins.hpp>
#include <mfa/webauthn/signals.hpp>
#include <mfa/webauthn/u2f.hpp>

#include "support/catch.hpp"
#include "support/edited_record.hpp"
#include "support/webauthn_host.hpp"

namespace {

using mfa::errc;
using mfa::test::SoftwareAuthenticator;
using mfa::test::thrown_by;
using mfa::test::WebAuthnHost;
using mfa::webauthn::RelyingPartySettings;
using Json = nlohmann::json;

RelyingPartySettings with_related(std::vector<std::string> origins) {
  auto settings = mfa::test::example_settings();
  settings.related_origins = std::move(origins);
  return settings;
}

RelyingPartySettings with_app_id(std::string app_id) {
  auto settings = mfa::test::example_settings();
  settings.u2f_app_id = std::move(app_id);
  return settings;
}

constexpr auto app_id = "https://example.org/app-id.json";

/// A host whose user has a security key of before, for the AppID.
struct U2fHost {
  explicit U2fHost(RelyingPartySettings settings = with_app_id(app_id))
      : host(std::move(settings), options()) {
    key.rp_id = app_id;
    SoftwareAuthenticator registered = key;
    registered.rp_id = "example.org";
    factor_id = host.registered(registered);
  }

  /// As an import leaves it.
  void import_as_u2f() {
    mfa::storage::Batch batch;
    batch.factors.push_back(mfa::test::edited(*host.storage.find_factor(factor_id), keys, [](auto& factor) {
      auto parameters = mfa::webauthn::decode_parameters(factor);
      parameters.u2f = true;
      factor.parameters = encode(parameters);
    }));
    REQUIRE(host.storage.commit(batch));
  }

  /// What comes of a sign-in, where the browser says this of the extension.
  std::string sign_in(const Json& said) {
    ++key.sign_count;
    const auto challenge = host.verifier.challenge_factor(factor_id, mfa::any_user);
    asked = Json::parse(challenge.webauthn_options());
    Json answer = Json::parse(key.get(challenge.webauthn_options()).json());
    if (!said.is_null()) answer["clientExtensionResults"]["appid"] = said;
    return std::string(to_string(challenge.verify(answer.dump()).status()));
  }

  const mfa::KeyRing keys = mfa::KeyRing::generate();
  WebAuthnHost host;
  SoftwareAuthenticator key;
  std::string factor_id;
  Json asked; ///< at the last sign-in

 private:
  [[nodiscard]] mfa::Options options() const {
    mfa::Options options;
    options.key_ring = keys;
    return options;
  }
};

} // namespace

TEST_CASE("Pages of related domains may ask for the id's credentials, and no others") {
  struct Row {
    std::string origin;
    std::string expected;
  };
  const std::vector<Row> rows{
      {"https://example.org", "valid"},
      {"https://example.com", "valid"},
      {"https://shop.example.co.uk", "valid"},
      {"https://example.co.uk", "wrong_origin"},
      {"https://www.example.com", "wrong_origin"},
      {"https://example.com.evil.com", "wrong_origin"},
      {"https://example.com:8443", "wrong_origin"},
      {"http://example.com", "wrong_origin"},
  };
  WebAuthnHost host(with_related({"https://example.com", "https://shop.example.co.uk"}));
  for (const Row& row : rows) {
    CAPTURE(row.origin);
    SoftwareAuthenticator authenticator;
    authenticator.credential_id = "made on " + row.origin;
    const std::string id = host.registered(authenticator);
    authenticator.origin = row.origin;
    CHECK(to_string(host.sign_in_with(authenticator, id).status()) == row.expected);
    authenticator.credential_id += ", anew";
    CHECK(to_string(host.register_with(authenticator, host.enroll()).status()) == row.expected);
  }
  SoftwareAuthenticator of_their_id; // a browser asks for the id's credentials, not for those of the page
  of_their_id.credential_id = "of another id";
  const std::string id = host.registered(of_their_id);
  of_their_id.origin = "https://example.com";
  of_their_id.rp_id = "example.com";
  CHECK(to_string(host.sign_in_with(of_their_id, id).status()) == "wrong_relying_party");
}

TEST_CASE("The document for /.well-known/webauthn lists the related origins") {
  const auto settings = with_related({"https://example.com", "https://shop.example.co.uk:8443"});
  CHECK(Json::parse(mfa::webauthn::related_origins_json(settings)) ==
        Json{{"origins", {"https://example.com", "https://shop.example.co.uk:8443"}}});
  CHECK(Json::parse(mfa::webauthn::related_origins_json(mfa::test::example_settings())) ==
        Json{{"origins", Json::array()}});
  CHECK(thrown_by([] { return mfa::webauthn::related_origins_json(with_related({"example.com"})); }) ==
        errc::invalid_argument);
}

TEST_CASE(
    "Related origins are those that browsers could take: five names of domains, none of them the id's") {
  const auto taken = [](const std::vector<std::string>& origins) {
    try {
      return mfa::webauthn::relying_party(with_related(origins)) != nullptr;
    } catch (const mfa::Error& error) {
      CHECK(error.code() == errc::invalid_argument);
      CHECK_THAT(error.what(), mfa::test::contains("RelyingPartySettings::related_origins "));
      return false;
    }
  };
  struct Row {
    std::vector<std::string> origins;
    bool expected;
  };
  const std::string s = "https://";
  const std::vector<Row> rows{
      {{"https://example.com"}, true},
      {{"https://notexample.org"}, true},
      {{"https://login.example.org"}, false}, // below the id: one of `origins`
      {{"https://example.org"}, false},
      {{"http://example.com"}, false},
      {{"http://localhost:8080"}, false},
      {{"https://example.com/"}, false},
      {{"https://*.example.com"}, false},
      {{"example.com"}, false},
      {{"chrome-extension://abcdefghijklmnopabcdefghijklmnop"}, false},
      {{s + "a.com", s + "b.com", s + "c.com", s + "d.com", s + "e.com"}, true},
      {{s + "a.com", s + "b.com", s + "c.com", s + "d.com", s + "e.com", s + "f.com"}, false},
      // One name, in many countries and below many domains, as shops have it:
      {{s + "shop.com", s + "shop.de", s + "shop.fr", s + "shop.co.uk", s + "www.shop.co.jp",
        s + "shop.com.au", s + "shop.com.br", s + "login.shop.nl", s + "a.b.shop.it"},
       true},
      {{s + "a.com", s + "b.co.uk", s + "c.com.au", s + "d.de", s + "e.fr", s + "www.f.co.jp"}, false},
      {{s + "a.com", s + "b.co.uk", s + "c.com.au", s + "d.de", s + "e.fr", s + "www.e.co.jp"}, true},
      {{s + "co.uk"}, true}, // not ours to judge
  };
  for (const Row& row : rows) {
    CAPTURE(row.origins);
    CHECK(taken(row.origins) == row.expected);
  }
}

TEST_CASE("An iOS app, and an app of Android that is its site's own, answer with the domain's origin") {
  WebAuthnHost host; // nothing to list for an app with the associated domain example.org
  const SoftwareAuthenticator app;
  const std::string id = host.registered(app);
  CHECK(host.sign_in_with(app, id).valid());
}

TEST_CASE("Signals name the id, the user's handle and credentials, and go into a page as they are") {
  namespace signals = mfa::webauthn::signals;
  WebAuthnHost host;
  std::vector<std::string> ids;
  for (const std::string name : {"first", "second"}) {
    SoftwareAuthenticator authenticator;
    authenticator.credential_id = name;
    ids.push_back(host.registered(authenticator));
    host.clock.advance(std::chrono::seconds(1));
  }
  (void)host.enroll(); // never confirmed
  (void)host.verifier.enroll_factor(mfa::GenericOtp{.user_id = "u_42"}, mfa::by_operator);
  SoftwareAuthenticator of_another;
  of_another.credential_id = "another user's";
  host.registered(of_another, {.user = "ada", .user_id = "u_43"});

  const auto factors = host.verifier.list_factors("u_42");
  const std::string handle = host.verifier.get_factor(ids.at(0), mfa::any_user).webauthn()->user_handle;
  const auto credential = [](const char* name) { return mfa::detail::base64url(name); };
  const auto all = [&](const auto& listed) {
    return Json::parse(signals::all_accepted_credentials("example.org", handle, listed));
  };
  CHECK(all(factors) == Json{{"rpId", "example.org"},
                             {"userId", handle},
                             {"allAcceptedCredentialIds", {credential("first"), credential("second")}}});
  auto with_others = factors;
  for (const auto& factor : host.verifier.list_factors("u_43")) with_others.push_back(factor);
  CHECK(all(with_others) == all(factors)); // of another handle

  host.verifier.delete_factor(ids.at(0), "u_42", mfa::by_operator);
  CHECK(all(host.verifier.list_factors("u_42")).at("allAcceptedCredentialIds") == Json{credential("second")});
  host.verifier.delete_factor(ids.at(1), "u_42", mfa::by_operator);
  CHECK(all(host.verifier.list_factors("u_42")).at("allAcceptedCredentialIds") == Json::array());

  CHECK(Json::parse(signals::unknown_credential("example.org", credential("first"))) ==
        Json{{"rpId", "example.org"}, {"credentialId", credential("first")}});
  CHECK(Json::parse(signals::current_user_details("example.org", handle, "alan@example.org",
                                                  "Alan Turing")) == Json{{"rpId", "example.org"},
                                                                          {"userId", handle},
                                                                          {"name", "alan@example.org"},
                                                                          {"displayName", "Alan Turing"}});
  const std::string hostile = signals::current_user_details("example.org", handle, "</script>", "");
  CHECK(hostile.find('<') == std::string::npos);
  CHECK(Json::parse(hostile).at("displayName") == "</script>");

  for (const std::string_view wrong : {"", "a", "YQ==", "a b"}) {
    CAPTURE(wrong);
    CHECK(thrown_by([&] { return signals::unknown_credential("example.org", wrong); }) ==
          errc::invalid_argument);
    CHECK(thrown_by([&] { return signals::all_accepted_credentials("example.org", wrong, factors); }) ==
          errc::invalid_argument);
    CHECK(thrown_by([&] { return signals::current_user_details("example.org", wrong, "a", ""); }) ==
          errc::invalid_argument);
  }
}

TEST_CASE("A security key of U2F answers for the AppID, and the AppID is asked for where there is one") {
  U2fHost u2f;
  CHECK(u2f.sign_in(true) == "wrong_relying_party"); // a credential of WebAuthn, whatever the browser says
  CHECK_FALSE(u2f.asked.contains("extensions"));
  u2f.import_as_u2f();
  CHECK(u2f.sign_in(true) == "valid");
  CHECK(u2f.asked.at("extensions") == Json{{"appid", app_id}});
  CHECK(u2f.sign_in(nullptr) == "valid"); // as bridges leave it out
  CHECK(u2f.sign_in("yes") == "valid");
  CHECK(u2f.sign_in(false) == "wrong_relying_party");
  u2f.key.rp_id = "example.org"; // a credential of WebAuthn that was imported as one of U2F
  CHECK(u2f.sign_in(nullptr) == "valid");
  CHECK(u2f.sign_in(false) == "valid");
  CHECK(u2f.sign_in(true) == "wrong_relying_party");
  for (const std::string other :
       {"https://example.org", "https://example.org/app-id.json/", "example.com", ""}) {
    CAPTURE(other);
    u2f.key.rp_id = other;
    CHECK(u2f.sign_in(true) == "wrong_relying_party");
    CHECK(u2f.sign_in(nullptr) == "wrong_relying_party");
  }
}

TEST_CASE("The AppID counts for sign-ins of such keys alone, and only if it is set") {
  U2fHost u2f;
  u2f.import_as_u2f();
  SoftwareAuthenticator made_for_app_id;
  made_for_app_id.credential_id = "a new one";
  made_for_app_id.rp_id = app_id;
  const auto registration = u2f.host.register_with(made_for_app_id, u2f.host.enroll());
  CHECK(to_string(registration.status()) == "wrong_relying_party");
  // So that no key of U2F is registered a second time:
  const auto enrolled =
      u2f.host.verifier.enroll_factor(mfa::WebAuthn{.user = "alan", .user_id = "u_42"}, mfa::by_operator);
  CHECK(Json::parse(enrolled.webauthn.creation_options).at("extensions") == Json{{"appidExclude", app_id}});
  CHECK(enrolled.factor.challenge_enrollment({}, mfa::by_operator).webauthn_options() ==
        enrolled.webauthn.creation_options);

  U2fHost without(mfa::test::example_settings());
  without.import_as_u2f();
  CHECK(without.sign_in(true) == "wrong_relying_party");
  CHECK_FALSE(without.asked.contains("extensions"));
  without.key.rp_id = ""; // the hash of no AppID
  CHECK(without.sign_in(true) == "wrong_relying_party");
  CHECK(without.sign_in(nullptr) == "wrong_relying_party");
}

TEST_CASE("An AppID is a URL of https") {
  for (const char* const good :
       {"https://example.org", "https://example.org/", "https://www.example.org:8443/a?b"})
    CHECK(mfa::webauthn::relying_party(with_app_id(good)) != nullptr);
  for (const std::string bad :
       {"example.org", "http://example.org", "https://", "https://Example.org", "https://example.org/a b",
        "https://example.org/\n", "ftp://example.org", "https://example.org/\xc3\xa9"}) {
    CAPTURE(bad);
    CHECK(thrown_by([&] { return mfa::webauthn::relying_party(with_app_id(bad)); }) ==
          errc::invalid_argument);
  }
  CHECK(thrown_by([] {
          return mfa::webauthn::relying_party(with_app_id("https://example.org/" + std::string(1024, 'a')));
        }) == errc::invalid_argument);
}

TEST_CASE("A public key of U2F is the COSE key of the same point") {
  const SoftwareAuthenticator authenticator;
  const std::string point = authenticator.key.octets();
  CHECK(mfa::webauthn::u2f_public_key(point) == authenticator.key.cose());
  CHECK_FALSE(mfa::webauthn::u2f_public_key(point.substr(1)));
  CHECK_FALSE(mfa::webauthn::u2f_public_key(point + "x"));
  CHECK_FALSE(mfa::webauthn::u2f_public_key("\x02" + point.substr(1)));
}

TEST_CASE("Nodes whose settings differ in what decides security are told apart") {
  const auto told = [](const RelyingPartySettings& settings) {
    return mfa::webauthn::relying_party(settings)->security_settings();
  };
  const std::string plain = told(mfa::test::example_settings());
  std::vector<std::string> all{plain, told(with_related({"https://example.com"})), told(with_app_id(app_id))};
  for (const auto bound : {mfa::webauthn::DeviceBound::new_ones, mfa::webauthn::DeviceBound::always}) {
    auto settings = mfa::test::example_settings();
    settings.device_bound = bound;
    all.push_back(told(settings));
  }
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t k = 0; k < i; ++k) CHECK(all[i] != all[k]);
  CHECK(told(with_related({"https://a.com", "https://b.com"})) ==
        told(with_related({"https://b.com", "https://a.com"})));
}
