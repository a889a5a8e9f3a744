#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/epoch_file.hpp>
#include <mfa/crypto/key_bytes.hpp>
#include <mfa/crypto/key_file.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/error.hpp>

// Covers: crypto/epoch_file.hpp crypto/key_file.hpp crypto/key_bytes.hpp crypto/key_ring.hpp

namespace {

template <class Parse> void attempt(mfa::errc expected, Parse parse) {
  try {
    if (parse().empty()) std::abort();
  } catch (const mfa::Error& error) {
    if (error.code() != expected) std::abort();
  }
}

} // namespace

// A key file, an epoch file, or the text of one key.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = mfa::crypto::text_of({data, size});
  attempt(mfa::errc::key_unavailable, [&] { return mfa::detail::parse_key_file(text, "keys"); });
  attempt(mfa::errc::invalid_argument, [&] { return mfa::key_from_hex(text); });
  attempt(mfa::errc::invalid_argument, [&] { return mfa::key_from_base64(text); });
  attempt(mfa::errc::invalid_argument, [&] { return mfa::KeyRing("id", text); });
  const auto epochs = mfa::detail::parse_epochs(text);
  if (epochs && epochs->oldest > epochs->current) std::abort();
  return 0;
}
