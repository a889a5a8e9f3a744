#pragma once

#include <stdexcept>
#include <utility>

#include <mfa/event.hpp>
#include <mfa/message.hpp>
#include <mfa/policies.hpp>
#include <mfa/storage/concept.hpp>
#include <mfa/verbs/request.hpp>
#include <mfa/verbs/run.hpp>

namespace mfa::detail {

/// What both blocking drivers answer, at once.
template <class StoragePolicy, class ClockPolicy, class SmsPolicy>
class BlockingAnswers : public verbs::Driver {
 protected:
  using Policies = detail::Policies<StoragePolicy, ClockPolicy, SmsPolicy>;

  const Policies& policies_;

  ~BlockingAnswers() = default;

 public:
  BlockingAnswers(const Policies& policies, const EventContext& event_context)
      : Driver(storage::FindsChallengeWithFactor<StoragePolicy>), policies_(policies),
        run_(*this, policies.options, policies.keys.get(), event_context) {}

  [[nodiscard]] const verbs::Run& run() const noexcept { return run_; }

  bool answer(verbs::Request& request) override {
    using namespace verbs;
    auto& storage = *policies_.storage;
    if (auto* const find = as<FindFactor>(request)) {
      find->answer = storage.find_factor(find->id);
    } else if (auto* const read = as<ReadClock>(request)) {
      read->answer = policies_.clock->now();
    } else if (auto* const commit = as<Commit>(request)) {
      commit->answer = storage.commit(std::move(*commit->batch));
    } else if (auto* const find_both = as<FindChallengeWithFactor>(request)) {
      if constexpr (storage::FindsChallengeWithFactor<StoragePolicy>)
        *find_both->found = storage.find_challenge_with_factor(find_both->id);
    } else if (auto* const find_challenge = as<FindChallenge>(request)) {
      find_challenge->answer = storage.find_challenge(find_challenge->id);
    } else if (auto* const find_counter = as<FindCounter>(request)) {
      find_counter->answer = storage.find_counter(find_counter->id);
    } else if (auto* const send = as<Send>(request)) {
      send->message.visit([this](const auto& message) { this->send(message); });
    } else {
      throw std::logic_error("mfa: a verb asked for a list of a driver that has none");
    }
    return true;
  }

 private:
  template <class Message> void send(const Message& message) {
    if constexpr (Sends<SmsPolicy, Message>)
      policies_.sms->send(message);
    else
      throw_no_transport(channel_of(message));
  }

  verbs::Run run_;
};

/// Runs one verb on policies that block, unless it lists or scans, which `BlockingListsDriver` answers: so a
/// program that never asks for them does not compile them.
template <class StoragePolicy, class ClockPolicy, class SmsPolicy>
class BlockingDriver final : public BlockingAnswers<StoragePolicy, ClockPolicy, SmsPolicy> {
 public:
  using BlockingAnswers<StoragePolicy, ClockPolicy, SmsPolicy>::BlockingAnswers;
};

/// The same for verbs that also list, scan or purge.
template <class StoragePolicy, class ClockPolicy, class SmsPolicy>
class BlockingListsDriver final : public BlockingAnswers<StoragePolicy, ClockPolicy, SmsPolicy> {
  using Base = BlockingAnswers<StoragePolicy, ClockPolicy, SmsPolicy>;

 public:
  using Base::Base;

  bool answer(verbs::Request& request) override {
    using namespace verbs;
    auto& storage = *this->policies_.storage;
    if (auto* const list = as<ListFactors>(request)) {
      list->answer = storage.list_factors(list->user_id);
    } else if (auto* const page = as<ListPageOfFactors>(request)) {
      if constexpr (storage::PagesFactors<StoragePolicy>)
        page->answer = storage.list_factors(page->user_id, page->after_id, page->limit);
    } else if (auto* const scan = as<ScanFactors>(request)) {
      if constexpr (storage::ScansFactors<StoragePolicy>)
        scan->answer = storage.scan_factors(scan->after_id, scan->limit);
    } else if (auto* const purge = as<Purge>(request)) {
      if constexpr (storage::Purges<StoragePolicy>) purge->answer = storage.purge(purge->now, purge->limit);
    } else {
      return Base::answer(request);
    }
    return true;
  }
};

} // namespace mfa::detail
