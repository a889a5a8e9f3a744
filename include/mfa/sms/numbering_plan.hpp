#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <mfa/search.hpp>

// What countries dial inside and others must not: the facts by which one phone has one E.164 number, however
// it is written. Sources: ITU-T E.164 (assigned country codes, national numbering plans), as libphonenumber
// 9.0.35 of July 2026 has them.
namespace mfa::sms {

/// How many digits the country code has with which these digits begin: 1 to 3.
[[nodiscard]] constexpr std::size_t country_code_size(std::string_view digits) noexcept {
  constexpr std::string_view of_two[] = {"20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41",
                                         "43", "44", "45", "46", "47", "48", "49", "51", "52", "53", "54",
                                         "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66",
                                         "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98"};
  if (digits.starts_with('1') || digits.starts_with('7')) return 1;
  return mfa::detail::contains(of_two, digits.substr(0, 2)) ? 2 : 3;
}

/// Whether numbers of this country code may begin with a zero, which elsewhere is the trunk prefix.
[[nodiscard]] constexpr bool numbers_begin_with_zero(std::string_view country_code) noexcept {
  constexpr std::string_view codes[] = {"39",  "47",  "225", "226", "227", "229", "241", "242", "250", "267",
                                        "268", "378", "501", "676", "679", "687", "853", "881", "992"};
  return mfa::detail::contains(codes, country_code);
}

/// A country whose prefixes for calls within it are not just a zero, or do not show by it.
struct NumberingPlan {
  std::string_view country_code;
  std::size_t fewest; ///< digits after the country code
  std::size_t most;
  std::array<std::string_view, 4> prefixes; ///< the longer of two that begin alike comes first
};

inline constexpr NumberingPlan numbering_plans[] = {
    {"1", 10, 10, {"1"}},                      // North America
    {"7", 10, 10, {"8"}},                      // Russia, Kazakhstan
    {"36", 8, 9, {"06"}},                      // Hungary
    {"52", 10, 10, {"01", "044", "045", "1"}}, // Mexico; none is in use since 2019
    {"54", 10, 11, {}},                        // Argentina: see canonical_national_number
    {"55", 10, 11, {}},                        // Brazil: a carrier's code may follow the zero
    {"57", 10, 10, {}},                        // Colombia: the same, until 2021
    {"241", 7, 8, {"0"}},                      // Gabon
    {"250", 8, 9, {"0"}},                      // Rwanda
    {"370", 8, 8, {"8"}},                      // Lithuania, until 2025
    {"375", 9, 9, {"80", "8"}},                // Belarus
    {"692", 7, 7, {"1"}},                      // Marshall Islands
    {"992", 9, 9, {"8"}},                      // Tajikistan, formerly
    {"993", 8, 8, {"8"}},                      // Turkmenistan
    {"998", 9, 9, {"8"}},                      // Uzbekistan, formerly
};

/// The digits after the country code without what is dialled only inside the country, the same for one phone
/// in every spelling. Throws by `refuse(reason)`.
template <class Refuse>
[[nodiscard]] std::string canonical_national_number(std::string_view country_code, std::string_view national,
                                                    Refuse&& refuse) {
  constexpr std::string_view remedy = "; leave out what is only dialled inside the country";
  const bool may_begin_with_zero = numbers_begin_with_zero(country_code);
  const NumberingPlan* const plan = mfa::detail::find_if(
      numbering_plans, [&](const NumberingPlan& each) { return each.country_code == country_code; });

  const auto is_prefix = [&](std::string_view prefix) {
    if (prefix.empty() || !national.starts_with(prefix)) return false;
    // "0 62 123 456" is no "06" before too few digits. What begins with another digit, or where numbers may
    // begin with a zero, may itself be a number.
    const std::size_t rest = national.size() - prefix.size();
    const bool begins_no_number = prefix.front() == '0' && !may_begin_with_zero;
    return rest >= plan->fewest && rest <= plan->most && (begins_no_number || national.size() > plan->most);
  };
  std::string_view dropped;
  if (plan != nullptr)
    if (const auto* const prefix = mfa::detail::find_if(plan->prefixes, is_prefix)) dropped = *prefix;
  if (dropped.empty() && !may_begin_with_zero && national.starts_with('0')) dropped = "0";
  national.remove_prefix(dropped.size());
  if (national.starts_with('0') && !may_begin_with_zero)
    refuse("has several zeros after the country code" + std::string(remedy));
  if (plan != nullptr && national.size() > plan->most)
    refuse("has " + std::to_string(national.size()) +
           " digits after the country code, where its numbers have at most " + std::to_string(plan->most) +
           std::string(remedy));

  // Argentina's mobile phones have a 9 there when called from abroad, and only they get text messages.
  const bool without_nine = country_code == "54" && national.size() == plan->fewest &&
                            std::string_view("123").find(national.front()) != std::string_view::npos;
  return (without_nine ? "9" : "") + std::string(national);
}

} // namespace mfa::sms
