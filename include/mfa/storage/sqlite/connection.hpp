#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <sqlite3.h>

#include <mfa/error.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/storage/sqlite/open_file.hpp>

namespace mfa::detail::sqlite {

/// One lock for the whole process: SQLite's first mutex for applications. A static of ours would be one for
/// each shared library that hides its symbols.
class ProcessLock {
 public:
  ProcessLock() : mutex_(sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_APP1)) { sqlite3_mutex_enter(mutex_); }
  ~ProcessLock() { sqlite3_mutex_leave(mutex_); }
  ProcessLock(const ProcessLock&) = delete;
  ProcessLock& operator=(const ProcessLock&) = delete;

 private:
  sqlite3_mutex* mutex_; ///< null if SQLite was built without threads
};

static_assert(SQLITE_VERSION_NUMBER >= 3037000, "mfa needs SQLite 3.37 or later, for STRICT tables");

/// What the operator of the host can do about a result of SQLite.
inline std::string remedy(int result, std::chrono::milliseconds busy_timeout) {
  switch (result & 0xff) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return "Another connection kept it locked for " + std::to_string(busy_timeout.count()) +
           " ms: end that connection's transaction, or raise SqliteOptions::busy_timeout.";
  case SQLITE_CANTOPEN:
  case SQLITE_PERM:
  case SQLITE_AUTH:
  case SQLITE_READONLY:
    return "Give this process write permission for the file and for its directory, which must exist.";
  case SQLITE_FULL:
  case SQLITE_IOERR: return "Check that disk: its free space, its quota and its health.";
  case SQLITE_NOTADB: return "The file is not a SQLite database: give another path.";
  case SQLITE_CORRUPT: return "The file is damaged: restore it from a backup.";
  case SQLITE_ERROR:
    return "Its tables named mfa_* are not as this library makes them: give the path of another file.";
  default: return "https://sqlite.org/rescode.html tells what the result means.";
  }
}

/// One connection, for one thread at a time. Not movable, since SQLite holds its address.
class Connection {
 public:
  /// `flags` are those of sqlite3_open_v2. Creates the file, if they say so, but does not read it yet.
  Connection(std::string file, int flags, std::chrono::milliseconds busy_timeout)
      : file_(std::move(file)), busy_timeout_(busy_timeout) {
    if (sqlite3_threadsafe() == 0) {
      throw Error(errc::storage_failure, "SQLite was built for one thread only: link one built for several.");
    }
    OpenFile::check(file_);
    sqlite3* handle = nullptr;
    // With a cache of its own, though the host may have SQLite share caches: with the shared one a reader is
    // refused while another connection writes, and no busy handler is asked.
    const int result = sqlite3_open_v2(file_.c_str(), &handle,
                                       flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, nullptr);
    handle_.reset(handle);
    if (result != SQLITE_OK) fail(result, "open");
    open_file_.note(file_);
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_handler(handle, &Connection::wait, this);
    if (const char* absolute = sqlite3_db_filename(handle, "main"); absolute && *absolute) file_ = absolute;
  }

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] sqlite3* handle() const noexcept { return handle_.get(); }

  /// False once it has seen a file that it may keep parts of, though they are mended by now.
  [[nodiscard]] bool is_usable() const noexcept { return usable_; }

  /// The absolute path.
  [[nodiscard]] const std::string& file() const noexcept { return file_; }
  [[nodiscard]] std::chrono::milliseconds busy_timeout() const noexcept { return busy_timeout_; }

  /// Runs statements that have no parameters and whose rows do not matter.
  void execute(std::string_view purpose, const char* sql) {
    if (const int result = sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr); result != SQLITE_OK) {
      fail(result, purpose);
    }
  }

  /// Throws if the path leads to another file by now, or to none: what were written here would be lost, and
  /// other processes would not see it.
  void check_in_place() const {
    int moved = 0;
    if (sqlite3_file_control(handle(), "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0) {
      throw Error(errc::storage_failure, "cannot write to the SQLite database '" + file_ +
                                             "': it was moved, deleted or replaced while it was open. Put it "
                                             "back. To replace it, first stop every "
                                             "process that uses it, and remove its -wal and -shm files.");
    }
  }

  /// Throws that the `purpose` was not reached. SQLite's own words name tables and columns, never values.
  [[noreturn]] void fail(int result, std::string_view purpose) {
    const int kind = result & 0xff;
    if (kind == SQLITE_NOMEM) throw std::bad_alloc();
    usable_ = usable_ && kind != SQLITE_CORRUPT && kind != SQLITE_NOTADB && kind != SQLITE_IOERR;
    const bool is_latest = handle() && sqlite3_errcode(handle()) == result;
    throw Error(kind == SQLITE_ERROR ? errc::storage_schema : errc::storage_failure,
                "cannot " + std::string(purpose) + " the SQLite database '" + file_ +
                    "': " + (is_latest ? sqlite3_errmsg(handle()) : sqlite3_errstr(result)) + " (result " +
                    std::to_string(result) + "). " + remedy(result, busy_timeout_));
  }

 private:
  /// Called by SQLite for as long as somebody else holds a lock. Its own handler sleeps up to 100 ms at a
  /// time, where our transactions last microseconds.
  static int wait(void* self, int tries) noexcept {
    using namespace std::chrono_literals;
    auto& connection = *static_cast<Connection*>(self);
    const auto now = std::chrono::steady_clock::now();
    if (tries == 0) connection.deadline_ = now + connection.busy_timeout_;
    if (now >= connection.deadline_) return 0;
    const std::chrono::nanoseconds pause = 50us * (1 << std::min(tries, 6));
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(pause, connection.deadline_ - now));
    return 1;
  }

  struct Close {
    void operator()(sqlite3* handle) const noexcept { sqlite3_close(handle); }
  };

  std::string file_;
  std::chrono::milliseconds busy_timeout_;
  std::chrono::steady_clock::time_point deadline_;
  bool usable_ = true;
  OpenFile open_file_; // ends after the handle
  std::unique_ptr<sqlite3, Close> handle_;
};

/// A statement prepared once for a connection, which must outlive it.
class Statement {
 public:
  /// `purpose` is for error messages, as in "cannot <purpose> the SQLite database".
  Statement(Connection& connection, const char* purpose, const std::string& sql)
      : connection_(&connection), purpose_(purpose) {
    sqlite3_stmt* handle = nullptr;
    const int result = sqlite3_prepare_v3(connection.handle(), sql.c_str(), static_cast<int>(sql.size() + 1),
                                          SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
    if (result != SQLITE_OK) connection.fail(result, purpose);
    handle_.reset(handle);
  }

  [[nodiscard]] sqlite3_stmt* handle() const noexcept { return handle_.get(); }
  [[nodiscard]] Connection& connection() const noexcept { return *connection_; }
  [[noreturn]] void fail(int result) const { connection_->fail(result, purpose_); }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* handle) const noexcept { sqlite3_finalize(handle); }
  };

  Connection* connection_;
  const char* purpose_;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

/// One run of a statement: bind, step, read; the statement is free again when this ends. What is bound must
/// live as long. Parameters count from 1 and columns from 0, as in SQLite.
class Run {
 public:
  explicit Run(Statement& statement) noexcept : statement_(statement) {}
  ~Run() {
    sqlite3_reset(statement_.handle());
    sqlite3_clear_bindings(statement_.handle());
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void bind(int parameter, std::int64_t value) {
    check(sqlite3_bind_int64(statement_.handle(), parameter, value));
  }

  void bind(int parameter, std::uint64_t value) { bind(parameter, static_cast<std::int64_t>(value)); }

  /// SQLite takes a negative number for no limit.
  void bind_limit(int parameter, std::size_t most) {
    bind(parameter, std::min<std::uint64_t>(most, std::numeric_limits<std::int64_t>::max()));
  }

  void bind(int parameter, Time value) {
    bind(parameter, static_cast<std::int64_t>(value.time_since_epoch().count()));
  }

  void bind(int parameter, std::optional<Time> value) {
    if (value) bind(parameter, *value);
  }

  /// Text that holds a NUL becomes a blob, since SQLite leaves the meaning of such text open. Equal bytes get
  /// equal values either way.
  void bind_text(int parameter, std::string_view value) {
    if (value.find('\0') != std::string_view::npos) return bind_blob(parameter, value);
    check(sqlite3_bind_text64(statement_.handle(), parameter, start(value), value.size(), nullptr,
                              SQLITE_UTF8));
  }

  void bind_blob(int parameter, std::string_view value) {
    check(sqlite3_bind_blob64(statement_.handle(), parameter, start(value), value.size(), nullptr));
  }

  /// Whether there is a (next) row.
  bool step() {
    const int result = sqlite3_step(statement_.handle());
    if (result == SQLITE_ROW) return true;
    if (result != SQLITE_DONE) statement_.fail(result);
    return false;
  }

  /// Runs to the end and returns how many rows it wrote.
  int write() {
    step();
    return sqlite3_changes(statement_.connection().handle());
  }

  [[nodiscard]] const char* column_name(int column) const noexcept {
    return sqlite3_column_name(statement_.handle(), column);
  }

  [[nodiscard]] std::string storage() const {
    return "the SQLite database '" + statement_.connection().file() + "'";
  }

  [[nodiscard]] bool is_null(int column) const noexcept {
    return sqlite3_column_type(statement_.handle(), column) == SQLITE_NULL;
  }

  [[nodiscard]] std::int64_t integer(int column) const noexcept {
    return sqlite3_column_int64(statement_.handle(), column);
  }

  /// Text or a blob as it is stored, which is UTF-8 for text in every file that we use.
  [[nodiscard]] std::string bytes(int column) const {
    const void* data = sqlite3_column_blob(statement_.handle(), column);
    const int size = sqlite3_column_bytes(statement_.handle(), column);
    if (data == nullptr) return {};
    return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
  }

  /// Text in UTF-8, whatever the encoding of the database.
  [[nodiscard]] std::string text(int column) const {
    const auto* characters = reinterpret_cast<const char*>(sqlite3_column_text(statement_.handle(), column));
    return characters ? characters : std::string();
  }

 private:
  void check(int result) const {
    if (result != SQLITE_OK) statement_.fail(result);
  }

  /// SQLite takes a null pointer for NULL, whatever the size.
  static const char* start(std::string_view value) noexcept { return value.data() ? value.data() : ""; }

  Statement& statement_;
};

/// The writer's transaction: takes the write lock at once, and is rolled back unless committed.
class Transaction {
 public:
  /// Prepared once, since each commit runs them.
  struct Statements {
    explicit Statements(Connection& connection)
        : begin(connection, "write to", "BEGIN IMMEDIATE"), commit(connection, "commit to", "COMMIT"),
          rollback(connection, "roll back", "ROLLBACK") {}

    Statement begin;
    Statement commit;
    Statement rollback;
  };

  explicit Transaction(Statements& statements) : statements_(statements) { Run(statements.begin).step(); }

  ~Transaction() {
    if (sqlite3_get_autocommit(statements_.begin.connection().handle()) != 0) return;
    sqlite3_step(statements_.rollback.handle());
    sqlite3_reset(statements_.rollback.handle());
  }

  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit() { Run(statements_.commit).step(); }

 private:
  Statements& statements_;
};

} // namespace mfa::detail::sqlite
