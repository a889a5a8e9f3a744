// Logins, each a challenge of a TOTP factor and its verification, over connections with a long way to the
// server: 10,000 at once on one thread by async::Verifier, and by 16 threads that block. Prints rates, and
// what a login that waits takes of memory. Arguments: logins, and milliseconds that the way adds to each
// answer.
#include <atomic>
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

#include <malloc.h>
#include <unistd.h>

#include <mfa/async/postgres.hpp>
#include <mfa/async/verifier.hpp>
#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/storage/postgres.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/async_postgres.hpp"
#include "support/event_loop.hpp"
#include "support/loopback_proxy.hpp"
#include "support/postgres_server.hpp"
#include "support/task.hpp"

using namespace mfa::test;
using mfa::testing::ManualClock;
using Clock = std::chrono::steady_clock;

namespace {

struct User {
  std::string factor_id;
  mfa::crypto::SecretBytes secret;
};

mfa::storage::PostgresOptions options_with(std::size_t connections) {
  // The last of so many waits for the others.
  return {.max_connections = connections, .connect_timeout = std::chrono::minutes(30)};
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Bytes that the process has of memory.
std::size_t resident() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0;
  file >> pages >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::size_t in_use() { return ::mallinfo2().uordblks; }

void check(std::size_t valid, std::size_t logins) {
  if (valid != logins) throw std::runtime_error("a right code was refused");
}

void print(const char* what, std::size_t connections, std::size_t logins, double seconds, double heap,
           double rss) {
  std::printf("| %s | %3zu | %6zu | %7.1f | %7.0f |", what, connections, logins, seconds,
              static_cast<double>(logins) / seconds);
  if (rss > 0)
    std::printf(" %7.0f | %7.0f |\n", heap, rss);
  else
    std::puts("         |         |");
  std::fflush(stdout);
}

class Logins {
 public:
  explicit Logins(std::size_t count) {
    mfa::storage::Postgres storage(server_.uri());
    mfa::Verifier verifier{storage, clock_, mfa::Options{.key_ring = keys_}};
    for (std::size_t i = 0; i < count; ++i) {
      const auto enrolled = verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
      users_.push_back({enrolled.factor.id(), mfa::otp::base32_decode(enrolled.totp.secret)});
      (void)enrolled.factor.confirm(mfa::otp::totp(users_.back().secret, clock_.now()));
    }
  }

  void block(std::size_t threads, std::size_t logins, std::chrono::milliseconds delay) {
    clock_.advance(std::chrono::hours(1));
    const LoopbackProxy proxy(server_.port(), delay);
    mfa::storage::Postgres storage(server_.uri(proxy.port()), options_with(threads));
    mfa::Verifier verifier{storage, clock_, mfa::Options{.key_ring = keys_}};
    std::atomic<std::size_t> next = 0;
    std::atomic<std::size_t> valid = 0;
    const auto start = Clock::now();
    {
      std::vector<std::jthread> pool;
      for (std::size_t i = 0; i < threads; ++i)
        pool.emplace_back([&] {
          for (std::size_t k = next++; k < logins; k = next++) {
            const auto challenge = verifier.challenge_factor(users_[k].factor_id, mfa::any_user);
            const auto code = mfa::otp::totp(users_[k].secret, clock_.now());
            if (verifier.verify_challenge(challenge.id(), code).valid()) ++valid;
          }
        });
    }
    check(valid, logins);
    print("blocking, 16 threads", threads, logins, seconds_since(start), 0, 0);
  }

  void await(std::size_t connections, std::size_t logins, std::chrono::milliseconds delay) {
    clock_.advance(std::chrono::hours(1));
    const LoopbackProxy proxy(server_.port(), delay);
    EventLoop loop;
    AsyncPostgres storage(loop.handle(), server_.uri(proxy.port()), options_with(connections));
    const mfa::async::Verifier<Task, AsyncPostgres, ManualClock> verifier{storage, clock_,
                                                                          mfa::Options{.key_ring = keys_}};
    std::size_t valid = 0;
    std::size_t ended = 0;
    const auto log_in = [&](const User& user) -> Task<> {
      const auto challenge = co_await verifier.challenge_factor(user.factor_id, mfa::any_user);
      const auto code = mfa::otp::totp(user.secret, clock_.now());
      const auto verification = co_await verifier.verify_challenge(challenge.id(), code);
      if (verification.valid()) ++valid;
      ++ended;
    };
    std::vector<Task<>> tasks;
    tasks.reserve(logins);
    ::malloc_trim(0); // what earlier runs had
    const auto start = Clock::now();
    const std::size_t heap = in_use();
    const std::size_t rss = resident();
    for (std::size_t i = 0; i < logins; ++i) tasks.push_back(log_in(users_[i]));
    for (const auto& task : tasks) task.start();
    const std::size_t heap_of_pending = in_use() - heap;
    const std::size_t rss_of_pending = resident() - rss;
    while (ended < logins) loop.run_until([&] { return ended == logins; });
    const double seconds = seconds_since(start);
    check(valid, logins);
    const auto count = static_cast<double>(logins);
    print("awaited, 1 thread   ", connections, logins, seconds, static_cast<double>(heap_of_pending) / count,
          static_cast<double>(rss_of_pending) / count);
  }

 private:
  PostgresServer server_;
  ManualClock clock_;
  mfa::KeyRing keys_ = mfa::KeyRing::generate();
  std::vector<User> users_;
};

} // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 10'000;
  const std::chrono::milliseconds delay(argc > 2 ? std::atoi(argv[2]) : 50);
  Logins logins(count);
  std::puts(
      "| verifier | connections | logins | seconds | logins/s | bytes of the heap a pending login | bytes "
      "resident |\n| --- | --- | --- | --- | --- | --- | --- |");
  logins.block(16, count, delay);
  logins.await(16, count, delay);
  logins.await(128, count, delay);
}
