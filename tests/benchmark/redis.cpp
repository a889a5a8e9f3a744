// How many right codes a second are verified with storage::Redis, and how many microseconds of CPU each takes
// the server: redis <port> <connections> <verifications> prints both numbers. Run by redis.sh.
#include <array>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <hiredis/hiredis.h>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/storage/redis.hpp>
#include <mfa/testing/manual_clock.hpp>

namespace {

struct Attempt {
  std::string challenge_id;
  std::string code;
};

/// The seconds of CPU that the server has used.
double server_cpu(int port) {
  const std::unique_ptr<redisContext, decltype(&redisFree)> context(redisConnect("127.0.0.1", port),
                                                                    &redisFree);
  const std::unique_ptr<redisReply, decltype(&freeReplyObject)> reply(
      static_cast<redisReply*>(redisCommand(context.get(), "INFO cpu")), &freeReplyObject);
  const std::string_view info(reply->str, reply->len);
  double seconds = 0;
  for (const std::string_view name : {"used_cpu_user:", "used_cpu_sys:"})
    seconds += std::strtod(info.data() + info.find(name) + name.size(), nullptr);
  return seconds;
}

} // namespace

int main(int count, char** arguments) {
  if (count != 4) return EXIT_FAILURE;
  const auto connections = std::strtoul(arguments[2], nullptr, 10);
  const auto attempts_a_thread = std::strtoul(arguments[3], nullptr, 10) / connections;

  mfa::storage::RedisOptions options;
  options.port = static_cast<std::uint16_t>(std::strtoul(arguments[1], nullptr, 10));
  options.max_connections = connections;
  options.command_timeout = std::chrono::minutes(1); // the disk of a busy machine may take seconds
  options.durability = mfa::storage::RedisDurability::accept_volatile;
  mfa::storage::Redis storage(options);
  mfa::testing::ManualClock clock;
  mfa::Verifier verifier{storage, clock, mfa::Options{.key_ring = mfa::KeyRing::generate()}};

  std::vector<std::vector<Attempt>> attempts(connections);
  std::barrier gate(static_cast<std::ptrdiff_t>(connections + 1));
  std::vector<std::size_t> valid(connections);
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < connections; ++i)
    threads.emplace_back([&, i] {
      for (std::size_t j = 0; j < attempts_a_thread; ++j) {
        const auto enrolled = verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
        const auto secret = mfa::otp::base32_decode(enrolled.totp.secret);
        (void)enrolled.factor.confirm(mfa::otp::totp(secret, clock.now()));
        const auto next = clock.now() + std::chrono::seconds(30);
        attempts[i].push_back({enrolled.factor.challenge().id(), mfa::otp::totp(secret, next)});
      }
      gate.arrive_and_wait();
      gate.arrive_and_wait();
      for (const auto& [challenge_id, code] : attempts[i])
        valid[i] += verifier.verify_challenge(challenge_id, code).valid() ? 1 : 0;
      gate.arrive_and_wait();
    });
  gate.arrive_and_wait();
  const double cpu_before = server_cpu(options.port);
  gate.arrive_and_wait();
  const auto begin = std::chrono::steady_clock::now();
  gate.arrive_and_wait();
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  const double cpu = server_cpu(options.port) - cpu_before;
  std::size_t all = 0;
  for (const auto each : valid) all += each;
  if (all != connections * attempts_a_thread) {
    std::fprintf(stderr, "%zu of %zu right codes were valid\n", all, connections * attempts_a_thread);
    return EXIT_FAILURE;
  }
  std::printf("%.0f %.1f\n", static_cast<double>(all) / time.count(), cpu * 1e6 / static_cast<double>(all));
}
