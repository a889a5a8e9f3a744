#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <openssl/evp.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/constant_time.hpp>
#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/hmac.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/encoding/text_encoding.hpp>
#include <mfa/encoding/typed_characters.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/purpose.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/import_types.hpp>
#include <mfa/search.hpp>
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

  /// The character of the alphabet, or one that is not in it.
  static char meant(char32_t character) noexcept {
    if (const auto digit = detail::decimal_digit(character)) return static_cast<char>('0' + *digit);
    character = detail::without_full_width(character);
    if (character >= 'a' && character <= 'z') character = character - 'a' + 'A';
    if (character == 'O') return '0';
    if (character == 'I' || character == 'L') return '1';
    return character < 0x80 ? static_cast<char>(character) : '?';
  }

 private:
  crypto::SecretArray<char, size> characters_;
  bool well_formed_ = false;
};

/// A recovery code of another system, as a person typed or pasted it: by the same rules, whatever its
/// alphabet and length. Wiped at the end.
class TypedForeignCode {
 public:
  static constexpr std::size_t longest = 64;
  // The shortest of 40 random bits; of digits alone, and of hexadecimal ones.
  static constexpr std::size_t shortest = 8;
  static constexpr std::size_t shortest_of_digits = 13;
  static constexpr std::size_t shortest_hexadecimal = 10;

  explicit TypedForeignCode(std::string_view text) {
    if (text.size() > detail::longest_typed_text || !detail::is_utf8(text)) return;
    bool good = true;
    while (!text.empty()) {
      char32_t character = detail::take_character(text);
      if (detail::is_dash(character)) {
        with_dashes_ += '-';
        continue;
      }
      if (detail::is_filler(character)) continue;
      if (const auto digit = detail::decimal_digit(character)) character = '0' + *digit;
      character = detail::without_full_width(character);
      good = good && character > 0x20 && character < 0x7F;
      with_dashes_ += static_cast<char>(character);
      plain_ += static_cast<char>(character);
      folded_ += TypedRecoveryCode::meant(character);
    }
    well_formed_ = good && !plain_.empty() && plain_.size() <= longest;
  }

  [[nodiscard]] bool well_formed() const noexcept { return well_formed_; }

  /// Whether it can be guessed, whoever drew it.
  [[nodiscard]] bool too_short() const noexcept {
    const bool only_digits = plain_.view().find_first_not_of("0123456789") == std::string_view::npos;
    return plain_.view().size() < (only_digits ? shortest_of_digits : shortest);
  }

  /// In upper case, without dashes, with 0 for O and 1 for I and L.
  [[nodiscard]] const crypto::SecretString& folded() const noexcept { return folded_; }

  /// Calls with each spelling that the other system may have hashed, until it answers true: as it was typed,
  /// in either case, each with the dashes and without.
  template <class Call> bool any_spelling(Call&& call) const {
    for (const crypto::SecretString* const text : {&plain_, &with_dashes_})
      for (const char letters : {' ', 'A', 'a'}) {
        crypto::SecretString spelt;
        for (const char c : text->view()) {
          const char first = letters == 'A' ? 'a' : 'A';
          const bool turned = letters != ' ' && c >= first && c < first + 26;
          spelt += turned ? static_cast<char>(c - first + letters) : c;
        }
        if (call(spelt)) return true;
      }
    return false;
  }

 private:
  crypto::SecretString plain_;
  crypto::SecretString with_dashes_;
  crypto::SecretString folded_;
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
    return draw_set(record, decode(record).codes.size(), context);
  }

  /// Fills in a verified record for the codes of another system. Throws `errc::invalid_argument`, and
  /// `errc::invalid_secret` for codes that can be guessed.
  static void adopt(const ImportRecoveryCodes& request, storage::FactorRecord& record,
                    const Context& context) {
    crypto::SecretBytes key(crypto::digest_size(crypto::Hash::sha256));
    crypto::random_bytes_for(purpose_of("recovery codes' key", record), key);
    Set set{.foreign = Foreign::in_the_clear};
    if (request.codes.empty()) set.foreign = static_cast<Foreign>(request.hash);
    for (const std::string& mac : macs_of(request, key)) set.codes.push_back({mac});
    record.state = FactorState::verified;
    record.parameters = encode(set);
    seal_secret(record, key, context.keys);
  }

  /// Whether the set has all of these codes, used or not.
  static bool holds(const storage::FactorRecord& record, const ImportRecoveryCodes& request,
                    const Context& context) {
    const Set set = decode(record);
    const auto macs = macs_of(request, open_secret(record, context.keys));
    return set.foreign ==
               (request.codes.empty() ? static_cast<Foreign>(request.hash) : Foreign::in_the_clear) &&
           !mfa::detail::any_of(macs, [&](const std::string& mac) {
             return !mfa::detail::any_of(set.codes,
                                         [&](const Code& code) { return crypto::equal(code.mac, mac); });
           });
  }

  template <class As> static void tell(const Details& details, As&& as) {
    as("remaining", details.remaining);
    as("count", details.count);
  }

  static Details describe(const storage::FactorRecord& record) {
    const std::vector<Code> codes = decode(record).codes;
    return {remaining(codes), static_cast<unsigned>(codes.size())};
  }

  /// Compares with every code of the set, whichever matches.
  static Answer check(storage::FactorRecord& record, const storage::ChallengeRecord&, std::string_view answer,
                      const Context& context) {
    Set set = decode(record);
    std::vector<Code>& codes = set.codes;
    const crypto::SecretBytes key = open_secret(record, context.keys);
    Code* match = nullptr;
    const auto compare = [&](std::string_view text) {
      const std::string mac = mac_of(text, key);
      for (Code& code : codes)
        if (crypto::equal(code.mac, mac)) match = &code;
      return match != nullptr;
    };
    if (set.foreign == Foreign::none) {
      const TypedRecoveryCode typed(answer);
      if (!typed.well_formed()) return Answer::malformed();
      (void)compare(typed.text());
    } else {
      const TypedForeignCode typed(answer);
      if (!typed.well_formed()) return Answer::malformed();
      if (set.foreign == Foreign::in_the_clear) {
        (void)compare(typed.folded());
      } else {
        // A hash does not show what it is of, so the strength of codes is seen where they are typed.
        if (typed.too_short()) return Answer::malformed();
        (void)typed.any_spelling([&](const crypto::SecretString& text) {
          const crypto::SecretString digest = digest_of(text, set.foreign);
          return compare(digest);
        });
      }
    }
    if (match == nullptr) return {};
    if (match->used) return {.status = Status::code_already_used};
    match->used = true;
    Answer answered{.status = Status::valid, .amr = amr};
    if (remaining(codes) <= few_codes) answered.events.push_back(EventType::recovery_codes_low);
    record.parameters = encode(set);
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

  /// Whether the codes are another system's, and what of them it kept. The numbers are stored.
  enum class Foreign : std::uint8_t {
    none = 0, ///< they are ours
    sha1 = 1, ///< of `crypto::Hash`
    sha256 = 2,
    sha512 = 3,
    in_the_clear = 4,
  };

  struct Set {
    Foreign foreign = Foreign::none;
    std::vector<Code> codes = {};
  };

  /// What the other system kept of a code.
  static crypto::SecretString digest_of(std::string_view code, Foreign hash) {
    std::array<unsigned char, 64> digest{};
    std::size_t size = 0;
    const char* const name = hash == Foreign::sha1 ? "SHA1" : hash == Foreign::sha256 ? "SHA256" : "SHA512";
    if (EVP_Q_digest(nullptr, name, nullptr, code.data(), code.size(), digest.data(), &size) != 1)
      throw Error(errc::crypto_failure,
                  std::string("OpenSSL has no ") + name + "; check which providers its configuration loads");
    return crypto::text_of(std::span(digest).first(size));
  }

  /// Of codes of another system, or of its hashes.
  static std::vector<std::string> macs_of(const ImportRecoveryCodes& request,
                                          const crypto::SecretBytes& key) {
    const std::size_t count = request.codes.size() + request.hashes.size();
    if (count < 1 || count > most_codes || (!request.codes.empty() && !request.hashes.empty()))
      throw Error(errc::invalid_argument,
                  "recovery codes are imported as 1 to 50 codes, or as hashes of them");
    std::vector<std::string> macs;
    if (!request.codes.empty()) check_strength(request.codes);
    for (const crypto::SecretString& code : request.codes)
      macs.push_back(mac_of(TypedForeignCode(code).folded(), key));
    for (const std::string& hash : request.hashes) {
      const auto bytes = request.encoding == TextEncoding::hex      ? detail::read_hex<std::string>(hash)
                         : request.encoding == TextEncoding::base64 ? detail::read_base64<std::string>(hash)
                         : request.encoding == TextEncoding::bytes  ? std::optional(hash)
                                                                    : std::nullopt;
      if (!bytes || bytes->size() != crypto::digest_size(request.hash))
        throw Error(
            errc::invalid_argument,
            "a recovery code's hash is not the unsalted hash that ImportRecoveryCodes::hash and encoding "
            "name; salted and slow ones cannot be imported");
      macs.push_back(mac_of(*bytes, key));
    }
    for (const std::string& one : macs)
      if (mfa::detail::count_if(macs, [&](const std::string& mac) { return mac == one; }) > 1)
        throw Error(errc::invalid_argument, "two of the recovery codes are the same");
    return macs;
  }

  /// Nothing counts wrong recovery codes beyond a challenge, so nobody may guess them.
  static void check_strength(const std::vector<crypto::SecretString>& codes) {
    std::size_t shortest = TypedForeignCode::longest;
    bool only_digits = true;
    bool only_hexadecimal = true;
    for (const crypto::SecretString& code : codes) {
      const TypedForeignCode typed(code);
      if (!typed.well_formed())
        throw Error(errc::invalid_argument,
                    "a recovery code must have 1 to 64 printable characters of ASCII");
      const std::string_view text = typed.folded();
      shortest = std::min(shortest, text.size());
      only_digits = only_digits && text.find_first_not_of("0123456789") == std::string_view::npos;
      only_hexadecimal =
          only_hexadecimal && text.find_first_not_of("0123456789ABCDEF") == std::string_view::npos;
    }
    const std::size_t least = only_digits        ? TypedForeignCode::shortest_of_digits
                              : only_hexadecimal ? TypedForeignCode::shortest_hexadecimal
                                                 : TypedForeignCode::shortest;
    if (shortest < least)
      throw Error(errc::invalid_secret,
                  "recovery codes of " + std::to_string(shortest) +
                      " characters can be guessed, as nothing locks recovery codes; of these, " +
                      std::to_string(least) + " are needed: have the user draw new ones");
  }

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
    Set set;
    std::vector<Code>& codes = set.codes;
    RecoveryCodesEnrollment shown;
    for (std::size_t i = 0; i < count; ++i) {
      const crypto::SecretString code = draw_code(purpose_of("recovery code", record, std::to_string(i)));
      codes.push_back({mac_of(code, key)});
      shown.codes.push_back(with_dashes(code));
    }
    record.parameters = encode(set);
    seal_secret(record, key, context.keys);
    return shown;
  }

  static unsigned remaining(const std::vector<Code>& codes) {
    unsigned count = 0;
    for (const Code& code : codes) count += code.used ? 0 : 1;
    return count;
  }

  /// Format 2 is that of codes of another system.
  static std::string encode(const Set& set) {
    const bool foreign = set.foreign != Foreign::none;
    detail::FieldWriter fields(foreign ? 2 : 1);
    if (foreign) fields.enumerator(set.foreign);
    fields.number(set.codes.size());
    for (const Code& code : set.codes) fields.text(code.mac).flag(code.used);
    return fields.take();
  }

  static Set decode(const storage::FactorRecord& record) {
    const bool foreign = record.parameters.starts_with('\2');
    detail::FieldReader fields(record.parameters, foreign ? 2 : 1, "factor", record.id);
    Set set;
    if (foreign) set.foreign = fields.enumerator(Foreign::in_the_clear);
    set.codes.resize(fields.number_up_to(most_codes));
    for (Code& code : set.codes) {
      code.mac = fields.text();
      code.used = fields.flag();
    }
    fields.end();
    return set;
  }
};

} // namespace factor
} // namespace mfa
