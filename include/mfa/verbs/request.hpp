#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/message.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// What a verb can ask for.
enum class Asks : std::uint8_t {
  clock,
  factor,
  challenge,
  counter,
  challenge_with_factor, ///< only where `Driver::finds_challenge_with_factor`
  factors_of_user,
  page_of_factors, ///< this and the next: only where the storage offers it
  scan_of_factors,
  commit,
  purge,
  send,
};

/// What a verb asks its driver: a question, and a place for the answer or for what was thrown instead. It
/// stands in the verb's own memory, and so does all that it points to, for as long as the verb waits.
struct Request {
  const Asks asks;
  std::exception_ptr failure = {};
};

template <Asks kind, class Answered> struct Question : Request {
  static constexpr Asks asks_for = kind;

  Question() : Request{kind} {}

  Answered answer{};
};

struct ReadClock : Question<Asks::clock, std::chrono::system_clock::time_point> {};

struct FindFactor : Question<Asks::factor, std::optional<storage::FactorRecord>> {
  std::string_view id;
};

struct FindChallenge : Question<Asks::challenge, std::optional<storage::ChallengeRecord>> {
  std::string_view id;
};

struct FindCounter : Question<Asks::counter, std::optional<storage::CounterRecord>> {
  std::string_view id;
};

/// The answer goes where the verb wants it, as it is large. True when it is there.
struct FindChallengeWithFactor : Question<Asks::challenge_with_factor, bool> {
  std::string_view id;
  std::optional<storage::ChallengeWithFactor>* found = nullptr;
};

struct ListFactors : Question<Asks::factors_of_user, std::vector<storage::FactorRecord>> {
  std::string_view user_id;
};

struct ListPageOfFactors : Question<Asks::page_of_factors, std::vector<storage::FactorRecord>> {
  std::string_view user_id;
  std::string_view after_id;
  std::size_t limit = 0;
};

struct ScanFactors : Question<Asks::scan_of_factors, std::vector<storage::FactorRecord>> {
  std::string_view after_id;
  std::size_t limit = 0;
};

struct Commit : Question<Asks::commit, bool> {
  storage::Batch* batch = nullptr; ///< the driver may take its contents
};

struct Purge : Question<Asks::purge, std::size_t> {
  Time now{};
  std::size_t limit = 0;
};

/// Answered when the message was taken.
struct Send : Question<Asks::send, bool> {
  OutgoingMessage message;
};

/// The request as the question that it is; null if it is another.
template <class Asked> [[nodiscard]] Asked* as(Request& request) noexcept {
  return request.asks == Asked::asks_for ? static_cast<Asked*>(&request) : nullptr;
}

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
  virtual bool answer(Request& request) = 0;

  /// The innermost verb waits for its request's answer.
  void suspended(VerbState& innermost) noexcept { waiting_ = &innermost; }

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
  VerbState* waiting_ = nullptr;
};

/// What a verb awaits: a request to its driver. `finish` makes what the verb gets of the answered request.
template <class Asking, class Finish> class [[nodiscard]] Asked {
 public:
  Asked(Driver& driver, Asking request, Finish finish)
      : driver_(driver), request_(std::move(request)), finish_(std::move(finish)) {}

  bool await_ready() { return driver_.answer(request_); }
  template <class Promise> void await_suspend(std::coroutine_handle<Promise> verb) noexcept {
    driver_.suspended(verb.promise());
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
