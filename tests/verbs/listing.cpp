// A user's factors are listed oldest first, all at once or by pages that together hold each of them once. The
// loops by which the library searches and sorts such lists do what the algorithms do whose names they have.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/search.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using mfa::errc;
using mfa::Page;
using mfa::test::Host;
using mfa::test::thrown_by;

namespace {

template <class Factors> std::vector<std::string> ids(const Factors& factors) {
  std::vector<std::string> all;
  for (const auto& factor : factors) all.push_back(factor.id());
  return all;
}

/// The ids of all pages of this size, one after the other.
std::vector<std::string> ids_by_pages(Host& host, std::size_t limit) {
  std::vector<std::string> all;
  for (;;) {
    const auto page =
        ids(host.verifier.list_factors("u_42", Page{.after = all.empty() ? "" : all.back(), .limit = limit}));
    all.insert(all.end(), page.begin(), page.end());
    if (page.size() < limit) return all;
    REQUIRE(page.size() == limit);
  }
}

} // namespace

TEST_CASE("Pages of any size hold each factor of the user once, oldest first") {
  Host host({.unverified_factors_a_user = 7});
  std::vector<std::string> enrolled;
  for (int i = 0; i < 7; ++i) {
    host.clock.advance(std::chrono::seconds(1));
    enrolled.push_back(host.enroll_totp().factor.id());
    (void)host.enroll_totp("u_421");
  }
  CHECK(ids(host.verifier.list_factors("u_42")) == enrolled);
  for (std::size_t limit = 1; limit <= 9; ++limit) {
    CAPTURE(limit);
    CHECK(ids_by_pages(host, limit) == enrolled);
  }
}

TEST_CASE("A page goes on after a factor that is gone meanwhile") {
  Host host;
  std::vector<std::string> enrolled;
  for (int i = 0; i < 3; ++i) {
    host.clock.advance(std::chrono::seconds(1));
    enrolled.push_back(host.enroll_totp().factor.id());
  }
  host.verifier.delete_factor(enrolled[1], mfa::any_user, mfa::by_operator);
  CHECK(ids(host.verifier.list_factors("u_42", {.after = enrolled[1]})) == std::vector{enrolled[2]});
}

TEST_CASE("A user who is unknown or no user has no page, and an empty text is refused") {
  Host host;
  (void)host.verifier.enroll_factor(mfa::GenericOtp{}); // nobody's
  CHECK(host.verifier.list_factors("nobody", Page{}).empty());
  CHECK(host.verifier.list_factors("\xff", Page{}).empty());
  CHECK(thrown_by([&] { return host.verifier.list_factors("", Page{}); }) == errc::invalid_argument);
  CHECK(thrown_by([&] { return host.verifier.list_factors(""); }) == errc::invalid_argument);
}

TEST_CASE("A page that cannot be is refused") {
  Host host;
  const auto refused = [&](const Page& page) {
    return thrown_by([&] { return host.verifier.list_factors("u_42", page); });
  };
  CHECK(refused({.limit = 0}) == errc::invalid_argument);
  CHECK(refused({.limit = Page::most + 1}) == errc::invalid_argument);
  CHECK(refused({.limit = Page::most}) == errc{});
  CHECK(refused({.after = "auth_challenge_01FVYZ5QM8N98T9ME5BCB2BBMJ"}) == errc::invalid_argument);
}

TEST_CASE("A const verifier looks up, and what it returns has all its verbs") {
  Host host;
  const auto enrolled = host.enroll_totp();
  const auto confirmation = enrolled.factor.confirm(host.code(enrolled.totp.secret));
  const std::string challenge_id = host.challenge(enrolled.factor.id());
  const auto token = host.verifier.remember_device("u_42", "laptop", confirmation).token;
  const auto& verifier = std::as_const(host.verifier);

  CHECK(verifier.list_factors("u_42").size() == 1);
  CHECK(verifier.list_factors("u_42", Page{}).size() == 1);
  CHECK(verifier.check_device(token, "u_42"));
  CHECK(verifier.list_devices("u_42").size() == 1);
  CHECK(verifier.count_keys().factors.size() == 1);
  const auto challenge = verifier.get_challenge(challenge_id, "u_42");
  CHECK(challenge.verify(host.code(enrolled.totp.secret, 1)).valid());
  const auto factor = verifier.get_factor(enrolled.factor.id(), "u_42");
  host.clock.advance(std::chrono::seconds(30));
  const auto verification = factor.challenge().verify(host.code(enrolled.totp.secret, 1));
  CHECK(verification.valid());
  factor.remove(verification);
  CHECK(verifier.list_factors("u_42").empty());
}

namespace {

/// Every list of up to `longest` of the numbers 0 to 2.
std::vector<std::vector<int>> short_lists(std::size_t longest) {
  std::vector<std::vector<int>> all{{}};
  for (std::size_t i = 0; i < all.size(); ++i)
    for (int next = 0; next <= 2; ++next)
      if (std::vector<int> longer = all[i]; longer.size() < longest) {
        longer.push_back(next);
        all.push_back(longer);
      }
  return all;
}

} // namespace

TEST_CASE("Loops find what the algorithms find: in empty lists, none, all, the first and the last") {
  const auto is_one = [](int number) { return number == 1; };
  for (const std::vector<int>& list : short_lists(5)) {
    CAPTURE(list);
    CHECK(mfa::detail::any_of(list, is_one) == std::ranges::any_of(list, is_one));
    CHECK(mfa::detail::contains(list, 1) == (std::ranges::find(list, 1) != list.end()));
    CHECK(mfa::detail::count_if(list, is_one) ==
          static_cast<std::size_t>(std::ranges::count_if(list, is_one)));
    const auto expected = std::ranges::find_if(list, is_one);
    const int* const found = mfa::detail::find_if(list, is_one);
    CHECK((found == nullptr ? list.end() : list.begin() + (found - list.data())) == expected);

    std::vector<int> left = list;
    std::vector<int> expected_left = list;
    CHECK(mfa::detail::erase_if(left, is_one) == std::erase_if(expected_left, is_one));
    CHECK(left == expected_left);
  }
  constexpr int numbers[] = {3, 5};
  static_assert(mfa::detail::contains(numbers, 5) && !mfa::detail::contains(numbers, 4));
}

TEST_CASE("What a search finds can be changed where it is") {
  std::vector<std::string> names{"a", "b", "b"};
  *mfa::detail::find_if(names, [](const std::string& name) { return name == "b"; }) = "c";
  CHECK(names == std::vector<std::string>{"a", "c", "b"});
}

TEST_CASE("Few are sorted as many are, with what is alike in its order, whether it can be copied or not") {
  using Numbered = std::pair<int, std::size_t>; // what is compared, and the place from which it came
  const auto goes_before = [](const Numbered& one, const Numbered& other) { return one.first < other.first; };
  for (const std::vector<int>& list : short_lists(6)) {
    std::vector<Numbered> sorted;
    for (const int number : list) sorted.emplace_back(number, sorted.size());
    std::vector<Numbered> expected = sorted;
    std::ranges::stable_sort(expected, goes_before);
    mfa::detail::sort_few(sorted, goes_before);
    CAPTURE(list);
    CHECK(sorted == expected);
  }
  std::vector<std::unique_ptr<int>> owned;
  for (const int number : {2, 0, 1}) owned.push_back(std::make_unique<int>(number));
  mfa::detail::sort_few(owned, [](const auto& one, const auto& other) { return *one < *other; });
  CHECK((*owned[0] == 0 && *owned[1] == 1 && *owned[2] == 2));
  CHECK(mfa::detail::erase_if(owned, [](const auto& one) { return *one == 0; }) == 1);
  CHECK((owned.size() == 2 && *owned[0] == 1 && *owned[1] == 2));
}
