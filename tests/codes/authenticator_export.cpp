// Google Authenticator's export, written here by protoc, is read: each account of it, in each batch. What is
// none, or was cut off anywhere, is refused.
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>

#include <mfa/mfa.hpp>
#include <mfa/otp/migration.hpp>

#include "support/authenticator_export.hpp"
#include "support/catch.hpp"
#include "support/host.hpp"

using mfa::errc;
using mfa::crypto::Hash;
using mfa::otp::parse_migration_uri;
using mfa::test::encode_export;
using mfa::test::export_uri;
using mfa::test::thrown_by;

namespace {

const char* const three_accounts = R"(
  otp_parameters { secret: "12345678901234567890" name: "Foo Corp:alan@example.com" issuer: "Foo Corp"
                   algorithm: 1 digits: 1 type: 2 unique_id: "8a" }
  otp_parameters { secret: "\xfb\xff\xbf\xfe>?>?>?>?>?>?>?>?" name: "bob" issuer: "Bar" algorithm: 3 digits: 2 type: 1
                   counter: 77 }
  otp_parameters { secret: "12345678901234567890" name: "Old: carol" algorithm: 2 digits: 3 type: 2 }
  version: 2 batch_size: 3 batch_index: 1 batch_id: -1234
)";

} // namespace

TEST_CASE("Each account of an export is read") {
  const std::string uri = export_uri(encode_export(three_accounts));
  REQUIRE(uri.find("%2B") != std::string::npos); // so that what comes next means something
  REQUIRE(uri.find("%2F") != std::string::npos);
  const auto batch = parse_migration_uri(uri);
  CHECK(batch.batch_size == 3);
  CHECK(batch.batch_index == 1);
  REQUIRE(batch.entries.size() == 3);
  for (const auto& entry : batch.entries) CHECK(entry.problem.empty());
  const auto& [alan, bob, carol] =
      std::tie(batch.entries[0].account, batch.entries[1].account, batch.entries[2].account);
  CHECK(alan.issuer == "Foo Corp");
  CHECK(alan.user == "alan@example.com");
  CHECK(mfa::crypto::text_of(alan.secret) == "12345678901234567890");
  CHECK(alan.hash == Hash::sha1);
  CHECK(alan.digits == 6);
  CHECK_FALSE(alan.counter.has_value());
  CHECK(bob.user == "bob");
  CHECK(bob.hash == Hash::sha512);
  CHECK(bob.digits == 8);
  CHECK(bob.counter == 78); // the next
  CHECK(bob.secret.size() == 20);
  CHECK(carol.issuer == "Old");
  CHECK(carol.user == "carol");
  CHECK(carol.hash == Hash::sha256);
  CHECK(carol.digits == 7);
}

TEST_CASE("The base64 of an export may be written in every way that QR readers leave it") {
  const std::string bytes = encode_export(three_accounts);
  const std::string plain = mfa::detail::base64(bytes);
  const auto with = [&](char from, const std::string& to) {
    std::string text;
    for (const char c : plain) text += c == from ? to : std::string(1, c);
    return "otpauth-migration://offline?data=" + text;
  };
  for (const std::string& uri :
       {with('\0', ""), with('=', ""), with('+', "-"), with('/', "_"), with('+', " "), with('+', "%20"),
        "OTPAUTH-MIGRATION://offline?x=1&data=" + plain + "&y=2"}) {
    CAPTURE(uri);
    CHECK(parse_migration_uri(uri).entries.size() == 3);
  }
}

TEST_CASE("An issuer of an export may have a colon") {
  const auto batch = parse_migration_uri("\xEF\xBB\xBF" + export_uri(encode_export(R"(
    otp_parameters { secret: "12345678901234567890" name: "https://example.com:alan" issuer: "https://example.com" }
    otp_parameters { secret: "12345678901234567890" name: "Foo: Corp: alan " issuer: "Foo: Corp" }
    otp_parameters { secret: "12345678901234567890" name: "https://example.com:alan" }
  )")) + "\r\n");
  REQUIRE(batch.entries.size() == 3);
  for (const auto& entry : batch.entries) {
    CHECK(entry.problem.empty());
    CHECK(entry.account.user == "alan");
  }
  CHECK(batch.entries[0].account.issuer == "https://example.com");
  CHECK(batch.entries[1].account.issuer == "Foo: Corp");
  CHECK(batch.entries[2].account.issuer == "https://example.com");
}

TEST_CASE("An account that cannot be used says why, and the others can be used") {
  const auto batch = parse_migration_uri(export_uri(encode_export(R"(
    otp_parameters { secret: "12345678901234567890" name: "a" algorithm: 4 type: 2 }
    otp_parameters { name: "b" type: 2 }
    otp_parameters { secret: "12345678901234567890" name: "c" type: 7 }
    otp_parameters { secret: "12345678901234567890" name: "d" digits: 9 }
    otp_parameters { secret: "12345678901234567890" name: "e\nf" type: 2 }
    otp_parameters { secret: "12345678901234567890" name: "f" }
  )")));
  REQUIRE(batch.entries.size() == 6);
  const char* const reasons[] = {"algorithm", "secret", "neither", "digits", "control"};
  for (std::size_t i = 0; i < 5; ++i) CHECK_THAT(batch.entries[i].problem, mfa::test::contains(reasons[i]));
  CHECK(batch.entries[5].problem.empty());
}

TEST_CASE("An export that is cut off anywhere, or is none, is refused without a word of what it holds") {
  const std::string bytes = encode_export(three_accounts);
  const auto whole = parse_migration_uri(export_uri(bytes));
  std::size_t shorter = 0;
  std::size_t refused = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    try { // cut between two fields, it is a shorter message
      const auto read = parse_migration_uri(export_uri(bytes.substr(0, size)));
      shorter += read.entries.size() <= whole.entries.size() ? 1 : 0;
    } catch (const mfa::Error& error) {
      ++refused;
      CHECK(error.code() == errc::invalid_uri);
      CHECK(std::string_view(error.what()).find("alan") == std::string_view::npos);
      CHECK(std::string_view(error.what()).find("12345") == std::string_view::npos);
    }
  }
  CHECK(shorter == 6); // after each account, and after each field behind them but the last
  CHECK(refused == bytes.size() - shorter);
  using namespace std::string_literals;
  for (const std::string& uri :
       {""s, "otpauth-migration://"s, "otpauth-migration://offline"s, "otpauth-migration://offline?data="s,
        "otpauth-migration://offline?data=%"s, "otpauth-migration://offline?data=!!!!"s,
        "otpauth-migration://offline?data=AAAA"s, "otpauth://totp/a?data=CgA"s,
        "otpauth-migration://offline?data="s + std::string(20'000, 'A'),
        export_uri("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), // a length of 2^64 - 1
        export_uri("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), // a varint too long
        export_uri("\x0b\x0c"),                                     // a group
        export_uri(bytes + "\x18\xff\x7f"), export_uri("\x18\x01"s)}) {
    CAPTURE(uri.substr(0, 100));
    CHECK(thrown_by([&] { return parse_migration_uri(uri).entries.size(); }) == errc::invalid_uri);
  }
}
