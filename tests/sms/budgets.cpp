// Budgets against toll fraud: what leaves for neighbouring numbers, for a country and at all, and how many of
// the codes that left were answered. Numbers are 415-555 of the United States and the ranges that regulators
// keep for fiction.
#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <mfa/factor/sms_budgets.hpp>
#include <mfa/mfa.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_sms.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/no_sms_budgets.hpp"

using namespace mfa;
using namespace mfa::test;
using namespace std::chrono_literals;

namespace {

struct Refused {
  errc error{};
  std::chrono::seconds wait{0};
  std::optional<SendLimit> limit = {};
  std::string country = {};
};

/// A host whose users have a phone each.
class Phones {
 public:
  explicit Phones(SmsBudgets budgets = {}, Options options = {}) : host(with(std::move(options), budgets)) {}

  Host host;

  /// Has somebody new ask for the code that confirms this number; what refuses it, if something does.
  std::optional<Refused> send(const std::string& number) {
    const std::string id = "u_" + std::to_string(++users_);
    return ask(host.enroll_sms(number, id).factor.id());
  }

  /// The same, and has it answered.
  std::optional<Refused> send_and_answer(const std::string& number) {
    if (auto refused = send(number)) return refused;
    answer();
    return {};
  }

  /// One who has confirmed his.
  std::string confirmed(const std::string& number) {
    const std::string id = "u_" + std::to_string(++users_);
    const std::string factor = host.enroll_sms(number, id).factor.id();
    REQUIRE_FALSE(ask(factor));
    answer();
    return factor;
  }

  std::optional<Refused> ask(const std::string& factor) {
    refused_.reset();
    try {
      challenge_ = host.challenge(factor);
      return {};
    } catch (const Error& error) {
      return Refused{error.code(), error.retry_after().value_or(0s), limit_, country_};
    }
  }

  void answer() { REQUIRE(host.verify(challenge_, host.sms.last().body) == Status::valid); }

  /// How many of so many new numbers that begin so get a message.
  int leave(const std::string& beginning, int digits, int tries, bool answered = false) {
    int left = 0;
    for (int i = 0; i < tries; ++i) {
      std::string number = std::to_string(drawn_++);
      number.insert(0, static_cast<std::size_t>(digits) - number.size(), '0');
      const auto refused = answered ? send_and_answer(beginning + number) : send(beginning + number);
      if (refused) CHECK(refused->error == errc::sms_budget_spent);
      left += refused ? 0 : 1;
    }
    return left;
  }

 private:
  Options with(Options options, const SmsBudgets& budgets) {
    options.sms_budgets = budgets;
    options.observer = [this](const Event& event) {
      if (event.type != EventType::sms_refused) return;
      limit_ = event.limit;
      country_ = event.country;
    };
    return options;
  }

  int users_ = 0;
  int drawn_ = 0;
  std::string challenge_;
  std::optional<Refused> refused_;
  std::optional<SendLimit> limit_;
  std::string country_;
};

} // namespace

TEST_CASE("Neighbouring numbers share a budget, of an hour and of a day") {
  SmsBudgets budgets = no_sms_budgets;
  budgets.a_prefix_an_hour = 3;
  budgets.a_prefix_a_day = 5;
  Phones phones(budgets);
  CHECK(phones.leave("+1415555", 4, 5) == 3);
  CHECK(phones.leave("+1415556", 4, 1) == 1); // others
  const auto refused = phones.send("+14155559999");
  REQUIRE(refused);
  CHECK(refused->error == errc::sms_budget_spent);
  CHECK(refused->limit == SendLimit::prefix_budget);
  CHECK(refused->country == "US");
  CHECK(refused->wait == 65min); // what was sent at the beginning of five minutes leaves with their end
  phones.host.clock.advance(65min - 1s);
  CHECK(phones.leave("+1415555", 4, 1) == 0);
  phones.host.clock.advance(1s);
  CHECK(phones.leave("+1415555", 4, 5) == 2);
  CHECK(phones.send("+14155559999")->wait == 25h - 65min); // the day's
  phones.host.clock.advance(25h - 65min);
  CHECK(phones.leave("+1415555", 4, 5) == 3);
}

TEST_CASE("A country has a budget, and one that is named another") {
  SmsBudgets budgets = no_sms_budgets;
  budgets.a_country_an_hour = 4;
  budgets.a_country_a_day = 6;
  budgets.of_countries = {{.country = "CA", .an_hour = 2, .unanswered = 0}};
  Phones phones(budgets);
  CHECK(phones.leave("+141555", 5, 10) == 4);
  CHECK(phones.leave("+164755", 5, 10) == 2); // Canada, which has the same country code
  CHECK(phones.leave("+187655", 5, 10) == 4); // Jamaica
  const auto refused = phones.send("+14165550123");
  REQUIRE(refused);
  CHECK(refused->limit == SendLimit::country_budget);
  CHECK(refused->country == "CA");
  phones.host.clock.advance(66min);
  CHECK(phones.leave("+141555", 5, 10) == 2);
  CHECK(phones.leave("+164755", 5, 10) == 2); // it has none for a day
}

TEST_CASE("Everything has a budget") {
  SmsBudgets budgets = no_sms_budgets;
  budgets.an_hour = 3;
  budgets.a_day = 4;
  Phones phones(budgets);
  CHECK(phones.leave("+141555", 5, 2) == 2);
  CHECK(phones.leave("+4474181", 5, 2) == 1);
  CHECK(phones.send("+4915112345678")->limit == SendLimit::total_budget);
  phones.host.clock.advance(66min);
  CHECK(phones.leave("+141555", 5, 2) == 1);
}

TEST_CASE("A refused message is counted on no budget, and a delivered one on all") {
  SmsBudgets budgets = no_sms_budgets;
  budgets.a_prefix_an_hour = 1;
  budgets.an_hour = 3;
  Phones phones(budgets);
  CHECK(phones.leave("+1415555", 4, 100) == 1);
  CHECK(phones.leave("+1415556", 4, 100) == 1);
  CHECK(phones.leave("+1415557", 4, 100) == 1);
  CHECK(phones.send("+14155580123")->limit == SendLimit::total_budget);
  // Nor on the number, of which the first may still be sent.
  Phones others(budgets, {.enrollment_lifetime = 2h});
  CHECK(others.leave("+1415555", 4, 1) == 1);
  const std::string factor = others.host.enroll_sms("+14155559876", "u").factor.id();
  CHECK(others.ask(factor)->limit == SendLimit::prefix_budget);
  others.host.clock.advance(65min);
  CHECK_FALSE(others.ask(factor));
}

TEST_CASE("A prefix whose codes nobody answers takes a few, and one of which half are answered goes on") {
  Phones phones({.unanswered_a_prefix = 10, .unanswered_a_country = 0, .unanswered = 0});
  CHECK(phones.leave("+1415555", 4, 50) == 10);
  const auto refused = phones.send("+14155559999");
  REQUIRE(refused);
  CHECK(refused->limit == SendLimit::prefix_unanswered);
  CHECK(refused->wait == 1min); // the codes may be answered yet
  phones.host.clock.advance(30min);
  CHECK(phones.send("+14155559999")->wait == 25h - 30min); // they are no more
  phones.host.clock.advance(25h - 30min);
  CHECK(phones.leave("+1415555", 4, 10) == 10);

  CHECK(phones.leave("+4474181", 5, 200, true) == 200);
  CHECK(phones.leave("+4474181", 5, 500) == 210); // as many as were answered, and ten
}

TEST_CASE("What is answered late counts") {
  Phones phones({.unanswered_a_prefix = 1, .unanswered_a_country = 0, .unanswered = 0});
  phones.host.clock.advance(58min);
  CHECK_FALSE(phones.send("+14155550123"));
  CHECK(phones.send("+14155550124"));
  phones.host.clock.advance(9min); // in another hour
  phones.answer();
  CHECK_FALSE(phones.send("+14155550124"));
}

TEST_CASE("A country that nobody answers from takes a few, and everything some more") {
  Phones phones({.unanswered_a_prefix = 5, .unanswered_a_country = 10, .unanswered = 25});
  CHECK(phones.leave("+1415555", 4, 50) == 5);
  CHECK(phones.leave("+14155", 6, 50) == 5);
  CHECK(phones.send("+14155559999")->limit == SendLimit::prefix_unanswered);
  CHECK(phones.send("+14165559999") == std::nullopt); // Canada
  CHECK(phones.send("+12025559999")->limit == SendLimit::country_unanswered);
  CHECK(phones.leave("+4474", 8, 50) == 5); // all of one prefix
  CHECK(phones.leave("+44741800", 4, 50) == 5);
  CHECK(phones.leave("+4915112", 4, 50) == 4);
  const auto refused = phones.send("+33612345678");
  REQUIRE(refused);
  CHECK(refused->limit == SendLimit::total_unanswered);
  CHECK(refused->country == "FR");
}

TEST_CASE(
    "Who has confirmed his phone signs in whatever becomes of his country's or his neighbours' enrolments") {
  Phones phones({.unanswered_a_prefix = 5, .unanswered_a_country = 10, .unanswered = 12});
  const std::string factor = phones.confirmed("+14155550123");
  (void)phones.leave("+1415555", 4, 50);
  (void)phones.leave("+1416555", 4, 50);
  (void)phones.leave("+1202555", 4, 50);
  REQUIRE(phones.send("+14155559999"));
  REQUIRE(phones.send("+33612345678"));
  for (int i = 0; i < 4; ++i) {
    phones.host.clock.advance(31s);
    CHECK_FALSE(phones.ask(factor));
    phones.answer();
  }
}

TEST_CASE("Confirmed phones that answer no more close their prefix for sign-ins alone") {
  Phones phones({.unanswered_a_prefix = 5, .unanswered_a_country = 10, .unanswered = 12});
  std::vector<std::string> factors;
  for (int i = 0; i < 10; ++i) factors.push_back(phones.confirmed("+1415555000" + std::to_string(i)));
  phones.host.clock.advance(25h); // so that nothing is left of the confirmations
  int left = 0;
  for (int round = 0; round < 2; ++round)
    for (const std::string& factor : factors) {
      const auto refused = phones.ask(factor);
      left += refused ? 0 : 1;
      if (refused && refused->error == errc::sms_budget_spent)
        CHECK(refused->limit == SendLimit::prefix_unanswered);
    }
  CHECK(left == 5);
  CHECK_FALSE(phones.send("+14155551234"));
}

TEST_CASE("A wrong code is no answer, and one that is right counts once") {
  Phones phones({.unanswered_a_prefix = 2, .unanswered_a_country = 0, .unanswered = 0});
  const std::string factor = phones.host.enroll_sms("+14155550123", "u").factor.id();
  const std::string challenge = phones.host.challenge(factor);
  CHECK(phones.host.verify(challenge, Host::other_code(phones.host.sms.last().body)) == Status::wrong_code);
  CHECK(phones.leave("+1415555", 4, 10) == 1);
  const auto sent = phones.host.sms.messages();
  CHECK(phones.host.verify(challenge, sent.front().body) == Status::valid);
  CHECK(phones.host.verify(challenge, sent.front().body) == Status::already_verified);
  CHECK(phones.leave("+1415555", 4, 10) == 2); // one for it, and one as one fewer is unanswered
}

TEST_CASE("A country whose codes are answered goes on enrolling while an attack on others closes them") {
  Phones phones({.unanswered_a_prefix = 0, .unanswered_a_country = 0, .unanswered = 30});
  CHECK(phones.leave("+14155", 6, 20, true) == 20);
  CHECK(phones.leave("+4915112", 4, 30, true) == 30);
  CHECK(phones.leave("+49151139", 3, 19) == 19);
  CHECK(phones.leave("+4474", 8, 200) ==
        30 + 40); // of either country the first 20 are counted with all, and are answered
  CHECK(phones.send("+33612345678")->limit == SendLimit::total_unanswered);
  CHECK(phones.leave("+14156", 6, 30) == 21); // until fewer than half of them are answered
  CHECK(phones.send("+14157550123")->limit == SendLimit::total_unanswered);
  CHECK_FALSE(phones.send("+4915114123456"));
}

TEST_CASE("What a gateway does not take is counted on no budget") {
  SmsBudgets budgets{.unanswered_a_prefix = 3, .unanswered_a_country = 3, .unanswered = 3};
  budgets.an_hour = 5;
  Phones phones(budgets);
  for (int i = 0; i < 20; ++i) {
    phones.host.sms.fail_next();
    const auto refused = phones.send("+1415555" + std::to_string(1000 + i));
    REQUIRE(refused);
    CHECK(refused->error == errc::sms_not_sent);
  }
  phones.host.sms.fail_next(DeliveryFailure::unclear);
  CHECK_FALSE(phones.send("+14155551200")); // it may have left
  CHECK(phones.leave("+141555513", 2, 10) == 2);
}

TEST_CASE("A code that is sent again is counted again, and one answer answers for one of them") {
  Phones phones({.unanswered_a_prefix = 3, .unanswered_a_country = 0, .unanswered = 0});
  const std::string factor = phones.host.enroll_sms("+14155550123", "u").factor.id();
  const std::string challenge = phones.host.challenge(factor);
  phones.host.clock.advance(31s);
  (void)phones.host.verifier.resend_challenge(challenge, any_user);
  CHECK(phones.leave("+1415555", 4, 10) == 1);
  phones.host.clock.advance(31s);
  CHECK(thrown_by([&] { return phones.host.verifier.resend_challenge(challenge, any_user); }) ==
        errc::sms_budget_spent);
  CHECK(phones.host.verify(challenge, phones.host.sms.messages()[1].body) == Status::valid);
  CHECK(phones.leave("+1415555", 4, 10) == 2);
}

TEST_CASE("Denied countries and prefixes get nothing, whatever is allowed") {
  Phones phones({}, {.sms_allowed_country_codes = {"1", "GB"}, .sms_denied_country_codes = {"JM", "+4474"}});
  CHECK_FALSE(phones.send("+14155550123"));
  CHECK_FALSE(phones.send("+447700900123"));
  for (const char* number : {"+18765550123", "+447418084106"})
    CHECK(thrown_by([&] { return phones.host.enroll_sms(number, "u"); }) == errc::sms_country_not_allowed);

  // One that was enrolled before it was denied.
  Host before;
  const std::string factor = before.enroll_sms("+18765550123").factor.id();
  std::string country;
  std::optional<SendLimit> limit;
  Verifier node{before.storage, before.clock, before.sms,
                Options{.sms_allowed_country_codes = {"*"},
                        .sms_denied_country_codes = {"JM"},
                        .observer = [&](const Event& event) {
                          country = event.country;
                          limit = event.limit;
                        }}};
  CHECK(thrown_by([&] { return node.challenge_enrollment(factor, any_user); }) != errc{});
}

TEST_CASE("Shards have their share each, and together no more than the budget") {
  SmsBudgets budgets = no_sms_budgets;
  budgets.an_hour = 400;
  budgets.shards = 8;
  Phones phones(budgets);
  const int left = phones.leave("+14155", 6, 1000);
  CHECK(left <= 400);
  CHECK(left >= 390); // in the end, the last of each share
  budgets.shards = 64;
  budgets.an_hour = 3; // so three counters
  CHECK(Phones(budgets).leave("+14155", 6, 1000) == 3);
}

TEST_CASE("Of nodes that ask at one moment no more get a message than the budget has") {
  storage::Memory storage;
  testing::ManualClock clock;
  SmsBudgets budgets = no_sms_budgets;
  budgets.an_hour = 10;
  const KeyRing keys = KeyRing::generate();
  std::atomic<int> left = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> nodes;
  for (int node = 0; node < 4; ++node)
    nodes.emplace_back([&, node] {
      testing::RecordingSms sms;
      const Verifier verifier{storage,
                              clock,
                              sms,
                              {.key_ring = keys, .sms_allowed_country_codes = {"1"}, .sms_budgets = budgets}};
      for (int i = 0; i < 20; ++i) {
        const std::string id = std::to_string(100 * node + i + 1000);
        const auto phone =
            verifier.enroll_factor(Sms{.phone_number = "+1415555" + id, .user_id = "u_" + id}, by_operator);
        try {
          (void)verifier.challenge_enrollment(phone.factor.id(), "u_" + id);
          ++left;
        } catch (const Error& error) {
          refused += error.code() == errc::sms_budget_spent ? 1 : 0;
        }
      }
    });
  for (std::thread& node : nodes) node.join();
  CHECK(left == 10);
  CHECK(refused == 70);
}

TEST_CASE("Confirmed phones of a country from which nobody answers are sent to all the same") {
  SmsBudgets budgets = no_sms_budgets;
  budgets.unanswered_a_country = 3;
  budgets.unanswered = 3;
  Phones phones(budgets);
  std::vector<std::string> confirmed;
  for (const char* const number : {"+14155550123", "+14155560123", "+14155570123", "+14155580123",
                                   "+14155590123", "+14155610123", "+14155620123", "+14155630123"})
    confirmed.push_back(phones.confirmed(number));
  phones.host.clock.advance(26h);
  for (const std::string& factor : confirmed) CHECK_FALSE(phones.ask(factor));
}

TEST_CASE("Counters that go on for a week remember a day") {
  SmsBudgets budgets = no_sms_budgets;
  budgets.a_country_an_hour = 2;
  budgets.a_country_a_day = 30;
  Phones phones(budgets);
  for (int hour = 0; hour < 24 * 7; ++hour) {
    CHECK(phones.leave("+1415555", 4, 1) == 1);
    phones.host.clock.advance(1h);
  }
}

TEST_CASE("What was counted by a clock that was ahead is over in time") {
  SmsBudgets budgets = no_sms_budgets;
  budgets.an_hour = 2;
  Phones phones(budgets);
  phones.host.clock.advance(24h * 30);
  CHECK(phones.leave("+14155", 6, 5) == 2);
  phones.host.clock.advance(-24h * 30);
  CHECK(phones.leave("+14155", 6, 1) == 0);
  CHECK(phones.send("+14155550123")->wait <= 65min);
  phones.host.clock.advance(65min);
  CHECK(phones.leave("+14155", 6, 5) == 2);
  budgets.a_prefix_an_hour = budgets.a_country_an_hour = 2;
  Phones bounded(budgets); // by three budgets, whose waits are no longer than that of one
  bounded.host.clock.advance(24h * 30);
  CHECK(bounded.leave("+1415555", 4, 5) == 2);
  bounded.host.clock.advance(-24h * 30);
  CHECK(bounded.leave("+1415555", 4, 1) == 0);
  bounded.host.clock.advance(65min);
  CHECK(bounded.leave("+1415555", 4, 5) == 2);
  budgets.a_prefix_an_hour = budgets.a_country_an_hour = 0;
  budgets.an_hour = 3;
  Phones counted(budgets);
  counted.host.clock.advance(24h * 30);
  CHECK(counted.leave("+14155", 6, 2) == 2);
  counted.host.clock.advance(-24h * 30);
  CHECK(counted.leave("+14155", 6, 2) == 1); // which writes them down as sent now
  counted.host.clock.advance(65min);
  CHECK(counted.leave("+14155", 6, 5) == 3);
}

TEST_CASE("Counters go on under a new key") {
  std::array<unsigned char, KeyRing::key_size> one{};
  std::array<unsigned char, KeyRing::key_size> two{};
  one.front() = 1;
  two.front() = 2;
  SmsBudgets budgets = no_sms_budgets;
  budgets.a_prefix_an_hour = 3;
  budgets.an_hour = 5;
  Phones phones(budgets, {.key_ring = KeyRing("one", one)});
  CHECK(phones.leave("+1415555", 4, 2) == 2);
  phones.host.verifier.replace_key_ring(KeyRing("two", two).add_further("one", one));
  CHECK(phones.leave("+1415555", 4, 5) == 1);
  CHECK(phones.leave("+1415556", 4, 5) == 2);
}

TEST_CASE("A counter that is damaged is in no right answer's way") {
  Phones phones;
  const std::string factor = phones.host.enroll_sms("+14155550123", "u").factor.id();
  const std::string challenge = phones.host.challenge(factor);
  auto counter = phones.host.storage.find_counter("sms_budget_all");
  REQUIRE(counter);
  counter->data.back() ^= 1;
  storage::Batch batch;
  batch.counters.push_back(*counter);
  REQUIRE(phones.host.storage.commit(batch));
  CHECK(phones.host.verify(challenge, phones.host.sms.last().body) == Status::valid);
}

TEST_CASE("An operator resets what a country, neighbours or everything has counted, each alone") {
  const unsigned shards = GENERATE(1U, 4U);
  SmsBudgets budgets = no_sms_budgets;
  budgets.a_prefix_an_hour = 40;
  budgets.a_country_an_hour = 60;
  budgets.an_hour = 80;
  budgets.shards = shards;
  Phones phones(budgets);
  const auto& verifier = phones.host.verifier;
  CHECK_FALSE(verifier.reset_sms_budgets("US"));
  CHECK_FALSE(verifier.reset_sms_budgets("*"));
  (void)phones.leave("+1415555", 4, 200);
  (void)phones.leave("+1415556", 4, 200);
  (void)phones.leave("+4474180", 5, 200);
  const auto refused_by = [&](const std::string& number) {
    const auto refused = phones.send(number);
    return refused ? refused->limit : std::nullopt;
  };
  CHECK(refused_by("+14155559999") == SendLimit::prefix_budget);
  CHECK(verifier.reset_sms_budgets("+1 415 555 0000"));
  CHECK_FALSE(verifier.reset_sms_budgets("+1 415 555 0001"));
  CHECK(refused_by("+14155559999") == SendLimit::country_budget);
  CHECK(verifier.reset_sms_budgets("US"));
  CHECK_FALSE(verifier.reset_sms_budgets("US"));
  CHECK(refused_by("+14155559999") == SendLimit::total_budget);
  CHECK(verifier.reset_sms_budgets("*"));
  CHECK(refused_by("+14155559999") == std::nullopt);
  for (const char* which : {"", "UK", "us", "1", "**"})
    CHECK(thrown_by([&] { return verifier.reset_sms_budgets(which); }) == errc::invalid_argument);
  CHECK(thrown_by([&] { return verifier.reset_sms_budgets("+12"); }) == errc::invalid_phone_number);
}

TEST_CASE("Budgets out of range, and of what is no country, are refused by name") {
  storage::Memory storage;
  const auto says = [&](SmsBudgets budgets) -> std::string {
    try {
      Verifier node{storage, Options{.sms_budgets = budgets}};
      return "";
    } catch (const Error& error) {
      CHECK(error.code() == errc::invalid_argument);
      return error.what();
    }
  };
  CHECK(says({}).empty());
  CHECK_THAT(says({.an_hour = 1'000'001}),
             contains("Options::sms_budgets.an_hour is 1000001; it may be 0 to 1000000"));
  CHECK_THAT(says({.shards = 0}), contains("Options::sms_budgets.shards is 0; it may be 1 to 64"));
  CHECK_THAT(says({.shards = 65}), contains("sms_budgets.shards"));
  CHECK_THAT(says({.of_countries = {{.country = "UK"}}}), contains("\"UK\""));
  CHECK_THAT(says({.of_countries = {{.country = "GB", .a_day = 2'000'000}}}),
             contains("sms_budgets.of_countries.GB.a_day"));
}
