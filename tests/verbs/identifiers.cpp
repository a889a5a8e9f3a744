// Ids are a prefix and a ULID: unique, sorted by their time, and recognised before a storage is asked.
#include <chrono>
#include <set>
#include <string>
#include <string_view>

#include <mfa/verbs/ids.hpp>

#include "support/catch.hpp"

using mfa::Time;
using mfa::detail::is_id;
using mfa::detail::ulid;
using std::chrono::milliseconds;

TEST_CASE("An id begins with its prefix and its time") {
  // The time of the example in the ULID specification.
  CHECK(ulid(Time{milliseconds(1'469'922'850'259)}, "auth_factor_").substr(0, 22) ==
        "auth_factor_01ARZ3NDEK");
  CHECK(ulid(Time{}).substr(0, 10) == "0000000000");
  CHECK(ulid(Time{milliseconds((std::int64_t{1} << 48) - 1)}).substr(0, 10) == "7ZZZZZZZZZ");
  CHECK(ulid(Time{}).size() == 26);
}

TEST_CASE("Ids do not repeat and sort by time") {
  std::set<std::string> ids;
  for (int i = 0; i < 100'000; ++i) ids.insert(ulid(Time{milliseconds(7)}));
  CHECK(ids.size() == 100'000);
  for (std::int64_t time = 1; time < 1'000'000'000'000; time *= 3)
    CHECK(ulid(Time{milliseconds(time)}) < ulid(Time{milliseconds(time + 1)}));
}

TEST_CASE("Every character of an id is drawn") {
  // 16 random characters of 32 values each: the chance that 2,000 ids miss one is below 10^-24.
  for (std::size_t at = 10; at < 26; ++at) {
    std::set<char> seen;
    for (int i = 0; i < 2000; ++i) seen.insert(ulid(Time{})[at]);
    CAPTURE(at);
    CHECK(seen.size() == 32);
  }
}

TEST_CASE("What is no id is known as such without asking the storage") {
  const std::string good = "auth_factor_01ARZ3NDEKTSV4RRFFQ69G5FAV";
  CHECK(is_id(good, "auth_factor_"));
  CHECK_FALSE(is_id(good, "auth_challenge_"));
  using namespace std::string_literals;
  const std::string bad[] = {
      "",
      "auth_factor_",
      "01ARZ3NDEKTSV4RRFFQ69G5FAV",
      good + "0",
      good.substr(0, good.size() - 1),
      "auth_factor_01arz3ndektsv4rrffq69g5fav", // lower case
      "auth_factor_81ARZ3NDEKTSV4RRFFQ69G5FAV", // 129 bits
      "auth_factor_01ARZ3NDEKTSV4RRFFQ69G5FAI", // no I, L, O, U
      "auth_factor_01ARZ3NDEKTSV4RRFFQ69G5FAU",
      "auth_factor_01ARZ3NDEKTSV4RRFFQ69G5F\0V"s,
      "auth_factor_01ARZ3NDEKTSV4RRFFQ69G5F\n0",
      "auth_factor_01ARZ3NDEKTSV4RRFFQ69' --0",
      "auth_factor_01ARZ3NDEKTSV4RRFFQ69G5F\xC3\x84",
      "AUTH_FACTOR_01ARZ3NDEKTSV4RRFFQ69G5FAV",
  };
  for (const std::string& id : bad) {
    CAPTURE(id);
    CHECK_FALSE(is_id(id, "auth_factor_"));
  }
}
