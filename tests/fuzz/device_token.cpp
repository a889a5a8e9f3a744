#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/mfa.hpp>
#include <mfa/testing/manual_clock.hpp>

// Covers: verbs/devices.hpp encoding/base64url.hpp

namespace {

std::vector<unsigned char> key() {
  std::vector<unsigned char> bytes;
  for (std::size_t i = 0; i < mfa::KeyRing::key_size; ++i) bytes.push_back(static_cast<unsigned char>(i * i));
  return bytes;
}

} // namespace

// What a browser sends as its token, or what follows the prefix of one. The key is fixed and the user has a
// device, so that the corpus holds tokens that open; the device is another each time, so that none is valid.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static mfa::storage::Memory storage;
  static mfa::testing::ManualClock clock;
  static mfa::Verifier verifier(storage, clock, mfa::Options{.key_ring = mfa::KeyRing("fuzz", key())});
  static const auto token = verifier.remember_device("u_42", "laptop", mfa::by_operator).token;
  const auto text = mfa::crypto::text_of({data, size});
  for (const std::string& sent :
       {std::string(text), std::string(mfa::verbs::device_token_prefix).append(text)})
    if (sent != token && verifier.check_device(sent, "u_42")) std::abort();
  if (!verifier.check_device(token, "u_42")) std::abort();
  if (!text.empty() && text != "u_42" && verifier.check_device(token, text)) std::abort();
  return 0;
}
