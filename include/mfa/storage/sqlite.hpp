#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
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

#include <mfa/detail/sqlite_connection.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/record.hpp>
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
  /// How long to wait for a lock that another connection or thread holds, before `errc::storage_failure`. A
  /// commit waits for both, at most this long for each.
  std::chrono::milliseconds busy_timeout{5000};
  Synchronous synchronous = Synchronous::full;
  /// Connections for reading; further threads wait for one of them.
  std::size_t max_readers = 16;
};

/// Factors and challenges in one SQLite file (3.37 or later) on a local disk, for any number of threads and
/// processes.
///
/// The file is created when it is missing, readable by its owner alone; an existing one keeps its mode. The
/// tables are named mfa_* and may share a database with the host's own; opening creates or migrates them, and
/// turns the write-ahead log on (files `-wal` and `-shm` beside it). In the database, text is readable, as
/// `SELECT * FROM mfa_factors WHERE user_id = 'u_42'`.
///
/// Do not use one across `fork`: open it in the child. Moved from, it can only be assigned to or destroyed.
///
/// Functions throw `Error`: `errc::storage_failure` if the file cannot be read or written or stays locked,
/// `errc::storage_schema` if its tables are not ours or of a later release, `errc::corrupt_record` for
/// contents that this library did not write. It is usable again as soon as the cause is gone. If `commit` or
/// `purge` throws, the writes may have happened or not, but all or none.
class Sqlite {
 public:
  /// `path` is UTF-8 and names a file, not ":memory:".
  explicit Sqlite(std::string path, SqliteOptions options = {})
      : state_(std::make_unique<State>(new_or_existing(std::move(path)), options)) {}

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
    const Lease reader(*state_);
    detail::sqlite::Run run((*reader).factors_of_user);
    run.bind_text(1, user_id);
    std::vector<FactorRecord> factors;
    while (run.step()) factors.push_back(detail::sqlite::read_factor(run));
    return factors;
  }

  [[nodiscard]] bool commit(const Batch& batch) {
    const auto lock = lock_writer();
    auto& writer = state_->writer;
    auto transaction = writer.begin();
    const auto write = [&](const auto& record) { return writer.write(record); };
    const auto remove = [&](const Removal& removal) { return writer.remove(removal); };
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
    const auto lock = lock_writer();
    auto transaction = state_->writer.begin();
    const auto purged = state_->writer.purge(now, limit);
    transaction.commit();
    return purged;
  }

 private:
  using Reader = detail::sqlite::Reader;

  struct State {
    State(const std::string& path, const SqliteOptions& given)
        : options(given), writer(path, given.busy_timeout) {
      // fullfsync is for macOS, where fsync leaves data in the drive's cache.
      const char* const sql = given.synchronous == Synchronous::off      ? "PRAGMA synchronous = OFF"
                              : given.synchronous == Synchronous::normal ? "PRAGMA synchronous = NORMAL"
                                                                         : "PRAGMA synchronous = FULL;"
                                                                           "PRAGMA fullfsync = ON";
      writer.connection().execute("open", sql);
    }

    const SqliteOptions options;
    const std::size_t most_readers = std::max<std::size_t>(options.max_readers, 1);
    std::timed_mutex writer_mutex; // threads queue here, and not by polling SQLite's lock
    detail::sqlite::Writer writer;
    std::mutex readers_mutex;
    std::condition_variable reader_returned;
    std::size_t readers = 0; // idle or leased
    std::vector<std::unique_ptr<Reader>> idle_readers;
  };

  /// A reader for one thread, returned when this ends.
  class Lease {
   public:
    explicit Lease(State& state) : state_(state) {
      {
        std::unique_lock lock(state.readers_mutex);
        state.reader_returned.wait(
            lock, [&] { return !state.idle_readers.empty() || state.readers < state.most_readers; });
        if (!state.idle_readers.empty()) {
          reader_ = std::move(state.idle_readers.back());
          state.idle_readers.pop_back();
          return;
        }
        state.idle_readers.reserve(state.readers + 1);
        ++state.readers;
      }
      try {
        reader_ = std::make_unique<Reader>(state.writer.connection().file(), state.options.busy_timeout);
      } catch (...) {
        give_back();
        throw;
      }
    }

    ~Lease() { give_back(); }

    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    Reader& operator*() const noexcept { return *reader_; }

   private:
    void give_back() noexcept {
      {
        const std::lock_guard lock(state_.readers_mutex);
        if (reader_) {
          state_.idle_readers.push_back(std::move(reader_)); // within its reserve
        } else {
          --state_.readers;
        }
      }
      state_.reader_returned.notify_one();
    }

    State& state_;
    std::unique_ptr<Reader> reader_;
  };

  static std::string new_or_existing(std::string path) {
    if (path.empty() || path == ":memory:" || path.find('\0') != std::string::npos) {
      throw Error(errc::invalid_argument,
                  "storage::Sqlite needs the path of a file. For a storage that ends with "
                  "the process, use storage::Memory.");
    }
#if defined(__unix__) || defined(__APPLE__)
    // Closing any descriptor of a file ends all locks that the process has on it, so no other Sqlite may have
    // opened it in between.
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (descriptor >= 0) ::close(descriptor);
#endif
    return path;
  }

  std::unique_lock<std::timed_mutex> lock_writer() const {
    std::unique_lock lock(state_->writer_mutex, state_->options.busy_timeout);
    if (!lock) state_->writer.connection().fail_elsewhere(SQLITE_BUSY, "write to");
    return lock;
  }

  template <class Record>
  std::optional<Record> find(detail::sqlite::Statement Reader::*statement, std::string_view id,
                             Record (*read)(const detail::sqlite::Run&)) const {
    const Lease reader(*state_);
    detail::sqlite::Run run((*reader).*statement);
    run.bind_text(1, id);
    return run.step() ? std::optional(read(run)) : std::nullopt;
  }

  std::unique_ptr<State> state_;
};

} // namespace mfa::storage
