// A file that cannot be used or written is a clear error that names it and the remedy. Nothing is half
// written, no code is accepted twice, and the service returns by itself when the fault ends.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sqlite3.h>
#if defined(__linux__)
#include <sys/mount.h>
#endif
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/storage/sqlite.hpp>
#include <mfa/testing/conformance/processes.hpp>
#include <mfa/testing/conformance/records.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/catch.hpp"
#include "support/sqlite_file.hpp"

using mfa::Time;
using mfa::storage::FactorRecord;
using mfa::storage::RecordKind;
using mfa::storage::Removal;
using mfa::storage::Sqlite;
using mfa::storage::Synchronous;
using namespace mfa::test;
using namespace mfa::testing::conformance;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

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

/// A service on a file, for which a fault must cost no more than the time that it lasts.
class Service {
 public:
  explicit Service(const std::string& path)
      : path_(path), storage_(path, {.busy_timeout = 50ms}),
        verifier_(storage_, clock_, mfa::Options{.key_ring = mfa::KeyRing::generate()}) {
    REQUIRE(enrolled_.factor.confirm(mfa::otp::totp(secret_, clock_.now())).confirmed());
  }

  /// Has a user log in while the fault lasts, and after it.
  template <class Begin, class End> void ride_out(Begin begin, End end, std::string_view remedy) {
    clock_.advance(1min);
    const std::string code = mfa::otp::totp(secret_, clock_.now());
    const auto challenge = enrolled_.factor.challenge();
    const auto another = enrolled_.factor.challenge();
    begin();
    for (int i = 0; i < 3; ++i) {
      check_error([&] { (void)challenge.verify(code); }, mfa::errc::storage_failure, path_, remedy);
      check_error([&] { (void)challenge.verify("000000"); }, mfa::errc::storage_failure, path_, remedy);
      check_error([&] { (void)enroll(); }, mfa::errc::storage_failure, path_, remedy);
      check_error([&] { (void)enrolled_.factor.challenge(); }, mfa::errc::storage_failure, path_, remedy);
    }
    end();
    CHECK(verifier_.list_factors("u_42").size() == 1); // no half of an enrolment
    CHECK(challenge.verify(code).status() == mfa::Status::valid);
    CHECK(challenge.verify(code).status() == mfa::Status::already_verified);
    CHECK(another.verify(code).status() == mfa::Status::code_already_used);
    CHECK(HostConnection(path_).ask("PRAGMA integrity_check") == "ok");
  }

 private:
  using Verifier = mfa::Verifier<Sqlite, mfa::testing::ManualClock>;

  auto enroll() -> decltype(std::declval<Verifier>().enroll_factor(mfa::Totp{})) {
    return verifier_.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42"},
                                   mfa::by_operator);
  }

  std::string path_;
  mfa::testing::ManualClock clock_;
  Sqlite storage_;
  Verifier verifier_;
  decltype(std::declval<Verifier>().enroll_factor(mfa::Totp{})) enrolled_ = enroll();
  mfa::crypto::SecretBytes secret_ = mfa::otp::base32_decode(enrolled_.totp.secret);
};

#if defined(__linux__)
/// A disk of this many bytes at a new directory; none if this process may not mount one.
class SmallDisk {
 public:
  explicit SmallDisk(std::size_t size)
      : mounted_(::mount("tmpfs", directory_.path().c_str(), "tmpfs", 0,
                         ("size=" + std::to_string(size)).c_str()) == 0) {}
  ~SmallDisk() {
    if (mounted_) ::umount2(directory_.path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  explicit operator bool() const { return mounted_; }
  [[nodiscard]] const std::string& path() const { return directory_.path(); }

  /// Leaves no byte free.
  void fill() const {
    std::ofstream ballast(path() + "/ballast", std::ios::binary);
    while (ballast.write("x", 1).flush()) {
    }
  }
  void free() const { REQUIRE(std::remove((path() + "/ballast").c_str()) == 0); }

 private:
  TemporaryDirectory directory_;
  bool mounted_;
};
#endif

} // namespace

TEST_CASE("a path that cannot be a database is refused with the remedy") {
  const TemporaryDirectory directory;
  const auto write = [](const std::string& path, const std::string& bytes) { std::ofstream(path) << bytes; };

  SECTION("no file at all") {
    const auto path = GENERATE(as<std::string>(), "", ":memory:", "a\0b"s);
    const auto error = error_of([&] { Sqlite storage(path); });
    CHECK(error.code() == mfa::errc::invalid_argument);
    CHECK_THAT(error.what(), contains("storage::Memory"));
    CHECK_FALSE(std::ifstream(":memory:").good());
  }
  SECTION("a directory that is missing") {
    const auto path = directory.path() + "/missing/factors.db";
    check_error([&] { Sqlite storage(path); }, mfa::errc::storage_failure, path,
                "directory, which must exist");
  }
  SECTION("a directory") {
    check_error([&] { Sqlite storage(directory.path()); }, mfa::errc::storage_failure, directory.path(),
                "it is no regular file: give another path");
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
  const SqliteFile file;
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
  const SqliteFile file;
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

TEST_CASE("a host that has SQLite share its caches refuses no reader while it writes") {
  struct SharedCache {
    SharedCache() { REQUIRE(sqlite3_enable_shared_cache(1) == SQLITE_OK); }
    ~SharedCache() { sqlite3_enable_shared_cache(0); }
  } shared;
  const SqliteFile file;
  Sqlite storage(file.path, impatient);
  auto record = factor("f");
  REQUIRE(commit(storage, record));
  HostConnection host(file.path);
  host.execute("BEGIN IMMEDIATE; UPDATE mfa_factors SET friendly_name = 'x'");
  CHECK(storage.find_factor("f"));
  host.execute("COMMIT");
  CHECK(storage.find_factor("f")->friendly_name == "x");
}

TEST_CASE("a commit waits for a lock that ends in time") {
  const SqliteFile file;
  Sqlite storage(file.path, {.busy_timeout = 30s, .synchronous = Synchronous::off});
  HostConnection other(file.path);
  other.execute("BEGIN IMMEDIATE");
  std::atomic<bool> committed = false;
  std::jthread thread([&] { committed = commit(storage, factor("f")); });
  std::this_thread::sleep_for(100ms);
  CHECK_FALSE(committed);
  other.execute("ROLLBACK");
  thread.join();
  CHECK(committed);
}

TEST_CASE("of many threads that find the file locked none waits for longer than twice the timeout") {
  const SqliteFile file;
  Sqlite storage(file.path, {.busy_timeout = 200ms, .synchronous = Synchronous::off});
  HostConnection other(file.path);
  other.execute("BEGIN IMMEDIATE");
  const auto start = std::chrono::steady_clock::now();
  std::atomic<int> failures = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      try {
        (void)commit(storage, factor("f" + std::to_string(i)));
      } catch (const mfa::Error& error) {
        if (error.code() == mfa::errc::storage_failure) ++failures;
      }
    });
  }
  threads.clear();
  const auto waited = std::chrono::steady_clock::now() - start;
  CHECK(failures == 16);
  CHECK(waited < 16 * 200ms);
  other.execute("ROLLBACK");
  CHECK(commit(storage, factor("f")));
}

TEST_CASE("a file that another process has for itself is refused while that lasts") {
  const SqliteFile file;
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
  const SqliteFile file;
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
  CHECK_THAT(error->what(), contains(file.path));
  CHECK_THAT(error->what(), contains("its free space"));
  CHECK_FALSE(storage.find_factor("small"));
  CHECK_FALSE(storage.find_factor("large"));
  CHECK(storage.find_factor("f"));
  CHECK(commit(storage, factor("small"), large));
  CHECK(storage.find_factor("large")->sealed.size() == 100'000);
}

TEST_CASE("what a killed process had committed is there, and its lock is not") {
  const SqliteFile file;
  Process process([&](const Pipe& told) {
    Sqlite storage(file.path);
    auto record = factor("f");
    write(storage, record);
    HostConnection holding(file.path);
    holding.execute("BEGIN IMMEDIATE; DELETE FROM mfa_factors");
    told.write("x");
    for (;;) ::pause();
  });
  REQUIRE(process.first_byte(1min) == "x");
  {
    Sqlite storage(file.path, impatient);
    CHECK(storage.find_factor("f"));
    CHECK(error_of([&] { (void)commit(storage, factor("g")); }).code() == mfa::errc::storage_failure);
  }
  process.kill();
  Sqlite storage(file.path, impatient);
  CHECK(storage.find_factor("f"));
  CHECK(commit(storage, factor("g")));
}

#if defined(__linux__)
TEST_CASE("a full disk costs the time that it is full") {
  const SmallDisk disk(1 << 20);
  if (!disk) {
    WARN("needs the right to mount a small disk");
    return;
  }
  Service service(disk.path() + "/mfa.db");
  for (int i = 0; i < 3; ++i) service.ride_out([&] { disk.fill(); }, [&] { disk.free(); }, "its free space");
}
#endif

TEST_CASE("a lock that another program keeps costs the time that it keeps it") {
  const SqliteFile file;
  Service service(file.path);
  HostConnection other(file.path);
  for (int i = 0; i < 3; ++i)
    service.ride_out([&] { other.execute("BEGIN IMMEDIATE"); }, [&] { other.execute("ROLLBACK"); },
                     "end that connection's transaction, or raise SqliteOptions::busy_timeout");
}

TEST_CASE("a file that is moved away takes no write, and goes on when it is back") {
  const SqliteFile file;
  Service service(file.path);
  const std::string elsewhere = file.path + ".moved";
  service.ride_out([&] { std::filesystem::rename(file.path, elsewhere); },
                   [&] { std::filesystem::rename(elsewhere, file.path); },
                   "it was moved, deleted or replaced");
}

TEST_CASE("a file that is deleted or replaced while it is open takes no write that would be lost") {
  const SqliteFile file;
  const std::string another = file.path + ".new";
  { const Sqlite made(another); }
  Sqlite storage(file.path, quick);
  REQUIRE(commit(storage, factor("f")));
  if (GENERATE(true, false))
    std::filesystem::rename(another, file.path);
  else
    std::filesystem::remove(file.path);
  check_error([&] { (void)commit(storage, factor("g")); }, mfa::errc::storage_failure, file.path,
              "first stop every process that uses it");
  check_error([&] { (void)storage.purge(at(1), 1); }, mfa::errc::storage_failure, file.path, "Put it back");
}

TEST_CASE("a file that is damaged while a service runs gives no verdict, and a restored one does") {
  const SqliteFile file;
  std::string challenge;
  std::string code;
  mfa::testing::ManualClock clock;
  const mfa::Options options{.key_ring = mfa::KeyRing::generate()};
  {
    Sqlite storage(file.path);
    mfa::Verifier verifier{storage, clock, options};
    const auto enrolled = verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
    const auto secret = mfa::otp::base32_decode(enrolled.totp.secret);
    REQUIRE(enrolled.factor.confirm(mfa::otp::totp(secret, clock.now())).confirmed());
    clock.advance(30s);
    challenge = enrolled.factor.challenge().id();
    code = mfa::otp::totp(secret, clock.now());
  }
  const std::string sound = contents(file.path);
  const auto write_file = [&](const std::string& bytes) {
    std::ofstream(file.path, std::ios::binary) << bytes;
  };
  Sqlite storage(file.path, quick);
  mfa::Verifier verifier{storage, clock, options};
  write_file(std::string(sound).replace(4096, sound.size() - 4096, sound.size() - 4096, '\xff'));
  for (int i = 0; i < 3; ++i)
    check_error([&] { (void)verifier.verify_challenge(challenge, code); }, mfa::errc::storage_failure,
                file.path, "restore it from a backup");
  write_file(sound);
  CHECK(verifier.verify_challenge(challenge, code).valid());
  CHECK(verifier.verify_challenge(challenge, code).status() == mfa::Status::already_verified);
}
