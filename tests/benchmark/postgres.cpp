// Verifications a second on PostgreSQL at 1, 4 and 16 connections, beside what pgbench does on the same
// server, turn by turn: a bare UPDATE ... RETURNING of one row, and a pair of what a verification needs at
// the least, a joined SELECT and a function that writes two rows, which tells what is left to win. Prints
// medians and their ratios. Argument: repetitions.
#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/storage/postgres.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/postgres_server.hpp"
#include "support/temporary_directory.hpp"

using mfa::test::PostgresServer;

namespace {

constexpr std::size_t factor_count = 2048; // one verification each a run

/// Factors with challenges to verify, and threads that do so.
class Ours {
 public:
  Ours(const PostgresServer& server, std::size_t connections)
      : storage_(server.uri(), {.max_connections = connections}), connections_(connections) {
    factors_.reserve(factor_count);
    for (std::size_t i = 0; i < factor_count; ++i) {
      const auto enrolled = verifier_.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
      factors_.push_back({enrolled.factor.id(), mfa::otp::base32_decode(enrolled.totp.secret), {}, {}});
      (void)enrolled.factor.confirm(mfa::otp::totp(factors_.back().secret, clock_.now()));
    }
  }

  /// Verifications a second.
  double run() {
    clock_.advance(std::chrono::hours(1));
    for_each_factor([&](Factor& factor) {
      factor.challenge_id = verifier_.challenge_factor(factor.id, mfa::any_user).id();
      factor.code = mfa::otp::totp(factor.secret, clock_.now());
    });
    std::atomic<std::size_t> valid = 0;
    const auto seconds = for_each_factor([&](Factor& factor) {
      if (verifier_.verify_challenge(factor.challenge_id, factor.code).valid()) ++valid;
    });
    if (valid != factor_count) throw std::runtime_error("a right code was refused");
    return static_cast<double>(factor_count) / seconds.count();
  }

 private:
  struct Factor {
    std::string id;
    mfa::crypto::SecretBytes secret;
    std::string challenge_id;
    std::string code;
  };

  /// How long it took a thread a connection.
  template <class Use> std::chrono::duration<double> for_each_factor(Use use) {
    using Clock = std::chrono::steady_clock;
    std::barrier gate(static_cast<std::ptrdiff_t>(connections_ + 1));
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < connections_; ++i)
      threads.emplace_back([&, i] {
        gate.arrive_and_wait();
        for (std::size_t k = i; k < factors_.size(); k += connections_) use(factors_[k]);
        gate.arrive_and_wait();
      });
    const auto start = Clock::now();
    gate.arrive_and_wait();
    gate.arrive_and_wait();
    return Clock::now() - start;
  }

  mfa::storage::Postgres storage_;
  mfa::testing::ManualClock clock_;
  mfa::Verifier<mfa::storage::Postgres, mfa::testing::ManualClock> verifier_{
      storage_, clock_, mfa::Options{.key_ring = mfa::KeyRing::generate()}};
  std::size_t connections_;
  std::vector<Factor> factors_;
};

/// What pgbench does a second, with rows as the tables of factors and challenges have them.
class Bare {
 public:
  explicit Bare(const PostgresServer& server) : server_(server) {
    for (const std::string table : {"bare", "bare_factors", "bare_challenges"})
      server.execute(
          "CREATE TABLE " + table +
          " (id bigint PRIMARY KEY, version bigint NOT NULL, sealed bytea NOT NULL) WITH (fillfactor = "
          "80); INSERT INTO " +
          table + " SELECT n, 1, decode(repeat('5e', 150), 'hex') FROM generate_series(1, " +
          std::to_string(factor_count) + ") AS n");
    server.execute(
        "CREATE FUNCTION bare_commit(n bigint, bytes bytea) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN "
        "UPDATE bare_factors SET version = version + 1, sealed = bytes WHERE id = n; "
        "IF NOT FOUND THEN RETURN false; END IF; "
        "UPDATE bare_challenges SET version = version + 1, sealed = bytes WHERE id = n; "
        "RETURN FOUND; END $$");
    server.execute("VACUUM ANALYZE");
    std::string bytes;
    for (int i = 0; i < 150; ++i) bytes += "5e";
    const std::string any_row = "\\set n random(1, " + std::to_string(factor_count) + ")\n";
    std::ofstream(update_) << any_row
                           << "UPDATE bare SET version = version + 1 WHERE id = :n RETURNING version;\n";
    std::ofstream(pair_)
        << any_row
        << "SELECT * FROM bare_challenges AS c JOIN bare_factors AS f ON f.id = c.id WHERE c.id = "
           ":n;\nSELECT bare_commit(:n, '\\x"
        << bytes << "');\n";
  }

  double updates(std::size_t connections) const { return run(connections, update_); }
  double pairs(std::size_t connections) const { return run(connections, pair_); }

 private:
  double run(std::size_t connections, const std::string& script) const {
    const std::string command =
        server_.binary("pgbench") + " -n -M prepared -h 127.0.0.1 -U postgres -p " +
        std::to_string(server_.port()) + " -c " + std::to_string(connections) + " -j " +
        std::to_string(std::min<std::size_t>(connections, std::thread::hardware_concurrency())) + " -t " +
        std::to_string(factor_count / connections) + " -f " + script + " postgres 2>/dev/null";
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("cannot run pgbench");
    std::array<char, 256> line{};
    double rate = 0;
    while (std::fgets(line.data(), line.size(), pipe) != nullptr)
      std::sscanf(line.data(), "tps = %lf", &rate);
    if (::pclose(pipe) != 0 || rate <= 0) throw std::runtime_error("pgbench failed: " + command);
    return rate;
  }

  const PostgresServer& server_;
  mfa::test::TemporaryDirectory directory_;
  std::string update_ = directory_.path() + "/update.sql";
  std::string pair_ = directory_.path() + "/pair.sql";
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void compare(PostgresServer::Durable durable, int repetitions) {
  const PostgresServer server(durable);
  const Bare bare(server);
  for (const std::size_t connections : {1U, 4U, 16U}) {
    Ours ours(server, connections);
    std::vector<double> our_rates;
    std::vector<double> updates;
    std::vector<double> pairs;
    for (int i = 0; i < repetitions; ++i) {
      updates.push_back(bare.updates(connections));
      our_rates.push_back(ours.run());
      pairs.push_back(bare.pairs(connections));
    }
    const double update = median(updates);
    std::printf("| %s | %2zu | %7.0f | %7.0f | %.2f | %.2f |\n",
                durable == PostgresServer::Durable::yes ? "on " : "off", connections, median(our_rates),
                update, median(our_rates) / update, median(pairs) / update);
    std::fflush(stdout);
  }
}

} // namespace

int main(int argc, char** argv) {
  const int repetitions = argc > 1 ? std::max(1, std::atoi(argv[1])) : 9;
  std::puts("| fsync | connections | verifications/s | bare updates/s | verifications to updates | bare "
            "pairs to updates |\n| --- | --- | --- | --- | --- | --- |");
  compare(PostgresServer::Durable::yes, repetitions);
  compare(PostgresServer::Durable::no, repetitions);
}
