#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlite3.h>

#include <mfa/storage/sqlite.hpp>

#include "catch.hpp"
#include "flipped_bits.hpp"
#include "sqlite_file.hpp"

namespace mfa::test::flips {

/// A SQLite file with its rows in hand: the columns as they lie there, whose numbers have 64 bits all.
class SqliteStore {
  SqliteFile file_;

 public:
  static constexpr bool slow = true;

  storage::Sqlite storage{file_.path, quick};

  void take(const std::vector<std::string>& ids) {
    for (const auto& [table, kind] : tables) {
      Statement all(handle(), "SELECT * FROM " + std::string(table));
      while (all.step()) {
        Row row{std::string(table), std::string(kind), {}};
        for (int column = 0; column < sqlite3_column_count(all.get()); ++column)
          row.values.push_back({sqlite3_column_name(all.get(), column), all.value(column)});
        if (std::find(ids.begin(), ids.end(), row.values.front().second.text) != ids.end())
          rows_.push_back(std::move(row));
      }
    }
    REQUIRE(rows_.size() == ids.size());
    for (const auto& [table, kind] : tables) { // what no verb is asked about would only be in the way
      std::string kept;
      for (const Row& row : rows_)
        if (row.table == table) kept += (kept.empty() ? "'" : ", '") + row.values.front().second.text + '\'';
      execute("DELETE FROM " + std::string(table) + " WHERE id NOT IN (" + kept + ')');
    }
    version_ = data_version();
  }

  [[nodiscard]] std::vector<Cell> cells() const {
    std::vector<Cell> found;
    for (const Row& row : rows_)
      for (const auto& [column, value] : row.values)
        found.push_back({row.kind, row.values.front().second.text, column,
                         value.type == SQLITE_NULL      ? 0
                         : value.type == SQLITE_INTEGER ? sizeof value.number
                                                        : value.text.size()});
    return found;
  }

  void flip(const Cell& cell, std::size_t bit) {
    rewrite();
    damaged_ = {};
    for (const Row& row : rows_) {
      if (row.kind != cell.kind || row.values.front().second.text != cell.id) continue;
      damaged_ = row;
      for (auto& [column, value] : damaged_.values) {
        if (column != cell.field) continue;
        if (value.type == SQLITE_INTEGER)
          value.number ^= static_cast<std::int64_t>(std::uint64_t{1} << bit);
        else
          value.text[bit / 8] = static_cast<char>(value.text[bit / 8] ^ static_cast<char>(1U << bit % 8));
      }
      sound_ = row;
    }
    restore();
  }

  void restore() {
    execute("BEGIN IMMEDIATE");
    if (is_written()) write_all();
    if (!damaged_.table.empty()) {
      remove(sound_);
      insert(damaged_);
      is_damaged_ = true;
    }
    execute("COMMIT");
    version_ = data_version();
  }

 private:
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> tables{
      {{"mfa_factors", "factor"}, {"mfa_challenges", "challenge"}, {"mfa_counters", "counter"}}};

  /// Not Catch2's, which would take most of the time.
  static void require(bool done, const std::string& sql) {
    if (!done) throw std::runtime_error("SQLite failed at: " + sql);
  }

  struct Value {
    int type = SQLITE_NULL;
    std::int64_t number = 0;
    std::string text;
  };
  struct Row {
    std::string table;
    std::string kind;
    std::vector<std::pair<std::string, Value>> values;
  };

  class Statement {
   public:
    Statement(sqlite3* handle, const std::string& sql) {
      require(sqlite3_prepare_v2(handle, sql.c_str(), -1, &statement_, nullptr) == SQLITE_OK, sql);
    }
    ~Statement() { sqlite3_finalize(statement_); }
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    [[nodiscard]] sqlite3_stmt* get() const { return statement_; }
    bool step() {
      const int result = sqlite3_step(statement_);
      require(result == SQLITE_ROW || result == SQLITE_DONE, sqlite3_sql(statement_));
      return result == SQLITE_ROW;
    }
    [[nodiscard]] Value value(int column) const {
      Value value;
      value.type = sqlite3_column_type(statement_, column);
      if (value.type == SQLITE_INTEGER) value.number = sqlite3_column_int64(statement_, column);
      if (value.type == SQLITE_TEXT || value.type == SQLITE_BLOB) {
        const auto* const data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
        const int size = sqlite3_column_bytes(statement_, column);
        if (size > 0) value.text.assign(data, static_cast<std::size_t>(size));
      }
      return value;
    }
    void bind(int parameter, const Value& value) {
      int result = SQLITE_OK;
      const auto size = static_cast<int>(value.text.size());
      if (value.type == SQLITE_INTEGER) result = sqlite3_bind_int64(statement_, parameter, value.number);
      if (value.type == SQLITE_TEXT)
        result = sqlite3_bind_text(statement_, parameter, value.text.data(), size, nullptr);
      if (value.type == SQLITE_BLOB)
        result = sqlite3_bind_blob(statement_, parameter, value.text.data(), size, nullptr);
      require(result == SQLITE_OK, sqlite3_sql(statement_));
    }

   private:
    sqlite3_stmt* statement_ = nullptr;
  };

  [[nodiscard]] sqlite3* handle() {
    if (handle_ == nullptr) {
      sqlite3* opened = nullptr;
      REQUIRE(sqlite3_open(file_.path.c_str(), &opened) == SQLITE_OK);
      handle_.reset(opened);
      sqlite3_busy_timeout(opened, 5000);
      execute("PRAGMA synchronous = OFF");
    }
    return handle_.get();
  }

  void execute(const std::string& sql) {
    require(sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK, sql);
  }

  /// Changes with each commit of another connection.
  [[nodiscard]] std::int64_t data_version() {
    Statement asked(handle(), "PRAGMA data_version");
    require(asked.step(), "PRAGMA data_version");
    return asked.value(0).number;
  }
  [[nodiscard]] bool is_written() { return data_version() != version_; }

  void remove(const Row& row) {
    Statement removal(handle(), "DELETE FROM " + row.table + " WHERE id = ?1");
    removal.bind(1, row.values.front().second);
    removal.step();
  }

  void insert(const Row& row) {
    std::string parameters;
    for (std::size_t i = 1; i <= row.values.size(); ++i)
      parameters += (i == 1 ? "?" : ", ?") + std::to_string(i);
    Statement insertion(handle(), "INSERT OR REPLACE INTO " + row.table + " VALUES (" + parameters + ')');
    for (std::size_t i = 0; i < row.values.size(); ++i)
      insertion.bind(static_cast<int>(i + 1), row.values[i].second);
    insertion.step();
  }

  void write_all() {
    for (const auto& [table, kind] : tables) execute("DELETE FROM " + std::string(table));
    for (const Row& row : rows_) insert(row);
  }

  /// The sound rows, before another bit is flipped.
  void rewrite() {
    execute("BEGIN IMMEDIATE");
    if (is_written()) {
      write_all();
    } else if (is_damaged_) {
      remove(damaged_);
      insert(sound_);
    }
    execute("COMMIT");
    is_damaged_ = false;
    version_ = data_version();
  }

  struct Close {
    void operator()(sqlite3* opened) const noexcept { sqlite3_close(opened); }
  };

  std::unique_ptr<sqlite3, Close> handle_;
  std::vector<Row> rows_;
  Row damaged_;
  Row sound_;
  bool is_damaged_ = false;
  std::int64_t version_ = 0;
};

} // namespace mfa::test::flips
