#pragma once

#include <algorithm>
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

#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/checked_text.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/encoding/text_encoding.hpp>
#include <mfa/error.hpp>
#include <mfa/import_types.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/otp/seed.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/otp/uri_parser.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>

namespace mfa {

/// What a file of tokens does not say itself.
struct TokenCsvOptions {
  /// How the secrets are written. Only the name of their column may say otherwise ("seed (hex)").
  TextEncoding encoding = TextEncoding::base32;
  /// The names of the columns, separated as they are, of a file without a line that names them. Columns that
  /// follow those are not read, and names may be empty: ",,serial number,secret key".
  std::string columns = {};
  // Of tokens for which no column says it:
  /// Or `hotp`. A token with a counter of which nothing says that it is HOTP is refused.
  FactorType type = FactorType::totp;
  crypto::Hash hash = crypto::Hash::sha1;
  /// SHA-256 for secrets of 32 bytes, SHA-512 for those of 64, and `hash` for others, as privacyIDEA and
  /// LinOTP have it. Secrets of 28 and 48 bytes, which privacyIDEA uses with SHA-224 and SHA-384, are
  /// refused.
  bool hash_by_secret_length = false;
  unsigned digits = 6;
  std::chrono::seconds period{30};
};

/// `read_token_csv` refuses more, before it looks at it.
inline constexpr std::size_t longest_token_csv = 16U << 20; ///< bytes
inline constexpr std::size_t longest_token_csv_line = 4096; ///< bytes

} // namespace mfa

namespace mfa::detail {

enum class TokenColumn : std::uint8_t {
  ignored,
  user_id,
  serial_number,
  secret,
  period,
  manufacturer,
  model,
  digits,
  hash,
  counter,
  period_or_counter, ///< the period of TOTP, the counter of HOTP
  type,
  issuer,
  user,
  friendly_name,
  private_id, ///< of Yubico's own one-time passwords
};

/// A column by what makers and systems call it, whatever the case and the separators.
[[nodiscard]] inline TokenColumn token_column(std::string_view name) {
  std::string plain;
  for (const char c : name.substr(0, name.find('(')))
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
      plain += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  static constexpr std::pair<std::string_view, TokenColumn> names[] = {
      {"upn", TokenColumn::user_id},
      {"userprincipalname", TokenColumn::user_id},
      {"userid", TokenColumn::user_id},
      {"username", TokenColumn::user_id},
      {"user", TokenColumn::user_id},
      {"serialnumber", TokenColumn::serial_number},
      {"serialno", TokenColumn::serial_number},
      {"serial", TokenColumn::serial_number},
      {"sn", TokenColumn::serial_number},
      {"tokenserial", TokenColumn::serial_number},
      {"tokenserialnumber", TokenColumn::serial_number},
      {"tokenid", TokenColumn::serial_number},
      {"secretkey", TokenColumn::secret},
      {"secret", TokenColumn::secret},
      {"seed", TokenColumn::secret},
      {"tokenseed", TokenColumn::secret},
      {"key", TokenColumn::secret},
      {"otpkey", TokenColumn::secret},
      {"seedhex", TokenColumn::secret},
      {"secrethex", TokenColumn::secret},
      {"seedbase32", TokenColumn::secret},
      {"secretbase32", TokenColumn::secret},
      {"timeinterval", TokenColumn::period},
      {"timeintervalinseconds", TokenColumn::period},
      {"timestep", TokenColumn::period},
      {"interval", TokenColumn::period},
      {"period", TokenColumn::period},
      {"step", TokenColumn::period},
      {"manufacturer", TokenColumn::manufacturer},
      {"vendor", TokenColumn::manufacturer},
      {"brand", TokenColumn::manufacturer},
      {"model", TokenColumn::model},
      {"product", TokenColumn::model},
      {"digits", TokenColumn::digits},
      {"otplen", TokenColumn::digits},
      {"otplength", TokenColumn::digits},
      {"otpdigits", TokenColumn::digits},
      {"codelength", TokenColumn::digits},
      {"algorithm", TokenColumn::hash},
      {"hash", TokenColumn::hash},
      {"hashfunction", TokenColumn::hash},
      {"hashlib", TokenColumn::hash},
      {"counter", TokenColumn::counter},
      {"movingfactor", TokenColumn::counter},
      {"timeintervalorcounter", TokenColumn::period_or_counter},
      {"timesteporcounter", TokenColumn::period_or_counter},
      {"periodorcounter", TokenColumn::period_or_counter},
      {"type", TokenColumn::type},
      {"otptype", TokenColumn::type},
      {"tokentype", TokenColumn::type},
      {"issuer", TokenColumn::issuer},
      {"account", TokenColumn::user},
      {"accountname", TokenColumn::user},
      {"label", TokenColumn::friendly_name},
      {"name", TokenColumn::friendly_name},
      {"friendlyname", TokenColumn::friendly_name},
      {"description", TokenColumn::friendly_name},
      {"privateid", TokenColumn::private_id},
      {"privateidentity", TokenColumn::private_id},
  };
  const auto* const found =
      std::ranges::find(names, std::string_view(plain), &std::pair<std::string_view, TokenColumn>::first);
  return found == std::end(names) ? TokenColumn::ignored : found->second;
}

/// What the name of the column of secrets says of how they are written.
[[nodiscard]] inline std::optional<TextEncoding> encoding_in_name(std::string_view name) {
  std::string plain;
  for (const char c : name) plain += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  const auto has = [&](std::string_view part) { return plain.find(part) != std::string::npos; };
  return has("base32")   ? std::optional(TextEncoding::base32)
         : has("base64") ? std::optional(TextEncoding::base64)
         : has("hex")    ? std::optional(TextEncoding::hex)
                         : std::nullopt;
}

/// Reads records of comma-separated values (RFC 4180), of which a field in quotation marks may hold the
/// separator, but no line end.
class CsvReader {
 public:
  explicit CsvReader(std::string_view text) : rest_(text) {}

  /// The next line that is neither empty nor a comment (#), without its end; nothing at the end of the text.
  std::optional<std::string_view> line() {
    while (!rest_.empty()) {
      const auto end = rest_.find_first_of("\r\n");
      const std::string_view found = rest_.substr(0, end);
      rest_.remove_prefix(found.size());
      if (rest_.starts_with("\r\n"))
        rest_.remove_prefix(2);
      else if (!rest_.empty())
        rest_.remove_prefix(1);
      ++number_;
      if (const auto text = trimmed(found); !text.empty() && !text.starts_with('#')) return found;
    }
    return std::nullopt;
  }

  /// Passes a first line that tells a spreadsheet what separates the fields, as `sep=;` does. The names of
  /// the columns tell it too.
  void skip_separator() {
    CsvReader after = *this;
    const auto first = after.line();
    if (!first) return;
    std::string_view text = trimmed(*first);
    if (text.starts_with('"') && text.ends_with('"') && text.size() > 1)
      text = text.substr(1, text.size() - 2);
    if (text.size() <= 5 && (text.starts_with("sep=") || text.starts_with("SEP="))) *this = after;
  }

  /// Of the line that was read last, from 1.
  [[nodiscard]] std::size_t number() const noexcept { return number_; }

  /// What separates the fields of a file with these names of columns: the first that stands in them.
  [[nodiscard]] static char separator_of(std::string_view columns) {
    const auto at = columns.find_first_of(",;\t|");
    return at == std::string_view::npos ? ',' : columns[at];
  }

  /// The fields of a line, without white space around them; nothing if quotation marks do not end, or
  /// not with their field.
  [[nodiscard]] static std::optional<std::vector<crypto::SecretString>> fields(std::string_view line,
                                                                               char separator) {
    std::vector<crypto::SecretString> found;
    for (;;) {
      while (line.starts_with(' ')) line.remove_prefix(1);
      std::string field;
      field.reserve(line.size()); // never reallocated
      if (line.starts_with('"')) {
        line.remove_prefix(1);
        for (;;) {
          const auto quote = line.find('"');
          if (quote == std::string_view::npos) {
            crypto::SecretString wiped(std::move(field));
            return std::nullopt;
          }
          field += line.substr(0, quote);
          line.remove_prefix(quote + 1);
          if (!line.starts_with('"')) break;
          field += '"';
          line.remove_prefix(1);
        }
        if (const auto after = trimmed(line.substr(0, line.find(separator))); !after.empty()) {
          crypto::SecretString wiped(std::move(field));
          return std::nullopt;
        }
      }
      const auto end = line.find(separator);
      field += line.substr(0, end);
      found.emplace_back(trimmed(field));
      crypto::SecretString wiped(std::move(field));
      if (end == std::string_view::npos) return found;
      line.remove_prefix(end + 1);
    }
  }

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

/// The number of a field. Throws `errc::invalid_token_file`.
[[nodiscard]] inline std::uint64_t token_number(std::string_view text, const char* what, std::uint64_t least,
                                                std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most)
    throw Error(errc::invalid_token_file, std::string("the token's ") + what + " is not a number from " +
                                              std::to_string(least) + " to " + std::to_string(most));
  return value;
}

/// The tokens of a file of which the columns are known.
class TokenCsv {
 public:
  TokenCsv(std::string_view columns, const TokenCsvOptions& options)
      : options_(options), separator_(CsvReader::separator_of(columns)) {
    const auto names = CsvReader::fields(columns, separator_);
    if (!names)
      refuse_file("names its columns with a quotation mark that does not end, or not with its field");
    for (const crypto::SecretString& name : *names) {
      const TokenColumn column = token_column(name);
      if (column != TokenColumn::ignored && has(column))
        refuse_file("names two columns that mean the same; leave one of them out");
      columns_.push_back(column);
      if (column == TokenColumn::secret) encoding_ = encoding_in_name(name).value_or(options.encoding);
    }
    if (has(TokenColumn::period_or_counter) && (has(TokenColumn::period) || has(TokenColumn::counter)))
      refuse_file("names two columns that mean the same; leave one of them out");
    if (!has(TokenColumn::secret))
      refuse_file("has no column of secrets: its first line must name its columns, as `serial number,secret "
                  "key` does, or TokenCsvOptions::columns");
  }

  [[noreturn]] static void refuse_file(const std::string& reason) {
    throw Error(errc::invalid_token_file, "the file of tokens " + reason);
  }

  [[nodiscard]] ImportToken read(std::string_view line, std::size_t number) const {
    ImportToken token;
    token.line = number;
    token.encoding = encoding_;
    token.digits = options_.digits;
    token.period = options_.period;
    try {
      fill(token, line);
    } catch (const Error& error) {
      token.seed = {};
      token.problem = error.what();
    }
    return token;
  }

  [[nodiscard]] TextEncoding encoding() const noexcept { return encoding_; }

  /// What the user's list shows of a token that has no name.
  static std::string name_of(const ImportToken& token) {
    std::string name;
    for (const std::string* part : {&token.manufacturer, &token.model, &token.serial_number}) {
      if (part->empty()) continue;
      if (!name.empty()) name += ' ';
      name += *part;
    }
    return printable(name, storage::longest_friendly_name);
  }

 private:
  [[nodiscard]] bool has(TokenColumn column) const {
    return std::ranges::find(columns_, column) != columns_.end();
  }

  /// Empty fields at the end of a line are none.
  static bool has_more_than(std::size_t columns, const std::vector<crypto::SecretString>& fields) {
    for (std::size_t i = columns; i < fields.size(); ++i)
      if (!fields[i].view().empty()) return true;
    return false;
  }

  void fill(ImportToken& token, std::string_view line) const {
    const auto refuse = [](const std::string& reason) { throw Error(errc::invalid_token_file, reason); };
    if (line.size() > longest_token_csv_line)
      refuse("the line is longer than " + std::to_string(longest_token_csv_line) + " bytes");
    if (!is_utf8(line)) refuse("the line is not UTF-8; convert the file");
    const auto fields = CsvReader::fields(line, separator_);
    if (!fields) refuse("the line has a quotation mark that does not end, or not with its field");
    if (options_.columns.empty() && has_more_than(columns_.size(), *fields))
      refuse("the line has " + std::to_string(fields->size()) + " fields, and the file " +
             std::to_string(columns_.size()) + " columns");
    std::optional<std::uint64_t> counter;
    std::optional<FactorType> type;
    std::optional<crypto::Hash> hash;
    std::string_view period_or_counter;
    bool has_private_id = false;
    for (std::size_t i = 0; i < std::min(columns_.size(), fields->size()); ++i) {
      const crypto::SecretString& field = (*fields)[i];
      if (field.view().empty()) continue;
      switch (columns_[i]) {
      case TokenColumn::ignored: break;
      case TokenColumn::user_id: token.user_id = text_of(field, "user"); break;
      case TokenColumn::serial_number: token.serial_number = serial_of(field); break;
      case TokenColumn::secret: token.seed = field; break;
      case TokenColumn::period: token.period = period_of(field); break;
      case TokenColumn::manufacturer: token.manufacturer = text_of(field, "manufacturer"); break;
      case TokenColumn::model: token.model = text_of(field, "model"); break;
      case TokenColumn::digits:
        token.digits = static_cast<unsigned>(token_number(field, "number of digits", 6, 8));
        break;
      case TokenColumn::hash: hash = hash_of(field); break;
      case TokenColumn::counter: counter = counter_of(field); break;
      case TokenColumn::period_or_counter: period_or_counter = field; break;
      case TokenColumn::type: type = type_of(field); break;
      case TokenColumn::issuer: token.issuer = text_of(field, "issuer"); break;
      case TokenColumn::user: token.user = text_of(field, "account"); break;
      case TokenColumn::friendly_name: token.friendly_name = text_of(field, "name"); break;
      case TokenColumn::private_id:
        if (field.view() != "0") refuse("the token makes Yubico's own one-time passwords, not HOTP");
        has_private_id = true;
        break;
      }
    }
    if (token.seed.view().empty()) refuse("the token has no secret");
    if (has(TokenColumn::private_id) && !has(TokenColumn::type) && !has_private_id)
      refuse("the token has no private id, as Yubico's have that type a static password, not HOTP");
    if (counter && !type && options_.type == FactorType::totp)
      refuse("the token has a counter, and nothing says that it is HOTP; set TokenCsvOptions::type, or leave "
             "the column out");
    const bool counts = type.value_or(options_.type) == FactorType::hotp;
    if (!period_or_counter.empty() && counts) counter = counter_of(period_or_counter);
    if (!period_or_counter.empty() && !counts) token.period = period_of(period_or_counter);
    if (counts) token.counter = counter.value_or(0);
    token.hash = hash ? *hash : hash_for(token.seed);
    if (token.friendly_name.empty()) token.friendly_name = name_of(token);
  }

  static std::string text_of(std::string_view field, const char* what) {
    constexpr std::size_t longest = 255;
    check_text(what, field, longest);
    return std::string(field);
  }

  /// Refuses what a spreadsheet has made of a long number: others would have the same.
  static std::string serial_of(std::string_view field) {
    const auto exponent = field.find("E+");
    if (exponent != std::string_view::npos && exponent > 0 &&
        field.substr(0, exponent).find_first_not_of("0123456789.,") == std::string_view::npos)
      throw Error(errc::invalid_token_file,
                  "the token's serial number was rounded by a spreadsheet; take the maker's file");
    return text_of(field, "serial number");
  }

  static std::chrono::seconds period_of(std::string_view field) {
    return std::chrono::seconds(static_cast<std::int64_t>(
        token_number(field, "time interval", 1, static_cast<std::uint64_t>(otp::longest_period.count()))));
  }

  static crypto::Hash hash_of(std::string_view field) {
    try {
      return uri_hash(field);
    } catch (const Error&) {
      throw Error(errc::invalid_token_file, "the token's algorithm is neither SHA1, SHA256 nor SHA512");
    }
  }

  static std::uint64_t counter_of(std::string_view field) {
    return token_number(field, "counter", 0, otp::highest_first_counter);
  }

  /// Of a secret for which no column says it.
  [[nodiscard]] crypto::Hash hash_for(std::string_view seed) const {
    if (!options_.hash_by_secret_length) return options_.hash;
    std::size_t length = 0;
    try {
      length = otp::decode_seed(seed, encoding_).size();
    } catch (const Error&) { // which refuses it when it is imported
    }
    if (length == 28 || length == 48)
      throw Error(
          errc::invalid_token_file,
          "the token's secret is as long as those of SHA-224 and SHA-384, which this library does not "
          "have; if its algorithm is another, name it in a column");
    return length == 32 ? crypto::Hash::sha256 : length == 64 ? crypto::Hash::sha512 : options_.hash;
  }

  static FactorType type_of(std::string_view field) {
    if (equal_without_case(field, "totp") || equal_without_case(field, "oath-totp") ||
        equal_without_case(field, "time"))
      return FactorType::totp;
    if (equal_without_case(field, "hotp") || equal_without_case(field, "oath-hotp") ||
        equal_without_case(field, "hmac") || equal_without_case(field, "event"))
      return FactorType::hotp;
    throw Error(errc::invalid_token_file, "the token's type is neither TOTP nor HOTP");
  }

  const TokenCsvOptions& options_;
  char separator_;
  std::vector<TokenColumn> columns_;
  TextEncoding encoding_ = TextEncoding::base32;
};

} // namespace mfa::detail

namespace mfa {

/// The tokens in a file of comma-separated values, as makers deliver their secrets (Token2's and Microsoft's
/// `upn,serial number,secret key,time interval,manufacturer,model`, Yubico's, Feitian's, privacyIDEA's) and
/// spreadsheets write it: separated by commas, semicolons, tabs or bars, with quotation marks or none, with a
/// byte order mark or none, with a line `sep=;` before all or none. Its first line names the columns, in any
/// order, unless `TokenCsvOptions::columns` does. A line that cannot be used gives a token that says why.
/// Throws `errc::invalid_token_file` for a file that has no such lines. Nothing that it says repeats what
/// stands in the file.
[[nodiscard]] inline std::vector<ImportToken> read_token_csv(std::string_view text,
                                                             const TokenCsvOptions& options = {}) {
  using detail::TokenCsv;
  if (text.size() > longest_token_csv)
    TokenCsv::refuse_file("is longer than " + std::to_string(longest_token_csv) + " bytes; divide it");
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (text.find('\0') != std::string_view::npos)
    TokenCsv::refuse_file("has NUL bytes, as UTF-16 has; save it as UTF-8");
  detail::CsvReader lines(text);
  lines.skip_separator();
  std::optional<std::string_view> line = std::string_view(options.columns);
  if (options.columns.empty()) line = lines.line();
  if (!line || line->size() > longest_token_csv_line)
    TokenCsv::refuse_file("does not begin with a line that names its columns");
  const TokenCsv csv(*line, options);
  std::vector<ImportToken> tokens;
  while ((line = lines.line())) tokens.push_back(csv.read(*line, lines.number()));
  // A few in hundred thousand secrets in hexadecimal are base32 too, and other bytes then.
  const auto in_hex = [](const ImportToken& token) { return detail::looks_like_hexadecimal(token.seed); };
  if (csv.encoding() == TextEncoding::base32 && std::ranges::any_of(tokens, [&](const ImportToken& token) {
        return in_hex(token) && token.seed.view().find_first_of("0189") != std::string_view::npos;
      }))
    for (ImportToken& token : tokens)
      if (token.problem.empty() && in_hex(token)) {
        token.seed = {};
        token.problem = "the secrets of this file look like hexadecimal; set TokenCsvOptions::encoding";
      }
  return tokens;
}

} // namespace mfa
