// What an operation costs among 1 thousand, 100 thousand and 10 million factors, beside a bare look-up by
// primary key in the same tables: growth DIRECTORY sqlite|postgres|both FACTORS...
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlite3.h>

#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/storage/record_fields.hpp>
#include <mfa/storage/sqlite.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "../support/edited_record.hpp"

#if __has_include(<libpq-fe.h>)
#include <mfa/storage/postgres.hpp>

#include "../support/postgres_server.hpp"
#define MFA_BENCHMARK_POSTGRES
#endif

namespace {

constexpr std::size_t rounds = 21;
constexpr std::size_t at_once = 200; // operations of one kind in a round, each on another factor

std::string number(std::size_t value, int digits) {
  std::string text = std::to_string(value);
  return std::string(static_cast<std::size_t>(digits) - text.size(), '0') + text;
}
std::string factor_id(std::size_t i) { return "auth_factor_" + number(i, 26); }
std::string user_id(std::size_t i) { return "u_" + number(i / 2, 12); } // two factors each

/// Times of one operation on one table.
struct Times {
  std::vector<double> microseconds;

  template <class Operation> void measure(Operation operation) {
    const auto start = std::chrono::steady_clock::now();
    operation();
    microseconds.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
  }

  [[nodiscard]] double median() {
    std::ranges::sort(microseconds);
    return microseconds[microseconds.size() / 2];
  }
};

constexpr const char* operations[]{"bare look-up", "find_factor", "list_factors", "challenge_factor",
                                   "verify_challenge"};

/// One table of so many factors.
struct Table {
  std::size_t size;
  std::function<void(std::mt19937_64&)> round; ///< measures each operation a few times
  std::shared_ptr<std::vector<Times>> times;
};

/// Turns some of the rows into factors that can be verified, and says how to measure on this storage. `bare`
/// looks a factor up by its id with no library of ours.
template <class Storage>
Table table(std::size_t size, std::shared_ptr<Storage> storage,
            std::function<void(const std::string&)> bare) {
  struct State {
    explicit State(std::shared_ptr<Storage> of)
        : storage(std::move(of)), verifier(*storage, clock, mfa::Options{.key_ring = keys}) {}
    std::shared_ptr<Storage> storage;
    mfa::testing::ManualClock clock;
    mfa::KeyRing keys = mfa::KeyRing::generate();
    mfa::Verifier<Storage, mfa::testing::ManualClock> verifier;
    mfa::crypto::SecretBytes secret;
    std::vector<std::size_t> real;
  };
  auto state = std::make_shared<State>(std::move(storage));
  mfa::storage::Memory scratch;
  mfa::Verifier maker{scratch, state->clock, mfa::Options{.key_ring = state->keys}};
  const auto enrolled = maker.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
  state->secret = mfa::otp::base32_decode(enrolled.totp.secret);
  for (std::size_t k = 0; k < at_once; ++k) {
    const std::size_t i = k * (size / at_once);
    auto record =
        mfa::test::edited(*scratch.find_factor(enrolled.factor.id()), state->keys, [&](auto& of_user) {
          of_user.id = factor_id(i);
          of_user.user_id = user_id(i);
          of_user.state = mfa::FactorState::verified;
          mfa::factor::seal_secret(of_user, state->secret, state->keys);
        });
    mfa::storage::Batch batch;
    batch.factors.push_back(record);
    if (!state->storage->commit(batch)) throw std::runtime_error("the table holds no " + record.id);
    state->real.push_back(i);
  }
  const auto times = std::make_shared<std::vector<Times>>(std::size(operations));
  auto round = [state, times, size, bare = std::move(bare)](std::mt19937_64& random) {
    state->clock.advance(std::chrono::minutes(1));
    const auto any = [&] { return std::uniform_int_distribution<std::size_t>(0, size - 1)(random); };
    std::ranges::shuffle(state->real, random);
    for (const std::size_t real : state->real) {
      const std::string id = factor_id(any());
      (*times)[0].measure([&] { bare(id); });
      const std::string another = factor_id(any());
      (*times)[1].measure([&] { (void)state->storage->find_factor(another); });
      const std::string user = user_id(any());
      (*times)[2].measure([&] { (void)state->storage->list_factors(user); });
      const std::string code = mfa::otp::totp(state->secret, state->clock.now());
      std::string challenge;
      (*times)[3].measure(
          [&] { challenge = state->verifier.challenge_factor(factor_id(real), mfa::any_user).id(); });
      bool valid = false;
      (*times)[4].measure([&] { valid = state->verifier.verify_challenge(challenge, code).valid(); });
      if (!valid) throw std::runtime_error("a right code was refused");
    }
  };
  return {size, round, times};
}

/// Measures the tables in turns, so that a slow moment of the machine meets all of them, and prints the
/// medians.
void compare(const char* name, std::vector<Table>& tables) {
  std::mt19937_64 random(42);
  for (auto& each : tables) each.round(random); // warms caches
  for (auto& each : tables)
    for (std::size_t k = 0; k < std::size(operations); ++k) (*each.times)[k].microseconds.clear();
  for (std::size_t i = 0; i < rounds; ++i)
    for (auto& each : tables) each.round(random);
  std::printf("\n%s, medians of %zu in microseconds, and the ratio to the smallest table\n%-18s", name,
              rounds * at_once, "factors");
  for (const auto& each : tables) std::printf("%20zu", each.size);
  std::printf("\n");
  for (std::size_t k = 0; k < std::size(operations); ++k) {
    std::printf("%-18s", operations[k]);
    const double smallest = (*tables.front().times)[k].median();
    for (auto& each : tables) {
      const double median = (*each.times)[k].median();
      std::printf("%13.1f %5.2fx", median, median / smallest);
    }
    std::printf("\n");
  }
}

void execute(sqlite3* database, const std::string& sql) {
  char* message = nullptr;
  if (sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &message) != SQLITE_OK)
    throw std::runtime_error(message != nullptr ? message : "SQLite failed");
}

std::shared_ptr<sqlite3> open_sqlite(const std::string& file) {
  sqlite3* handle = nullptr;
  sqlite3_open(file.c_str(), &handle);
  return {handle, sqlite3_close};
}

std::size_t bytes_of(sqlite3* database) {
  std::size_t bytes = 0;
  const auto keep = [](void* to, int, char** values, char**) {
    *static_cast<std::size_t*>(to) = std::stoul(values[0]);
    return 0;
  };
  sqlite3_exec(database, "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()", keep,
               &bytes, nullptr);
  return bytes;
}

/// Fills a file with verified TOTP factors, and some challenges.
void fill_sqlite(const std::string& file, std::size_t size) {
  const auto database = open_sqlite(file);
  execute(database.get(), "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -100000");
  const auto insert = [&](std::size_t count, const std::string& into) {
    const std::size_t before = bytes_of(database.get());
    execute(database.get(), "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < " +
                                std::to_string(count) + ") INSERT INTO " + into + " FROM n");
    return (bytes_of(database.get()) - before) / count;
  };
  const auto of_factor =
      insert(size, "mfa_factors SELECT 'auth_factor_' || printf('%026d', i), 1, 1, 2, 'u_' || "
                   "printf('%012d', i / 2), 'Work phone', 0, 0, NULL, 0, NULL, zeroblob(41), "
                   "randomblob(109)");
  const auto of_challenge =
      insert(10'000, "mfa_challenges SELECT 'auth_challenge_' || printf('%026d', i), 1, "
                     "'auth_factor_' || printf('%026d', i), 2, 0, 0, NULL, 7258118400000, 5, "
                     "randomblob(48), zeroblob(0)");
  std::printf("SQLite, %zu factors filled: %zu bytes each, and %zu a challenge\n", size, of_factor,
              of_challenge);
  std::fflush(stdout);
}

Table sqlite_table(const std::string& directory, std::size_t size) {
  const std::string file = directory + "/growth-" + std::to_string(size) + ".db";
  const mfa::storage::SqliteOptions options{.synchronous = mfa::storage::Synchronous::off};
  { const mfa::storage::Sqlite schema(file, options); }
  fill_sqlite(file, size);
  const auto database = open_sqlite(file);
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v3(database.get(), "SELECT version FROM mfa_factors WHERE id = ?1", -1,
                     SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  const std::shared_ptr<sqlite3_stmt> look_up(statement, sqlite3_finalize);
  return table(size, std::make_shared<mfa::storage::Sqlite>(file, options),
               [database, look_up](const std::string& id) {
                 sqlite3_bind_text(look_up.get(), 1, id.data(), static_cast<int>(id.size()), SQLITE_STATIC);
                 if (sqlite3_step(look_up.get()) != SQLITE_ROW) throw std::runtime_error("no row");
                 sqlite3_reset(look_up.get());
               });
}

#ifdef MFA_BENCHMARK_POSTGRES
Table postgres_table(const mfa::test::PostgresServer& server, std::size_t size) {
  const std::string schema = "mfa_" + std::to_string(size);
  auto storage = std::make_shared<mfa::storage::Postgres>(
      server.uri(), mfa::storage::PostgresOptions{.schema_name = schema});
  mfa::storage::FactorRecord factor;
  factor.type = mfa::FactorType::totp;
  factor.state = mfa::FactorState::verified;
  factor.friendly_name = "Work phone";
  factor.parameters = std::string(38, '\0');
  factor.sealed = std::string(112, '\0');
  mfa::storage::ChallengeRecord challenge;
  challenge.state = mfa::ChallengeState::verified;
  challenge.binding = std::string(48, '\0'); // as long as a TOTP challenge's answer
  // The record's packed fields as SQL, with other random bytes at their end for each i.
  const auto fields = [](const auto& record, std::size_t random) {
    const std::string all = mfa::detail::fields_of(record);
    return "decode('" +
           mfa::detail::hexadecimal(
               {reinterpret_cast<const unsigned char*>(all.data()), all.size() - random}) +
           "' || repeat(md5(i::text), " + std::to_string(random / 16) + "), 'hex')";
  };
  const auto insert = [&](const std::string& name, std::size_t count, const std::string& row) {
    const std::string to = schema + "." + name;
    server.execute("INSERT INTO " + to + " SELECT " + row + " FROM generate_series(0, " +
                   std::to_string(count - 1) + ") AS i");
    server.execute("VACUUM ANALYZE " + to);
    return server.execute("SELECT pg_total_relation_size('" + to + "') / " + std::to_string(count));
  };
  const auto of_factor =
      insert("factors", size,
             "('auth_factor_' || lpad(i::text, 26, '0'))::bytea, 1, ('u_' || lpad((i / 2)::text, 12, "
             "'0'))::bytea, " +
                 fields(factor, factor.sealed.size()));
  const auto of_challenge =
      insert("challenges", 10'000,
             "('auth_challenge_' || lpad(i::text, 26, '0'))::bytea, 1, ('auth_factor_' || lpad(i::text, 26, "
             "'0'))::bytea, 7258118400000, " +
                 fields(challenge, challenge.binding.size()));
  std::printf("PostgreSQL, %zu factors filled: %s bytes each, and %s a challenge\n", size, of_factor.c_str(),
              of_challenge.c_str());
  std::fflush(stdout);
  const std::shared_ptr<PGconn> connection(PQconnectdb(server.uri().c_str()), PQfinish);
  PQclear(PQprepare(connection.get(), "look_up",
                    ("SELECT version FROM " + schema + ".factors WHERE id = $1::text::bytea").c_str(), 1,
                    nullptr));
  return table(size, std::move(storage), [connection](const std::string& id) {
    const char* values[]{id.c_str()};
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(
        PQexecPrepared(connection.get(), "look_up", 1, values, nullptr, nullptr, 0), PQclear);
    if (PQntuples(result.get()) != 1) throw std::runtime_error(PQerrorMessage(connection.get()));
  });
}
#endif

} // namespace

int main(int count, char** arguments) try {
  if (count < 4) {
    std::fprintf(stderr, "usage: growth DIRECTORY sqlite|postgres|both FACTORS...\n");
    return 2;
  }
  const std::string_view storage = arguments[2];
  std::vector<std::size_t> sizes;
  for (int i = 3; i < count; ++i) sizes.push_back(std::stoul(arguments[i]));
  if (storage != "postgres") {
    std::vector<Table> tables;
    for (const std::size_t size : sizes) tables.push_back(sqlite_table(arguments[1], size));
    compare("SQLite (synchronous off)", tables);
  }
#ifdef MFA_BENCHMARK_POSTGRES
  if (storage != "sqlite") {
    const mfa::test::PostgresServer server(mfa::test::PostgresServer::Durable::no);
    std::vector<Table> tables; // their connections end before the server
    for (const std::size_t size : sizes) tables.push_back(postgres_table(server, size));
    compare("PostgreSQL (fsync off)", tables);
  }
#endif
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "growth: %s\n", error.what());
  return 1;
}
