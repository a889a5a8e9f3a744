#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_sms.hpp>

#include "catch.hpp"
#include "each_field.hpp"

/// Every bit of every field of every record flipped once, and then every verb that reads the record.
namespace mfa::test::flips {

/// All records of a storage.
struct Records {
  std::map<std::string, storage::FactorRecord, std::less<>> factors;
  std::map<std::string, storage::ChallengeRecord, std::less<>> challenges;
  std::map<std::string, storage::CounterRecord, std::less<>> counters;
};

/// A host's own storage: it returns what lies under an id, whatever that has become.
class OwnStorage {
 public:
  static constexpr bool ephemeral = true;

  Records records;

  [[nodiscard]] std::optional<storage::FactorRecord> find_factor(std::string_view id) const {
    return find(records.factors, id);
  }
  [[nodiscard]] std::optional<storage::ChallengeRecord> find_challenge(std::string_view id) const {
    return find(records.challenges, id);
  }
  [[nodiscard]] std::optional<storage::CounterRecord> find_counter(std::string_view id) const {
    return find(records.counters, id);
  }
  [[nodiscard]] std::vector<storage::FactorRecord> list_factors(std::string_view user_id) const {
    std::vector<storage::FactorRecord> listed;
    for (const auto& [id, factor] : records.factors)
      if (factor.user_id == user_id) listed.push_back(factor);
    return listed;
  }
  [[nodiscard]] std::vector<storage::FactorRecord> scan_factors(std::string_view after_id,
                                                                std::size_t limit) const {
    std::vector<storage::FactorRecord> page;
    for (auto at = records.factors.upper_bound(after_id); at != records.factors.end() && page.size() < limit;
         ++at)
      page.push_back(at->second);
    return page;
  }

  bool commit(const storage::Batch& batch) {
    const auto moved = [](const auto& stored, const auto& record) {
      const auto found = stored.find(record.id);
      return (found == stored.end() ? 0 : found->second.version) != record.version;
    };
    const auto moved_removal = [&](const storage::Removal& removal) {
      switch (removal.kind) {
      case storage::RecordKind::factor: return moved(records.factors, removal);
      case storage::RecordKind::challenge: return moved(records.challenges, removal);
      case storage::RecordKind::counter: return moved(records.counters, removal);
      }
      return true;
    };
    for (const auto& record : batch.factors)
      if (moved(records.factors, record)) return false;
    for (const auto& record : batch.challenges)
      if (moved(records.challenges, record)) return false;
    for (const auto& record : batch.counters)
      if (moved(records.counters, record)) return false;
    for (const auto& removal : batch.removals)
      if (moved_removal(removal)) return false;
    const auto write = [](auto& stored, auto record) {
      ++record.version;
      stored[record.id] = record;
    };
    for (const auto& record : batch.factors) write(records.factors, record);
    for (const auto& record : batch.challenges) write(records.challenges, record);
    for (const auto& record : batch.counters) write(records.counters, record);
    for (const auto& removal : batch.removals) {
      if (removal.kind == storage::RecordKind::factor) records.factors.erase(removal.id);
      if (removal.kind == storage::RecordKind::challenge) records.challenges.erase(removal.id);
      if (removal.kind == storage::RecordKind::counter) records.counters.erase(removal.id);
    }
    return true;
  }

  std::size_t purge(Time now, std::size_t limit) {
    std::size_t removed = 0;
    const auto purge_map = [&](auto& stored) {
      for (auto at = stored.begin(); at != stored.end() && removed < limit;)
        if (at->second.purge_at <= now) {
          at = stored.erase(at);
          ++removed;
        } else {
          ++at;
        }
    };
    purge_map(records.challenges);
    purge_map(records.counters);
    return removed;
  }

 private:
  template <class Stored>
  static std::optional<typename Stored::mapped_type> find(const Stored& stored, std::string_view id) {
    const auto found = stored.find(id);
    return found == stored.end() ? std::nullopt : std::optional(found->second);
  }
};

/// The bytes of a field's value.
inline std::pair<unsigned char*, std::size_t> bytes_of(std::string& text) {
  return {reinterpret_cast<unsigned char*>(text.data()), text.size()};
}
template <class Number> std::pair<unsigned char*, std::size_t> bytes_of(Number& number) {
  static_assert(std::is_trivially_copyable_v<Number>);
  return {reinterpret_cast<unsigned char*>(&number), sizeof number};
}
template <class Number> std::pair<unsigned char*, std::size_t> bytes_of(std::optional<Number>& number) {
  if (!number) return {nullptr, 0};
  return bytes_of(*number);
}

/// A field of one stored record.
struct Cell {
  std::string kind; ///< "factor", "challenge" or "counter"
  std::string id;
  std::string field;
  std::size_t bytes;
};

/// Whether the record's seal is over the cell, so that nothing is valid once it was changed.
inline bool is_under_seal(const Cell& cell) {
  if (cell.field == "version" || cell.field == "purge_at") return false;
  return cell.kind != "factor" || (cell.field != "friendly_name" && cell.field != "updated_at");
}

/// Which bits of a cell are flipped: all if MFA_EVERY_BIT is set, otherwise all of short ones (in a slow
/// store the first and the last and every fifth) and one of each byte of long ones.
inline std::vector<std::size_t> bits_of(const Cell& cell, bool slow) {
  static const bool every = std::getenv("MFA_EVERY_BIT") != nullptr;
  constexpr std::size_t short_one = 8;
  std::vector<std::size_t> bits;
  if (every || cell.bytes <= short_one)
    for (std::size_t bit = 0; bit < 8 * cell.bytes; ++bit) {
      if (every || !slow || bit % 5 == 0 || bit + 1 == 8 * cell.bytes) bits.push_back(bit);
    }
  else
    for (std::size_t byte = 0; byte < cell.bytes; ++byte) bits.push_back(8 * byte + byte % 8);
  return bits;
}

/// A storage of this process with its records in hand.
template <class StoragePolicy> class Store {
 public:
  static constexpr bool slow = false;

  StoragePolicy storage;

  /// Takes what the storage holds for the records to flip bits of. `ids` are of all of them.
  void take(const std::vector<std::string>& ids) {
    for (const std::string& id : ids) {
      if (auto factor = storage.find_factor(id)) taken_.factors[id] = *factor;
      if (auto challenge = storage.find_challenge(id)) taken_.challenges[id] = *challenge;
      if (auto counter = storage.find_counter(id)) taken_.counters[id] = *counter;
    }
    REQUIRE(taken_.factors.size() + taken_.challenges.size() + taken_.counters.size() == ids.size());
    damaged_ = taken_;
  }

  [[nodiscard]] std::vector<Cell> cells() {
    std::vector<Cell> found;
    const auto add = [&](const char* kind, auto& records) {
      for (auto& [id, record] : records) {
        const std::string& record_id = id;
        for_each_field(record, [&](const char* field, auto& value) {
          // Memory counts versions by itself.
          if (std::is_same_v<StoragePolicy, OwnStorage> || std::string_view(field) != "version")
            found.push_back({kind, record_id, field, bytes_of(value).second});
        });
      }
    };
    add("factor", taken_.factors);
    add("challenge", taken_.challenges);
    add("counter", taken_.counters);
    return found;
  }

  /// Until the next call, the storage holds the records with this one bit flipped.
  void flip(const Cell& cell, std::size_t bit) {
    damaged_ = taken_;
    const auto flip_in = [&](auto& record) {
      for_each_field(record, [&](std::string_view field, auto& value) {
        if (field == cell.field) bytes_of(value).first[bit / 8] ^= static_cast<unsigned char>(1U << bit % 8);
      });
    };
    if (cell.kind == "factor") flip_in(damaged_.factors.at(cell.id));
    if (cell.kind == "challenge") flip_in(damaged_.challenges.at(cell.id));
    if (cell.kind == "counter") flip_in(damaged_.counters.at(cell.id));
    restore();
  }

  /// The records as they were damaged, after a verb that wrote.
  void restore() {
    if constexpr (std::is_same_v<StoragePolicy, OwnStorage>) {
      storage.records = damaged_;
    } else {
      storage = StoragePolicy();
      storage::Batch batch;
      const auto add = [](auto& to, const auto& records) {
        for (const auto& [id, record] : records) {
          to.push_back(record);
          to.back().version = 0;
        }
      };
      add(batch.factors, damaged_.factors);
      add(batch.challenges, damaged_.challenges);
      add(batch.counters, damaged_.counters);
      REQUIRE(storage.commit(std::move(batch)));
    }
  }

 private:
  Records taken_;
  Records damaged_;
};

/// What a verb came to: the answer in a word, or the error.
struct Outcome {
  std::string text;
  bool is_error = false;
  bool valid = false; ///< a verification, or a device that is trusted
  std::string user_id = {};

  bool operator==(const Outcome&) const = default;
};

/// A verb called in one way. What must never be accepted, whatever is damaged, is `hostile`.
struct Question {
  std::string verb;
  std::function<Outcome()> ask;
  bool hostile = false;
};

/// A user with a factor of each kind that needs no browser, whose challenges wait for their answers, with
/// counters of each sort and trusted devices; and another user.
template <class StoreType> class World {
 public:
  explicit World(Options options = {}) : verifier_(store.storage, clock_, sms_, with(std::move(options))) {
    rotated_options_.key_ring = KeyRing("new", key(2));
    rotated_options_.key_ring.add_further("old", key(1));
    rotated_options_.webauthn = verifier_.options().webauthn;
    rotated_options_.sms_allowed_country_codes = {"1"};
    rotated_.emplace(store.storage, clock_, sms_, rotated_options_);

    const auto other = verifier_.enroll_factor(Totp{.issuer = "Foo Corp", .user = "eve", .user_id = "u_43"});
    const auto totp = verifier_.enroll_factor(
        Totp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42", .friendly_name = "phone"});
    const auto totp_code = [&](const auto& enrolled) {
      return otp::totp(otp::base32_decode(enrolled.totp.secret), clock_.now());
    };
    const Confirmation shown = totp.factor.confirm(totp_code(totp));
    REQUIRE(shown.confirmed());
    const auto phone =
        verifier_.enroll_factor(mfa::Sms{.phone_number = "+14155550123", .user_id = "u_42"}, shown);
    const auto first = phone.factor.challenge_enrollment();
    REQUIRE(first.confirm(sms_.last().body).confirmed());
    const auto mail =
        verifier_.enroll_factor(GenericOtp{.destination = "a***@example.com", .user_id = "u_42"}, shown);
    const auto first_mail = mail.factor.challenge_enrollment();
    REQUIRE(first_mail.confirm(first_mail.code()).confirmed());
    const auto token =
        verifier_.enroll_factor(Hotp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42"}, shown);
    const auto hotp_code = [&](std::uint64_t at) {
      return otp::hotp(otp::base32_decode(token.hotp.secret), at);
    };
    REQUIRE(token.factor.confirm(hotp_code(0)).confirmed());
    const auto codes = verifier_.enroll_factor(RecoveryCodes{.user_id = "u_42", .count = 5}, shown);
    REQUIRE(codes.factor.challenge().verify(codes.recovery_codes.codes[0]).valid());

    clock_.advance(std::chrono::minutes(2)); // to the next code of each
    const std::string asked_totp = ask_about("totp", totp.factor.id(), totp_code(totp), totp_code(other));
    ask_about_user(totp.factor.id(), asked_totp, totp_code(other));
    ask_about_binding(totp.factor.id(), totp_code(totp));
    const auto sent = verifier_.challenge_factor(phone.factor.id(), mfa::any_user);
    ask_about("sms", phone.factor.id(), sent.id(), sms_.last().body, other_code(sms_.last().body));
    for (const std::string& id : factor::sms_counter_ids("+14155550123", KeyRing("old", key(1))))
      counter("sms counter", id, "challenge_factor", [this, id = phone.factor.id()] {
        clock_.advance(std::chrono::minutes(2));
        auto made =
            asked([&] { return said(verifier_.challenge_factor(id, mfa::any_user).id().substr(0, 15)); });
        clock_.advance(-std::chrono::minutes(2));
        return made;
      });

    const auto delivered = verifier_.challenge_factor(mail.factor.id(), mfa::any_user);
    const std::string mailed(delivered.code());
    ask_about("generic_otp", mail.factor.id(), delivered.id(), mailed, other_code(mailed));
    for (const std::string& id :
         factor::send_counter_ids("generic_otp_codes_", "a***@example.com", KeyRing("old", key(1))))
      counter("generic_otp counter", id, "challenge_factor", [this, id = mail.factor.id()] {
        clock_.advance(std::chrono::minutes(2));
        auto made =
            asked([&] { return said(verifier_.challenge_factor(id, mfa::any_user).id().substr(0, 15)); });
        clock_.advance(-std::chrono::minutes(2));
        return made;
      });

    ask_about("hotp", token.factor.id(), hotp_code(1), hotp_code(500));

    const auto others_codes =
        verifier_.enroll_factor(RecoveryCodes{.user_id = "u_43", .count = 2}, by_operator);
    ask_about("recovery_codes", codes.factor.id(), codes.recovery_codes.codes[1],
              others_codes.recovery_codes.codes[0]);
    about_[codes.factor.id()].questions.push_back(
        {"regenerate_recovery_codes", [this, id = codes.factor.id()] {
           return asked([&] {
             return said(
                 std::to_string(verifier_.regenerate_recovery_codes(id, mfa::any_user, mfa::by_operator)
                                    .recovery_codes.codes.size()));
           });
         }});

    remember_devices();
  }
  virtual ~World() = default;
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  StoreType store;

  /// Flips, asks, and prints what became of it.
  void run() {
    // With the record that says which of the user's factors may still be confirmed, asked about or not.
    std::set<std::string> ids{decision::user_record_id("u_42", {})};
    for (const auto& [id, record] : about_) ids.insert(id);
    store.take({ids.begin(), ids.end()});
    for (auto& [id, record] : about_)
      for (Question& question : record.questions) {
        const Outcome sound = question.ask();
        INFO(record.name << ": " << question.verb << ": " << sound.text);
        CHECK_FALSE(sound.is_error);
        if (question.verb.starts_with("verify_challenge") || question.verb.starts_with("check_device"))
          CHECK(sound.valid != question.hostile);
        store.restore();
      }
    if (store.cells().empty()) FAIL("there is nothing to flip bits of");
    for (const Cell& cell : store.cells()) {
      const auto asked_about = about_.find(cell.id);
      if (asked_about == about_.end()) continue;
      const Record& record = asked_about->second;
      for (const std::size_t bit : bits_of(cell, StoreType::slow)) {
        store.flip(cell, bit);
        ++table_[record.name + '.' + cell.field].flips;
        for (const Question& question : record.questions) ask(record, cell, bit, question);
      }
    }
    print();
  }

 protected:
  using VerifierType = Verifier<std::remove_reference_t<decltype(std::declval<StoreType&>().storage)>,
                                testing::ManualClock, testing::RecordingSms>;

  struct Record {
    std::string name;
    std::vector<Question> questions;
  };

  testing::ManualClock clock_;
  testing::RecordingSms sms_;
  VerifierType verifier_;

  static crypto::SecretBytes key(std::size_t number) {
    crypto::SecretBytes bytes;
    for (std::size_t i = 0; i < KeyRing::key_size; ++i)
      bytes.push_back(static_cast<unsigned char>(number + i * i));
    return bytes;
  }

  static std::string other_code(std::string code) {
    code.back() = code.back() == '9' ? '0' : static_cast<char>(code.back() + 1);
    return code;
  }

  static Outcome said(std::string text) { return {.text = std::move(text)}; }

  static Outcome said(const Verification& verification) {
    return {.text = std::string(to_string(verification.status())),
            .valid = verification.valid(),
            .user_id = verification.user_id()};
  }

  static Outcome said(const std::optional<TrustedDevice>& device, std::string user_id) {
    return {.text = device ? "trusted" : "not trusted",
            .valid = device.has_value(),
            .user_id = device ? std::move(user_id) : std::string()};
  }

  /// The answer or the library's error. Anything else that is thrown ends the test.
  template <class Call> static Outcome asked(Call call) {
    try {
      return call();
    } catch (const Error& error) {
      const std::string message = error.what();
      CHECK(detail::is_utf8(message));
      CHECK_FALSE(detail::has_control_characters(message));
      return {.text = error.code().message(), .is_error = true};
    }
  }

  static Outcome said(const Confirmation& confirmation) {
    return {.text = std::string(to_string(confirmation.status())),
            .valid = confirmation.confirmed(),
            .user_id = confirmation.user_id()};
  }

  bool is_confirming(const std::string& challenge_id) {
    return verifier_.get_challenge(challenge_id, any_user).purpose() == Purpose::confirm_enrollment;
  }

  /// The answer of the verb that is for the purpose of the challenge.
  std::function<Outcome()> answering(const std::string& challenge_id, const std::string& answer,
                                     const VerifyOptions& options = {}) {
    if (is_confirming(challenge_id))
      return [=, this] {
        return asked([&] { return said(verifier_.confirm_enrollment(challenge_id, answer, options)); });
      };
    return [=, this] {
      return asked([&] { return said(verifier_.verify_challenge(challenge_id, answer, options)); });
    };
  }

  /// The verbs that read a factor, and a new challenge, whose id is returned, and whose right and wrong
  /// answers these are.
  std::string ask_about(const std::string& kind, const std::string& factor_id, const std::string& right,
                        const std::string& wrong) {
    auto id = verifier_.challenge_factor(factor_id, any_user).id();
    ask_about(kind, factor_id, id, right, wrong);
    return id;
  }

  void ask_about(const std::string& kind, const std::string& factor_id, const std::string& challenge_id,
                 const std::string& right, const std::string& wrong) {
    REQUIRE(fail_once(factor_id, wrong));
    const std::vector<Question> verifications{
        {"verify_challenge, right", answering(challenge_id, right)},
        {"verify_challenge, wrong", answering(challenge_id, wrong), true},
        {"verify_challenge, of another user", answering(challenge_id, wrong, {.user = "u_42"}), true}};

    Record& factor = about_[factor_id];
    factor.name = kind;
    factor.questions = verifications;
    const auto also = [&](const char* verb, auto call) {
      factor.questions.push_back({verb, [=] { return asked([&] { return said(call()); }); }});
    };
    also("list_factors", [this] { return std::to_string(verifier_.list_factors("u_42").size()); });
    also("get_factor",
         [=, this] { return std::string(to_string(verifier_.get_factor(factor_id, mfa::any_user).type())); });
    if (kind != "sms" && kind != "generic_otp") // which may not be sent yet
      also("challenge_factor", [=, this, confirming = is_confirming(challenge_id)] {
        const auto made = confirming ? verifier_.challenge_enrollment(factor_id, "u_42", {}, by_operator)
                                     : verifier_.challenge_factor(factor_id, "u_42");
        return made.id().substr(0, 15);
      });
    if (kind == "totp" || kind == "hotp")
      also("unsafe_export_otpauth_uri", [=, this] {
        return std::string(verifier_.unsafe_export_otpauth_uri(factor_id, mfa::any_user)).substr(0, 10);
      });
    also("unlock_factor", [=, this] {
      verifier_.unlock_factor(factor_id, mfa::any_user, mfa::by_operator);
      return std::string("unlocked");
    });
    also("reseal_all", [this] { return resealed(); });
    also("count_keys", [this] {
      std::size_t keys = 0;
      for (const auto& [name, count] : rotated_->count_keys().factors) keys += count;
      return std::to_string(keys);
    });
    also("rename_factor",
         [=, this] { return verifier_.rename_factor(factor_id, mfa::any_user, "x").friendly_name(); });
    also("reset_user", [this] {
      (void)verifier_.reset_user("u_42", mfa::by_operator);
      return std::string("reset");
    });
    also("delete_factor", [=, this] {
      verifier_.delete_factor(factor_id, mfa::any_user, mfa::by_operator);
      return std::string("deleted");
    });

    Record& challenge = about_[challenge_id];
    challenge.name = kind + " challenge";
    challenge.questions = verifications;
    challenge.questions.push_back({"get_challenge", [=, this] {
                                     return asked([&] {
                                       return said(std::string(to_string(
                                           verifier_.get_challenge(challenge_id, mfa::any_user).state())));
                                     });
                                   }});
    challenge.questions.push_back(
        {"purge_expired",
         [this] { return asked([&] { return said(std::to_string(verifier_.purge_expired())); }); }});
  }

  void counter(const std::string& name, const std::string& id, const char* verb,
               std::function<Outcome()> ask) {
    about_[id].name = name;
    about_[id].questions.push_back({verb, std::move(ask)});
  }

  std::map<std::string, Record> about_; ///< by the id of the record

 private:
  struct Tally {
    std::size_t flips = 0;
    std::map<std::string, std::size_t> outcomes;
  };

  Options with(Options options) {
    options.key_ring = KeyRing("old", key(1));
    options.sms_template = "{{code}}";
    options.sms_allowed_country_codes = {"1"};
    return options;
  }

  /// So that there is a count of failures and a time of the last one.
  bool fail_once(const std::string& factor_id, const std::string& wrong) {
    if (verifier_.get_factor(factor_id, mfa::any_user).sms() ||
        verifier_.get_factor(factor_id, mfa::any_user).generic_otp() ||
        verifier_.get_factor(factor_id, mfa::any_user).webauthn())
      return true; // whose challenge would be superseded
    return !verifier_.challenge_factor(factor_id, mfa::any_user).verify(wrong).valid();
  }

  std::string resealed() {
    const ResealProgress progress = rotated_->reseal_all();
    return std::to_string(progress.resealed) + " of " + std::to_string(progress.scanned);
  }

  void ask_about_binding(const std::string& factor_id, const std::string& right) {
    const auto id = verifier_.challenge_factor(factor_id, mfa::any_user, {.binding = "session 1"}).id();
    about_[id].name = "bound challenge";
    for (const bool hostile : {false, true})
      about_[id].questions.push_back({hostile ? "verify_challenge, other binding" : "verify_challenge",
                                      [=, this] {
                                        return asked([&] {
                                          try {
                                            return said(verifier_.verify_challenge(
                                                id, right, {.binding = hostile ? "session 2" : "session 1"}));
                                          } catch (const Error& error) {
                                            if (error.code() != errc::entity_not_found) throw;
                                            return said("not found");
                                          }
                                        });
                                      },
                                      hostile});
  }

  /// What bounds the user as a whole.
  void ask_about_user(const std::string& factor_id, const std::string& challenge_id,
                      const std::string& wrong) {
    const std::string id = decision::user_record_id("u_42", {});
    counter("user", id, "challenge_factor", [this, factor_id] {
      return asked([&] { return said(verifier_.challenge_factor(factor_id, "u_42").id().substr(0, 15)); });
    });
    counter("user", id, "enroll_factor", [this] {
      return asked([&] {
        return said(
            verifier_.enroll_factor(GenericOtp{.user_id = "u_42"}, by_operator).factor.id().substr(0, 12));
      });
    });
    about_[id].questions.push_back({"verify_challenge, wrong", answering(challenge_id, wrong), true});
    about_[id].questions.push_back({"reset_user", [this] {
                                      return asked([&] {
                                        (void)verifier_.reset_user("u_42", mfa::by_operator);
                                        return said("reset");
                                      });
                                    }});
  }

  void remember_devices() {
    const std::string token(verifier_.remember_device("u_42", "laptop", mfa::by_operator).token);
    const auto tablet = verifier_.remember_device("u_42", "tablet", mfa::by_operator);
    Record& record = about_[verbs::devices_record_id("u_42")];
    record.name = "trusted devices";
    const auto also = [&](const char* verb, auto call, bool hostile = false) {
      record.questions.push_back({verb, [=] { return asked(call); }, hostile});
    };
    also("check_device", [=, this] { return said(verifier_.check_device(token, "u_42"), "u_42"); });
    also(
        "check_device, of another user",
        [=, this] { return said(verifier_.check_device(token, "u_43"), "u_43"); }, true);
    also("list_devices", [this] { return said(std::to_string(verifier_.list_devices("u_42").size())); });
    also("remember_device",
         [this] { return said(verifier_.remember_device("u_42", "phone", mfa::by_operator).device.label); });
    also("revoke_device", [=, this] {
      return said(verifier_.revoke_device("u_42", tablet.device.id) ? "revoked" : "not there");
    });
    also("reset_user", [this] {
      (void)verifier_.reset_user("u_42", mfa::by_operator);
      return said("reset");
    });
    also("revoke_devices", [this] { return said(std::to_string(verifier_.revoke_devices("u_42"))); });
  }

  void ask(const Record& record, const Cell& cell, std::size_t bit, const Question& question) {
    Outcome outcome;
    try {
      outcome = question.ask();
    } catch (const std::exception& error) {
      INFO(record.name << '.' << cell.field << " bit " << bit << ": " << question.verb);
      FAIL_CHECK("threw what is no mfa::Error: " << error.what());
      return;
    }
    ++table_[record.name + '.' + cell.field].outcomes[outcome.is_error ? "error: " + outcome.text
                                                      : outcome.valid  ? "valid"
                                                                       : "answer"];
    if (outcome.valid && (question.hostile || outcome.user_id != "u_42" || is_under_seal(cell))) {
      INFO(record.name << '.' << cell.field << " bit " << bit << ": " << question.verb << ": valid for "
                       << outcome.user_id);
      FAIL_CHECK("accepted what must be refused");
    }
    if (!outcome.is_error) store.restore();
  }

  void print() const {
    std::cout << std::left << std::setw(34) << "field" << std::setw(8) << "flips"
              << "what the verbs that read it came to\n";
    for (const auto& [field, tally] : table_) {
      std::cout << std::setw(34) << field << std::setw(8) << tally.flips;
      for (const auto& [outcome, count] : tally.outcomes) std::cout << outcome << ' ' << count << "; ";
      std::cout << '\n';
    }
  }

  Options rotated_options_;
  std::optional<VerifierType> rotated_;
  std::map<std::string, Tally> table_;
};

} // namespace mfa::test::flips
