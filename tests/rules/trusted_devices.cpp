// A remembered device is trusted for its time, for its user alone, until it is revoked, and whoever has read
// the storage cannot make a token.
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/edited_record.hpp"
#include "support/host.hpp"

using mfa::errc;
using mfa::test::Host;
using mfa::test::thrown_by;
using namespace std::chrono_literals;

namespace {

const std::array<unsigned char, 32> key_a{1};
const std::array<unsigned char, 32> key_b{2};

std::string record_id(const std::string& user_id) { return "trusted_devices_" + user_id; }

/// The list of "u_42", which has no devices.
void is_gone_in_a_day(Host& host) {
  const auto list = host.storage.find_counter(record_id("u_42"));
  REQUIRE(list.has_value());
  CHECK(host.verifier.list_devices("u_42").empty());
  host.clock.advance(24h);
  (void)host.verifier.purge_expired();
  CHECK_FALSE(host.storage.find_counter(record_id("u_42")).has_value());
}

} // namespace

TEST_CASE("A remembered device is trusted until its time is over") {
  Host host;
  const auto laptop = host.verifier.remember_device("u_42", "Firefox on Linux", mfa::by_operator, 24h);
  const auto phone = host.verifier.remember_device("u_42", "Phone", mfa::by_operator);
  CHECK(host.verifier.check_device(laptop.token, "u_42") == laptop.device);
  CHECK(laptop.device.label == "Firefox on Linux");
  CHECK(host.verifier.list_devices("u_42") == std::vector{laptop.device, phone.device});
  host.clock.advance(24h - 1ms);
  CHECK(host.verifier.check_device(laptop.token, "u_42").has_value());
  host.clock.advance(1ms);
  CHECK_FALSE(host.verifier.check_device(laptop.token, "u_42").has_value());
  CHECK(host.verifier.list_devices("u_42") == std::vector{phone.device});
  host.clock.advance(29 * 24h);
  CHECK_FALSE(host.verifier.check_device(phone.token, "u_42").has_value());
  is_gone_in_a_day(host);
}

TEST_CASE("A token is good for its own user only") {
  Host host;
  const auto mine = host.verifier.remember_device("u_42", "Laptop", mfa::by_operator);
  (void)host.verifier.remember_device("u_43", "Laptop", mfa::by_operator);
  for (const std::string user_id : {"u_43", "u_4", "u_420", "u_42\n"}) {
    CAPTURE(user_id);
    CHECK_FALSE(host.verifier.check_device(mine.token, user_id).has_value());
  }
  CHECK(thrown_by([&] { return host.verifier.check_device(mine.token, ""); }) == errc::invalid_argument);
}

TEST_CASE("A device can be revoked alone, and all of a user's with one call") {
  Host host;
  const auto first = host.verifier.remember_device("u_42", "First", mfa::by_operator);
  const auto second = host.verifier.remember_device("u_42", "Second", mfa::by_operator);
  const auto other = host.verifier.remember_device("u_43", "Other", mfa::by_operator);
  CHECK_FALSE(host.verifier.revoke_device("u_43", first.device.id));
  CHECK(host.verifier.revoke_device("u_42", first.device.id));
  CHECK_FALSE(host.verifier.revoke_device("u_42", first.device.id));
  CHECK_FALSE(host.verifier.check_device(first.token, "u_42").has_value());
  CHECK(host.verifier.check_device(second.token, "u_42").has_value());
  CHECK(host.verifier.revoke_devices("u_42") == 1);
  CHECK(host.verifier.revoke_devices("u_42") == 0);
  CHECK_FALSE(host.verifier.check_device(second.token, "u_42").has_value());
  CHECK(host.verifier.check_device(other.token, "u_43").has_value());
  is_gone_in_a_day(host);
}

TEST_CASE("What is no token is nothing, and throws nothing") {
  Host host;
  const auto remembered = host.verifier.remember_device("u_42", "Laptop", mfa::by_operator);
  const std::string& token = remembered.token;
  std::vector<std::string> forged{"",
                                  "x",
                                  remembered.device.id,
                                  "mfa_device_1_",
                                  token + "A",
                                  std::string(10'000, 'A'),
                                  token.substr(0, token.size() - 1)};
  // One character changed in turn: none passes. Those of the key's name say that it is unknown.
  for (std::size_t at = 0; at < token.size(); ++at) {
    forged.push_back(token);
    forged.back()[at] = token[at] == 'A' ? 'B' : 'A';
  }
  for (const std::string& text : forged) {
    CAPTURE(text);
    CHECK_FALSE(host.verifier.check_device(text, "u_42").has_value());
  }
  CHECK(host.verifier.check_device(token, "u_42").has_value());
}

TEST_CASE("A stolen storage does not make a token, whatever is written into it") {
  mfa::storage::Memory storage;
  const mfa::KeyRing keys("a", key_a);
  mfa::Verifier verifier{storage, mfa::Options{.key_ring = keys}};
  const auto remembered = verifier.remember_device("u_42", "Laptop", mfa::by_operator, 24h);
  const auto stored = *storage.find_counter(record_id("u_42"));
  CHECK(stored.data.find(remembered.token) == std::string::npos);

  // A thief with a key of their own makes a token for the device that they have read of.
  mfa::storage::Memory copy;
  mfa::Verifier thief{copy, mfa::Options{.key_ring = mfa::KeyRing("a", key_b)}};
  const auto thiefs = thief.remember_device("u_42", "Laptop", mfa::by_operator);
  CHECK_FALSE(verifier.check_device(thiefs.token, "u_42").has_value());

  // Moved to another user, or renamed, the list is not what its seal says; nor does a list without a seal
  // help, where those of earlier releases are accepted: each device is sealed by itself.
  mfa::Verifier upgrading{storage,
                          mfa::Options{.key_ring = keys, .unsealed_records = mfa::UnsealedRecords::accept}};
  const auto write = [&](const std::string& user_id, std::string data) {
    auto record = storage.find_counter(record_id(user_id)).value_or(mfa::storage::CounterRecord{});
    record.id = record_id(user_id);
    record.data = std::move(data);
    REQUIRE(storage.commit({.factors = {}, .challenges = {}, .counters = {record}, .removals = {}}));
  };
  const auto renamed = [](std::string data) { return data.replace(data.find("Laptop"), 6, "Tablet"); };
  const std::string unsealed = mfa::test::opened(stored, keys).data;
  write("u_43", stored.data);
  CHECK(thrown_by([&] { return verifier.list_devices("u_43"); }) == errc::seal_broken);
  CHECK_FALSE(verifier.check_device(remembered.token, "u_43").has_value());
  write("u_43", unsealed);
  CHECK_FALSE(upgrading.check_device(remembered.token, "u_43").has_value());
  write("u_42", renamed(stored.data));
  CHECK(thrown_by([&] { return verifier.check_device(remembered.token, "u_42"); }) == errc::seal_broken);
  write("u_42", renamed(unsealed));
  CHECK_FALSE(verifier.check_device(remembered.token, "u_42").has_value());
  CHECK_FALSE(upgrading.check_device(remembered.token, "u_42").has_value());
  write("u_42", unsealed);
  CHECK(upgrading.check_device(remembered.token, "u_42").has_value());
  write("u_42", stored.data);
  CHECK(verifier.check_device(remembered.token, "u_42").has_value());
}

TEST_CASE("Without sealing, the storage does not hold what makes a token either") {
  mfa::storage::Memory storage;
  mfa::Verifier verifier{storage, mfa::Options{.key_ring = mfa::KeyRing::unsealed()}};
  const auto remembered = verifier.remember_device("u_42", "Laptop", mfa::by_operator);
  const auto bytes = mfa::detail::base64url_decode(
      std::string_view(remembered.token).substr(mfa::verbs::device_token_prefix.size()));
  REQUIRE(bytes.has_value());
  const std::string secret = bytes->substr(bytes->size() - 32);
  CHECK(storage.find_counter(record_id("u_42"))->data.find(secret) == std::string::npos);
  CHECK(verifier.check_device(remembered.token, "u_42").has_value());
}

TEST_CASE("A token outlives a change of keys for as long as the old key is on the ring") {
  mfa::storage::Memory storage;
  mfa::Verifier before{storage, mfa::Options{.key_ring = mfa::KeyRing("a", key_a)}};
  const auto remembered = before.remember_device("u_42", "Laptop", mfa::by_operator);
  mfa::Verifier during{storage, mfa::Options{.key_ring = mfa::KeyRing("b", key_b).add_further("a", key_a)}};
  CHECK(during.check_device(remembered.token, "u_42").has_value());
  mfa::Verifier after{storage, mfa::Options{.key_ring = mfa::KeyRing("b", key_b)}};
  CHECK_FALSE(after.check_device(remembered.token, "u_42").has_value());
}

TEST_CASE("A user's list is bounded: the oldest device gives way") {
  Host host;
  const auto first = host.verifier.remember_device("u_42", std::string(200, 'x'), mfa::by_operator);
  for (std::size_t i = 1; i < mfa::most_trusted_devices; ++i)
    (void)host.verifier.remember_device("u_42", std::string(200, 'x'), mfa::by_operator);
  CHECK(host.verifier.check_device(first.token, "u_42").has_value());
  (void)host.verifier.remember_device("u_42", "one more", mfa::by_operator);
  CHECK_FALSE(host.verifier.check_device(first.token, "u_42").has_value());
  CHECK(host.verifier.list_devices("u_42").size() == mfa::most_trusted_devices);
  CHECK(host.storage.find_counter(record_id("u_42"))->data.size() < 8192);
}

TEST_CASE("Devices that are remembered at once are all remembered") {
  Host host;
  {
    std::vector<std::jthread> logins;
    for (int i = 0; i < 8; ++i)
      logins.emplace_back([&] {
        for (int k = 0; k < 2; ++k) (void)host.verifier.remember_device("u_42", "Laptop", mfa::by_operator);
      });
  }
  CHECK(host.verifier.list_devices("u_42").size() == 16);
}

TEST_CASE("What cannot be remembered is refused") {
  Host host;
  const auto remember = [&](const std::string& user_id, const std::string& label,
                            std::chrono::seconds lifetime) {
    return thrown_by(
        [&] { return host.verifier.remember_device(user_id, label, mfa::by_operator, lifetime); });
  };
  CHECK(remember("", "Laptop", 24h) == errc::invalid_argument);
  CHECK(remember(std::string(256, 'u'), "Laptop", 24h) == errc::invalid_argument);
  CHECK(remember("u_42", std::string(201, 'x'), 24h) == errc::invalid_argument);
  CHECK(remember("u_42", "a\nb", 24h) == errc::invalid_argument);
  CHECK(remember("u_42", "Laptop", 0s) == errc::invalid_argument);
  CHECK(remember("u_42", "Laptop", 367 * 24h) == errc::invalid_argument);
  CHECK_FALSE(host.storage.find_counter(record_id("u_42")).has_value());
}
