#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <mfa/factor/kinds.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/testing/conformance/records.hpp>
#include <mfa/testing/conformance/run.hpp>

namespace mfa::testing::conformance {

/// UTF-8 that a user id or a friendly name may be: up to 255 bytes, no control characters.
inline std::vector<std::string> hostile_texts() {
  return {
      "plain",
      "'; DROP TABLE mfa_factors; --",
      "\"quoted\" 'single' `back` [bracket] {brace} \\ \\0 \\' %00 %s ${x} ?1 :a @b $1",
      " spaces at both ends ",
      "0123",
      "1e3",
      "NULL",
      "true",
      "*",
      "a:b,c;d=e&f|g",
      "Zo\xc3\xab",
      "Zoe\xcc\x88",                // the same name to a reader, other bytes
      "\xf0\x9f\x94\x91",           // outside the basic plane
      "\xef\xbb\xbf byte order",    // a byte order mark
      "\xe2\x80\xae tfel ot thgir", // turns the direction of text
      "\xc3\x9f SS \xef\xac\x80 ff \xc4\xb0 i \xc4\xb1",
      std::string(200, 'x'),
  };
}

/// What any other field may be.
inline std::vector<std::string> hostile_bytes() {
  using namespace std::string_literals;
  std::string every_byte;
  for (int byte = 0; byte < 256; ++byte) every_byte += static_cast<char>(byte);
  std::string long_bytes(storage::longest_bytes, '\0');
  for (std::size_t i = 0; i < long_bytes.size(); ++i) long_bytes[i] = static_cast<char>(i * 7 % 256);
  return {
      "",         "\0"s,           "\0\0\0\0"s,     "a\0b"s,           "a\0"s,
      "\0a"s,     "\xff\xfe\x80"s, "\xed\xa0\x80"s, "\r\n\t\x1a\x7f"s, "'; DROP TABLE mfa_factors; --"s,
      "\\x00"s,   "\\000"s,        "0x00"s,         "AAAA=="s,         every_byte,
      long_bytes,
  };
}

/// Every kind of factor that this release knows.
template <class... Kinds> std::vector<FactorType> types_of(factor::KindList<Kinds...>) {
  return {Kinds::type...};
}

/// What is written comes back.
template <class Run> void check_round_trips(Run& run) {
  run.check("a record that was never written is not found", [](auto& storage, Ids& ids) {
    expect_nothing(storage.find_factor(ids.factor()), "of a factor that was never written");
    expect_nothing(storage.find_challenge(ids.challenge()), "of a challenge that was never written");
    expect_nothing(storage.find_counter(ids.counter()), "of a counter that was never written");
  });

  run.check("each field is kept, and none in another's place", [](auto& storage, Ids& ids) {
    OfEachKind records(ids);
    auto& [factor, challenge, counter] = records;
    factor.friendly_name = "a name";
    factor.state = FactorState::verified;
    factor.created_at = at(1'000);
    factor.updated_at = at(2'000);
    factor.last_used_at = at(3'000);
    factor.failures = 4;
    factor.last_failure_at = at(5'000);
    factor.parameters = "parameters";
    factor.sealed = "sealed";
    challenge.state = ChallengeState::expired;
    challenge.created_at = at(6'000);
    challenge.updated_at = at(7'000);
    challenge.expires_at = at(8'000);
    challenge.attempts_left = 9;
    challenge.answer = "answer";
    challenge.binding = "binding";
    counter.data = "data";
    write(storage, factor, challenge, counter);
    expect_stored(storage, "after it was inserted", factor, challenge, counter);
  });

  run.check("each field is updated", [](auto& storage, Ids& ids) {
    OfEachKind records(ids);
    auto& [factor, challenge, counter] = records;
    auto another_factor = conformance::factor(ids.factor());
    write(storage, factor, another_factor, challenge, counter);
    factor.type = FactorType::sms;
    factor.state = FactorState::verified;
    factor.user_id = ids.user();
    factor.friendly_name = "another name";
    factor.created_at = at(11'000);
    factor.updated_at = at(12'000);
    factor.last_used_at = at(13'000);
    factor.failures = 14;
    factor.last_failure_at = at(15'000);
    factor.parameters = "other parameters";
    factor.sealed = "sealed again";
    challenge.factor_id = another_factor.id;
    challenge.state = ChallengeState::exhausted;
    challenge.created_at = at(16'000);
    challenge.updated_at = at(17'000);
    challenge.expires_at = at(18'000);
    challenge.purge_at = not_soon + std::chrono::hours(1);
    challenge.attempts_left = 19;
    challenge.answer = "another answer";
    challenge.binding = "another binding";
    counter.data = "other data";
    counter.purge_at = not_soon + std::chrono::hours(2);
    write(storage, factor, challenge, counter);
    expect_stored(storage, "after it was updated", factor, challenge, counter);
  });

  run.check("text keeps its bytes", [](auto& storage, Ids& ids) {
    for (const std::string& text : hostile_texts()) {
      const std::string user = ids.user(text);
      auto inserted = factor(ids.factor(), user);
      inserted.friendly_name = text;
      auto updated = factor(ids.factor());
      write(storage, inserted, updated);
      updated.user_id = user;
      updated.friendly_name = text;
      write(storage, updated);
      expect_stored(storage, "with the text " + shown(text), inserted, updated);
    }
  });

  run.check("bytes are kept, whichever they are and up to 60,000", [](auto& storage, Ids& ids) {
    OfEachKind records(ids);
    auto& [factor, challenge, counter] = records;
    for (const std::string& bytes : hostile_bytes()) {
      factor.parameters = factor.sealed = bytes;
      challenge.answer = challenge.binding = bytes;
      counter.data = bytes;
      write(storage, factor, challenge, counter); // the first inserts, the others update
      expect_stored(storage, "with the bytes " + shown(bytes), factor, challenge, counter);
    }
    OfEachKind inserted(ids);
    inserted.factor.parameters = inserted.factor.sealed = hostile_bytes().back();
    inserted.challenge.answer = inserted.challenge.binding = hostile_bytes().back();
    inserted.counter.data = hostile_bytes().back();
    write(storage, inserted.factor, inserted.challenge, inserted.counter);
    expect_stored(storage, "inserted with 60,000 bytes", inserted.factor, inserted.challenge,
                  inserted.counter);
  });

  run.check("times are kept to the millisecond, from 1970 to 5139", [](auto& storage, Ids& ids) {
    OfEachKind records(ids);
    auto& [factor, challenge, counter] = records;
    for (const std::int64_t milliseconds :
         {std::int64_t{0}, std::int64_t{1}, std::int64_t{999}, std::int64_t{1'767'225'600'123},
          std::int64_t{2'147'483'647'999}, std::int64_t{2'147'483'648'000}, std::int64_t{4'294'967'296'001},
          std::int64_t{99'999'999'999'999}}) {
      const Time time = at(milliseconds);
      factor.created_at = factor.updated_at = time;
      factor.last_used_at = factor.last_failure_at = time;
      challenge.created_at = challenge.updated_at = time;
      challenge.expires_at = time;
      challenge.purge_at = counter.purge_at =
          std::max(not_soon, time) + std::chrono::milliseconds(milliseconds % 1000);
      write(storage, factor, challenge, counter);
      expect_stored(storage, "with the time " + shown(time), factor, challenge, counter);
    }
  });

  run.check("no time is not the same as 1970", [](auto& storage, Ids& ids) {
    OfEachKind records(ids);
    auto& [factor, challenge, counter] = records;
    for (const auto& time : {std::optional<Time>(), std::optional(at(0)), std::optional<Time>()}) {
      factor.last_used_at = factor.last_failure_at = challenge.expires_at = time;
      write(storage, factor, challenge);
      expect_stored(storage, "with the optional times " + shown(time), factor, challenge);
    }
  });

  run.check("counts are kept through all 32 bits", [](auto& storage, Ids& ids) {
    OfEachKind records(ids);
    auto& [factor, challenge, counter] = records;
    for (const std::uint32_t count : {0U, 1U, 255U, 256U, 65'536U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
      factor.failures = challenge.attempts_left = count;
      write(storage, factor, challenge);
      expect_stored(storage, "with the count " + shown(count), factor, challenge);
    }
  });

  run.check("types and states are kept", [](auto& storage, Ids& ids) {
    OfEachKind records(ids);
    auto& [factor, challenge, counter] = records;
    for (const FactorType type : types_of(factor::AllKinds{}))
      for (const FactorState state : {FactorState::unverified, FactorState::verified}) {
        factor.type = type;
        factor.state = state;
        write(storage, factor);
        expect_stored(storage, "of type " + shown(type) + ", " + shown(state), factor);
      }
    for (const ChallengeState state : {ChallengeState::pending, ChallengeState::verified,
                                       ChallengeState::expired, ChallengeState::exhausted}) {
      challenge.state = state;
      write(storage, challenge);
      expect_stored(storage, "in state " + shown(state), challenge);
    }
  });
}

} // namespace mfa::testing::conformance
