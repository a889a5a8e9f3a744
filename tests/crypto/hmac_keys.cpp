// A key that each thread keeps gives the HMACs of that key and of no other, whatever keys come and go beside
// it.
#include <array>
#include <cstddef>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/hmac.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/encoding/hexadecimal.hpp>

#include "support/catch.hpp"

#if defined(__unix__)
#include <sys/wait.h>
#include <unistd.h>
#endif

using mfa::KeyRing;
using mfa::crypto::bytes_of;
using mfa::crypto::Digest;
using mfa::crypto::Hash;
using mfa::crypto::Hmac;
using mfa::crypto::HmacKey;
using mfa::crypto::text_of;
using mfa::detail::hexadecimal;

namespace {

Digest drawn_key(std::size_t size = 32) {
  Digest key;
  key.size = size;
  mfa::crypto::random_bytes({key.bytes.data(), size});
  return key;
}

std::string text(const Digest& digest) { return std::string(text_of(digest.span())); }

/// By the class that keeps nothing.
std::string expected(const Digest& key, std::string_view message) {
  return text(Hmac(Hash::sha256, key.span())(bytes_of(message)));
}

/// How many of `rounds` HMACs under keys in a random order were wrong.
int wrong_of(const std::vector<std::pair<Digest, HmacKey>>& keys, unsigned seed, int rounds) {
  std::mt19937 random(seed);
  int wrong = 0;
  for (int i = 0; i < rounds; ++i) {
    const auto& [bytes, key] = keys[random() % keys.size()];
    const std::string message(random() % 300, 'm');
    wrong += text(key({}, message)) != expected(bytes, message);
  }
  return wrong;
}

std::vector<std::pair<Digest, HmacKey>> drawn_keys(std::size_t count) {
  std::vector<std::pair<Digest, HmacKey>> keys;
  for (std::size_t i = 0; i < count; ++i) {
    const Digest bytes = drawn_key();
    keys.emplace_back(bytes, HmacKey(bytes));
  }
  return keys;
}

} // namespace

TEST_CASE("A kept key gives the HMAC of RFC 4231") {
  Digest key;
  key.size = 20;
  key.bytes.fill(0x0b);
  const std::string hmac = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
  const std::array<std::string_view, 3> parts{"Hi ", "", "There"};
  CHECK(hexadecimal(HmacKey(key)({}, "Hi There").span()) == hmac);
  CHECK(hexadecimal(HmacKey(key)(parts).span()) == hmac);
  CHECK(hexadecimal(HmacKey(key)(std::span(parts).first(2), "There").span()) == hmac);
}

TEST_CASE("Kept keys in any order, more than a thread keeps, are never taken for each other") {
  for (const std::size_t count : {1U, 2U, 7U, 8U, 9U, 40U}) {
    CAPTURE(count);
    CHECK(wrong_of(drawn_keys(count), 1, 1000) == 0);
  }
}

TEST_CASE("A key that takes the place of one that ended is not taken for it") {
  int wrong = 0;
  for (int i = 0; i < 200; ++i) {
    const Digest bytes = drawn_key();
    const auto key = std::make_unique<HmacKey>(bytes); // the same memory, mostly
    wrong += text(key->operator()({}, "message")) != expected(bytes, "message");
  }
  CHECK(wrong == 0);
  // The empty key, first in threads that keep nothing and then after others.
  CHECK(text(HmacKey(Digest())({}, "message")) == expected(Digest(), "message"));
  std::thread([] { CHECK(text(HmacKey(Digest())({}, "message")) == expected(Digest(), "message")); }).join();
}

TEST_CASE("Copies and what was moved from are the same key; what was assigned to is the new one") {
  const Digest a = drawn_key();
  const Digest b = drawn_key();
  HmacKey key(a);
  const auto hmac = [](const HmacKey& of) { return text(of({}, "message")); };
  HmacKey copy = key;
  CHECK(hmac(copy) == expected(a, "message"));
  HmacKey moved = std::move(copy);
  CHECK(hmac(moved) == expected(a, "message"));
  moved = HmacKey(b);
  CHECK(hmac(moved) == expected(b, "message"));
  CHECK(hmac(key) == expected(a, "message"));
  key = moved;
  CHECK(hmac(key) == expected(b, "message"));
}

TEST_CASE("Kept keys serve threads at once, and threads that end") {
  const auto keys = drawn_keys(12);
  for (int round = 0; round < 5; ++round) {
    std::array<int, 4> wrong{};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < wrong.size(); ++i)
      threads.emplace_back([&keys, &wrong, i] { wrong[i] = wrong_of(keys, i, 300); });
    for (auto& thread : threads) thread.join();
    CHECK(wrong == std::array<int, 4>{});
  }
}

TEST_CASE("Rings whose keys have one id and other bytes do not match each other's values, in turns") {
  const auto ring = [](const Digest& key) { return KeyRing{"2026-01", key.span()}; };
  const Digest bytes_of_a = drawn_key();
  const KeyRing a = ring(bytes_of_a);
  const KeyRing b = ring(drawn_key());
  for (int i = 0; i < 20; ++i) {
    const auto stored = a.authenticate("value", "use");
    CHECK(a.matches(stored, "value", "use", "it"));
    CHECK_FALSE(b.matches(stored, "value", "use", "it"));
    CHECK_FALSE(ring(drawn_key()).matches(stored, "value", "use", "it"));
    CHECK(ring(bytes_of_a).matches(stored, "value", "use", "it"));
  }
}

#if defined(__unix__)
TEST_CASE("A forked process has the keys of its parent, and others of its own") {
  const auto keys = drawn_keys(12);
  REQUIRE(wrong_of(keys, 1, 100) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) _exit(wrong_of(keys, 2, 200) == 0 && wrong_of(drawn_keys(12), 3, 200) == 0 ? 0 : 1);
  CHECK(wrong_of(drawn_keys(12), 4, 200) == 0);
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(wrong_of(keys, 5, 200) == 0);
}
#endif
