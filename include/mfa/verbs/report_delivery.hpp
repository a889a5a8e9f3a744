#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/channel.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/delivery_report.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/factor/sent_code.hpp>
#include <mfa/factor/sms.hpp>
#include <mfa/factor/sms_budgets.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/verbs/find_challenge.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// What `factor::message_id` says, and what `factor::SmsMessages` puts after it.
struct ReportedMessage {
  std::string_view challenge_id;
  std::uint64_t number = 1;            ///< the how manieth of its challenge
  std::optional<Channel> channel = {}; ///< none: what codes of the factor's kind go by
};

/// Nothing for what is no message's id.
[[nodiscard]] inline std::optional<ReportedMessage> read_message_id(std::string_view id) noexcept {
  constexpr std::size_t most_digits = 4;
  ReportedMessage message;
  for (const Channel channel : {Channel::voice, Channel::email, Channel::push}) {
    const std::string_view name = to_string(channel);
    if (!id.ends_with(name) || !id.substr(0, id.size() - name.size()).ends_with('.')) continue;
    message.channel = channel;
    id.remove_suffix(name.size() + 1);
    break;
  }
  const std::size_t dot = id.find('.');
  message.challenge_id = id.substr(0, dot);
  if (!detail::is_id(message.challenge_id, detail::challenge_id_prefix)) return std::nullopt;
  if (dot == std::string_view::npos) return message;
  const std::string_view digits = id.substr(dot + 1);
  if (digits.empty() || digits.size() > most_digits) return std::nullopt;
  message.number = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9') return std::nullopt;
    message.number = message.number * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  if (message.number < 2 || digits.front() == '0') return std::nullopt;
  return message;
}

/// Whether the code of this message is the one that would be answered, so that nobody can if the message does
/// not arrive. One that was sent before, and is the same, may have arrived; and by a channel that did not
/// take it, it did not go.
[[nodiscard]] inline bool ends_with(const storage::ChallengeRecord& challenge,
                                    const decision::ChallengeTerms& terms, FactorType type,
                                    const ReportedMessage& message) {
  const auto went_by = message.channel ? message.channel : decision::usual_channel(type);
  if (went_by != decision::channel_of(terms, type)) return false;
  const factor::KeptCode kept = factor::kept_code(challenge);
  return message.number == kept.sends && (kept.sends == 1 || kept.sealed.empty());
}

/// See `Verifier::report_delivery`. What a message was counted on is given back by the commit that removes
/// its challenge, so that a report which comes twice gives nothing twice.
Verb<bool> report_delivery(const VerbRun auto& run, std::string_view message_id, DeliveryReport report) {
  const auto message = read_message_id(message_id);
  if (!message) co_return false;
  for (Rounds rounds("the challenge");; rounds.next()) {
    const factor::Context context = co_await run.now();
    auto found = co_await find_challenge_and_factor(run, message->challenge_id);
    if (!found || !found->factor || !factor::facts_of(found->factor->type).sends_codes) co_return false;
    const storage::FactorRecord& factor = *found->factor;
    if (message->channel && factor.type != FactorType::sms) co_return false;
    storage::ChallengeRecord& challenge = found->challenge;
    const decision::ChallengeTerms terms = decision::take_terms(challenge);
    const bool pending = challenge.state == ChallengeState::pending;
    if (pending && message->number > factor::kept_code(challenge).sends) co_return false;

    if (report != DeliveryReport::delivered && pending &&
        ends_with(challenge, terms, factor.type, *message)) {
      storage::Batch batch;
      if (report == DeliveryReport::not_sent && factor.type == FactorType::sms) {
        const auto counters = factor::counter_ids_of(factor, context);
        for (std::size_t i = 1; i < counters.size(); ++i) { // its number's remains
          auto counter = co_await run.find_counter(counters[i].front());
          if (!counter) continue;
          factor::uncount_message(*counter, terms.credit, challenge.updated_at);
          batch.counters.push_back(*std::move(counter));
        }
      }
      batch.removals.push_back({storage::RecordKind::challenge, challenge.id, challenge.version});
      if (!co_await run.commit(batch)) continue;
    }
    Event event = about(factor, EventType::delivery_reported, context.now);
    event.challenge_id = message->challenge_id;
    event.report = report;
    if (factor.type == FactorType::sms && run.observed())
      event.country = factor::SmsKind::country(factor, context);
    run.emit(event);
    co_return true;
  }
}

} // namespace mfa::verbs
