#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/factor/recovery_codes.hpp>
#include <mfa/factor/typed_code.hpp>

// Covers: factor/typed_code.hpp detail/typed_characters.hpp detail/text.hpp

// What a person typed or pasted: if it is taken for a code, it is one of the characters that codes have.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mfa::factor;
  const auto text = mfa::crypto::text_of({data, size});
  const TypedCode digits(text);
  if (digits.size() > 18 || digits.text().find_first_not_of("0123456789") != std::string_view::npos)
    std::abort();
  if (digits.size() > 0) (void)digits.value(0, 6);
  const TypedRecoveryCode code(text);
  if (code.well_formed() &&
      code.text().find_first_not_of(TypedRecoveryCode::alphabet) != std::string_view::npos)
    std::abort();
  return 0;
}
