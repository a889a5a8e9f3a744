#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/error.hpp>
#include <mfa/pskc/read_pskc.hpp>

// Covers: pskc/read_pskc.hpp pskc/decryption.hpp pskc/document.hpp

/// With a key and a password, and MACs asked for or not, which a fuzzer would hardly make.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = mfa::crypto::text_of({data, size});
  if (text.find("IterationCount") != std::string_view::npos && text.find("0000") != std::string_view::npos)
    return 0; // which takes its time, and may
  for (const bool unauthenticated : {false, true}) {
    try {
      const mfa::PskcOptions options{.key = mfa::crypto::SecretBytes(16, 'k'),
                                     .password = "qwerty",
                                     .accept_unauthenticated = unauthenticated};
      for (const mfa::ImportToken& token : mfa::read_pskc(text, options))
        if (token.problem.empty() == token.seed.view().empty()) std::abort();
    } catch (const mfa::Error&) { // refused
    }
  }
  return 0;
}
