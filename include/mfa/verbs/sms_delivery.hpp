#pragma once

#include <exception>
#include <string_view>
#include <utility>

#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::detail {

/// Removes a challenge, whatever became of it meanwhile; false if the storage fails.
template <class Verb> bool withdraw(const Verb& verb, std::string_view challenge_id) noexcept {
  try {
    verb.until_committed("the challenge", [&] {
      const auto challenge = verb.storage->find_challenge(challenge_id);
      if (!challenge) return true;
      storage::Batch batch;
      batch.removals.push_back({storage::RecordKind::challenge, challenge->id, challenge->version});
      return verb.storage->commit(std::move(batch));
    });
    return true;
  } catch (...) { // told by the result
    return false;
  }
}

/// Sends the message of a challenge that is committed. `event` is about the challenge. If the
/// transport throws, the challenge is removed and `errc::sms_not_sent` carries the transport's exception
/// nested.
template <class Verb> void send(const Verb& verb, const SmsMessage& message, Event event) {
  // The storage is asked outside of the handler: what is being handled belongs to the thread, and a storage
  // may give that to another fibre, which would take it.
  try {
    verb.sms->send(message);
  } catch (...) {
    event.cause = std::current_exception();
  }
  if (!event.cause) {
    event.type = EventType::sms_sent;
    verb.emit(event);
    return;
  }
  event.type = EventType::sms_not_sent;
  const bool withdrawn = withdraw(verb, event.challenge_id);
  verb.emit(event);
  try {
    std::rethrow_exception(event.cause);
  } catch (...) {
    std::throw_with_nested(
        Error(errc::sms_not_sent,
              withdrawn ? "the SMS transport did not take the message (its own error is nested); "
                          "the challenge is withdrawn: create another"
                        : "the SMS transport did not take the message (its own error is nested), "
                          "and the storage could not withdraw the challenge, which ends by its "
                          "lifetime: create another"));
  }
}

} // namespace mfa::detail
