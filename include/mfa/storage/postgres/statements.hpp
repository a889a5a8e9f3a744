#pragma once

#include <array>
#include <cstddef>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/storage/postgres/connection.hpp>
#include <mfa/storage/postgres/records.hpp>
#include <mfa/storage/postgres/schema.hpp>
#include <mfa/storage/postgres/values.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/storage/record_fields.hpp>

namespace mfa::detail::postgres {

/// "table.id, table.version, ..."
inline std::string columns_of(std::string_view table, std::span<const std::string_view> columns) {
  std::string sql;
  for (const auto column : columns)
    sql.append(sql.empty() ? "" : ", ").append(table).append(".").append(column);
  return sql;
}

inline std::string select(std::string_view quoted, std::string_view table,
                          std::span<const std::string_view> columns, std::string_view rest) {
  const std::string name(table);
  return with_schema("SELECT " + columns_of(name, columns) + " FROM @schema@." + name + " ", quoted) +
         std::string(rest);
}

/// Parameters: the time, and how many at most. By an array, so that no plan can join the whole table.
inline std::string purge_from(std::string_view quoted, std::string_view table) {
  const std::string from = " FROM @schema@." + std::string(table) + " WHERE ";
  return with_schema("DELETE" + from + "id = ANY (ARRAY(SELECT id" + from +
                         "purge_at <= $1 ORDER BY purge_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
                     quoted);
}

/// With the types of its parameters, so that no other function of that name fits as well.
inline std::string call_of_commit(std::string_view quoted) {
  std::string sql = with_schema("SELECT @schema@.commit($1::boolean", quoted);
  int parameter = 1;
  const auto add = [&](std::span<const std::string_view> columns) {
    for (const auto column : columns) {
      const bool is_number = column == "version" || column == "purge_at";
      sql.append(", $").append(std::to_string(++parameter));
      sql.append(is_number ? "::bigint" : "::pg_catalog.bytea");
    }
  };
  add(factor_columns);
  add(challenge_columns);
  add(counter_columns);
  return sql + ")";
}

/// What every connection to one schema prepares.
struct Statements {
  explicit Statements(std::string quoted) : schema(std::move(quoted)) {}

  const std::string schema; // quoted; the statements are made from it
  const Statement factor{"factor", "read a factor from",
                         select(schema, "factors", factor_columns, "WHERE id = $1")};
  const Statement challenge{"challenge", "read a challenge from",
                            select(schema, "challenges", challenge_columns, "WHERE id = $1")};
  const Statement counter{"counter", "read a counter from",
                          select(schema, "counters", counter_columns, "WHERE id = $1")};
  const Statement challenge_with_factor{
      "challenge_with_factor", "read a challenge from",
      with_schema("SELECT " + columns_of("challenges", challenge_columns) + ", " +
                      columns_of("factors", factor_columns) +
                      " FROM @schema@.challenges LEFT JOIN @schema@.factors"
                      " ON factors.id = challenges.factor_id WHERE challenges.id = $1",
                  schema)};
  // The second condition is that of the index factors_by_user.
  const Statement factors_of_user{
      "factors_of_user", "list factors from",
      select(schema, "factors", factor_columns,
             "WHERE user_id = $3 AND user_id <> '' AND id > $1 ORDER BY id LIMIT $2")};
  const Statement all_factors{
      "all_factors", "list factors from",
      select(schema, "factors", factor_columns, "WHERE id > $1 ORDER BY id LIMIT $2")};
  const Statement commit{"commit", "commit to", call_of_commit(schema), true};
  const Statement purge_challenges{"purge_challenges", "purge", purge_from(schema, "challenges"), true};
  const Statement purge_counters{"purge_counters", "purge", purge_from(schema, "counters"), true};

  [[nodiscard]] std::array<const Statement*, 9> all() const noexcept {
    return {&factor,      &challenge, &counter,          &challenge_with_factor, &factors_of_user,
            &all_factors, &commit,    &purge_challenges, &purge_counters};
  }
};

/// The arguments of one call of the function `commit`: up to one record of each kind.
class CommitCall {
 public:
  explicit CommitCall(bool must_write) { parameters_.bind(1, must_write); }

  void write(const storage::FactorRecord& factor) {
    bind_key(first_of_factor, factor);
    parameters_.bind_text(3, factor.user_id);
    parameters_.bind_blob(4, factor_fields_ = fields_of(factor));
  }

  void write(const storage::ChallengeRecord& challenge) {
    bind_key(first_of_challenge, challenge);
    parameters_.bind_text(3, challenge.factor_id);
    parameters_.bind(4, challenge.purge_at);
    parameters_.bind_blob(5, challenge_fields_ = fields_of(challenge));
  }

  void write(const storage::CounterRecord& counter) {
    bind_key(first_of_counter, counter);
    parameters_.bind_blob(3, counter.data);
    parameters_.bind(4, counter.purge_at);
  }

  void remove(const storage::Removal& removal) {
    switch (removal.kind) {
    case storage::RecordKind::factor: return bind_key(first_of_factor, removal);
    case storage::RecordKind::challenge: return bind_key(first_of_challenge, removal);
    case storage::RecordKind::counter: return bind_key(first_of_counter, removal);
    }
  }

  [[nodiscard]] const Parameters& parameters() const noexcept { return parameters_; }

 private:
  static constexpr int first_of_factor = 2;
  static constexpr int first_of_challenge = first_of_factor + std::size(factor_columns);
  static constexpr int first_of_counter = first_of_challenge + std::size(challenge_columns);
  static constexpr int end = first_of_counter + std::size(counter_columns);

  template <class Keyed> void bind_key(int first, const Keyed& record) {
    parameters_.begin_at(first);
    parameters_.bind_text(1, record.id);
    parameters_.bind(2, record.version);
  }

  std::string factor_fields_;
  std::string challenge_fields_;
  Parameters parameters_{end - 1};
};

} // namespace mfa::detail::postgres
