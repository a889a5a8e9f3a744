// The otpauth URI is one that authenticator apps read: percent-encoded, the issuer twice, or once if it has a
// colon. An independent authenticator (oathtool) shows from its fields the codes that verify.
#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/otp/uri.hpp>
#include <mfa/otp/uri_parser.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/program.hpp"

using mfa::crypto::Hash;
using mfa::otp::Account;

namespace {

/// The value of a query field, as an app that knows the key URI format finds it.
std::string field(const std::string& uri, const std::string& name, const std::string& otherwise) {
  for (const char before : {'?', '&'}) {
    const auto at = uri.find(before + name + '=');
    if (at == std::string::npos) continue;
    const auto start = at + name.size() + 2;
    return uri.substr(start, uri.find('&', start) - start);
  }
  return otherwise;
}

/// What oathtool shows for the factor that a URI describes.
std::string independent_code(const std::string& uri, std::chrono::system_clock::time_point at) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
  const auto output = mfa::test::output_of("oathtool --totp=" + field(uri, "algorithm", "SHA1") +
                                           " --digits=" + field(uri, "digits", "6") +
                                           " --time-step-size=" + field(uri, "period", "30") + "s --now=@" +
                                           std::to_string(seconds) + " --base32 " + field(uri, "secret", ""));
  return output.substr(0, output.find('\n'));
}

const auto secret = mfa::crypto::secret_copy(mfa::crypto::bytes_of("12345678901234567890"));

} // namespace

TEST_CASE("The URI is the text of the key URI format") {
  struct Row {
    Account account;
    const char* uri;
  };
  const Row rows[] = {
      {{.issuer = "Foo Corp", .user = "alan.turing@example.com", .secret = secret},
       "otpauth://totp/Foo%20Corp:alan.turing%40example.com"
       "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Foo%20Corp"},
      {{.issuer = "A", .user = "b", .secret = secret, .hash = Hash::sha256, .digits = 8},
       "otpauth://totp/A:b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=A&algorithm=SHA256&digits=8"},
      {{.issuer = "A",
        .user = "b",
        .secret = secret,
        .hash = Hash::sha512,
        .period = std::chrono::seconds(60)},
       "otpauth://totp/A:b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=A&algorithm=SHA512&period=60"},
      {{.issuer = "R&D?#/%+=", .user = "a b&c", .secret = secret},
       "otpauth://totp/R%26D%3F%23%2F%25%2B%3D:a%20b%26c"
       "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=R%26D%3F%23%2F%25%2B%3D"},
      {{.issuer = "B\xC3\xA4"
                  "cker",
        .user = "\xF0\x9F\x94\x92",
        .secret = secret},
       "otpauth://totp/B%C3%A4cker:%F0%9F%94%92"
       "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=B%C3%A4cker"},
      {{.issuer = "A-Z_a.z~0", .user = "urn:user:7", .secret = secret},
       "otpauth://totp/A-Z_a.z~0:urn%3Auser%3A7"
       "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=A-Z_a.z~0"},
      // Apps split the label at its first colon, and take the issuer from the parameter.
      {{.issuer = "https://git.example.com:8443", .user = "alan", .secret = secret},
       "otpauth://totp/alan"
       "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=https%3A%2F%2Fgit.example.com%3A8443"},
      {{.issuer = "Foo: Corp", .user = "urn:7", .secret = secret},
       "otpauth://totp/Foo%3A%20Corp:urn%3A7"
       "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Foo%3A%20Corp"},
  };
  for (const Row& row : rows) CHECK(mfa::otp::uri(row.account) == row.uri);
}

TEST_CASE("Labels that apps would misread are refused") {
  struct Row {
    std::string label;
    const char* reason;
  };
  using namespace std::string_literals;
  const Row rows[] = {
      {"", "is empty"},
      {"\xC3", "UTF-8"},
      {"\xC0\xAF", "UTF-8"},         // overlong
      {"\xED\xA0\x80", "UTF-8"},     // a surrogate
      {"\xF4\x90\x80\x80", "UTF-8"}, // beyond U+10FFFF
      {"a\nb", "control character"},
      {"a\0b"s, "control character"},
      {"a\x7F", "control character"},
      {"a\xC2\x85"
       "b",
       "control character"},
      {" a", "white space"},
      {"a ", "white space"},
      {"a\xC2\xA0", "white space"},
      {"\xEF\xBB\xBF"
       "a",
       "white space"}, // a byte order mark
      {"\xE3\x80\x80"
       "a",
       "white space"},
  };
  const auto reason_of = [](const Account& account) -> std::string {
    try {
      (void)mfa::otp::uri(account);
    } catch (const mfa::Error& error) {
      CHECK(error.code() == mfa::errc::invalid_argument);
      return error.what();
    }
    return "was not refused";
  };
  for (const Row& row : rows) {
    CAPTURE(row.label);
    CHECK_THAT(reason_of({.issuer = row.label, .user = "b", .secret = secret}),
               mfa::test::contains(row.reason));
    CHECK_THAT(reason_of({.issuer = "A", .user = row.label, .secret = secret}),
               mfa::test::contains(row.reason));
  }
  CHECK_THAT(reason_of({.issuer = std::string(201, 'a'), .user = "b", .secret = secret}),
             mfa::test::contains("longer than 200"));
  CHECK_THAT(reason_of({.issuer = "A", .user = std::string(256, 'b'), .secret = secret}),
             mfa::test::contains("longer than 255"));
  CHECK_THAT(reason_of({.issuer = "A", .user = "b", .secret = secret, .digits = 5}),
             mfa::test::contains("digits"));
  CHECK_THAT(reason_of({.issuer = "A", .user = "b", .secret = secret, .period = std::chrono::seconds(0)}),
             mfa::test::contains("period"));
}

TEST_CASE("An independent authenticator shows the codes that verify") {
  mfa::test::Host host;
  const Hash hash = GENERATE(Hash::sha1, Hash::sha256, Hash::sha512);
  const unsigned digits = GENERATE(6U, 7U, 8U);
  const int period = GENERATE(1, 30, 60);
  CAPTURE(digits, period);
  const auto enrolled = host.verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp",
                                                              .user = "alan",
                                                              .hash = hash,
                                                              .digits = digits,
                                                              .period = std::chrono::seconds(period)});
  CHECK(field(enrolled.totp.uri, "secret", "") == enrolled.totp.secret);
  const auto code = independent_code(enrolled.totp.uri, host.clock.now());
  CHECK(code.size() == digits);
  CHECK(enrolled.factor.confirm(code).confirmed());
}

TEST_CASE("A host's own secret is taken over as its users hold it") {
  mfa::test::Host host;
  for (const std::string existing :
       {"JBSWY3DPEHPK3PXPJBSWY3DPEE", "jbsw y3dp ehpk 3pxp jbsw y3dp ee",
        "JBSWY3DPEHPK3PXPJBSWY3DPEE======", "jbsw-y3dp-ehpk-3pxp-jbsw-y3dp-ee"}) {
    CAPTURE(existing);
    const auto enrolled =
        host.verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan", .secret = existing});
    CHECK(enrolled.totp.secret == "JBSWY3DPEHPK3PXPJBSWY3DPEE");
    CHECK(enrolled.factor.confirm(independent_code(enrolled.totp.uri, host.clock.now())).confirmed());
  }
}

TEST_CASE("A host's own secret is taken over as bytes, too") {
  mfa::test::Host host;
  const std::vector<unsigned char> seed(secret.begin(), secret.end());
  const auto totp = host.verifier.enroll_factor(
      mfa::Totp{.issuer = "Foo Corp", .user = "alan", .secret_bytes = mfa::crypto::secret_copy(seed)});
  CHECK(totp.totp.secret == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
  CHECK(totp.factor.confirm(independent_code(totp.totp.uri, host.clock.now())).confirmed());
  const auto hotp = host.verifier.enroll_factor(
      mfa::Hotp{.issuer = "Foo Corp", .user = "alan", .secret_bytes = {seed.begin(), seed.end()}});
  CHECK(hotp.hotp.secret == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
  CHECK(hotp.factor.confirm("755224").confirmed()); // RFC 4226 appendix D
}

TEST_CASE("The longest e-mail address and an issuer with a colon are enrolled, and moved out and in") {
  mfa::test::Host host;
  const std::string address = std::string(64, 'a') + '@' + std::string(185, 'b') + ".com"; // 254 bytes
  for (const std::string issuer : {"Foo Corp", "https://git.example.com:8443"}) {
    CAPTURE(issuer);
    const auto enrolled = host.verifier.enroll_factor(mfa::Totp{.issuer = issuer, .user = address});
    const auto exported = host.verifier.unsafe_export_otpauth_uri(enrolled.factor.id(), mfa::any_user);
    const auto account = mfa::otp::parse_uri(exported);
    CHECK(account.issuer == issuer);
    CHECK(account.user == address);
    CHECK(enrolled.totp.uri == exported);
  }
}
