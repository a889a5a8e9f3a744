// Many logins that are pending at once on one thread with async::Redis, beside the blocking verifier with 16
// threads: redis_logins <port> <delay> <logins> <blocking logins>. The delay is what a proxy adds to each
// answer, in milliseconds; without any there is no proxy. Prints logins a second, bytes of the heap for each
// that is pending, and the other's logins a second. Run by redis.sh.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>

#include <mfa/async/redis.hpp>
#include <mfa/async/verifier.hpp>
#include <mfa/mfa.hpp>
#include <mfa/storage/redis.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/child_process.hpp"
#include "support/event_loop.hpp"
#include "support/loopback_proxy.hpp"
#include "support/pending_logins.hpp"
#include "support/task.hpp"

namespace {

constexpr std::size_t threads = 16;

std::uint16_t port_of(const std::string& text) {
  return static_cast<std::uint16_t>(std::strtoul(text.c_str(), nullptr, 10));
}

} // namespace

int main(int argument_count, char** arguments) {
  if (argument_count != 5) return EXIT_FAILURE;
  const std::uint16_t server = port_of(arguments[1]);
  const std::chrono::milliseconds delay(std::strtol(arguments[2], nullptr, 10));
  const std::size_t count = std::strtoul(arguments[3], nullptr, 10);
  const std::size_t blocking_count = std::strtoul(arguments[4], nullptr, 10);

  // In a process of its own, so that neither its time nor its memory are ours.
  std::optional<mfa::test::ChildProcess> proxy;
  std::uint16_t port = server;
  if (delay.count() > 0) {
    proxy.emplace([&](const mfa::test::Channel& parent) {
      const mfa::test::LoopbackProxy own(server, delay);
      parent.send(std::to_string(own.port()));
      (void)parent.receive();
    });
    port = port_of(proxy->channel().receive().value());
  }

  mfa::storage::RedisOptions options;
  options.port = server;
  options.max_connections = threads;
  options.command_timeout = std::chrono::minutes(1); // the disk of a busy machine may take seconds
  options.durability = mfa::storage::RedisDurability::accept_volatile;
  mfa::testing::ManualClock clock;
  const mfa::Options verifier_options{.key_ring = mfa::KeyRing::generate()};
  mfa::storage::Redis direct(options);
  mfa::Verifier preparing{direct, clock, verifier_options};
  const auto logins = mfa::test::prepare_logins(preparing, clock, count + blocking_count, threads);

  options.port = port;
  mfa::test::EventLoop loop;
  mfa::async::Redis<mfa::test::Task, mfa::test::EventLoop::Handle> storage(loop.handle(), options);
  auto verifier = mfa::async::make_verifier<mfa::test::Task>(storage, clock, verifier_options);
  const auto at_once = mfa::test::log_in_at_once(loop, verifier, std::span(logins).first(count));

  mfa::storage::Redis blocking_storage(options);
  mfa::Verifier blocking{blocking_storage, clock, verifier_options};
  const auto by_threads = mfa::test::log_in_by_threads(blocking, std::span(logins).subspan(count), threads);

  if (at_once.valid != count || by_threads.valid != blocking_count) {
    std::fprintf(stderr, "%zu of %zu and %zu of %zu right codes were valid\n", at_once.valid, count,
                 by_threads.valid, blocking_count);
    return EXIT_FAILURE;
  }
  std::printf("%.0f %zu %.0f\n", static_cast<double>(count) / at_once.seconds, at_once.bytes_each,
              static_cast<double>(blocking_count) / by_threads.seconds);
}
