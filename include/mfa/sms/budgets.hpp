#pragma once

#include <string>
#include <vector>

#include <mfa/compiler.hpp>

namespace mfa {

/// What a country may have in the place of what `SmsBudgets` gives every country.
struct SmsCountryBudget {
  /// As `sms::country_of` names it: "DE".
  std::string country = {};
  /// Messages: up to 1,000,000; 0: no limit.
  unsigned an_hour = 0;
  unsigned a_day = 0;
  /// See `SmsBudgets::unanswered_a_country`.
  unsigned unanswered = 100;
};

/// How many text messages may leave, from all nodes. So that no hour and no day has more, an hour is counted
/// as up to 65 minutes and a day as up to 25 hours. Each number is up to 1,000,000; 0: no limit.
struct SmsBudgets {
  /// Messages to numbers that are alike but for their last four digits, in an hour and in a day.
  unsigned a_prefix_an_hour = 0;
  unsigned a_prefix_a_day = 0;
  /// To a country: `sms::country_of`.
  unsigned a_country_an_hour = 0;
  unsigned a_country_a_day = 0;
  /// Countries to which other numbers apply than to the rest.
  std::vector<SmsCountryBudget> of_countries = {};
  /// All.
  unsigned an_hour = 0;
  unsigned a_day = 0;
  /// Codes of a day that nobody answered, before a further one needs one that was: so more than these must be
  /// answered by half. For a prefix, codes that confirm enrolments and those of factors that are confirmed
  /// count apart; for a country and for everything, only codes that confirm enrolments count, and nothing
  /// else is refused by them.
  unsigned unanswered_a_prefix = 50;
  unsigned unanswered_a_country = 100;
  unsigned unanswered = 500;
  /// Counters that a country, and everything, is spread over by the numbers, each with its share of what is
  /// allowed: 1 to 64. More where over a hundred messages a second are counted, which would wait for each
  /// other; a budget may then be refused before its last tenth is spent.
  unsigned shards = 1;
};

} // namespace mfa
