#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <list>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "catch.hpp"
#include "child_process.hpp"
#include "environment.hpp"
#include "shared_memory.hpp"

namespace mfa::test {

/// Worker processes that enrol factors and race for codes on one storage, while workers and the storage's
/// server are killed. What a worker was told, it tells: an enrolment that returned must not be lost, and no
/// code may be told to be valid twice. `open` opens the storage, in each process anew.
template <class Open> class KilledUnderLoad {
 public:
  explicit KilledUnderLoad(Open open) : open_(std::move(open)), hour_(in_shared_memory<Hour>(500'000)) {
    auto storage = open_();
    testing::ManualClock clock;
    Verifier verifier{storage, clock, options()};
    for (Contested& factor : contested_) {
      const auto enrolled = verifier.enroll_factor(Totp{.issuer = "Foo Corp", .user = "alan"});
      factor = {enrolled.factor.id(), otp::base32_decode(enrolled.totp.secret)};
      REQUIRE(enrolled.factor.confirm(otp::totp(factor.secret, clock.now())).confirmed());
    }
  }

  /// Kills `kills` workers (SIGKILL), one after every few acknowledgements, and calls `restart_server`
  /// `restarts` times in between. Then checks what was told.
  template <class Restart> void run(int kills, int restarts, Restart restart_server) {
    const auto seed = from_environment("MFA_TEST_SEED", std::random_device{}());
    INFO("MFA_TEST_SEED=" << seed);
    std::minstd_rand random(static_cast<unsigned>(seed));
    const auto hear = [this](const std::string& told) { keep(told); };
    std::list<ChildProcess> workers;
    for (std::size_t i = 0; i < worker_count; ++i) workers.push_back(new_worker(random()));
    for (int kill = 1; kill <= kills; ++kill) {
      const std::size_t before = acknowledged();
      const std::size_t enough = before + 1 + random() % 2;
      for (int turns = 0; acknowledged() < enough && turns < most_turns; ++turns) {
        for (const ChildProcess& worker : workers) REQUIRE(worker.hear_for(turn / worker_count, hear));
        if (random() % 2 == 0) ++*hour_;
      }
      const auto victim = std::next(workers.begin(), static_cast<int>(random() % worker_count));
      victim->kill_and_hear(hear);
      workers.erase(victim);
      workers.push_back(new_worker(random()));
      if (kill * restarts / kills != (kill - 1) * restarts / kills) restart_server();
    }
    for (ChildProcess& worker : workers) worker.kill_and_hear(hear);
    check(kills);
  }

 private:
  static constexpr std::size_t worker_count = 4;
  static constexpr std::chrono::milliseconds turn{5};
  static constexpr int most_turns = 5000;

  struct Contested {
    std::string id;
    crypto::SecretBytes secret;
  };

  /// Shared by the processes: the hour in which they all live, so that each hour has one code of each
  /// contested factor.
  using Hour = std::atomic<std::int64_t>;

  [[nodiscard]] Options options() const { return Options{.key_ring = keys_}; }

  [[nodiscard]] ChildProcess new_worker(std::uint_fast32_t seed) {
    return ChildProcess([this, seed](const Channel& parent) { work(parent, seed); });
  }

  /// Says "enrolled <id>" and "valid <contested factor> <hour>".
  [[noreturn]] void work(const Channel& parent, std::uint_fast32_t seed) {
    std::minstd_rand random(static_cast<unsigned>(seed));
    for (;;) {
      try {
        auto storage = open_();
        testing::ManualClock clock;
        Verifier verifier{storage, clock, options()};
        for (;;) {
          const std::int64_t hour = *hour_;
          clock.set(std::chrono::system_clock::time_point{std::chrono::hours(hour)});
          if (random() % 4 == 0)
            parent.send("enrolled " +
                        verifier.enroll_factor(Totp{.issuer = "Foo Corp", .user = "new"}).factor.id());
          const Contested& factor = contested_[random() % contested_.size()];
          const auto challenge = verifier.challenge_factor(factor.id, mfa::any_user);
          if (challenge.verify(otp::totp(factor.secret, clock.now())).valid())
            parent.send("valid " + factor.id + " " + std::to_string(hour));
        }
      } catch (const Error&) { // the server is down
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    }
  }

  /// Keeps what a worker says.
  void keep(const std::string& told) {
    if (told.starts_with("enrolled "))
      enrolled_.insert(told.substr(std::string_view("enrolled ").size()));
    else if (!valid_.insert(told).second)
      twice_.insert(told);
  }

  [[nodiscard]] std::size_t acknowledged() const noexcept { return enrolled_.size() + valid_.size(); }

  void check(int kills) {
    auto storage = open_();
    std::size_t lost = 0;
    for (const std::string& id : enrolled_) lost += storage.find_factor(id) ? 0 : 1;
    testing::ManualClock clock;
    Verifier verifier{storage, clock, options()};
    // Two days on: who lost a race answered a wrong code, of which a user has so many a day.
    clock.set(std::chrono::system_clock::time_point{std::chrono::hours(*hour_ + 48)});
    for (const Contested& factor : contested_) {
      const std::string code = otp::totp(factor.secret, clock.now());
      CHECK(verifier.challenge_factor(factor.id, mfa::any_user).verify(code).valid()); // none is left broken
      CHECK_FALSE(verifier.challenge_factor(factor.id, mfa::any_user).verify(code).valid());
    }
    std::printf("%d kills: %zu enrolments and %zu codes were acknowledged\n", kills, enrolled_.size(),
                valid_.size());
    CHECK(acknowledged() > static_cast<std::size_t>(kills)); // there was a load
    CHECK(lost == 0);
    CHECK(twice_.empty());
  }

  Open open_;
  const KeyRing keys_ = KeyRing::generate();
  SharedMemory<Hour> hour_;
  std::array<Contested, 2> contested_;
  std::set<std::string> enrolled_;
  std::set<std::string> valid_;
  std::set<std::string> twice_;
};

} // namespace mfa::test
