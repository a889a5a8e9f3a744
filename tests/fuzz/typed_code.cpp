#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/factor/recovery_codes.hpp>
#include <mfa/factor/typed_code.hpp>

// Covers: factor/typed_code.hpp encoding/typed_characters.hpp encoding/text.hpp

using mfa::factor::TypedCode;
using mfa::factor::TypedForeignCode;
using mfa::factor::TypedRecoveryCode;

/// What is taken for a code is made of a code's characters, and reads the same again, with marks between them
/// too.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = mfa::crypto::text_of({data, size});
  const auto spread = [](std::string_view code) {
    std::string typed = "\xEF\xBB\xBF";
    for (const char c : code) (typed += c) += "\xE2\x80\xAF";
    return typed + "\r\n";
  };
  if (const TypedCode code(text); code.size() > 0) {
    const bool digits = code.text().find_first_not_of("0123456789") == std::string_view::npos;
    if (!digits || code.size() > 18 || code.text().size() != code.size()) std::abort();
    if (TypedCode(code.text()).text() != code.text()) std::abort();
    if (TypedCode(spread(code.text())).text() != code.text()) std::abort();
  }
  if (const TypedRecoveryCode code(text); code.well_formed()) {
    if (code.text().find_first_not_of(TypedRecoveryCode::alphabet) != std::string_view::npos) std::abort();
    const TypedRecoveryCode again(spread(code.text()));
    if (!again.well_formed() || again.text() != code.text()) std::abort();
  }
  if (const TypedForeignCode code(text); code.well_formed()) {
    const TypedForeignCode again(spread(code.folded()));
    if (!again.well_formed() || again.folded().view() != code.folded().view()) std::abort();
    (void)code.any_spelling([](std::string_view spelt) {
      if (spelt.size() > mfa::detail::longest_typed_text) std::abort();
      return false;
    });
  }
  return 0;
}
