// What storage::Sqlite promises beyond what every storage does (storage_conformance.cpp): any bytes anywhere,
// 64 bits of version and time, whole batches for readers, a file of its owner's, and nothing of a record in a
// message.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include <mfa/error.hpp>
#include <mfa/storage/concept.hpp>
#include <mfa/storage/sqlite.hpp>
#include <mfa/testing/conformance/processes.hpp>
#include <mfa/testing/conformance/records.hpp>
#include <mfa/testing/conformance/threads.hpp>

#include "support/catch.hpp"
#include "support/sqlite_file.hpp"

using mfa::Time;
using mfa::storage::ChallengeRecord;
using mfa::storage::CounterRecord;
using mfa::storage::FactorRecord;
using mfa::storage::RecordKind;
using mfa::storage::Removal;
using mfa::storage::Sqlite;
using mfa::storage::Synchronous;
using namespace mfa::test;
using namespace mfa::testing::conformance;
using namespace std::chrono_literals;
using namespace std::string_literals;

static_assert(mfa::Storage<Sqlite>);
static_assert(mfa::storage::FindsChallengeWithFactor<Sqlite>);
static_assert(mfa::storage::Purges<Sqlite>);
static_assert(!mfa::storage::Ephemeral<Sqlite>, "a file outlives the process, so it needs a key ring");
static_assert(std::is_nothrow_move_constructible_v<Sqlite> && std::is_nothrow_move_assignable_v<Sqlite>);

namespace {

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

} // namespace

TEST_CASE("what was committed comes back byte for byte") {
  const SqliteFile file;
  Sqlite storage(file.path, quick);

  SECTION("any bytes in any text") {
    const std::string hundred_kilobytes = [] {
      std::string bytes(100'000, '\0');
      for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 % 256);
      return bytes;
    }();
    const auto bytes = GENERATE_COPY(values<std::string>({
        "",
        "plain",
        "\0"s,
        "a\0b"s,
        "a\0"s,
        "\0\0\0\0"s,
        "\xff\xfe\x80"s,      // not UTF-8
        "\xed\xa0\x80"s,      // a surrogate
        "\xef\xbb\xbf mark"s, // a byte order mark
        "'; DROP TABLE mfa_factors; --"s,
        "\"quoted\" `back` [bracket] \\ % _ ?1 :a @b $c"s,
        "Zo\xc3\xab \xf0\x9f\x94\x91"s,
        " spaces \t\r\n"s,
        "0123"s, // not a number
        "1e3"s,
        "NULL"s,
        hundred_kilobytes,
    }));
    INFO(bytes.substr(0, 40));

    auto a = factor("factor" + bytes, bytes);
    a.friendly_name = a.parameters = a.sealed = bytes;
    auto b = challenge("challenge" + bytes, a.id);
    b.answer = b.binding = bytes;
    auto c = counter("counter" + bytes);
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

    // The same bytes again by an update, now in the other order of sizes.
    a.friendly_name = "short";
    b.binding.clear();
    c.data += "longer";
    REQUIRE(commit(storage, a, b, c));
    a.version = b.version = c.version = 2;
    CHECK(storage.find_factor(a.id) == a);
    CHECK(storage.find_challenge(b.id) == b);
    CHECK(storage.find_counter(c.id) == c);
  }

  SECTION("ids that differ in any byte are different") {
    const std::array<std::string, 9> different{"x", "X", "x ", " x", "x\0"s, "x\0y"s, "x\0z"s, "x%", "x\xff"};
    for (const auto& id : different) REQUIRE(commit(storage, factor(id, id)));
    for (const auto& id : different) {
      REQUIRE(storage.find_factor(id));
      CHECK(storage.find_factor(id)->id == id);
      CHECK(storage.list_factors(id) == std::vector{at_version(factor(id, id), 1)});
    }
    CHECK_FALSE(storage.find_factor("x\0w"s));
    CHECK_FALSE(storage.find_factor(""));
    CHECK_FALSE(storage.find_factor(std::string_view()));
  }

  SECTION("any time and number") {
    static constexpr auto least = std::numeric_limits<std::int64_t>::min();
    static constexpr auto most = std::numeric_limits<std::int64_t>::max();
    const auto time = at(GENERATE(as<std::int64_t>(), 0, 1, -1, 1'753'000'000'123, -62'135'596'800'000,
                                  99'999'999'999'999, least, most));
    const auto count = GENERATE(as<std::uint32_t>(), 0, 1, 5, 0xffffffff);
    const auto present = GENERATE(true, false);
    const auto optional = present ? std::optional(time) : std::nullopt;

    FactorRecord a{.id = "f",
                   .type = mfa::FactorType::sms,
                   .state = mfa::FactorState::verified,
                   .user_id = "u",
                   .friendly_name = "phone",
                   .created_at = time,
                   .updated_at = time,
                   .last_used_at = optional,
                   .failures = count,
                   .last_failure_at = optional,
                   .parameters = "p",
                   .sealed = "s"};
    ChallengeRecord b{.id = "c",
                      .factor_id = "f",
                      .state = mfa::ChallengeState::exhausted,
                      .created_at = time,
                      .updated_at = time,
                      .expires_at = optional,
                      .purge_at = time,
                      .attempts_left = count,
                      .answer = "a",
                      .binding = "b"};
    CounterRecord c{.id = "n", .data = "d", .purge_at = time};
    REQUIRE(commit(storage, a, b, c));
    a.version = b.version = c.version = 1;
    CHECK(storage.find_factor("f") == a);
    CHECK(storage.find_challenge("c") == b);
    CHECK(storage.find_counter("n") == c);
  }
}

TEST_CASE("versions count through all 64 bits") {
  const SqliteFile file;
  Sqlite storage(file.path, quick);
  REQUIRE(commit(storage, factor("f")));
  const auto version = GENERATE(as<std::uint64_t>(), 0x7ffffffffffffffe, 0x7fffffffffffffff,
                                0x8000000000000000, 0xfffffffffffffffe);
  HostConnection(file.path).execute("UPDATE mfa_factors SET version = " +
                                    std::to_string(static_cast<std::int64_t>(version)));
  CHECK(storage.find_factor("f")->version == version);
  CHECK_FALSE(commit(storage, at_version(factor("f"), version - 1)));
  CHECK(commit(storage, at_version(factor("f"), version)));
  CHECK(storage.find_factor("f")->version == version + 1);
}

TEST_CASE("a purge removes the oldest first") {
  const SqliteFile file;
  Sqlite storage(file.path, quick);
  mfa::storage::Batch batch;
  for (const int time : {50, 10, 40, 20, 30, -5}) // one before 1970
    batch.challenges.push_back(challenge("c" + std::to_string(time), "f", at(time)));
  REQUIRE(storage.commit(batch));
  for (const char* oldest : {"c-5", "c10", "c20", "c30"}) {
    CHECK(storage.find_challenge(oldest));
    CHECK(storage.purge(at(30), 1) == 1);
    CHECK_FALSE(storage.find_challenge(oldest));
  }
  CHECK(storage.purge(at(30), 1) == 0);
}

TEST_CASE("no reader sees half of a batch, and none sees an older one after a newer") {
  const SqliteFile file;
  Sqlite storage(file.path, quick);
  auto a = factor("f");
  auto b = challenge("c", "f");
  REQUIRE(commit(storage, a, b));
  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> committed = 1;
  std::atomic<int> torn = 0;
  std::atomic<int> stale = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (!done) {
        const std::uint64_t least = committed;
        const auto both = storage.find_challenge_with_factor("c");
        if (both->challenge.version != both->factor->version) ++torn;
        if (both->challenge.version < least) ++stale;
      }
    });
  }
  for (std::uint64_t version = 1; version <= 500; ++version) {
    a.version = b.version = version;
    REQUIRE(commit(storage, a, b));
    committed = version + 1;
  }
  done = true;
  threads.clear();
  CHECK(torn == 0);
  CHECK(stale == 0);
}

TEST_CASE("however few connections read, threads lose no update") {
  const SqliteFile file;
  Sqlite storage(file.path,
                 {.synchronous = Synchronous::off, .max_readers = GENERATE(as<std::size_t>(), 0, 1, 4, 16)});
  in_threads(16, 1min, [&](std::size_t) {
    for (int k = 0; k < 50; ++k) increment(storage, "n");
  });
  expect_count(storage, "n", 800, "16 threads");
}

TEST_CASE("several processes that open a new file at the same moment all succeed") {
  for (int round = 0; round < 10; ++round) {
    const SqliteFile file;
    (void)in_processes(6, 1min, [&](std::size_t i) {
      Sqlite storage(file.path, quick);
      auto record = factor("f" + std::to_string(i), "u_42");
      write(storage, record);
      return std::string();
    });
    CHECK(Sqlite(file.path).list_factors("u_42").size() == 6);
  }
}

TEST_CASE("processes that open and close the file each time, so that the write-ahead log comes and goes, "
          "lose no update") {
  const SqliteFile file;
  (void)in_processes(4, 1min, [&](std::size_t) {
    for (int k = 0; k < 40; ++k) {
      Sqlite storage(file.path, quick);
      increment(storage, "n");
    }
    return std::string();
  });
  Sqlite storage(file.path);
  expect_count(storage, "n", 160, "4 processes");
}

TEST_CASE(
    "a new file is readable by its owner alone, whatever the umask, and an existing one keeps its mode") {
  const SqliteFile file;
  const mode_t existing = GENERATE(0U, 0600U, 0640U, 0660U, 0644U);
  if (existing != 0) {
    std::ofstream{file.path};
    REQUIRE(chmod(file.path.c_str(), existing) == 0);
  }
  const mode_t everybody = umask(0);
  Sqlite storage(file.path);
  const bool committed = commit(storage, factor("f"));
  umask(everybody);
  REQUIRE(committed);
  for (const auto* name : {"", "-wal", "-shm"}) {
    struct stat status {};
    REQUIRE(stat((file.path + name).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == (existing != 0 ? existing : 0600));
  }
  // The third file that there may be: a host's own connection leaves write-ahead logging, or never began it.
  HostConnection host(file.path);
  { const Sqlite closed = std::move(storage); }
  host.execute("PRAGMA journal_mode = PERSIST; CREATE TABLE host (number); INSERT INTO host VALUES (1)");
  struct stat status {};
  REQUIRE(stat((file.path + "-journal").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == (existing != 0 ? existing : 0600));
}

TEST_CASE("a file that every user may write is refused, unless that is allowed by name") {
  const SqliteFile file;
  {
    Sqlite storage(file.path, quick);
    REQUIRE(commit(storage, factor("f")));
  }
  for (const mode_t mode : {0602U, 0666U}) {
    REQUIRE(chmod(file.path.c_str(), mode) == 0);
    check_error(
        [&] { Sqlite storage(file.path, quick); }, mfa::errc::storage_failure, file.path,
        "every user of this machine may write it: chmod o-w, or set SqliteOptions::accept_writable_by_all");
    CHECK(Sqlite(file.path, {.accept_writable_by_all = true}).find_factor("f"));
  }
}

TEST_CASE("a symbolic link to a file is followed, and one to no file is refused") {
  const SqliteFile file;
  const std::string link = file.directory.path() + "/link.db";
  REQUIRE(symlink(file.path.c_str(), link.c_str()) == 0);
  const mode_t everybody = umask(0);
  check_error([&] { Sqlite storage(link); }, mfa::errc::storage_failure, link,
              "it is a symbolic link to a file that is missing: create that file with mode 0600, or give its "
              "own path");
  umask(everybody);
  struct stat status {};
  CHECK(stat(file.path.c_str(), &status) != 0);
  {
    Sqlite storage(file.path, quick);
    REQUIRE(commit(storage, factor("f")));
  }
  Sqlite linked(link, quick);
  Sqlite direct(file.path, quick); // the same write-ahead log
  CHECK(linked.find_factor("f"));
  REQUIRE(commit(linked, factor("g")));
  CHECK(direct.find_factor("g"));
  CHECK(stat((link + "-wal").c_str(), &status) != 0);
}

TEST_CASE("files beside the database are not written through symbolic links") {
  const SqliteFile file;
  const std::string victim = file.directory.path() + "/victim";
  for (const auto* name : {"-wal", "-shm", "-journal"}) {
    CAPTURE(name);
    REQUIRE(symlink(victim.c_str(), (file.path + name).c_str()) == 0);
    try {
      Sqlite storage(file.path, quick);
      (void)commit(storage, factor(name));
    } catch (const mfa::Error& error) { // it may refuse them, or replace them
      CHECK(error.code() == mfa::errc::storage_failure);
    }
    struct stat status {};
    CHECK(stat(victim.c_str(), &status) != 0);
    (void)unlink((file.path + name).c_str());
  }
  Sqlite storage(file.path, quick);
  CHECK(commit(storage, factor("f")));
}

TEST_CASE("no name is taken for anything but that of a file") {
  const SqliteFile file;
  std::array<char, 4096> before{};
  REQUIRE(getcwd(before.data(), before.size()) != nullptr);
  REQUIRE(chdir(file.directory.path().c_str()) == 0);
  const auto kept = [](const std::string& name) { // by another instance, so in a file
    {
      Sqlite storage(name, quick);
      if (!commit(storage, factor("f"))) return false;
    }
    struct stat status {};
    return stat(name.c_str(), &status) == 0 && (status.st_mode & 0777) == 0600 &&
           Sqlite(name, quick).find_factor("f").has_value();
  };
  std::vector<std::string> refused;
  std::vector<std::string> told;
  for (const std::string name : {"file:factors.db", "file:factors.db?mode=memory&cache=shared",
                                 "file:", "file:///tmp/factors.db?vfs=memdb"})
    try {
      Sqlite storage(name, quick);
    } catch (const mfa::Error& error) {
      if (error.code() == mfa::errc::invalid_argument) refused.push_back(name);
      told.emplace_back(error.what());
    }
  for (const std::string name :
       {"./file:factors.db?mode=memory", "File:factors.db", "factors.db?mode=memory", "./:memory:", ":memory",
        "factors%20of.db", "factors.db#1", " ", "-", "Zo\xc3\xab.db"}) {
    CAPTURE(name);
    CHECK(kept(name));
  }
  REQUIRE(chdir(before.data()) == 0);
  CHECK(refused.size() == 4);
  for (const auto& message : told)
    CHECK_THAT(message, contains("give the path of the file, or './file:...' for a file of that name"));
}

TEST_CASE("what is no regular file is refused at once") {
  const SqliteFile file;
  REQUIRE(mkfifo(file.path.c_str(), 0600) == 0);
  for (const std::string& path : {file.path, file.directory.path(), std::string("/dev/zero")})
    check_error([&] { Sqlite storage(path, quick); }, mfa::errc::storage_failure, path,
                "it is no regular file: give another path");
}

TEST_CASE("no message holds what a record holds") {
  const SqliteFile file;
  const std::string secret = "NAGCCFS3EYRB422HNAKAKY3XDUORMSRF";
  auto a = factor("f", secret);
  a.friendly_name = a.parameters = a.sealed = secret;
  auto b = challenge("c", "f");
  b.answer = b.binding = secret;
  auto c = counter("n");
  c.data = secret;
  Sqlite storage(file.path, impatient);
  REQUIRE(commit(storage, a, b, c));
  a.version = b.version = c.version = 1;
  const auto batch = batch_of(a, b, c);
  HostConnection other(file.path);

  SECTION("locked") {
    other.execute("BEGIN IMMEDIATE");
    const auto error = error_of([&] { (void)storage.commit(batch); });
    CHECK_FALSE(holds(error.what(), secret));
  }
  SECTION("an unknown number") {
    other.execute("UPDATE mfa_factors SET type = 99");
    CHECK_FALSE(holds(error_of([&] { (void)storage.list_factors(secret); }).what(), secret));
    CHECK_FALSE(holds(error_of([&] { (void)storage.find_challenge_with_factor("c"); }).what(), secret));
  }
  SECTION("a table that is gone") {
    other.execute("DROP TABLE mfa_factors");
    CHECK_FALSE(holds(error_of([&] { (void)storage.commit(batch); }).what(), secret));
    CHECK_FALSE(holds(error_of([&] { (void)storage.list_factors(secret); }).what(), secret));
  }
  SECTION("a trigger of the host that refuses") {
    other.execute(
        "CREATE TRIGGER refuse BEFORE UPDATE ON mfa_factors BEGIN SELECT RAISE(ABORT, 'refused'); END");
    const auto error = error_of([&] { (void)storage.commit(batch); });
    CHECK_FALSE(holds(error.what(), secret));
    CHECK(holds(error.what(), "refused"));
    other.execute("DROP TRIGGER refuse");
    CHECK(storage.commit(batch));
  }
}

TEST_CASE("a storage can be moved, into a Verifier for one") {
  const SqliteFile file;
  const SqliteFile another;
  Sqlite storage(file.path, quick);
  REQUIRE(commit(storage, factor("f")));
  Sqlite moved(std::move(storage));
  CHECK(moved.find_factor("f"));
  moved = Sqlite(another.path, quick);
  CHECK_FALSE(moved.find_factor("f"));
  CHECK(commit(moved, factor("g")));
}

TEST_CASE("a relative path names the same file after the process has changed its directory") {
  const SqliteFile file;
  std::array<char, 4096> before{};
  REQUIRE(getcwd(before.data(), before.size()) != nullptr);
  REQUIRE(chdir(file.directory.path().c_str()) == 0);
  std::optional<Sqlite> storage;
  storage.emplace("factors.db", quick);
  REQUIRE(chdir(before.data()) == 0);
  CHECK(commit(*storage, factor("f")));
  CHECK(storage->find_factor("f"));
  storage.reset();
  CHECK(Sqlite(file.path).find_factor("f"));
}

TEST_CASE("a new file is made under a lock that all shared libraries of the process have in common") {
  const SqliteFile file;
  const std::string path = file.directory.path() + "/new.db";
  std::atomic<bool> is_open = false;
  std::thread opener;
  {
    const mfa::detail::sqlite::ProcessLock held_elsewhere;
    opener = std::thread([&] {
      const Sqlite storage(path, quick);
      is_open = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    CHECK_FALSE(is_open);
    CHECK(::access(path.c_str(), F_OK) != 0);
  }
  opener.join();
  CHECK(is_open);
}
