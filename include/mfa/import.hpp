#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/hmac.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/checked_text.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/hotp.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/factor/totp.hpp>
#include <mfa/otp/migration.hpp>
#include <mfa/otp/uri_parser.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/verbs/policies.hpp>

namespace mfa {

/// One line of what a host brings along from another system.
struct ImportLine {
  std::string user_id; ///< whose it becomes; up to 255 bytes
  /// `otpauth://totp/...`, `otpauth://hotp/...` or, for several at once,
  /// `otpauth-migration://offline?data=...`; white space around it is dropped
  crypto::SecretString uri;
  std::string friendly_name = {}; ///< up to 200 bytes
};

enum class ImportOutcome : std::uint8_t {
  imported,      ///< in a dry run: would be
  already_there, ///< the user has a factor with this secret
  refused,       ///< see `ImportResult::reason`
};

constexpr std::string_view to_string(ImportOutcome outcome) noexcept {
  switch (outcome) {
  case ImportOutcome::imported: return "imported";
  case ImportOutcome::already_there: return "already_there";
  case ImportOutcome::refused: return "refused";
  }
  return "unknown";
}

/// What became of one line, or of one account of an export. Holds no secret: fit for a log.
struct ImportResult {
  std::size_t line = 0;    ///< from 1
  std::size_t account = 1; ///< within the line, from 1
  ImportOutcome outcome{};
  std::string user_id;
  std::string factor_id; ///< if imported, and not in a dry run
  std::string reason;    ///< if refused
};

struct ImportOptions {
  /// Check every line, change nothing.
  bool dry_run = false;
  /// Take the factors as verified: the users have shown them elsewhere. Otherwise each is unverified until
  /// its first valid verification.
  bool verified = false;
  /// The issuer of accounts that name none. Empty: they are refused.
  std::string issuer = {};
  /// The user of accounts that name none is the line's `user_id`. Otherwise they are refused.
  bool user_id_as_user = false;
  /// Unsafe: takes secrets of 10 to 15 bytes, less than RFC 4226 section 4 requires.
  bool accept_short_secrets = false;
  /// Called with each result in the order of the lines, once it is committed (a hundred at a time), in the
  /// same thread. Returns false to read no further lines.
  std::function<bool(const ImportResult&)> report = {};
  /// For the observer.
  EventContext event_context = {};
};

struct ImportSummary {
  std::size_t lines = 0; ///< read
  std::size_t imported = 0;
  std::size_t already_there = 0;
  std::size_t refused = 0;
  /// Exports of several QR codes of which some are missing.
  std::size_t incomplete_exports = 0;
  bool stopped = false; ///< by `ImportOptions::report`
};

namespace detail {

/// The import of one run of lines, committed by batches.
template <class Verb> class Import {
  using Fingerprint = std::array<unsigned char, 16>;

 public:
  Import(Verb verb, const ImportOptions& options) : verb_(std::move(verb)), options_(options) {
    if (!options.issuer.empty()) otp::check_label("issuer", options.issuer);
  }

  /// False: the host wants to stop.
  bool take(const ImportLine& line) {
    ++summary_.lines;
    refuse_what_throws(line, 1, [&] {
      if (otp::is_migration_uri(line.uri)) {
        take_export(line);
      } else {
        take_account(line, 1, otp::parse_uri(line.uri));
      }
    });
    return results_.size() < at_once || commit();
  }

  ImportSummary end() {
    (void)commit();
    for (const auto& [batch, seen] : exports_)
      if (seen.size() < batch.second) ++summary_.incomplete_exports;
    return summary_;
  }

 private:
  static constexpr std::size_t at_once = 100;
  static constexpr std::size_t most_known = 100'000; ///< secrets, before those of other users are forgotten

  void take_export(const ImportLine& line) {
    const otp::MigrationBatch batch = otp::parse_migration_uri(line.uri);
    if (batch.batch_size > 1) exports_[{batch.batch_id, batch.batch_size}].insert(batch.batch_index);
    for (std::size_t i = 0; i < batch.entries.size(); ++i) {
      const otp::MigrationEntry& entry = batch.entries[i];
      if (!entry.problem.empty()) {
        refuse(line, i + 1, entry.problem, std::make_exception_ptr(Error(errc::invalid_uri, entry.problem)));
        continue;
      }
      refuse_what_throws(line, i + 1, [&] { take_account(line, i + 1, entry.account); });
    }
  }

  void take_account(const ImportLine& line, std::size_t number, const otp::Account& account) {
    check_text("user_id", line.user_id, storage::longest_user_id);
    check_text("friendly_name", line.friendly_name, storage::longest_friendly_name);
    const factor::Context context = verb_.now();
    const std::string& issuer = account.issuer.empty() ? options_.issuer : account.issuer;
    const std::string& user = account.user.empty() && options_.user_id_as_user ? line.user_id : account.user;
    storage::FactorRecord record = verb_.new_factor(
        context, account.counter ? FactorType::hotp : FactorType::totp, line.user_id, line.friendly_name);
    if (options_.verified) record.state = FactorState::verified;
    if (account.counter) {
      (void)factor::HotpKind::keep({.issuer = issuer,
                                    .user = user,
                                    .secret_bytes = account.secret,
                                    .accept_short_secret = options_.accept_short_secrets,
                                    .hash = account.hash,
                                    .digits = account.digits,
                                    .counter = *account.counter},
                                   record, context);
    } else {
      (void)factor::TotpKind::keep({.issuer = issuer,
                                    .user = user,
                                    .secret_bytes = account.secret,
                                    .accept_short_secret = options_.accept_short_secrets,
                                    .hash = account.hash,
                                    .digits = account.digits,
                                    .period = account.period},
                                   record, context);
    }
    if (is_there(record, account.secret, context)) {
      add({summary_.lines, number, ImportOutcome::already_there, line.user_id, {}, {}});
      return;
    }
    add({summary_.lines,
         number,
         ImportOutcome::imported,
         line.user_id,
         options_.dry_run ? std::string() : record.id,
         {}});
    if (!options_.dry_run) records_.push_back(std::move(record));
  }

  /// Whether the user has this secret already, so that an import that was cut off can be run again.
  bool is_there(const storage::FactorRecord& record, const crypto::SecretBytes& secret,
                const factor::Context& context) {
    if (record.user_id.empty()) return false;
    if (const std::pair user(record.type, record.user_id); !known_users_.contains(user)) {
      for (const storage::FactorRecord& other : verb_.storage->list_factors(record.user_id))
        if (other.type == record.type)
          known_.insert(fingerprint(other, factor::open_secret(other, context.keys)));
      known_users_.insert(user);
    }
    const Fingerprint added = fingerprint(record, secret);
    if (!known_.insert(added).second) return true;
    return options_.dry_run && !would_be_there_.insert(added).second;
  }

  /// A user's secret of a kind, under a key of this import.
  [[nodiscard]] Fingerprint fingerprint(const storage::FactorRecord& record,
                                        const crypto::SecretBytes& secret) {
    crypto::SecretBytes message;
    message.push_back(static_cast<unsigned char>(record.type));
    message.push_back(static_cast<unsigned char>(record.user_id.size())); // up to 255
    for (const auto part : {crypto::bytes_of(record.user_id), std::span<const unsigned char>(secret)})
      message.insert(message.end(), part.begin(), part.end());
    const crypto::Digest digest = hmac_(message);
    Fingerprint fingerprint;
    std::copy_n(digest.bytes.begin(), fingerprint.size(), fingerprint.begin());
    return fingerprint;
  }

  [[nodiscard]] static crypto::SecretBytes draw_key() {
    crypto::SecretBytes key(32);
    crypto::random_bytes(key);
    return key;
  }

  /// What is wrong with the line is reported; what is wrong with the storage ends the import.
  template <class Work> void refuse_what_throws(const ImportLine& line, std::size_t number, Work work) {
    std::string reason;
    std::exception_ptr cause; // nothing of the host's is called while it is handled: see detail::send
    try {
      work();
      return;
    } catch (const Error& error) {
      const auto is = [&](errc value) { return error.code() == value; };
      if (is(errc::storage_failure) || is(errc::storage_conflict) || is(errc::storage_unavailable) ||
          is(errc::storage_schema) || is(errc::crypto_failure) || is(errc::clock_out_of_range))
        throw;
      reason = error.what();
      cause = std::current_exception();
    }
    refuse(line, number, reason, std::move(cause));
  }

  void refuse(const ImportLine& line, std::size_t number, const std::string& reason,
              std::exception_ptr cause) {
    add({summary_.lines, number, ImportOutcome::refused, line.user_id, {}, reason});
    if (options_.dry_run) return;
    const bool plain = is_plain_text(line.user_id, storage::longest_user_id);
    verb_.emit({.type = EventType::import_refused,
                .at = verb_.now().now,
                .user_id = plain ? std::string_view(line.user_id) : std::string_view(),
                .cause = std::move(cause)});
  }

  void add(ImportResult result) { results_.push_back(std::move(result)); }

  /// Commits what was taken since the last time, and reports it.
  bool commit() {
    if (!records_.empty()) {
      verb_.commit_new(records_);
      for (const storage::FactorRecord& record : records_)
        verb_.emit(EventType::factor_enrolled, record.created_at, record);
      records_.clear();
    }
    if (known_.size() > most_known && known_users_.size() > 1) { // the storage has it by now
      known_.clear();
      known_users_.clear();
    }
    for (const ImportResult& result : results_) {
      if (result.outcome == ImportOutcome::imported) ++summary_.imported;
      if (result.outcome == ImportOutcome::already_there) ++summary_.already_there;
      if (result.outcome == ImportOutcome::refused) ++summary_.refused;
      if (options_.report && !options_.report(result)) summary_.stopped = true;
    }
    results_.clear();
    return !summary_.stopped;
  }

  Verb verb_;
  const ImportOptions& options_;
  ImportSummary summary_;
  std::vector<storage::FactorRecord> records_; ///< to commit
  std::vector<ImportResult> results_;          ///< to report after the commit
  crypto::Hmac hmac_{crypto::Hash::sha256, draw_key()};
  std::set<std::pair<FactorType, std::string>> known_users_; ///< those of whom `known_` has every secret
  std::set<Fingerprint> known_;          ///< what was in the storage, and what is to come into it
  std::set<Fingerprint> would_be_there_; ///< of the whole dry run
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::set<std::uint64_t>> exports_; ///< by id and size
};

} // namespace detail

/// Enrols the TOTP and HOTP factors of another system: `lines` is any range of `ImportLine`. What a user has
/// already is left alone, so an import that was cut off can be run again; only lines without a user_id would
/// be doubled, and what two imports at the same time bring. Its memory does not grow with the lines, but for
/// a digest of each account in a dry run. A bad line is reported and the others go on; a failing storage ends
/// the import with its error. Throws `errc::invalid_argument` for the options.
template <class Verifier, class Lines>
ImportSummary import_factors(const Verifier& verifier, Lines&& lines,
                             const ImportOptions& options = ImportOptions()) {
  detail::Import import(detail::VerifierAccess::begin(verifier, options.event_context), options);
  for (const ImportLine& line : lines)
    if (!import.take(line)) break;
  return import.end();
}

} // namespace mfa
