#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/constant_time.hpp>
#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/hmac.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/encoding/typed_characters.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/purpose.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/user_id.hpp>

namespace mfa {

/// To enrol: a set of codes that the user keeps for the day when no other factor is at hand, each good for
/// one use. It is verified from the start, since trying a code would use it up. One set a user is enough:
/// `regenerate_recovery_codes` replaces its codes.
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct RecoveryCodes {
  /// Your own identifier of the user, for `list_factors`: 1 to 255 bytes.
  std::optional<UserId> user_id = {};
  std::string friendly_name = {}; ///< the user's name of this factor: up to 200 bytes
  unsigned count = 10;            ///< 1 to 50
};

/// What the user must write down. Given once: show it and forget it.
struct RecoveryCodesEnrollment {
  std::vector<crypto::SecretString> codes; ///< "7KQP-X2M9-T4WD", 60 random bits each
};

/// What may be shown of a set of recovery codes.
struct RecoveryCodesDetails {
  unsigned remaining; ///< not used yet
  unsigned count;     ///< of the whole set
};

namespace factor {

/// A recovery code as a person typed or pasted it: in either case, with the dashes or without, with O for 0
/// and I or L for 1 (Crockford's base32). Letters are ASCII's or their full-width forms, digits those of any
/// script; white space, dashes and invisible marks are dropped wherever they stand. Wiped at the end.
class TypedRecoveryCode {
 public:
  static constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  static constexpr std::size_t size = 12;
  static constexpr std::size_t group = 4;

  explicit TypedRecoveryCode(std::string_view text) noexcept {
    if (text.size() > detail::longest_typed_text || !detail::is_utf8(text)) return;
    std::size_t count = 0;
    while (!text.empty()) {
      const char32_t character = detail::take_character(text);
      if (detail::is_filler(character)) continue;
      const char c = meant(character);
      if (count == size || alphabet.find(c) == std::string_view::npos) return;
      characters_[count++] = c;
    }
    well_formed_ = count == size;
  }

  [[nodiscard]] bool well_formed() const noexcept { return well_formed_; }
  [[nodiscard]] std::string_view text() const noexcept { return {characters_.data(), characters_.size()}; }

 private:
  /// The character of the alphabet, or one that is not in it.
  static char meant(char32_t character) noexcept {
    if (const auto digit = detail::decimal_digit(character)) return static_cast<char>('0' + *digit);
    character = detail::without_full_width(character);
    if (character >= 'a' && character <= 'z') character = character - 'a' + 'A';
    if (character == 'O') return '0';
    if (character == 'I' || character == 'L') return '1';
    return character < 0x80 ? static_cast<char>(character) : '?';
  }

  crypto::SecretArray<char, size> characters_;
  bool well_formed_ = false;
};

/// The kind `recovery_codes`. Of a code, only an HMAC is kept, whose key each set has for itself, sealed
/// under the key ring. A slow hash is not worth it: a thief of the storage has no key to try codes with, and
/// a thief of the key ring as well has every other factor's secret in the clear.
struct RecoveryCodesKind : ShowsOneFactor,
                           BeyondGuessing,
                           CountsNothing,
                           PreparesNothing,
                           ReplacesNothing,
                           UnlocksNothing,
                           ClaimsNothing,
                           ExportsNothing {
  using Request = RecoveryCodes;
  using Details = RecoveryCodesDetails;
  using Shown = RecoveryCodesEnrollment;
  template <class Factor> struct Enrolled {
    Factor factor;
    Shown recovery_codes;
  };

  static constexpr FactorType type = FactorType::recovery_codes;
  static constexpr std::string_view amr[] = {"otp"};

  static RecoveryCodesEnrollment enroll(const RecoveryCodes& request, storage::FactorRecord& record,
                                        const Context& context) {
    if (request.count < 1 || request.count > most_codes)
      throw Error(errc::invalid_argument, std::to_string(request.count) + " recovery codes; a set has 1 to " +
                                              std::to_string(most_codes));
    record.state = FactorState::verified;
    return draw_set(record, request.count, context);
  }

  /// Puts new codes in the place of all old ones, used or not.
  static RecoveryCodesEnrollment regenerate(storage::FactorRecord& record, const Context& context) {
    return draw_set(record, decode(record).size(), context);
  }

  template <class As> static void tell(const Details& details, As&& as) {
    as("remaining", details.remaining);
    as("count", details.count);
  }

  static Details describe(const storage::FactorRecord& record) {
    const std::vector<Code> codes = decode(record);
    return {remaining(codes), static_cast<unsigned>(codes.size())};
  }

  /// Compares with every code of the set, whichever matches.
  static Answer check(storage::FactorRecord& record, const storage::ChallengeRecord&, std::string_view answer,
                      const Context& context) {
    const TypedRecoveryCode typed(answer);
    if (!typed.well_formed()) return Answer::malformed();
    std::vector<Code> codes = decode(record);
    const crypto::SecretBytes key = open_secret(record, context.keys);
    const std::string mac = mac_of(typed.text(), key);
    Code* match = nullptr;
    for (Code& code : codes)
      if (crypto::equal(code.mac, mac)) match = &code;
    if (match == nullptr) return {};
    if (match->used) return {.status = Status::code_already_used};
    match->used = true;
    Answer answered{.status = Status::valid, .amr = amr};
    if (remaining(codes) <= few_codes) answered.events.push_back(EventType::recovery_codes_low);
    record.parameters = encode(codes);
    reseal_secret(record, key, context.keys);
    return answered;
  }

 private:
  static constexpr unsigned most_codes = 50;
  static constexpr unsigned few_codes = 2;

  struct Code {
    std::string mac;
    bool used = false;
  };

  static std::string mac_of(std::string_view code, const crypto::SecretBytes& key) {
    crypto::Hmac hmac(crypto::Hash::sha256, key);
    return std::string(crypto::text_of(hmac(crypto::bytes_of(code)).span()));
  }

  /// A code without its dashes, each equally likely.
  static crypto::SecretString draw_code(std::string_view purpose) {
    crypto::SecretArray<unsigned char, TypedRecoveryCode::size> bytes;
    crypto::random_bytes_for(purpose, bytes);
    crypto::SecretString code;
    for (const unsigned char byte : bytes) code += TypedRecoveryCode::alphabet[byte & 31U];
    return code;
  }

  static crypto::SecretString with_dashes(std::string_view code) {
    crypto::SecretString text;
    for (; code.size() > TypedRecoveryCode::group; code.remove_prefix(TypedRecoveryCode::group))
      (text += code.substr(0, TypedRecoveryCode::group)) += '-';
    return text += code;
  }

  static RecoveryCodesEnrollment draw_set(storage::FactorRecord& record, std::size_t count,
                                          const Context& context) {
    crypto::SecretBytes key(crypto::digest_size(crypto::Hash::sha256));
    crypto::random_bytes_for(purpose_of("recovery codes' key", record), key);
    std::vector<Code> codes;
    RecoveryCodesEnrollment shown;
    for (std::size_t i = 0; i < count; ++i) {
      const crypto::SecretString code = draw_code(purpose_of("recovery code", record, std::to_string(i)));
      codes.push_back({mac_of(code, key)});
      shown.codes.push_back(with_dashes(code));
    }
    record.parameters = encode(codes);
    seal_secret(record, key, context.keys);
    return shown;
  }

  static unsigned remaining(const std::vector<Code>& codes) {
    unsigned count = 0;
    for (const Code& code : codes) count += code.used ? 0 : 1;
    return count;
  }

  static std::string encode(const std::vector<Code>& codes) {
    detail::FieldWriter fields(1);
    fields.number(codes.size());
    for (const Code& code : codes) fields.text(code.mac).flag(code.used);
    return fields.take();
  }

  static std::vector<Code> decode(const storage::FactorRecord& record) {
    detail::FieldReader fields(record.parameters, 1, "factor", record.id);
    std::vector<Code> codes(fields.number_up_to(most_codes));
    for (Code& code : codes) {
      code.mac = fields.text();
      code.used = fields.flag();
    }
    fields.end();
    return codes;
  }
};

} // namespace factor
} // namespace mfa
