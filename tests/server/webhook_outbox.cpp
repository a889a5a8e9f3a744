// The server's outbox of webhooks keeps every event that it took, in the order of its chain, until it was
// delivered or is given up.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sqlite3.h>

#include "../../examples/server/webhook_outbox.hpp"
#include "support/catch.hpp"
#include "support/temporary_directory.hpp"

using namespace std::chrono_literals;

namespace {

mfa::Time now() {
  return std::chrono::time_point_cast<mfa::Time::duration>(std::chrono::system_clock::now());
}

} // namespace

TEST_CASE("an outbox keeps what it took, is for one process, and forgets dead letters in time") {
  const mfa::test::TemporaryDirectory directory;
  const std::string file = directory.path() + "/outbox.db";
  const std::string url = "https://hooks.example.com/mfa";
  const auto start = now();
  {
    webhooks::Outbox outbox(file, {url});
    CHECK_THROWS_AS(webhooks::Outbox(file, {url}), std::runtime_error);
    CHECK(outbox.add("user 1", "first", start));
    CHECK(outbox.add("user 1", "second", start));
    CHECK(outbox.add("user 2", "third", start));
    CHECK(outbox.take(url, start)->body == "first");
  }
  CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms::all) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  webhooks::Outbox outbox(file, {url});
  const auto first = outbox.take(url, start);
  REQUIRE(first);
  CHECK(first->body == "first"); // once more
  const auto third = outbox.take(url, start);
  REQUIRE(third);
  CHECK(third->body == "third"); // not the second, before the first
  CHECK_FALSE(outbox.take(url, start));
  CHECK_FALSE(outbox.failed(url, *first, start, start + 1h));
  CHECK(outbox.next_due(url, start) == start + 1h);
  CHECK(outbox.failed(url, *outbox.take(url, start + 1h), start + 71h, start + 73h)); // too late
  const auto second = outbox.take(url, start + 71h);
  REQUIRE(second);
  CHECK(second->body == "second");
  outbox.delivered(url, *second, start + 71h);
  outbox.delivered(url, *third, start + 71h);
  CHECK(outbox.counts(url).pending == 0);
  CHECK(outbox.counts(url).dead == 1);
  outbox.tidy(start + 72h);
  CHECK(outbox.counts(url).dead == 1);
  outbox.tidy(start + std::chrono::days(34));
  CHECK(outbox.counts(url).dead == 0);
}

TEST_CASE("what is too old is given up together, but for what is under way and what an operator revived") {
  const mfa::test::TemporaryDirectory directory;
  const std::string file = directory.path() + "/outbox.db";
  const std::string url = "https://hooks.example.com/mfa";
  const auto start = now();
  webhooks::Outbox outbox(file, {url});
  for (int i = 0; i < 600; ++i) CHECK(outbox.add("user " + std::to_string(i % 3), std::to_string(i), start));
  CHECK(outbox.add("user 1", "young", start + 71h));
  const auto under_way = outbox.take(url, start);
  REQUIRE(under_way);
  CHECK(under_way->body == "0");
  CHECK(outbox.give_up_old(url, start + 71h) == 0);
  CHECK(outbox.give_up_old(url, start + 73h) == 499);
  CHECK(outbox.give_up_old(url, start + 73h) == 100);
  CHECK(outbox.give_up_old(url, start + 73h) == 0);
  CHECK(outbox.counts(url).pending == 2);
  CHECK(outbox.counts(url).dead == 599);
  const auto young = outbox.take(url, start + 73h); // its chain is free
  REQUIRE(young);
  CHECK(young->body == "young");
  outbox.delivered(url, *young, start + 73h);
  outbox.delivered(url, *under_way, start + 73h);
  CHECK(outbox.counts(url).pending == 0);

  sqlite3* opened = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &opened) == SQLITE_OK);
  const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> operators(opened, &sqlite3_close);
  const auto later = std::to_string((start + 200h).time_since_epoch().count());
  const std::string revive = "UPDATE deliveries SET due_at = 0, dead_at = NULL, give_up_at = " + later;
  REQUIRE(sqlite3_exec(opened, revive.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  CHECK(outbox.give_up_old(url, start + 73h) == 0);
  CHECK(outbox.counts(url).pending == 599);
}

TEST_CASE("while the disk refuses, events are kept in memory at once, and saved together later") {
  const mfa::test::TemporaryDirectory directory;
  const std::string file = directory.path() + "/outbox.db";
  const std::string url = "https://hooks.example.com/mfa";
  webhooks::Outbox outbox(file, {url});
  CHECK(outbox.add("user 1", "first", now()));
  sqlite3* opened = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &opened) == SQLITE_OK);
  const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> another(opened, &sqlite3_close);
  const auto run = [&](const char* sql) {
    REQUIRE(sqlite3_exec(opened, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  };
  run("CREATE TRIGGER refuses BEFORE INSERT ON deliveries BEGIN SELECT RAISE(ABORT, 'no'); END");
  CHECK_FALSE(outbox.add("user 1", "second", now()));
  run("DROP TRIGGER refuses"); // nobody but `save` finds out
  for (int i = 0; i < 12'000; ++i) CHECK_FALSE(outbox.add("user 2", std::to_string(i), now()));
  CHECK(outbox.counts(url).pending == 1);
  CHECK(outbox.unsaved() == 10'000);
  CHECK(outbox.dropped() == 2'001);
  outbox.save();
  CHECK(outbox.unsaved() == 0);
  CHECK(outbox.counts(url).pending == 10'001);
  CHECK(outbox.add("user 1", "last", now()));
}

TEST_CASE("threads that come together share a flush of the disk, and each of their events is kept") {
  const mfa::test::TemporaryDirectory directory;
  const std::string url = "https://hooks.example.com/mfa";
  webhooks::Outbox outbox(directory.path() + "/outbox.db", {url});
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      for (int j = 0; j < 50; ++j)
        if (!outbox.add("user " + std::to_string(i), std::to_string(j), now())) std::abort();
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(outbox.counts(url).pending == 400);
  std::map<std::string, int> next;
  while (const auto delivery = outbox.take(url, now())) {
    CHECK(delivery->body == std::to_string(next[delivery->chain]++));
    outbox.delivered(url, *delivery, now());
  }
  CHECK(next.size() == 8);
  CHECK(outbox.counts(url).pending == 0);
}
