#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <mfa/crypto/bytes.hpp>
#include <mfa/error.hpp>
#include <mfa/otp/seed.hpp>
#include <mfa/token_csv.hpp>

// Covers: token_csv.hpp encoding/text_encoding.hpp otp/seed.hpp

/// Once as a whole file, and once as the lines of one whose columns are known.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(mfa::crypto::text_of({data, size}));
  mfa::TokenCsvOptions options;
  for (const char* columns :
       {"", "upn,serial,secret,period,maker,model,digits,hash,counter,type,issuer,label"}) {
    options.columns = columns;
    try {
      for (mfa::ImportToken& token : mfa::read_token_csv(text, options)) {
        if (token.problem.empty() == token.seed.view().empty()) std::abort();
        for (const auto encoding :
             {mfa::TextEncoding::base32, mfa::TextEncoding::hex, mfa::TextEncoding::base64}) {
          try {
            (void)mfa::otp::decode_seed(token.seed, encoding);
          } catch (const mfa::Error&) { // refused
          }
        }
      }
    } catch (const mfa::Error&) { // refused
    }
  }
  return 0;
}
