#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <mfa/sms/concept.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

// What verbs ask for: each a question, and a place for its answer or for what was thrown in its place. They
// stand in the verb's own memory, and so does all that they point to, for as long as the verb waits.

template <class Answer> struct Question {
  Answer answer{};
  std::exception_ptr failure = {};
};

struct ReadClock : Question<std::chrono::system_clock::time_point> {};

struct FindFactor : Question<std::optional<storage::FactorRecord>> {
  std::string_view id;
};

struct FindChallenge : Question<std::optional<storage::ChallengeRecord>> {
  std::string_view id;
};

struct FindCounter : Question<std::optional<storage::CounterRecord>> {
  std::string_view id;
};

/// Only where `Driver::finds_challenge_with_factor`.
struct FindChallengeWithFactor : Question<std::optional<storage::ChallengeWithFactor>> {
  std::string_view id;
};

struct ListFactors : Question<std::vector<storage::FactorRecord>> {
  std::string_view user_id;
};

struct ListPageOfFactors : Question<std::vector<storage::FactorRecord>> {
  std::string_view user_id;
  std::string_view after_id;
  std::size_t limit = 0;
};

struct ScanFactors : Question<std::vector<storage::FactorRecord>> {
  std::string_view after_id;
  std::size_t limit = 0;
};

struct Commit : Question<bool> {
  storage::Batch* batch = nullptr; ///< the driver may take its contents
};

struct Purge : Question<std::size_t> {
  Time now{};
  std::size_t limit = 0;
};

struct SendSms : Question<std::monostate> {
  const SmsMessage* message = nullptr;
};

using Request = std::variant<ReadClock*, FindFactor*, FindChallenge*, FindCounter*, FindChallengeWithFactor*,
                             ListFactors*, ListPageOfFactors*, ScanFactors*, Commit*, Purge*, SendSms*>;

/// What runs a verb: it answers requests. One drives one verb at a time.
class Driver {
 public:
  explicit Driver(bool finds_both) noexcept : finds_challenge_with_factor(finds_both) {}
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  /// Whether the storage reads a challenge and its factor in one round trip.
  const bool finds_challenge_with_factor;

  /// Writes the answer and returns true, or throws. Or returns false, which suspends the verb: then the
  /// driver writes `answer` or `failure` when it has it, and calls `resume`.
  virtual bool answer(const Request& request) = 0;

 protected:
  ~Driver() = default;

  /// Runs the verb that waits to its next request that is not answered at once, or to its end.
  void resume() {
    for (VerbState* verb = std::exchange(waiting_, nullptr); verb != nullptr; verb = verb->caller) {
      verb->coroutine.resume();
      if (!verb->coroutine.done()) return;
    }
  }

 private:
  template <class, class> friend class Asked;

  VerbState* waiting_ = nullptr; ///< the innermost
};

/// What a verb awaits: a request to its driver. `finish` makes what the verb gets of the answered request.
template <class Asking, class Finish> class [[nodiscard]] Asked {
 public:
  Asked(Driver& driver, Asking request, Finish finish)
      : driver_(driver), request_(std::move(request)), finish_(std::move(finish)) {}

  bool await_ready() { return driver_.answer(&request_); }
  template <class Promise> void await_suspend(std::coroutine_handle<Promise> verb) noexcept {
    driver_.waiting_ = &verb.promise();
  }
  decltype(auto) await_resume() {
    if (request_.failure) std::rethrow_exception(request_.failure);
    return finish_(request_);
  }

 private:
  Driver& driver_;
  Asking request_;
  Finish finish_;
};

} // namespace mfa::verbs
