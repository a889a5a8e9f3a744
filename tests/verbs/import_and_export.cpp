// A host moves in with its users' secrets: each line is taken or refused for itself, nothing happens in a dry
// run, what is there already is left alone, and no report holds a secret. It can move out again.
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <mfa/import.hpp>
#include <mfa/mfa.hpp>

#include "support/authenticator_export.hpp"
#include "support/catch.hpp"
#include "support/failing_commits.hpp"
#include "support/host.hpp"

using mfa::errc;
using mfa::ImportLine;
using mfa::ImportOutcome;
using mfa::ImportResult;
using mfa::Status;
using mfa::test::Host;
using mfa::test::thrown_by;

namespace {

const std::string secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const std::string other_secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

std::string totp_uri(const std::string& of = secret) { return "otpauth://totp/Foo:alan?secret=" + of; }
std::string hotp_uri(const std::string& of = secret) {
  return "otpauth://hotp/Foo:alan?secret=" + of + "&counter=5";
}

struct Imported {
  mfa::ImportSummary summary;
  std::vector<ImportResult> results;
};

Imported import(Host& host, const std::vector<ImportLine>& lines, mfa::ImportOptions options = {}) {
  Imported imported;
  options.report = [&](const ImportResult& result) {
    imported.results.push_back(result);
    return true;
  };
  imported.summary = mfa::import_factors(host.verifier, lines, options);
  return imported;
}

} // namespace

TEST_CASE("Imported factors verify with the codes that their users' authenticators show") {
  Host host;
  const auto imported = import(host, {{.user_id = "u_1", .uri = totp_uri(), .friendly_name = "Phone"},
                                      {.user_id = "u_2", .uri = hotp_uri()}});
  CHECK(imported.summary.imported == 2);
  const auto totp = host.verifier.list_factors("u_1").at(0);
  CHECK(totp.id() == imported.results[0].factor_id);
  CHECK(totp.friendly_name() == "Phone");
  CHECK_FALSE(totp.verified());
  CHECK(totp.confirm(host.code(secret)).confirmed());
  CHECK(totp.challenge().verify(host.code(secret, 1)).valid());
  const auto hotp = host.verifier.list_factors("u_2").at(0);
  CHECK(hotp.confirm(mfa::otp::hotp(mfa::otp::base32_decode(secret), 5)).confirmed());
}

TEST_CASE("A host may take its users' factors as verified") {
  Host host;
  (void)import(host, {{.user_id = "u_1", .uri = totp_uri()}}, {.verified = true});
  const auto totp = host.verifier.list_factors("u_1").at(0);
  CHECK(totp.verified());
  CHECK(totp.challenge().verify(host.code(secret)).valid());
}

TEST_CASE("A dry run says what would happen and does nothing") {
  Host host;
  const std::vector<ImportLine> lines{{.user_id = "u_1", .uri = totp_uri()},
                                      {.user_id = "u_1", .uri = totp_uri()},
                                      {.user_id = "u_1", .uri = "nonsense"},
                                      {.user_id = "u_1", .uri = hotp_uri()}};
  const auto dry = import(host, lines, {.dry_run = true});
  CHECK(host.verifier.list_factors("u_1").empty());
  const auto real = import(host, lines);
  REQUIRE(dry.results.size() == real.results.size());
  for (std::size_t i = 0; i < dry.results.size(); ++i) {
    CHECK(dry.results[i].outcome == real.results[i].outcome);
    CHECK(dry.results[i].factor_id.empty());
  }
  CHECK(dry.summary.imported == 2);
  CHECK(dry.summary.already_there == 1);
  CHECK(dry.summary.refused == 1);
}

TEST_CASE("A bad line is refused with its reason and its number, and the others go on") {
  Host host;
  const auto imported =
      import(host, {{.user_id = "u_1", .uri = "nonsense"},
                    {.user_id = "u_1", .uri = "otpauth://totp/alan?secret=" + secret}, // no issuer
                    {.user_id = "u_1\n", .uri = totp_uri()},
                    {.user_id = "u_1", .uri = totp_uri("GEZDGNBVGY3TQOJQ")}, // 10 bytes
                    {.user_id = "u_1", .uri = totp_uri("GEZDGNBVGY3TQOJ!")},
                    {.user_id = "u_1", .uri = totp_uri()}});
  const char* const reasons[] = {"otpauth://", "issuer", "user_id", "16", "base32"};
  REQUIRE(imported.results.size() == 6);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(imported.results[i].line == i + 1);
    CHECK(imported.results[i].outcome == ImportOutcome::refused);
    CHECK_THAT(imported.results[i].reason, mfa::test::contains(reasons[i]));
    CHECK(imported.results[i].reason.find("GEZDG") == std::string::npos);
  }
  CHECK(imported.results[5].outcome == ImportOutcome::imported);
  CHECK(imported.summary.lines == 6);
  CHECK(imported.summary.refused == 5);
  // What the host may allow.
  CHECK(
      import(host, {{.user_id = "u_3", .uri = totp_uri("GEZDGNBVGY3TQOJQ")}}, {.accept_short_secrets = true})
          .summary.imported == 1);
  CHECK(import(host, {{.user_id = "u_3", .uri = "otpauth://totp/alan?secret=" + secret}},
               {.issuer = "Foo Corp"})
            .summary.imported == 1);
  CHECK(thrown_by([&] { return import(host, {}, {.issuer = " Foo Corp"}).summary.lines; }) ==
        errc::invalid_argument);
}

TEST_CASE("An import that was cut off is run again and doubles nothing") {
  Host host;
  std::vector<ImportLine> lines;
  for (int i = 0; i < 250; ++i)
    lines.push_back(
        {.user_id = "u_" + std::to_string(i % 200), .uri = i < 200 ? totp_uri() : totp_uri(other_secret)});
  std::size_t reported = 0;
  const auto first = mfa::import_factors(host.verifier, lines,
                                         {.report = [&](const ImportResult&) { return ++reported < 50; }});
  CHECK(first.stopped);
  CHECK(first.lines == 100); // what was committed was reported
  CHECK(reported == 100);
  const auto second = import(host, lines);
  CHECK(second.summary.already_there == 100);
  CHECK(second.summary.imported == 150);
  CHECK(import(host, lines).summary.already_there == 250);
  CHECK(host.verifier.list_factors("u_0").size() == 2);
  CHECK(host.verifier.list_factors("u_199").size() == 1);
}

TEST_CASE("However many lines a user has, what is there is read once") {
  struct Counting : mfa::storage::Memory {
    std::size_t read = 0;
    std::vector<mfa::storage::FactorRecord> list_factors(std::string_view user_id) {
      auto factors = mfa::storage::Memory::list_factors(user_id);
      read += factors.size();
      return factors;
    }
  };
  for (const std::size_t size : {500U, 2000U}) {
    CAPTURE(size);
    Counting storage;
    mfa::Verifier verifier{storage};
    std::vector<ImportLine> lines;
    for (std::size_t i = 0; i < size; ++i) {
      mfa::crypto::SecretBytes drawn(20);
      mfa::crypto::random_bytes(drawn);
      lines.push_back({.user_id = "u_1", .uri = totp_uri(std::string(mfa::otp::base32_encode(drawn)))});
    }
    CHECK(mfa::import_factors(verifier, lines, {.dry_run = true}).imported == size);
    CHECK(mfa::import_factors(verifier, lines).imported == size);
    CHECK(storage.read == 0);
    CHECK(mfa::import_factors(verifier, lines).already_there == size);
    CHECK(storage.read == size);
  }
}

TEST_CASE("What a user has of another kind, or another user of the same, is not there") {
  Host host;
  const std::vector<ImportLine> lines{{.user_id = "u_1", .uri = totp_uri()},
                                      {.user_id = "u_1", .uri = hotp_uri()},
                                      {.user_id = "u_11", .uri = totp_uri()},
                                      {.user_id = "u_1", .uri = totp_uri(other_secret)}};
  CHECK(import(host, lines, {.dry_run = true}).summary.imported == 4);
  CHECK(import(host, lines).summary.imported == 4);
  CHECK(import(host, lines, {.dry_run = true}).summary.already_there == 4);
}

// The shapes are in otpauth_parsing.cpp; here is what becomes of them.
TEST_CASE("Lines of other systems become factors whose codes verify") {
  struct Row {
    std::string uri;
    std::string issuer, user;
  };
  const std::string address = std::string(64, 'a') + '@' + std::string(185, 'b') + ".com"; // 254 bytes
  const Row rows[] = {
      {"otpauth://totp/https%3A%2F%2Fgit.example.com:alan?secret=" + secret +
           "&issuer=https%3A%2F%2Fgit.example.com",
       "https://git.example.com", "alan"},
      {"\xEF\xBB\xBF" + totp_uri() + "\r\n", "Foo", "alan"},
      {"otpauth://totp/Foo #1:alan?secret=" + secret, "Foo #1", "alan"},
      {"otpauth://totp/Heroku:?issuer=Heroku&secret=" + secret, "Heroku", "u_1"},
      {"otpauth://totp/?issuer=Heroku&secret=" + secret, "Heroku", "u_1"},
      {"otpauth://totp/Foo:" + address + "?secret=" + secret, "Foo", address},
      {"otpauth://totp/50%:B%E4r?secret=" + secret, "50%", "B\xC3\xA4r"},
      {totp_uri() + "&issuer=Foo&issuer=Foo&algo=SHA1", "Foo", "alan"},
      {mfa::test::export_uri(mfa::test::encode_export(
           R"(otp_parameters { secret: "12345678901234567890" name: "" issuer: "Foo: Corp" })")) +
           "\n",
       "Foo: Corp", "u_1"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.uri);
    Host host;
    const auto imported = import(host, {{.user_id = "u_1", .uri = row.uri}}, {.user_id_as_user = true});
    REQUIRE(imported.results.size() == 1);
    CHECK(imported.results[0].reason.empty());
    const auto factors = host.verifier.list_factors("u_1");
    REQUIRE(factors.size() == 1);
    CHECK(factors[0].totp()->issuer == row.issuer);
    CHECK(factors[0].totp()->user == row.user);
    CHECK(factors[0].confirm(host.code(secret)).confirmed());
    Host elsewhere; // and out, and in again
    const auto uri = host.verifier.unsafe_export_otpauth_uri(factors[0].id(), mfa::any_user);
    CHECK(import(elsewhere, {{.user_id = "u_1", .uri = uri}}).summary.imported == 1);
    CHECK(elsewhere.verifier.list_factors("u_1").at(0).totp()->issuer == row.issuer);
    CHECK(elsewhere.verifier.list_factors("u_1").at(0).totp()->user == row.user);
  }
}

TEST_CASE("A line that must not be taken is refused with the reason to act on") {
  struct Row {
    std::string uri;
    const char* reason;
  };
  const Row rows[] = {
      {totp_uri() + "&amp;issuer=Foo", "escaped for HTML"},
      {totp_uri() + "&encoder=steam", "Steam"},
      {totp_uri("3132333435363738393031323334353637383930"), "looks like hexadecimal"},
      {totp_uri() + "&issuer=Foo&issuer=Bar", "twice"},
      {"otpauth://totp/Heroku:?issuer=Heroku&secret=" + secret, "the user is empty"}, // without the option
      {"otpauth://totp/Foo:" + std::string(256, 'a') + "?secret=" + secret, "longer than 255"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.uri);
    Host host;
    const auto imported = import(host, {{.user_id = "u_1", .uri = row.uri}});
    REQUIRE(imported.results.size() == 1);
    CHECK(imported.results[0].outcome == ImportOutcome::refused);
    CHECK_THAT(imported.results[0].reason, mfa::test::contains(row.reason));
  }
}

TEST_CASE("A storage that fails ends the import with its error, and what was reported is there") {
  struct Failing : mfa::test::FailingCommits<mfa::storage::Memory> {
    int commits = 0;
    bool commit(const mfa::storage::Batch& batch) {
      throws = ++commits == 2;
      return FailingCommits::commit(batch);
    }
  };
  Failing storage;
  mfa::Verifier verifier{storage};
  std::vector<ImportLine> lines;
  for (int i = 0; i < 150; ++i) lines.push_back({.user_id = "u_" + std::to_string(i), .uri = totp_uri()});
  std::vector<std::string> reported;
  CHECK(thrown_by([&] {
          return mfa::import_factors(verifier, lines,
                                     {.report =
                                          [&](const ImportResult& result) {
                                            reported.push_back(result.factor_id);
                                            return true;
                                          }})
              .lines;
        }) == errc::storage_failure);
  CHECK(reported.size() == 100);
  for (const std::string& id : reported) CHECK_NOTHROW((void)verifier.get_factor(id, mfa::any_user));
}

TEST_CASE("After a commit of which nobody knows, an import is run again and doubles nothing") {
  struct Unclear : mfa::storage::Memory {
    int commits = 0;
    bool commit(const mfa::storage::Batch& batch) {
      const bool done = mfa::storage::Memory::commit(batch);
      if (++commits == 2) throw mfa::Error(errc::storage_failure, "the answer was lost");
      return done;
    }
  };
  const auto run = [](const auto& lines) {
    Unclear storage;
    std::size_t heard = 0;
    mfa::Verifier verifier{storage, mfa::clock::System{}, mfa::sms::None{},
                           mfa::Options{.observer = [&](const mfa::Event& event) {
                             heard += event.type == mfa::EventType::factor_enrolled ? 1 : 0;
                           }}};
    std::size_t reported = 0;
    CHECK(thrown_by([&] {
            return mfa::import_factors(verifier, lines,
                                       {.verified = true,
                                        .report =
                                            [&](const ImportResult&) {
                                              ++reported;
                                              return true;
                                            }})
                .lines;
          }) == errc::storage_failure);
    CHECK(reported == 100);
    CHECK(heard == 100);
    const auto again = mfa::import_factors(verifier, lines, {.verified = true});
    CHECK(again.already_there == 200);
    CHECK(again.imported == 50);
    for (const auto& line : lines) CHECK(verifier.list_factors(line.user_id).size() == 1);
  };
  std::vector<ImportLine> uris;
  std::vector<mfa::ImportRecoveryCodes> sets;
  for (int i = 0; i < 250; ++i) {
    uris.push_back({.user_id = "u_" + std::to_string(i), .uri = totp_uri()});
    sets.push_back({.user_id = "u_" + std::to_string(i), .codes = {"abcdefgh", "bcdefghi"}});
  }
  run(uris);
  run(sets);
}

TEST_CASE("The observer hears what an import stores and refuses, and nothing of a dry run") {
  std::vector<mfa::EventType> heard;
  Host host({.observer = [&](const mfa::Event& event) { heard.push_back(event.type); }});
  const std::vector<ImportLine> lines{{.user_id = "u_1", .uri = totp_uri()},
                                      {.user_id = "u_1", .uri = "nonsense"},
                                      {.user_id = "u_1", .uri = ""}};
  CHECK(import(host, lines, {.dry_run = true}).summary.refused == 2);
  CHECK(heard.empty());
  CHECK(import(host, lines).summary.refused == 2);
  CHECK(heard == std::vector{mfa::EventType::import_refused, mfa::EventType::import_refused,
                             mfa::EventType::factor_enrolled});
}

TEST_CASE("A code that Google Authenticator has shown before its export is used, and the next is not") {
  for (const std::string counter : {"0", "3", "999999999999999"}) {
    CAPTURE(counter);
    Host host;
    const auto line = mfa::test::export_uri(mfa::test::encode_export(
        R"(otp_parameters { secret: "12345678901234567890" name: "Foo:alan" type: 1 counter: )" + counter +
        " }"));
    REQUIRE(import(host, {{.user_id = "u_1", .uri = line}}, {.verified = true}).summary.imported == 1);
    const auto factor = host.verifier.list_factors("u_1").at(0);
    const auto key = mfa::otp::base32_decode(secret);
    const auto shown = std::stoull(counter);
    CHECK(factor.challenge().verify(mfa::otp::hotp(key, shown)).status() == Status::code_already_used);
    CHECK(factor.challenge().verify(mfa::otp::hotp(key, shown + 1)).valid());
  }
  for (const char* counter : {"-1", "1000000000000001", "9223372036854775807"}) {
    CAPTURE(counter);
    Host host;
    const auto line = mfa::test::export_uri(mfa::test::encode_export(
        R"(otp_parameters { secret: "12345678901234567890" name: "Foo:alan" type: 1 counter: )" +
        std::string(counter) + " }"));
    CHECK(import(host, {{.user_id = "u_1", .uri = line}}).summary.refused == 1);
  }
}

TEST_CASE("Google Authenticator's export is one line, with a result an account, and its missing parts are "
          "counted") {
  Host host;
  const std::string first = mfa::test::export_uri(mfa::test::encode_export(R"(
    otp_parameters { secret: "12345678901234567890" name: "Foo:alan" issuer: "Foo" algorithm: 1 digits: 1 type: 2 }
    otp_parameters { secret: "12345678901234567890" name: "bar" algorithm: 4 digits: 1 type: 2 }
    otp_parameters { secret: "12345678901234567890" name: "no issuer" algorithm: 1 digits: 1 type: 2 }
    version: 1 batch_size: 2 batch_index: 0 batch_id: 77)"));
  const std::string second = mfa::test::export_uri(mfa::test::encode_export(R"(
    otp_parameters { secret: "12345678901234567890" name: "Foo:alan" algorithm: 1 digits: 1 type: 1 counter: 3 }
    version: 1 batch_size: 2 batch_index: 1 batch_id: 77)"));
  const auto half = import(host, {{.user_id = "u_1", .uri = first}});
  REQUIRE(half.results.size() == 3);
  CHECK(half.results[0].outcome == ImportOutcome::imported);
  CHECK(half.results[1].outcome == ImportOutcome::refused);
  CHECK(half.results[2].outcome == ImportOutcome::refused);
  CHECK(half.results[2].line == 1);
  CHECK(half.results[2].account == 3);
  CHECK(half.summary.incomplete_exports == 1);
  const auto whole = import(host, {{.user_id = "u_1", .uri = second}, {.user_id = "u_1", .uri = first}});
  CHECK(whole.summary.incomplete_exports == 0);
  CHECK(whole.summary.imported == 1);
  CHECK(whole.summary.already_there == 1);
}

TEST_CASE("What was exported can be imported, and the observer hears of it") {
  std::vector<mfa::EventType> heard;
  Host host({.observer = [&](const mfa::Event& event) { heard.push_back(event.type); }});
  const auto totp = host.enroll_totp();
  const auto hotp =
      host.verifier.enroll_factor(mfa::Hotp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42"});
  const auto key = mfa::otp::base32_decode(hotp.hotp.secret);
  const auto confirmation = hotp.factor.confirm(mfa::otp::hotp(key, 0));
  REQUIRE(confirmation.confirmed());
  heard.clear();
  CHECK(host.verifier.unsafe_export_otpauth_uri(totp.factor.id(), mfa::any_user) == totp.totp.uri);
  const auto uri = host.verifier.unsafe_export_otpauth_uri(hotp.factor.id(), "u_42");
  CHECK(heard == std::vector(2, mfa::EventType::factor_secret_exported));
  CHECK(uri.view().ends_with("&counter=1"));
  Host elsewhere;
  (void)import(elsewhere, {{.user_id = "u_42", .uri = uri}});
  const auto moved = elsewhere.verifier.list_factors("u_42").at(0);
  CHECK(moved.confirm(mfa::otp::hotp(key, 0)).status() == Status::code_already_used);
  CHECK(moved.confirm(mfa::otp::hotp(key, 1)).status() == Status::valid);

  CHECK(thrown_by([&] { return host.verifier.unsafe_export_otpauth_uri(totp.factor.id(), "u_43"); }) ==
        errc::entity_not_found);
  const auto phone = host.enroll_sms("+14155550123", "u_42", confirmation);
  CHECK(thrown_by([&] {
          return host.verifier.unsafe_export_otpauth_uri(phone.factor.id(), mfa::any_user);
        }) == errc::invalid_argument);
}
