#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/encoding/protobuf.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/otp/uri.hpp>
#include <mfa/otp/uri_parser.hpp>

namespace mfa::otp {

/// One account of an export.
struct MigrationEntry {
  Account account;
  std::string problem; ///< why the account cannot be used; empty if it can
};

/// What one QR code of Google Authenticator's export holds. A long export has several, of one `batch_id`.
struct MigrationBatch {
  std::vector<MigrationEntry> entries;
  std::uint64_t batch_size = 1;  ///< how many QR codes the export has
  std::uint64_t batch_index = 0; ///< which of them this is, from 0
  std::uint64_t batch_id = 0;
};

/// `parse_migration_uri` refuses a longer text before it looks at it: several times what a QR code holds.
inline constexpr std::size_t longest_migration_text = 16'384;

[[nodiscard]] inline bool is_migration_uri(std::string_view text) noexcept {
  constexpr std::string_view scheme = "otpauth-migration://";
  return mfa::detail::equal_without_case(mfa::detail::trimmed(text).substr(0, scheme.size()), scheme);
}

} // namespace mfa::otp

namespace mfa::detail {

inline constexpr const char* broken_migration =
    "is not an export of Google Authenticator, or was cut off; scan its QR code again";

[[nodiscard]] inline otp::MigrationEntry migration_entry(std::string_view message) {
  otp::MigrationEntry entry;
  otp::Account& account = entry.account;
  std::uint64_t algorithm = 1;
  std::uint64_t digits = 1;
  std::uint64_t type = 2;
  std::uint64_t counter = 0;
  std::string_view name;
  std::string_view issuer;
  ProtobufReader fields(message);
  while (const auto field = fields.next()) {
    switch (field->is_bytes ? field->number : field->number + 100) {
    case 1: {
      const auto bytes = crypto::bytes_of(field->bytes);
      account.secret.assign(bytes.begin(), bytes.end());
      break;
    }
    case 2: name = field->bytes; break;
    case 3: issuer = field->bytes; break;
    case 104: algorithm = field->value; break;
    case 105: digits = field->value; break;
    case 106: type = field->value; break;
    case 107: counter = field->value; break;
    default: break;
    }
  }
  if (fields.failed()) refuse_uri(broken_migration);

  try { // the app writes the name as in a label
    read_label(name, trimmed(issuer), issuer_end(name), account);
  } catch (const Error&) {
    entry.problem = "its name or issuer has control characters";
  }
  if (account.secret.empty() || account.secret.size() > otp::longest_secret)
    entry.problem = "its secret is empty or longer than " + std::to_string(otp::longest_secret) + " bytes";
  account.digits = digits == 2 ? 8 : digits == 3 ? 7 : 6;
  if (digits > 3) entry.problem = "its number of digits is not known";
  account.hash = algorithm == 2   ? crypto::Hash::sha256
                 : algorithm == 3 ? crypto::Hash::sha512
                                  : crypto::Hash::sha1;
  if (algorithm > 3) entry.problem = "its algorithm is neither SHA1, SHA256 nor SHA512";
  // The app counts on before it shows a code: this is the counter of the last one.
  if (type == 1) account.counter = counter < otp::highest_first_counter ? counter + 1 : counter;
  if (type > 2) entry.problem = "it is neither TOTP nor HOTP";
  return entry;
}

} // namespace mfa::detail

namespace mfa::otp {

/// What an `otpauth-migration://offline?data=...` URI holds. Accounts that cannot be used say why; the others
/// can. Throws `errc::invalid_uri` for what is no export at all, without saying what it holds.
[[nodiscard]] inline MigrationBatch parse_migration_uri(std::string_view text) {
  using mfa::detail::refuse_uri;
  if (text.size() > longest_migration_text)
    refuse_uri("is longer than " + std::to_string(longest_migration_text) + " characters");
  text = mfa::detail::trimmed(text);
  std::string_view rest = text;
  const std::string_view path = mfa::detail::take_until(rest, '?');
  if (!is_migration_uri(path)) refuse_uri("does not begin with otpauth-migration://");
  std::string_view encoded;
  while (!rest.empty() && encoded.empty()) {
    std::string_view parameter = mfa::detail::take_until(rest, '&');
    if (mfa::detail::take_until(parameter, '=') == "data") encoded = parameter;
  }
  // Base64 in either alphabet, padded or not, its plus signs turned into spaces or not.
  crypto::SecretBytes base64 = mfa::detail::percent_decode(encoded, false);
  for (unsigned char& c : base64) {
    if (c == '+' || c == ' ') c = '-';
    if (c == '/') c = '_';
  }
  while (!base64.empty() && base64.back() == '=') base64.pop_back();
  const auto message = mfa::detail::base64url_decode<crypto::SecretString>(crypto::text_of(base64));
  if (!message || message->empty()) refuse_uri(mfa::detail::broken_migration);

  MigrationBatch batch;
  mfa::detail::ProtobufReader fields(*message);
  while (const auto field = fields.next()) {
    switch (field->is_bytes ? field->number : field->number + 100) {
    case 1: batch.entries.push_back(mfa::detail::migration_entry(field->bytes)); break;
    case 103: batch.batch_size = field->value; break;
    case 104: batch.batch_index = field->value; break;
    case 105: batch.batch_id = field->value; break;
    default: break;
    }
  }
  if (fields.failed() || batch.entries.empty()) refuse_uri(mfa::detail::broken_migration);
  constexpr std::uint64_t most_batches = 1000;
  if (batch.batch_size > most_batches || (batch.batch_index != 0 && batch.batch_index >= batch.batch_size))
    refuse_uri(mfa::detail::broken_migration);
  return batch;
}

} // namespace mfa::otp
