// The blocking verifier runs unchanged in stackful fibres, where a storage waits without holding its thread:
// forty of them race on one thread with one right code, and one is accepted. No policy is called while an
// exception is being handled, since what a thread handles is not a fibre's own: the next one to throw would
// take it.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/spawn.hpp>
#include <boost/asio/steady_timer.hpp>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/forwarding_storage.hpp"
#include "support/host.hpp"

namespace {

namespace asio = boost::asio;

/// A host's storage in a server on fibres: each call gives the thread to other fibres, as a query over the
/// network does, and goes on when its answer is there.
class FibreStorage : public mfa::test::ForwardsFive<FibreStorage> {
 public:
  static constexpr bool ephemeral = true;

  explicit FibreStorage(asio::io_context& loop) : loop_(loop) {}

  auto around(std::string_view, auto call) {
    wait();
    return call(memory_);
  }

  /// Runs `work` in a fibre of its own.
  template <class Work> void in_fibre(Work work) {
    asio::spawn(loop_, [this, work = std::move(work)](asio::yield_context yield) mutable {
      yield_ = &yield;
      work();
      yield_ = nullptr;
    });
  }

  [[nodiscard]] std::size_t most_waiting() const { return most_waiting_; }

 private:
  void wait() {
    if (yield_ == nullptr) return; // outside of any fibre
    asio::yield_context& mine = *yield_;
    most_waiting_ = std::max(most_waiting_, ++waiting_);
    asio::steady_timer answer(loop_, std::chrono::microseconds(100));
    answer.async_wait(mine);
    --waiting_;
    yield_ = &mine;
  }

  asio::io_context& loop_;
  asio::yield_context* yield_ = nullptr; // of the fibre that runs
  mfa::storage::Memory memory_;
  std::size_t waiting_ = 0;
  std::size_t most_waiting_ = 0;
};

} // namespace

TEST_CASE("Of forty fibres with the right code, one is accepted; the others are answered, and none waits for "
          "ever") {
  asio::io_context loop;
  FibreStorage storage(loop);
  mfa::testing::ManualClock clock;
  mfa::Verifier verifier{storage, clock};
  const auto enrolled = verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan.turing"});
  const std::string factor_id = enrolled.factor.id();
  const auto shown = [&] {
    return mfa::otp::totp(mfa::otp::base32_decode(enrolled.totp.secret), clock.now());
  };
  REQUIRE(verifier.confirm_enrollment(factor_id, shown()).confirmed());
  clock.advance(std::chrono::seconds(30));
  const std::string code = shown();

  constexpr int fibres = 40;
  std::map<std::string, int> answers;
  for (int i = 0; i < fibres; ++i)
    storage.in_fibre([&] {
      const auto challenge = verifier.challenge_factor(factor_id, mfa::any_user);
      const auto verification = verifier.verify_challenge(challenge.id(), code);
      ++answers[std::string(to_string(verification.status()))];
    });
  loop.run();

  CHECK(storage.most_waiting() == fibres); // they did interleave
  CHECK(answers["valid"] == 1);
  int answered = 0;
  for (const auto& [status, count] : answers) answered += count;
  CHECK(answered == fibres);
}

TEST_CASE("Of fibres whose messages are not sent, each is told what its own transport threw") {
  struct Refusing {
    static void send(const mfa::SmsMessage& message) {
      throw std::runtime_error("no route to " + message.to);
    }
  };
  asio::io_context loop;
  FibreStorage storage(loop);
  mfa::testing::ManualClock clock;
  mfa::Verifier verifier{storage, clock, Refusing{}, mfa::Options{.sms_allowed_country_codes = {"1"}}};

  constexpr int fibres = 10;
  std::map<std::string, std::string> told;
  for (int i = 0; i < fibres; ++i)
    storage.in_fibre([&, number = "+1415555012" + std::to_string(i)] {
      const auto enrolled = verifier.enroll_factor(mfa::Sms{.phone_number = number});
      try {
        (void)verifier.challenge_enrollment(enrolled.factor.id(), mfa::any_user);
      } catch (const mfa::Error& error) {
        try {
          std::rethrow_if_nested(error);
        } catch (const std::exception& nested) {
          told[number] = nested.what();
        }
      }
    });
  loop.run();

  CHECK(storage.most_waiting() == fibres);
  CHECK(told.size() == fibres);
  for (const auto& [number, what] : told) CHECK(what == "no route to " + number);
}

TEST_CASE("Of fibres that a limit refuses, each is told its own limit, also where a clock was ahead") {
  asio::io_context loop;
  FibreStorage storage(loop);
  mfa::testing::ManualClock clock;
  mfa::testing::RecordingSms sms;
  mfa::Verifier verifier{storage, clock, sms, mfa::Options{.sms_allowed_country_codes = {"1"}}};

  constexpr int fibres = 10;
  std::vector<std::string> factor_ids;
  clock.advance(
      std::chrono::hours(1)); // what is counted now is ahead later, and stored anew with the refusal
  for (int i = 0; i < fibres; ++i) {
    const std::string number = "+1415555012" + std::to_string(i);
    factor_ids.push_back(i % 2 == 0
                             ? verifier.enroll_factor(mfa::Sms{.phone_number = number}).factor.id()
                             : verifier.enroll_factor(mfa::GenericOtp{.destination = number}).factor.id());
    (void)verifier.challenge_enrollment(factor_ids.back(), mfa::any_user);
  }
  clock.advance(-std::chrono::hours(1));

  std::map<std::string, std::string> told;
  for (const std::string& id : factor_ids)
    storage.in_fibre([&] {
      try {
        (void)verifier.challenge_enrollment(id, mfa::any_user);
      } catch (const mfa::Error& error) {
        told[id] = error.code().message();
      }
    });
  loop.run();

  CHECK(storage.most_waiting() == fibres);
  REQUIRE(told.size() == fibres);
  for (int i = 0; i < fibres; ++i)
    CHECK(told[factor_ids[static_cast<std::size_t>(i)]] ==
          (i % 2 == 0 ? "SMS rate limited" : "code rate limited"));
}
