#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <sqlite3.h>

#include <mfa/storage/record.hpp>
#include <mfa/storage/sqlite/columns.hpp>
#include <mfa/storage/sqlite/connection.hpp>
#include <mfa/storage/sqlite/schema.hpp>

namespace mfa::detail::sqlite {

/// A table and its columns, in the order in which rows are read (from 0) and written (as parameters from 1).
/// The first is the id and the second the version.
struct Table {
  std::string_view name;
  std::span<const std::string_view> columns;
  std::string_view indexed; // the column beside the id that has an index
};

inline constexpr Table factors{"mfa_factors", factor_columns, "user_id"};
inline constexpr Table challenges{"mfa_challenges", challenge_columns, "purge_at"};
inline constexpr Table counters{"mfa_counters", counter_columns, "purge_at"};

/// "name.id, name.version, ..."
inline std::string columns_of(const Table& table) {
  std::string sql;
  for (const auto column : table.columns) {
    sql.append(sql.empty() ? "" : ", ").append(table.name).append(".").append(column);
  }
  return sql;
}

inline std::string select_by_id(const Table& table) {
  return "SELECT " + columns_of(table) + " FROM " + std::string(table.name) + " WHERE id = ?1";
}

/// Parameters: the id after which the page begins, and how many at most.
inline std::string page_of_factors(const std::string& condition) {
  return "SELECT " + columns_of(factors) + " FROM mfa_factors WHERE " + condition +
         "id > ?1 ORDER BY id LIMIT ?2";
}

/// Writes no row if the id is there.
inline std::string insert_into(const Table& table) {
  std::string names;
  std::string values;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    names.append(i == 0 ? "" : ", ").append(table.columns[i]);
    values.append(i == 0 ? "?" : ", ?").append(std::to_string(i + 1));
  }
  return "INSERT INTO " + std::string(table.name) + " (" + names + ") VALUES (" + values +
         ") ON CONFLICT (id) DO NOTHING";
}

/// Writes no row if there is none of that id and version, the latter being the parameter after the columns'.
/// Without `reindex`, it writes none either if the indexed column would change.
inline std::string update_of(const Table& table, bool reindex) {
  std::string changes;
  std::string conditions = "id = ?1 AND version = ?" + std::to_string(table.columns.size() + 1);
  for (std::size_t i = 1; i < table.columns.size(); ++i) {
    const auto equation = std::string(table.columns[i]) + " = ?" + std::to_string(i + 1);
    if (!reindex && table.columns[i] == table.indexed) {
      conditions += " AND " + equation;
    } else {
      changes += (changes.empty() ? "" : ", ") + equation;
    }
  }
  return "UPDATE " + std::string(table.name) + " SET " + changes + " WHERE " + conditions;
}

inline std::string delete_from(const Table& table) {
  return "DELETE FROM " + std::string(table.name) + " WHERE id = ?1 AND version = ?2";
}

/// Parameters: the time, and how many at most.
inline std::string purge_from(const Table& table) {
  const std::string name(table.name);
  return "DELETE FROM " + name + " WHERE id IN (SELECT id FROM " + name +
         " WHERE purge_at <= ?1 ORDER BY purge_at LIMIT ?2)";
}

/// A connection for reading, with its statements.
struct Reader {
  Reader(const std::string& file, std::chrono::milliseconds busy_timeout)
      : connection(file, SQLITE_OPEN_READWRITE, busy_timeout) {
    connection.execute("read", "PRAGMA query_only = ON");
  }

  [[nodiscard]] bool is_usable() const noexcept { return connection.is_usable(); }

  Connection connection;
  Statement factor{connection, "read a factor from", select_by_id(factors)};
  Statement challenge{connection, "read a challenge from", select_by_id(challenges)};
  Statement counter{connection, "read a counter from", select_by_id(counters)};
  Statement challenge_with_factor{
      connection, "read a challenge from",
      "SELECT " + columns_of(challenges) + ", " + columns_of(factors) +
          " FROM mfa_challenges LEFT JOIN mfa_factors ON mfa_factors.id = mfa_challenges.factor_id"
          " WHERE mfa_challenges.id = ?1"};
  Statement all_factors{connection, "list factors from", page_of_factors("")};
  // The second condition is that of the index mfa_factors_by_user.
  Statement factors_of_user{connection, "list factors from",
                            page_of_factors("user_id = ?3 AND user_id <> '' AND ")};
};

/// The connection for writing, with its statements. Opening it makes the file one that this release can use.
class Writer {
 public:
  /// `flags` are those of sqlite3_open_v2, `pragmas` set what a connection forgets.
  Writer(const std::string& file, int flags, const char* pragmas, std::chrono::milliseconds busy_timeout)
      : connection_(file, flags, pragmas, busy_timeout) {}

  [[nodiscard]] const std::string& file() const noexcept { return connection_.file(); }
  [[nodiscard]] bool is_usable() const noexcept { return connection_.is_usable(); }
  [[nodiscard]] Transaction begin() {
    connection_.check_in_place();
    return Transaction(transaction_);
  }

  // Each answers whether the record had the version that was named. To be called within a transaction.

  [[nodiscard]] bool write(const storage::FactorRecord& factor) { return write(factors_, factor); }
  [[nodiscard]] bool write(const storage::ChallengeRecord& challenge) {
    return write(challenges_, challenge);
  }
  [[nodiscard]] bool write(const storage::CounterRecord& counter) { return write(counters_, counter); }

  [[nodiscard]] bool remove(const storage::Removal& removal) {
    switch (removal.kind) {
    case storage::RecordKind::factor: return remove(factors_, removal);
    case storage::RecordKind::challenge: return remove(challenges_, removal);
    case storage::RecordKind::counter: return remove(counters_, removal);
    }
    return false;
  }

  /// How many challenges and counters it removed. To be called within a transaction.
  std::size_t purge(Time now, std::size_t limit) {
    const auto purged = purge(purge_challenges_, now, limit);
    return purged + purge(purge_counters_, now, limit - purged);
  }

 private:
  struct PreparedConnection : Connection {
    PreparedConnection(const std::string& file, int flags, const char* pragmas,
                       std::chrono::milliseconds busy_timeout)
        : Connection(file, flags, busy_timeout) {
      prepare_file(*this);
      execute("open", pragmas);
    }
  };

  /// What writes the rows of one table.
  struct Statements {
    Statements(Connection& connection, const Table& table)
        : insert(connection, "write to", insert_into(table)),
          update(connection, "write to", update_of(table, false)),
          update_and_reindex(connection, "write to", update_of(table, true)),
          remove(connection, "write to", delete_from(table)) {}

    Statement insert;
    Statement update; // a statement that sets an indexed column makes SQLite write the index, changed or not
    Statement update_and_reindex;
    Statement remove;
  };

  template <class Record> static bool write(Statements& table, const Record& record) {
    if (record.version == 0) return run(table.insert, record);
    return run(table.update, record) || run(table.update_and_reindex, record);
  }

  template <class Record> static bool run(Statement& statement, const Record& record) {
    Run run(statement);
    run.bind_text(1, record.id);
    run.bind(2, record.version + 1);
    const int last = bind_columns(run, record);
    if (record.version != 0) run.bind(last + 1, record.version);
    return run.write() == 1;
  }

  static bool remove(Statements& table, const storage::Removal& removal) {
    Run run(table.remove);
    run.bind_text(1, removal.id);
    run.bind(2, removal.version);
    return run.write() == 1;
  }

  static std::size_t purge(Statement& statement, Time now, std::size_t limit) {
    Run run(statement);
    run.bind(1, now);
    run.bind_limit(2, limit);
    return static_cast<std::size_t>(run.write());
  }

  PreparedConnection connection_;
  Transaction::Statements transaction_{connection_};
  Statements factors_{connection_, factors};
  Statements challenges_{connection_, challenges};
  Statements counters_{connection_, counters};
  Statement purge_challenges_{connection_, "purge", purge_from(challenges)};
  Statement purge_counters_{connection_, "purge", purge_from(counters)};
};

} // namespace mfa::detail::sqlite
