// What storage::Sqlite promises: every byte back, all of a batch or nothing, for threads and processes alike,
// and an error that says what to do when the file is not usable.

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mfa/error.hpp>
#include <mfa/storage/concept.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/storage/sqlite.hpp>

#include "support/catch.hpp"
#include "support/temporary_directory.hpp"

using mfa::Time;
using mfa::storage::Batch;
using mfa::storage::ChallengeRecord;
using mfa::storage::CounterRecord;
using mfa::storage::FactorRecord;
using mfa::storage::RecordKind;
using mfa::storage::Removal;
using mfa::storage::Sqlite;
using mfa::storage::SqliteOptions;
using mfa::storage::Synchronous;
using mfa::test::TemporaryDirectory;
using namespace std::chrono_literals;
using namespace std::string_literals;

static_assert(mfa::Storage<Sqlite>);
static_assert(mfa::storage::FindsChallengeWithFactor<Sqlite>);
static_assert(mfa::storage::Purges<Sqlite>);
static_assert(!mfa::storage::Ephemeral<Sqlite>, "a file outlives the process, so it needs a key ring");
static_assert(std::is_nothrow_move_constructible_v<Sqlite> && std::is_nothrow_move_assignable_v<Sqlite>);

namespace {

const SqliteOptions quick{.synchronous = Synchronous::off};
const SqliteOptions impatient{.busy_timeout = 50ms, .synchronous = Synchronous::off};

/// A new file in a directory of its own.
struct File {
  TemporaryDirectory directory;
  std::string path = directory.path() + "/factors.db";
};

Time at(std::int64_t milliseconds) { return Time(std::chrono::milliseconds(milliseconds)); }

FactorRecord factor(std::string id, std::string user_id = "u_42") {
  FactorRecord record;
  record.id = std::move(id);
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

template <class Record> Record at_version(Record record, std::uint64_t version) {
  record.version = version;
  return record;
}

void add(Batch& batch, FactorRecord record) { batch.factors.push_back(std::move(record)); }
void add(Batch& batch, ChallengeRecord record) { batch.challenges.push_back(std::move(record)); }
void add(Batch& batch, CounterRecord record) { batch.counters.push_back(std::move(record)); }
void add(Batch& batch, Removal removal) { batch.removals.push_back(std::move(removal)); }

template <class... Writes> Batch batch_of(const Writes&... writes) {
  Batch batch;
  (add(batch, writes), ...);
  return batch;
}

template <class... Writes> bool commit(Sqlite& storage, const Writes&... writes) {
  return storage.commit(batch_of(writes...));
}

bool remove(Sqlite& storage, RecordKind kind, std::string id, std::uint64_t version) {
  return commit(storage, Removal{kind, std::move(id), version});
}

std::vector<std::string> ids(const std::vector<FactorRecord>& factors) {
  std::vector<std::string> result;
  for (const auto& each : factors) result.push_back(each.id);
  return result;
}

/// The host's own connection to a file, or an operator's.
class HostConnection {
 public:
  explicit HostConnection(const std::string& path) {
    sqlite3* handle = nullptr;
    const int result = sqlite3_open(path.c_str(), &handle);
    handle_.reset(handle);
    REQUIRE(result == SQLITE_OK);
    sqlite3_busy_timeout(handle, 5000);
  }

  void execute(const std::string& sql) {
    INFO(sql);
    const int result = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
    INFO(sqlite3_errmsg(handle_.get()));
    REQUIRE(result == SQLITE_OK);
  }

  /// The first column of the first row, as text.
  std::string ask(const std::string& sql) {
    std::string answer;
    const auto keep = [](void* to, int, char** values, char**) {
      *static_cast<std::string*>(to) = values[0] ? values[0] : "NULL";
      return 0;
    };
    INFO(sql);
    REQUIRE(sqlite3_exec(handle_.get(), sql.c_str(), keep, &answer, nullptr) == SQLITE_OK);
    return answer;
  }

 private:
  struct Close {
    void operator()(sqlite3* handle) const noexcept { sqlite3_close(handle); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// The error that `action` ends with.
template <class Action> mfa::Error error_of(Action action) {
  try {
    action();
  } catch (const mfa::Error& error) {
    return error;
  }
  FAIL("no error was thrown");
  std::abort();
}

/// That `action` fails in the way `code`, with a message that names the file and says what to do about it.
template <class Action>
void check_error(Action action, mfa::errc code, const std::string& path, std::string_view remedy) {
  const auto error = error_of(action);
  INFO(error.what());
  CHECK(error.code() == code);
  CHECK(contains(error.what(), path));
  CHECK(contains(error.what(), remedy));
}

/// Runs `work(i)` in `count` processes that start it together, and returns how many ended well. None may have
/// a storage open when this is called, since SQLite does not survive a fork.
template <class Work> int run_in_processes(int count, Work work) {
  std::array<int, 2> gate{};
  REQUIRE(pipe(gate.data()) == 0);
  std::vector<pid_t> children;
  for (int i = 0; i < count; ++i) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      close(gate[1]);
      char byte = 0;
      while (read(gate[0], &byte, 1) < 0 && errno == EINTR) {
      }
      try {
        work(i);
        _exit(0);
      } catch (const std::exception& error) {
        const std::string message = "process " + std::to_string(i) + ": " + error.what() + "\n";
        _exit(write(STDERR_FILENO, message.data(), message.size()) < 0 ? 2 : 1);
      }
    }
    children.push_back(child);
  }
  close(gate[0]);
  close(gate[1]); // opens the gate
  int ended_well = 0;
  for (const pid_t child : children) {
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) ++ended_well;
  }
  return ended_well;
}

/// Adds one to the number in a counter by find and commit, again until no other writer was quicker.
void increment(Sqlite& storage, const std::string& id) {
  for (;;) {
    auto record = storage.find_counter(id).value_or(counter(id));
    record.data = std::to_string(record.data.empty() ? 1 : std::stol(record.data) + 1);
    if (commit(storage, record)) return;
  }
}

/// Joins its threads before anything that they use goes.
class Threads {
 public:
  ~Threads() { join(); }
  template <class Work> void start(Work work) { threads_.emplace_back(std::move(work)); }
  void join() {
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  std::vector<std::thread> threads_;
};

/// Root may write anywhere; nobody may not.
class Unprivileged {
 public:
  Unprivileged() {
    if (was_root_) REQUIRE(seteuid(65534) == 0);
  }
  ~Unprivileged() {
    if (was_root_ && seteuid(0) != 0) std::abort();
  }
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;

 private:
  const bool was_root_ = geteuid() == 0;
};

} // namespace

TEST_CASE("what was committed comes back byte for byte") {
  const File file;
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
      CHECK(ids(storage.list_factors(id)) == std::vector{id});
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

  SECTION("every field on its own, so that no two are mixed up") {
    FactorRecord a{.id = "f",
                   .type = mfa::FactorType::totp,
                   .state = mfa::FactorState::verified,
                   .user_id = "user",
                   .friendly_name = "name",
                   .created_at = at(1),
                   .updated_at = at(2),
                   .last_used_at = at(3),
                   .failures = 4,
                   .last_failure_at = at(5),
                   .parameters = "parameters",
                   .sealed = "sealed"};
    ChallengeRecord b{.id = "c",
                      .factor_id = "f",
                      .state = mfa::ChallengeState::expired,
                      .created_at = at(6),
                      .updated_at = at(7),
                      .expires_at = at(8),
                      .purge_at = at(9),
                      .attempts_left = 10,
                      .answer = "answer",
                      .binding = "binding"};
    REQUIRE(commit(storage, a, b));

    // All of them changed by an update, what has an index included.
    a.version = b.version = 1;
    a.type = mfa::FactorType::sms;
    a.state = mfa::FactorState::unverified;
    a.user_id = "another user";
    a.friendly_name = "another name";
    a.created_at = at(11);
    a.updated_at = at(12);
    a.last_used_at = std::nullopt;
    a.failures = 14;
    a.last_failure_at = std::nullopt;
    a.parameters = "other parameters";
    a.sealed = "sealed again";
    b.factor_id = "g";
    b.state = mfa::ChallengeState::verified;
    b.created_at = at(16);
    b.updated_at = at(17);
    b.expires_at = std::nullopt;
    b.purge_at = at(19);
    b.attempts_left = 20;
    b.answer = "another answer";
    b.binding = "another binding";
    REQUIRE(commit(storage, a, b));
    a.version = b.version = 2;
    CHECK(storage.find_factor("f") == a);
    CHECK(storage.find_challenge("c") == b);
    CHECK(storage.list_factors("user").empty());
    CHECK(storage.list_factors("another user") == std::vector{a});
    CHECK(storage.purge(at(18), 10) == 0);
    CHECK(storage.purge(at(19), 10) == 1);
  }
}

TEST_CASE("a file that is opened again holds what was committed") {
  const File file;
  auto a = factor("f");
  a.sealed = "sealed\0bytes"s;
  {
    Sqlite storage(file.path);
    REQUIRE(commit(storage, a));
  }
  a.version = 1;
  {
    Sqlite storage(file.path);
    CHECK(storage.find_factor("f") == a);
    REQUIRE(commit(storage, a));
  }
  CHECK(Sqlite(file.path).find_factor("f")->version == 2);
}

TEST_CASE("a write that names a version which is not there changes nothing and answers false") {
  const File file;
  Sqlite storage(file.path, quick);
  const auto kind = GENERATE(RecordKind::factor, RecordKind::challenge, RecordKind::counter);
  const auto write = [&](std::uint64_t version) {
    switch (kind) {
    case RecordKind::factor: return commit(storage, at_version(factor("x"), version));
    case RecordKind::challenge: return commit(storage, at_version(challenge("x", "f"), version));
    case RecordKind::counter: return commit(storage, at_version(counter("x"), version));
    }
    return false;
  };
  const auto stored_version = [&]() -> std::uint64_t {
    const auto version_of = [](const auto& found) { return found ? found->version : 0; };
    switch (kind) {
    case RecordKind::factor: return version_of(storage.find_factor("x"));
    case RecordKind::challenge: return version_of(storage.find_challenge("x"));
    case RecordKind::counter: return version_of(storage.find_counter("x"));
    }
    return 0;
  };

  SECTION("an update of a record that is not there") {
    CHECK_FALSE(write(1));
    CHECK_FALSE(write(std::numeric_limits<std::uint64_t>::max()));
    CHECK(stored_version() == 0);
  }
  SECTION("an insertion over a record that is there") {
    REQUIRE(write(0));
    CHECK_FALSE(write(0));
    CHECK(stored_version() == 1);
  }
  SECTION("an update of an older or a newer version") {
    REQUIRE((write(0) && write(1) && write(2)));
    CHECK_FALSE(write(2));
    CHECK_FALSE(write(4));
    CHECK(stored_version() == 3);
    CHECK(write(3));
    CHECK(stored_version() == 4);
  }
  SECTION("a removal of another version") {
    REQUIRE((write(0) && write(1)));
    CHECK_FALSE(remove(storage, kind, "x", 0));
    CHECK_FALSE(remove(storage, kind, "x", 1));
    CHECK_FALSE(remove(storage, kind, "x", 3));
    CHECK_FALSE(remove(storage, kind, "y", 2));
    CHECK(stored_version() == 2);
    CHECK(remove(storage, kind, "x", 2));
    CHECK(stored_version() == 0);
    CHECK_FALSE(remove(storage, kind, "x", 2));
    CHECK(write(0));
  }
}

TEST_CASE("a removal touches only the kind that it names") {
  const File file;
  Sqlite storage(file.path, quick);
  REQUIRE(commit(storage, factor("x"), challenge("x", "x"), counter("x")));
  REQUIRE(remove(storage, RecordKind::challenge, "x", 1));
  CHECK(storage.find_factor("x"));
  CHECK_FALSE(storage.find_challenge("x"));
  CHECK(storage.find_counter("x"));
}

TEST_CASE("versions count through all 64 bits") {
  const File file;
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

TEST_CASE("of a batch with one conflict nothing is left") {
  const File file;
  Sqlite storage(file.path, quick);
  REQUIRE(commit(storage, factor("old"), challenge("old", "old"), counter("old")));
  auto batch = batch_of(factor("new"), at_version(factor("old", "moved"), 1), challenge("new", "new"),
                        at_version(challenge("old", "moved"), 1), counter("new"),
                        Removal{RecordKind::counter, "old", 1});
  const auto conflict = GENERATE(as<std::string>(), "factor", "challenge", "counter", "removal");
  if (conflict == "factor") batch.factors.push_back(at_version(factor("gone"), 3));
  if (conflict == "challenge") batch.challenges.push_back(challenge("old", "old"));
  if (conflict == "counter") batch.counters.push_back(counter("old"));
  if (conflict == "removal") batch.removals.push_back({RecordKind::challenge, "old", 7});
  INFO(conflict);

  CHECK_FALSE(storage.commit(batch));
  CHECK_FALSE(storage.find_factor("new"));
  CHECK_FALSE(storage.find_challenge("new"));
  CHECK_FALSE(storage.find_counter("new"));
  CHECK(storage.find_factor("old") == at_version(factor("old"), 1));
  CHECK(storage.find_challenge("old") == at_version(challenge("old", "old"), 1));
  CHECK(storage.find_counter("old") == at_version(counter("old"), 1));

  batch.factors.resize(2);
  batch.challenges.resize(2);
  batch.counters.resize(1);
  batch.removals.resize(1);
  CHECK(storage.commit(batch));
  CHECK(storage.find_factor("new"));
  CHECK(storage.find_factor("old")->version == 2);
  CHECK_FALSE(storage.find_counter("old"));
}

TEST_CASE("an empty batch succeeds") {
  const File file;
  Sqlite storage(file.path, quick);
  CHECK(storage.commit({}));
}

TEST_CASE("a user's factors are listed in the order of their ids and no other's are") {
  const File file;
  Sqlite storage(file.path, quick);
  for (const auto* id : {"f5", "f1", "f9", "f3"}) REQUIRE(commit(storage, factor(id, "alice")));
  REQUIRE(commit(storage, factor("f2", "bob")));
  REQUIRE(commit(storage, factor("f4", "")));
  for (const auto* user : {"Alice", "alice ", "alic", "alicea", "%", "alice\xcc\x81"}) {
    REQUIRE(commit(storage, factor("f6"s + user, user)));
  }
  REQUIRE(commit(storage, factor("f7", "alice\0"s)));

  CHECK(ids(storage.list_factors("alice")) == std::vector<std::string>{"f1", "f3", "f5", "f9"});
  CHECK(ids(storage.list_factors("bob")) == std::vector<std::string>{"f2"});
  CHECK(ids(storage.list_factors("alice\0"s)) == std::vector<std::string>{"f7"});
  CHECK(storage.list_factors("carol").empty());
  CHECK(storage.list_factors("").empty()); // a factor without a user is listed under none

  REQUIRE(remove(storage, RecordKind::factor, "f3", 1));
  CHECK(ids(storage.list_factors("alice")) == std::vector<std::string>{"f1", "f5", "f9"});
}

TEST_CASE("a challenge is read with its factor, or without one that is gone") {
  const File file;
  Sqlite storage(file.path, quick);
  REQUIRE(commit(storage, factor("f"), factor("g"), challenge("c", "f"), challenge("d", "g")));

  const auto both = storage.find_challenge_with_factor("c");
  REQUIRE(both);
  CHECK(both->challenge == at_version(challenge("c", "f"), 1));
  CHECK(both->factor == at_version(factor("f"), 1));
  CHECK_FALSE(storage.find_challenge_with_factor("f"));
  CHECK_FALSE(storage.find_challenge_with_factor(""));

  REQUIRE(remove(storage, RecordKind::factor, "f", 1));
  const auto alone = storage.find_challenge_with_factor("c");
  REQUIRE(alone);
  CHECK(alone->challenge == at_version(challenge("c", "f"), 1));
  CHECK_FALSE(alone->factor);
  CHECK(storage.find_challenge_with_factor("d")->factor);
}

TEST_CASE(
    "purge removes challenges and counters whose time has come, the oldest first and no more than asked") {
  const File file;
  Sqlite storage(file.path, quick);
  auto batch = batch_of(factor("f"));
  for (const int time : {50, 10, 40, 20, 30}) {
    batch.challenges.push_back(challenge("c" + std::to_string(time), "f", at(time)));
    batch.counters.push_back(counter("n" + std::to_string(time), at(time)));
  }
  batch.challenges.push_back(challenge("before 1970", "f", at(-5)));
  REQUIRE(storage.commit(batch));
  const auto left = [&] {
    std::set<std::string> found;
    for (const auto& each : batch.challenges) {
      if (storage.find_challenge(each.id)) found.insert(each.id);
    }
    for (const auto& each : batch.counters) {
      if (storage.find_counter(each.id)) found.insert(each.id);
    }
    return found;
  };

  CHECK(storage.purge(at(30), 0) == 0);
  CHECK(storage.purge(at(-6), 100) == 0);
  CHECK(left().size() == 11);

  CHECK(storage.purge(at(30), 2) == 2);
  CHECK(left() == std::set<std::string>{"c20", "c30", "c40", "c50", "n10", "n20", "n30", "n40", "n50"});
  CHECK(storage.purge(at(30), 3) == 3); // two challenges are left for now; the limit goes on to counters
  CHECK(left() == std::set<std::string>{"c40", "c50", "n20", "n30", "n40", "n50"});
  CHECK(storage.purge(at(30), std::numeric_limits<std::size_t>::max()) == 2); // a time that is now has come
  CHECK(left() == std::set<std::string>{"c40", "c50", "n40", "n50"});
  CHECK(storage.purge(at(30), 100) == 0);
  CHECK(storage.find_factor("f"));

  REQUIRE(commit(storage, at_version(counter("n40", at(99)), 1))); // a later time saves it
  CHECK(storage.purge(at(50), 100) == 3);
  CHECK(left() == std::set<std::string>{"n40"});
  CHECK_FALSE(commit(storage, at_version(counter("n50"), 1))); // who read it before sees that it has gone
}

TEST_CASE("a stored number that this release does not know is an error and not a guess") {
  const File file;
  Sqlite storage(file.path, quick);
  REQUIRE(commit(storage, factor("f"), challenge("c", "f")));
  struct Case {
    const char* sql;
    bool in_factor;
    const char* field;
  };
  const auto [sql, in_factor, field] = GENERATE(values<Case>({
      {"UPDATE mfa_factors SET type = 0", true, "type 0"},
      {"UPDATE mfa_factors SET type = 99", true, "type 99"},
      {"UPDATE mfa_factors SET type = 257", true, "type 257"},
      {"UPDATE mfa_factors SET type = -1", true, "type -1"},
      {"UPDATE mfa_factors SET state = 0", true, "state 0"},
      {"UPDATE mfa_factors SET state = 3", true, "state 3"},
      {"UPDATE mfa_factors SET failures = -1", true, "failures -1"},
      {"UPDATE mfa_factors SET failures = 4294967296", true, "failures 4294967296"},
      {"UPDATE mfa_challenges SET state = 0", false, "state 0"},
      {"UPDATE mfa_challenges SET state = 5", false, "state 5"},
      {"UPDATE mfa_challenges SET attempts_left = -1", false, "attempts_left -1"},
  }));
  INFO(sql);
  HostConnection(file.path).execute(sql);
  check_error([&] { (void)storage.find_challenge_with_factor("c"); }, mfa::errc::corrupt_record, file.path,
              field);
  if (in_factor) {
    check_error([&] { (void)storage.find_factor("f"); }, mfa::errc::corrupt_record, file.path, field);
    check_error([&] { (void)storage.list_factors("u_42"); }, mfa::errc::corrupt_record, file.path, field);
    CHECK(storage.find_challenge("c"));
  } else {
    check_error([&] { (void)storage.find_challenge("c"); }, mfa::errc::corrupt_record, file.path, field);
    CHECK(storage.find_factor("f"));
  }
}

TEST_CASE("a new file is readable by its owner alone and an existing one keeps its mode") {
  const File file;
  const bool existing = GENERATE(true, false);
  if (existing) {
    std::ofstream{file.path};
    REQUIRE(chmod(file.path.c_str(), 0640) == 0);
  }
  Sqlite storage(file.path);
  REQUIRE(commit(storage, factor("f")));
  for (const auto* name : {"", "-wal", "-shm"}) {
    struct stat status {};
    REQUIRE(stat((file.path + name).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == (existing ? 0640 : 0600));
  }
}

TEST_CASE("the tables live beside the host's own in one database") {
  const File file;
  HostConnection host(file.path);
  host.execute("PRAGMA user_version = 17; PRAGMA application_id = 4711;"
               "CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('alan')");
  Sqlite storage(file.path, quick);
  REQUIRE(commit(storage, factor("f", "u_42")));
  CHECK(storage.find_factor("f"));
  CHECK(host.ask("SELECT name FROM users") == "alan");
  CHECK(host.ask("PRAGMA user_version") == "17");
  CHECK(host.ask("PRAGMA application_id") == "4711");
  CHECK(host.ask("SELECT version FROM mfa_schema") == "1");
  CHECK(host.ask("SELECT id FROM mfa_factors WHERE user_id = 'u_42'") == "f"); // an operator reads plain text
  CHECK(host.ask(
            "SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'mfa_%' AND name NOT LIKE 'sqlite_%'") ==
        "1");

  host.execute("CREATE TABLE later (x)"); // changes the schema under the prepared statements
  CHECK(storage.find_factor("f"));
  CHECK(commit(storage, factor("g")));
}

TEST_CASE("a file of a later release is refused and left as it is") {
  const File file;
  { const Sqlite storage(file.path); }
  HostConnection(file.path).execute("UPDATE mfa_schema SET version = 41");
  const auto before = contents(file.path);
  check_error([&] { Sqlite storage(file.path); }, mfa::errc::storage_schema, file.path, "version 41");
  check_error([&] { Sqlite storage(file.path); }, mfa::errc::storage_schema, file.path, "up to 1");
  check_error([&] { Sqlite storage(file.path); }, mfa::errc::storage_schema, file.path,
              "Use the release that wrote it");
  CHECK(contents(file.path) == before);
}

TEST_CASE("a file whose tables are not ours is refused and left as it is") {
  const File file;
  const auto sql =
      GENERATE(as<std::string>(), "CREATE TABLE mfa_factors (x)", "CREATE TABLE mfa_schema (version)",
               "CREATE TABLE mfa_schema (version); INSERT INTO mfa_schema VALUES (1), (1)",
               "CREATE TABLE mfa_schema (version); INSERT INTO mfa_schema VALUES (0)",
               "CREATE TABLE mfa_schema (version); INSERT INTO mfa_schema VALUES ('one')",
               "CREATE TABLE mfa_schema (x)", "PRAGMA encoding = 'UTF-16'; CREATE TABLE notes (x)");
  INFO(sql);
  HostConnection(file.path).execute(sql);
  const auto before = contents(file.path);
  check_error([&] { Sqlite storage(file.path); }, mfa::errc::storage_schema, file.path, "ile");
  CHECK(contents(file.path) == before);
}

TEST_CASE("tables that lack a column are refused at opening") {
  const File file;
  { const Sqlite storage(file.path); }
  HostConnection(file.path).execute("ALTER TABLE mfa_challenges DROP COLUMN binding");
  check_error([&] { Sqlite storage(file.path); }, mfa::errc::storage_schema, file.path, "binding");
}

TEST_CASE("migrations lead from any earlier version to the newest, all or nothing") {
  using namespace mfa::detail::sqlite;
  const File file;
  {
    Sqlite storage(file.path);
    REQUIRE(commit(storage, factor("f")));
  }
  const auto migrate_to = [&](Migrations known) {
    Connection connection(file.path, SQLITE_OPEN_READWRITE, 5s);
    migrate(connection, known);
  };
  const std::array next{migrations[0], "ALTER TABLE mfa_factors ADD COLUMN note TEXT",
                        "UPDATE mfa_factors SET note = 'migrated'"};

  SECTION("over several versions") {
    migrate_to(next);
    migrate_to(next); // nothing is left to do
    HostConnection operators(file.path);
    CHECK(operators.ask("SELECT version FROM mfa_schema") == "3");
    CHECK(operators.ask("SELECT note FROM mfa_factors WHERE id = 'f'") == "migrated");
    check_error([&] { Sqlite storage(file.path); }, mfa::errc::storage_schema, file.path, "version 3");
  }
  SECTION("nothing if the last one fails") {
    const std::array failing{next[0], next[1], "UPDATE mfa_factors SET nothing = 1"};
    check_error([&] { migrate_to(failing); }, mfa::errc::storage_schema, file.path, "nothing");
    HostConnection operators(file.path);
    CHECK(operators.ask("SELECT version FROM mfa_schema") == "1");
    CHECK(operators.ask("SELECT count(*) FROM pragma_table_info('mfa_factors') WHERE name = 'note'") == "0");
    CHECK(Sqlite(file.path).find_factor("f"));
  }
}

TEST_CASE("a path that cannot be a database is refused with the remedy") {
  const TemporaryDirectory directory;
  const auto write = [](const std::string& path, const std::string& bytes) { std::ofstream(path) << bytes; };

  SECTION("no file at all") {
    const auto path = GENERATE(as<std::string>(), "", ":memory:", "a\0b"s);
    const auto error = error_of([&] { Sqlite storage(path); });
    CHECK(error.code() == mfa::errc::invalid_argument);
    CHECK(contains(error.what(), "storage::Memory"));
    CHECK_FALSE(std::ifstream(":memory:").good());
  }
  SECTION("a directory that is missing") {
    const auto path = directory.path() + "/missing/factors.db";
    check_error([&] { Sqlite storage(path); }, mfa::errc::storage_failure, path,
                "directory, which must exist");
  }
  SECTION("a directory") {
    check_error([&] { Sqlite storage(directory.path()); }, mfa::errc::storage_failure, directory.path(),
                "Give this process write permission");
  }
  SECTION("a file that is no database") {
    const auto path = directory.path() + "/garbage";
    const auto bytes = GENERATE(std::string(10'000, 'x'), "short"s, std::string(4096, '\0'));
    write(path, bytes);
    check_error([&] { Sqlite storage(path); }, mfa::errc::storage_failure, path, "give another path");
    CHECK(contents(path) == bytes);
  }
  SECTION("a database that is damaged") {
    const auto path = directory.path() + "/damaged.db";
    { const Sqlite storage(path); }
    auto bytes = contents(path);
    REQUIRE(bytes.size() > 8192);
    write(path, bytes.replace(4096, bytes.size() - 4096, bytes.size() - 4096, '\xff'));
    check_error([&] { Sqlite storage(path); }, mfa::errc::storage_failure, path, "restore it from a backup");
  }
  SECTION("an empty file is a new one") {
    const auto path = directory.path() + "/empty";
    write(path, "");
    Sqlite storage(path);
    CHECK(commit(storage, factor("f")));
  }
}

TEST_CASE("a file or directory that may not be written is refused with the remedy") {
  const File file;
  { const Sqlite storage(file.path); }
  REQUIRE(chmod(file.path.c_str(), 0444) == 0);
  REQUIRE(chmod(file.directory.path().c_str(), 0755) == 0);
  SECTION("an existing file") {
    const Unprivileged user;
    check_error([&] { Sqlite storage(file.path); }, mfa::errc::storage_failure, file.path,
                "Give this process write permission");
  }
  SECTION("a new file") {
    const auto path = file.directory.path() + "/new.db";
    if (geteuid() != 0) REQUIRE(chmod(file.directory.path().c_str(), 0555) == 0);
    {
      const Unprivileged user;
      check_error([&] { Sqlite storage(path); }, mfa::errc::storage_failure, path,
                  "Give this process write permission");
    }
    REQUIRE(chmod(file.directory.path().c_str(), 0755) == 0);
  }
}

TEST_CASE("while another connection holds the lock a commit fails in time, and succeeds afterwards") {
  const File file;
  Sqlite storage(file.path, impatient);
  REQUIRE(commit(storage, factor("f")));
  HostConnection other(file.path);
  other.execute("BEGIN IMMEDIATE");

  const auto start = std::chrono::steady_clock::now();
  check_error([&] { (void)commit(storage, factor("g")); }, mfa::errc::storage_failure, file.path,
              "raise SqliteOptions::busy_timeout");
  const auto waited = std::chrono::steady_clock::now() - start;
  CHECK(waited >= 50ms);
  CHECK(waited < 5s);
  check_error([&] { (void)storage.purge(at(1), 1); }, mfa::errc::storage_failure, file.path, "locked");
  CHECK(storage.find_factor("f")); // readers do not wait for writers
  CHECK_FALSE(storage.find_factor("g"));

  other.execute("ROLLBACK");
  CHECK(commit(storage, factor("g")));
  CHECK(storage.find_factor("g"));
  CHECK(storage.purge(at(1), 1) == 0);
}

TEST_CASE("a commit waits for a lock that ends in time") {
  const File file;
  Sqlite storage(file.path, {.busy_timeout = 30s, .synchronous = Synchronous::off});
  HostConnection other(file.path);
  other.execute("BEGIN IMMEDIATE");
  std::atomic<bool> committed = false;
  Threads threads;
  threads.start([&] { committed = commit(storage, factor("f")); });
  std::this_thread::sleep_for(100ms);
  CHECK_FALSE(committed);
  other.execute("ROLLBACK");
  threads.join();
  CHECK(committed);
}

TEST_CASE("of many threads that find the file locked none waits for longer than twice the timeout") {
  const File file;
  Sqlite storage(file.path, {.busy_timeout = 200ms, .synchronous = Synchronous::off});
  HostConnection other(file.path);
  other.execute("BEGIN IMMEDIATE");
  const auto start = std::chrono::steady_clock::now();
  std::atomic<int> failures = 0;
  Threads threads;
  for (int i = 0; i < 16; ++i) {
    threads.start([&, i] {
      try {
        (void)commit(storage, factor("f" + std::to_string(i)));
      } catch (const mfa::Error& error) {
        if (error.code() == mfa::errc::storage_failure) ++failures;
      }
    });
  }
  threads.join();
  const auto waited = std::chrono::steady_clock::now() - start;
  CHECK(failures == 16);
  CHECK(waited < 16 * 200ms);
  other.execute("ROLLBACK");
  CHECK(commit(storage, factor("f")));
}

TEST_CASE("a file that another process has for itself is refused while that lasts") {
  const File file;
  { const Sqlite storage(file.path); }
  std::optional<HostConnection> other(file.path);
  other->execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT");
  check_error([&] { Sqlite storage(file.path, impatient); }, mfa::errc::storage_failure, file.path,
              "raise SqliteOptions::busy_timeout");
  other.reset();
  Sqlite storage(file.path, impatient);
  CHECK(commit(storage, factor("f")));
}

TEST_CASE("a commit that the disk refuses throws, leaves nothing, and the next one succeeds") {
  const File file;
  Sqlite storage(file.path);
  REQUIRE(commit(storage, factor("f")));

  const auto disposition = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
  const rlimit full{contents(file.path + "-wal").size(), limit.rlim_max};
  auto large = factor("large");
  large.sealed.assign(100'000, 's');
  REQUIRE(setrlimit(RLIMIT_FSIZE, &full) == 0);
  std::optional<mfa::Error> error;
  try {
    (void)commit(storage, factor("small"), large);
  } catch (const mfa::Error& thrown) {
    error = thrown;
  }
  REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  std::signal(SIGXFSZ, disposition);

  REQUIRE(error);
  INFO(error->what());
  CHECK(error->code() == mfa::errc::storage_failure);
  CHECK(contains(error->what(), file.path));
  CHECK(contains(error->what(), "its free space"));
  CHECK_FALSE(storage.find_factor("small"));
  CHECK_FALSE(storage.find_factor("large"));
  CHECK(storage.find_factor("f"));
  CHECK(commit(storage, factor("small"), large));
  CHECK(storage.find_factor("large")->sealed.size() == 100'000);
}

TEST_CASE("no message holds what a record holds") {
  const File file;
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
    CHECK_FALSE(contains(error.what(), secret));
  }
  SECTION("an unknown number") {
    other.execute("UPDATE mfa_factors SET type = 99");
    CHECK_FALSE(contains(error_of([&] { (void)storage.list_factors(secret); }).what(), secret));
    CHECK_FALSE(contains(error_of([&] { (void)storage.find_challenge_with_factor("c"); }).what(), secret));
  }
  SECTION("a table that is gone") {
    other.execute("DROP TABLE mfa_factors");
    CHECK_FALSE(contains(error_of([&] { (void)storage.commit(batch); }).what(), secret));
    CHECK_FALSE(contains(error_of([&] { (void)storage.list_factors(secret); }).what(), secret));
  }
  SECTION("a trigger of the host that refuses") {
    other.execute(
        "CREATE TRIGGER refuse BEFORE UPDATE ON mfa_factors BEGIN SELECT RAISE(ABORT, 'refused'); END");
    const auto error = error_of([&] { (void)storage.commit(batch); });
    CHECK_FALSE(contains(error.what(), secret));
    CHECK(contains(error.what(), "refused"));
    other.execute("DROP TRIGGER refuse");
    CHECK(storage.commit(batch));
  }
}

TEST_CASE("a storage can be moved, into a Verifier for one") {
  const File file;
  const File another;
  Sqlite storage(file.path, quick);
  REQUIRE(commit(storage, factor("f")));
  Sqlite moved(std::move(storage));
  CHECK(moved.find_factor("f"));
  moved = Sqlite(another.path, quick);
  CHECK_FALSE(moved.find_factor("f"));
  CHECK(commit(moved, factor("g")));
}

TEST_CASE("a relative path names the same file after the process has changed its directory") {
  const File file;
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

TEST_CASE("many threads add up without losing one") {
  const File file;
  Sqlite storage(file.path,
                 {.synchronous = Synchronous::off, .max_readers = GENERATE(as<std::size_t>(), 0, 1, 4, 16)});
  Threads threads;
  std::atomic<int> failures = 0;
  for (int i = 0; i < 16; ++i) {
    threads.start([&] {
      try {
        for (int k = 0; k < 50; ++k) increment(storage, "n");
      } catch (const std::exception&) {
        ++failures;
      }
    });
  }
  threads.join();
  CHECK(failures == 0);
  const auto record = storage.find_counter("n");
  REQUIRE(record);
  CHECK(record->data == "800");
  CHECK(record->version == 800);
}

TEST_CASE("of many threads that insert one id exactly one succeeds") {
  const File file;
  Sqlite storage(file.path, quick);
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> inserted = 0;
    Threads threads;
    for (int i = 0; i < 8; ++i) {
      threads.start([&] { inserted += commit(storage, factor("f" + std::to_string(round))) ? 1 : 0; });
    }
    threads.join();
    CHECK(inserted == 1);
  }
}

TEST_CASE("no reader sees half of a batch, and none sees an older one after a newer") {
  const File file;
  Sqlite storage(file.path, quick);
  auto a = factor("f");
  auto b = challenge("c", "f");
  REQUIRE(commit(storage, a, b));
  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> committed = 1;
  std::atomic<int> torn = 0;
  std::atomic<int> stale = 0;
  Threads threads;
  for (int i = 0; i < 4; ++i) {
    threads.start([&] {
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
  threads.join();
  CHECK(torn == 0);
  CHECK(stale == 0);
}

TEST_CASE("several processes that open a new file at the same moment all succeed") {
  for (int round = 0; round < 10; ++round) {
    const File file;
    CHECK(run_in_processes(6, [&](int i) {
            Sqlite storage(file.path, quick);
            if (!commit(storage, factor("f" + std::to_string(i)))) throw std::runtime_error("conflict");
          }) == 6);
    CHECK(Sqlite(file.path).list_factors("u_42").size() == 6);
  }
}

TEST_CASE("several processes on one file add up without losing one") {
  const File file;
  SECTION("that keep it open") {
    CHECK(run_in_processes(4, [&](int) {
            Sqlite storage(file.path, quick);
            for (int k = 0; k < 250; ++k) increment(storage, "n");
          }) == 4);
    CHECK(Sqlite(file.path).find_counter("n")->data == "1000");
  }
  SECTION("with threads in each") {
    CHECK(run_in_processes(4, [&](int) {
            Sqlite storage(file.path, quick);
            Threads threads;
            for (int i = 0; i < 4; ++i) {
              threads.start([&] {
                for (int k = 0; k < 50; ++k) increment(storage, "n");
              });
            }
            threads.join();
          }) == 4);
    CHECK(Sqlite(file.path).find_counter("n")->data == "800");
  }
  SECTION("that open and close it each time, so that the write-ahead log comes and goes") {
    CHECK(run_in_processes(4, [&](int) {
            for (int k = 0; k < 40; ++k) {
              Sqlite storage(file.path, quick);
              increment(storage, "n");
            }
          }) == 4);
    CHECK(Sqlite(file.path).find_counter("n")->data == "160");
  }
}

TEST_CASE("what a killed process had committed is there, and its lock is not") {
  const File file;
  std::array<int, 2> pipe_ends{};
  REQUIRE(pipe(pipe_ends.data()) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    Sqlite storage(file.path);
    if (!commit(storage, factor("f"))) _exit(1);
    sqlite3* holding = nullptr;
    sqlite3_open(file.path.c_str(), &holding);
    sqlite3_exec(holding, "BEGIN IMMEDIATE; DELETE FROM mfa_factors", nullptr, nullptr, nullptr);
    if (write(pipe_ends[1], "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte = 0;
  close(pipe_ends[1]);
  REQUIRE(read(pipe_ends[0], &byte, 1) == 1);
  close(pipe_ends[0]);
  {
    Sqlite storage(file.path, impatient);
    CHECK(storage.find_factor("f"));
    CHECK(error_of([&] { (void)commit(storage, factor("g")); }).code() == mfa::errc::storage_failure);
  }
  REQUIRE(kill(child, SIGKILL) == 0);
  REQUIRE(waitpid(child, nullptr, 0) == child);
  Sqlite storage(file.path, impatient);
  CHECK(storage.find_factor("f"));
  CHECK(commit(storage, factor("g")));
}
