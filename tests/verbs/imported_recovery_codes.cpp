// Recovery codes that users have from another system are good here, each once, as they were typed there;
// those that could be guessed, and hashes that cannot be taken as they are, are refused.
#include <string>
#include <vector>

#include <mfa/import.hpp>
#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using mfa::ImportOutcome;
using mfa::ImportRecoveryCodes;
using mfa::ImportResult;
using mfa::Status;
using mfa::TextEncoding;
using mfa::test::contains;
using mfa::test::Host;

namespace {

std::vector<ImportResult> import(Host& host, const std::vector<ImportRecoveryCodes>& lines,
                                 mfa::ImportOptions options = {.verified = true}) {
  std::vector<ImportResult> results;
  options.report = [&](const ImportResult& result) {
    results.push_back(result);
    return true;
  };
  (void)mfa::import_factors(host.verifier, lines, options);
  return results;
}

/// Why one set is refused; empty if it is not.
std::string refusal_of(const ImportRecoveryCodes& line,
                       const mfa::ImportOptions& options = {.verified = true}) {
  Host host;
  const auto results = import(host, {line}, options);
  REQUIRE(results.size() == 1);
  CHECK(host.verifier.list_factors("u_42").size() == (results[0].reason.empty() ? 1 : 0));
  return results[0].reason;
}

Status try_code(Host& host, const std::string& code) {
  return host.verifier.list_factors("u_42").at(0).challenge().verify(code).status();
}

} // namespace

TEST_CASE("Codes in the clear are good once each, however they are typed") {
  Host host;
  // django-otp's, and as others print theirs.
  const ImportRecoveryCodes line{.user_id = "u_42",
                                 .codes = {"n7xqk2ab", "o5ilabcd", "ABCD-EFGH-2345", "x9y8z7w6v5"},
                                 .friendly_name = "Old codes"};
  REQUIRE(import(host, {line}).at(0).reason.empty());
  const auto factor = host.verifier.list_factors("u_42").at(0);
  CHECK(factor.verified());
  CHECK(factor.friendly_name() == "Old codes");
  CHECK(factor.recovery_codes()->count == 4);
  CHECK(try_code(host, "n7xqk2ac") == Status::wrong_code);
  CHECK(try_code(host, "n7xqk2abb") == Status::wrong_code);
  CHECK(try_code(host, " N7XQ-K2AB\n") == Status::valid);
  CHECK(try_code(host, "n7xqk2ab") == Status::code_already_used);
  CHECK(try_code(host, "05iIabcd") == Status::valid); // O for 0, I for L
  CHECK(try_code(host, "abcdefgh2345") == Status::valid);
  CHECK(try_code(host, "\xEF\xBC\xB8"
                       "9y8z7w6v5") == Status::valid); // full width
  CHECK(host.verifier.list_factors("u_42").at(0).recovery_codes()->remaining == 0);
  for (const char* malformed : {"", " - ", "\xC3\xA4", "a\x01"})
    CHECK(try_code(host, malformed) == Status::malformed_code);
  CHECK(try_code(host, std::string(65, 'a')) == Status::malformed_code);

  // New ones of ours take their place.
  const auto fresh = host.verifier.regenerate_recovery_codes(factor.id(), "u_42", mfa::by_operator);
  CHECK(fresh.recovery_codes.codes.size() == 4);
  CHECK(try_code(host, "abcdefgh2345") != Status::valid);
  CHECK(try_code(host, std::string(fresh.recovery_codes.codes[0])) == Status::valid);
}

TEST_CASE("Unsalted hashes are taken as they are") {
  // Keycloak's: SHA-512 of what it shows, in base64.
  Host host;
  const std::string keycloak =
      "OnOEi8vsNqnI2s6t2IxU2+A+KrzWAVpR9AHExeQgDzTuoiU1qPzFsOpFIy8wb6EtPEGHKj0ehgHyTbuBTyChhg==";
  REQUIRE(import(host, {{.user_id = "u_42", .hashes = {keycloak}}}).at(0).reason.empty());
  CHECK(try_code(host, "L9RRAUWYKARC") == Status::wrong_code);
  CHECK(try_code(host, "l9rr auwy-karb") == Status::valid);
  CHECK(try_code(host, "L9RRAUWYKARB") == Status::code_already_used);

  struct Row {
    std::string hash;
    mfa::crypto::Hash kind;
    const char* typed;
  };
  // sha1("abcde-12345"), sha256("abcde12345"), of codes in small letters, with a dash and without.
  const Row rows[] = {
      {"963dd0576539f0538ff2d6af21de9fed40c88314", mfa::crypto::Hash::sha1, "ABCDE 12345"},
      {"963dd0576539f0538ff2d6af21de9fed40c88314", mfa::crypto::Hash::sha1, "abcde-12345"},
      {"a7411a3704a56d0f9319ab779f26e6b14ab739435ecfa99f4b7c8dafb649b7d8", mfa::crypto::Hash::sha256,
       "ABCDE-12345"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.hash, row.typed);
    Host other;
    REQUIRE(
        import(other,
               {{.user_id = "u_42", .hashes = {row.hash}, .hash = row.kind, .encoding = TextEncoding::hex}})
            .at(0)
            .reason.empty());
    const bool dash_is_lost =
        row.kind == mfa::crypto::Hash::sha1 && std::string(row.typed).find('-') == std::string::npos;
    CHECK(try_code(other, row.typed) == (dash_is_lost ? Status::wrong_code : Status::valid));
  }
}

TEST_CASE("Whatever was hashed, no code is good that can be guessed") {
  // SHA-512 of each.
  const std::pair<const char*, const char*> codes[] = {
      {"12345678",
       "+lhdichR3TOKcNz1Naoqkv7ng23Wr/EiZYPojgmWKT8WvACcZSgm4PxccGaVoDzdzjcvE57/TROVnabx9dPqvg=="},
      {"123456789012",
       "UGEnd0JtKPpQL2CRH9VIXfTHF8vjANHjSL7INILPIfltvgZ+5sc2oPSAt8TjAYQI7fYZHzCNtxxFhBwoiQMI7w=="},
      {"abcdefg", "1xakGIVptoqxtt+sF45XARTN8Oo6HMDjFIbD5BJBvGp2Qk6MN6sm8Jb8he+YhsjLY0GH9P3f9kX7CZ8f9UxrjA=="},
      {"1234567890123",
       "CsQaAUY4/RzatLNYChWyfV1HeH19odaCLpnmSl1oRKIbM8LRcMpVRjkACzQAWkhwjxgQMtuPFcmuv8PR8F9zOg=="},
      {"abcdefgh",
       "o6jIG8l8JWABDXOJvIiqyXShBODiOBIgxuCExNzNHS0X1PhtsxwqhR3IDmaB10czxV3NA92W9gYs3aEqKRrmzg=="}};
  ImportRecoveryCodes line{.user_id = "u_42"};
  for (const auto& [code, hash] : codes) line.hashes.emplace_back(hash);
  Host host;
  REQUIRE(import(host, {line}).at(0).reason.empty());
  for (const auto* typed : {"12345678", "1234-5678", " 1 2 3 4 5 6 7 8 ",
                            "\xEF\xBC\x91"
                            "2345678",
                            "123456789012", "1234-5678-9012", "abcdefg", "ABC-DEFG"}) {
    CAPTURE(typed);
    CHECK(try_code(host, typed) == Status::malformed_code);
  }
  CHECK(try_code(host, "ABCD-EFGH") == Status::valid);
  CHECK(try_code(host, "1234567890123") == Status::valid);
  CHECK(host.verifier.list_factors("u_42").at(0).recovery_codes()->remaining == 3);
}

TEST_CASE("Each user's codes are his own, though others of the same run have the same ones") {
  for (const bool at_once : {true, false}) {
    CAPTURE(at_once);
    Host host;
    const std::vector<ImportRecoveryCodes> lines{{.user_id = "u_42", .codes = {"abcdefgh"}},
                                                 {.user_id = "u_43", .codes = {"bcdefghi"}},
                                                 {.user_id = "u_44", .codes = {"abcdefgh"}}};
    for (const bool dry_run : {true, false}) {
      std::vector<ImportResult> results;
      if (at_once) results = import(host, lines, {.dry_run = dry_run, .verified = true});
      for (const ImportRecoveryCodes& line : lines)
        if (!at_once) results.push_back(import(host, {line}, {.dry_run = dry_run, .verified = true}).at(0));
      REQUIRE(results.size() == 3);
      for (const ImportResult& result : results) CHECK(result.outcome == ImportOutcome::imported);
    }
    const auto set_of = [&](const char* user_id) { return host.verifier.list_factors(user_id).at(0); };
    CHECK(set_of("u_43").challenge().verify("abcdefgh").status() == Status::wrong_code);
    CHECK(set_of("u_44").challenge().verify("abcdefgh").valid());
    CHECK(set_of("u_42").recovery_codes()->remaining == 1);
    CHECK(set_of("u_42").challenge().verify("abcdefgh").valid());
  }
}

TEST_CASE("A user has one set, and an import that is run again doubles none and brings none back") {
  Host host;
  const ImportRecoveryCodes line{.user_id = "u_42", .codes = {"abcdefgh", "bcdefghi"}};
  const ImportRecoveryCodes other{.user_id = "u_42", .codes = {"xxxxxxxx"}};
  for (const bool dry_run : {true, false, false}) {
    const bool again = !host.verifier.list_factors("u_42").empty();
    const auto results = import(host, {line, line, other}, {.dry_run = dry_run, .verified = true});
    REQUIRE(results.size() == 3);
    CHECK(results[0].outcome == (again ? ImportOutcome::already_there : ImportOutcome::imported));
    CHECK(results[1].outcome == ImportOutcome::already_there);
    CHECK(results[2].outcome == ImportOutcome::refused);
    CHECK_THAT(results[2].reason, contains("another set"));
    CHECK(host.verifier.list_factors("u_42").size() == (dry_run ? 0 : 1));
  }
  CHECK(try_code(host, "abcdefgh") == Status::valid);
  CHECK(import(host, {line}).at(0).outcome == ImportOutcome::already_there);
  CHECK(try_code(host, "abcdefgh") == Status::code_already_used);
  const std::string id = host.verifier.list_factors("u_42").at(0).id();
  (void)host.verifier.regenerate_recovery_codes(id, "u_42", mfa::by_operator);
  CHECK(import(host, {line}).at(0).outcome == ImportOutcome::refused);
  CHECK(try_code(host, "bcdefghi") != Status::valid);
}

TEST_CASE("Codes that can be guessed, and what is no unsalted hash, are refused") {
  const auto codes = [](std::vector<mfa::crypto::SecretString> all) {
    return refusal_of({.user_id = "u_42", .codes = std::move(all)});
  };
  CHECK(codes({"abcdefgh"}).empty());
  CHECK_THAT(codes({"abcdefgh", "abcdefg"}), contains("can be guessed"));
  CHECK_THAT(codes({"12345678", "12345679"}), contains("13 are needed"));
  CHECK(codes({"1234567890123"}).empty());
  CHECK_THAT(codes({"abcdef123"}), contains("10 are needed"));
  CHECK(codes({"abcdef1234"}).empty());
  CHECK_THAT(codes({"abcdefgh", "ABCD-EFGH"}), contains("the same"));
  CHECK_THAT(codes({"abc\xC3\xA4 efgh"}), contains("ASCII"));
  CHECK_THAT(codes({""}), contains("ASCII"));
  CHECK_THAT(codes({}), contains("1 to 50"));
  CHECK_THAT(codes(std::vector<mfa::crypto::SecretString>(51, "abcdefgh")), contains("1 to 50"));
  const auto hashes = [](const std::string& hash, TextEncoding encoding = TextEncoding::base64) {
    return refusal_of({.user_id = "u_42", .hashes = {hash}, .encoding = encoding});
  };
  for (const char* slow :
       {"$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        "pbkdf2_sha256$600000$salt$W5y5tbPdTZkyMTEkJfIpwg==", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"})
    CHECK_THAT(hashes(slow), contains("cannot be imported"));
  CHECK_THAT(hashes("AAAA"), contains("cannot be imported"));
  CHECK_THAT(hashes(std::string(128, 'a'), TextEncoding::base32), contains("cannot be imported"));
  CHECK(hashes(std::string(128, 'a'), TextEncoding::hex).empty());
  CHECK_THAT(refusal_of({.user_id = "u_42", .codes = {"abcdefgh"}, .hashes = {std::string(128, 'a')}}),
             contains("or as"));
  CHECK_THAT(refusal_of({.user_id = "u_42", .codes = {"abcdefgh"}}, {.verified = false}),
             contains("ImportOptions::verified"));
  CHECK_THAT(refusal_of({.user_id = "", .codes = {"abcdefgh"}}), contains("user_id"));
  for (const std::string& reason :
       {codes({"secretsecret", "secret"}), codes({"secretsecret", "SECRET-secret"})})
    CHECK(reason.find("secret") == std::string::npos);
}
