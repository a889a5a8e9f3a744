#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/checked_text.hpp>
#include <mfa/encoding/text_encoding.hpp>
#include <mfa/error.hpp>
#include <mfa/import_types.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/otp/uri_parser.hpp>
#include <mfa/pskc/decryption.hpp>
#include <mfa/pskc/document.hpp>
#include <mfa/token_csv.hpp>
#include <mfa/types.hpp>

namespace mfa {

/// What opens an encrypted file. With a key or a password, secrets in the clear are refused.
struct PskcOptions {
  /// That was shared before: 16, 24 or 32 bytes.
  crypto::SecretBytes key = {};
  /// Of which the key is derived.
  crypto::SecretString password = {};
  /// Unsafe: takes encrypted values without a MAC, which RFC 6030 section 6.2 requires, and with a key or a
  /// password secrets in the clear.
  bool accept_unauthenticated = false;
};

namespace pskc {

/// One Key of a KeyPackage (RFC 6030 section 4) as a token.
class KeyReader {
 public:
  explicit KeyReader(const Decryption& decryption) : decryption_(decryption) {}

  /// Throws `errc::invalid_token_file` for a token that cannot or must not be used.
  void fill(ImportToken& token, const Element& package) const {
    if (const auto device = package.child("DeviceInfo")) read_device(token, *device);
    const auto key = package.child("Key");
    if (!key) refuse("the token has no key");
    if (token.serial_number.empty()) token.serial_number = plain_text(key->attribute("Id"), "Id");
    if (const auto user = key->child("UserId")) token.named_user = text_of(*user);
    if (const auto name = key->first_child("FriendlyName")) token.friendly_name = text_of(*name);
    if (token.friendly_name.empty()) token.friendly_name = mfa::detail::TokenCsv::name_of(token);

    const std::string algorithm = key->attribute("Algorithm");
    const std::string_view kind = short_name(algorithm);
    if (kind == "pin") refuse("it is a PIN of a token, which the token checks itself");
    if (kind != "hotp" && kind != "totp") refuse("the token's algorithm is neither HOTP nor TOTP");
    const auto parameters = key->child("AlgorithmParameters");
    if (parameters) read_parameters(token, *parameters);
    if (key->child("KeyProfileId") && !(parameters && parameters->child("ResponseFormat")))
      refuse("the token's digits are those of a profile that its sender and receiver agreed on; give it a "
             "ResponseFormat");
    if (const auto policy = key->child("Policy")) read_policy(token, *policy);
    const auto data = key->child("Data");
    if (data) read_data(token, *data, kind == "hotp");
    if (!data || token.seed.view().empty())
      refuse(key->child("KeyReference")
                 ? "the token has no secret, but one that is derived of its maker's key"
                 : "the token has no secret");
  }

 private:
  static std::string plain_text(std::string_view text, std::string_view what) {
    constexpr std::size_t longest = 255;
    if (!mfa::detail::is_plain_text(text, longest))
      refuse("the token's " + std::string(what) +
             " must be UTF-8 of at most 255 bytes without control characters");
    return std::string(text);
  }

  static std::string text_of(const Element& element) {
    const crypto::SecretString text = element.text();
    return plain_text(text, element.name());
  }

  static void read_device(ImportToken& token, const Element& device) {
    for (const auto& [name, member] :
         {std::pair("Manufacturer", &ImportToken::manufacturer),
          std::pair("SerialNo", &ImportToken::serial_number), std::pair("Model", &ImportToken::model),
          std::pair("UserId", &ImportToken::named_user)})
      if (const auto element = device.child(name)) token.*member = text_of(*element);
    read_validity(token, device);
  }

  /// The later start and the earlier end of the device's and the key's.
  static void read_validity(ImportToken& token, const Element& element) {
    if (const auto start = element.child("StartDate")) {
      const Time from = time_of(*start);
      token.valid_from = std::max(token.valid_from.value_or(from), from);
    }
    if (const auto end = element.child("ExpiryDate")) {
      const Time until = time_of(*end);
      token.valid_until = std::min(token.valid_until.value_or(until), until);
    }
  }

  static void read_parameters(ImportToken& token, const Element& parameters) {
    for (const char* name : {"Suite", "ResponseFormat"}) (void)parameters.child(name); // once at most
    for (auto at = parameters.first(); at; at = at->next()) {
      if (at->name() == "Suite") {
        read_suite(token, *at);
      } else if (at->name() == "ResponseFormat") {
        if (at->attribute("Encoding") != "DECIMAL") refuse("the token's codes are not decimal digits");
        const std::string checked = at->attribute("CheckDigits");
        if (checked == "true" || checked == "1") refuse("the token's codes end with a check digit");
        token.digits = static_cast<unsigned>(number_of(at->attribute("Length"), "code length", 100));
        if (token.digits < 6 || token.digits > 8)
          refuse("the token's codes have fewer than 6 or more than 8 digits");
      } else {
        refuse("the token answers challenges, or has parameters that this library does not know");
      }
    }
  }

  /// The hash is its text; privacyIDEA writes an attribute instead.
  static void read_suite(ImportToken& token, const Element& element) {
    const std::string text = text_of(element);
    const std::string attribute = plain_text(element.attribute("hashalgo"), "suite");
    if (!text.empty() && !attribute.empty()) refuse("the token's suite is told twice");
    if (const std::string& suite = text.empty() ? attribute : text; !suite.empty())
      token.hash = hash_of(suite);
  }

  static crypto::Hash hash_of(std::string_view suite) {
    try {
      return mfa::detail::uri_hash(suite);
    } catch (const Error&) {
      refuse("the token's suite is neither HMAC-SHA1, HMAC-SHA256 nor HMAC-SHA512");
    }
  }

  /// Section 5: who does not know a part of the policy must not use the key.
  static void read_policy(ImportToken& token, const Element& policy) {
    bool has_usage = false;
    bool may_make_passwords = false;
    for (auto at = policy.first(); at; at = at->next()) {
      if (at->name() == "StartDate" || at->name() == "ExpiryDate") continue;
      if (at->name() == "KeyUsage") {
        has_usage = true;
        may_make_passwords = may_make_passwords || text_of(*at) == "OTP";
      } else if (at->name() == "PINPolicy") {
        check_pin_policy(*at);
      } else if (at->name() == "NumberOfTransactions") {
        refuse("the token's policy bounds how often it is used, which this library does not count");
      } else {
        refuse("the token's policy has a part that this library does not know");
      }
    }
    if (has_usage && !may_make_passwords) refuse("the token's policy does not allow one-time passwords");
    read_validity(token, policy);
  }

  /// A PIN that unlocks the token is between its user and it.
  static void check_pin_policy(const Element& policy) {
    static constexpr std::array<std::string_view, 6> known{"PINKeyId",  "PINUsageMode", "MaxFailedAttempts",
                                                           "MinLength", "MaxLength",    "PINEncoding"};
    bool all_known = !policy.first();
    policy.attributes([&](std::string_view name) {
      all_known = all_known && std::ranges::find(known, name) != known.end();
    });
    if (!all_known) refuse("the token's policy of PINs has a part that this library does not know");
    if (policy.attribute("PINUsageMode") != "Local")
      refuse("the token's codes go with a PIN that the server must check, which this library does not");
  }

  void read_data(ImportToken& token, const Element& data, bool counts) const {
    constexpr std::uint64_t any = UINT64_MAX;
    if (const auto secret = data.child("Secret")) {
      const crypto::SecretBytes bytes = decryption_.open_secret(*secret);
      token.seed = crypto::SecretString(crypto::text_of(bytes));
      token.encoding = TextEncoding::bytes;
    }
    if (counts) {
      const auto counter = data.child("Counter");
      token.counter = counter ? decryption_.open_number(*counter, otp::highest_first_counter) : 0;
      return;
    }
    if (const auto time = data.child("Time"); time && decryption_.open_number(*time, any) != 0)
      refuse("the token counts its time from another start than 1970, or has been used; that cannot be told "
             "apart");
    if (const auto drift = data.child("TimeDrift")) token.drift = drift_of(*drift);
    if (const auto interval = data.child("TimeInterval")) {
      const auto seconds =
          decryption_.open_number(*interval, static_cast<std::uint64_t>(otp::longest_period.count()));
      if (seconds == 0) refuse("the token's time interval is 0");
      token.period = std::chrono::seconds(static_cast<std::int64_t>(seconds));
    }
  }

  /// How many steps the token is ahead; it may be behind, which only digits in the clear can say.
  [[nodiscard]] std::int64_t drift_of(const Element& element) const {
    constexpr std::uint64_t most = 1'000'000;
    if (Decryption::encrypted_value(element))
      return static_cast<std::int64_t>(decryption_.open_number(element, most));
    const crypto::SecretString text = Decryption::plain_value(element).text();
    const bool behind = text.starts_with("-");
    const auto steps =
        static_cast<std::int64_t>(number_of(text.view().substr(behind ? 1 : 0), element.name(), most));
    return behind ? -steps : steps;
  }

  /// xs:dateTime; without a time zone, in UTC.
  static Time time_of(const Element& element) {
    const std::string text = text_of(element);
    std::string_view rest = text;
    bool good = true;
    const auto number = [&](std::size_t digits, unsigned most) {
      unsigned value = 0;
      const auto field = rest.substr(0, digits);
      const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
      good = good && field.size() == digits && error == std::errc{} && end == field.data() + digits &&
             value <= most;
      rest.remove_prefix(field.size());
      return value;
    };
    const auto mark = [&](char expected) {
      good = good && rest.starts_with(expected);
      if (good) rest.remove_prefix(1);
    };
    const unsigned year = number(4, 9999);
    mark('-');
    const unsigned month = number(2, 12);
    mark('-');
    const unsigned day = number(2, 31);
    mark('T');
    const unsigned hour = number(2, 24);
    mark(':');
    const unsigned minute = number(2, 59);
    mark(':');
    const unsigned second = number(2, 59);
    if (rest.starts_with('.'))
      rest.remove_prefix(std::min(rest.find_first_not_of("0123456789", 1), rest.size()));
    int offset = 0; // minutes
    if (rest.starts_with('Z')) {
      rest.remove_prefix(1);
    } else if (rest.starts_with('+') || rest.starts_with('-')) {
      const int sign = rest.starts_with('+') ? 1 : -1;
      rest.remove_prefix(1);
      const unsigned hours = number(2, 14);
      mark(':');
      offset = sign * static_cast<int>(hours * 60 + number(2, 59));
    }
    const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(year)),
                                           std::chrono::month(month), std::chrono::day(day));
    if (!good || !rest.empty() || !date.ok())
      refuse("the token's " + std::string(element.name()) + " is not a date and time");
    const std::chrono::sys_seconds time = std::chrono::sys_days(date) + std::chrono::hours(hour) +
                                          std::chrono::minutes(static_cast<int>(minute) - offset) +
                                          std::chrono::seconds(second);
    return std::clamp<Time>(time, Time{}, end_of_times);
  }

  const Decryption& decryption_;
};

} // namespace pskc

/// The tokens in a Portable Symmetric Key Container (RFC 6030), as makers deliver secrets and systems hand
/// them over: HOTP and TOTP, in the clear or encrypted by AES-CBC under a key that was shared before or a
/// password, each value with its MAC. Its policies are kept to: a token that must not be used so, or whose
/// policy this library does not know, says why, as one that cannot be read does. `ImportToken::line` is the
/// number of its KeyPackage. A MAC is of one value alone, not of the serial number or the element that it
/// stands in: whoever may change the file may exchange the values of its tokens. `Signature` is not looked
/// at, and no Issuer is taken, which names who made the key. Throws `errc::invalid_token_file` for a file
/// that is no such container or that the key does not open. Nothing that it says repeats what stands in the
/// file.
[[nodiscard]] inline std::vector<ImportToken> read_pskc(std::string_view xml,
                                                        const PskcOptions& options = {}) {
  const pskc::Document document(xml);
  const pskc::Element container = document.root();
  if (container.name() != "KeyContainer" || container.name_space() != "urn:ietf:params:xml:ns:keyprov:pskc")
    pskc::refuse("the file is no PSKC of RFC 6030, or of a draft before it");
  if (const std::string version = container.attribute("Version"); version != "1.0" && version != "1")
    pskc::refuse("the file is PSKC of another version than 1.0");
  const pskc::Decryption decryption(container, options.key, options.password, options.accept_unauthenticated);
  const pskc::KeyReader reader(decryption);
  std::vector<ImportToken> tokens;
  for (auto at = container.first(); at; at = at->next()) {
    if (at->name() != "KeyPackage") continue;
    ImportToken& token = tokens.emplace_back();
    token.line = tokens.size();
    try {
      reader.fill(token, *at);
    } catch (const Error& error) {
      if (error.code() == errc::crypto_failure) throw;
      token.seed = {};
      token.problem = error.what();
    }
  }
  return tokens;
}

} // namespace mfa
