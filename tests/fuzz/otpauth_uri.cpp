#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <mfa/crypto/bytes.hpp>
#include <mfa/error.hpp>
#include <mfa/otp/uri.hpp>
#include <mfa/otp/uri_parser.hpp>

// Covers: otp/uri_parser.hpp otp/uri.hpp

/// What is read and can be written again reads the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mfa::otp;
  Account account;
  std::string again;
  try {
    account = parse_uri(mfa::crypto::text_of({data, size}));
    again = uri(account);
  } catch (const mfa::Error&) {
    return 0;
  }
  const Account read = parse_uri(again);
  const bool same = read.issuer == account.issuer && read.user == account.user &&
                    read.secret == account.secret && read.hash == account.hash &&
                    read.digits == account.digits && read.period == account.period &&
                    read.counter == account.counter;
  if (!same) std::abort();
  return 0;
}
