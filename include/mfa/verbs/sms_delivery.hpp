#pragma once

#include <exception>
#include <string_view>

#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/storage/record.hpp>
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

/// Sends the message of a challenge that is committed. `event` is about the challenge. If the transport
/// throws, the challenge is removed and `errc::sms_not_sent` carries the transport's exception nested.
Verb<void> send(const VerbRun auto& run, const SmsMessage& message, Event event) {
  // No policy is called while an exception is handled: what is handled belongs to the thread, and a policy
  // may give that to another fibre, which would take it.
  try {
    co_await run.send(message);
  } catch (...) {
    event.cause = std::current_exception();
  }
  if (!event.cause) {
    event.type = EventType::sms_sent;
    run.emit(event);
    co_return;
  }
  event.type = EventType::sms_not_sent;
  const bool withdrawn = co_await withdraw(run, event.challenge_id);
  run.emit(event);
  const Error error(errc::sms_not_sent,
                    withdrawn ? "the SMS transport did not take the message (its own error is nested); the "
                                "challenge is withdrawn: create another"
                              : "the SMS transport did not take the message (its own error is nested), and "
                                "the storage could not withdraw the challenge, which ends by its lifetime: "
                                "create another",
                    event.cause);
  try {
    std::rethrow_exception(event.cause);
  } catch (...) {
    std::throw_with_nested(error);
  }
}

} // namespace mfa::verbs
