#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/error.hpp>

// Covers: crypto/key_ring.hpp crypto/sealed_box.hpp

namespace {

using mfa::KeyRing;

std::vector<unsigned char> key(std::size_t number) {
  std::vector<unsigned char> bytes;
  for (std::size_t i = 0; i < KeyRing::key_size; ++i)
    bytes.push_back(static_cast<unsigned char>(number + i * i));
  return bytes;
}

/// Whether these bytes open; only the library's own errors say that they do not.
bool opens(const KeyRing& keys, std::string_view stored, std::string_view context) {
  try {
    (void)keys.open(stored, context, "a fuzzed secret");
    return true;
  } catch (const mfa::Error&) {
    return false;
  }
}

} // namespace

// The bytes are those that a storage gives back. Then they are a secret: it opens as it was sealed, and with
// none of its bytes changed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const KeyRing keys = [] {
    KeyRing ring("current", key(1));
    ring.add_further("a-former-key", key(2));
    return ring;
  }();
  static const KeyRing unsealed = KeyRing::unsealed();
  const auto bytes = mfa::crypto::text_of({data, size});

  (void)opens(keys, bytes, "a record");
  (void)opens(unsealed, bytes, "a record");
  (void)keys.is_current(bytes);
  (void)KeyRing::key_id_of(bytes);
  try {
    (void)keys.matches(bytes, "value", "context", "a fuzzed HMAC");
  } catch (const mfa::Error&) { // names no key of the ring
  }

  std::string sealed = keys.seal(mfa::crypto::bytes_of(bytes), "a record");
  if (mfa::crypto::text_of(keys.open(sealed, "a record", "a secret")) != bytes) std::abort();
  if (opens(keys, sealed, "another record")) std::abort();
  if (opens(keys, std::string_view(sealed).substr(0, sealed.size() - 1), "a record")) std::abort();
  sealed[size % sealed.size()] = static_cast<char>(sealed[size % sealed.size()] ^ 1);
  if (opens(keys, sealed, "a record")) std::abort();
  return 0;
}
