// What storage::Redis promises beyond what every storage does: its keys, its expiry and its indexes.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <mfa/error.hpp>
#include <mfa/storage/concept.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/storage/redis.hpp>

#include "support/catch.hpp"
#include "support/redis_server.hpp"

using mfa::Time;
using mfa::storage::Batch;
using mfa::storage::ChallengeRecord;
using mfa::storage::CounterRecord;
using mfa::storage::FactorRecord;
using mfa::storage::RecordKind;
using mfa::storage::Redis;
using mfa::storage::Removal;
using mfa::test::RedisServer;
using namespace std::string_literals;

static_assert(mfa::Storage<Redis>);
static_assert(mfa::storage::FindsChallengeWithFactor<Redis>);
static_assert(mfa::storage::PagesFactors<Redis>);
static_assert(mfa::storage::ScansFactors<Redis>);
static_assert(mfa::storage::Purges<Redis>);
static_assert(!mfa::storage::Ephemeral<Redis>, "a server outlives the process, so it needs a key ring");
static_assert(std::is_nothrow_move_constructible_v<Redis> && std::is_nothrow_move_assignable_v<Redis>);

namespace {

Time at(std::int64_t milliseconds) { return Time(std::chrono::milliseconds(milliseconds)); }

FactorRecord factor(std::string id, std::string user_id = "u_42", std::uint64_t version = 0) {
  FactorRecord record;
  record.id = std::move(id);
  record.version = version;
  record.type = mfa::FactorType::totp;
  record.user_id = std::move(user_id);
  return record;
}

ChallengeRecord challenge(std::string id, std::string factor_id, Time purge_at = at(1000)) {
  ChallengeRecord record;
  record.id = std::move(id);
  record.factor_id = std::move(factor_id);
  record.purge_at = purge_at;
  return record;
}

CounterRecord counter(std::string id, Time purge_at = at(1000)) {
  CounterRecord record;
  record.id = std::move(id);
  record.purge_at = purge_at;
  return record;
}

void add(Batch& batch, FactorRecord record) { batch.factors.push_back(std::move(record)); }
void add(Batch& batch, ChallengeRecord record) { batch.challenges.push_back(std::move(record)); }
void add(Batch& batch, CounterRecord record) { batch.counters.push_back(std::move(record)); }
void add(Batch& batch, Removal removal) { batch.removals.push_back(std::move(removal)); }

template <class... Writes> bool commit(Redis& storage, const Writes&... writes) {
  Batch batch;
  (add(batch, writes), ...);
  return storage.commit(batch);
}

std::vector<std::string> ids(const std::vector<FactorRecord>& factors) {
  std::vector<std::string> result;
  for (const auto& each : factors) result.push_back(each.id);
  return result;
}

} // namespace

TEST_CASE("bytes that look like ours or like the protocol come back as they were") {
  const RedisServer server;
  Redis storage(server.options());
  std::string hundred_kilobytes(100'000, '\0');
  for (std::size_t i = 0; i < hundred_kilobytes.size(); ++i)
    hundred_kilobytes[i] = static_cast<char>(i * 7 % 256);
  for (const auto& bytes :
       {"\0"s, "a\0b"s, "\xff\xfe"s, "3 - 4 u"s, "12 "s, "\r\n$5\r\n"s, "{other}"s, hundred_kilobytes}) {
    INFO(bytes.substr(0, 40));
    auto a = factor("f" + bytes, bytes);
    a.friendly_name = a.parameters = a.sealed = bytes;
    a.created_at = at(std::numeric_limits<std::int64_t>::min());
    a.updated_at = at(std::numeric_limits<std::int64_t>::max());
    a.failures = std::numeric_limits<std::uint32_t>::max();
    auto b = challenge("c" + bytes, a.id, at(std::numeric_limits<std::int64_t>::max()));
    b.answer = b.binding = bytes;
    auto c = counter("n" + bytes, at(std::numeric_limits<std::int64_t>::min()));
    c.data = bytes;
    REQUIRE(commit(storage, a, b, c));
    a.version = b.version = c.version = 1;
    CHECK(storage.find_factor(a.id) == a);
    CHECK(storage.find_challenge(b.id) == b);
    CHECK(storage.find_counter(c.id) == c);
    const auto both = storage.find_challenge_with_factor(b.id);
    REQUIRE(both);
    CHECK(both->challenge == b);
    CHECK(both->factor == a);
    if (!bytes.empty()) CHECK(storage.list_factors(bytes) == std::vector{a});
  }
}

TEST_CASE("versions count through all 64 bits") {
  const RedisServer server;
  Redis storage(server.options());
  REQUIRE(commit(storage, factor("f")));
  for (const auto version : {(std::uint64_t{1} << 53) + 1, 0x8000000000000000, 0xfffffffffffffffe}) {
    const auto stored = server.ask("GET", "{mfa}:factor:f");
    server.ask("SET", "{mfa}:factor:f", std::to_string(version) + stored.substr(stored.find(' ')));
    CHECK(storage.find_factor("f")->version == version);
    CHECK_FALSE(commit(storage, factor("f", "u_42", version - 1)));
    CHECK_FALSE(commit(storage, factor("f", "u_42", version + 1)));
    CHECK(commit(storage, factor("f", "u_42", version)));
    CHECK(storage.find_factor("f")->version == version + 1);
  }
}

TEST_CASE("a version, an owner or a purge time that begins with another is not the other") {
  const RedisServer server;
  Redis storage(server.options());
  REQUIRE(commit(storage, factor("f", "u_4"), challenge("c", "f", at(100)), counter("n", at(100))));
  const auto stored = server.ask("GET", "{mfa}:factor:f");
  for (const auto version : {1, 12, 123}) {
    server.ask("SET", "{mfa}:factor:f", std::to_string(version) + stored.substr(stored.find(' ')));
    for (const auto other : {0, 1, 2, 12, 23, 123, 1234}) {
      if (other == version) continue;
      INFO(version << " is not " << other);
      CHECK_FALSE(commit(storage, factor("f", "u_4", static_cast<std::uint64_t>(other))));
      CHECK_FALSE(commit(storage, Removal{RecordKind::factor, "f", static_cast<std::uint64_t>(other)}));
    }
  }

  std::uint64_t version = 123;
  std::string owner = "u_4";
  for (const auto* user : {"u_42", "u_43", "x_43", "u_4", "", "u", "", "u_4", "u_4 4 u_4", "u_4"}) {
    INFO(owner << " becomes " << user);
    REQUIRE(commit(storage, factor("f", user, version++)));
    CHECK(storage.find_factor("f") == factor("f", user, version));
    CHECK(storage.list_factors(owner).empty());
    if (*user != '\0') CHECK(ids(storage.list_factors(user)) == std::vector<std::string>{"f"});
    CHECK(ids(storage.scan_factors("", 9)) == std::vector<std::string>{"f"});
    owner = user;
  }

  version = 1;
  for (const auto time : {1000, 10, 100, -100, 100}) {
    INFO(time);
    auto later_challenge = challenge("c", "f", at(time));
    auto later_counter = counter("n", at(time));
    later_challenge.version = later_counter.version = version++;
    REQUIRE(commit(storage, later_challenge, later_counter));
    for (const auto* name : {"challenge:c", "counter:n"})
      CHECK(server.ask("ZSCORE", "{mfa}:purge", name) == std::to_string(time));
  }
}

TEST_CASE("a write that changes neither owner nor purge time leaves indexes and expiry as they were") {
  const RedisServer server;
  Redis storage(server.options());
  auto a = factor("f");
  auto b = challenge("c", "f");
  auto c = counter("n");
  REQUIRE(commit(storage, a, b, c));
  for (const auto* key : {"{mfa}:challenge:c", "{mfa}:counter:n"}) server.ask("PEXPIRE", key, "5000000");
  for (a.version = b.version = c.version = 1; a.version < 20; ++a.version, ++b.version, ++c.version) {
    a.sealed += 's';
    c.data += "data";
    b.answer.assign(20 - b.version, 'a'); // shorter each time
    REQUIRE(commit(storage, a, b, c));
    if (a.version == 10) server.ask("DEL", "{mfa}:factors", "{mfa}:purge", "{mfa}:user:u_42");
  }
  CHECK(storage.find_factor("f") == a);
  CHECK(storage.find_challenge("c") == b);
  CHECK(storage.find_counter("n") == c);
  for (const auto* key : {"{mfa}:challenge:c", "{mfa}:counter:n"}) {
    const auto left = std::stoll(server.ask("PTTL", key));
    CHECK(left <= 5000000);
    CHECK(left > 4700000);
  }
  CHECK(server.ask("PTTL", "{mfa}:factor:f") == "-1");
  CHECK(server.ask("DBSIZE") == "3"); // the sets, which were taken away, were not missed
}

TEST_CASE("of a batch with one conflict nothing is left") {
  const RedisServer server;
  Redis storage(server.options());
  REQUIRE(commit(storage, factor("old"), challenge("old", "old"), counter("old")));
  const auto before = server.ask("DBSIZE");
  const auto refused = [&](const auto& conflict) {
    CHECK_FALSE(commit(storage, factor("new"), factor("old", "moved", 1), challenge("new", "new"),
                       counter("new"), Removal{RecordKind::counter, "old", 1}, conflict));
    CHECK(server.ask("DBSIZE") == before);
    CHECK(storage.find_factor("old") == factor("old", "u_42", 1));
    CHECK(ids(storage.list_factors("u_42")) == std::vector<std::string>{"old"});
    CHECK(storage.list_factors("moved").empty());
    CHECK(storage.find_counter("old"));
  };
  refused(factor("gone", "u_42", 3));
  refused(challenge("old", "old"));
  refused(counter("old"));
  refused(Removal{RecordKind::challenge, "old", 7});
  refused(Removal{RecordKind::challenge, "gone", 0});
}

TEST_CASE("no index remembers a factor that was removed or has another user") {
  const RedisServer server;
  Redis storage(server.options());
  for (const auto* id : {"f5", "f1", "f9", "f3"}) REQUIRE(commit(storage, factor(id, "alice")));
  REQUIRE(commit(storage, factor("f2", "bob"), factor("f4", "")));
  using Ids = std::vector<std::string>;
  CHECK(ids(storage.list_factors("alice")) == Ids{"f1", "f3", "f5", "f9"});
  CHECK(ids(storage.scan_factors("", 99)) == Ids{"f1", "f2", "f3", "f4", "f5", "f9"});

  REQUIRE(commit(storage, factor("f1", "bob", 1), factor("f3", "", 1), factor("f4", "alice", 1),
                 Removal{RecordKind::factor, "f9", 1}));
  CHECK(ids(storage.list_factors("alice")) == Ids{"f4", "f5"});
  CHECK(ids(storage.list_factors("bob")) == Ids{"f1", "f2"});
  CHECK(ids(storage.scan_factors("", 99)) == Ids{"f1", "f2", "f3", "f4", "f5"});
  REQUIRE(commit(storage, Removal{RecordKind::factor, "f1", 2}, Removal{RecordKind::factor, "f2", 1},
                 Removal{RecordKind::factor, "f3", 2}, Removal{RecordKind::factor, "f4", 2},
                 Removal{RecordKind::factor, "f5", 1}));
  CHECK(server.ask("DBSIZE") == "0");
}

TEST_CASE("a factor that was removed by hand ends no page and no scan") {
  const RedisServer server(RedisServer::quick());
  Redis storage(server.options(mfa::storage::RedisDurability::accept_volatile));
  for (const auto* id : {"f1", "f2", "f3", "f4", "f5"}) REQUIRE(commit(storage, factor(id, "alice")));
  REQUIRE(server.ask("DEL", "{mfa}:factor:f1", "{mfa}:factor:f3", "{mfa}:factor:f4") == "3");
  using Ids = std::vector<std::string>;
  CHECK(ids(storage.scan_factors("", 1)) == Ids{"f2"});
  CHECK(ids(storage.scan_factors("f2", 1)) == Ids{"f5"});
  CHECK(ids(storage.scan_factors("f2", 2)) == Ids{"f5"});
  CHECK(ids(storage.list_factors("alice", "", 2)) == Ids{"f2", "f5"});
  CHECK(ids(storage.list_factors("alice", "", 0)).empty());
  CHECK(ids(storage.list_factors("alice")) == Ids{"f2", "f5"});
}

TEST_CASE("the server removes challenges and counters by itself, a day after they might be purged") {
  const RedisServer server;
  Redis storage(server.options());
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto day = std::chrono::hours(24);
  const auto check_expiry = [&](const std::string& key, std::chrono::milliseconds expected) {
    INFO(key);
    const auto left = std::chrono::milliseconds(std::stoll(server.ask("PTTL", "{mfa}:" + key)));
    CHECK(left <= expected);
    CHECK(left > expected - std::chrono::minutes(5));
  };
  REQUIRE(
      commit(storage, factor("f"), challenge("month", "f", now + 30 * day), counter("hour", now + day / 24)));
  check_expiry("challenge:month", 31 * day);
  check_expiry("counter:hour", 25 * day / 24);
  CHECK(server.ask("PTTL", "{mfa}:factor:f") == "-1"); // never

  // A host whose clock is far from the server's loses nothing before its time.
  REQUIRE(commit(storage, challenge("1970", "f", at(1000))));
  check_expiry("challenge:1970", day);

  // An update counts anew.
  auto later = challenge("1970", "f", now + 2 * day);
  later.version = 1;
  REQUIRE(commit(storage, later));
  check_expiry("challenge:1970", 3 * day);
}

TEST_CASE("what expired in the server is gone for every verb, and its purge times do not pile up") {
  const RedisServer server;
  Redis storage(server.options());
  for (int i = 0; i < 50; ++i) REQUIRE(commit(storage, challenge("old" + std::to_string(i), "f", at(i))));
  for (int i = 0; i < 50; ++i) server.ask("PEXPIRE", "{mfa}:challenge:old" + std::to_string(i), "1");
  while (server.ask("EXISTS", "{mfa}:challenge:old49") == "1") {
  }
  CHECK_FALSE(storage.find_challenge("old0"));
  CHECK_FALSE(storage.find_challenge_with_factor("old0"));
  auto moved = challenge("old0", "f");
  moved.version = 1;
  CHECK_FALSE(commit(storage, moved));
  CHECK(server.ask("ZCARD", "{mfa}:purge") == "50");
  for (int i = 0; i < 20; ++i) REQUIRE(commit(storage, challenge("new" + std::to_string(i), "f", at(100))));
  CHECK(server.ask("ZCARD", "{mfa}:purge") == "30"); // 20 of 20, 10 of 50
  CHECK(storage.purge(at(100), 1000) == 20);         // only those that were still there
  CHECK(server.ask("ZCARD", "{mfa}:purge") == "0");
}

TEST_CASE("purge removes what is due, no more than asked, and takes several steps for many") {
  const RedisServer server;
  Redis storage(server.options());
  Batch batch;
  for (int i = 0; i < 1000; ++i) batch.challenges.push_back(challenge("c" + std::to_string(i), "f", at(i)));
  REQUIRE(storage.commit(batch));
  REQUIRE(commit(storage, counter("n", at(-5))));
  CHECK(storage.purge(at(-6), 100) == 0);
  CHECK(storage.purge(at(99), 0) == 0);
  CHECK(storage.purge(at(99), 51) == 51);
  CHECK_FALSE(storage.find_counter("n"));
  CHECK_FALSE(storage.find_challenge("c49"));
  CHECK(storage.find_challenge("c50"));
  CHECK(storage.purge(at(998), std::numeric_limits<std::size_t>::max()) == 949);
  CHECK(storage.find_challenge("c999"));
}
