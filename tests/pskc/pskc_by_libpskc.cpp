// libpskc of the OATH Toolkit, an implementation of others, writes what we read; and pskctool holds the files
// of our other tests, encrypted ones too, against the schema of RFC 6030.
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <pskc/pskc.h>

#include <mfa/pskc/read_pskc.hpp>

#include "support/catch.hpp"
#include "support/program.hpp"
#include "support/pskc_writer.hpp"
#include "support/temporary_directory.hpp"

using mfa::test::PskcWriter;

namespace {

/// The file that libpskc writes of one token. (2.6.7 crashes with a second.)
template <class Fill> std::string written(const char* algorithm, std::string_view secret, Fill&& fill) {
  struct Done {
    void operator()(pskc_t* container) const { pskc_done(container); }
  };
  REQUIRE(pskc_global_init() == PSKC_OK);
  pskc_t* made = nullptr;
  REQUIRE(pskc_init(&made) == PSKC_OK);
  const std::unique_ptr<pskc_t, Done> container(made);
  pskc_set_version(made, "1.0");
  pskc_key_t* key = nullptr;
  REQUIRE(pskc_add_keypackage(made, &key) == PSKC_OK);
  pskc_set_device_serialno(key, "1");
  pskc_set_key_id(key, "1");
  pskc_set_key_algorithm(key, algorithm);
  pskc_set_key_algparm_resp_encoding(key, PSKC_VALUEFORMAT_DECIMAL);
  REQUIRE(pskc_set_key_data_secret(key, secret.data(), secret.size()) == PSKC_OK);
  fill(key);
  char* text = nullptr;
  std::size_t size = 0;
  REQUIRE(pskc_build_xml(made, &text, &size) == PSKC_OK);
  std::string copy(text, size);
  pskc_free(text);
  return copy;
}

constexpr const char* hotp = "urn:ietf:params:xml:ns:keyprov:pskc:hotp";
constexpr const char* totp = "urn:ietf:params:xml:ns:keyprov:pskc:totp";

mfa::ImportToken one_of(const std::string& xml) {
  CAPTURE(xml);
  const auto tokens = mfa::read_pskc(xml);
  REQUIRE(tokens.size() == 1);
  return tokens[0];
}

} // namespace

TEST_CASE("What libpskc writes is read as it was meant") {
  const std::string_view any_bytes("\0\x01\xFE\xFF 456789012345678", 20);
  const auto counting = one_of(written(hotp, any_bytes, [](pskc_key_t* key) {
    pskc_set_key_algparm_resp_length(key, 8);
    pskc_set_key_data_counter(key, 4711);
    pskc_set_key_policy_keyusages(key, PSKC_KEYUSAGE_OTP | PSKC_KEYUSAGE_CR);
  }));
  CHECK(counting.problem.empty());
  CHECK(counting.seed.view() == any_bytes);
  CHECK(counting.counter == 4711);
  CHECK(counting.digits == 8);

  const auto timed = one_of(written(totp, "12345678901234567890", [](pskc_key_t* key) {
    pskc_set_key_algparm_resp_length(key, 6);
    pskc_set_key_algparm_suite(key, "HMAC-SHA256");
    pskc_set_key_data_time(key, 0);
    pskc_set_key_data_timeinterval(key, 60);
    pskc_set_device_model(key, "C200");
    pskc_set_key_friendlyname(key, "J\xC3\xBCrgen's");
    pskc_set_key_userid(key, "UID=j,DC=example");
  }));
  CHECK(timed.problem.empty());
  CHECK(timed.seed == "12345678901234567890");
  CHECK(timed.period == std::chrono::seconds(60));
  CHECK(timed.hash == mfa::crypto::Hash::sha256);
  CHECK(timed.serial_number == "1");
  CHECK(timed.model == "C200");
  CHECK(timed.friendly_name == "J\xC3\xBCrgen's");
  CHECK(timed.named_user == "UID=j,DC=example");
  CHECK_FALSE(timed.counter);
}

TEST_CASE("The files that the other tests write are those of the schema") {
  const mfa::test::TemporaryDirectory directory;
  PskcWriter writer;
  for (const std::string& key : {std::string(), std::string(16, 'k'), std::string(32, 'k')}) {
    writer.key = key;
    const std::string file = directory.path() + "/tokens.xml";
    std::ofstream(file) << writer.file(PskcWriter::package(writer.secret("12345678901234567890")));
    const std::string told = mfa::test::output_of("pskctool --validate " + file + " 2>&1");
    CHECK(told.ends_with("OK\n")); // after a warning: it reads no encrypted values
  }
}
