// Registrations and sign-ins that others recorded, with authenticators and browsers of theirs, each by the
// default settings, with every algorithm and format taken, and with every attestation verified; and for each
// that is accepted its twins, which differ in one thing only and are refused for that. The specification's
// own are in the tree. Those of other libraries' test suites are fetched by recorded_ceremonies.py from the
// packages that these are published in. MFA_RECORDED_CEREMONIES may name a file of more.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/sha256.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/error.hpp>
#include <mfa/status.hpp>
#include <mfa/webauthn/relying_party.hpp>

#include "support/catch.hpp"
#include "support/webauthn.hpp"

namespace {

using mfa::Status;
using namespace mfa::webauthn;
using mfa::test::Vector;
using mfa::test::Vectors;
using Json = nlohmann::json;

constexpr std::array<const char*, 3> ways{"default", "lenient", "strict"};

/// How a ceremony is looked at; each name is a member of the data, which says what comes of it.
///  - default: as the library comes, of these origins;
///  - lenient: every algorithm, frames of the origins told, U2F's AppID, and no attestation needed;
///  - strict: the same, but what is attested must be verified.
RelyingPartySettings settings(std::string_view way, const Json& ceremony) {
  RelyingPartySettings all{.id = ceremony.at("rp"), .name = "Recorded", .origins = {ceremony.at("origin")}};
  if (way == "default") return all;
  all.algorithms = {Algorithm::es256, Algorithm::eddsa, Algorithm::es384, Algorithm::es512, Algorithm::rs256};
  all.allow_cross_origin = true;
  if (ceremony.contains("appid")) all.u2f_app_id = ceremony.at("appid");
  if (ceremony.contains("top")) all.top_origins = {ceremony.at("top")};
  all.android_software_keys = true;
  all.unverified_formats = way == "strict" ? UnverifiedFormats::refuse : UnverifiedFormats::ignore;
  return all;
}

/// Of base64url or base64, as the sources have it.
std::string bytes(const Json& object, const char* name) {
  std::string text = object.at(name);
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  const auto decoded = mfa::detail::base64url_decode(text);
  if (!decoded) throw std::invalid_argument(std::string(name) + " is no base64url");
  return *decoded;
}

/// A ceremony as it is put to the library. What its twins change of it is here.
struct Ceremony {
  RelyingPartySettings settings;
  Expectation expected;
  bool registration = false;
  Json answer;
  Credential credential = {}; ///< of a sign-in

  [[nodiscard]] std::string part(const char* name) const { return bytes(answer.at("response"), name); }
  void set(const char* name, const std::string& value) {
    answer["response"][name] = mfa::detail::base64url(value);
  }
  void set_id(const std::string& id) { answer["id"] = answer["rawId"] = mfa::detail::base64url(id); }
};

std::function<bool(std::string_view)> exactly(const std::string& challenge) {
  return [challenge](std::string_view given) { return given == challenge; };
}

constexpr std::int64_t now = 1'764'201'600; // 2025-11-27, for those that need no other time

Ceremony ceremony_of(const Json& data, std::string_view way) {
  Ceremony ceremony{.settings = settings(way, data),
                    .expected = {.is_challenge = exactly(bytes(data, "challenge")),
                                 .now = mfa::Time(std::chrono::seconds(data.value("now", now))),
                                 .user_may_be_absent = data.value("conditional", false)},
                    .registration = data.at("type") == "create",
                    .answer = data.at("response")};
  if (data.contains("handle")) ceremony.expected.user_handle = bytes(data, "handle");
  if (!ceremony.registration)
    ceremony.credential = {.id = bytes(ceremony.answer, "id"),
                           .public_key = bytes(data, "key"),
                           .sign_count = data.value("count", 0U),
                           .backup_eligible = data.value("backup_eligible", false),
                           .u2f = data.contains("appid")};
  return ceremony;
}

std::string status_of(const Ceremony& ceremony) try {
  const auto party = relying_party(ceremony.settings);
  const std::string answer = ceremony.answer.dump();
  if (ceremony.registration)
    return std::string(to_string(party->verify_registration(answer, ceremony.expected).status));
  return std::string(
      to_string(party->verify_assertion(answer, ceremony.expected, ceremony.credential).status));
} catch (const mfa::Error& error) {
  // The settings cannot name such an origin, so that its sign-ins cannot be taken.
  if (error.code() != mfa::errc::invalid_argument) throw;
  return "settings_refused";
}

// Authenticator data (WebAuthn section 6.1): the hash of the relying party's id, flags, count.
constexpr std::size_t last_of_hash = 31;
constexpr std::size_t flags_at = 32;
constexpr std::size_t last_of_count = 36;
constexpr char user_present = 0x01;
constexpr char user_verified = 0x04;
constexpr char backup_eligible = 0x08;
constexpr char backed_up = 0x10;

struct Twin {
  std::string name;
  std::string status;
  std::function<void(Ceremony&)> change;
};

/// Where authenticator data are in the part of that name.
std::size_t authenticator_data_in(const Ceremony& ceremony, const std::string& part) {
  if (!ceremony.registration) return 0;
  const auto hash = mfa::crypto::sha256(ceremony.settings.id);
  return part.find(mfa::crypto::text_of(hash));
}

/// Changes a byte of the authenticator data.
std::function<void(Ceremony&)> data_byte(std::size_t at, const std::function<char(char)>& change) {
  return [=](Ceremony& ceremony) {
    const char* const name = ceremony.registration ? "attestationObject" : "authenticatorData";
    std::string part = ceremony.part(name);
    char& byte = part.at(authenticator_data_in(ceremony, part) + at);
    byte = change(byte);
    ceremony.set(name, part);
  };
}

std::function<void(Ceremony&)> flags(char without, char with = 0) {
  return data_byte(flags_at, [=](char given) { return static_cast<char>((given & ~without) | with); });
}

std::vector<Twin> twins_of_both() {
  return {
      {"another challenge", "wrong_challenge",
       [](Ceremony& c) { c.expected.is_challenge = exactly("another challenge"); }},
      {"the other kind of ceremony", "wrong_challenge",
       [](Ceremony& c) {
         std::string client = c.part("clientDataJSON");
         const std::string type = c.registration ? "webauthn.create" : "webauthn.get";
         client.replace(client.find(type), type.size(), c.registration ? "webauthn.get" : "webauthn.create");
         c.set("clientDataJSON", client);
       }},
      {"another page", "wrong_origin",
       [](Ceremony& c) { c.settings.origins = {"https://other." + c.settings.id}; }},
      {"another relying party", "wrong_relying_party",
       data_byte(last_of_hash, [](char given) { return static_cast<char>(given ^ 1); })},
      {"nobody there", "user_not_present",
       [](Ceremony& c) {
         c.expected.user_may_be_absent = false;
         flags(user_present)(c);
       }},
      {"no PIN, though one is wanted", "user_not_verified",
       [](Ceremony& c) {
         c.expected.user_verification = UserVerification::required;
         flags(user_verified)(c);
       }},
      {"copied, though it cannot be", "unsupported_credential", flags(backup_eligible, backed_up)},
      {"another credential's id", "wrong_credential", [](Ceremony& c) { c.set_id("another credential"); }}};
}

/// Whether anything signs what the browser and the authenticator say: by the strict settings, whatever is
/// attested.
bool is_signed(const Ceremony& ceremony, const std::string& format) {
  return ceremony.settings.unverified_formats == UnverifiedFormats::refuse
             ? format != "none"
             : format == "packed" || format == "fido-u2f";
}

/// Where the signature of an attestation ends; 0 if it has none.
std::size_t end_of_signature(const std::string& object) {
  const auto name = object.find("\x63sig");
  if (name == std::string::npos) return 0;
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(object.at(name + 4 + at)); };
  constexpr unsigned char one_byte_of_length = 0x58, two_bytes_of_length = 0x59;
  if (byte(0) == one_byte_of_length) return name + 4 + 2 + byte(1);
  if (byte(0) == two_bytes_of_length)
    return name + 4 + 3 + (static_cast<std::size_t>(byte(1)) << 8 | byte(2));
  return 0;
}

std::vector<Twin> twins_of_registration(const Json& data, const Ceremony& ceremony) {
  std::vector<Twin> twins = twins_of_both();
  const std::int64_t algorithm = data.at("alg");
  twins.push_back({"an algorithm that was not asked for", "unsupported_credential", [=](Ceremony& c) {
                     c.settings.algorithms = {algorithm == -8 ? Algorithm::es384 : Algorithm::eddsa};
                   }});
  if (!is_signed(ceremony, data.at("format"))) return twins;
  twins.push_back({"client data that were changed after the signature", "attestation_refused",
                   [](Ceremony& c) { c.set("clientDataJSON", c.part("clientDataJSON") + ' '); }});
  if (data.at("format") != "fido-u2f") // which signs no count
    twins.push_back({"another count than was signed", "attestation_refused",
                     data_byte(last_of_count, [](char given) { return static_cast<char>(given ^ 1); })});
  const std::string object = ceremony.part("attestationObject");
  if (const auto at = end_of_signature(object); at != 0)
    twins.push_back({"a bit of the attestation's signature", "attestation_refused", [=](Ceremony& c) {
                       std::string changed = object;
                       changed.at(at - 1) = static_cast<char>(changed.at(at - 1) ^ 1);
                       c.set("attestationObject", changed);
                     }});
  return twins;
}

std::vector<Twin> twins_of_sign_in(const Ceremony& ceremony, const std::string& other_key) {
  std::vector<Twin> twins = twins_of_both();
  const std::string told = ceremony.part("authenticatorData");
  const auto data = parse_authenticator_data(mfa::crypto::bytes_of(told));
  REQUIRE(data);
  const std::uint32_t count = data->sign_count;
  const bool eligible = data->backup_eligible();
  twins.push_back({"a bit of the signature", "wrong_signature", [](Ceremony& c) {
                     std::string signature = c.part("signature");
                     signature.back() = static_cast<char>(signature.back() ^ 1);
                     c.set("signature", signature);
                   }});
  twins.push_back({"client data that were changed after the signature", "wrong_signature",
                   [](Ceremony& c) { c.set("clientDataJSON", c.part("clientDataJSON") + ' '); }});
  twins.push_back({"a PIN that was not shown", "wrong_signature",
                   data_byte(flags_at, [](char given) { return static_cast<char>(given ^ user_verified); })});
  twins.push_back({"another credential's key", "wrong_signature",
                   [=](Ceremony& c) { c.credential.public_key = other_key; }});
  twins.push_back({"another user's handle", "wrong_credential",
                   [](Ceremony& c) { c.set("userHandle", "another user" + c.expected.user_handle); }});
  twins.push_back({"a count that did not go up", "cloned_authenticator", [=](Ceremony& c) {
                     c.settings.synced_passkeys = SyncedPasskeys::refuse;
                     c.credential.backup_eligible = eligible;
                     c.credential.sign_count = std::max(count, 1U);
                   }});
  twins.push_back({"bound to its device or not, the other way round", "wrong_credential", [=](Ceremony& c) {
                     c.settings.synced_passkeys = SyncedPasskeys::refuse;
                     c.credential.backup_eligible = !eligible;
                   }});
  return twins;
}

struct Figures {
  std::size_t ceremonies = 0;
  std::size_t registrations = 0;
  std::set<std::string> projects, formats;
  std::map<std::string, std::size_t> accepted; ///< by way
  std::size_t twins = 0;
  std::size_t differing = 0; ///< from what their source expects
};

/// Runs one, and its twins where it is accepted.
void run(const Json& data, const std::string& other_key, Figures& figures) {
  const std::string at = data.at("at");
  INFO(at << " (" << data.value("why", "no word on it") << ')');
  ++figures.ceremonies;
  figures.registrations += data.at("type") == "create" ? 1 : 0;
  figures.projects.insert(at.substr(0, at.find(' ')));
  if (data.contains("format")) figures.formats.insert(data.at("format"));
  // Where something else comes of it than in its source, there is a word on that.
  const auto differs = [&](const char* way) {
    return (data.at(way) == "valid") != (data.value("source", "valid") == "valid");
  };
  const bool any = std::ranges::any_of(ways, differs);
  CHECK((data.contains("why") || !any));
  figures.differing += any ? 1 : 0;

  for (const char* const way : ways) {
    INFO(way);
    const Ceremony ceremony = ceremony_of(data, way);
    const std::string status = status_of(ceremony);
    CHECK(status == data.at(way).get<std::string>());
    if (status != "valid") continue;
    ++figures.accepted[way];
    for (const Twin& twin : ceremony.registration ? twins_of_registration(data, ceremony)
                                                  : twins_of_sign_in(ceremony, other_key)) {
      INFO(twin.name);
      Ceremony changed = ceremony;
      twin.change(changed);
      CHECK(status_of(changed) == twin.status);
      ++figures.twins;
    }
  }
}

Figures run_all(const Json& ceremonies) {
  // Another sign-in's key, of whatever algorithm: it did not sign this one.
  std::set<std::string> keys;
  for (const Json& data : ceremonies)
    if (data.contains("key")) keys.insert(bytes(data, "key"));
  Figures figures;
  for (const Json& data : ceremonies) {
    const bool last = data.contains("key") && bytes(data, "key") == *keys.rbegin();
    run(data, last ? *keys.begin() : *keys.rbegin(), figures);
  }
  std::printf("%zu ceremonies of %zu sources (%zu registrations of %zu formats, %zu sign-ins): accepted %zu "
              "by default, %zu with all algorithms and formats, %zu with every attestation verified; %zu "
              "twins refused; %zu otherwise than their source has it\n",
              figures.ceremonies, figures.projects.size(), figures.registrations, figures.formats.size(),
              figures.ceremonies - figures.registrations, figures.accepted["default"],
              figures.accepted["lenient"], figures.accepted["strict"], figures.twins, figures.differing);
  return figures;
}

/// One of the specification's in the form of the recorded ones.
Json as_recorded(const Vector& vector, bool registration, const Vectors& all) {
  const auto key = CoseKey::parse(mfa::crypto::bytes_of(vector.public_key));
  const bool common = key && key->algorithm() != -35 && key->algorithm() != -36;
  // The statement of "android-key" lacks what section 8.4 wants: see webauthn_vectors.
  const bool right = vector.format != "android-key";
  Json data{{"at", "w3c/webauthn " + vector.section + ' ' + vector.title},
            {"type", registration ? "create" : "get"},
            {"rp", all.rp_id},
            {"origin", all.origin},
            {"challenge", mfa::detail::base64url(registration ? vector.registration_challenge
                                                              : vector.assertion_challenge)},
            {"response", Json::parse(registration ? vector.registration.json() : vector.assertion.json())},
            {"default", vector.cross_origin       ? "wrong_origin"
                        : registration && !common ? "unsupported_credential"
                                                  : "valid"},
            {"lenient", "valid"},
            {"strict", registration && !right ? "attestation_refused" : "valid"},
            {"why", "Frames and some algorithms are no default; one statement is not right."}};
  if (!vector.top_origin.empty()) data["top"] = vector.top_origin;
  if (registration) data.update({{"format", vector.format}, {"alg", key->algorithm()}});
  if (!registration)
    data.update(
        {{"key", mfa::detail::base64url(vector.public_key)},
         {"backup_eligible", (vector.assertion.authenticator_data.at(flags_at) & backup_eligible) != 0}});
  return data;
}

} // namespace

TEST_CASE("The specification's ceremonies come to what it says, and their twins to what is wrong with them") {
  const auto all = mfa::test::read_vectors(MFA_SOURCE_DIRECTORY "/tests/webauthn");
  Json ceremonies = Json::array();
  for (const Vector& vector : all.vectors)
    for (const bool registration : {true, false})
      ceremonies.push_back(as_recorded(vector, registration, all));
  const Figures figures = run_all(ceremonies);
  CHECK(figures.ceremonies == 28);
  CHECK(figures.accepted.at("lenient") == 28);
}

TEST_CASE("Ceremonies of other libraries' test suites come to what is foreseen, and so do their twins") {
  std::ifstream file(MFA_RECORDINGS "/ceremonies.json");
  if (!file) FAIL("CTest fetches them first: ctest -R recorded_ceremonies");
  const Json fetched = Json::parse(file);
  const Figures figures = run_all(fetched.at("ceremonies"));
  const Json& missing = fetched.at("missing");
  if (missing.empty()) {
    CHECK(figures.ceremonies == 94);
    CHECK(figures.projects.size() == 10);
    CHECK(figures.formats == std::set<std::string>{"android-key", "android-safetynet", "apple", "fido-u2f",
                                                   "none", "packed", "tpm"});
  } else {
    WARN("only the ceremonies of the other packages ran, without " << missing.dump());
  }
}

TEST_CASE("The ceremonies of the file that MFA_RECORDED_CEREMONIES names come to what it says") {
  const char* const named = std::getenv("MFA_RECORDED_CEREMONIES");
  if (named == nullptr) return;
  std::ifstream file(named);
  CHECK(run_all(Json::parse(file).at("ceremonies")).ceremonies > 0);
}
