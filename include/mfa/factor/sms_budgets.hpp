#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/send_limits.hpp>
#include <mfa/factor/sent_code.hpp>
#include <mfa/factor/sms_counts.hpp>
#include <mfa/options.hpp>
#include <mfa/search.hpp>
#include <mfa/sms/budgets.hpp>
#include <mfa/sms/country.hpp>
#include <mfa/sms/phone_number.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>

// What is counted of a message to a phone number, beside the number: see `SmsBudgets`.
namespace mfa::factor {

/// What one counter may have.
struct SmsAllowance {
  SendLimit budget;          ///< that refuses by the next two,
  SendLimit conversion;      ///< and by the last
  std::uint64_t an_hour = 0; // 0: no limit
  std::uint64_t a_day = 0;
  std::uint64_t unanswered = 0;
  std::string id = {}; ///< of the counter, but for the prefix's HMAC
  unsigned shards = 1;
  bool judges = false; ///< it says whether a country is in good standing

  [[nodiscard]] bool counts() const noexcept { return an_hour > 0 || a_day > 0 || unanswered > 0 || judges; }
};

/// What all that a budget is spread over has, its share of.
[[nodiscard]] inline SmsAllowance spread(SmsAllowance whole, unsigned shards) {
  whole.shards = shards;
  for (std::uint64_t* const limit : {&whole.an_hour, &whole.a_day, &whole.unanswered})
    if (*limit > 0) whole.shards = static_cast<unsigned>(std::min<std::uint64_t>(whole.shards, *limit));
  for (std::uint64_t* const limit : {&whole.an_hour, &whole.a_day, &whole.unanswered}) *limit /= whole.shards;
  return whole;
}

/// What a country may have; "" is for numbers of none.
[[nodiscard]] inline SmsAllowance allowance_of_country(std::string_view country, const SmsBudgets& budgets) {
  SmsAllowance allowance{.budget = SendLimit::country_budget,
                         .conversion = SendLimit::country_unanswered,
                         .an_hour = budgets.a_country_an_hour,
                         .a_day = budgets.a_country_a_day,
                         .unanswered = budgets.unanswered_a_country,
                         .id = std::string("sms_budget_country_").append(country.empty() ? "none" : country)};
  for (const SmsCountryBudget& own : budgets.of_countries)
    if (own.country == country) {
      allowance.an_hour = own.an_hour;
      allowance.a_day = own.a_day;
      allowance.unanswered = own.unanswered;
    }
  return spread(std::move(allowance), budgets.shards);
}

[[nodiscard]] inline SmsAllowance allowance_of_all(const SmsBudgets& budgets) {
  return spread({.budget = SendLimit::total_budget,
                 .conversion = SendLimit::total_unanswered,
                 .an_hour = budgets.an_hour,
                 .a_day = budgets.a_day,
                 .unanswered = budgets.unanswered,
                 .id = "sms_budget_all"},
                budgets.shards);
}

inline constexpr std::string_view sms_prefix_counter = "sms_budget_prefix_";

/// What is counted of a message to this number beside the number itself, the narrowest first.
[[nodiscard]] inline std::vector<SmsAllowance> sms_allowances(std::string_view e164, SmsPurpose purpose,
                                                              const Options& options) {
  const SmsBudgets& budgets = options.sms_budgets;
  SmsAllowance of_prefix{.budget = SendLimit::prefix_budget,
                         .conversion = SendLimit::prefix_unanswered,
                         .an_hour = budgets.a_prefix_an_hour,
                         .a_day = budgets.a_prefix_a_day,
                         .unanswered = budgets.unanswered_a_prefix,
                         .id = std::string(sms_prefix_counter)};
  SmsAllowance of_country = allowance_of_country(sms::country_of(e164), budgets);
  SmsAllowance of_all = allowance_of_all(budgets);
  if (purpose == SmsPurpose::enrollment)
    of_country.judges = of_all.unanswered > 0;
  else
    of_country.unanswered = of_all.unanswered = 0;
  std::vector<SmsAllowance> allowances;
  for (SmsAllowance* const each : {&of_prefix, &of_country, &of_all})
    if (each->counts()) allowances.push_back(std::move(*each));
  return allowances;
}

/// All but the last four digits, which neighbours differ by.
[[nodiscard]] inline std::string_view sms_prefix(std::string_view e164) noexcept {
  constexpr std::size_t last = 4;
  return e164.substr(0, e164.size() - std::min(e164.size(), last));
}

/// What one phone number may have, and what of it may go to enrolments.
[[nodiscard]] constexpr SendLimits sms_send_limits(const Options& options, SmsPurpose purpose) noexcept {
  const SendLimits limits{options.sms_send_interval, options.sms_sends_an_hour, options.sms_sends_a_day};
  return purpose == SmsPurpose::enrollment ? of_enrollments(limits) : limits;
}

/// The id of the counter of a phone number's messages, and those that it has under further keys: HMACs, so
/// that the storage does not learn the number.
[[nodiscard]] inline CounterIds sms_counter_ids(std::string_view e164, const KeyRing& keys) {
  return send_counter_ids("sms_sends_", e164, keys);
}

/// The id of one of the counters that a budget is spread over.
[[nodiscard]] inline std::string shard_id(const SmsAllowance& allowance, unsigned shard) {
  std::string id = allowance.id;
  if (allowance.shards > 1)
    id.append("_").append(std::to_string(shard)).append("_of_").append(std::to_string(allowance.shards));
  return id;
}

/// The counters that a message to this number is counted on: its own first.
[[nodiscard]] inline std::vector<CounterIds>
sms_message_counter_ids(std::string_view e164, SmsPurpose purpose, const Context& context) {
  std::vector<CounterIds> ids{sms_counter_ids(e164, context.keys)};
  unsigned drawn = 0; // by the number's HMAC, as whoever has no key cannot
  for (const char digit : ids.front().front()) drawn = drawn * 31 + static_cast<unsigned char>(digit);
  for (const SmsAllowance& allowance : sms_allowances(e164, purpose, context.options))
    ids.push_back(allowance.budget == SendLimit::prefix_budget
                      ? send_counter_ids(sms_prefix_counter, sms_prefix(e164), context.keys)
                      : CounterIds{shard_id(allowance, drawn % allowance.shards)});
  return ids;
}

/// All counters of one budget: of a country ("GB"), of the neighbours of a number ("+447700900123") or of
/// everything ("*"). Throws `errc::invalid_argument` and `errc::invalid_phone_number`.
[[nodiscard]] inline CounterIds sms_budget_ids(std::string_view which, const Context& context) {
  if (which.starts_with('+'))
    return send_counter_ids(sms_prefix_counter, sms_prefix(sms::parse_phone_number(which)), context.keys);
  const bool all = which == "*";
  if (!all && !sms::is_country(which))
    throw Error(
        errc::invalid_argument,
        "what is no country, number or \"*\" has no budget of text messages; write a country's code of "
        "ISO 3166 in capitals, a number with its plus sign, or \"*\" for what is counted of everything");
  const SmsBudgets& budgets = context.options.sms_budgets;
  const SmsAllowance allowance = all ? allowance_of_all(budgets) : allowance_of_country(which, budgets);
  CounterIds ids;
  for (unsigned shard = 0; shard < allowance.shards; ++shard) ids.push_back(shard_id(allowance, shard));
  return ids;
}

/// What refuses one more message, and for how long.
struct SmsOverrun {
  SendLimit limit;
  std::chrono::seconds wait;
};

/// Whether `counts`, brought up to now, have room for one more.
[[nodiscard]] inline std::optional<SmsOverrun> overrun(const SmsCounts& counts, const SmsAllowance& allowance,
                                                       SmsPurpose purpose, const Context& context) {
  using std::chrono::hours;
  using Rest = std::vector<SentWithin>::const_iterator;
  std::optional<SmsOverrun> found;
  // Until so much of the list is over that `has_room` says so of the rest.
  const auto refuse_until = [&](SendLimit limit, const std::vector<SentWithin>& list,
                                std::chrono::milliseconds width, std::chrono::milliseconds window,
                                const auto& has_room) {
    Time allowed = context.now;
    for (Rest rest = list.begin(); !has_room(rest, list.end()); ++rest)
      allowed = Time((rest->since + 1) * width) + window;
    const auto wait = std::chrono::ceil<std::chrono::seconds>(allowed - context.now);
    if (wait.count() > 0 && (!found || found->wait < wait)) found = SmsOverrun{limit, wait};
  };
  const auto fewer_than = [](std::uint64_t limit) {
    return [limit](Rest rest, Rest end) {
      std::uint64_t sent = 0;
      for (; rest != end; ++rest) sent += rest->all();
      return sent < limit;
    };
  };
  if (allowance.an_hour > 0)
    refuse_until(allowance.budget, counts.last_hour, SmsCounts::short_width, hours(1),
                 fewer_than(allowance.an_hour));
  if (allowance.a_day > 0)
    refuse_until(allowance.budget, counts.last_day, SmsCounts::long_width, hours(24),
                 fewer_than(allowance.a_day));
  if (found || allowance.unanswered == 0) return found;

  const auto i = static_cast<std::size_t>(purpose);
  const auto answered_enough = [&](std::uint64_t still_answered) {
    return [&, still_answered](Rest rest, Rest end) {
      std::uint64_t sent = 0;
      std::uint64_t answered = still_answered;
      for (; rest != end; ++rest) {
        sent += rest->sent[i];
        answered += rest->answered[i];
      }
      return sent < allowance.unanswered + 2 * answered;
    };
  };
  refuse_until(allowance.conversion, counts.last_day, SmsCounts::long_width, hours(24), answered_enough(0));
  if (!found) return found;
  // Those of the last minutes may be answered yet.
  std::uint64_t fresh = 0;
  for (const SentWithin& each : counts.last_hour)
    if (Time((each.since + 1) * std::chrono::milliseconds(SmsCounts::short_width)) +
            context.options.sms_code_lifetime >
        context.now)
      fresh += each.sent[i];
  constexpr std::chrono::seconds soon{60};
  if (answered_enough(fresh)(counts.last_day.begin(), counts.last_day.end()))
    found->wait = std::min(found->wait, soon);
  return found;
}

/// Whether so many of a country's codes were answered that what is sent there is no attack on the whole.
[[nodiscard]] inline bool in_good_standing(const SmsCounts& counts) noexcept {
  constexpr std::uint64_t enough = 20;
  constexpr auto i = static_cast<std::size_t>(SmsPurpose::enrollment);
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;
  for (const SentWithin& each : counts.last_day) {
    sent += each.sent[i];
    answered += each.answered[i];
  }
  return answered >= enough && 2 * answered >= sent;
}

/// The error of a budget that is spent.
[[nodiscard]] inline Error budget_spent(const SmsOverrun& over) {
  return {errc::sms_budget_spent,
          "a limit on text messages is reached (" + std::string(to_string(over.limit)) +
              "); offer the user another factor, or try again in " + std::to_string(over.wait.count()) +
              " s. docs/sms.md, Cost control, says which limits there are and how to lift one",
          over.wait};
}

/// What one more message comes to.
struct SmsCount {
  std::optional<Refusal> refusal = {};
  std::chrono::seconds next{}; ///< how long the one after it has to wait for its number's sake
  Credit credit = {};
};

/// Counts one more message to this number on the counters of `sms_message_counter_ids`, as they were found;
/// or refuses it, and then counts it on none, and keeps there what was learnt of the time.
[[nodiscard]] inline SmsCount count_message(std::string_view e164, SmsPurpose purpose, Counters counters,
                                            const Context& context) {
  const Options& options = context.options;
  const std::string_view country = sms::country_of(e164);
  storage::CounterRecord own = counters.front();
  const SendCount of_number = count_send(own, sms_send_limits(options, purpose), context);
  if (of_number.wait) {
    counters.front() = std::move(own); // which may have learnt of the time
    return {.refusal = Refusal{
                EventType::sms_refused,
                too_many(errc::sms_rate_limited, "messages to this phone number", "sent", *of_number.wait),
                SendLimit::destination, country}};
  }
  auto allowances = sms_allowances(e164, purpose, options);
  std::vector<SmsCounts> counted;
  std::optional<Refusal> refusal;
  bool exempt = false;
  for (std::size_t i = 0; i < allowances.size(); ++i) {
    SmsCounts counts = decode_sms_counts(counters[i + 1]);
    const bool hour_ahead =
        bring_up_to(context.now, SmsCounts::short_width, std::chrono::hours(1), counts.last_hour);
    const bool day_ahead =
        bring_up_to(context.now, SmsCounts::long_width, std::chrono::hours(24), counts.last_day);
    // Kept whichever of them refuses, so that all waits count down at once.
    if (hour_ahead || day_ahead) encode_sms_counts(counts, counters[i + 1]);
    if (allowances[i].judges) exempt = in_good_standing(counts);
    if (allowances[i].budget == SendLimit::total_budget && exempt) allowances[i].unanswered = 0;
    const auto over = overrun(counts, allowances[i], purpose, context);
    if (over && !refusal)
      refusal = Refusal{EventType::sms_refused, budget_spent(*over), over->limit, country};
    counted.push_back(std::move(counts));
  }
  if (refusal) return {.refusal = std::move(refusal)};

  counters.front() = std::move(own);
  SmsCount count{.next = of_number.next, .credit = {.enrollment = purpose == SmsPurpose::enrollment}};
  for (std::size_t i = 0; i < allowances.size(); ++i) {
    // What no share of answers is asked of is counted as what signs in, of which none is asked there.
    const bool watched = allowances[i].unanswered > 0 || allowances[i].judges;
    const auto as = static_cast<std::size_t>(watched ? purpose : SmsPurpose::sign_in);
    const auto add = [&](std::vector<SentWithin>& list, std::chrono::milliseconds width) {
      const std::int64_t current = context.now.time_since_epoch() / width;
      if (list.empty() || list.back().since < current) list.push_back({.since = current});
      ++list.back().sent[as];
    };
    add(counted[i].last_hour, SmsCounts::short_width);
    add(counted[i].last_day, SmsCounts::long_width);
    encode_sms_counts(counted[i], counters[i + 1]);
    if (watched) count.credit.counters.push_back(counters[i + 1].id);
  }
  return count;
}

/// Notes on a counter of the `Credit` that a message of a challenge was answered; nothing if it is counted
/// there no more.
inline void credit_answer(storage::CounterRecord& counter, const Credit& credit, Time sent_at) {
  SmsCounts counts = decode_sms_counts(counter);
  const std::int64_t hour = sent_at.time_since_epoch() / std::chrono::milliseconds(SmsCounts::long_width);
  const auto i = static_cast<std::size_t>(credit.enrollment ? SmsPurpose::enrollment : SmsPurpose::sign_in);
  for (auto each = counts.last_day.rbegin(); each != counts.last_day.rend(); ++each) {
    if (each->since > hour || each->answered[i] >= each->sent[i]) continue;
    ++each->answered[i];
    encode_sms_counts(counts, counter);
    return;
  }
}

/// Takes a message that never left off a counter that it was counted on.
inline void uncount_message(storage::CounterRecord& counter, const Credit& credit, Time counted_at) {
  SmsCounts counts = decode_sms_counts(counter);
  const bool watched = credit.enrollment && mfa::detail::contains(credit.counters, counter.id);
  const auto i = static_cast<std::size_t>(watched ? SmsPurpose::enrollment : SmsPurpose::sign_in);
  const auto take_off = [&](std::vector<SentWithin>& list, std::chrono::milliseconds width) {
    const std::int64_t since = counted_at.time_since_epoch() / width;
    for (auto each = list.rbegin(); each != list.rend(); ++each) {
      if (each->since > since || each->answered[i] >= each->sent[i]) continue;
      --each->sent[i];
      return;
    }
  };
  take_off(counts.last_hour, SmsCounts::short_width);
  take_off(counts.last_day, SmsCounts::long_width);
  encode_sms_counts(counts, counter);
}

} // namespace mfa::factor
