// An otpauth URI is read as the apps and servers of this world write it, and refused where it could mean two
// things.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <mfa/mfa.hpp>
#include <mfa/otp/uri_parser.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using mfa::errc;
using mfa::crypto::Hash;
using mfa::otp::parse_uri;
using mfa::test::thrown_by;

namespace {

const std::string secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

} // namespace

TEST_CASE("What is written in many ways is read") {
  struct Row {
    std::string uri;
    std::string issuer, user;
    Hash hash = Hash::sha1;
    unsigned digits = 6;
    int period = 30;
    std::optional<std::uint64_t> counter = {};
  };
  const Row rows[] = {
      {"otpauth://totp/Foo%20Corp:alan%40example.com?secret=" + secret + "&issuer=Foo%20Corp", "Foo Corp",
       "alan@example.com"},
      {"OTPAUTH://TOTP/Foo:alan?SECRET=" + secret, "Foo", "alan"},
      {"otpauth://totp/alan?secret=" + secret, "", "alan"},
      {"otpauth://totp/alan?secret=" + secret + "&issuer=Foo", "Foo", "alan"},
      {"otpauth://totp/Old:alan?secret=" + secret + "&issuer=New", "New", "alan"}, // the parameter counts
      {"otpauth://totp/Foo%3Aalan?secret=" + secret, "Foo", "alan"},
      {"otpauth://totp/Foo:%20alan?secret=" + secret, "Foo", "alan"},
      {"otpauth://totp/Foo:a:b?secret=" + secret, "Foo", "a:b"},
      {"otpauth://totp/a+b?secret=" + secret + "&issuer=Foo+Corp", "Foo Corp", "a+b"},
      {"otpauth://totp/?secret=" + secret, "", ""},
      {"otpauth://totp/Foo:alan?issuer=Foo&secret=" + secret + "#fragment&digits=7", "Foo", "alan"},
      {"otpauth://totp/Foo:alan?secret=gezd+gnbv+gy3t+qojq+gezd+gnbv+gy3t+qojq", "Foo", "alan"},
      {"otpauth://totp/B%C3%A4cker:%F0%9F%94%92?secret=" + secret,
       "B\xC3\xA4"
       "cker",
       "\xF0\x9F\x94\x92"},
      {"otpauth://totp/Foo:alan?secret=" + secret + "&algorithm=SHA256&digits=8&period=60", "Foo", "alan",
       Hash::sha256, 8, 60},
      {"otpauth://totp/Foo:alan?secret=" + secret + "&algorithm=HmacSHA512", "Foo", "alan", Hash::sha512},
      {"otpauth://totp/Foo:alan?secret=" + secret + "&algorithm=sha-1&image=https%3A%2F%2Fx&lock=&color",
       "Foo", "alan"},
      {"otpauth://totp/Foo:alan?secret=" + secret + "&algorithm=&digits=&period=&counter=9", "Foo", "alan"},
      {"otpauth://hotp/Foo:alan?secret=" + secret + "&counter=7&period=0", "Foo", "alan", Hash::sha1, 6, 30,
       7},
      {"otpauth://hotp/Foo:alan?counter=0&secret=" + secret + "&digits=7", "Foo", "alan", Hash::sha1, 7, 30,
       0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.uri);
    const auto account = parse_uri(row.uri);
    CHECK(account.issuer == row.issuer);
    CHECK(account.user == row.user);
    CHECK(mfa::crypto::text_of(account.secret) == "12345678901234567890");
    CHECK(account.hash == row.hash);
    CHECK(account.digits == row.digits);
    CHECK(account.period == std::chrono::seconds(row.period));
    CHECK(account.counter == row.counter);
  }
}

// The shapes are those that importers of authenticator apps were reported to stumble over.
TEST_CASE("What servers and apps write against the format is read as they mean it") {
  struct Row {
    const char* what;
    std::string uri;
    std::string issuer, user;
    Hash hash = Hash::sha1;
    unsigned digits = 6;
  };
  const std::string with_secret = "?secret=" + secret;
  const Row rows[] = {
      // Issuers with a colon.
      {"an address, its colon encoded",
       "otpauth://totp/https%3A%2F%2Fgit.example.com:alan" + with_secret +
           "&issuer=https%3A%2F%2Fgit.example.com",
       "https://git.example.com", "alan"},
      {"an address in the label alone", "otpauth://totp/https%3A%2F%2Fgit.example.com:alan" + with_secret,
       "https://git.example.com", "alan"},
      {"a bare address", "otpauth://totp/https://git.example.com:alan" + with_secret,
       "https://git.example.com", "alan"},
      {"a bare address with a port",
       "otpauth://totp/http://git.example.com:8443:alan" + with_secret +
           "&issuer=http://git.example.com:8443",
       "http://git.example.com:8443", "alan"},
      {"a port",
       "otpauth://totp/git.example.com%3A8443%3Aalan" + with_secret + "&issuer=git.example.com:8443",
       "git.example.com:8443", "alan"},
      {"an address in brackets",
       "otpauth://totp/%E5%96%B5%20%28https://example.com%29:alan?algorithm=SHA1&digits=6&issuer=%E5%96%B5+"
       "%28https%3A%2F%2Fexample.com%29&period=30&secret=" +
           secret,
       "\xE5\x96\xB5 (https://example.com)", "alan"},
      {"a title with a colon",
       "otpauth://totp/Text%3A%20More%20Text:alan" + with_secret + "&issuer=Text%3A%20More%20Text",
       "Text: More Text", "alan"},
      {"the same, every colon encoded",
       "otpauth://totp/Test%3A%20Foo%3AUser" + with_secret + "&issuer=Test: Foo", "Test: Foo", "User"},
      {"the issuer in the parameter alone",
       "otpauth://totp/alan" + with_secret + "&issuer=https://example.com/", "https://example.com/", "alan"},
      {"a user with a colon",
       "otpauth://totp/Microsoft:Company:alan@example.com" + with_secret + "&issuer=Microsoft", "Microsoft",
       "Company:alan@example.com"},
      {"an issuer of the parameter that the label does not have",
       "otpauth://totp/Some+Company%3aalan%40example.com" + with_secret + "&issuer=Microsoft", "Microsoft",
       "alan@example.com"},
      {"a space before the colon", "otpauth://totp/Foo%20: alan" + with_secret + "&issuer=Foo", "Foo",
       "alan"},
      {"nothing after the colon", "otpauth://totp/Heroku:?issuer=Heroku&secret=" + secret, "Heroku", ""},
      {"a blank issuer", "otpauth://totp/Foo:alan" + with_secret + "&issuer=%20", "Foo", "alan"},
      {"a colon that nothing follows or comes before", "otpauth://totp/:" + with_secret, "", ""},
      // A number sign, a percent sign and spaces that were not encoded.
      {"a number sign in the label", "otpauth://totp/Foo #1:alan#2" + with_secret, "Foo #1", "alan#2"},
      {"a number sign in the issuer", "otpauth://totp/alan?issuer=C# School&secret=" + secret, "C# School",
       "alan"},
      {"a fragment", "otpauth://totp/Foo:alan" + with_secret + "#top", "Foo", "alan"},
      {"a lone percent sign", "otpauth://totp/50% Club:100%" + with_secret + "&issuer=50% Club", "50% Club",
       "100%"},
      {"percent signs before what is not hexadecimal", "otpauth://totp/%zz:%4g%" + with_secret, "%zz",
       "%4g%"},
      {"bare spaces", "otpauth://totp/Slack (Foo Corp): alan " + with_secret + "&issuer=Slack", "Slack",
       "alan"},
      // Not UTF-8.
      {"Latin-1", "otpauth://totp/B%E4cker:J%FCrgen" + with_secret + "&issuer=B%E4cker",
       "B\xC3\xA4"
       "cker",
       "J\xC3\xBCrgen"},
      {"Latin-1 in the label, UTF-8 in the parameter",
       "otpauth://totp/B%E4cker:alan" + with_secret + "&issuer=B%C3%A4cker",
       "B\xC3\xA4"
       "cker",
       "alan"},
      {"bare Latin-1",
       "otpauth://totp/B\xE4"
       "cker:alan" +
           with_secret,
       "B\xC3\xA4"
       "cker",
       "alan"},
      // Around the line.
      {"a line end", "otpauth://totp/Foo:alan" + with_secret + "\r\n", "Foo", "alan"},
      {"a byte order mark and spaces", "\xEF\xBB\xBF \totpauth://totp/Foo:alan" + with_secret + " ", "Foo",
       "alan"},
      {"no-break spaces", "\xC2\xA0otpauth://totp/Foo:alan" + with_secret + "\xE2\x80\xAF", "Foo", "alan"},
      // Parameters.
      {"algo", "otpauth://totp/Foo:alan" + with_secret + "&algo=SHA256", "Foo", "alan", Hash::sha256},
      {"algo and algorithm", "otpauth://totp/Foo:alan" + with_secret + "&algo=SHA512&algorithm=SHA512", "Foo",
       "alan", Hash::sha512},
      {"an enumerator", "otpauth://totp/Foo:alan" + with_secret + "&algorithm=Algorithm.sha512", "Foo",
       "alan", Hash::sha512},
      {"in small letters", "otpauth://totp/Foo:alan" + with_secret + "&algorithm=hmacsha256&digits=8", "Foo",
       "alan", Hash::sha256, 8},
      {"a parameter twice",
       "otpauth://totp/Foo:alan" + with_secret + "&issuer=Foo&digits=8&issuer=Foo&digits=8", "Foo", "alan",
       Hash::sha1, 8},
      {"the secret twice", "otpauth://totp/Foo:alan" + with_secret + "&secret=" + secret, "Foo", "alan"},
      {"an empty encoder", "otpauth://totp/Foo:alan" + with_secret + "&encoder=", "Foo", "alan"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what, row.uri);
    try {
      const auto account = parse_uri(row.uri);
      CHECK(account.issuer == row.issuer);
      CHECK(account.user == row.user);
      CHECK(mfa::crypto::text_of(account.secret) == "12345678901234567890");
      CHECK(account.hash == row.hash);
      CHECK(account.digits == row.digits);
    } catch (const mfa::Error& error) {
      FAIL_CHECK(error.what());
    }
  }
}

TEST_CASE("The secret may have its padding, percent-encoded or not") {
  for (const std::string padding : {"", "%3D%3D%3D%3D%3D%3D", "======"})
    CHECK(parse_uri("otpauth://totp/a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY" + padding).secret.size() == 16);
  CHECK(thrown_by([] { return parse_uri("otpauth://totp/a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY%3D").digits; }) ==
        errc::invalid_secret);
}

TEST_CASE("What the library writes is read back") {
  const std::string issuers[] = {"Foo Corp",
                                 "R&D?#/%+=",
                                 "B\xC3\xA4"
                                 "cker",
                                 "https://git.example.com:8443",
                                 "Foo: Corp",
                                 ":",
                                 "a:"};
  const std::string users[] = {"alan", "a b:c+d", ":", "urn:user:7", "a:b", "Foo Corp:alan", "50%"};
  for (const std::string& issuer : issuers)
    for (const std::string& user : users)
      for (const Hash hash : {Hash::sha1, Hash::sha256, Hash::sha512})
        for (const auto counter : {std::optional<std::uint64_t>{}, std::optional<std::uint64_t>{42}}) {
          mfa::otp::Account written{.issuer = issuer,
                                    .user = user,
                                    .secret = mfa::otp::base32_decode(secret),
                                    .hash = hash,
                                    .digits = 8,
                                    .counter = counter};
          if (!counter) written.period = std::chrono::seconds(45);
          const auto uri = mfa::otp::uri(written);
          const auto account = parse_uri(uri);
          CHECK(account.issuer == written.issuer);
          CHECK(account.user == written.user);
          CHECK(account.secret == written.secret);
          CHECK(account.hash == written.hash);
          CHECK(account.digits == written.digits);
          CHECK(account.counter == written.counter);
          if (!counter) CHECK(account.period == written.period);
        }
}

TEST_CASE(
    "What is no otpauth URI, or could mean two things, is refused, and the refusal says nothing of it") {
  using namespace std::string_literals;
  const std::string good = "otpauth://totp/Foo:alan?secret=" + secret;
  struct Row {
    std::string uri;
    errc error;
    std::string reason;
  };
  const Row rows[] = {
      {"", errc::invalid_uri, "otpauth://"},
      {"otpauth", errc::invalid_uri, "otpauth://"},
      {"http://totp/Foo:alan?secret=" + secret, errc::invalid_uri, "otpauth://"},
      {"\"" + good + "\"", errc::invalid_uri, "otpauth://"},
      {"otpauth:// totp/Foo:alan?secret=" + secret, errc::invalid_uri, "neither"},
      {"otpauth://", errc::invalid_uri, "neither"},
      {"otpauth://motp/Foo:alan?secret=" + secret, errc::invalid_uri, "neither"},
      {"otpauth://steam/Steam%3Aalan?period=30&digits=5&secret=" + secret, errc::invalid_uri, "Steam"},
      {"otpauth://totp/Steam:alan?secret=" + secret + "&encoder=steam", errc::invalid_uri, "Steam"},
      {"otpauth://totp/Steam:alan?encoder=Steam&digits=5&secret=" + secret, errc::invalid_uri, "Steam"},
      {good + "&encoder=words", errc::invalid_uri, "encoder"},
      {good + "&amp;issuer=Foo&amp;digits=8", errc::invalid_uri, "escaped for HTML"},
      {good + "&#38;digits=8", errc::invalid_uri, "escaped for HTML"},
      {good + "&#x26;digits=8", errc::invalid_uri, "escaped for HTML"},
      {"otpauth://totp/R&amp;D:alan?secret=" + secret, errc::invalid_uri, "escaped for HTML"},
      {"otpauth://totp", errc::invalid_uri, "no secret"},
      {"otpauth://totp/Foo:alan", errc::invalid_uri, "no secret"},
      {"otpauth://totp/Foo:alan?secret=", errc::invalid_uri, "no secret"},
      {"otpauth://totp/Foo:alan?issuer=Foo#secret=" + secret, errc::invalid_uri, "no secret"},
      {good + "&secret=" + secret + "A", errc::invalid_uri, "twice"},
      {good + "&issuer=A&Issuer=B", errc::invalid_uri, "twice"},
      {good + "&digits=5", errc::invalid_uri, "digits"},
      {good + "&digits=9", errc::invalid_uri, "digits"},
      {good + "&digits=6x", errc::invalid_uri, "digits"},
      {good + "&digits=-6", errc::invalid_uri, "digits"},
      {good + "&digits=+6", errc::invalid_uri, "digits"},
      {good + "&period=0", errc::invalid_uri, "period"},
      {good + "&period=31622401", errc::invalid_uri, "period"},
      {good + "&period=99999999999999999999", errc::invalid_uri, "period"},
      {good + "&algorithm=MD5", errc::invalid_uri, "algorithm"},
      {good + "&algorithm=SHA1SHA1SHA1SHA1SHA1", errc::invalid_uri, "algorithm"},
      {good + "&algo=SHA1&algorithm=SHA256", errc::invalid_uri, "algorithm twice"},
      {good + "&algorithm=SHA384", errc::invalid_uri, "algorithm"},
      {good + "%", errc::invalid_secret, "base32"},
      {"otpauth://totp/Foo:alan?secret=3132333435363738393031323334353637383930", errc::invalid_secret,
       "looks like hexadecimal"},
      {good + "digits=6&period=30", errc::invalid_secret, "equals sign"}, // a separator is missing
      {good + "&issuer=a%80b", errc::invalid_uri, "control"},             // in Latin-1
      {good + "&issuer=a%00b", errc::invalid_uri, "control"},
      {"otpauth://totp/a%0Ab?secret=" + secret, errc::invalid_uri, "control"},
      {"otpauth://hotp/Foo:alan?secret=" + secret, errc::invalid_uri, "no counter"},
      {"otpauth://hotp/Foo:alan?secret=" + secret + "&counter=-1", errc::invalid_uri, "counter"},
      {"otpauth://hotp/Foo:alan?secret=" + secret + "&counter=18446744073709551616", errc::invalid_uri,
       "counter"},
      {"otpauth://totp/Foo:alan?secret=" + secret + "1", errc::invalid_secret, "base32"},
      {"otpauth://totp/Foo:alan?secret=%00" + secret, errc::invalid_secret, "base32"},
      {good + std::string(5000, 'a'), errc::invalid_uri, "longer"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.uri);
    try {
      (void)parse_uri(row.uri);
      FAIL_CHECK("accepted");
    } catch (const mfa::Error& error) {
      CHECK(error.code() == row.error);
      CHECK_THAT(error.what(), mfa::test::contains(row.reason));
      CHECK(std::string_view(error.what()).find(secret.substr(0, 8)) == std::string_view::npos);
      CHECK(std::string_view(error.what()).find("alan") == std::string_view::npos);
    }
  }
}
