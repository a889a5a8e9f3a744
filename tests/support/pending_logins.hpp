#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>

#include "event_loop.hpp"
#include "task.hpp"

namespace mfa::test {

/// A user's factor, which is confirmed, and the next code: a login is a challenge and its verification.
struct Login {
  std::string factor_id;
  std::string code;
};

/// As many users, enrolled by a blocking verifier on so many threads.
template <class Verifier, class Clock>
std::vector<Login> prepare_logins(Verifier& verifier, Clock& clock, std::size_t count, std::size_t threads) {
  std::vector<Login> logins(count);
  std::vector<std::jthread> all;
  for (std::size_t thread = 0; thread < threads; ++thread)
    all.emplace_back([&, thread] {
      for (std::size_t i = thread; i < count; i += threads) {
        const auto enrolled = verifier.enroll_factor(Totp{.issuer = "Foo Corp", .user = "alan"});
        const auto secret = otp::base32_decode(enrolled.totp.secret);
        const auto confirmation = enrolled.factor.confirm(otp::totp(secret, clock.now()));
        if (!confirmation.confirmed()) throw std::logic_error("the enrolment was not confirmed");
        logins[i] = {enrolled.factor.id(), otp::totp(secret, clock.now() + std::chrono::seconds(30))};
      }
    });
  return logins;
}

/// What came of many logins.
struct LoginReport {
  std::size_t valid = 0;
  double seconds = 0;
  std::size_t bytes_each = 0; ///< of the heap, at the most, while all were pending; 0 if that is unknown
};

/// Bytes of the heap in use.
inline std::size_t heap_in_use() {
#if defined(__GLIBC__)
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
#else
  return 0;
#endif
}

/// All at once, in this thread.
template <class Verifier>
LoginReport log_in_at_once(EventLoop& loop, Verifier& verifier, std::span<const Login> logins) {
  LoginReport report;
  std::size_t ended = 0;
  const auto log_in = [&](const Login& login) -> Task<> {
    const auto challenge = co_await verifier.challenge_factor(login.factor_id, mfa::any_user);
    const auto verification = co_await verifier.verify_challenge(challenge.id(), login.code);
    report.valid += verification.valid() ? 1 : 0;
    ++ended;
  };
  std::vector<Task<>> tasks;
  tasks.reserve(logins.size());
  const auto before = heap_in_use();
  auto most = before;
  const auto begin = std::chrono::steady_clock::now();
  for (const auto& login : logins) {
    tasks.push_back(log_in(login));
    tasks.back().start();
  }
  int turns = 0;
  loop.run_until([&] {
    if (turns++ % 100 == 0) most = std::max(most, heap_in_use());
    return ended == logins.size();
  });
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  for (const auto& task : tasks)
    if (task.done()) task.result();
  report.seconds = time.count();
  report.bytes_each = (most - before) / logins.size();
  return report;
}

/// By a blocking verifier on so many threads.
template <class Verifier>
LoginReport log_in_by_threads(Verifier& verifier, std::span<const Login> logins, std::size_t threads) {
  LoginReport report;
  std::vector<std::size_t> valid(threads);
  const auto begin = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> all;
    for (std::size_t thread = 0; thread < threads; ++thread)
      all.emplace_back([&, thread] {
        for (std::size_t i = thread; i < logins.size(); i += threads) {
          const auto challenge = verifier.challenge_factor(logins[i].factor_id, mfa::any_user);
          valid[thread] += challenge.verify(logins[i].code).valid() ? 1 : 0;
        }
      });
  }
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  for (const auto each : valid) report.valid += each;
  report.seconds = time.count();
  return report;
}

} // namespace mfa::test
