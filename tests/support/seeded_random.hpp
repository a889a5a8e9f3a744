#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <openssl/rand.h>

namespace mfa::test {

/// The next number of a sequence that `state` goes through (splitmix64 by Steele, Lea and Flood).
inline std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t mixed = state += 0x9E3779B97F4A7C15;
  mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9;
  mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB;
  return mixed ^ mixed >> 31;
}

/// OpenSSL's generator for as long as this lives, in all threads: what it gives follows from the seed. For
/// one thread at a time.
class SeededRandom {
 public:
  explicit SeededRandom(std::uint64_t seed) {
    begin(seed);
    RAND_set_rand_method(&method);
  }
  SeededRandom(const SeededRandom&) = delete;
  SeededRandom& operator=(const SeededRandom&) = delete;
  ~SeededRandom() { RAND_set_rand_method(nullptr); }

  static void begin(std::uint64_t seed) { state = seed; }

 private:
  static int generate(unsigned char* out, int size) {
    for (auto left = static_cast<std::size_t>(size); left > 0;) {
      const std::uint64_t drawn = next_random(state);
      const std::size_t part = left < sizeof drawn ? left : sizeof drawn;
      std::memcpy(out, &drawn, part);
      out += part;
      left -= part;
    }
    return 1;
  }
  static int ready() { return 1; }

  static inline std::uint64_t state = 0;
  static inline RAND_METHOD method{nullptr, generate, nullptr, nullptr, generate, ready};
};

} // namespace mfa::test
