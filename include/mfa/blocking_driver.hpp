#pragma once

#include <utility>

#include <mfa/event.hpp>
#include <mfa/policies.hpp>
#include <mfa/storage/concept.hpp>
#include <mfa/verbs/request.hpp>
#include <mfa/verbs/run.hpp>

namespace mfa::detail {

/// Runs one verb on policies that block: every request is answered at once.
template <class StoragePolicy, class ClockPolicy, class SmsPolicy>
class BlockingDriver final : public verbs::Driver {
  using Policies = detail::Policies<StoragePolicy, ClockPolicy, SmsPolicy>;

 public:
  BlockingDriver(const Policies& policies, const EventContext& event_context)
      : Driver(storage::FindsChallengeWithFactor<StoragePolicy>), policies_(policies),
        run_(*this, policies.options, policies.keys.get(), event_context) {}

  [[nodiscard]] const verbs::Run& run() const noexcept { return run_; }

  bool answer(verbs::Request& request) override {
    using namespace verbs;
    switch (request.asks) {
    case Asks::clock: answer(static_cast<ReadClock&>(request)); break;
    case Asks::factor: answer(static_cast<FindFactor&>(request)); break;
    case Asks::challenge: answer(static_cast<FindChallenge&>(request)); break;
    case Asks::counter: answer(static_cast<FindCounter&>(request)); break;
    case Asks::challenge_with_factor: answer(static_cast<FindChallengeWithFactor&>(request)); break;
    case Asks::factors_of_user: answer(static_cast<ListFactors&>(request)); break;
    case Asks::page_of_factors: answer(static_cast<ListPageOfFactors&>(request)); break;
    case Asks::scan_of_factors: answer(static_cast<ScanFactors&>(request)); break;
    case Asks::commit: answer(static_cast<Commit&>(request)); break;
    case Asks::purge: answer(static_cast<Purge&>(request)); break;
    case Asks::sms: answer(static_cast<SendSms&>(request)); break;
    }
    return true;
  }

 private:
  void answer(verbs::ReadClock& read) { read.answer = policies_.clock->now(); }
  void answer(verbs::FindFactor& find) { find.answer = policies_.storage->find_factor(find.id); }
  void answer(verbs::FindChallenge& find) { find.answer = policies_.storage->find_challenge(find.id); }
  void answer(verbs::FindCounter& find) { find.answer = policies_.storage->find_counter(find.id); }
  void answer(verbs::ListFactors& list) { list.answer = policies_.storage->list_factors(list.user_id); }
  void answer(verbs::Commit& commit) { commit.answer = policies_.storage->commit(std::move(*commit.batch)); }
  void answer(verbs::SendSms& send) { policies_.sms->send(*send.message); }

  // A verb asks for these only where the storage offers them.
  void answer(verbs::FindChallengeWithFactor& find) {
    if constexpr (storage::FindsChallengeWithFactor<StoragePolicy>)
      find.answer = policies_.storage->find_challenge_with_factor(find.id);
  }
  void answer(verbs::ListPageOfFactors& list) {
    if constexpr (storage::PagesFactors<StoragePolicy>)
      list.answer = policies_.storage->list_factors(list.user_id, list.after_id, list.limit);
  }
  void answer(verbs::ScanFactors& scan) {
    if constexpr (storage::ScansFactors<StoragePolicy>)
      scan.answer = policies_.storage->scan_factors(scan.after_id, scan.limit);
  }
  void answer(verbs::Purge& purge) {
    if constexpr (storage::Purges<StoragePolicy>)
      purge.answer = policies_.storage->purge(purge.now, purge.limit);
  }

  const Policies& policies_;
  verbs::Run run_;
};

} // namespace mfa::detail
