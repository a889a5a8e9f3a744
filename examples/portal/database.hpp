#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include <sqlite3.h>

namespace portal {

/// What the portal itself keeps, in SQLite: its users and their trail of events. Used under a lock of its
/// owner.
class Database {
 public:
  /// An empty path is a database in memory.
  explicit Database(const std::string& path) {
    sqlite3* opened = nullptr;
    const int result = sqlite3_open(path.empty() ? ":memory:" : path.c_str(), &opened);
    connection_.reset(opened);
    if (result != SQLITE_OK) fail("open the database");
    sqlite3_busy_timeout(opened, 5000);
  }

  void execute(const char* sql) {
    if (sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
      fail("change the database");
  }

  /// One run of a statement: `step` goes to the next row, if there is one.
  class Run {
   public:
    Run(Database& database, const char* sql) : database_(&database) {
      sqlite3_stmt* prepared = nullptr;
      if (sqlite3_prepare_v2(database.connection_.get(), sql, -1, &prepared, nullptr) != SQLITE_OK)
        database.fail("read the database");
      statement_.reset(prepared);
    }

    Run& bind(std::string_view text) {
      sqlite3_bind_text(statement_.get(), ++bound_, text.data(), static_cast<int>(text.size()),
                        SQLITE_TRANSIENT);
      return *this;
    }
    Run& bind(std::int64_t number) {
      sqlite3_bind_int64(statement_.get(), ++bound_, number);
      return *this;
    }

    bool step() {
      const int result = sqlite3_step(statement_.get());
      if (result != SQLITE_ROW && result != SQLITE_DONE) database_->fail("use the database");
      return result == SQLITE_ROW;
    }

    [[nodiscard]] std::string text(int column) const {
      const auto* const bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
      return bytes == nullptr
                 ? std::string()
                 : std::string(bytes,
                               static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column)));
    }
    [[nodiscard]] std::int64_t number(int column) const {
      return sqlite3_column_int64(statement_.get(), column);
    }

   private:
    struct Finalize {
      void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
    };
    Database* database_;
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    int bound_ = 0;
  };

  /// How many rows the last statement changed.
  [[nodiscard]] int changes() const noexcept { return sqlite3_changes(connection_.get()); }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw std::runtime_error(std::string("cannot ") + what + ": " + sqlite3_errmsg(connection_.get()));
  }

  struct Close {
    void operator()(sqlite3* connection) const noexcept { sqlite3_close(connection); }
  };
  std::unique_ptr<sqlite3, Close> connection_;
};

} // namespace portal
