#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/channel.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/sent_code.hpp>
#include <mfa/factor/sms_budgets.hpp>
#include <mfa/message.hpp>
#include <mfa/sms/country.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// Removes a challenge, whatever became of it meanwhile; false if the storage fails.
Verb<bool> withdraw(const VerbRun auto& run, std::string_view challenge_id) {
  try {
    for (Rounds rounds("the challenge");; rounds.next()) {
      const auto challenge = co_await run.find_challenge(challenge_id);
      if (!challenge) co_return true;
      storage::Batch batch;
      batch.removals.push_back({storage::RecordKind::challenge, challenge->id, challenge->version});
      if (co_await run.commit(batch)) co_return true;
    }
  } catch (...) { // told by the result
  }
  co_return false;
}

/// What becomes of a new challenge whose code nobody has.
struct Withdrawal {
  std::string_view challenge_id;

  static constexpr std::string_view undone = "; the challenge is withdrawn";
  static constexpr std::string_view not_undone =
      ", and the storage could not withdraw the challenge, which ends by its lifetime";
  static constexpr std::string_view remedy = "create another";

  /// False if the storage fails.
  Verb<bool> undo(const VerbRun auto& run) const { return withdraw(run, challenge_id); }
};

/// Notes that the code of a new challenge goes by this channel now; false if the challenge has ended, its
/// code was sent again meanwhile, or the storage fails.
Verb<bool> note_channel(const VerbRun auto& run, std::string_view challenge_id, Channel channel,
                        FactorType type) {
  try {
    for (Rounds rounds("the challenge");; rounds.next()) {
      auto challenge = co_await run.find_challenge(challenge_id);
      if (!challenge || challenge->state != ChallengeState::pending) co_return false;
      decision::ChallengeTerms terms = decision::take_terms(*challenge);
      if (factor::kept_code(*challenge).sends != 1) co_return false;
      decision::go_by(terms, channel, type);
      decision::put_terms(*challenge, terms);
      storage::Batch batch;
      batch.challenges.push_back(*std::move(challenge));
      if (co_await run.commit(batch)) co_return true;
    }
  } catch (...) { // told by the result
  }
  co_return false;
}

/// What a message was counted on, beside its destination.
struct Counted {
  std::vector<std::string> budgets = {}; ///< ids of counters
  factor::Credit credit = {};
  Time at{};
};

/// Takes a message that never left off the budgets, as far as the storage lets: else a gateway that is down
/// for some minutes would spend them, and have its codes count as unanswered.
Verb<void> give_back(const VerbRun auto& run, const Counted& counted) {
  if (counted.budgets.empty()) co_return;
  try {
    for (Rounds rounds("the count of what was sent");; rounds.next()) {
      storage::Batch batch;
      for (const std::string& id : counted.budgets) {
        auto counter = co_await run.find_counter(id);
        if (!counter) continue;
        factor::uncount_message(*counter, counted.credit, counted.at);
        batch.counters.push_back(*std::move(counter));
      }
      if (batch.counters.empty() || co_await run.commit(batch)) co_return;
    }
  } catch (...) { // they end by their time
  }
}

/// What a message that was not taken comes to for whoever asked for it. `outcome` ends the sentence and says
/// what became of the challenge.
[[nodiscard]] inline Error not_sent(const OutgoingMessage& message, const std::exception_ptr& cause,
                                    std::string_view outcome, std::string_view usual_remedy) {
  const Channel channel = message.channel();
  std::string text("the ");
  text.append(channel == Channel::sms ? "SMS" : to_string(channel));
  text.append(" transport did not take the message (");
  std::optional<std::chrono::seconds> retry_after;
  std::string_view remedy = usual_remedy;
  if (const auto failure = delivery_failure(cause)) {
    text.append(to_string(*failure)).append("; ");
    retry_after = retry_after_of(cause);
    if (*failure == DeliveryFailure::invalid_recipient || *failure == DeliveryFailure::opted_out)
      remedy = "offer the user another factor";
  }
  text.append("its own error is nested)").append(outcome).append(": ").append(remedy);
  return {channel == Channel::sms ? errc::sms_not_sent : errc::message_not_delivered, text, cause,
          retry_after};
}

/// Sends the message of a challenge that is committed, and returns the channel by which it went. `event` is
/// about the challenge. If the transport throws, those `further` are tried, one after the other. If it throws
/// for all, `unsent` is undone, and `errc::sms_not_sent` or `errc::message_not_delivered` carries the last
/// one's exception nested. But if nobody knows whether it was sent, it may arrive: then no other is tried,
/// and the challenge stands. What it was `counted` on gets back what was not sent.
Verb<Channel> send(const VerbRun auto& run, OutgoingMessage message, Event event, const Counted& counted,
                   const auto& unsent, const std::vector<factor::Delivery>& further) {
  for (std::size_t tried = 0;; ++tried) {
    // No policy is called while an exception is handled: what is handled belongs to the thread, and a policy
    // may give that to another fibre, which would take it.
    event.cause = nullptr;
    try {
      co_await run.send(message);
    } catch (...) {
      event.cause = std::current_exception();
    }
    const bool sms = message.channel() == Channel::sms;
    event.channel = message.channel();
    event.country = {};
    if (const auto* const text = message.get_if<SmsMessage>()) event.country = sms::country_of(text->to);
    if (const auto* const call = message.get_if<VoiceMessage>()) event.country = sms::country_of(call->to);
    if (!event.cause || delivery_failure(event.cause) == DeliveryFailure::unclear) {
      event.type = event.cause ? EventType::message_unclear
                   : sms       ? EventType::sms_sent
                               : EventType::message_sent;
      run.emit(event);
      co_return message.channel();
    }
    event.type = sms ? EventType::sms_not_sent : EventType::message_not_sent;
    bool goes_on = tried < further.size();
    if (goes_on) {
      const OutgoingMessage next = further[tried].message();
      goes_on = co_await note_channel(run, event.challenge_id, next.channel(), *event.factor_type);
      if (goes_on) {
        run.emit(event);
        message = next;
        continue;
      }
    }
    const bool undone = co_await unsent.undo(run);
    co_await give_back(run, counted);
    run.emit(event);
    const Error error =
        not_sent(message, event.cause, undone ? unsent.undone : unsent.not_undone, unsent.remedy);
    try {
      std::rethrow_exception(event.cause);
    } catch (...) {
      std::throw_with_nested(error);
    }
  }
}

} // namespace mfa::verbs
