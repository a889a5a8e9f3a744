#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mfa/types.hpp>

/// Events that are posted to URLs: docs/server.md says what is promised.
namespace webhooks {

/// What is to be posted once more, or for the first time.
struct Delivery {
  std::int64_t sequence = 0; ///< by which deliveries are in order
  std::string chain;         ///< those of one chain go out one after the other
  std::string body;
  int attempts = 0; ///< before this one
};

struct OutboxOptions {
  std::chrono::seconds give_up_after = std::chrono::hours(72);
  std::chrono::seconds keep_dead = std::chrono::hours(30 * 24);
  std::size_t most_pending = 100'000; ///< of one endpoint; events beyond are dropped, and counted
};

struct OutboxCounts {
  std::size_t pending = 0;
  std::size_t dead = 0;
  std::optional<mfa::Time> oldest = {}; ///< when the oldest pending one happened
};

/// Events for each endpoint that wait to be posted, in a SQLite file of this process alone. What `add` took
/// is there after a SIGKILL and a loss of power. Of each chain only the first is due; the next is when that
/// has been delivered or given up. Usable from many threads. Throws `std::runtime_error` for what SQLite
/// says.
class Outbox {
 public:
  /// The file is made with mode 0600. Throws if another process has it open.
  Outbox(const std::string& file, std::vector<std::string> endpoints, OutboxOptions options = OutboxOptions())
      : endpoints_(std::move(endpoints)), options_(options), lock_(file), adder_(file, "FULL"),
        keeper_(file, "NORMAL"), counter_(file, "NORMAL") {
    for (const std::string& endpoint : endpoints_) pending_.push_back(counts(endpoint).pending);
  }

  [[nodiscard]] const std::vector<std::string>& endpoints() const noexcept { return endpoints_; }

  /// Keeps an event for every endpoint, and returns when it is on the disk; false if it is in memory alone,
  /// since the disk does not take it, and `save` is to be tried again; until that succeeds, nobody else
  /// tries. Threads that come together share one flush of the disk.
  bool add(std::string chain, std::string body, mfa::Time now) {
    std::unique_lock lock(adding_);
    if (refusing_ && unsaved_.size() >= most_unsaved) {
      ++dropped_;
      return false;
    }
    unsaved_.push_back({std::move(chain), std::move(body), now});
    const std::uint64_t mine = ++added_;
    while (saved_ < mine && !refusing_) {
      if (saving_)
        saved_some_.wait(lock);
      else
        save(lock);
    }
    return saved_ >= mine;
  }

  /// Tries again to keep what `add` could not.
  void save() {
    std::unique_lock lock(adding_);
    if (!saving_ && !unsaved_.empty()) save(lock);
  }

  /// What is due first and that no other thread has taken; to be given to `delivered`, `failed` or `bury`.
  [[nodiscard]] std::optional<Delivery> take(const std::string& endpoint, mfa::Time now) {
    const std::lock_guard lock(keeping_);
    Query due(keeper_, "SELECT sequence, chain, body, attempts FROM deliveries WHERE endpoint = ?1 AND"
                       " due_at <= ?2 AND dead_at IS NULL ORDER BY due_at, sequence LIMIT ?3");
    due.bind(1, endpoint).bind(2, now).bind(3, static_cast<std::int64_t>(taken_.size() + 1));
    while (due.step()) {
      Delivery delivery{due.number(0), due.text(1), due.text(2), static_cast<int>(due.number(3))};
      if (taken_.insert(delivery.sequence).second) return delivery;
    }
    return std::nullopt;
  }

  /// When the next will be due, if it is later than `now`.
  [[nodiscard]] std::optional<mfa::Time> next_due(const std::string& endpoint, mfa::Time now) {
    const std::lock_guard lock(keeping_);
    Query next(keeper_,
               "SELECT min(due_at) FROM deliveries WHERE endpoint = ?1 AND due_at > ?2 AND dead_at IS"
               " NULL");
    next.bind(1, endpoint).bind(2, now);
    if (!next.step() || next.is_null(0)) return std::nullopt;
    return time_of(next.number(0));
  }

  /// A flush of the disk is not waited for: after a loss of power it may be posted once more.
  void delivered(const std::string& endpoint, const Delivery& delivery, mfa::Time now) {
    end(endpoint, delivery, now, "DELETE FROM deliveries WHERE sequence = ?1");
  }

  /// To be tried again then, or given up if that is too late. True if it was given up.
  bool failed(const std::string& endpoint, const Delivery& delivery, mfa::Time now, mfa::Time next) {
    {
      const std::lock_guard lock(keeping_);
      taken_.erase(delivery.sequence);
      Query again(keeper_,
                  "UPDATE deliveries SET attempts = attempts + 1, due_at = ?2 WHERE sequence = ?1 AND"
                  " give_up_at > ?2");
      again.bind(1, delivery.sequence).bind(2, next);
      if (again.write() == 1) return false;
    }
    end(endpoint, delivery, now,
        "UPDATE deliveries SET attempts = attempts + 1, due_at = NULL, dead_at = ?2 WHERE sequence = ?1");
    return true;
  }

  /// What waits for its next attempt is due now, a few hundred of them. How many.
  std::size_t hurry(const std::string& endpoint, mfa::Time now) {
    const std::lock_guard lock(keeping_);
    Query hurried(keeper_,
                  "UPDATE deliveries SET due_at = ?2 WHERE sequence IN (SELECT sequence FROM deliveries"
                  " WHERE endpoint = ?1 AND due_at > ?2 AND dead_at IS NULL LIMIT 500)");
    return static_cast<std::size_t>(hurried.bind(1, endpoint).bind(2, now).write());
  }

  /// Removes dead letters that are old, and gives up what nobody tries any more: of endpoints that are no
  /// longer in the settings.
  void tidy(mfa::Time now) {
    const std::lock_guard lock(keeping_);
    Query(keeper_, "DELETE FROM deliveries WHERE dead_at <= ?1").bind(1, now - options_.keep_dead).write();
    std::string known;
    for (const std::string& endpoint : endpoints_)
      known += (known.empty() ? "'" : ", '") + quoted(endpoint) + "'";
    Query(keeper_,
          "UPDATE deliveries SET due_at = NULL, dead_at = ?1 WHERE give_up_at <= ?1 AND dead_at IS NULL"
          " AND endpoint NOT IN (" +
              known + ")")
        .bind(1, now)
        .write();
  }

  /// Gives up some hundreds of those that are to be given up by now and that nobody has taken. How many.
  std::size_t give_up_old(const std::string& endpoint, mfa::Time now) {
    const std::lock_guard lock(keeping_);
    Query old(keeper_, "SELECT sequence, chain FROM deliveries WHERE endpoint = ?1 AND dead_at IS NULL AND"
                       " happened_at <= ?2 AND give_up_at <= ?3 ORDER BY happened_at, sequence LIMIT 500");
    old.bind(1, endpoint).bind(2, now - options_.give_up_after).bind(3, now);
    std::vector<std::pair<std::int64_t, std::string>> given_up;
    while (old.step())
      if (!taken_.contains(old.number(0))) given_up.emplace_back(old.number(0), old.text(1));
    if (given_up.empty()) return 0;
    old.reset();
    Transaction transaction(keeper_);
    Query ended(keeper_, "UPDATE deliveries SET due_at = NULL, dead_at = ?2 WHERE sequence = ?1");
    Query next(keeper_, next_of_chain);
    for (const auto& [sequence, chain] : given_up) {
      ended.bind(1, sequence).bind(2, now).write();
      ended.reset();
      next.bind(1, endpoint).bind(2, chain).bind(3, now).write();
      next.reset();
    }
    transaction.commit();
    no_longer_pending(endpoint, given_up.size());
    return given_up.size();
  }

  /// What writes or takes deliveries does not wait for it.
  [[nodiscard]] OutboxCounts counts(const std::string& endpoint) {
    const std::lock_guard lock(reading_);
    Query counted(counter_, "SELECT count(*) FILTER (WHERE dead_at IS NULL), count(dead_at), min(happened_at)"
                            " FILTER (WHERE dead_at IS NULL) FROM deliveries WHERE endpoint = ?1");
    counted.bind(1, endpoint).step();
    OutboxCounts counts{static_cast<std::size_t>(counted.number(0)),
                        static_cast<std::size_t>(counted.number(1))};
    if (!counted.is_null(2)) counts.oldest = time_of(counted.number(2));
    return counts;
  }

  /// Events that were lost: an endpoint had too many pending, or the disk took none for too long.
  [[nodiscard]] std::uint64_t dropped() {
    const std::lock_guard lock(adding_);
    return dropped_;
  }

  /// Events that are in memory alone.
  [[nodiscard]] std::size_t unsaved() {
    const std::lock_guard lock(adding_);
    return unsaved_.size();
  }

 private:
  static constexpr std::size_t most_unsaved = 10'000;
  static constexpr const char* next_of_chain =
      "UPDATE deliveries SET due_at = ?3 WHERE due_at IS NULL AND sequence = (SELECT min(sequence) FROM"
      " deliveries WHERE endpoint = ?1 AND chain = ?2 AND dead_at IS NULL)";

  /// So that no second process posts the same.
  class FileLock {
   public:
    explicit FileLock(const std::string& file)
        : descriptor_(::open((file + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
      if (descriptor_ < 0 || ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
        if (descriptor_ >= 0) ::close(descriptor_);
        throw std::runtime_error("cannot lock the webhook outbox '" + file +
                                 "': another process has it, or its directory cannot be written; give each "
                                 "process an outbox of its own");
      }
      // SQLite gives -wal and -shm the mode of the file.
      const int made = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      if (made < 0) {
        ::close(descriptor_);
        throw std::runtime_error("cannot open the webhook outbox '" + file +
                                 "': let this process write it and its directory");
      }
      ::close(made);
    }
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;
    ~FileLock() { ::close(descriptor_); }

   private:
    int descriptor_;
  };

  class Database {
   public:
    Database(const std::string& file, const std::string& synchronous) {
      sqlite3* opened = nullptr;
      const int result =
          sqlite3_open_v2(file.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
      handle_.reset(opened);
      if (result != SQLITE_OK) fail();
      sqlite3_busy_timeout(opened, 5000);
      execute(
          "PRAGMA journal_mode = WAL; PRAGMA synchronous = " + synchronous +
          "; CREATE TABLE IF NOT EXISTS deliveries (sequence INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT"
          " NOT NULL, chain TEXT NOT NULL, body TEXT NOT NULL, happened_at INTEGER NOT NULL, give_up_at "
          "INTEGER"
          " NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, due_at INTEGER, dead_at INTEGER) STRICT;"
          "CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (endpoint, due_at) WHERE dead_at IS NULL "
          "AND"
          " due_at IS NOT NULL;"
          "CREATE INDEX IF NOT EXISTS deliveries_in_chains ON deliveries (endpoint, chain, sequence) WHERE "
          "dead_at"
          " IS NULL;"
          "CREATE INDEX IF NOT EXISTS deliveries_counted ON deliveries (endpoint, dead_at, happened_at);"
          "CREATE INDEX IF NOT EXISTS deliveries_dead ON deliveries (dead_at) WHERE dead_at IS NOT NULL");
    }

    void execute(const std::string& sql) const {
      if (sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail();
    }
    [[noreturn]] void fail() const {
      throw std::runtime_error(std::string("the webhook outbox: ") + sqlite3_errmsg(handle()));
    }
    [[nodiscard]] sqlite3* handle() const noexcept { return handle_.get(); }

   private:
    struct Close {
      void operator()(sqlite3* handle) const noexcept { sqlite3_close(handle); }
    };
    std::unique_ptr<sqlite3, Close> handle_;
  };

  /// One statement. What is bound must live as long.
  class Query {
   public:
    Query(const Database& database, const std::string& sql) : database_(database) {
      sqlite3_stmt* prepared = nullptr;
      if (sqlite3_prepare_v2(database.handle(), sql.c_str(), -1, &prepared, nullptr) != SQLITE_OK)
        database.fail();
      handle_.reset(prepared);
    }

    Query& bind(int parameter, std::int64_t value) {
      return bound(sqlite3_bind_int64(handle_.get(), parameter, value));
    }
    Query& bind(int parameter, mfa::Time value) {
      return bind(parameter, static_cast<std::int64_t>(value.time_since_epoch().count()));
    }
    Query& bind(int parameter, const std::string& value) {
      return bound(
          sqlite3_bind_text(handle_.get(), parameter, value.data(), static_cast<int>(value.size()), nullptr));
    }
    bool step() {
      const int result = sqlite3_step(handle_.get());
      if (result != SQLITE_ROW && result != SQLITE_DONE) database_.fail();
      return result == SQLITE_ROW;
    }
    /// How many rows it wrote.
    int write() {
      step();
      return sqlite3_changes(database_.handle());
    }
    void reset() { sqlite3_reset(handle_.get()); }
    [[nodiscard]] bool is_null(int column) const {
      return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
    }
    [[nodiscard]] std::int64_t number(int column) const {
      return sqlite3_column_int64(handle_.get(), column);
    }
    [[nodiscard]] std::string text(int column) const {
      const auto* const bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
      return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
    }

   private:
    Query& bound(int result) {
      if (result != SQLITE_OK) database_.fail();
      return *this;
    }
    struct Finalize {
      void operator()(sqlite3_stmt* handle) const noexcept { sqlite3_finalize(handle); }
    };
    const Database& database_;
    std::unique_ptr<sqlite3_stmt, Finalize> handle_;
  };

  /// Rolled back unless committed.
  class Transaction {
   public:
    explicit Transaction(const Database& database) : database_(database) {
      database.execute("BEGIN IMMEDIATE");
    }
    ~Transaction() {
      if (sqlite3_get_autocommit(database_.handle()) == 0)
        sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit() { database_.execute("COMMIT"); }

   private:
    const Database& database_;
  };

  struct Unsaved {
    std::string chain;
    std::string body;
    mfa::Time happened_at;
  };

  static mfa::Time time_of(std::int64_t milliseconds) {
    return mfa::Time(std::chrono::milliseconds(milliseconds));
  }

  static std::string quoted(const std::string& text) {
    std::string quoted;
    for (const char c : text) quoted.append(c == '\'' ? 2 : 1, c);
    return quoted;
  }

  /// Writes what waits in one transaction, without the lock; what could not be written waits on.
  void save(std::unique_lock<std::mutex>& lock) {
    std::vector<Unsaved> batch;
    batch.swap(unsaved_);
    const std::uint64_t last = added_;
    saving_ = true;
    lock.unlock();
    std::uint64_t dropped = 0;
    bool saved = true;
    try {
      dropped = write(batch);
    } catch (const std::exception&) {
      saved = false;
    }
    lock.lock();
    saving_ = false;
    dropped_ += dropped;
    refusing_ = !saved;
    if (saved) {
      saved_ = last;
    } else {
      batch.insert(batch.end(), std::make_move_iterator(unsaved_.begin()),
                   std::make_move_iterator(unsaved_.end()));
      unsaved_.swap(batch);
      if (unsaved_.size() > most_unsaved) {
        dropped_ += unsaved_.size() - most_unsaved;
        unsaved_.resize(most_unsaved);
      }
    }
    saved_some_.notify_all();
  }

  /// How many were dropped.
  std::uint64_t write(const std::vector<Unsaved>& batch) {
    std::vector<std::size_t> more(endpoints_.size());
    std::uint64_t dropped = 0;
    Transaction transaction(adder_);
    Query insert(adder_,
                 "INSERT INTO deliveries (endpoint, chain, body, happened_at, give_up_at, due_at) VALUES (?1,"
                 " ?2, ?3, ?4, ?5, CASE WHEN EXISTS (SELECT 1 FROM deliveries WHERE endpoint = ?1 AND chain ="
                 " ?2 AND dead_at IS NULL) THEN NULL ELSE ?4 END)");
    for (const Unsaved& event : batch)
      for (std::size_t i = 0; i < endpoints_.size(); ++i) {
        if (pending_of(i) + more[i] >= options_.most_pending) {
          ++dropped;
          continue;
        }
        insert.bind(1, endpoints_[i]).bind(2, event.chain).bind(3, event.body).bind(4, event.happened_at);
        insert.bind(5, event.happened_at + options_.give_up_after).write();
        insert.reset();
        ++more[i];
      }
    transaction.commit();
    const std::lock_guard lock(counting_);
    for (std::size_t i = 0; i < more.size(); ++i) pending_[i] += more[i];
    return dropped;
  }

  std::size_t pending_of(std::size_t endpoint) {
    const std::lock_guard lock(counting_);
    return pending_[endpoint];
  }

  /// Ends a delivery by `sql`, and has the next of its chain due.
  void end(const std::string& endpoint, const Delivery& delivery, mfa::Time now, const char* sql) {
    const std::lock_guard lock(keeping_);
    taken_.erase(delivery.sequence); // also if what follows throws: then it is due still
    Transaction transaction(keeper_);
    Query ended(keeper_, sql);
    ended.bind(1, delivery.sequence);
    if (std::string_view(sql).find("?2") != std::string_view::npos) ended.bind(2, now);
    const int rows = ended.write();
    Query next(keeper_, next_of_chain);
    next.bind(1, endpoint).bind(2, delivery.chain).bind(3, now).write();
    transaction.commit();
    no_longer_pending(endpoint, static_cast<std::size_t>(rows));
  }

  void no_longer_pending(const std::string& endpoint, std::size_t count) {
    const std::lock_guard lock(counting_);
    for (std::size_t i = 0; i < endpoints_.size(); ++i)
      if (endpoints_[i] == endpoint) pending_[i] -= std::min(pending_[i], count);
  }

  const std::vector<std::string> endpoints_;
  const OutboxOptions options_;
  const FileLock lock_;

  std::mutex adding_; ///< of what follows
  std::condition_variable saved_some_;
  std::vector<Unsaved> unsaved_;
  std::uint64_t added_ = 0;
  std::uint64_t saved_ = 0; ///< all up to this one are on the disk
  std::uint64_t dropped_ = 0;
  bool saving_ = false;
  bool refusing_ = false; ///< the disk took nothing when it was tried last
  Database adder_;        ///< of the thread that saves

  std::mutex keeping_; ///< of what follows
  Database keeper_;
  std::set<std::int64_t> taken_;

  std::mutex reading_;
  Database counter_; ///< of `counts`

  std::mutex counting_;
  std::vector<std::size_t> pending_;
};

} // namespace webhooks
