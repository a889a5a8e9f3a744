#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/assurance.hpp>
#include <mfa/channel.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/purpose.hpp>
#include <mfa/types.hpp>

#include "page.hpp"
#include "users.hpp"

namespace portal {

/// How far a browser has come.
enum class Stage { nobody, password_shown, signed_in };

/// The question that a user is asked, at the sign-in or before something that matters.
struct Question {
  mfa::Purpose purpose = mfa::Purpose::sign_in;
  std::string action = {};    ///< with `Purpose::action`: what is to be done, in words
  std::string done = {};      ///< with `Purpose::action`: which of `Seams::actions` does it
  std::string return_to = {}; ///< where to go then
  std::string factor_id = {}; ///< of the factor that was chosen; empty: none yet
  std::string challenge_id = {};
  std::optional<Time> resend_at = {};
};

/// A factor that waits for its first code.
struct Enrolling {
  std::string path = {}; ///< of the journey that began it, which alone goes on with it
  std::string factor_id = {};
  std::string challenge_id = {}; ///< of what was sent
  std::string sent_to = {};
  std::optional<mfa::Channel> channel = {}; ///< by which it was sent last; empty: the usual one
  std::optional<Time> resend_at = {};
  mfa::crypto::SecretString secret = {}; // of an authenticator app
  std::string qr_code = {};
  mfa::crypto::SecretString uri = {};
};

/// What is known of one browser. A request holds `lock` from its beginning to its end.
struct Session {
  std::mutex lock = {};
  std::string id = {};         ///< what the cookie says. Changes with what the user has shown
  std::string csrf = {};       ///< what every form brings
  std::uint64_t ends_seen = 0; ///< `Sessions::ends` when its request began
  bool is_operator = false;
  Stage stage = Stage::nobody;
  std::string user_id = {};
  std::string shown = {}; ///< the challenge that the user answered last: an `mfa::Authorization`
  std::optional<Time> shown_at = {};
  std::optional<Time> password_at = {}; ///< when the password was shown last
  Question question = {};
  Enrolling enrolling = {};
  std::string new_email = {};
  std::string return_to = {};                     ///< after the sign-in
  std::map<std::string, std::string> values = {}; ///< what single journeys keep
  Flash flash = {};

  void nobody() {
    stage = Stage::nobody;
    user_id.clear();
    shown.clear();
    shown_at.reset();
    password_at.reset();
    question = {};
    enrolling = {};
    new_email.clear();
    return_to.clear();
    values.clear();
    flash = {};
  }
};

/// The sessions, in memory: a restart signs everybody out. Usable from many threads.
class Sessions {
 public:
  static constexpr std::chrono::minutes longest_idle{30};
  static constexpr std::chrono::hours longest{12};
  /// A further one ends the one that was used longest ago, a stranger's while there is one.
  static constexpr std::size_t most = 20'000;

  std::shared_ptr<Session> begin(Time now) {
    auto session = apart();
    const std::lock_guard guard(lock_);
    session->ends_seen = ends_;
    if (sessions_.size() >= most) make_room(now);
    sessions_[session->id] = {session, {}, false, now, now};
    return session;
  }

  /// One for a single request, that no cookie leads to.
  static std::shared_ptr<Session> apart() {
    auto session = std::make_shared<Session>();
    session->id = random_id();
    session->csrf = random_id();
    return session;
  }

  /// None if there is none of this id, or its time is over.
  std::shared_ptr<Session> find(const std::string& id, Time now) {
    const std::lock_guard guard(lock_);
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) return nullptr;
    if (is_over(found->second, now)) {
      sessions_.erase(found);
      return nullptr;
    }
    found->second.used = now;
    return found->second.session;
  }

  /// A new id for a session whose user has shown something, or whose user is another now: who knew the former
  /// id is not signed in with it. The time of a sign-in begins anew. False: it has ended, be it that the
  /// sessions of its user were ended since `ends_seen`, as what he has shown may count no more.
  bool renew(Session& session, Time now) {
    const std::string former = session.id;
    session.id = random_id();
    session.csrf = random_id();
    const std::lock_guard guard(lock_);
    auto node = sessions_.extract(former);
    if (node.empty()) return false; // it was ended meanwhile
    if (was_ended(session.user_id, session.ends_seen)) return false;
    node.key() = session.id;
    node.mapped().user_id = session.user_id;
    node.mapped().is_operator = session.is_operator;
    node.mapped().began = node.mapped().used = now;
    sessions_.insert(std::move(node));
    return true;
  }

  /// How often sessions of users were ended so far: to be asked before a password or an answer is looked at.
  [[nodiscard]] std::uint64_t ends() {
    const std::lock_guard guard(lock_);
    return ends_;
  }

  void end(const std::string& id) {
    const std::lock_guard guard(lock_);
    sessions_.erase(id);
  }

  /// Those whose time is over.
  void purge(Time now) {
    const std::lock_guard guard(lock_);
    std::erase_if(sessions_, [&](const auto& entry) { return is_over(entry.second, now); });
  }

  /// All sessions of a user but one, and those that a request under way would make his.
  std::size_t end_others(std::string_view user_id, std::string_view but) {
    const std::lock_guard guard(lock_);
    if (ended_.size() >= most) { // then whoever is signing in has to do it again
      ended_.clear();
      all_ended_ = ends_;
    }
    ended_[std::string(user_id)] = ++ends_;
    return std::erase_if(
        sessions_, [&](const auto& entry) { return entry.second.user_id == user_id && entry.first != but; });
  }

 private:
  struct Kept {
    std::shared_ptr<Session> session;
    std::string user_id;
    bool is_operator;
    Time began;
    Time used;
  };

  static bool is_over(const Kept& kept, Time now) {
    return now - kept.used > longest_idle || now - kept.began > longest;
  }

  [[nodiscard]] bool was_ended(const std::string& user_id, std::uint64_t since) const {
    if (user_id.empty()) return false;
    const auto ended = ended_.find(user_id);
    return since < all_ended_ || (ended != ended_.end() && since < ended->second);
  }

  void make_room(Time now) {
    std::erase_if(sessions_, [&](const auto& entry) { return is_over(entry.second, now); });
    if (sessions_.size() < most) return;
    // Whoever asks for many sessions must not sign others out.
    const auto goes_before = [](const Kept& a, const Kept& b) {
      const bool a_is_known = !a.user_id.empty() || a.is_operator;
      const bool b_is_known = !b.user_id.empty() || b.is_operator;
      return a_is_known != b_is_known ? b_is_known : a.used < b.used;
    };
    auto first = sessions_.begin();
    for (auto at = sessions_.begin(); at != sessions_.end(); ++at)
      if (goes_before(at->second, first->second)) first = at;
    sessions_.erase(first);
  }

  std::mutex lock_;
  std::map<std::string, Kept> sessions_; ///< by id
  std::uint64_t ends_ = 0;
  std::uint64_t all_ended_ = 0;                ///< the last of `ends_` that `ended_` has forgotten
  std::map<std::string, std::uint64_t> ended_; ///< by user: the last of `ends_` that was his
};

/// The value of a cookie of a request; empty: there is none.
inline std::string cookie_of(std::string_view header, std::string_view name) {
  const std::string cookies = "; " + std::string(header) + ';';
  const std::string begins = "; " + std::string(name) + '=';
  const auto from = cookies.find(begins);
  if (from == std::string::npos) return {};
  const auto value = from + begins.size();
  return cookies.substr(value, cookies.find(';', value) - value);
}

} // namespace portal
