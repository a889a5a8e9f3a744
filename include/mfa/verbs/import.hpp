#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <optional>
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
#include <mfa/encoding/checked_text.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/authenticator.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/import_types.hpp>
#include <mfa/otp/migration.hpp>
#include <mfa/otp/seed.hpp>
#include <mfa/otp/uri.hpp>
#include <mfa/otp/uri_parser.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/verbs/enroll.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// The import of one run of lines, committed by batches.
template <VerbRun R> class Import {
  using Fingerprint = std::array<unsigned char, 16>;

 public:
  Import(const R& run, const ImportOptions& options) : run_(run), options_(options) {
    if (!options.issuer.empty()) otp::check_label("issuer", options.issuer);
  }

  /// False: the host wants to stop.
  template <class Line> Verb<bool> take(const Line& line) {
    line_ = number_of(line, ++summary_.lines);
    std::vector<otp::MigrationEntry> entries;
    std::optional<Refusal> refusal;
    try {
      entries = read(line);
    } catch (const Error& error) {
      refusal = refusal_of(error);
    }
    if (refusal) co_await refuse(line.user_id, 1, *std::move(refusal));
    for (std::size_t i = 0; i < entries.size(); ++i) co_await take(line, i + 1, entries[i]);
    if (results_.size() < at_once) co_return true;
    co_return co_await commit();
  }

  Verb<ImportSummary> end() {
    (void)co_await commit();
    for (const auto& [batch, seen] : exports_)
      if (seen.size() < batch.second) ++summary_.incomplete_exports;
    co_return summary_;
  }

 private:
  static constexpr std::size_t at_once = 100;
  static constexpr std::size_t most_known = 100'000; ///< secrets, before those of other users are forgotten

  struct Refusal {
    std::string reason;
    std::exception_ptr cause;
  };

  /// The accounts of a line.
  std::vector<otp::MigrationEntry> read(const ImportLine& line) {
    if (otp::is_migration_uri(line.uri)) {
      otp::MigrationBatch batch = otp::parse_migration_uri(line.uri);
      if (batch.batch_size > 1) exports_[{batch.batch_id, batch.batch_size}].insert(batch.batch_index);
      return std::move(batch.entries);
    }
    std::vector<otp::MigrationEntry> entries(1);
    entries.front().account = otp::parse_uri(line.uri);
    return entries;
  }

  /// A token is one account.
  std::vector<otp::MigrationEntry> read(const ImportToken& token) {
    std::vector<otp::MigrationEntry> entries(1);
    entries.front().problem = token.problem;
    if (token.problem.empty())
      entries.front().account = {.issuer = token.issuer,
                                 .user = token.user,
                                 .secret = otp::decode_seed(token.seed, token.encoding),
                                 .hash = token.hash,
                                 .digits = token.digits,
                                 .period = token.period,
                                 .counter = token.counter};
    return entries;
  }

  static std::size_t number_of(const ImportLine&, std::size_t counted) { return counted; }
  static std::size_t number_of(const ImportToken& token, std::size_t counted) {
    return token.line > 0 ? token.line : counted;
  }

  static errc problem_code(const ImportLine&) { return errc::invalid_uri; }
  static errc problem_code(const ImportToken&) { return errc::invalid_token_file; }

  static void check_time(const ImportLine&, Time) {}
  static void check_time(const ImportToken& token, Time now) {
    if (token.valid_until && now >= *token.valid_until)
      throw Error(errc::invalid_token_file, "the token may not be used any more, says its maker");
    if (token.valid_from && now < *token.valid_from)
      throw Error(errc::invalid_token_file, "the token may not be used yet, says its maker; import it then");
  }

  /// What is wrong with the line is reported; what is wrong with the storage ends the import. Called while
  /// `error` is handled.
  static Refusal refusal_of(const Error& error) {
    const auto is = [&](errc value) { return error.code() == value; };
    if (is(errc::storage_failure) || is(errc::storage_conflict) || is(errc::storage_unavailable) ||
        is(errc::storage_schema) || is(errc::crypto_failure) || is(errc::clock_out_of_range))
      throw;
    return {error.what(), std::current_exception()};
  }

  Verb<void> take(const auto& line, std::size_t number, const otp::MigrationEntry& entry) {
    std::optional<Refusal> refusal;
    if (entry.problem.empty()) {
      try {
        co_await take_account(line, number, entry.account);
      } catch (const Error& error) {
        refusal = refusal_of(error);
      }
    } else {
      refusal = Refusal{entry.problem, std::make_exception_ptr(Error(problem_code(line), entry.problem))};
    }
    if (refusal) co_await refuse(line.user_id, number, *std::move(refusal));
  }

  Verb<void> take_account(const auto& line, std::size_t number, const otp::Account& account) {
    detail::check_text("user_id", line.user_id, storage::longest_user_id);
    detail::check_text("friendly_name", line.friendly_name, storage::longest_friendly_name);
    const factor::Context context = co_await run_.now();
    check_time(line, context.now);
    storage::FactorRecord record = record_of(line, account, context);
    if (co_await is_there(record, account.secret, context)) {
      add({line_, number, ImportOutcome::already_there, line.user_id, {}, {}});
      co_return;
    }
    add({line_,
         number,
         ImportOutcome::imported,
         line.user_id,
         options_.dry_run ? std::string() : record.id,
         {}});
    if (!options_.dry_run) records_.push_back(std::move(record));
  }

  [[nodiscard]] storage::FactorRecord record_of(const auto& line, const otp::Account& account,
                                                const factor::Context& context) const {
    otp::Account named = account;
    if (named.issuer.empty()) named.issuer = options_.issuer;
    if (named.user.empty() && options_.user_id_as_user) named.user = line.user_id;
    storage::FactorRecord record = new_factor(
        context.now, account.counter ? FactorType::hotp : FactorType::totp, line.user_id, line.friendly_name);
    if (options_.verified) record.state = FactorState::verified;
    (void)factor::keep(std::move(named), options_.accept_short_secrets, record, context);
    return record;
  }

  /// Whether the user has this secret already, so that an import that was cut off can be run again.
  Verb<bool> is_there(const storage::FactorRecord& record, const crypto::SecretBytes& secret,
                      const factor::Context& context) {
    if (record.user_id.empty()) co_return false;
    if (const std::pair user(record.type, record.user_id); !known_users_.contains(user)) {
      const auto others = co_await run_.list_factors(record.user_id);
      for (const storage::FactorRecord& other : others)
        if (other.type == record.type)
          known_.insert(fingerprint(other, factor::open_secret(other, context.keys)));
      known_users_.insert(user);
    }
    const Fingerprint added = fingerprint(record, secret);
    if (!known_.insert(added).second) co_return true;
    co_return options_.dry_run && !would_be_there_.insert(added).second;
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

  Verb<void> refuse(const std::string& user_id, std::size_t number, Refusal refusal) {
    add({line_, number, ImportOutcome::refused, user_id, {}, std::move(refusal.reason)});
    if (options_.dry_run) co_return;
    const bool plain = detail::is_plain_text(user_id, storage::longest_user_id);
    const Time now = co_await run_.time();
    run_.emit({.type = EventType::import_refused,
               .at = now,
               .user_id = plain ? std::string_view(user_id) : std::string_view(),
               .cause = std::move(refusal.cause)});
  }

  void add(ImportResult result) { results_.push_back(std::move(result)); }

  /// Commits what was taken since the last time, and reports it.
  Verb<bool> commit() {
    if (!records_.empty()) {
      co_await commit_new(run_, records_);
      for (const storage::FactorRecord& record : records_)
        run_.emit(EventType::factor_enrolled, record.created_at, record);
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
    co_return !summary_.stopped;
  }

  const R& run_;
  const ImportOptions& options_;
  ImportSummary summary_;
  std::size_t line_ = 0;                       ///< of which is told
  std::vector<storage::FactorRecord> records_; ///< to commit
  std::vector<ImportResult> results_;          ///< to report after the commit
  crypto::Hmac hmac_{crypto::Hash::sha256, draw_key()};
  std::set<std::pair<FactorType, std::string>> known_users_; ///< those of whom `known_` has every secret
  std::set<Fingerprint> known_;          ///< what was in the storage, and what is to come into it
  std::set<Fingerprint> would_be_there_; ///< of the whole dry run
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::set<std::uint64_t>> exports_; ///< by id and size
};

/// See `mfa::import_factors`.
template <class Lines>
Verb<ImportSummary> import_factors(const VerbRun auto& run, Lines& lines, const ImportOptions& options) {
  Import import(run, options);
  for (const auto& line : lines)
    if (!co_await import.take(line)) break;
  co_return co_await import.end();
}

} // namespace mfa::verbs
