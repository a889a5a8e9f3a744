// What a key ring seals opens only under its key and for its record; what it authenticates matches only the
// same value and use; a newer key takes over and an older one only opens.
#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/key_bytes.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/secret_bytes.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/host.hpp"

using mfa::errc;
using mfa::KeyRing;
using mfa::crypto::bytes_of;
using mfa::crypto::text_of;
using mfa::test::thrown_by;

namespace {

constexpr std::string_view key_a = "0123456789abcdef0123456789ABCDEF";
constexpr std::string_view key_b = "ABCDEF01234567890abcdef012345678";
const KeyRing ring_a{"a", bytes_of(key_a)};
const KeyRing ring_b{"b", bytes_of(key_b)};

} // namespace

TEST_CASE("A seal opens to what was sealed, of any length") {
  for (std::size_t size = 0; size <= 200; ++size) {
    const std::string plain(size, 'x');
    const auto sealed = ring_a.seal(bytes_of(plain), "record 1");
    REQUIRE(text_of(ring_a.open(sealed, "record 1", "record 1")) == plain);
  }
}

TEST_CASE("The same secret never seals to the same bytes") {
  std::set<std::string> seals;
  for (int i = 0; i < 1000; ++i) seals.insert(ring_a.seal(bytes_of("secret"), "record"));
  CHECK(seals.size() == 1000);
}

TEST_CASE("A seal with any bit changed, cut short or moved does not open") {
  const auto sealed = ring_a.seal(bytes_of("secret"), "record 1");
  const auto open = [](const std::string& bytes, std::string_view record = "record 1") {
    return thrown_by([&] { return ring_a.open(bytes, record, "the record"); });
  };
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string changed = sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    CAPTURE(bit);
    const errc refused = open(changed);
    CHECK((refused == errc::seal_broken || refused == errc::unknown_key)); // the key's id is the first bytes
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    CAPTURE(size);
    CHECK(open(sealed.substr(0, size)) == errc::seal_broken);
  }
  CHECK(open(sealed + '\0') == errc::seal_broken);
  CHECK(open(sealed, "record 2") == errc::seal_broken);
  CHECK(open(sealed, "") == errc::seal_broken);
}

TEST_CASE("Another key does not open, whatever it is called") {
  const auto sealed = ring_a.seal(bytes_of("secret"), "record");
  CHECK(thrown_by([&] { return ring_b.open(sealed, "record", "it"); }) == errc::unknown_key);
  const KeyRing same_name{"a", bytes_of(key_b)};
  CHECK(thrown_by([&] { return same_name.open(sealed, "record", "it"); }) == errc::seal_broken);
}

TEST_CASE("After a rotation the new key seals and both open") {
  KeyRing rotated{"b", bytes_of(key_b)};
  rotated.add_further("a", bytes_of(key_a));
  const auto old_seal = ring_a.seal(bytes_of("secret"), "record");
  CHECK(text_of(rotated.open(old_seal, "record", "it")) == "secret");
  CHECK_FALSE(rotated.is_current(old_seal));
  const auto new_seal = rotated.seal(bytes_of("secret"), "record");
  CHECK(rotated.is_current(new_seal));
  CHECK(text_of(ring_b.open(new_seal, "record", "it")) == "secret");
  CHECK(thrown_by([&] { return ring_a.open(new_seal, "record", "it"); }) == errc::unknown_key);
  CHECK(rotated.matches(ring_a.authenticate("value", "use"), "value", "use", "it"));
}

TEST_CASE("What was authenticated matches only the same value, use and key") {
  const auto stored = ring_a.authenticate("123456", "sms code 1");
  CHECK(ring_a.matches(stored, "123456", "sms code 1", "it"));
  CHECK_FALSE(ring_a.matches(stored, "123457", "sms code 1", "it"));
  CHECK_FALSE(ring_a.matches(stored, "123456", "sms code 2", "it"));
  CHECK_FALSE(ring_a.matches(stored, "", "sms code 1", "it"));
  CHECK_FALSE(ring_a.matches(stored.substr(0, stored.size() - 1), "123456", "sms code 1", "it"));
  CHECK(thrown_by([&] { return ring_b.matches(stored, "123456", "sms code 1", "it"); }) == errc::unknown_key);
  CHECK(stored.find("123456") == std::string::npos);
  // Where the value ends and the use begins must not be up to who asks.
  CHECK_FALSE(ring_a.matches(ring_a.authenticate("ab", "c"), "b", "ca", "it"));
  CHECK_FALSE(ring_a.matches(ring_a.authenticate("a", "bc"), "ab", "c", "it"));
}

TEST_CASE("Without keys secrets stay in the clear by name only, and do not mix with sealed ones") {
  const KeyRing clear = KeyRing::unsealed();
  CHECK(KeyRing().empty());
  CHECK_FALSE(clear.empty());
  const auto stored = clear.seal(bytes_of("secret"), "record");
  CHECK(stored.find("secret") != std::string::npos);
  CHECK(text_of(clear.open(stored, "record", "it")) == "secret");
  CHECK(thrown_by([&] { return ring_a.open(stored, "record", "it"); }) == errc::unknown_key);
  CHECK(thrown_by([&] { return clear.open(ring_a.seal(bytes_of("s"), "record"), "record", "it"); }) ==
        errc::unknown_key);
  CHECK(thrown_by([&] { return KeyRing().seal(bytes_of("secret"), "record"); }) == errc::no_key_ring);
}

TEST_CASE("A key ring refuses what is no key and no name") {
  const auto made = [](std::string_view id, std::string_view key) {
    return thrown_by([&] { return KeyRing(id, bytes_of(key)); });
  };
  CHECK(made("a", key_a) == errc{});
  CHECK(made(std::string(64, 'a'), key_a) == errc{});
  for (const auto& id : {std::string(), std::string(65, 'a'), std::string("a b"), std::string("a\n"),
                         std::string("\xC3\xA4"), std::string("a/b"), std::string(1, '\0')}) {
    CAPTURE(id);
    CHECK(made(id, key_a) == errc::invalid_argument);
  }
  for (const std::size_t size : {0U, 1U, 16U, 31U, 33U, 64U}) {
    CAPTURE(size);
    CHECK(made("a", std::string(size, 'k')) == errc::invalid_argument);
  }
  // Nobody drew these: one byte for all, half a key twice, bytes that count up or down.
  std::vector<std::string> undrawn{"0123456789abcdef0123456789abcdef", "\xde\xad\xbe\xef"};
  while (undrawn.back().size() < KeyRing::key_size) undrawn.back() += undrawn.back();
  for (int byte = 0; byte < 256; ++byte) undrawn.emplace_back(KeyRing::key_size, static_cast<char>(byte));
  for (const int step : {1, -1, 2, 17}) {
    std::string counted;
    for (int i = 0; i < static_cast<int>(KeyRing::key_size); ++i)
      counted += static_cast<char>((250 + i * step) % 256);
    undrawn.push_back(counted);
  }
  for (std::size_t i = 0; i < undrawn.size(); ++i) {
    const std::string& key = undrawn[i];
    CAPTURE(i);
    CHECK(made("a", key) == errc::invalid_argument);
    CHECK(thrown_by([&] { return KeyRing("a", bytes_of(key_a)).add_further("b", bytes_of(key)); }) ==
          errc::invalid_argument);
    for (const std::size_t place : {0U, 15U, 16U, 31U}) { // one bit off is taken: it is not for us to guess
      std::string drawn = key;
      drawn[place] = static_cast<char>(drawn[place] ^ 1);
      CHECK(made("a", drawn) == errc{});
    }
  }
  KeyRing ring{"a", bytes_of(key_a)};
  CHECK(thrown_by([&] { return ring.add_further("a", bytes_of(key_b)); }) == errc::invalid_argument);
  CHECK(thrown_by([&] { return KeyRing().add_further("a", bytes_of(key_b)); }) == errc::invalid_argument);
}

TEST_CASE("A key may be in whatever holds its bytes") {
  const std::string text(key_a);
  const std::vector<unsigned char> bytes(key_a.begin(), key_a.end());
  const std::vector<char> characters(key_a.begin(), key_a.end());
  std::array<std::byte, 32> real_bytes{};
  std::array<std::uint8_t, 32> numbers{};
  unsigned char c_array[32];
  char c_text[32];
  for (std::size_t i = 0; i < 32; ++i) {
    real_bytes[i] = static_cast<std::byte>(key_a[i]);
    c_array[i] = numbers[i] = static_cast<unsigned char>(key_a[i]);
    c_text[i] = key_a[i];
  }
  const auto is_ring_a = [](const KeyRing& ring) {
    return text_of(ring.open(ring_a.seal(bytes_of("secret"), "record"), "record", "it")) == "secret";
  };
  CHECK(is_ring_a(KeyRing{"a", text}));
  CHECK(is_ring_a(KeyRing{"a", std::string(key_a)}));
  CHECK(is_ring_a(KeyRing{"a", key_a}));
  CHECK(is_ring_a(KeyRing{"a", "0123456789abcdef0123456789ABCDEF"}));
  CHECK(is_ring_a(KeyRing{"a", bytes}));
  CHECK(is_ring_a(KeyRing{"a", characters}));
  CHECK(is_ring_a(KeyRing{"a", real_bytes}));
  CHECK(is_ring_a(KeyRing{"a", numbers}));
  CHECK(is_ring_a(KeyRing{"a", c_array}));
  CHECK(is_ring_a(KeyRing{"a", c_text}));
  CHECK(is_ring_a(KeyRing{"a", std::span(real_bytes)}));
  CHECK(is_ring_a(KeyRing{"a", std::span<const unsigned char>(bytes)}));
  CHECK(is_ring_a(KeyRing{"a", mfa::crypto::secret_copy(bytes_of(key_a))}));
  CHECK(is_ring_a(KeyRing{"b", key_b}.add_further("a", text)));
  CHECK(is_ring_a(KeyRing{"b", key_b}.add_further("a", real_bytes)));
  // A zero at the end of an array is part of the key, and at the end of a literal it is not.
  char ends_in_zero[32];
  for (std::size_t i = 0; i < 32; ++i) ends_in_zero[i] = i < 31 ? key_a[i] : '\0';
  CHECK(thrown_by([&] { return KeyRing{"a", ends_in_zero}; }) == errc{});
  CHECK(thrown_by([&] { return KeyRing{"a", "0123456789abcdef0123456789ABCDE"}; }) == errc::invalid_argument);
}

TEST_CASE("A key may come from a text that stands for its bytes") {
  const std::string hex = "3031323334353637383961626364656630313233343536373839414243444546"; // key_a
  const std::string base64 = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlBQkNERUY=";                  // key_a
  for (const auto& text : {hex, hex + "\n", " " + hex + "\r\n"})
    CHECK(text_of(mfa::key_from_hex(text)) == key_a);
  for (const auto& text : {base64, base64 + "\n", base64.substr(0, 43)})
    CHECK(text_of(mfa::key_from_base64(text)) == key_a);
  const std::string all_bits = "\xfb\xff" + std::string(29, '\xff') + "\xfe";
  CHECK(text_of(mfa::key_from_base64("+" + std::string(41, '/') + "4=")) == all_bits);
  CHECK(text_of(mfa::key_from_base64("-" + std::string(41, '_') + "4")) == all_bits);
  CHECK(text_of(mfa::key_from_hex("fBfF" + std::string(58, 'f') + "FE")) == all_bits);
  for (const auto& text : {std::string(), hex.substr(1), hex + "0", hex.substr(1) + "g", base64,
                           "0x" + hex.substr(2), std::string(64, '\0')}) {
    CAPTURE(text);
    CHECK(thrown_by([&] { return mfa::key_from_hex(text); }) == errc::invalid_argument);
  }
  for (const auto& text : {std::string(), hex, base64.substr(1), base64 + "=", base64.substr(0, 42),
                           "*" + base64.substr(1), base64.substr(0, 42) + "V" /* stray bits */}) {
    CAPTURE(text);
    CHECK(thrown_by([&] { return mfa::key_from_base64(text); }) == errc::invalid_argument);
  }
}

TEST_CASE("A key of the wrong length is told what it looks like") {
  const std::string hex = "3031323334353637383961626364656630313233343536373839414243444546";
  struct Row {
    std::string key;
    std::string says;
  };
  for (const Row& row : std::vector<Row>{
           {hex, "has 64 bytes; a key is 32 random bytes. This looks like hexadecimal digits: give "
                 "mfa::key_from_hex("},
           {hex + "\n", "has 65 bytes; a key is 32 random bytes. This looks like hexadecimal digits"},
           {"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlBQkNERUY=",
            "This looks like base64: give mfa::key_from_base64("},
           {std::string(key_a) + "\n",
            "has 33 bytes; a key is 32 random bytes. The last of them ends a line"},
           {"correct horse battery staple",
            "has 28 bytes; a key is 32 random bytes. Draw one with `openssl rand 32`."},
       }) {
    CAPTURE(row.key);
    const auto error = mfa::test::error_of([&] { (void)KeyRing("a", row.key); });
    CHECK(error.code() == errc::invalid_argument);
    CHECK_THAT(error.what(), mfa::test::contains(row.says));
    CHECK(std::string_view(error.what()).find(row.key) == std::string_view::npos);
  }
}

TEST_CASE("Generated key rings have a key each") {
  const auto one = KeyRing::generate();
  const auto other = KeyRing::generate();
  CHECK(thrown_by([&] { return other.open(one.seal(bytes_of("secret"), "record"), "record", "it"); }) ==
        errc::unknown_key);
}

TEST_CASE("A stamp is of one message, key and epoch, and of no other or damaged one") {
  const auto stamp_of = [](const KeyRing& ring, std::string_view message) {
    return std::string(ring.stamp(message).view());
  };
  KeyRing ring = ring_a;
  ring.set_epochs({.current = 0x01020304});
  const auto stamp = stamp_of(ring, "message");
  CHECK(stamp.size() == 2 + 4 + 16);
  CHECK(KeyRing::stamp_of(stamp + "what follows") == stamp);
  CHECK(KeyRing::key_id_of(stamp) == "a");
  CHECK(ring.matches_stamp(stamp, "message", "it"));
  const std::array<std::string_view, 3> parts{"mess", "", "age"};
  CHECK(ring.matches_stamp(stamp, parts, "it"));
  CHECK(ring.stamp(parts).view() == stamp);
  CHECK(ring_a.matches_stamp(stamp, "message", "it")); // of an epoch that this node does not know yet
  CHECK_FALSE(ring.matches_stamp(stamp, "messagf", "it"));
  CHECK_FALSE(ring.matches_stamp(stamp, "", "it"));
  CHECK(thrown_by([&] { return ring_b.matches_stamp(stamp, "message", "it"); }) == errc::unknown_key);
  CHECK_FALSE(KeyRing("a", bytes_of(key_b)).matches_stamp(stamp, "message", "it"));
  for (std::size_t bit = 8 * 2; bit < 8 * stamp.size(); ++bit) { // behind the key's id
    CAPTURE(bit);
    std::string changed = stamp;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    CHECK_FALSE(ring.matches_stamp(changed, "message", "it"));
  }
  for (std::size_t size = 0; size < stamp.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(KeyRing::stamp_of(std::string_view(stamp).substr(0, size)));
    CHECK_FALSE(ring.is_current_stamp(stamp.substr(0, size)));
    CHECK_FALSE(ring.is_retired_stamp(stamp.substr(0, size)));
    if (size >= 2) CHECK_FALSE(ring.matches_stamp(stamp.substr(0, size), "message", "it"));
  }
  CHECK_FALSE(ring.matches_stamp(stamp + '\0', "message", "it"));
  // What was authenticated is no stamp, and no stamp passes for it: each use has its key.
  CHECK(ring.authenticate("", "message").substr(2, 16) != stamp.substr(6));
  CHECK_FALSE(ring_a.matches(stamp_of(ring_a, "message"), "message", "", "it"));

  const KeyRing clear = KeyRing::unsealed();
  const auto unkeyed = stamp_of(clear, "message");
  CHECK(clear.matches_stamp(unkeyed, "message", "it"));
  CHECK_FALSE(clear.matches_stamp(unkeyed, "messagf", "it"));
  CHECK(clear.is_current_stamp(unkeyed));
  CHECK(thrown_by([&] { return ring.matches_stamp(unkeyed, "message", "it"); }) == errc::unknown_key);
  CHECK(thrown_by([&] { return stamp_of(KeyRing(), "message"); }) == errc::no_key_ring);
}

TEST_CASE("A stamp of a retired epoch is refused, and one of a later key or epoch is current") {
  const auto ring = [](std::uint32_t current, std::uint32_t oldest) {
    return KeyRing("a", bytes_of(key_a)).add_further("b", bytes_of(key_b)).set_epochs({current, oldest});
  };
  const auto stamp = [](const KeyRing& of) { return std::string(of.stamp("message").view()); };
  const auto matches = [&](const KeyRing& by, const std::string& stamped) {
    return by.matches_stamp(stamped, "message", "factor f");
  };
  CHECK(ring_a.epochs() == mfa::Epochs{});
  CHECK(KeyRing(ring(7, 5)).epochs() == mfa::Epochs{.current = 7, .oldest = 5});
  for (const std::uint32_t epoch : {5U, 6U, 7U, 8U, 0xFFFFFFFFU}) {
    CAPTURE(epoch);
    CHECK(matches(ring(7, 5), stamp(ring(epoch, 0))));
    CHECK_FALSE(ring(7, 5).is_retired_stamp(stamp(ring(epoch, 0))));
    CHECK(ring(7, 5).is_current_stamp(stamp(ring(epoch, 0))) == (epoch >= 7));
  }
  for (const std::uint32_t epoch : {0U, 4U}) {
    CAPTURE(epoch);
    const auto error = mfa::test::error_of([&] { (void)matches(ring(7, 5), stamp(ring(epoch, 0))); });
    CHECK(error.code() == errc::seal_broken);
    CHECK_THAT(error.what(), mfa::test::contains("factor f is of epoch " + std::to_string(epoch) +
                                                 ", and the key ring takes none before 5"));
    CHECK(ring(7, 5).is_retired_stamp(stamp(ring(epoch, 0))));
  }
  CHECK_FALSE(ring(0, 0).is_current_stamp(stamp(ring_b)));
  CHECK(matches(ring(0, 0), stamp(ring_b)));
  CHECK(thrown_by([&] { return ring(4, 5); }) == errc::invalid_argument);
}
