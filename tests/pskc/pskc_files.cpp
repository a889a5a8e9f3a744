// What stands in a PSKC is kept to: how it is encrypted and its MACs, what a token may be used for, and which
// codes it shows. What cannot be is refused token by token; what was made to harm the reader, before it is
// read.
#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <mfa/import.hpp>
#include <mfa/mfa.hpp>
#include <mfa/pskc/read_pskc.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/pskc_writer.hpp"

using mfa::errc;
using mfa::ImportToken;
using mfa::read_pskc;
using mfa::test::contains;
using mfa::test::PskcWriter;

namespace {

const std::string secret = "12345678901234567890";

mfa::crypto::SecretBytes bytes(std::string_view text) {
  return mfa::crypto::secret_copy(mfa::crypto::bytes_of(text));
}

/// What the one token of a file is refused for; empty if it is not.
std::string problem_of(const std::string& file, const mfa::PskcOptions& options = {}) {
  const auto tokens = read_pskc(file, options);
  REQUIRE(tokens.size() == 1);
  CHECK(tokens[0].problem.empty() != tokens[0].seed.view().empty());
  return tokens[0].problem;
}

/// A file of one token in the clear, with what stands in its key beside the secret.
std::string with(const std::string& data, const std::string& more = "", const std::string& kind = "totp") {
  const PskcWriter plain;
  return plain.file(PskcWriter::package(plain.secret(secret) + data, kind, more));
}

/// Why a file is refused as a whole; empty if it is not.
std::string refusal_of(const std::string& file, const mfa::PskcOptions& options = {}) {
  try {
    (void)read_pskc(file, options);
    return "";
  } catch (const mfa::Error& error) {
    CHECK(error.code() == errc::invalid_token_file);
    return error.what();
  }
}

std::string replaced(std::string text, std::string_view old, std::string_view by) {
  const auto at = text.find(old);
  REQUIRE(at != std::string::npos);
  return text.replace(at, old.size(), by);
}

} // namespace

TEST_CASE("Keys of each length and MACs of each hash open what was encrypted under them") {
  for (const std::size_t size : {16U, 24U, 32U})
    for (const char* mac :
         {"http://www.w3.org/2000/09/xmldsig#hmac-sha1", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
          "http://www.w3.org/2001/04/xmldsig-more#hmac-sha512"}) {
      CAPTURE(size, mac);
      PskcWriter writer;
      writer.key = std::string(size, 'k');
      writer.mac = mac;
      const auto tokens = read_pskc(
          writer.file(
              PskcWriter::package(writer.secret(secret) +
                                  writer.value("TimeInterval", std::string("\0\0\0\x3C", 4), "") +
                                  writer.value("Time", "0", "")) +
              PskcWriter::package(writer.secret(secret) +
                                      writer.value("Counter", std::string("\0\0\0\0\0\0\x01\x02", 8), ""),
                                  "hotp")),
          {.key = bytes(writer.key)});
      REQUIRE(tokens.size() == 2);
      for (const ImportToken& token : tokens) {
        CHECK(token.problem.empty());
        CHECK(token.seed == secret);
      }
      CHECK(tokens[0].period == std::chrono::seconds(60));
      CHECK(tokens[1].counter == 0x102);
    }
}

TEST_CASE("What is encrypted opens with its key alone, unchanged, and with its MAC") {
  PskcWriter writer;
  writer.key = std::string(16, 'k');
  const std::string file = writer.file(PskcWriter::package(writer.secret(secret)));
  CHECK(problem_of(file, {.key = bytes(writer.key)}).empty());
  CHECK_THAT(refusal_of(file), contains("PskcOptions::key"));
  CHECK_THAT(refusal_of(file, {.password = "password"}), contains("PskcOptions::key"));
  CHECK_THAT(refusal_of(file, {.key = bytes(std::string(32, 'k'))}), contains("16 bytes"));

  // One bit of the value, of its MAC, and of the key.
  const std::string open = problem_of(file, {.key = bytes(writer.key)});
  const auto value = file.rfind("<xenc:CipherValue>") + 20;
  std::string changed = file;
  changed[value] = changed[value] == 'A' ? 'B' : 'A';
  CHECK_THAT(problem_of(changed, {.key = bytes(writer.key)}), contains("MAC"));
  changed = file;
  const auto mac = file.find("<ValueMAC>") + 10;
  changed[mac] = changed[mac] == 'A' ? 'B' : 'A';
  CHECK_THAT(problem_of(changed, {.key = bytes(writer.key)}), contains("MAC"));
  CHECK_THAT(problem_of(replaced(file, "<ValueMAC>", "<ValueMAC>AAAA"), {.key = bytes(writer.key)}),
             contains("MAC"));

  // Without a MAC, only where the host says so; a MAC that is wrong, never.
  writer.mac_key = "";
  const std::string without = writer.file(PskcWriter::package(writer.secret(secret)));
  CHECK_THAT(problem_of(without, {.key = bytes(writer.key)}), contains("accept_unauthenticated"));
  CHECK(problem_of(without, {.key = bytes(writer.key), .accept_unauthenticated = true}).empty());
  CHECK_THAT(problem_of(changed, {.key = bytes(writer.key), .accept_unauthenticated = true}),
             contains("MAC"));
}

TEST_CASE("Where a key or a password was given, nobody without it brings a secret of his own") {
  PskcWriter writer;
  writer.key = std::string(16, 'k');
  const std::string file = writer.file(
      PskcWriter::package(writer.secret(secret) + "<Counter><PlainValue>117</PlainValue></Counter>", "hotp"));
  const std::string of_another = PskcWriter().secret("of an attacker, 20 b");
  const auto at = file.find("<Secret>");
  const std::string swapped = replaced(file, file.substr(at, file.find("</Secret>") + 9 - at), of_another);
  const std::string stripped = replaced(swapped, writer.encryption_key, "");
  const std::string plain = PskcWriter().file(PskcWriter::package(of_another, "hotp"));

  const mfa::PskcOptions by_key{.key = bytes(writer.key)};
  const mfa::PskcOptions by_password{.password = "password"};
  CHECK(read_pskc(file, by_key).at(0).counter == 117); // a counter may be in the clear
  CHECK_THAT(problem_of(swapped, by_key), contains("in the clear"));
  for (const std::string& changed : {stripped, plain})
    for (const auto& options : {by_key, by_password})
      CHECK_THAT(problem_of(changed, options), contains("accept_unauthenticated"));
  CHECK_THAT(refusal_of(swapped), contains("PskcOptions::key"));
  CHECK(problem_of(plain).empty());
  CHECK(problem_of(swapped, {.key = bytes(writer.key), .accept_unauthenticated = true}).empty());
  CHECK(problem_of(plain, {.password = "password", .accept_unauthenticated = true}).empty());

  // A reader takes the one, the next the other.
  const mfa::PskcOptions trusting{.key = bytes(writer.key), .accept_unauthenticated = true};
  const std::string both = "<PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue><EncryptedValue>";
  CHECK_THAT(problem_of(replaced(file, "<EncryptedValue>", both), trusting), contains("both"));
  for (const char* name : {"Counter", "TimeInterval", "TimeDrift"}) {
    CAPTURE(name);
    const std::string value = replaced(writer.value(name, "9", ""), "<EncryptedValue>",
                                       "<PlainValue>9</PlainValue><EncryptedValue>");
    CHECK_THAT(problem_of(writer.file(PskcWriter::package(writer.secret(secret) + value,
                                                          name[0] == 'C' ? "hotp" : "totp")),
                          trusting),
               contains("both"));
  }
}

TEST_CASE("What is encrypted by other means is refused with what they are") {
  PskcWriter writer;
  writer.key = std::string(16, 'k');
  const std::string file = writer.file(PskcWriter::package(writer.secret(secret)));
  const mfa::PskcOptions options{.key = bytes(writer.key), .password = "password"};
  CHECK_THAT(refusal_of(replaced(file, "aes128-cbc", "tripledes-cbc"), options), contains("AES-CBC"));
  CHECK_THAT(refusal_of(replaced(file, "#hmac-sha1", "#hmac-md5"), options), contains("HMAC-SHA-1"));
  CHECK_THAT(refusal_of(replaced(file, "<ds:KeyName>Pre-shared-key</ds:KeyName>", "<ds:X509Data/>"), options),
             contains("key pair"));
  const std::string no_key = replaced(file, writer.encryption_key, "");
  CHECK_THAT(problem_of(no_key, options), contains("no MAC"));
  CHECK_THAT(refusal_of(replaced(file, "<MACKey>", "<MACKey><EncryptionMethod/>"), options),
             contains("twice"));
  const auto begin = file.find("<MACKey>");
  const auto end = file.find("</MACKey>") + 9;
  CHECK_THAT(refusal_of(file.substr(0, begin) + file.substr(end), options),
             contains("without a key of its own"));
}

TEST_CASE("A derived key is bounded in its rounds, and is AES's") {
  PskcWriter writer;
  writer.key =
      "\xEA\x6C\x01\x4D\xC7\x2D\x6F\x8C\xCD\x1E\xD9\x2A\xCE\x1D\x41\xF0"; // RFC 6070, second vector: 2 rounds
  const auto derivation = [&](const std::string& parameters, const std::string& algorithm = "pbkdf2") {
    PskcWriter derived = writer;
    derived.encryption_key =
        "<EncryptionKey><xenc11:DerivedKey><xenc11:KeyDerivationMethod "
        "Algorithm=\"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#" +
        algorithm + "\"><pkcs5:PBKDF2-params>" + parameters +
        "</pkcs5:PBKDF2-params></xenc11:KeyDerivationMethod></xenc11:DerivedKey></EncryptionKey>";
    return derived.file(PskcWriter::package(derived.secret(secret)));
  };
  const mfa::PskcOptions options{.password = "password"};
  const std::string salt = "<Salt><Specified>c2FsdA==</Specified></Salt>";
  const std::string rounds = "<IterationCount>2</IterationCount>";
  CHECK(problem_of(derivation(salt + rounds + "<KeyLength>16</KeyLength><PRF/>"), options).empty());
  CHECK(problem_of(derivation(salt + rounds), options).empty());
  const std::string by_sha_1 = writer.key;
  writer.key = "\xAE\x4D\x0C\x95\xAF\x6B\x46\xD3\x2D\x0A\xDF\xF9\x28\xF0\x6D\xD0"; // the same with SHA-256
  CHECK(problem_of(derivation(salt + rounds +
                              "<PRF Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256\"/>"),
                   options)
            .empty());
  writer.key = by_sha_1;
  const std::pair<std::string, const char*> bad[] = {
      {derivation(salt + rounds, "pbkdf1"), "PBKDF2"},
      {derivation(rounds), "salt"},
      {derivation(salt), "rounds"},
      {derivation("<Salt><Specified/></Salt>" + rounds), "base64"},
      {derivation(salt + "<IterationCount>0</IterationCount>"), "AES"},
      {derivation(salt + "<IterationCount>10000001</IterationCount>"), "10000000"},
      {derivation(salt + "<IterationCount>-1</IterationCount>"), "10000000"},
      {derivation(salt + rounds + "<KeyLength>15</KeyLength>"), "AES"},
      {derivation(salt + rounds + "<KeyLength>2000000000</KeyLength>"), "32"},
      {derivation(salt + rounds + "<PRF Algorithm=\"x#hmac-md5\"/>"), "HMAC-SHA-1"},
  };
  for (const auto& [file, reason] : bad) CHECK_THAT(refusal_of(file, options), contains(reason));
}

TEST_CASE("A policy that is not kept to here is refused") {
  const auto policy = [](const std::string& parts) { return with("", "<Policy>" + parts + "</Policy>"); };
  CHECK(problem_of(policy("<KeyUsage>CR</KeyUsage><KeyUsage>OTP</KeyUsage>")).empty());
  const std::string local = R"(<PINPolicy PINUsageMode="Local" MinLength="4"/>)";
  CHECK(problem_of(policy(local)).empty());
  const std::pair<std::string, const char*> bad[] = {
      {"<KeyUsage>CR</KeyUsage>", "one-time passwords"},
      {"<NumberOfTransactions>10</NumberOfTransactions>", "how often"},
      {"<OnWeekDays/>", "does not know"},
      {R"(<PINPolicy PINUsageMode="Append"/>)", "must check"},
      {R"(<PINPolicy PINUsageMode="Prepend"/>)", "must check"},
      {R"(<PINPolicy PINUsageMode="Algorithmic"/>)", "must check"},
      {R"(<PINPolicy MinLength="4"/>)", "must check"},
      {R"(<PINPolicy PINUsageMode="Local" OnWeekDays="true"/>)", "does not know"},
      {R"(<PINPolicy PINUsageMode="Local"><More/></PINPolicy>)", "does not know"},
      {"<ExpiryDate>tomorrow</ExpiryDate>", "date and time"},
      {"<ExpiryDate>2026-02-30T00:00:00Z</ExpiryDate>", "date and time"},
      {"<ExpiryDate>2026-02-03T00:00:00Zoo</ExpiryDate>", "date and time"},
  };
  for (const auto& [parts, reason] : bad) {
    CAPTURE(parts);
    CHECK_THAT(problem_of(policy(parts)), contains(reason));
  }
}

TEST_CASE("Dates are read in their time zones, of the device and of the key") {
  const auto dates = [](const std::string& text) {
    return read_pskc(with("", "<Policy><StartDate>" + text + "</StartDate></Policy>")).at(0).valid_from;
  };
  using std::chrono::sys_days;
  using std::chrono::year;
  const mfa::Time noon = sys_days(year(2026) / 11 / 27) + std::chrono::hours(12);
  for (const char* text :
       {"2026-11-27T12:00:00Z", "2026-11-27T12:00:00", "2026-11-27T12:00:00.123456789Z",
        "2026-11-27T14:30:00+02:30", "2026-11-27T04:00:00-08:00", "2026-11-26T36:00:00Z"}) {
    CAPTURE(text);
    if (std::string_view(text).find("T36") == std::string_view::npos)
      CHECK(dates(text) == noon);
    else
      CHECK_FALSE(dates(text));
  }
  CHECK(dates("0001-01-01T00:00:00Z") == mfa::Time{});
  CHECK(dates("9999-12-31T23:59:59Z") == mfa::end_of_times);
  const std::string both = replaced(
      with("",
           "<Policy><StartDate>2026-11-27T12:00:00Z</StartDate><ExpiryDate>2027-01-01T00:00:00Z</ExpiryDate>"
           "</Policy>"),
      "</SerialNo>",
      "</SerialNo><StartDate>2020-01-01T00:00:00Z</StartDate><ExpiryDate>2026-12-01T00:00:00Z</ExpiryDate>");
  const ImportToken token = read_pskc(both).at(0);
  CHECK(token.valid_from == noon);
  CHECK(token.valid_until == mfa::Time(sys_days(year(2026) / 12 / 1)));

  mfa::test::Host host;
  std::vector<ImportToken> tokens(2, token);
  tokens[0].valid_until = tokens[0].valid_from = {};
  tokens[0].user_id = tokens[1].user_id = "u_1";
  tokens[1].valid_until = mfa::Time(host.clock.now().time_since_epoch() / std::chrono::milliseconds(1) *
                                    std::chrono::milliseconds(1));
  const auto done = mfa::import_factors(host.verifier, tokens, {.issuer = "Foo", .user_id_as_user = true});
  CHECK(done.imported == 1);
  CHECK(done.refused == 1);
}

TEST_CASE("Tokens whose codes are others are refused, and so is what can be read in two ways") {
  const std::string good = with("<TimeInterval><PlainValue>30</PlainValue></TimeInterval>");
  CHECK(problem_of(good).empty());
  const std::string format = R"(<ResponseFormat Length="6" Encoding="DECIMAL"/>)";
  const std::string profile = "<KeyProfileId>keyProfile1</KeyProfileId>";
  const std::string parameters = "<AlgorithmParameters>" + format + "</AlgorithmParameters>";
  CHECK(problem_of(replaced(good, parameters, parameters + profile)).empty());
  const std::pair<std::string, const char*> bad[] = {
      {replaced(good, "pskc:totp", "pskc:ocra"), "neither HOTP nor TOTP"},
      {replaced(good, " Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:totp\"", ""),
       "neither HOTP nor TOTP"},
      {replaced(good, "DECIMAL", "HEXADECIMAL"), "decimal"},
      {replaced(good, parameters, profile), "profile"},
      {replaced(good, parameters,
                "<AlgorithmParameters><Suite>HMAC-SHA1</Suite></AlgorithmParameters>" + profile),
       "profile"},
      {replaced(good, "Length=\"6\"", "Length=\"10\""), "6 or more than 8"},
      {replaced(good, "Length=\"6\"", "Length=\"six\""), "code length"},
      {replaced(good, "Length=\"6\"", "Length=\"6\" CheckDigits=\"true\""), "check digit"},
      {replaced(good, "<ResponseFormat", "<ChallengeFormat/><ResponseFormat"), "challenges"},
      {replaced(good, "<ResponseFormat", "<Suite>HMAC-MD5</Suite><ResponseFormat"), "suite"},
      {replaced(good, "<ResponseFormat", "<Suite hashalgo=\"md5\"/><ResponseFormat"), "suite"},
      {replaced(good, "<ResponseFormat", "<Suite hashalgo=\"sha256\">HMAC-SHA1</Suite><ResponseFormat"),
       "told twice"},
      {replaced(good, "<ResponseFormat", "<Suite>SHA1</Suite><Suite>SHA256</Suite><ResponseFormat"), "twice"},
      {replaced(good, "</AlgorithmParameters>", format + "</AlgorithmParameters>"), "twice"},
      {replaced(good, ">30<", ">0<"), "interval is 0"},
      {replaced(good, ">30<", ">thirty<"), "TimeInterval"},
      {replaced(good, "<TimeInterval>", "<Time><PlainValue>1325376000</PlainValue></Time><TimeInterval>"),
       "start"},
      {replaced(good, "<TimeInterval>", "<TimeInterval/><TimeInterval>"), "twice"},
      {replaced(good, "</Secret>", "</Secret><Secret/>"), "twice"},
      {replaced(good, "<PlainValue>MTIz", "<PlainValue>M!Iz"), "base64"},
      {replaced(good, "<PlainValue>MTIz", "<PlainValue><b/>MTIz"), "else than text"},
      {replaced(good, "PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue", "Value>MTIz</Value"),
       "no value"},
      {replaced(good, "<SerialNo>7", "<SerialNo>" + std::string(256, '7')), "255 bytes"},
      {replaced(good, "<SerialNo>7", "<SerialNo>7&#x85;7"), "control"},
      {replaced(replaced(good, "<Data>", "<Other>"), "</Data>", "</Other>"), "no secret"},
      {PskcWriter().file("<KeyPackage/>"), "no key"},
  };
  for (const auto& [file, reason] : bad) {
    CAPTURE(file);
    const std::string problem = problem_of(file);
    CHECK_THAT(problem, contains(reason));
    CHECK(problem.find("MTIz") == std::string::npos);
    CHECK(problem.find(secret) == std::string::npos);
  }
  const std::pair<const char*, mfa::crypto::Hash> suites[] = {
      {"<Suite>HMAC-SHA256</Suite>", mfa::crypto::Hash::sha256},
      {"<Suite>sha512</Suite>", mfa::crypto::Hash::sha512},
      {"<Suite hashalgo=\"sha256\"/>", mfa::crypto::Hash::sha256},
      {"<Suite hashalgo=\"sha512\"> </Suite>", mfa::crypto::Hash::sha512},
      {"<Suite/>", mfa::crypto::Hash::sha1}};
  for (const auto& [suite, hash] : suites) {
    CAPTURE(suite);
    CHECK(read_pskc(replaced(good, "<ResponseFormat", std::string(suite) + "<ResponseFormat")).at(0).hash ==
          hash);
  }
  CHECK(read_pskc(replaced(good, "<Data>",
                           "<FriendlyName xml:lang=\"en\">Mine</FriendlyName><FriendlyName "
                           "xml:lang=\"de\">Meiner</FriendlyName><Data>"))
            .at(0)
            .friendly_name == "Mine");

  const auto drift = [](const std::string& steps) {
    return read_pskc(with("<TimeDrift><PlainValue>" + steps + "</PlainValue></TimeDrift>")).at(0).drift;
  };
  CHECK(drift("4") == 4);
  CHECK(drift("-12") == -12);
  CHECK_THAT(problem_of(with("<TimeDrift><PlainValue>--1</PlainValue></TimeDrift>")), contains("TimeDrift"));

  PskcWriter writer;
  writer.key = std::string(16, 'k');
  const auto counted = [&](std::string_view value) {
    return problem_of(
        writer.file(PskcWriter::package(writer.secret(secret) + writer.value("Counter", value, ""), "hotp")),
        {.key = bytes(writer.key)});
  };
  CHECK(counted("117").empty());
  CHECK_THAT(counted("1170"), contains("two ways"));
  CHECK_THAT(counted(std::string("\0\x75", 2)), contains("not a number"));
  CHECK_THAT(counted("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), contains("not a number"));
}

TEST_CASE("One token that cannot be used keeps no other from it, and is told by its number") {
  const PskcWriter plain;
  std::string packages;
  for (int i = 0; i < 5; ++i)
    packages += PskcWriter::package(i == 2 ? "<Secret><PlainValue>?</PlainValue></Secret>"
                                           : plain.secret("1234567890123456789" + std::to_string(i)));
  mfa::test::Host host;
  auto tokens = read_pskc(plain.file(packages));
  for (ImportToken& token : tokens) token.user_id = "u_1";
  std::vector<std::pair<std::size_t, mfa::ImportOutcome>> outcomes;
  (void)mfa::import_factors(host.verifier, tokens,
                            {.issuer = "Foo", .user_id_as_user = true, .report = [&](const auto& result) {
                               outcomes.emplace_back(result.line, result.outcome);
                               return true;
                             }});
  REQUIRE(outcomes.size() == 5);
  for (std::size_t i = 0; i < 5; ++i)
    CHECK(outcomes[i] ==
          std::pair(i + 1, i == 2 ? mfa::ImportOutcome::refused : mfa::ImportOutcome::imported));
}

TEST_CASE("What is no PSKC of RFC 6030 is refused as a whole") {
  const std::string good = with("");
  const std::pair<std::string, const char*> bad[] = {
      {"", "not XML"},
      {"upn,serial,secret", "not XML"},
      {good.substr(0, good.size() / 2), "not XML"},
      {replaced(good, "</KeyPackage>", ""), "not XML"},
      {replaced(good, "<DeviceInfo>", "<x:DeviceInfo>"), "not XML"},
      {replaced(good, "Acme", "Acm\xE9"), "not XML"},
      {replaced(good, "Acme", "&acme;"), "not XML"},
      {replaced(good, "Version=\"1.0\" xmlns", "Version=\"2.0\" xmlns"), "another version"},
      {replaced(good, "ns:keyprov:pskc\"", "ns:keyprov:pskc:1.0\""), "draft"},
      {"<SecretContainer/>", "draft"},
  };
  for (const auto& [file, reason] : bad) {
    CAPTURE(file);
    CHECK_THAT(refusal_of(file), contains(reason));
  }
}

TEST_CASE("What is made to harm its reader is refused before it is read") {
  const std::string good = with("");
  const auto typed = [&](const std::string& type) {
    return replaced(good, "<KeyContainer", type + "<KeyContainer");
  };
  // A billion laughs, in text and in an attribute; files and addresses of others.
  std::string laughs = "<!DOCTYPE KeyContainer [<!ENTITY a \"ha\">";
  for (char name = 'b'; name < 'l'; ++name) {
    laughs += std::string("<!ENTITY ") + name + " \"";
    for (int i = 0; i < 10; ++i) laughs += std::string("&") + static_cast<char>(name - 1) + ';';
    laughs += "\">";
  }
  laughs += "]>";
  CHECK_THAT(refusal_of(replaced(typed(laughs), ">Acme<", ">&k;<")), contains("document type"));
  CHECK_THAT(refusal_of(replaced(typed(laughs), "Key Id=\"7\"", "Key Id=\"&k;\"")),
             contains("document type"));
  CHECK_THAT(refusal_of(replaced(typed("<!DOCTYPE KeyContainer [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>"),
                                 ">Acme<", ">&x;<")),
             contains("document type"));
  CHECK_THAT(refusal_of(typed("<!DOCTYPE KeyContainer SYSTEM \"http://127.0.0.1:1/pskc.dtd\">")),
             contains("document type"));
  CHECK_THAT(refusal_of(typed("<!DOCTYPE KeyContainer>")), contains("document type"));

  std::string attributes;
  for (int i = 0; i < 1000; ++i) attributes += " a" + std::to_string(i) + "='>'";
  CHECK_THAT(refusal_of(replaced(good, "<DeviceInfo>", "<DeviceInfo" + attributes + ">")), contains("2048"));
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  CHECK_THAT(refusal_of(replaced(good, "<DeviceInfo>", deep + "<DeviceInfo>")), contains("32"));
  CHECK_THAT(refusal_of(std::string(mfa::pskc::Document::longest + 1, ' ')), contains("divide it"));
  CHECK_THAT(refusal_of("<?xml version=\"1.0\" encoding=\"UTF-16\"?>" + std::string("\0<\0a", 4)),
             contains("not XML"));

  // A large one that is good, in a time that grows with its size.
  const PskcWriter plain;
  std::string packages;
  const std::string package = PskcWriter::package(plain.secret(secret)) + "<!-- > <b> -->";
  for (int i = 0; i < 2000; ++i) packages += package;
  CHECK(read_pskc(plain.file(packages)).size() == 2000);
}

TEST_CASE("Files may be read in many threads at once") {
  const std::string good = with("");
  std::vector<std::thread> threads;
  std::atomic<int> read = 0;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) read += static_cast<int>(read_pskc(good).size());
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(read == 160);
}
