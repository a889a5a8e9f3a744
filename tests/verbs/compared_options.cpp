// A node whose options decide otherwise than those that the storage was used with is told at its start, and
// by name: two nodes with other limits have, together, neither's.
#include <chrono>
#include <string>
#include <utility>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using namespace mfa;
using namespace mfa::test;
using std::chrono::minutes;

namespace {

const KeyRing keys = KeyRing::generate();

Options with_keys(Options options = {}) {
  options.key_ring = keys;
  return options;
}

/// What `compare_options` says to a node.
std::string told_to(const auto& node) {
  try {
    node.compare_options();
    return "";
  } catch (const Error& error) {
    CHECK(error.code() == errc::options_differ);
    return error.what();
  }
}

/// To one with these options.
std::string told(storage::Memory& storage, Options options) {
  return told_to(Verifier{storage, with_keys(std::move(options))});
}

/// And which can call, too.
std::string told_to_caller(storage::Memory& storage, Options options) {
  struct Gateway {
    void send(const mfa::SmsMessage&) {}
    void send(const mfa::VoiceMessage&) {}
  } gateway;
  return told_to(Verifier{storage, mfa::clock::System{}, gateway, with_keys(std::move(options))});
}

} // namespace

TEST_CASE("Nodes with the same options hear nothing") {
  storage::Memory storage;
  for (int node = 0; node < 3; ++node) CHECK(told(storage, {}).empty());
}

TEST_CASE("A node with others hears which") {
  storage::Memory storage;
  REQUIRE(told(storage, {}).empty());
  CHECK_THAT(told(storage, {.attempts_a_challenge = 10}), contains("Options::attempts_a_challenge."));
  CHECK_THAT(told(storage, {.unsealed_records = UnsealedRecords::accept}),
             contains("Options::unsealed_records"));
  CHECK_THAT(told(storage, {.unverified_factors_sign_in = true}),
             contains("Options::unverified_factors_sign_in"));
  CHECK_THAT(told(storage, {.sms_allowed_country_codes = {"44"}}),
             contains("Options::sms_allowed_country_codes"));
  CHECK_THAT(told(storage, {.totp_drift_steps = 2, .failures_before_lockout = 50}),
             contains("Options::failures_before_lockout, Options::totp_drift_steps"));
  CHECK(told(storage, {}).empty());
  CHECK_THAT(told_to_caller(storage, {.sms_allowed_country_codes = {"44"},
                                      .sms_channels = {mfa::Channel::sms, mfa::Channel::voice}}),
             contains("Options::sms_allowed_country_codes, Options::sms_channels."));
}

TEST_CASE("What decides no security, and the order of countries, may differ") {
  storage::Memory storage;
  REQUIRE(told(storage, {.sms_allowed_country_codes = {"1", "44"}}).empty());
  CHECK(told(storage, {.sms_template = "Code: {{code}}", .sms_allowed_country_codes = {"44", "1"}}).empty());
}

TEST_CASE("An operator says which options hold from now on") {
  storage::Memory storage;
  REQUIRE(told(storage, {}).empty());
  Verifier node{storage, with_keys({.attempts_a_challenge = 3})};
  node.publish_options();
  CHECK_NOTHROW(node.compare_options());
  CHECK_THAT(told(storage, {}), contains("attempts_a_challenge"));
}

TEST_CASE("A key or an epoch that is retired after reseal_all makes no other options hold") {
  const KeyRing first("first", crypto::bytes_of("0123456789abcdef0123456789ABCDEF"));
  const KeyRing next("next", crypto::bytes_of("ABCDEF01234567890abcdef012345678"));
  KeyRing switched = next;
  switched.add_further("first", crypto::bytes_of("0123456789abcdef0123456789ABCDEF"));
  KeyRing advanced = first;
  advanced.set_epochs({.current = 1, .oldest = 0});
  KeyRing retired = first;
  retired.set_epochs({.current = 1, .oldest = 1});
  for (const auto& [moving, afterwards] : {std::pair(switched, next), std::pair(advanced, retired)}) {
    storage::Memory storage;
    Verifier node{storage, Options{.key_ring = first}};
    node.compare_options();
    node.replace_key_ring(moving);
    CHECK(node.reseal_all().failed == 0);
    CHECK_THAT(told_to(Verifier{storage, Options{.key_ring = afterwards, .attempts_a_challenge = 10}}),
               contains("Options::attempts_a_challenge."));
    CHECK(told_to(Verifier{storage, Options{.key_ring = afterwards}}).empty());
  }
}

TEST_CASE("Whoever writes to the storage without a key changes nothing of it") {
  storage::Memory storage;
  REQUIRE(told(storage, {}).empty());
  auto record = storage.find_counter("options").value();
  record.data.back() = static_cast<char>(record.data.back() + 1);
  storage::Batch batch;
  batch.counters.push_back(record);
  REQUIRE(storage.commit(batch));
  Verifier node{storage, with_keys()};
  CHECK(thrown_by([&] {
          node.compare_options();
          return 0;
        }) == errc::seal_broken);
}
