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

TEST_CASE("The secret may have its padding, percent-encoded or not") {
  for (const std::string padding : {"", "%3D%3D%3D%3D%3D%3D", "======"})
    CHECK(parse_uri("otpauth://totp/a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY" + padding).secret.size() == 16);
  CHECK(thrown_by([] { return parse_uri("otpauth://totp/a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY%3D").digits; }) ==
        errc::invalid_secret);
}

TEST_CASE("What the library writes is read back") {
  const std::string issuers[] = {"Foo Corp", "R&D?#/%+=",
                                 "B\xC3\xA4"
                                 "cker"};
  for (const std::string& issuer : issuers)
    for (const Hash hash : {Hash::sha1, Hash::sha256, Hash::sha512})
      for (const auto counter : {std::optional<std::uint64_t>{}, std::optional<std::uint64_t>{42}}) {
        const auto bytes = mfa::otp::base32_decode(secret);
        mfa::otp::UriFields fields{.issuer = issuer,
                                   .user = "a b:c+d",
                                   .secret = bytes,
                                   .hash = hash,
                                   .digits = 8,
                                   .counter = counter};
        if (!counter) fields.period = std::chrono::seconds(45);
        const auto account = parse_uri(mfa::otp::uri(fields));
        CHECK(account.issuer == fields.issuer);
        CHECK(account.user == fields.user);
        CHECK(account.secret == bytes);
        CHECK(account.hash == fields.hash);
        CHECK(account.digits == fields.digits);
        CHECK(account.counter == fields.counter);
        if (!counter) CHECK(account.period == fields.period);
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
      {" " + good, errc::invalid_uri, "otpauth://"},
      {"otpauth://", errc::invalid_uri, "neither"},
      {"otpauth://steam/Foo:alan?secret=" + secret, errc::invalid_uri, "neither"},
      {"otpauth://totp", errc::invalid_uri, "no secret"},
      {"otpauth://totp/Foo:alan", errc::invalid_uri, "no secret"},
      {"otpauth://totp/Foo:alan?secret=", errc::invalid_uri, "no secret"},
      {"otpauth://totp/Foo:alan#?secret=" + secret, errc::invalid_uri, "no secret"},
      {good + "&secret=" + secret, errc::invalid_uri, "twice"},
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
      {good + "&issuer=%", errc::invalid_uri, "percent"},
      {good + "&issuer=%4", errc::invalid_uri, "percent"},
      {good + "&issuer=%4g", errc::invalid_uri, "percent"},
      {good + "&issuer=%C3", errc::invalid_uri, "UTF-8"},
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
