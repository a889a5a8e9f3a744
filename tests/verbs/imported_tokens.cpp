// Hardware tokens come with files of their makers, whose columns and encodings differ. What a file says
// becomes a factor whose codes verify, or is refused by the line's number, and no other line for it.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/encoding/base64.hpp>
#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/import.hpp>
#include <mfa/mfa.hpp>
#include <mfa/otp/seed.hpp>
#include <mfa/token_csv.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using mfa::errc;
using mfa::ImportOutcome;
using mfa::ImportToken;
using mfa::TextEncoding;
using mfa::test::Host;
using mfa::test::thrown_by;

namespace {

const std::string secret = "12345678901234567890";
const std::string in_base32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const std::string in_hex = "3132333435363738393031323334353637383930";

std::string text_of(const mfa::crypto::SecretBytes& bytes) {
  return std::string(mfa::crypto::text_of(bytes));
}

/// The one token of a file, which has no problem.
ImportToken one_of(std::string_view file, const mfa::TokenCsvOptions& options = {}) {
  const auto tokens = mfa::read_token_csv(file, options);
  REQUIRE(tokens.size() == 1);
  CHECK(tokens[0].problem.empty());
  return tokens[0];
}

std::vector<mfa::ImportResult> import(Host& host, const std::vector<ImportToken>& tokens,
                                      mfa::ImportOptions options = {.issuer = "Foo Corp",
                                                                    .user_id_as_user = true}) {
  std::vector<mfa::ImportResult> results;
  options.report = [&](const mfa::ImportResult& result) {
    results.push_back(result);
    return true;
  };
  (void)mfa::import_factors(host.verifier, tokens, options);
  return results;
}

} // namespace

TEST_CASE("A seed is read in each encoding as people write it") {
  using mfa::otp::decode_seed;
  for (const std::string& text :
       {in_hex, "0x" + in_hex, std::string("31:32:33:34:35:36:37:38:39:30:31:32:33:34:35:36:37:38:39:30"),
        std::string(" 31323334 35363738-39303132 33343536 37383930\r\n")})
    CHECK(text_of(decode_seed(text, TextEncoding::hex)) == secret);
  CHECK(text_of(decode_seed("DEADBEEFdeadbeef00", TextEncoding::hex)) ==
        "\xDE\xAD\xBE\xEF\xDE\xAD\xBE\xEF" + std::string(1, '\0'));
  for (const std::string_view text : {"MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA",
                                      "\n  MTIzNDU2Nzg5MDEy\n  MzQ1Njc4OTA=\n"})
    CHECK(text_of(decode_seed(text, TextEncoding::base64)) == secret);
  CHECK(text_of(decode_seed("-_-_", TextEncoding::base64)) ==
        text_of(decode_seed("+/+/", TextEncoding::base64)));
  CHECK(text_of(decode_seed(" gezd gnbv gy3t qojq gezd gnbv gy3t qojq ", TextEncoding::base32)) == secret);
  CHECK(text_of(decode_seed(secret, TextEncoding::bytes)) == secret);
  const std::pair<std::string, TextEncoding> bad[] = {{"313", TextEncoding::hex},
                                                      {"31g2", TextEncoding::hex},
                                                      {"", TextEncoding::hex},
                                                      {"0x", TextEncoding::hex},
                                                      {"MTIz=NDU", TextEncoding::base64},
                                                      {"MTIzN", TextEncoding::base64},
                                                      {"MTIzN===", TextEncoding::base64},
                                                      {"MTIz====", TextEncoding::base64},
                                                      {"MT!z", TextEncoding::base64},
                                                      {"", TextEncoding::base64},
                                                      {"", TextEncoding::base32},
                                                      {"", TextEncoding::bytes},
                                                      {in_hex, TextEncoding::base32},
                                                      {std::string(1025, '3'), TextEncoding::hex}};
  for (const auto& [text, encoding] : bad) {
    CAPTURE(text);
    CHECK(thrown_by([&text = text, encoding = encoding] { return decode_seed(text, encoding).size(); }) ==
          errc::invalid_secret);
  }
}

TEST_CASE("A token without a secret gets none that nobody has") {
  Host host;
  for (const auto encoding :
       {TextEncoding::base32, TextEncoding::hex, TextEncoding::base64, TextEncoding::bytes}) {
    const auto results = import(host, {{.user_id = "u_1", .seed = "", .encoding = encoding}});
    REQUIRE(results.size() == 1);
    CHECK(results[0].outcome == ImportOutcome::refused);
    CHECK(host.verifier.list_factors("u_1").empty());
  }
}

TEST_CASE("The columns of Microsoft's and Token2's file are read") {
  const ImportToken token = one_of("upn,serial number,secret key,time interval,manufacturer,model\r\n"
                                   "Helga@contoso.com,1234567," +
                                   in_base32 + ",60,Contoso,HardwareKey\r\n");
  CHECK(token.user_id == "Helga@contoso.com");
  CHECK(token.serial_number == "1234567");
  CHECK(token.seed.view() == in_base32);
  CHECK(token.period == std::chrono::seconds(60));
  CHECK(token.manufacturer == "Contoso");
  CHECK(token.model == "HardwareKey");
  CHECK(token.friendly_name == "Contoso HardwareKey 1234567");
  CHECK_FALSE(token.counter);
  CHECK(token.line == 2);

  Host host;
  const auto results = import(host, {token});
  REQUIRE(results.size() == 1);
  CHECK(results[0].outcome == ImportOutcome::imported);
  CHECK(results[0].line == 2);
  const auto factor = host.verifier.list_factors("Helga@contoso.com").at(0);
  CHECK(factor.friendly_name() == "Contoso HardwareKey 1234567");
  CHECK(factor.totp()->issuer == "Foo Corp");
  const auto code =
      mfa::otp::totp(mfa::otp::base32_decode(in_base32), host.clock.now(), {}, std::chrono::seconds(60));
  CHECK(factor.confirm(code).confirmed());
}

TEST_CASE("Columns are known by the names that makers and systems give them, in any order and separation") {
  const std::string files[] = {
      "Serial Number;Secret Key (HEX);Time Step\n2600135004012;" + in_hex + ";60\n",
      "\xEF\xBB\xBFSN\tSEED_HEX\tPERIOD\n2600135004012\t" + in_hex + "\t60",
      "\"time_interval\",\"Token Seed (hex)\",\"SerialNo\"\n\"60\",\"" + in_hex + "\",\"2600135004012\"\n",
      "# of our maker\n\nserial|seed hex|interval|box\n\n2600135004012|" + in_hex + "|60|7\n\n",
      "sep=;\r\nserial;seed hex;interval\r\n2600135004012;" + in_hex + ";60\r\n", // for Excel
      "\xEF\xBB\xBF\"SEP=,\"\nserial,seed hex,interval\n2600135004012," + in_hex + ",60\n",
      "sep=\t\nserial\tseed hex\tinterval\n2600135004012\t" + in_hex + "\t60\n",
  };
  for (const std::string& file : files) {
    CAPTURE(file);
    const ImportToken token = one_of(file);
    CHECK(token.serial_number == "2600135004012");
    CHECK(token.period == std::chrono::seconds(60));
    CHECK(text_of(mfa::otp::decode_seed(token.seed, token.encoding)) == secret);
  }
  const ImportToken all = one_of("Issuer,Account,Name,Type,Algorithm,Digits,Counter,Secret\n"
                                 "\"Foo, \"\"Bar\"\"\",alan,My token,hotp,HMAC-SHA256,8,41," +
                                 in_base32);
  CHECK(all.issuer == "Foo, \"Bar\"");
  CHECK(all.user == "alan");
  CHECK(all.friendly_name == "My token");
  CHECK(all.hash == mfa::crypto::Hash::sha256);
  CHECK(all.digits == 8);
  CHECK(all.counter == 41);
}

TEST_CASE("A file that names no columns is read by names that the host gives") {
  const mfa::TokenCsvOptions oath{.encoding = TextEncoding::hex, // whose later columns may be missing
                                  .columns = "serial,secret,type,digits,time interval",
                                  .type = mfa::FactorType::hotp};
  const auto tokens = mfa::read_token_csv("tok1, " + in_hex + "\ntok2, " + in_hex + ", totp, 6\ntok3, " +
                                              in_hex + ", hotp, 8\ntok4, " + in_hex + ", totp, 8, 60\n",
                                          oath);
  REQUIRE(tokens.size() == 4);
  CHECK(tokens[0].counter == 0);
  CHECK_FALSE(tokens[1].counter);
  CHECK(tokens[2].digits == 8);
  CHECK(tokens[3].period == std::chrono::seconds(60));
  CHECK(tokens[3].serial_number == "tok4");
  for (const ImportToken& token : tokens) CHECK(token.problem.empty());

  // The two logs of Yubico's tool, which has its own one-time passwords in them too.
  const mfa::TokenCsvOptions log{.encoding = TextEncoding::hex,
                                 .columns = "type,time,slot,public id,private id,secret key,,,,,,digits"};
  const auto logged = mfa::read_token_csv(
      "LOGGING START,11.12.13 18:55\n"
      "OATH-HOTP,11.12.13 "
      "18:55,1,cccccccccccc,,916821d3a138bf855e70069605559a206ba854cd,,,0,0,0,6,0,0,0,0,0,0\n"
      "Yubico OTP,11.12.13 "
      "16:43,1,cccccccirblh,b321173a2fb8,6faa3ce885fcd5eda7efa5195e5a5d44,,,0,0,0,0,0,0\n",
      log);
  REQUIRE(logged.size() == 3);
  CHECK_FALSE(logged[0].problem.empty());
  CHECK(logged[1].problem.empty());
  CHECK(logged[1].counter == 0);
  CHECK_FALSE(logged[2].problem.empty());
  const mfa::TokenCsvOptions yubico{.encoding = TextEncoding::hex,
                                    .columns = "serial number,public id,private id,secret key",
                                    .type = mfa::FactorType::hotp};
  const auto keys = mfa::read_token_csv(
      "508327,,0,69cfb9202438ca68964ec3244bfa4843d073a43b,,2013-12-12T08:41:07,\n"
      "508328,cccccccccccc,83cebdfb7b93,a47c5bf9c152202f577be6721c0113af,,2013-12-12T08:43:17,\n"
      "508329,,,9e2fd386224a7f77e9b5aee775464033,,2013-12-12T08:44:34,\n",
      yubico);
  REQUIRE(keys.size() == 3);
  CHECK(keys[0].serial_number == "508327");
  CHECK(keys[0].problem.empty());
  CHECK_THAT(keys[1].problem, mfa::test::contains("Yubico"));
  CHECK_THAT(keys[2].problem, mfa::test::contains("static password"));
}

TEST_CASE("The files that privacyIDEA and LinOTP import themselves mean the same here") {
  using mfa::crypto::Hash;
  const auto hex_of = [](std::size_t size) { // bytes
    std::string text;
    while (text.size() < 2 * size) text += in_hex;
    return text.substr(0, 2 * size);
  };
  mfa::TokenCsvOptions options{.encoding = TextEncoding::hex,
                               .columns = "serial,secret,type,digits,time step or counter",
                               .type = mfa::FactorType::hotp,
                               .hash_by_secret_length = true};
  struct Row {
    std::string line;
    Hash hash = Hash::sha1;
    std::optional<std::uint64_t> counter = {};
    std::chrono::seconds period{30};
  };
  const auto check = [&](const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      CAPTURE(row.line);
      const ImportToken token = one_of(row.line, options);
      CHECK(token.serial_number == "tok");
      CHECK(token.hash == row.hash);
      CHECK(token.counter == row.counter);
      CHECK(token.period == row.period);
    }
  };
  check({{"tok, " + in_hex, Hash::sha1, 0},
         {"tok, " + in_hex + ", hotp, 6", Hash::sha1, 0},
         {"tok, " + in_hex + ", hotp, 6, 0", Hash::sha1, 0},
         {"tok, " + in_hex + ", hotp, 6, 5000", Hash::sha1, 5000},
         {"tok, " + in_hex + ", totp, 8, 60", Hash::sha1, {}, std::chrono::seconds(60)},
         {"tok, " + hex_of(32) + ", totp, 6, 30", Hash::sha256},
         {"tok, " + hex_of(64) + ", totp, 6", Hash::sha512},
         {"tok, " + hex_of(32) + ", hotp, 6, 7", Hash::sha256, 7}});
  for (const std::size_t size : {28U, 48U})
    CHECK_THAT(mfa::read_token_csv("tok, " + hex_of(size) + ", totp, 6, 30\n", options).at(0).problem,
               mfa::test::contains("SHA-224"));
  CHECK_THAT(mfa::read_token_csv("tok, " + in_hex + ", totp, 6, 0\n", options).at(0).problem,
             mfa::test::contains("time interval"));
  options.columns = "user,,,serial,secret,type,digits,time step or counter";
  const ImportToken owned =
      one_of("# version: 2\nhans,resolver,realm,tok," + hex_of(32) + ",hotp,6,41\n", options);
  CHECK(owned.user_id == "hans");
  Host host;
  CHECK(import(host, {owned}).at(0).outcome == ImportOutcome::imported);
  const auto code = mfa::otp::hotp(mfa::otp::decode_seed(hex_of(32), TextEncoding::hex), 41, {Hash::sha256});
  CHECK(host.verifier.list_factors("hans").at(0).confirm(code).confirmed());

  options.columns = "serial,secret,type,digits,time step,algorithm";
  check({{"tok, " + in_hex + ", totp, 6, 60, sha256,", Hash::sha256, {}, std::chrono::seconds(60)},
         {"tok, " + hex_of(32) + ", totp, 6, 30, sha1", Hash::sha1},
         {"tok, " + hex_of(48) + ", totp, 6, , sha512", Hash::sha512},
         {"tok, " + hex_of(64) + ", hmac, 6,", Hash::sha512, 0}});
  CHECK(one_of("tok," + hex_of(32), {.encoding = TextEncoding::hex, .columns = "serial,secret"}).hash ==
        Hash::sha1);
}

TEST_CASE("A token with a counter is HOTP, and becomes no TOTP that never shows its codes") {
  const std::string file = "serial,secret,counter,type\n1," + in_base32 + ",41,\n2," + in_base32 + ",,\n3," +
                           in_base32 + ",0,totp\n4," + in_base32 + ",41,hotp\n";
  const auto tokens = mfa::read_token_csv(file);
  REQUIRE(tokens.size() == 4);
  CHECK_THAT(tokens[0].problem, mfa::test::contains("TokenCsvOptions::type"));
  for (std::size_t i = 1; i < 4; ++i) {
    CAPTURE(i);
    CHECK(tokens[i].problem.empty());
    CHECK(tokens[i].counter == (i == 3 ? std::optional<std::uint64_t>(41) : std::nullopt));
  }
  for (const char* counter : {"41", "0"}) {
    const std::string without = std::string("serial,secret,counter\n1,") + in_base32 + "," + counter + "\n";
    CHECK_THAT(mfa::read_token_csv(without).at(0).problem, mfa::test::contains("TokenCsvOptions::type"));
    CHECK(one_of(without, {.type = mfa::FactorType::hotp}).counter == std::stoull(counter));
  }
}

TEST_CASE("Quotation marks end with their field, and a line may end with empty ones") {
  const std::string head = "serial,secret\n";
  for (const std::string& line : {"\"1\",\"" + in_base32 + "\"", "\"1\" ,\"" + in_base32 + "\" ",
                                  "1," + in_base32 + ",", "1," + in_base32 + ", ,\"\""}) {
    CAPTURE(line);
    const ImportToken token = one_of(head + line + "\n");
    CHECK(token.serial_number == "1");
    CHECK(token.seed.view() == in_base32);
  }
  for (const std::string& line :
       {"\"1\"2," + in_base32, "1,\"" + in_base32 + "\"A", "1,\"" + in_base32 + "\" \"A\""})
    CHECK_THAT(mfa::read_token_csv(head + line + "\n").at(0).problem, mfa::test::contains("quotation"));
  CHECK_THAT(mfa::read_token_csv(head + "1," + in_base32 + ",,more\n").at(0).problem,
             mfa::test::contains("4 fields"));
}

TEST_CASE("A line that cannot be used is refused by its number, and keeps no other from it") {
  const std::string file = "upn,serial number,secret key,time interval,digits,type\n"
                           "a@b.c,1," +
                           in_base32 +
                           ",30,6,totp\n"
                           "a@b.c,2," +
                           in_base32 +
                           "!,30,6,totp\n"        // 3
                           "a@b.c,3,,30,6,totp\n" // 4
                           "a@b.c,4," +
                           in_base32 +
                           ",soon,6,totp\n" // 5
                           "a@b.c,5," +
                           in_base32 +
                           ",30,9,totp\n" // 6
                           "a@b.c,6," +
                           in_base32 +
                           ",30,6,ocra\n" // 7
                           "a@b.c,7," +
                           in_base32 +
                           ",30,6,totp,more\n" // 8
                           "\"a@b.c,8," +
                           in_base32 +
                           ",30,6,totp\n" // 9
                           "a@b.c,2.60014E+12," +
                           in_base32 +
                           ",30,6,totp\n" // 10
                           "a\xFF@b.c,10," +
                           in_base32 +
                           ",30,6,totp\n" // 11
                           "a\x01@b.c,11," +
                           in_base32 +
                           ",30,6,totp\n"                          // 12
                           "a@b.c,12,GEZDGNBVGY3TQOJQ,30,6,totp\n" // 13
                           "a@b.c,13," +
                           std::string(5000, 'A') +
                           ",30,6\n" // 14
                           "d@e.f,14," +
                           in_base32 + ",30,6,totp\n"; // 15
  Host host;
  const auto results = import(host, mfa::read_token_csv(file));
  const char* const reasons[] = {"",           "base32",    "no secret",   "time interval", "digits",  "TOTP",
                                 "7 fields",   "quotation", "spreadsheet", "UTF-8",         "control", "16",
                                 "4096 bytes", ""};
  REQUIRE(results.size() == std::size(reasons));
  for (std::size_t i = 0; i < results.size(); ++i) {
    CAPTURE(i, results[i].reason);
    const bool good = i == 0 || i + 1 == results.size();
    CHECK(results[i].line == i + 2);
    CHECK(results[i].outcome == (good ? ImportOutcome::imported : ImportOutcome::refused));
    CHECK_THAT(results[i].reason, mfa::test::contains(reasons[i]));
    CHECK(results[i].reason.find("GEZDG") == std::string::npos);
    CHECK(results[i].reason.find('\n') == std::string::npos);
  }
}

TEST_CASE("Hexadecimal is not taken for base32, even where a secret is both") {
  const std::string both = "2345672345672345abcdef2345abcdef23456723"; // by chance: 25 bytes in base32
  const auto alone = mfa::read_token_csv("serial,seed\n1," + both + "\n");
  CHECK(alone.at(0).problem.empty());
  const auto tokens =
      mfa::read_token_csv("serial,seed\n1," + both + "\n2," + in_hex + "\n3," + in_base32 + "\n");
  REQUIRE(tokens.size() == 3);
  CHECK_THAT(tokens[0].problem, mfa::test::contains("hexadecimal"));
  CHECK_THAT(tokens[1].problem, mfa::test::contains("hexadecimal"));
  CHECK(tokens[2].problem.empty());
}

TEST_CASE("A file without columns to read is refused as a whole, and says nothing of what is in it") {
  const std::pair<std::string, const char*> files[] = {
      {"", "names its columns"},
      {"\n\n# nothing\n", "names its columns"},
      {"1234567," + in_base32 + ",60\n", "no column of secrets"},
      {"serial,secret,seed\n", "two columns"},
      {"serial,secret,counter,period or counter\n", "two columns"},
      {"serial,\"secret\n", "quotation"},
      {"sep=;\n", "names its columns"},
      {"sep=;;\nserial;secret\n", "no column of secrets"},
      {"\"sep=;\nserial;secret\n", "quotation"},
      {std::string("s\0e\0r\0", 6), "UTF-16"},
      {std::string(5000, 'a') + ",secret\n", "names its columns"},
      {std::string(mfa::longest_token_csv + 1, 'a'), "divide it"},
  };
  for (const auto& [file, reason] : files) {
    try {
      (void)mfa::read_token_csv(file);
      FAIL("taken");
    } catch (const mfa::Error& error) {
      CHECK(error.code() == errc::invalid_token_file);
      CHECK_THAT(error.what(), mfa::test::contains(reason));
      CHECK(std::string(error.what()).find("GEZDG") == std::string::npos);
    }
  }
  CHECK(mfa::read_token_csv("serial,secret\n").empty());
}

TEST_CASE("A token outside the time that its maker gives it is refused") {
  Host host;
  const mfa::Time now = std::chrono::floor<std::chrono::milliseconds>(host.clock.now());
  const auto token = [&](std::optional<mfa::Time> from, std::optional<mfa::Time> until) {
    return ImportToken{.user_id = "u_1", .seed = in_base32, .valid_from = from, .valid_until = until};
  };
  using std::chrono::milliseconds;
  CHECK(import(host, {token(now + milliseconds(1), {})}).at(0).outcome == ImportOutcome::refused);
  CHECK(import(host, {token({}, now)}).at(0).outcome == ImportOutcome::refused);
  CHECK(import(host, {token(now, now + milliseconds(1))}).at(0).outcome == ImportOutcome::imported);
}

TEST_CASE("A token whose drift is known is found where its clock is, if drift is learnt at all") {
  for (const unsigned learned : {0U, 20U}) {
    mfa::Options options;
    options.totp_learned_drift_steps = learned;
    Host host(options);
    const std::vector<ImportToken> tokens{{.user_id = "u_1", .seed = in_base32, .drift = -9},
                                          {.user_id = "u_2", .seed = in_base32, .drift = 501}};
    const auto results = import(host, tokens, {.verified = true, .issuer = "Foo", .user_id_as_user = true});
    CHECK(results.at(0).outcome == ImportOutcome::imported);
    CHECK(results.at(1).outcome == ImportOutcome::refused);
    const auto factor = host.verifier.list_factors("u_1").at(0);
    CHECK(factor.totp()->clock_drift == std::chrono::seconds(-270));
    CHECK(factor.challenge().verify(host.code(in_base32, -9)).valid() == (learned > 0));
  }
}

TEST_CASE("An enrolment that was not confirmed in time keeps nobody from getting his token") {
  Host host;
  const auto own = host.verifier.enroll_factor(
      mfa::Totp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42", .secret = in_base32});
  const std::vector<ImportToken> tokens{{.user_id = "u_42", .seed = in_hex, .encoding = TextEncoding::hex}};
  const mfa::ImportOptions verified{.verified = true, .issuer = "Foo Corp", .user_id_as_user = true};
  CHECK(import(host, tokens, verified).at(0).outcome == ImportOutcome::already_there);
  host.clock.advance(std::chrono::minutes(10));
  const auto imported = import(host, tokens, verified).at(0);
  CHECK(imported.outcome == ImportOutcome::imported);
  CHECK(host.verifier.challenge_factor(imported.factor_id, "u_42").verify(host.code(in_base32)).valid());
  CHECK(thrown_by([&] { return own.factor.confirm(host.code(in_base32)).confirmed(); }) ==
        errc::enrollment_expired);
  CHECK(import(host, tokens, verified).at(0).outcome == ImportOutcome::already_there);
}

TEST_CASE("An import of tokens is run again and doubles nothing") {
  Host host;
  std::vector<ImportToken> tokens;
  for (int i = 0; i < 150; ++i)
    tokens.push_back({.user_id = "u_" + std::to_string(i), .seed = in_hex, .encoding = TextEncoding::hex});
  const auto outcomes = [&](ImportOutcome outcome, const mfa::ImportOptions& options) {
    const auto results = import(host, tokens, options);
    return std::ranges::count(results, outcome, &mfa::ImportResult::outcome);
  };
  const mfa::ImportOptions real{.verified = true, .issuer = "Foo", .user_id_as_user = true};
  mfa::ImportOptions dry = real;
  dry.dry_run = true;
  CHECK(outcomes(ImportOutcome::imported, dry) == 150);
  CHECK(host.verifier.list_factors("u_1").empty());
  CHECK(outcomes(ImportOutcome::imported, real) == 150);
  CHECK(outcomes(ImportOutcome::already_there, real) == 150);
  CHECK(host.verifier.list_factors("u_1").at(0).challenge().verify(host.code(in_base32)).valid());
}
