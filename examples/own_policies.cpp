// A host's own storage, clock and SMS gateway, wired to its own sessions.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/mfa.hpp>

namespace host {

/// The host's database: here, maps under one mutex. What counts is `commit`: all or nothing, and only if
/// every version is still the one that was read.
class Database {
 public:
  static constexpr bool ephemeral = true; // ends with the process; a real one has a key ring instead

  std::optional<mfa::storage::FactorRecord> find_factor(std::string_view id) { return find(factors_, id); }
  std::optional<mfa::storage::ChallengeRecord> find_challenge(std::string_view id) {
    return find(challenges_, id);
  }
  std::optional<mfa::storage::CounterRecord> find_counter(std::string_view id) { return find(counters_, id); }

  std::vector<mfa::storage::FactorRecord> list_factors(std::string_view user_id) {
    const std::lock_guard lock(mutex_);
    std::vector<mfa::storage::FactorRecord> found;
    for (const auto& [id, factor] : factors_)
      if (factor.user_id == user_id && !user_id.empty()) found.push_back(factor);
    return found;
  }

  bool commit(const mfa::storage::Batch& batch) {
    const std::lock_guard lock(mutex_);
    if (!unmoved(factors_, batch.factors) || !unmoved(challenges_, batch.challenges) ||
        !unmoved(counters_, batch.counters))
      return false;
    for (const auto& removal : batch.removals)
      if (version_of(removal) != removal.version) return false;
    write(factors_, batch.factors);
    write(challenges_, batch.challenges);
    write(counters_, batch.counters);
    for (const auto& removal : batch.removals) {
      if (removal.kind == mfa::storage::RecordKind::factor) factors_.erase(removal.id);
      if (removal.kind == mfa::storage::RecordKind::challenge) challenges_.erase(removal.id);
      if (removal.kind == mfa::storage::RecordKind::counter) counters_.erase(removal.id);
    }
    return true;
  }

 private:
  template <class Record> using Table = std::map<std::string, Record, std::less<>>;

  template <class Record> std::optional<Record> find(const Table<Record>& table, std::string_view id) {
    const std::lock_guard lock(mutex_);
    const auto row = table.find(id);
    return row == table.end() ? std::nullopt : std::optional(row->second);
  }

  template <class Record> static std::uint64_t version_in(const Table<Record>& table, const std::string& id) {
    const auto row = table.find(id);
    return row == table.end() ? 0 : row->second.version;
  }
  template <class Record>
  static bool unmoved(const Table<Record>& table, const std::vector<Record>& records) {
    return std::ranges::all_of(records,
                               [&](const Record& r) { return version_in(table, r.id) == r.version; });
  }
  template <class Record> static void write(Table<Record>& table, const std::vector<Record>& records) {
    for (Record record : records) {
      ++record.version;
      table.insert_or_assign(record.id, record);
    }
  }
  std::uint64_t version_of(const mfa::storage::Removal& removal) const {
    switch (removal.kind) {
    case mfa::storage::RecordKind::factor: return version_in(factors_, removal.id);
    case mfa::storage::RecordKind::challenge: return version_in(challenges_, removal.id);
    case mfa::storage::RecordKind::counter: return version_in(counters_, removal.id);
    }
    return 0;
  }

  std::mutex mutex_;
  Table<mfa::storage::FactorRecord> factors_;
  Table<mfa::storage::ChallengeRecord> challenges_;
  Table<mfa::storage::CounterRecord> counters_;
};

/// The host's clock, a disciplined one perhaps.
struct Clock {
  std::chrono::hours passed{}; // so that this program need not wait
  std::chrono::system_clock::time_point now() const { return std::chrono::system_clock::now() + passed; }
};

/// The host's gateway. A real one posts to its provider, with a timeout, and throws if the message is not
/// taken.
struct Gateway {
  std::string delivered; // stands for the user's phone
  void send(const mfa::SmsMessage& message) { delivered = message.body; }
};

struct Session {
  std::string user_id;
  std::string challenge_id;
  bool authenticated = false;
};

} // namespace host

int main() {
  host::Database database;
  host::Clock clock;
  host::Gateway gateway;
  std::map<std::string, host::Session> sessions;
  mfa::Verifier verifier{database, clock, gateway,
                         mfa::Options{.sms_template = "{{code}}", .sms_allowed_country_codes = {"1"}}};

  // On the account's settings page: the user confirms that the messages reach him.
  const std::string factor_id =
      verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123", .user_id = "u_42"}).factor.id();
  if (!verifier.challenge_enrollment(factor_id, "u_42").confirm(gateway.delivered).confirmed()) return 1;
  clock.passed = std::chrono::hours(24);

  // Request 1: the password was right. The session is bound to the challenge and the challenge to the
  // session.
  const std::string session_id = "c2Vzc2lvbg";
  host::Session& session = sessions[session_id];
  session.user_id = "u_42";
  session.challenge_id = verifier.challenge_factor(factor_id, session.user_id, {.binding = session_id}).id();

  // Request 2: the code, from the browser that holds the session.
  const auto answer = [&](const std::string& from_session, const std::string& typed) {
    try {
      const auto verification =
          verifier.verify_challenge(sessions.at(session_id).challenge_id, typed,
                                    {.binding = from_session, .user = sessions.at(session_id).user_id});
      sessions.at(session_id).authenticated = verification.valid();
      return std::string(to_string(verification.status()));
    } catch (const mfa::Error& error) {
      return std::string(error.what());
    }
  };
  std::cout << "another session: " << answer("b3RoZXI", gateway.delivered) << '\n'
            << "what is no code: " << answer(session_id, "letmein") << '\n'
            << "the right code:  " << answer(session_id, gateway.delivered) << '\n';
  std::cout << "session authenticated: " << std::boolalpha << session.authenticated << '\n';
  return session.authenticated ? 0 : 1;
}
