// Users move in with what other systems keep of them, in the forms of docs/import.md: each row becomes a
// factor that takes the codes of what its user holds, or is refused for what the page says.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/import.hpp>
#include <mfa/mfa.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/otp/seed.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/token_csv.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using mfa::ImportLine;
using mfa::ImportOutcome;
using mfa::ImportToken;
using mfa::TextEncoding;
using mfa::crypto::Hash;
using mfa::test::Host;
using nlohmann::json;
using namespace std::chrono_literals;

namespace {

const std::string secret = "12345678901234567890";
const std::string in_base32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const std::string in_hex = "3132333435363738393031323334353637383930";

/// What the user holds.
struct Held {
  std::string secret = ::secret;
  mfa::otp::CodeFormat format = {};
  std::chrono::seconds period{30};
  std::optional<std::uint64_t> counter = {};
  int steps_ahead = 0;
};

struct Row {
  const char* from;
  ImportToken token;
  Held held = {};
  const char* refusal = nullptr; ///< a part of the reason
};

std::string code_of(const Held& held, std::chrono::system_clock::time_point now) {
  const auto key = mfa::crypto::bytes_of(held.secret);
  if (held.counter) return mfa::otp::hotp(key, *held.counter, held.format);
  return mfa::otp::totp(key, now + held.steps_ahead * held.period, held.format, held.period);
}

/// Each row as a user's of its own, in one run.
void move_in(std::vector<Row> rows, const mfa::ImportOptions& options = {}) {
  mfa::Options learning;
  learning.totp_learned_drift_steps = 20;
  Host host(learning);
  std::vector<ImportToken> tokens;
  for (Row& row : rows) {
    row.token.user_id = "u_" + std::to_string(tokens.size());
    tokens.push_back(row.token);
  }
  std::vector<mfa::ImportResult> results;
  (void)mfa::import_factors(host.verifier, tokens,
                            {.verified = true,
                             .issuer = "Foo Corp",
                             .user_id_as_user = true,
                             .accept_short_secrets = options.accept_short_secrets,
                             .report = [&](const mfa::ImportResult& result) {
                               results.push_back(result);
                               return true;
                             }});
  REQUIRE(results.size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    CAPTURE(row.from, results[i].reason);
    CHECK(results[i].outcome == (row.refusal == nullptr ? ImportOutcome::imported : ImportOutcome::refused));
    if (row.refusal != nullptr) {
      CHECK_THAT(results[i].reason, mfa::test::contains(row.refusal));
    } else if (results[i].outcome == ImportOutcome::imported) {
      const auto factor = host.verifier.list_factors(row.token.user_id).at(0);
      CHECK(factor.challenge().verify(code_of(row.held, host.clock.now())).valid());
    }
  }
}

Hash hash_named(std::string_view name) {
  return name.ends_with("512") ? Hash::sha512 : name.ends_with("256") ? Hash::sha256 : Hash::sha1;
}

/// A row of Keycloak's table `credential`.
ImportToken of_keycloak(const std::string& secret_data, const std::string& credential_data) {
  const json said = json::parse(credential_data);
  return {.seed = json::parse(secret_data).at("value").get<std::string>(),
          .encoding =
              said.value("secretEncoding", json()) == "BASE32" ? TextEncoding::base32 : TextEncoding::bytes,
          .hash = hash_named(said.at("algorithm").get<std::string>()),
          .digits = said.at("digits"),
          .period = std::chrono::seconds(said.at("period").get<int>()),
          .counter = said.at("subType") == "hotp" ? std::optional(said.at("counter").get<std::uint64_t>())
                                                  : std::nullopt};
}

/// What apps export with these names for the members.
ImportToken of_app(const json& entry, const char* type, const char* hash) {
  const std::string kind = entry.at(type);
  ImportToken token;
  token.hash = hash_named(entry.at(hash).get<std::string>());
  token.digits = entry.at("digits");
  if (kind == "hotp" || kind == "HOTP")
    token.counter = entry.at("counter").get<std::uint64_t>();
  else
    token.period = std::chrono::seconds(entry.at("period").get<int>());
  return token;
}

ImportToken with_seed(ImportToken token, const std::string& seed,
                      TextEncoding encoding = TextEncoding::base32) {
  token.seed = mfa::crypto::SecretString(seed);
  token.encoding = encoding;
  return token;
}

} // namespace

TEST_CASE("What servers keep of authenticators becomes factors that take their codes") {
  const std::string of_letters = "FJD3qkVnDmyCQiUKLTYp"; // 20 of Keycloak's alphabet
  move_in({
      {"django-otp",
       {.seed = in_hex,
        .encoding = TextEncoding::hex,
        .digits = 6,
        .period = 30s,
        .friendly_name = "default"}},
      {"django-otp, whose token is ahead",
       {.seed = in_hex, .encoding = TextEncoding::hex, .digits = 8, .period = 60s, .drift = 7},
       {.format = {Hash::sha1, 8}, .period = 60s, .steps_ahead = 7}},
      {"django-otp, HOTP", {.seed = in_hex, .encoding = TextEncoding::hex, .counter = 41}, {.counter = 41}},
      {"django-otp, a secret of 40 bytes",
       {.seed = in_hex + in_hex, .encoding = TextEncoding::hex},
       {.secret = secret + secret}},
      {"devise-two-factor 6", {.seed = in_base32, .user = "alan@example.org"}},
      {"devise-two-factor 5", {.seed = "GEZDGNBVGY3TQOJQGEZDGNBV"}, {}, "15 bytes"},
      {"devise-two-factor, still encrypted",
       {.seed = "{\"p\":\"Yk1hbA==\",\"h\":{\"iv\":\"a\",\"at\":\"b\"}}"},
       {},
       "not base32"},
      {"Keycloak",
       of_keycloak("{\"value\":\"" + of_letters + "\"}",
                   R"({"subType":"totp","digits":6,"counter":0,"period":30,"algorithm":"HmacSHA1"})"),
       {.secret = of_letters}},
      {"Keycloak, imported in base32",
       of_keycloak(
           "{\"value\":\"" + in_base32 + "\"}",
           R"({"subType":"totp","digits":8,"counter":0,"period":60,"algorithm":"HmacSHA512","secretEncoding":"BASE32"})"),
       {.format = {Hash::sha512, 8}, .period = 60s}},
      {"Keycloak, an encoding of null",
       of_keycloak(
           "{\"value\":\"" + of_letters + "\"}",
           R"({"subType":"totp","digits":6,"counter":0,"period":30,"algorithm":"HmacSHA256","secretEncoding":null})"),
       {.secret = of_letters, .format = {Hash::sha256, 6}}},
      {"Keycloak, HOTP",
       of_keycloak("{\"value\":\"" + of_letters + "\"}",
                   R"({"subType":"hotp","digits":6,"counter":12,"period":0,"algorithm":"HmacSHA1"})"),
       {.secret = of_letters, .counter = 12}},
      {"Supabase", {.seed = in_base32, .friendly_name = "My phone"}},
      {"Supabase, encrypted",
       {.seed = R"({"key_id":"k","alg":"aes-gcm-hkdf","data":"AAAA","nonce":"AAAAAAAAAAAAAAAA"})"},
       {},
       "not base32"},
  });
  move_in({{"devise-two-factor 5", {.seed = "GEZDGNBVGY3TQOJQGEZDGNBV"}, {.secret = "123456789012345"}}},
          {.accept_short_secrets = true});
}

TEST_CASE("What authenticator apps export becomes factors that take the codes they show") {
  const json aegis = json::parse(R"([
    {"type":"totp","uuid":"7d1c","name":"alan","issuer":"Foo","icon":null,
     "info":{"secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ","algo":"SHA256","digits":7,"period":20}},
    {"type":"hotp","uuid":"7d1d","name":"alan","issuer":"Foo","icon":null,
     "info":{"secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ","algo":"SHA1","digits":6,"counter":50}}])");
  const json two_fas = json::parse(R"([
    {"name":"Foo","secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ","updatedAt":1,
     "otp":{"label":"alan","account":"alan","issuer":"Foo","digits":8,"period":50,"algorithm":"SHA512","tokenType":"TOTP"}}])");
  const json and_otp = json::parse(R"([
    {"secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY======","issuer":"Foo","label":"alan","digits":6,"type":"TOTP","algorithm":"SHA1",
     "thumbnail":"Default","last_used":1,"used_frequency":0,"period":30,"tags":[]}])");
  const json free_otp = json::parse(R"({"tokens":[
    {"algo":"SHA1","counter":9,"digits":6,"issuerExt":"Foo","issuerInt":"Foo","label":"alan","period":30,
     "secret":[-19,64,-59,-18,-5,-20,-50,34,6,-79,93,117,-63,24,42,118],"type":"HOTP"}]})");
  std::string of_free_otp;
  for (const json& byte : free_otp["tokens"][0]["secret"]) of_free_otp += static_cast<char>(byte.get<int>());
  const auto aegis_row = [&](std::size_t i) {
    json entry = aegis[i]["info"];
    entry["type"] = aegis[i]["type"];
    return with_seed(of_app(entry, "type", "algo"), entry["secret"]);
  };
  move_in({
      {"Aegis", aegis_row(0), {.format = {Hash::sha256, 7}, .period = 20s}},
      {"Aegis, HOTP", aegis_row(1), {.counter = 50}},
      {"2FAS",
       with_seed(of_app(two_fas[0]["otp"], "tokenType", "algorithm"), two_fas[0]["secret"]),
       {.format = {Hash::sha512, 8}, .period = 50s}},
      {"andOTP, whose secrets are padded",
       with_seed(of_app(and_otp[0], "type", "algorithm"), and_otp[0]["secret"]),
       {.secret = "1234567890123456"}},
      {"FreeOTP+",
       with_seed(of_app(free_otp["tokens"][0], "type", "algo"), of_free_otp, TextEncoding::bytes),
       {.secret = of_free_otp, .counter = 10}}, // it may be one behind
      {"Bitwarden and 1Password, a secret alone", {.seed = "gezd gnbv gy3t qojq gezd gnbv gy3t qojq"}},
      {"Bitwarden, Steam", {.seed = "steam://GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}, {}, "not base32"},
  });

  const std::string uri = "otpauth://totp/Foo:alan?secret=" + in_base32;
  const std::pair<std::string, const char*> lines[] = {
      {uri + "&issuer=Foo&algorithm=SHA1&digits=6&period=30", nullptr}, // Proton Authenticator, Bitwarden
      {uri + "&issuer=Foo&codeDisplay=%7B%22pinned%22%3Afalse%2C%22tapCount%22%3A0%7D", nullptr}, // Ente Auth
      {uri + "&image=https%3A%2F%2Fexample.com%2Fa.png", nullptr},                                // FreeOTP+
      {uri + "&icon=foo", nullptr},                                                               // Stratum
      {"otpauth://steam/Foo:alan?secret=" + in_base32 + "&issuer=Foo", "Steam"},
      {"steam://" + in_base32, "otpauth://"},
  };
  for (const auto& [line, refusal] : lines) {
    CAPTURE(line);
    Host host;
    std::string reason;
    const std::vector<ImportLine> all{{.user_id = "u_1", .uri = mfa::crypto::SecretString(line)}};
    (void)mfa::import_factors(host.verifier, all,
                              {.verified = true, .report = [&](const mfa::ImportResult& result) {
                                 reason = result.reason;
                                 return true;
                               }});
    if (refusal != nullptr) {
      CHECK_THAT(reason, mfa::test::contains(refusal));
    } else {
      CHECK(reason.empty());
      CHECK(host.verifier.list_factors("u_1").at(0).challenge().verify(host.code(in_base32)).valid());
    }
  }
}

TEST_CASE("The files of makers become factors that take their tokens' codes") {
  const auto one_of = [](std::string_view file, const mfa::TokenCsvOptions& options = {}) {
    auto tokens = mfa::read_token_csv(file, options);
    REQUIRE(tokens.size() == 1);
    return tokens[0];
  };
  const mfa::TokenCsvOptions feitian{
      .encoding = TextEncoding::hex, .columns = "serial number,secret key", .period = 60s};
  move_in({
      {"Feitian's c200", one_of("2600135004012," + in_hex + "\r\n", feitian), {.period = 60s}},
      {"Feitian's, by a tab",
       one_of("2600135004012\t" + in_hex + "\r\n",
              {.encoding = TextEncoding::hex, .columns = "serial\tseed", .period = 60s}),
       {.period = 60s}},
      {"SafeNet's eToken PASS",
       one_of("serial,secret (hex),counter,type\n00040008CFA5," + in_hex + ",1,hotp\n"),
       {.counter = 1}},
      {"Token2's",
       one_of("upn,serial number,secret key,timeinterval,manufacturer,model\nalan@example.org,60234567," +
              in_base32 + ",30,Token2,c202\n")},
      {"Yubico's, with the code's digits",
       one_of("OATH-HOTP,11/27/26 18:55,1,cccccccccccc,," + in_hex + ",,,0,0,0,8,0,0,0,0,0,0\n",
              {.encoding = TextEncoding::hex,
               .columns = "type,time,slot,public id,private id,secret key,,,,,,digits"}),
       {.format = {Hash::sha1, 8}, .counter = 0}},
  });
}
