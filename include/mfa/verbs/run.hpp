#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/key_ring.hpp>
#include <mfa/decision/not_found.hpp>
#include <mfa/encoding/checked_text.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/message.hpp>
#include <mfa/options.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/checked_records.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/request.hpp>
#include <mfa/verbs/sealed_records.hpp>

namespace mfa::verbs {

/// What happened to a factor. Its texts are those of the record.
[[nodiscard]] inline Event about(const storage::FactorRecord& factor, EventType type, Time at) {
  return {
      .type = type, .at = at, .factor_type = factor.type, .factor_id = factor.id, .user_id = factor.user_id};
}

/// Throws `errc::invalid_argument` for what is nobody's user id. `what` is its name.
inline void check_user_id(const char* what, const UserId& user_id) {
  if (user_id.text().empty())
    throw Error(errc::invalid_argument,
                std::string(what) + " is empty, which no user's is; give the user of the session");
  detail::check_text(what, user_id.text(), storage::longest_user_id);
}

/// Throws `errc::invalid_argument` for what is nobody's user id.
inline void check_whose(const Whose& whose) {
  if (whose.user_id() && whose.user_id()->text().empty())
    throw Error(errc::invalid_argument,
                "the user whose it must be is empty; give the user of the session, or mfa::any_user");
}

/// One run of a verb: whom it asks, the options, the key ring that was current when it began, and what the
/// host said of the request. What it returns is awaited at once. All that a storage returns is checked and
/// opened here, once, and all that is committed is sealed: see checked_records.hpp and sealed_records.hpp.
class Run {
 public:
  const Options& options;

  Run(Driver& driver, const Options& given, std::shared_ptr<const KeyRing> keys,
      const EventContext& event_context)
      : options(given), driver_(driver), keys_(std::move(keys)) {
    if (!options.observer) return;
    constexpr std::size_t longest = 512;
    event_context_ = {detail::printable(event_context.ip_address, longest),
                      detail::printable(event_context.user_agent, longest),
                      detail::printable(event_context.request_id, longest)};
  }

  [[nodiscard]] const KeyRing& keys() const noexcept { return *keys_; }

  // --- the clock

  [[nodiscard]] auto time() const {
    return ask(ReadClock{}, [](ReadClock& read) { return in_range(read.answer); });
  }

  /// The time, and all else that a decision may know.
  [[nodiscard]] auto now() const {
    return ask(ReadClock{}, [this](ReadClock& read) -> factor::Context {
      return {in_range(read.answer), options, *keys_};
    });
  }

  // --- the storage

  /// The factor, if it is one of those. Throws `errc::entity_not_found`.
  [[nodiscard]] auto find_factor(std::string_view id, const Whose& whose) const {
    check_whose(whose);
    if (!detail::is_id(id, detail::factor_id_prefix)) decision::throw_not_found("factor");
    return ask(question<FindFactor>(id), [this, &whose](FindFactor& found) -> storage::FactorRecord {
      open_found("factor", found);
      if (!found.answer || !whose.include(found.answer->user_id)) decision::throw_not_found("factor");
      return *std::move(found.answer);
    });
  }

  /// The same for an id that need not exist.
  [[nodiscard]] auto find_factor_if_any(std::string_view id) const {
    return ask(question<FindFactor>(id), [this](FindFactor& found) -> std::optional<storage::FactorRecord> {
      open_found("factor", found);
      return std::move(found.answer);
    });
  }

  /// The same, with its seal on.
  [[nodiscard]] auto find_sealed_factor(std::string_view id) const {
    return ask(question<FindFactor>(id), [](FindFactor& found) -> std::optional<storage::FactorRecord> {
      check_found("factor", found);
      return std::move(found.answer);
    });
  }

  [[nodiscard]] auto find_challenge(std::string_view id) const {
    return ask(question<FindChallenge>(id),
               [this](FindChallenge& found) -> std::optional<storage::ChallengeRecord> {
                 open_found("challenge", found);
                 return std::move(found.answer);
               });
  }

  /// The same, with its seal on: for who removes it.
  [[nodiscard]] auto find_sealed_challenge(std::string_view id) const {
    return ask(question<FindChallenge>(id),
               [](FindChallenge& found) -> std::optional<storage::ChallengeRecord> {
                 check_found("challenge", found);
                 return std::move(found.answer);
               });
  }

  /// One without a seal, or with that of a key which the ring holds no more, is there, as a claim is, and
  /// says nothing.
  [[nodiscard]] auto find_counter(std::string_view id) const {
    return ask(question<FindCounter>(id),
               [this](FindCounter& found) -> std::optional<storage::CounterRecord> {
                 check_found("counter", found);
                 if (found.answer) open_or_empty(*found.answer, keys(), options.unsealed_records);
                 return std::move(found.answer);
               });
  }

  /// The same, with its seal on.
  [[nodiscard]] auto find_sealed_counter(std::string_view id) const {
    return ask(question<FindCounter>(id), [](FindCounter& found) -> std::optional<storage::CounterRecord> {
      check_found("counter", found);
      return std::move(found.answer);
    });
  }

  /// Whether the storage reads a challenge and its factor in one round trip.
  [[nodiscard]] bool finds_challenge_with_factor() const noexcept {
    return driver_.finds_challenge_with_factor;
  }

  /// Into `found`, which must stay.
  [[nodiscard]] auto find_challenge_with_factor(std::string_view id,
                                                std::optional<storage::ChallengeWithFactor>& found) const {
    auto request = question<FindChallengeWithFactor>(id);
    request.found = &found;
    return ask(std::move(request), [this](FindChallengeWithFactor& asked) {
      std::optional<storage::ChallengeWithFactor>& both = *asked.found;
      if (!both) return;
      storage::check_named("challenge", asked.id, both->challenge);
      open(both->challenge);
      if (!both->factor) return;
      storage::check_named("factor", both->challenge.factor_id, *both->factor);
      open(*both->factor);
    });
  }

  [[nodiscard]] auto list_factors(std::string_view user_id) const {
    ListFactors request;
    request.user_id = user_id;
    return ask(std::move(request), [this](ListFactors& listed) { return of_user(listed); });
  }

  [[nodiscard]] auto list_factors(std::string_view user_id, std::string_view after_id,
                                  std::size_t limit) const {
    ListPageOfFactors request;
    request.user_id = user_id;
    request.after_id = after_id;
    request.limit = limit;
    return ask(std::move(request), [this](ListPageOfFactors& listed) { return of_user(listed); });
  }

  /// Unchecked and sealed, so that one damaged record does not keep its reader from the others:
  /// `storage::check` and `open` each.
  [[nodiscard]] auto scan_factors(std::string_view after_id, std::size_t limit) const {
    ScanFactors request;
    request.after_id = after_id;
    request.limit = limit;
    return ask(std::move(request), [](ScanFactors& scanned) { return std::move(scanned.answer); });
  }

  /// Seals and takes what the batch holds.
  [[nodiscard]] auto commit(storage::Batch& batch) const {
    seal(batch, keys());
    Commit request;
    request.batch = &batch;
    return ask(std::move(request), [](Commit& commit) { return commit.answer; });
  }

  /// Checks a record's seal and takes it off. Throws `errc::seal_broken` and `errc::unknown_key`.
  template <class Record> void open(Record& record) const {
    verbs::open(record, keys(), options.unsealed_records);
  }

  /// How many records were removed.
  [[nodiscard]] auto purge(Time now, std::size_t limit) const {
    Purge request;
    request.now = now;
    request.limit = limit;
    return ask(std::move(request), [](Purge& purge) { return purge.answer; });
  }

  // --- messages

  /// `message` must stay until it is sent.
  [[nodiscard]] auto send(const OutgoingMessage& message) const {
    Send request;
    request.message = message;
    return ask(std::move(request), [](Send&) {});
  }

  // --- the observer, which is told at once

  [[nodiscard]] bool observed() const noexcept { return static_cast<bool>(options.observer); }

  void emit(Event event) const noexcept {
    if (!observed()) return;
    event.ip_address = event_context_.ip_address;
    event.user_agent = event_context_.user_agent;
    event.request_id = event_context_.request_id;
    try {
      options.observer(event);
    } catch (...) { // see Observer
    }
  }

  void emit(EventType type, Time at, const storage::FactorRecord& factor,
            std::exception_ptr cause = {}) const noexcept {
    Event event = about(factor, type, at);
    event.cause = std::move(cause);
    emit(std::move(event));
  }

 private:
  template <class Asking, class Finish> Asked<Asking, Finish> ask(Asking request, Finish finish) const {
    return {driver_, std::move(request), std::move(finish)};
  }

  static Time in_range(std::chrono::system_clock::time_point read) {
    // A year before `std::chrono::system_clock::time_point` ends where it counts nanoseconds, so that what is
    // to last for a while has its end in it.
    constexpr Time end = std::chrono::sys_days(std::chrono::year(2261) / 1 / 1);
    const Time time = std::chrono::floor<std::chrono::milliseconds>(read);
    if (time < Time{} || time >= end)
      throw Error(errc::clock_out_of_range, "the clock reads before 1970 or after 2260; set it");
    return time;
  }

  template <class Find> static Find question(std::string_view id) {
    Find find;
    find.id = id;
    return find;
  }

  template <class Find> static void check_found(std::string_view what, const Find& found) {
    if (found.answer) storage::check_named(what, found.id, *found.answer);
  }

  template <class Find> void open_found(std::string_view what, Find& found) const {
    check_found(what, found);
    if (found.answer) open(*found.answer);
  }

  template <class List> std::vector<storage::FactorRecord> of_user(List& listed) const {
    for (storage::FactorRecord& factor : listed.answer) {
      storage::check_of_user(listed.user_id, factor);
      open(factor);
    }
    return std::move(listed.answer);
  }

  Driver& driver_;
  std::shared_ptr<const KeyRing> keys_;
  EventContext event_context_; ///< for the log
};

/// `Run`. Verbs are templates for this alone, that g++ writes the code of every other coroutine which it
/// reads: so a program has that of the verbs which it calls.
template <class R>
concept VerbRun = std::same_as<R, Run>;

/// The rounds of a verb that finds, decides and commits until its commit succeeds. A commit that does not
/// found a record changed: another verb got through, and the limits bound how often that happens.
class Rounds {
 public:
  /// `what` is what changes.
  explicit Rounds(const char* what) noexcept : what_(what) {}

  [[nodiscard]] int done() const noexcept { return done_; }

  /// Throws `errc::storage_conflict` after very many.
  void next() {
    constexpr int most = 1000;
    if (++done_ >= most)
      throw Error(errc::storage_conflict,
                  std::string(what_) +
                      " kept changing under the operation; nothing was done. Try again, and if it "
                      "stays so, check that the storage's commit compares versions");
  }

 private:
  const char* what_;
  int done_ = 0;
};

} // namespace mfa::verbs
