#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlite3.h>

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#include <mfa/error.hpp>
#include <mfa/storage/pool.hpp>
#include <mfa/storage/process.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/storage/sqlite/columns.hpp>
#include <mfa/storage/sqlite/connection.hpp>
#include <mfa/storage/sqlite/statements.hpp>

namespace mfa::storage {

/// How much of what was committed survives a loss of power. A crash of the process alone loses nothing in
/// any.
enum class Synchronous {
  off,    ///< unsafe: the file may be damaged beyond use. For tests
  normal, ///< unsafe: the last commits may be undone, and a code that was used may be accepted again
  full,   ///< a commit that returned survives
};

struct SqliteOptions {
  /// How long to wait for other threads, and then for a lock of another connection, before
  /// `errc::storage_failure`.
  std::chrono::milliseconds busy_timeout{5000};
  Synchronous synchronous = Synchronous::full;
  /// Connections for reading; further threads wait for one of them.
  std::size_t max_readers = 16;
  /// Unsafe: takes a file that every user of the machine may write, and so make used codes fresh again.
  bool accept_writable_by_all = false;
};

/// Factors and challenges in one SQLite file (3.37 or later) on a local disk, for any number of threads and
/// processes.
///
/// The file is created when it is missing, readable by its owner alone (on POSIX systems); an existing one
/// keeps its owner and mode, but is refused if every user may write it. The tables are named mfa_* and may
/// share a database with the host's own; opening creates or migrates them, and turns the write-ahead log on
/// (files `-wal` and `-shm` beside it). In the database, text is readable, as `SELECT * FROM mfa_factors
/// WHERE user_id = 'u_42'`.
///
/// In a forked process it throws, and so does opening a file that the parent had open at the fork: close it
/// before, and open it in each process after. Moved from, it can only be assigned to or destroyed.
///
/// Functions throw `Error`: `errc::storage_failure` if the file cannot be read or written, stays locked or
/// was replaced, `errc::storage_schema` if its tables are not ours or of a later release,
/// `errc::corrupt_record` for contents that this library did not write. It is usable again as soon as the
/// cause is gone. If `commit` or `purge` throws, the writes may have happened or not, but all or none.
class Sqlite {
 public:
  /// `path` is UTF-8 and names a file: not "", ":memory:" or a URI ("file:..."), which throw
  /// `errc::invalid_argument`. A symbolic link is followed to a file that is there.
  explicit Sqlite(std::string path, SqliteOptions options = SqliteOptions())
      : state_(detail::make_at_home<State>(new_or_existing(std::move(path), options), options)) {}

  [[nodiscard]] std::optional<FactorRecord> find_factor(std::string_view id) const {
    return find(&Reader::factor, id, detail::sqlite::read_factor);
  }

  [[nodiscard]] std::optional<ChallengeRecord> find_challenge(std::string_view id) const {
    return find(&Reader::challenge, id, detail::sqlite::read_challenge);
  }

  [[nodiscard]] std::optional<CounterRecord> find_counter(std::string_view id) const {
    return find(&Reader::counter, id, detail::sqlite::read_counter);
  }

  [[nodiscard]] std::optional<ChallengeWithFactor> find_challenge_with_factor(std::string_view id) const {
    return find(&Reader::challenge_with_factor, id, detail::sqlite::read_challenge_with_factor);
  }

  /// None for an empty `user_id`.
  [[nodiscard]] std::vector<FactorRecord> list_factors(std::string_view user_id) const {
    return list_factors(user_id, {}, std::numeric_limits<std::size_t>::max());
  }

  [[nodiscard]] std::vector<FactorRecord> list_factors(std::string_view user_id, std::string_view after_id,
                                                       std::size_t limit) const {
    const auto reader = state_->lend_reader();
    Run run(reader->factors_of_user);
    run.bind_text(3, user_id);
    return page(run, after_id, limit, detail::sqlite::read_factor);
  }

  [[nodiscard]] std::vector<FactorRecord> scan_factors(std::string_view after_id, std::size_t limit) const {
    const auto reader = state_->lend_reader();
    Run run(reader->all_factors);
    return page(run, after_id, limit, detail::sqlite::read_factor_if_readable);
  }

  [[nodiscard]] bool commit(const Batch& batch) {
    const auto writer = state_->lend_writer();
    auto transaction = writer->begin();
    const auto write = [&](const auto& record) { return writer->write(record); };
    const auto remove = [&](const Removal& removal) { return writer->remove(removal); };
    if (!std::all_of(batch.factors.begin(), batch.factors.end(), write) ||
        !std::all_of(batch.challenges.begin(), batch.challenges.end(), write) ||
        !std::all_of(batch.counters.begin(), batch.counters.end(), write) ||
        !std::all_of(batch.removals.begin(), batch.removals.end(), remove)) {
      return false;
    }
    transaction.commit();
    return true;
  }

  /// Removes challenges and counters whose `purge_at` has come, at most `limit`, and returns how many.
  std::size_t purge(Time now, std::size_t limit) {
    const auto writer = state_->lend_writer();
    auto transaction = writer->begin();
    const auto purged = writer->purge(now, limit);
    transaction.commit();
    return purged;
  }

 private:
  using Reader = detail::sqlite::Reader;
  using Run = detail::sqlite::Run;
  using Writer = detail::sqlite::Writer;

  class State {
   public:
    State(const std::string& path, const SqliteOptions& options) : options_(options), file_(path) {
      options_.busy_timeout = std::clamp<std::chrono::milliseconds>(
          options_.busy_timeout, std::chrono::milliseconds(0), std::chrono::hours(24));
#if defined(__unix__) || defined(__APPLE__)
      constexpr int flags = SQLITE_OPEN_READWRITE;
#else
      constexpr int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
#endif
      file_ = lend_writer(flags)->file();
    }

    [[nodiscard]] detail::Pool<Reader>::Lease lend_reader() {
      return lend(readers_, [this] { return std::make_unique<Reader>(file_, options_.busy_timeout); });
    }

    [[nodiscard]] detail::Pool<Writer>::Lease lend_writer(int flags = SQLITE_OPEN_READWRITE) {
      return lend(writers_, [this, flags] {
        return std::make_unique<Writer>(file_, flags, pragmas(options_.synchronous), options_.busy_timeout);
      });
    }

   private:
    template <class Pool, class Make> [[nodiscard]] typename Pool::Lease lend(Pool& pool, Make make) {
      const auto timeout = options_.busy_timeout;
      auto connection = pool.lease(timeout, make);
      if (!connection) {
        throw Error(errc::storage_failure,
                    "cannot use the SQLite database '" + file_ + "': for " + std::to_string(timeout.count()) +
                        " ms other threads had every connection. If no other process keeps it locked, raise "
                        "SqliteOptions::busy_timeout.");
      }
      return connection;
    }

    SqliteOptions options_;
    std::string file_;
    // One, so that threads queue there and not by polling SQLite's lock. It is closed last, to tidy the file
    // up.
    detail::Pool<Writer> writers_{1, "storage::Sqlite"};
    detail::Pool<Reader> readers_{options_.max_readers, "storage::Sqlite"};
  };

  static const char* pragmas(Synchronous synchronous) noexcept {
    switch (synchronous) {
    case Synchronous::off: return "PRAGMA synchronous = OFF";
    case Synchronous::normal: return "PRAGMA synchronous = NORMAL";
    case Synchronous::full: break;
    }
    return "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON"; // macOS's fsync leaves data in the drive's
                                                               // cache
  }

  [[noreturn]] static void refuse(const std::string& path, const std::string& why) {
    throw Error(errc::storage_failure, "cannot open the SQLite database '" + path + "': " + why + '.');
  }

  /// The path of a file that is there, made if it was missing: SQLite itself makes none, since it would give
  /// a new one the mode that the umask leaves. Files beside it get its mode.
  static std::string new_or_existing(std::string path, const SqliteOptions& options) {
    if (path.empty() || path == ":memory:" || path.find('\0') != std::string::npos) {
      throw Error(errc::invalid_argument,
                  "storage::Sqlite needs the path of a file. For a storage that ends with "
                  "the process, use storage::Memory.");
    }
    if (path.starts_with("file:")) { // which many builds of SQLite take for a URI, also without being asked
      throw Error(errc::invalid_argument,
                  "storage::Sqlite takes no URI such as '" + path +
                      "': give the path of the file, or './file:...' for a file of that name.");
    }
#if defined(__unix__) || defined(__APPLE__)
    // Closing any descriptor of a file ends all locks that the process has on it, so no other Sqlite may have
    // opened it in between. For the same reason an existing file is looked at without being opened.
    const detail::sqlite::ProcessLock lock;
    const int descriptor =
        ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (descriptor >= 0) {
      ::close(descriptor);
      return path;
    }
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
      if (::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode))
        refuse(path, "it is a symbolic link to a file that is missing: create that file with mode 0600, or "
                     "give its own path");
      return path; // SQLite will say why
    }
    if (!S_ISREG(status.st_mode)) refuse(path, "it is no regular file: give another path");
    if ((status.st_mode & S_IWOTH) != 0 && !options.accept_writable_by_all)
      refuse(path, "every user of this machine may write it: chmod o-w, or set "
                   "SqliteOptions::accept_writable_by_all");
#else
    (void)options;
#endif
    return path;
  }

  static std::vector<FactorRecord> page(Run& run, std::string_view after_id, std::size_t limit,
                                        FactorRecord (*read)(const Run&)) {
    run.bind_text(1, after_id);
    run.bind_limit(2, limit);
    std::vector<FactorRecord> factors;
    while (run.step()) factors.push_back(read(run));
    return factors;
  }

  template <class Record>
  std::optional<Record> find(detail::sqlite::Statement Reader::*statement, std::string_view id,
                             Record (*read)(const Run&)) const {
    const auto reader = state_->lend_reader();
    Run run((*reader).*statement);
    run.bind_text(1, id);
    return run.step() ? std::optional(read(run)) : std::nullopt;
  }

  detail::OwnedAtHome<State> state_;
};

} // namespace mfa::storage
