#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <mysql.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::test {

/// The least storage on the tables of docs/policies.md that keeps every promise: one connection, which its
/// threads take in turns.
class MariadbStorage {
 public:
  explicit MariadbStorage(const std::string& socket) : handle_(mysql_init(nullptr)) {
    if (mysql_real_connect(handle_.get(), nullptr, nullptr, nullptr, "mfa", 0, socket.c_str(), 0) == nullptr)
      fail();
    // What a later statement of a commit reads is what is committed by then.
    execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
  }

  /// For the test: any SQL.
  void execute(const std::string& sql) {
    if (mysql_real_query(handle_.get(), sql.data(), sql.size()) != 0) fail();
  }

  std::optional<storage::FactorRecord> find_factor(std::string_view id) {
    return first(factors(" WHERE id = " + bytes(id)));
  }

  std::vector<storage::FactorRecord> list_factors(std::string_view user_id) {
    if (user_id.empty()) return {};
    return factors(" WHERE user_id = " + bytes(user_id) + " ORDER BY id");
  }

  std::optional<storage::ChallengeRecord> find_challenge(std::string_view id) {
    std::vector<storage::ChallengeRecord> found;
    read("SELECT id, version, factor_id, state, created_at, updated_at, expires_at, purge_at, attempts_left, "
         "answer, "
         "binding FROM mfa_challenges WHERE id = " +
             bytes(id),
         [&](const Row& row) {
           found.push_back({row.text(0), row.number(1), row.text(2),
                            static_cast<ChallengeState>(row.number(3)), row.time(4), row.time(5),
                            row.optional_time(6), row.time(7), static_cast<std::uint32_t>(row.number(8)),
                            row.text(9), row.text(10)});
         });
    return first(std::move(found));
  }

  std::optional<storage::CounterRecord> find_counter(std::string_view id) {
    std::vector<storage::CounterRecord> found;
    read("SELECT id, version, data, purge_at FROM mfa_counters WHERE id = " + bytes(id), [&](const Row& row) {
      found.push_back({row.text(0), row.number(1), row.text(2), row.time(3)});
    });
    return first(std::move(found));
  }

  bool commit(const storage::Batch& batch) {
    const std::lock_guard lock(*mutex_);
    for (int tries = 0; tries < 100; ++tries) {
      execute("START TRANSACTION");
      Written written = write(batch);
      if (written == Written::all) {
        execute("COMMIT");
        return true;
      }
      execute("ROLLBACK");
      if (written == Written::conflict) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1)); // a deadlock: the other one has gone on
    }
    throw std::runtime_error("MariaDB found deadlocks 100 times in a row");
  }

 private:
  enum class Written { all, conflict, deadlock };

  struct Row {
    MYSQL_ROW values;
    const unsigned long* sizes;

    [[nodiscard]] std::string text(unsigned column) const {
      return values[column] == nullptr ? std::string() : std::string(values[column], sizes[column]);
    }
    [[nodiscard]] std::uint64_t number(unsigned column) const {
      return std::strtoull(values[column], nullptr, 10);
    }
    [[nodiscard]] Time time(unsigned column) const {
      return Time(std::chrono::milliseconds(static_cast<std::int64_t>(number(column))));
    }
    [[nodiscard]] std::optional<Time> optional_time(unsigned column) const {
      return values[column] == nullptr ? std::nullopt : std::optional(time(column));
    }
  };

  /// As a literal, whatever the bytes.
  static std::string bytes(std::string_view value) {
    return "X'" + detail::hexadecimal(crypto::bytes_of(value)) + "'";
  }
  static std::string number(std::uint64_t value) { return std::to_string(value); }
  static std::string time(Time value) { return std::to_string(value.time_since_epoch().count()); }
  static std::string time(std::optional<Time> value) { return value ? time(*value) : "NULL"; }

  template <class Record> static std::optional<Record> first(std::vector<Record> found) {
    return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
  }

  template <class Use> void read(const std::string& sql, Use use) {
    const std::lock_guard lock(*mutex_);
    execute(sql);
    const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> result(mysql_store_result(handle_.get()),
                                                                          &mysql_free_result);
    if (!result) fail();
    while (const MYSQL_ROW values = mysql_fetch_row(result.get()))
      use(Row{values, mysql_fetch_lengths(result.get())});
  }

  std::vector<storage::FactorRecord> factors(const std::string& where) {
    std::vector<storage::FactorRecord> found;
    read("SELECT id, version, type, state, user_id, friendly_name, created_at, updated_at, last_used_at, "
         "failures, "
         "last_failure_at, parameters, sealed FROM mfa_factors" +
             where,
         [&](const Row& row) {
           found.push_back({row.text(0), row.number(1), static_cast<FactorType>(row.number(2)),
                            static_cast<FactorState>(row.number(3)), row.text(4), row.text(5), row.time(6),
                            row.time(7), row.optional_time(8), static_cast<std::uint32_t>(row.number(9)),
                            row.optional_time(10), row.text(11), row.text(12)});
         });
    return found;
  }

  static std::string table(storage::RecordKind kind) {
    return kind == storage::RecordKind::factor      ? "mfa_factors"
           : kind == storage::RecordKind::challenge ? "mfa_challenges"
                                                    : "mfa_counters";
  }

  static std::string write_of(const std::string& table, const std::string& id, std::uint64_t version,
                              const std::string& assignments) {
    if (version == 0)
      return "INSERT INTO " + table + " SET id = " + bytes(id) + ", version = 1, " + assignments;
    return "UPDATE " + table + " SET version = version + 1, " + assignments + " WHERE id = " + bytes(id) +
           " AND version = " + number(version);
  }

  Written write(const storage::Batch& batch) {
    std::vector<std::string> statements;
    for (const auto& factor : batch.factors)
      statements.push_back(write_of(
          "mfa_factors", factor.id, factor.version,
          "type = " + number(static_cast<unsigned>(factor.type)) +
              ", state = " + number(static_cast<unsigned>(factor.state)) +
              ", user_id = " + (factor.user_id.empty() ? "NULL" : bytes(factor.user_id)) +
              ", friendly_name = " + bytes(factor.friendly_name) +
              ", created_at = " + time(factor.created_at) + ", updated_at = " + time(factor.updated_at) +
              ", last_used_at = " + time(factor.last_used_at) + ", failures = " + number(factor.failures) +
              ", last_failure_at = " + time(factor.last_failure_at) +
              ", parameters = " + bytes(factor.parameters) + ", sealed = " + bytes(factor.sealed)));
    for (const auto& challenge : batch.challenges)
      statements.push_back(write_of(
          "mfa_challenges", challenge.id, challenge.version,
          "factor_id = " + bytes(challenge.factor_id) +
              ", state = " + number(static_cast<unsigned>(challenge.state)) + ", created_at = " +
              time(challenge.created_at) + ", updated_at = " + time(challenge.updated_at) +
              ", expires_at = " + time(challenge.expires_at) + ", purge_at = " + time(challenge.purge_at) +
              ", attempts_left = " + number(challenge.attempts_left) +
              ", answer = " + bytes(challenge.answer) + ", binding = " + bytes(challenge.binding)));
    for (const auto& counter : batch.counters)
      statements.push_back(
          write_of("mfa_counters", counter.id, counter.version,
                   "data = " + bytes(counter.data) + ", purge_at = " + time(counter.purge_at)));
    for (const auto& removal : batch.removals)
      statements.push_back("DELETE FROM " + table(removal.kind) + " WHERE id = " + bytes(removal.id) +
                           " AND version = " + number(removal.version));
    for (const std::string& statement : statements) {
      if (mysql_real_query(handle_.get(), statement.data(), statement.size()) != 0) {
        constexpr unsigned duplicate_key = 1062;
        constexpr unsigned lock_timeout = 1205;
        constexpr unsigned deadlock = 1213;
        constexpr unsigned no_such_factor = 1452; // if challenges refer to factors
        const unsigned error = mysql_errno(handle_.get());
        if (error == duplicate_key) return Written::conflict;
        if (error == no_such_factor && statement.find("mfa_challenges") != std::string::npos)
          return Written::conflict;
        if (error == deadlock || error == lock_timeout) return Written::deadlock;
        const std::string why = mysql_error(handle_.get());
        execute("ROLLBACK");
        throw std::runtime_error("MariaDB: " + why);
      }
      if (mysql_affected_rows(handle_.get()) != 1) return Written::conflict;
    }
    return Written::all;
  }

  [[noreturn]] void fail() {
    throw std::runtime_error(std::string("MariaDB: ") + mysql_error(handle_.get()));
  }

  struct Close {
    void operator()(MYSQL* handle) const noexcept { mysql_close(handle); }
  };
  std::unique_ptr<MYSQL, Close> handle_;
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
};

} // namespace mfa::test
