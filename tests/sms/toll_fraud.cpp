// A pumping attack, and a release day, on two nodes: how many messages leave. The figures are printed, and
// docs/sms.md quotes them. MFA_SMS_USERS sets how many users the release day has (100,000 in docs/sms.md).
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/no_sms_budgets.hpp"
#include "support/seeded_random.hpp"

using namespace mfa;
using namespace mfa::test;
using namespace std::chrono_literals;

namespace {

/// Keeps the last code.
struct Gateway {
  std::string code = {};
  int sent = 0;
  void send(const SmsMessage& message) {
    code = message.body;
    ++sent;
  }
};

/// Two nodes of one service.
class Service {
 public:
  explicit Service(const SmsBudgets& budgets, std::vector<std::string> countries = sms::every_country())
      : one_{storage_, clock, gateway, options(budgets, countries)}, two_{storage_, clock, gateway,
                                                                          options(budgets, countries)} {}

  testing::ManualClock clock{};
  Gateway gateway;
  std::map<SendLimit, int> refused = {};

  auto& node() { return ++calls_ % 2 == 0 ? one_ : two_; }

  /// The id of the challenge; empty if it is refused.
  std::string ask(const std::string& factor_id, bool enrolling) {
    try {
      return (enrolling ? node().challenge_enrollment(factor_id, any_user)
                        : node().challenge_factor(factor_id, any_user))
          .id();
    } catch (const Error&) {
      return {};
    }
  }

  /// Empty if the country is not allowed.
  std::string enroll(const std::string& number, const std::string& user) {
    try {
      return node().enroll_factor(Sms{.phone_number = number, .user_id = user}).factor.id();
    } catch (const Error&) {
      return {};
    }
  }

 private:
  Options options(const SmsBudgets& budgets, const std::vector<std::string>& countries) {
    Options options;
    options.key_ring = keys_;
    options.sms_template = "{{code}}";
    options.sms_allowed_country_codes = countries;
    options.sms_budgets = budgets;
    options.observer = [this](const Event& event) {
      if (event.limit) ++refused[*event.limit];
    };
    return options;
  }

  KeyRing keys_ = KeyRing::generate();
  storage::Memory storage_;
  Verifier<storage::Memory, testing::ManualClock, Gateway> one_;
  Verifier<storage::Memory, testing::ManualClock, Gateway> two_;
  unsigned calls_ = 0;
};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t below(std::uint64_t end) { return (next_random(state_) >> 16) % end; }
  bool percent(unsigned chance) { return below(100) < chance; }
  std::string digits(std::size_t count) {
    std::string text;
    while (text.size() < count) text += static_cast<char>('0' + below(10));
    return text;
  }

 private:
  std::uint64_t state_;
};

/// What a number of these countries begins with, and how many digits follow. Mostly of ranges that fraud is
/// reported from.
struct Range {
  std::string_view begin;
  std::size_t digits;
};
constexpr std::array<Range, 30> attacked{{
    {"+9936", 7}, {"+2526", 8}, {"+2637", 8},   {"+2217", 8}, {"+2246", 8}, {"+2237", 7},
    {"+2327", 7}, {"+2577", 7}, {"+2627", 8},   {"+9627", 8}, {"+9677", 8}, {"+9647", 9},
    {"+9929", 8}, {"+9989", 8}, {"+9967", 8},   {"+9955", 8}, {"+9945", 8}, {"+3706", 7},
    {"+3712", 7}, {"+3725", 7}, {"+3556", 8},   {"+3816", 7}, {"+3859", 7}, {"+628", 9},
    {"+639", 9},  {"+849", 8},  {"+880171", 7}, {"+923", 9},  {"+947", 8},  {"+9597", 7},
}};

struct Attack {
  int left = 0; ///< for the attacker
  int honest_asked = 0;
  int honest_refused = 0;    ///< of those who enrol
  int confirmed_refused = 0; ///< of those who sign in with a phone that they have confirmed
  int rare_asked = 0;        ///< those who enrol in a country where there are few
  int rare_refused = 0;
};

/// 10,000 challenges in twelve hours, by 500 accounts, of ten ranges of each country; and, if `honest`,
/// beside them and in the two hours before 2,400 users in two countries who enrol, of whom 85 % answer, and
/// then sign in, and every hundredth in a third.
Attack attack(Service& service, bool honest) {
  Dice dice(4711);
  Attack seen;
  struct SignIn {
    int at;
    std::string factor;
  };
  std::queue<SignIn> signing_in;
  std::vector<std::string> ranges;
  for (const Range& country : attacked)
    for (int i = 0; i < 10; ++i)
      ranges.push_back(std::string(country.begin) + dice.digits(country.digits - 4));
  for (int i = honest ? -2'000 : 0; i < 10'000; ++i) {
    service.clock.advance(4320ms);
    if (i >= 0) {
      const std::string user = "bot_" + std::to_string(i % 500);
      const std::string number = ranges[dice.below(ranges.size())] + dice.digits(4);
      const std::string factor = service.enroll(number, user);
      if (!factor.empty() && !service.ask(factor, true).empty()) ++seen.left;
    }
    if (!honest) continue;
    if (!signing_in.empty() && signing_in.front().at <= i) {
      seen.confirmed_refused += service.ask(signing_in.front().factor, false).empty() ? 1 : 0;
      signing_in.pop();
    }
    if (i % 5 != 0) continue;
    const bool rare = i % 500 == 0;
    const std::string own = service.enroll(rare               ? "+3546" + dice.digits(6)
                                           : dice.percent(70) ? "+4917" + dice.digits(8)
                                                              : "+4473" + dice.digits(8),
                                           "u_" + std::to_string(i));
    const std::string challenge = service.ask(own, true);
    ++(rare ? seen.rare_asked : seen.honest_asked);
    if (challenge.empty()) ++(rare ? seen.rare_refused : seen.honest_refused);
    if (challenge.empty() || dice.percent(15)) continue;
    REQUIRE(service.node().confirm_enrollment(challenge, service.gateway.code).confirmed());
    signing_in.push({i + 10, own});
  }
  return seen;
}

struct Day {
  int asked = 0;
  int refused = 0;
  std::map<SendLimit, int> by = {};
};

/// A day on which all users enrol, or on which they, confirmed, all sign in: a fifth of them in ten minutes
/// after the release, whose peak comes within two minutes, the others over the day. Of the codes, 85 % are
/// answered after 8 to 60 s, and of the others most users ask for another.
class ReleaseDay {
 public:
  ReleaseDay(Service& service, int users) : service_(service), factors_(static_cast<std::size_t>(users)) {
    for (int user = 0; user < users; ++user) numbers_.push_back(number_of(user));
  }

  Day run(bool enrolling, std::chrono::milliseconds release) {
    Day day;
    service_.refused.clear();
    const auto begin = service_.clock.now();
    for (std::size_t user = 0; user < numbers_.size(); ++user)
      waiting_.push({time_of(release), user, {}, {}, 0});
    while (!waiting_.empty()) {
      Happening next = waiting_.top();
      waiting_.pop();
      service_.clock.set(begin + next.at);
      if (!next.challenge.empty()) {
        if (enrolling)
          REQUIRE(service_.node().confirm_enrollment(next.challenge, next.code).confirmed());
        else
          REQUIRE(service_.node().verify_challenge(next.challenge, next.code).valid());
        continue;
      }
      std::string& factor = factors_[next.user];
      if (factor.empty()) {
        if (!enrolling) continue;
        factor = service_.enroll(numbers_[next.user], "u_" + std::to_string(next.user));
      }
      const bool verified = service_.node().get_factor(factor, any_user).verified();
      if (verified == enrolling) continue;
      ++day.asked;
      const std::string challenge = service_.ask(factor, enrolling);
      if (challenge.empty()) {
        ++day.refused;
        continue;
      }
      if (dice_.percent(85))
        waiting_.push({next.at + 8s + std::chrono::milliseconds(dice_.below(22'000) + dice_.below(30'000)),
                       next.user, challenge, service_.gateway.code, 0});
      else if (next.tries == 0 && dice_.percent(70))
        waiting_.push({next.at + 90s, next.user, {}, {}, 1});
    }
    service_.clock.set(begin + 26h);
    day.by = service_.refused;
    return day;
  }

 private:
  struct Happening {
    std::chrono::milliseconds at;
    std::size_t user;
    std::string challenge; ///< that is answered; none: one is asked for
    std::string code;
    int tries;
    friend bool operator<(const Happening& one, const Happening& other) { return one.at > other.at; }
  };

  std::chrono::milliseconds time_of(std::chrono::milliseconds release) {
    if (!dice_.percent(20)) return std::chrono::milliseconds(dice_.below(86'000'000));
    // The rate rises for two minutes and stays.
    for (;;) {
      const auto at = std::chrono::milliseconds(dice_.below(600'000));
      if (at >= 2min || dice_.below(120'000) < static_cast<std::uint64_t>(at.count())) return release + at;
    }
  }

  /// Of six countries, a small one among them, of one company with a block of 300, and here and there one
  /// from anywhere.
  std::string number_of(int user) {
    if (user < 300) return "+49301234" + std::to_string(1000 + user);
    const auto lot = dice_.below(1000);
    if (lot < 400) return "+4915" + dice_.digits(9);
    if (lot < 600) return "+4477" + dice_.digits(8);
    if (lot < 800) return "+1415" + std::string(1, static_cast<char>('2' + dice_.below(8))) + dice_.digits(6);
    if (lot < 900) return "+336" + dice_.digits(8);
    if (lot < 980) return "+467" + dice_.digits(8);
    if (lot < 990) return "+3548" + dice_.digits(6); // Iceland
    const Range& anywhere = attacked[dice_.below(attacked.size())];
    return std::string(anywhere.begin) + dice_.digits(anywhere.digits);
  }

  Service& service_;
  Dice dice_{42};
  std::vector<std::string> numbers_ = {};
  std::vector<std::string> factors_;
  std::priority_queue<Happening> waiting_ = {};
};

SmsBudgets set_budgets(SmsBudgets budgets) {
  budgets.a_prefix_an_hour = 20;
  budgets.a_country_a_day = 40;
  budgets.of_countries = {{.country = "DE", .a_day = 10'000}, {.country = "GB", .a_day = 10'000}};
  budgets.a_day = 20'000;
  return budgets;
}

void print(const char* what, const Attack& seen) {
  std::printf("%-52s %6d", what, seen.left);
  if (seen.honest_asked > 0)
    std::printf("   refused: %d of %d who enrol, %d who sign in, %d of %d in a country with few",
                seen.honest_refused, seen.honest_asked, seen.confirmed_refused, seen.rare_refused,
                seen.rare_asked);
  std::printf("\n");
}

void print(const char* what, const Day& day) {
  std::printf("%-52s %6d asked, %d refused", what, day.asked, day.refused);
  for (const auto& [limit, count] : day.by)
    std::printf(", %d by %s", count, std::string(to_string(limit)).c_str());
  std::printf("\n");
}

} // namespace

TEST_CASE("Of a pumping attack over 30 countries little leaves, and nobody honest pays for it") {
  std::printf("10,000 challenges for the ranges of 30 countries, by 500 accounts: how many leave\n");
  Service none(no_sms_budgets);
  const Attack unlimited = attack(none, false);
  print("no budgets", unlimited);
  CHECK(unlimited.left >= 9'900);

  Service usual(SmsBudgets{});
  const Attack by_default = attack(usual, false);
  print("the defaults", by_default);
  CHECK(by_default.left <= 500);

  Service set(set_budgets(no_sms_budgets));
  const Attack by_budgets = attack(set, false);
  print("budgets set, no conversion", by_budgets);
  CHECK(by_budgets.left <= 1'200);

  Service both(set_budgets(SmsBudgets{}));
  const Attack by_both = attack(both, false);
  print("budgets set, and conversion", by_both);
  CHECK(by_both.left <= 500);

  Service served(SmsBudgets{}, {"DE", "GB"});
  const Attack elsewhere = attack(served, false);
  print("the defaults, and two countries allowed", elsewhere);
  CHECK(elsewhere.left == 0);

  Service among(SmsBudgets{});
  const Attack beside = attack(among, true);
  print("the defaults, beside honest users", beside);
  CHECK(beside.honest_refused == 0);
  CHECK(beside.confirmed_refused == 0);
  CHECK(beside.left <= 700);
}

TEST_CASE("A release day loses no message") {
  const int users = static_cast<int>(from_environment("MFA_SMS_USERS", 3'000));
  std::printf("%d users, a fifth of them within ten minutes\n", users);
  Service service{SmsBudgets{}};
  ReleaseDay day(service, users);
  const Day enrolled = day.run(true, 12h);
  print("all enrol, released at noon", enrolled);
  CHECK(enrolled.refused == 0);
  const Day signed_in = day.run(false, 12h);
  print("all sign in the next day", signed_in);
  CHECK(signed_in.refused == 0);

  Service cold{SmsBudgets{}};
  const Day at_once = ReleaseDay(cold, users).run(true, 0h);
  print("all enrol, released before anybody has", at_once); // which looks like an attack
  CHECK(at_once.refused <= users / 100);
}
