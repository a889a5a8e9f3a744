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
#include <mfa/decision/user_record.hpp>
#include <mfa/encoding/checked_text.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/authenticator.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/factor/recovery_codes.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/factor/used_secret.hpp>
#include <mfa/factor/webauthn.hpp>
#include <mfa/factor/webauthn_import.hpp>
#include <mfa/import_types.hpp>
#include <mfa/otp/migration.hpp>
#include <mfa/otp/seed.hpp>
#include <mfa/otp/uri.hpp>
#include <mfa/otp/uri_parser.hpp>
#include <mfa/search.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/verbs/authorize.hpp>
#include <mfa/verbs/claims.hpp>
#include <mfa/verbs/enroll.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/user_record.hpp>
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
    std::optional<Refusal> refusal;
    try {
      co_await take_factors(line);
    } catch (const Error& error) {
      refusal = refusal_of(error);
    }
    if (refusal) co_await refuse(line.user_id, 1, *std::move(refusal));
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

  Verb<void> take_factors(const ImportLine& line) { co_await take_accounts(line); }
  Verb<void> take_factors(const ImportToken& token) { co_await take_accounts(token); }

  Verb<void> take_accounts(const auto& line) {
    const std::vector<otp::MigrationEntry> entries = read(line);
    for (std::size_t i = 0; i < entries.size(); ++i) co_await take_entry(line, i + 1, entries[i]);
  }

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

  static std::size_t number_of(const auto&, std::size_t counted) { return counted; }
  static std::size_t number_of(const ImportToken& token, std::size_t counted) {
    return token.line > 0 ? token.line : counted;
  }

  static void keep_drift(const ImportToken& token, storage::FactorRecord& record) {
    constexpr std::int64_t furthest = 500; // that is ever learnt
    if (token.drift < -furthest || token.drift > furthest)
      throw Error(errc::invalid_token_file, "the token's drift is more than 500 steps");
    if (token.drift == 0 || record.type != FactorType::totp) return;
    factor::AuthenticatorParameters parameters = factor::authenticator_of(record);
    parameters.drift = token.drift;
    record.parameters = factor::encode(record.type, parameters);
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
        is(errc::storage_schema) || is(errc::crypto_failure) || is(errc::clock_out_of_range) ||
        is(errc::no_relying_party))
      throw;
    return {error.what(), std::current_exception()};
  }

  /// A record to be, of what can be taken as verified alone.
  [[nodiscard]] storage::FactorRecord verified_record(const auto& line, FactorType type, Time now) const {
    if (!options_.verified)
      throw Error(
          errc::invalid_argument,
          "recovery codes and credentials of another system cannot be confirmed: a code would be used up, "
          "and a credential was registered; import them with ImportOptions::verified");
    detail::check_text("user_id", line.user_id, storage::longest_user_id);
    if (line.user_id.empty()) throw Error(errc::invalid_argument, "user_id is empty; say whose this is");
    detail::check_text("friendly_name", line.friendly_name, storage::longest_friendly_name);
    return new_factor(now, type, line.user_id, line.friendly_name);
  }

  Verb<void> take_factors(const ImportRecoveryCodes& line) {
    using Kind = factor::RecoveryCodesKind;
    const factor::Context context = co_await run_.now();
    storage::FactorRecord record = verified_record(line, Kind::type, context.now);
    Kind::adopt(line, record, context);
    bool has_set = false;
    bool has_these = false;
    const auto look_at = [&](const storage::FactorRecord& other) {
      if (other.type != Kind::type || other.user_id != line.user_id) return;
      has_set = true;
      has_these = has_these || Kind::holds(other, line, context);
    };
    const auto others = co_await run_.list_factors(line.user_id);
    for (const storage::FactorRecord& other : others) look_at(other);
    for (const storage::FactorRecord& other : records_) look_at(other);
    const auto would_be = sets_of_dry_run_.find(line.user_id);
    if (would_be != sets_of_dry_run_.end()) look_at(would_be->second);
    if (has_set && !has_these)
      throw Error(
          errc::invalid_argument,
          "the user has another set of recovery codes already, which these would stand beside; delete it "
          "first if these shall be the ones");
    if (options_.dry_run && !has_set) sets_of_dry_run_.emplace(line.user_id, record);
    admit(std::move(record), has_these);
  }

  Verb<void> take_factors(const ImportCredential& line) {
    using Kind = factor::WebAuthnKind;
    const factor::Context context = co_await run_.now();
    storage::FactorRecord record = verified_record(line, Kind::type, context.now);
    ImportCredential named = line;
    if (named.user.empty() && options_.user_id_as_user) named.user = line.user_id;
    std::string handle = factor::credential::imported_handle(line);
    if (handle.empty()) handle = co_await handle_of(record);
    factor::credential::adopt(named, handle, record, context);
    const std::vector<std::string> ids = Kind::claims(record);
    std::optional<std::string> owner;
    for (const std::string& id : ids) {
      if (const auto taken = claimed_.find(id); taken != claimed_.end()) owner = taken->second;
      const auto made = co_await run_.find_counter(id);
      if (!made) continue;
      const auto other = co_await run_.find_factor_if_any(made->data);
      owner = other ? other->user_id : std::string();
    }
    if (owner && *owner != line.user_id)
      throw Error(errc::invalid_argument,
                  "the credential is another user's already, and can be one factor alone");
    if (!owner) {
      for (const std::string& id : ids) claimed_.emplace(id, line.user_id);
      handles_.emplace(line.user_id, handle);
    }
    admit(std::move(record), owner.has_value());
  }

  /// The handle of a user for whom none is told.
  Verb<std::string> handle_of(const storage::FactorRecord& record) {
    if (const auto known = handles_.find(record.user_id); known != handles_.end()) co_return known->second;
    factor::EnrollingUser user;
    user.others = co_await run_.list_factors(record.user_id);
    const FoundUser found = co_await find_user(run_, record.user_id, record.id);
    user.handle = found.user.handle;
    co_return factor::credential::user_handle(record, user);
  }

  void admit(storage::FactorRecord record, bool is_there) {
    const bool imported = !is_there && !options_.dry_run;
    add({line_,
         1,
         is_there ? ImportOutcome::already_there : ImportOutcome::imported,
         record.user_id,
         imported ? record.id : std::string(),
         {}});
    if (imported) records_.push_back(std::move(record));
  }

  Verb<void> take_entry(const auto& line, std::size_t number, const otp::MigrationEntry& entry) {
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
    if (const auto used = used_secrets_.find(line.user_id); used != used_secrets_.end())
      factor::resume(account.secret, used->second, record, context);
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
    if constexpr (requires { line.drift; }) keep_drift(line, record);
    return record;
  }

  /// Whether the user has this secret already, so that an import that was cut off can be run again. He has
  /// none of an enrolment that was not confirmed in time.
  Verb<bool> is_there(const storage::FactorRecord& record, const crypto::SecretBytes& secret,
                      const factor::Context& context) {
    if (record.user_id.empty()) co_return false;
    if (const std::pair user(record.type, record.user_id); !known_users_.contains(user)) {
      const auto others = co_await run_.list_factors(record.user_id);
      FoundUser found = co_await find_user(run_, record.user_id, record.id);
      const auto ended = decision::ended_enrollments(found.user, context.now);
      for (const storage::FactorRecord& other : others)
        if (other.type == record.type && (is_verified(other) || !detail::contains(ended, other.id)))
          known_.insert(fingerprint(other, factor::open_secret(other, context.keys)));
      if (!found.user.used_secrets.empty())
        used_secrets_[record.user_id] = std::move(found.user.used_secrets);
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
      co_await commit_records();
      for (const storage::FactorRecord& record : records_)
        run_.emit(EventType::factor_enrolled, record.created_at, record);
      records_.clear();
    }
    if (known_.size() > most_known && known_users_.size() > 1) { // the storage has it by now
      known_.clear();
      known_users_.clear();
      used_secrets_.clear();
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

  /// With the claims of credentials and the handles of their users, as if they had been enrolled here.
  Verb<void> commit_records() {
    for (Rounds rounds("what the imported factors' users have"); !records_.empty(); rounds.next()) {
      const Time now = co_await run_.time();
      storage::Batch batch;
      batch.factors = records_;
      std::set<std::string> users;
      for (const storage::FactorRecord& record : records_) {
        for (const std::string& id : factor::claims_of(record)) batch.counters.push_back(claim(id, record));
        if (record.type != FactorType::webauthn || !users.insert(record.user_id).second) continue;
        FoundUser found = co_await find_user(run_, record.user_id, record.id);
        if (!found.user.handle.empty()) continue;
        found.user.handle = handles_.at(record.user_id);
        batch.counters.push_back(found.changed(now));
      }
      if (co_await run_.commit(batch)) break;
      co_await check_are_new(run_, records_);
      co_await leave_out_what_is_claimed(now);
    }
    if (!options_.dry_run) {
      claimed_.clear();
      handles_.clear();
    }
  }

  /// What somebody has registered since it was looked at.
  Verb<void> leave_out_what_is_claimed(Time now) {
    for (std::size_t i = records_.size(); i-- > 0;) {
      const std::vector<std::string> ids = factor::claims_of(records_[i]);
      if (!co_await is_claimed(run_, ids)) continue;
      const std::string reason = "the credential was registered meanwhile.";
      for (ImportResult& result : results_) {
        if (result.factor_id != records_[i].id) continue;
        result.outcome = ImportOutcome::refused;
        result.factor_id.clear();
        result.reason = reason;
      }
      run_.emit({.type = EventType::import_refused,
                 .at = now,
                 .user_id = records_[i].user_id,
                 .cause = std::make_exception_ptr(Error(errc::invalid_argument, reason))});
      records_.erase(records_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  const R& run_;
  const ImportOptions& options_;
  ImportSummary summary_;
  std::size_t line_ = 0;                       ///< of which is told
  std::vector<storage::FactorRecord> records_; ///< to commit
  std::vector<ImportResult> results_;          ///< to report after the commit
  crypto::Hmac hmac_{crypto::Hash::sha256, draw_key()};
  std::set<std::pair<FactorType, std::string>> known_users_; ///< those of whom `known_` has every secret
  std::map<std::string, std::vector<factor::UsedSecret>> used_secrets_; ///< of those users
  std::set<Fingerprint> known_;          ///< what was in the storage, and what is to come into it
  std::set<Fingerprint> would_be_there_; ///< of the whole dry run
  // Of what is not committed yet, or of the whole dry run:
  std::map<std::string, std::string> claimed_;                   ///< by claims, whose credentials they are
  std::map<std::string, std::string> handles_;                   ///< by users of credentials
  std::map<std::string, storage::FactorRecord> sets_of_dry_run_; ///< of recovery codes, by users
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
