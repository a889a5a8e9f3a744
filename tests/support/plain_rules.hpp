#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/requirement.hpp>

#include "plain_passkeys.hpp"

namespace mfa::test {

/// What can be seen of a factor.
struct FactorView {
  FactorType type{};
  FactorState state = FactorState::unverified;
  std::string user_id;
  Time created_at{};
  Time updated_at{};
  std::optional<Time> last_used_at = {};
  std::uint32_t failures = 0;
  std::string friendly_name = {};

  bool operator==(const FactorView&) const = default;
};

/// What can be seen of a challenge.
struct ChallengeView {
  Purpose purpose = Purpose::sign_in;
  ChallengeState state = ChallengeState::pending;
  Time created_at{};
  Time updated_at{};
  std::optional<Time> expires_at = {};
  std::uint32_t attempts_left = 0;

  bool operator==(const ChallengeView&) const = default;
};

/// What a verb answers; what does not apply to it is empty.
struct Answer {
  std::optional<errc> error = {};
  std::optional<Status> status = {};
  std::optional<std::chrono::seconds> retry_after = {};
  std::string user_id = {};
  std::optional<Time> verified_at = {};
  std::vector<FactorView> factors = {};
  std::optional<ChallengeView> challenge = {};
  std::size_t purged = 0;
  std::size_t devices = 0; ///< remembered, found or revoked
  std::optional<Remaining> remaining = {};
  std::optional<UserReset> reset = {};
  std::optional<Assurance> assurance = {};
  std::optional<std::chrono::seconds> clock_skew = {};

  bool operator==(const Answer&) const = default;
};

/// What a caller shows before he changes a user's factors or devices.
struct Shown {
  bool given = false;
  bool good = false;
  std::optional<int> factor = {}; ///< none for an operator
};

/// Which records of a user somebody has damaged.
struct Damage {
  bool user = false;
  bool devices = false;
};

/// The rules of docs/security.md once more: plainly, for one caller, and without any of the library's
/// decisions. Factors and challenges go by numbers that the caller gives.
class PlainRules {
 public:
  struct Factor {
    FactorView view = {};
    std::vector<unsigned char> secret = {}; ///< TOTP and HOTP
    std::string phone_number = {};          ///< SMS
    std::string mailbox = {};               ///< e-mail: the same for all spellings of an address
    std::map<std::string, bool> codes = {}; ///< recovery codes without dashes: whether used
    bool foreign = false;                   ///< they are of another system
    std::string credential = {};            ///< WebAuthn, once it is verified
    std::string key = {};                   ///< likewise
    std::string handle = {};                ///< WebAuthn: the user's, once it was told
    Time register_until = {};               ///< WebAuthn, until it is verified
    std::uint32_t signatures = 0;           ///< WebAuthn: its counter
    bool shows_pin = false;                 ///< WebAuthn: has shown one when it was registered
    std::uint64_t first_unused_step = 0;    ///< of HOTP: counter
    std::vector<std::uint64_t> told = {};   ///< steps of which a hint told
    std::int64_t drift = 0;                 ///< steps that a token's clock is ahead
    std::optional<int> latest_challenge = {};
    Time latest_failure = {};
    unsigned sets = 0; ///< of recovery codes that this one replaced
    std::size_t codes_in_set = 0;
    std::size_t codes_left = 0;

    bool operator==(const Factor&) const = default;
  };

  struct Challenge {
    ChallengeView view;
    int factor = 0;
    std::optional<std::string> binding = {};
    std::string action = {};
    std::string code = {};                      ///< what an SMS says, or what an authenticator is to sign
    std::string token = {};                     ///< of the link in an e-mail
    unsigned sends = 1;                         ///< how often a code was sent
    unsigned counts = 1;                        ///< of them, whose code counts
    std::map<unsigned, std::string> codes = {}; ///< of each, once it is known, if there were several
    std::map<unsigned, std::string> tokens = {};
    Time purge_at = {};
    bool registers = false; ///< WebAuthn
    bool two_factors = false;
    std::uint64_t generation = 0; ///< of the user, when it was made

    bool operator==(const Challenge&) const = default;
  };

  /// A challenge that is put to no factor: to a user, or to whoever comes. Nothing is stored of it.
  struct Asked {
    Challenge challenge; ///< that the first answer makes which counts
    std::string user_id; ///< empty: whoever comes
  };

  struct Device {
    int name = 0;
    Time remembered_at{};
    Time expires_at{};
    std::optional<int> factor = {}; ///< that vouched for it; none for an operator

    bool operator==(const Device&) const = default;
  };
  /// A user's.
  struct Devices {
    std::vector<Device> all = {};
    Time purge_at = {};

    bool operator==(const Devices&) const = default;
  };

  /// What is bounded for a user.
  struct User {
    struct Open {
      int challenge = 0;
      std::optional<std::string> session = {};
      Time from{};
      Time until{};
      bool put_to_no_factor = false;

      bool operator==(const Open&) const = default;
    };
    struct Enrollment {
      int factor = 0;
      Time from{};
      Time until{};
      bool authorized = false;

      bool operator==(const Enrollment&) const = default;
    };

    /// What a secret has used whose factor is gone.
    struct Used {
      FactorType type{};
      std::vector<unsigned char> secret;
      std::uint64_t first_unused_step = 0;
      std::vector<std::uint64_t> told = {};
      Time until{};

      bool operator==(const Used&) const = default;
    };

    std::vector<Open> open = {};
    std::vector<Enrollment> enrollments = {};
    std::vector<Used> used = {};
    std::vector<Time> sends = {};
    std::vector<Time> wrong_codes = {};
    Time purge_at = {};           ///< unless an enrolment waits to be confirmed
    bool has_handle = false;      ///< by which authenticators know him: then it is never purged
    std::uint64_t generation = 0; ///< another one each time when what he had shown was ended

    bool operator==(const User&) const = default;
  };

  using Shown = test::Shown;
  static constexpr Shown nothing{};
  static constexpr Shown by_operator{.given = true, .good = true};

  explicit PlainRules(const Options& options) : options_(options) {}

  Time now{};
  std::map<int, Factor> factors;
  std::map<int, Challenge> challenges;
  std::map<int, Asked> asked;
  std::map<std::string, std::vector<Time>> sends; ///< by what `sends_of` says
  std::map<std::string, Devices> devices;         ///< by user
  std::map<std::string, User> users;              ///< by what `user_of` says
  std::map<std::string, int> claims;              ///< by credential: the verified factor that has it

  /// Whose bounds a factor falls under: its user's; a factor of no user has its own.
  [[nodiscard]] static std::string user_of(int name, const Factor& factor) {
    return factor.view.user_id.empty() ? "factor " + std::to_string(name) : factor.view.user_id;
  }

  /// Whether codes of this kind are short enough to be guessed.
  [[nodiscard]] static bool guessable(FactorType type) {
    return type != FactorType::recovery_codes && type != FactorType::webauthn;
  }

  /// What the verification on this challenge, if it was one, allows this user.
  [[nodiscard]] Shown shown(int challenge_name, const std::string& user_id) const {
    const auto challenge = challenges.find(challenge_name);
    if (challenge == challenges.end()) return {.given = true};
    const auto factor = factors.find(challenge->second.factor);
    const auto user = users.find(user_id);
    return shown(challenge->second, factor == factors.end() ? nullptr : &factor->second, user_id,
                 user == users.end() ? User() : user->second, now);
  }
  [[nodiscard]] Shown shown(const Challenge& challenge, const Factor* factor, const std::string& user_id,
                            const User& user, Time at) const {
    const auto ago = std::chrono::abs(at - challenge.view.updated_at);
    const bool good = factor != nullptr && !user_id.empty() && factor->view.user_id == user_id &&
                      factor->view.state == FactorState::verified &&
                      challenge.view.state == ChallengeState::verified &&
                      challenge.generation == user.generation && challenge.view.purpose != Purpose::action &&
                      ago < options_.authorization_lifetime;
    return {.given = true, .good = good, .factor = challenge.factor};
  }

  /// What is limited together: a phone number, a mailbox, or a factor whose codes the host delivers.
  [[nodiscard]] static std::string sends_of(int name, const Factor& factor) {
    switch (factor.view.type) {
    case FactorType::sms: return factor.phone_number;
    case FactorType::email: return factor.mailbox;
    default: return "factor " + std::to_string(name);
    }
  }

  Answer enroll(int name, Factor factor, const Shown& shown) {
    const std::string user_id = factor.view.user_id;
    const bool at_once = factor.view.type == FactorType::recovery_codes; // nobody shows that he has them
    const bool first = !has_verified(user_id);
    if (((shown.given && !user_id.empty()) || !first || at_once) && !shown.good)
      return {.error = errc::authorization_required};
    if (!user_id.empty()) {
      if (has_secret(user_id, factor)) return {.error = errc::duplicate_secret};
      User& user = users[user_id];
      for (const User::Used& used : user.used) go_on_from(used, factor);
      if (!at_once) {
        end_enrollments(user,
                        [this](const User::Enrollment& other) { return over(other.from, other.until); });
        while (user.enrollments.size() >= options_.unverified_factors_a_user)
          end_enrollments(user,
                          [oldest = user.enrollments.front()](const auto& other) { return other == oldest; });
        user.enrollments.push_back({name, now, now + options_.enrollment_lifetime, shown.given});
      }
      if (factor.view.type == FactorType::webauthn) user.has_handle = true;
      keep(user);
    }
    if (at_once) factor.view.state = FactorState::verified;
    if (factor.view.type == FactorType::webauthn) factor.register_until = now + options_.webauthn->timeout();
    factor.codes_in_set = factor.codes_left = factor.codes.size();
    factor.view.created_at = factor.view.updated_at = now;
    factors[name] = factor;
    return get_factor(name);
  }

  /// Of another system. What the user has already is left alone, and nothing is answered; what cannot be
  /// taken is an invalid argument.
  Answer import(int name, Factor factor, bool verified) {
    const FactorType type = factor.view.type;
    const std::string& user_id = factor.view.user_id;
    const auto has_one = [&](auto is) {
      return !user_id.empty() && std::ranges::any_of(factors, [&](const auto& entry) {
        return entry.second.view.user_id == user_id && entry.second.view.type == type && is(entry.second);
      });
    };
    if (is_authenticator(factor)) {
      if (!user_id.empty() && has_secret(user_id, factor, type)) return {};
      if (const auto user = users.find(user_id); user != users.end())
        for (const User::Used& used : user->second.used) go_on_from(used, factor);
    } else if (!verified || user_id.empty()) { // nobody could confirm it
      return {.error = errc::invalid_argument};
    } else if (type == FactorType::recovery_codes) {
      const auto has_these = [&](const Factor& other) {
        return other.foreign && std::ranges::all_of(factor.codes, [&](const auto& code) {
                 return other.codes.contains(code.first);
               });
      };
      if (has_one(has_these)) return {};
      if (has_one([](const Factor&) { return true; })) return {.error = errc::invalid_argument};
    } else {
      if (const auto claim = claims.find(factor.credential); claim != claims.end()) {
        const bool own = factors.at(claim->second).view.user_id == user_id;
        return own ? Answer() : Answer{.error = errc::invalid_argument};
      }
      claims.emplace(factor.credential, name);
      User& user = users[user_id];
      if (!std::exchange(user.has_handle, true)) keep(user);
    }
    if (verified) factor.view.state = FactorState::verified;
    factor.codes_in_set = factor.codes_left = factor.codes.size();
    factor.view.created_at = factor.view.updated_at = now;
    factors[name] = factor;
    return get_factor(name);
  }

  /// For whatever purpose `said` has. `user_id`: whose factor it must be, if not empty. `shown`: what allows
  /// to confirm a further factor whose answer is made by whoever holds the session. `listed`: the user's
  /// factors, if they were looked at before.
  Answer challenge(int name, int factor_name, const ChallengeOptions& said, std::string_view user_id,
                   bool delivered, const std::string& code, const Shown& shown = nothing,
                   const std::map<int, Factor>* listed = nullptr, const std::string& token = {}) {
    Factor* const factor = find(factor_name, user_id);
    if (factor == nullptr) return {.error = errc::entity_not_found};
    const bool verified = factor->view.state == FactorState::verified;
    const bool confirms = said.purpose == Purpose::confirm_enrollment;
    if (confirms && verified) return {.error = errc::invalid_argument};
    if (!confirms && !verified && !options_.unverified_factors_sign_in)
      return {.error = errc::factor_not_verified};
    const bool passkey = factor->view.type == FactorType::webauthn;
    const Assurance most{.factors = passkey && factor->shows_pin ? 2U : 1U, .phishing_resistant = passkey};
    if (!most.meets(said.required)) return {.error = errc::insufficient_assurance};
    if (locked(*factor)) return {.error = errc::factor_locked_out};

    const std::string user_name = user_of(factor_name, *factor);
    const auto known_user = users.find(user_name);
    User user = known_user == users.end() ? User() : known_user->second;
    if (verified && guessable(factor->view.type))
      if (auto delayed = guessed_too_often(user_name, user)) return *std::move(delayed);
    if (confirms && over_enrollment(user, factor_name)) return {.error = errc::enrollment_expired};
    const bool webauthn = factor->view.type == FactorType::webauthn;
    if (confirms && webauthn && !shown.good &&
        (listed != nullptr ? any_of(*listed, is_verified) : has_verified(factor->view.user_id)))
      return {.error = errc::authorization_required};
    Challenge challenge{.view = {.purpose = said.purpose, .created_at = now, .updated_at = now},
                        .factor = factor_name};
    challenge.generation = user.generation;
    challenge.view.attempts_left = options_.attempts_a_challenge;
    challenge.view.expires_at = now + options_.challenge_lifetime;
    challenge.purge_at = now + options_.challenge_retention;
    challenge.binding = said.binding;
    challenge.action = said.action;
    challenge.two_factors = webauthn && said.required.factors > 1;
    if (is_sent(*factor)) {
      const SendRules rules = send_rules(*factor);
      if (auto refused = count_send(factor_name, *factor, user_name, user, said)) return *std::move(refused);
      challenge.view.expires_at = now + rules.lifetime;
      challenge.code = code;
      challenge.token = token;
      factor->latest_challenge = name; // the codes before are dead, even if this one never arrives
      factor->view.updated_at = now;
    }
    if (webauthn) {
      const auto timeout = options_.webauthn->timeout();
      challenge.registers = !verified;
      if (!verified && over(factor->register_until - timeout, factor->register_until)) {
        factor->register_until = now + timeout;
        factor->view.updated_at = now;
      }
      challenge.view.expires_at = verified ? now + timeout : factor->register_until;
    }
    open(user, {name, said.binding, now, *challenge.view.expires_at}, options_.open_challenges_a_user);
    keep(user);
    users[user_name] = user;
    if (is_sent(*factor) && !delivered) return {.error = send_rules(*factor).not_sent};
    challenges[name] = challenge;
    return get_challenge(name);
  }

  /// The code of a challenge goes out again, or a new one that counts in its place.
  Answer resend(int name, const std::optional<std::string>& binding, std::string_view user_id) {
    const auto known = challenges.find(name);
    if (known == challenges.end()) return {.error = errc::entity_not_found};
    Challenge& challenge = known->second;
    Factor* const factor = find(challenge.factor, user_id);
    if (factor == nullptr || challenge.binding != binding) return {.error = errc::entity_not_found};
    if (challenge.view.state == ChallengeState::pending &&
        over(challenge.view.created_at, *challenge.view.expires_at)) {
      challenge.view.state = ChallengeState::expired;
      challenge.view.updated_at = now;
    }
    if (!is_sent(*factor)) return {.error = errc::invalid_argument};
    if (challenge.view.state != ChallengeState::pending || factor->latest_challenge != name)
      return {.error = errc::challenge_over};
    const bool verified = is_verified(*factor);
    const bool confirms = challenge.view.purpose == Purpose::confirm_enrollment;
    if (confirms && verified) return {.error = errc::invalid_argument};
    if (!confirms && !verified && !options_.unverified_factors_sign_in)
      return {.error = errc::factor_not_verified};
    if (locked(*factor)) return {.error = errc::factor_locked_out};
    const std::string user_name = user_of(challenge.factor, *factor);
    const auto known_user = users.find(user_name);
    User user = known_user == users.end() ? User() : known_user->second;
    if (confirms && over_enrollment(user, challenge.factor)) return {.error = errc::enrollment_expired};
    if (!confirms && verified)
      if (auto delayed = guessed_too_often(user_name, user)) return *std::move(delayed);
    if (auto refused = count_send(challenge.factor, *factor, user_name, user, {})) return *std::move(refused);
    keep(user);
    users[user_name] = user;
    challenge.codes[challenge.counts] = challenge.code;
    challenge.tokens[challenge.counts] = challenge.token;
    challenge.counts = ++challenge.sends;
    if (!options_.resend_same_code) challenge.code.clear(); // as long as nobody has read it
    challenge.token.clear();                                // of a link, which is drawn anew
    challenge.codes[challenge.counts] = challenge.code;
    challenge.tokens[challenge.counts] = challenge.token;
    challenge.view.updated_at = factor->view.updated_at = now;
    return {.challenge = challenge.view};
  }

  /// What was sent last says this.
  void tell_code(int name, unsigned send, const std::string& code) {
    const auto known = challenges.find(name);
    if (known == challenges.end()) return;
    Challenge& challenge = known->second;
    if (challenge.counts == send) challenge.code = code;
    if (challenge.sends > 1) challenge.codes[send] = code;
  }

  /// Whether what was not sent is the code that counts, and nobody has had another one sent since.
  [[nodiscard]] bool counts_unsent(int name, unsigned send) const {
    const auto known = challenges.find(name);
    return known != challenges.end() && known->second.view.state == ChallengeState::pending &&
           known->second.counts == send && known->second.sends == send;
  }

  /// Then the one before counts again, if this is still so.
  bool take_back(int name, unsigned send, unsigned before) {
    if (!counts_unsent(name, send)) return false;
    Challenge& challenge = challenges.at(name);
    challenge.counts = before;
    challenge.code = challenge.codes.at(before);
    challenge.token = challenge.tokens.at(before);
    return true;
  }

  /// A challenge of this user, that any of his passkeys answers, or of whoever comes if `user_id` is empty.
  Answer challenge_passkey(int name, const std::string& user_id, const ChallengeOptions& said) {
    if (said.purpose == Purpose::confirm_enrollment || (said.conditional && !user_id.empty()))
      return {.error = errc::invalid_argument};
    const auto of_user = factors_of(user_id);
    const bool has_passkey = std::ranges::any_of(of_user, [](const auto& entry) {
      return is_verified(entry.second) && entry.second.view.type == FactorType::webauthn;
    });
    if (!user_id.empty() && !has_passkey) return {.error = errc::entity_not_found};
    Challenge challenge{.view = {.purpose = said.purpose, .created_at = now, .updated_at = now}};
    challenge.view.attempts_left = options_.attempts_a_challenge;
    challenge.view.expires_at =
        now + (said.conditional ? options_.conditional_challenge_lifetime : options_.webauthn->timeout());
    challenge.purge_at = std::max(now + options_.challenge_retention, *challenge.view.expires_at + day);
    challenge.binding = said.binding;
    challenge.action = said.action;
    challenge.two_factors = user_id.empty();
    asked[name] = {challenge, user_id};
    return {.challenge = challenge.view};
  }

  /// For whatever purpose `said` has.
  Answer verify(int name, std::string_view typed, const VerifyOptions& said) {
    const bool first = !challenges.contains(name) && asked.contains(name);
    return first ? take_up(name, typed, said) : verify_known(name, typed, said);
  }

  /// By the factor's id: for codes that come unasked. `name` is that of the challenge it makes.
  Answer confirm(int name, int factor_name, std::string_view typed, const VerifyOptions& said) {
    const auto& of_user = said.user.user_id();
    const std::string user_id = of_user ? of_user->text() : std::string();
    const Factor* const factor = find(factor_name, user_id);
    if (factor == nullptr) return {.error = errc::entity_not_found};
    if (is_sent(*factor) || factor->view.type == FactorType::webauthn)
      return {.error = errc::invalid_argument};
    ChallengeOptions said_before;
    said_before.purpose = Purpose::confirm_enrollment;
    said_before.binding = said.binding;
    if (Answer refused = challenge(name, factor_name, said_before, user_id, true, ""); refused.error)
      return refused;
    return verify(name, typed, said);
  }

  Answer get_factor(int name, std::string_view user_id = {}) {
    const Factor* const factor = find(name, user_id);
    if (factor == nullptr) return {.error = errc::entity_not_found};
    return {.factors = {factor->view}};
  }

  Answer get_challenge(int name) {
    const auto challenge = challenges.find(name);
    if (const auto put = asked.find(name); put != asked.end() && challenge == challenges.end()) {
      ChallengeView view = put->second.challenge.view;
      if (over(view.created_at, *view.expires_at)) view.state = ChallengeState::expired;
      return {.challenge = view};
    }
    if (challenge == challenges.end() || !factors.contains(challenge->second.factor))
      return {.error = errc::entity_not_found};
    return {.challenge = challenge->second.view};
  }

  /// `listed`: the user's factors, if they were looked at before.
  Answer remove(int name, std::string_view user_id, const Shown& shown, const DeleteOptions& said = {},
                const std::map<int, Factor>* listed = nullptr) {
    const Factor* const factor = find(name, user_id);
    if (factor == nullptr) return {.error = errc::entity_not_found};
    const Factor gone = *factor;
    const std::string& owner = gone.view.user_id;
    const bool verified = gone.view.state == FactorState::verified;
    if (verified && !shown.good) return {.error = errc::authorization_required};
    std::map<int, Factor> others = listed != nullptr ? *listed : factors_of(owner);
    others.erase(name);
    const bool was_last_of_its_sort = signs_in_alone(gone) && !any_of(others, signs_in_alone);
    if (said.refuse_last && (was_last_of_its_sort || (verified && !any_of(others, is_verified))))
      return {.error = errc::last_factor};

    std::vector<int> deleted{name};
    if (said.take_recovery_codes && was_last_of_its_sort)
      for (const auto& [other, codes] : others)
        if (is_verified(codes)) deleted.push_back(other);
    User& user = users[user_of(name, gone)];
    for (const int one : deleted) {
      others.erase(one);
      erase_factor(one, user);
    }
    keep(user);
    if (verified && !owner.empty()) { // what it vouched for is trusted no more
      std::vector<Device> left = devices[owner].all;
      const bool none_left = !any_of(others, is_verified);
      std::erase_if(left, [&](const Device& device) {
        return none_left || (device.factor && std::ranges::find(deleted, *device.factor) != deleted.end());
      });
      keep(devices[owner], std::move(left));
    }
    return {.remaining = what_is_left(others)};
  }

  /// All that the user has but one factor and one device, if they are named. `by`: the challenge that allows
  /// it.
  Answer reset(const std::string& user_id, const Shown& shown, std::optional<int> kept = {},
               std::optional<int> kept_device = {}, std::optional<int> by = {}, Damage damage = {}) {
    if (kept_device && !kept) return {.error = errc::invalid_argument};
    if (damage.user || damage.devices) {
      const bool asked_by_operator = shown.good && !shown.factor;
      if (!asked_by_operator || kept) return {.error = errc::seal_broken};
      if (damage.user) users[user_id] = User();
      if (damage.devices) devices[user_id] = Devices();
    }
    if (!shown.good) return {.error = errc::authorization_required};
    const std::map<int, Factor> all = factors_of(user_id);
    if (kept && !all.contains(*kept)) return {.error = errc::entity_not_found};
    if (kept && !is_verified(all.at(*kept))) return {.error = errc::factor_not_verified};
    User& user = users[user_id];
    UserReset done;
    for (const auto& [name, factor] : all) {
      if (name == kept) continue;
      erase_factor(name, user);
      ++done.factors;
    }
    for (const User::Open& open : user.open) {
      const auto challenge = challenges.find(open.challenge);
      if (challenge != challenges.end() && challenge->second.factor == kept && open.challenge != by)
        end_challenge(open);
    }
    end_what_was_shown(user);
    if (const auto allowing = by ? challenges.find(*by) : challenges.end();
        allowing != challenges.end() && allowing->second.factor == kept)
      allowing->second.generation = user.generation;
    user.enrollments.clear();
    if (!kept) user.wrong_codes.clear();
    keep(user);
    std::vector<Device> left = lasting(devices[user_id]);
    done.devices = std::erase_if(left, [&](const Device& device) { return device.name != kept_device; });
    for (Device& device : left) device.factor = kept;
    keep(devices[user_id], std::move(left));
    return {.reset = done};
  }

  Answer rename(int name, std::string_view user_id, const std::string& friendly_name) {
    Factor* const factor = find(name, user_id);
    if (factor == nullptr) return {.error = errc::entity_not_found};
    factor->view.friendly_name = friendly_name;
    factor->view.updated_at = now;
    return {.factors = {factor->view}};
  }

  /// The new codes are told later, if they are told at all.
  Answer regenerate(int name, std::string_view user_id, const Shown& shown) {
    Factor* const factor = find(name, user_id);
    if (factor == nullptr) return {.error = errc::entity_not_found};
    if (factor->view.type != FactorType::recovery_codes) return {.error = errc::invalid_argument};
    if (!shown.good) return {.error = errc::authorization_required};
    factor->codes.clear();
    factor->foreign = false;
    factor->codes_left = factor->codes_in_set;
    ++factor->sets;
    factor->view.updated_at = now;
    return {};
  }

  Answer remember(int name, const std::string& user_id, const Shown& shown, std::chrono::seconds lifetime) {
    if (!shown.good) return {.error = errc::authorization_required};
    std::vector<Device> left = lasting(devices[user_id]);
    if (left.size() >= most_trusted_devices) left.erase(left.begin());
    left.push_back({name, now, now + lifetime, shown.factor});
    keep(devices[user_id], std::move(left));
    return {.devices = 1};
  }

  /// A device whose time is over is forgotten, with all others of which that is true.
  Answer check_device(int name, const std::string& user_id) {
    const auto of_user = devices.find(user_id);
    if (of_user == devices.end()) return {};
    const auto device = std::ranges::find(of_user->second.all, name, &Device::name);
    if (device == of_user->second.all.end()) return {};
    if (!over(*device)) return {.devices = 1};
    keep(of_user->second, lasting(of_user->second));
    return {};
  }

  /// One device, or all but one if no name is given.
  Answer revoke(std::optional<int> name, const std::string& user_id, std::optional<int> but = {}) {
    const auto of_user = devices.find(user_id);
    if (of_user == devices.end() || of_user->second.all.empty()) return {};
    std::vector<Device> left = lasting(of_user->second);
    const std::size_t revoked = std::erase_if(
        left, [&](const Device& device) { return name ? device.name == *name : device.name != but; });
    if (revoked != 0 || left.empty()) keep(of_user->second, std::move(left));
    return {.devices = revoked};
  }

  Answer password_changed(const std::string& user_id) {
    const bool known = end_what_was_shown(user_id);
    return end_trust(user_id, known);
  }

  /// Its two halves, each of which happens at once. The first says whether anything is recorded of the user.
  bool end_what_was_shown(const std::string& user_id) {
    const auto known = users.find(user_id);
    if (known == users.end()) return false;
    User& user = known->second;
    for (const User::Open& open : user.open) end_challenge(open);
    end_what_was_shown(user);
    keep(user);
    return true;
  }
  Answer end_trust(const std::string& user_id, bool known) {
    if (known && (!devices.contains(user_id) || devices.at(user_id).all.empty())) keep(devices[user_id], {});
    return revoke(std::nullopt, user_id);
  }

  Answer unlock(int name, std::string_view user_id, const Shown& shown) {
    Factor* const factor = find(name, user_id);
    if (factor == nullptr) return {.error = errc::entity_not_found};
    if (!shown.good) return {.error = errc::authorization_required};
    factor->view.failures = 0;
    factor->view.updated_at = now;
    if (factor->view.type == FactorType::totp &&
        factor->first_unused_step > step_at(now + day)) // a clock that was ahead accepted it
      factor->first_unused_step =
          std::min(factor->first_unused_step,
                   step_at(now) + static_cast<std::uint64_t>(std::max<std::int64_t>(factor->drift, 0)) +
                       options_.totp_drift_steps + 1);
    return {};
  }

  Answer purge() {
    const auto over = [this](const auto& entry) { return entry.second.purge_at <= now; };
    const auto all_over = [this](const auto& entry) {
      return std::ranges::all_of(entry.second, [this](Time sent) { return sent + day <= now; });
    };
    const auto user_over = [&](const auto& entry) {
      return entry.second.enrollments.empty() && !entry.second.has_handle && over(entry);
    };
    return {.purged = std::erase_if(challenges, over) + std::erase_if(sends, all_over) +
                      std::erase_if(devices, over) + std::erase_if(users, user_over)};
  }

  /// How the user stands to a policy; nothing for one that nobody can meet.
  [[nodiscard]] std::optional<Requirement> requirement(const FactorPolicy& policy, const std::string& user_id,
                                                       const PolicyUser& user) const {
    const auto counts = [&](FactorType type) {
      const bool wanted = policy.kinds.empty()
                              ? type != FactorType::recovery_codes && type != FactorType::email
                              : std::ranges::count(policy.kinds, type) > 0;
      const bool strong = policy.assurance.factors > 1 || policy.assurance.phishing_resistant;
      return wanted && (type == FactorType::webauthn || !strong);
    };
    static constexpr std::array all{FactorType::totp,          FactorType::sms,      FactorType::generic_otp,
                                    FactorType::hotp,          FactorType::webauthn, FactorType::email,
                                    FactorType::recovery_codes};
    if (policy.factors > 0 && std::ranges::none_of(all, counts)) return std::nullopt;
    std::set<FactorType> has; // of those that can be used
    Requirement said;
    said.factors_lacking = policy.factors;
    bool has_another = false;
    for (const auto& [name, factor] : factors_of(user_id)) {
      const FactorType type = factor.view.type;
      if (!is_verified(factor) || (type == FactorType::recovery_codes && factor.codes_left == 0)) continue;
      has.insert(type);
      has_another = has_another || type != FactorType::recovery_codes;
      const bool needs_pin = policy.assurance.factors > 1;
      if (counts(type) && (factor.shows_pin || !needs_pin) && said.factors_lacking > 0)
        --said.factors_lacking;
    }
    said.recovery_codes_lacking = policy.recovery_codes && !has.contains(FactorType::recovery_codes);
    const bool met = said.factors_lacking == 0 && !said.recovery_codes_lacking;
    Time until{}; // by deadline and grace
    if (policy.deadline) until = *policy.deadline;
    if (user.since && policy.grace > Wait(0))
      until = std::max(until, std::min(*user.since, now) + policy.grace);
    if (met)
      said.standing = Standing::met;
    else if (user.exempt_until.value_or(now) > now)
      said = {Standing::exempt, user.exempt_until, said.factors_lacking, said.recovery_codes_lacking};
    else if (until > now)
      said = {Standing::due, until, said.factors_lacking, said.recovery_codes_lacking};
    for (const FactorType type : policy.offered) {
      const bool codes = type == FactorType::recovery_codes;
      const bool helps = (said.factors_lacking > 0 && counts(type)) || (said.recovery_codes_lacking && codes);
      if ((met ? !has.contains(type) : helps) && (has_another || !codes)) said.offer.push_back(type);
    }
    return said;
  }

 private:
  using Wait = std::chrono::seconds;
  static constexpr std::chrono::hours hour{1};
  static constexpr std::chrono::hours day{24};

  /// The first answer to a challenge that is put to no factor. If it counts, the challenge is of the factor
  /// that gave it from then on.
  Answer take_up(int name, std::string_view typed, const VerifyOptions& said) {
    const Asked& put = asked.at(name);
    Challenge challenge = put.challenge;
    const auto answer = PasskeyAnswer::read(typed);
    const Factor* factor = nullptr;
    std::optional<Status> refused;
    if (over(challenge.view.created_at, *challenge.view.expires_at)) {
      challenge.view.state = ChallengeState::expired;
      refused = Status::expired;
    } else if (!answer) {
      refused = Status::malformed_code;
    } else if (const auto claim = claims.find(answer->credential); claim == claims.end()) {
      refused = Status::unknown_credential;
    } else {
      challenge.factor = claim->second;
      factor = find(claim->second, {});
      if (factor == nullptr || !is_verified(*factor))
        refused = Status::unknown_credential;
      else if (put.user_id.empty() ? answer->handle.empty() : factor->view.user_id != put.user_id)
        refused = Status::wrong_credential;
    }
    const auto& of_user = said.user.user_id();
    const bool nobodys = put.user_id.empty() && factor == nullptr;
    const std::string& whose = put.user_id.empty() && factor != nullptr ? factor->view.user_id : put.user_id;
    if (challenge.binding != said.binding || (of_user && !nobodys && whose != of_user->text()))
      return {.error = errc::entity_not_found};
    if (challenge.view.purpose != said.purpose || challenge.action != said.action)
      return {.error = errc::wrong_purpose};
    if (refused) return {.status = refused, .challenge = challenge.view};

    challenges.emplace(name, challenge);
    const User::Open entry{name, {}, challenge.view.created_at, *challenge.view.expires_at, true};
    const std::string user_name = user_of(challenge.factor, *factor);
    Answer answered = verify_known(name, typed, said);
    if (challenges.at(name) == challenge) { // nothing to keep
      challenges.erase(name);
      return answered;
    }
    User& user = users[user_name];
    challenges.at(name).generation = user.generation;
    open(user, entry, std::min<std::size_t>(options_.open_challenges_a_user, 5));
    keep(user);
    return answered;
  }

  Answer verify_known(int name, std::string_view typed, const VerifyOptions& said) {
    const auto found = challenges.find(name);
    if (found == challenges.end()) return {.error = errc::entity_not_found};
    Challenge& challenge = found->second;
    const auto& of_user = said.user.user_id();
    Factor* const factor = find(challenge.factor, of_user ? of_user->text() : std::string());
    if (factor == nullptr || challenge.binding != said.binding) return {.error = errc::entity_not_found};
    if (challenge.view.purpose != said.purpose || challenge.action != said.action)
      return {.error = errc::wrong_purpose};
    const bool confirms = said.purpose == Purpose::confirm_enrollment;
    const bool unverified = factor->view.state != FactorState::verified;
    const auto before = std::pair(challenge, *factor);
    const auto claims_before = claims;
    Assurance assurance;
    Hint hint{.wanted = said.hint_clock_skew_after_password};
    const Status status = judge(name, challenge, *factor, typed, assurance, hint);
    if (confirms && unverified && status == Status::valid) {
      if (const auto refused = end_enrollment(challenge.factor, *factor)) {
        std::tie(challenge, *factor) = before;
        claims = claims_before;
        return {.error = refused};
      }
    }
    const bool counted = status == Status::wrong_code || status == Status::code_already_used;
    if (!(confirms && unverified) && counted && guessable(factor->view.type)) {
      User& user = users[user_of(challenge.factor, *factor)];
      forget_old(user.wrong_codes);
      if (user.wrong_codes.size() < 1000) user.wrong_codes.push_back(now);
      if (user.wrong_codes.size() >= options_.wrong_codes_a_user_a_day) { // the last of a day
        challenge.view.state = ChallengeState::exhausted;
        challenge.view.attempts_left = 0;
      }
      keep(user);
    }
    Answer answer{.status = status, .challenge = challenge.view, .clock_skew = hint.skew};
    if (status == Status::valid) {
      answer.user_id = factor->view.user_id;
      if (!confirms) answer.verified_at = now;
      if (!confirms) answer.assurance = assurance;
    }
    const bool tells_wait =
        status == Status::delayed || status == Status::wrong_code || status == Status::code_already_used;
    if (tells_wait && !locked(*factor) && wait(*factor) > Wait(0)) answer.retry_after = wait(*factor);
    return answer;
  }

  struct Limits {
    Wait interval;
    unsigned an_hour;
    unsigned a_day;
  };

  struct SendRules {
    Limits limits;
    Wait lifetime;
    errc refused;  ///< beyond the limits
    errc not_sent; ///< which the host tells itself of what it delivers
  };

  /// An enrolment leaves half of a destination's messages to who has verified it.
  [[nodiscard]] static Limits left_to(const Factor& factor, const Limits& limits) {
    if (is_verified(factor)) return limits;
    return {limits.interval, (limits.an_hour + 1) / 2, (limits.a_day + 1) / 2};
  }

  [[nodiscard]] SendRules send_rules(const Factor& factor) const {
    const Options& o = options_;
    switch (factor.view.type) {
    case FactorType::sms:
      return {{o.sms_send_interval, o.sms_sends_an_hour, o.sms_sends_a_day},
              o.sms_code_lifetime,
              errc::sms_rate_limited,
              errc::sms_not_sent};
    case FactorType::email:
      return {{o.email_send_interval, o.email_sends_an_hour, o.email_sends_a_day},
              o.email_code_lifetime,
              errc::email_rate_limited,
              errc::message_not_delivered};
    default:
      return {{o.generic_otp_interval, o.generic_otps_an_hour, o.generic_otps_a_day},
              o.generic_otp_lifetime,
              errc::code_rate_limited,
              errc{}};
    }
  }

  [[nodiscard]] bool has_link(const Factor& factor, const ChallengeOptions& said) const {
    const std::string& own = said.email_template.text;
    const std::string& text = own.empty() ? options_.email_template.text : own;
    return factor.view.type == FactorType::email && text.find("{{link}}") != std::string::npos;
  }

  [[nodiscard]] Limits user_limits() const {
    return {Wait(0), options_.sends_a_user_an_hour, options_.sends_a_user_a_day};
  }

  [[nodiscard]] std::map<int, Factor> factors_of(const std::string& user_id) const {
    std::map<int, Factor> all;
    for (const auto& [name, factor] : factors)
      if (!user_id.empty() && factor.view.user_id == user_id) all.emplace(name, factor);
    return all;
  }

  static bool is_authenticator(const Factor& factor) {
    return factor.view.type == FactorType::totp || factor.view.type == FactorType::hotp;
  }
  /// A factor with the secret of one that is gone.
  static void go_on_from(const User::Used& used, Factor& factor) {
    if (used.type != factor.view.type || used.secret != factor.secret) return;
    factor.first_unused_step = std::max(factor.first_unused_step, used.first_unused_step);
    factor.told = used.told;
  }
  static bool is_verified(const Factor& factor) { return factor.view.state == FactorState::verified; }
  static bool signs_in_alone(const Factor& factor) {
    return is_verified(factor) && factor.view.type != FactorType::recovery_codes;
  }
  static bool any_of(const std::map<int, Factor>& all, bool (*is)(const Factor&)) {
    return std::ranges::any_of(all, [is](const auto& entry) { return is(entry.second); });
  }

  void erase_factor(int name, User& user) {
    if (const auto gone = factors.find(name); gone != factors.end()) keep_used(user, gone->second);
    factors.erase(name);
    std::erase_if(claims, [name](const auto& claim) { return claim.second == name; });
    std::erase_if(user.enrollments, [name](const auto& enrollment) { return enrollment.factor == name; });
  }

  static Remaining what_is_left(const std::map<int, Factor>& all) {
    Remaining left;
    for (const auto& [name, factor] : all) {
      if (!is_verified(factor)) {
        ++left.unverified;
      } else if (factor.view.type == FactorType::recovery_codes) {
        left.recovery_codes += factor.codes_left;
      } else {
        ++left.factors;
        if (factor.view.type == FactorType::webauthn)
          left.best = {.factors = factor.shows_pin || left.best.factors > 1 ? 2U : 1U,
                       .phishing_resistant = true};
        else if (left.best.factors == 0)
          left.best = {};
      }
    }
    return left;
  }

  [[nodiscard]] bool has_verified(const std::string& user_id) const {
    return !user_id.empty() && std::ranges::any_of(factors, [&](const auto& entry) {
      return entry.second.view.user_id == user_id && entry.second.view.state == FactorState::verified;
    });
  }

  /// The unverified factors go with them.
  void end_enrollments(User& user, auto which) {
    for (const User::Enrollment& enrollment : user.enrollments) {
      const auto factor = factors.find(enrollment.factor);
      if (which(enrollment) && factor != factors.end() &&
          factor->second.view.state != FactorState::verified) {
        keep_used(user, factor->second);
        factors.erase(factor);
      }
    }
    std::erase_if(user.enrollments, which);
  }

  [[nodiscard]] static const User::Enrollment* enrollment_of(const User& user, int factor_name) {
    const auto found = std::ranges::find(user.enrollments, factor_name, &User::Enrollment::factor);
    return found == user.enrollments.end() ? nullptr : &*found;
  }

  [[nodiscard]] bool over_enrollment(const User& user, int factor_name) const {
    const auto* const enrollment = enrollment_of(user, factor_name);
    return enrollment != nullptr && over(enrollment->from, enrollment->until);
  }

  /// What keeps a factor from being verified though its user has shown it, or nothing.
  std::optional<errc> end_enrollment(int factor_name, const Factor& factor) {
    const std::string user_name = user_of(factor_name, factor);
    const auto known = users.find(user_name);
    User user = known == users.end() ? User() : known->second;
    if (over_enrollment(user, factor_name)) return errc::enrollment_expired;
    const auto* const enrollment = enrollment_of(user, factor_name);
    const bool authorized = enrollment != nullptr && enrollment->authorized;
    const bool beside_another =
        !factor.view.user_id.empty() && std::ranges::any_of(factors, [&](const auto& entry) {
          return entry.first != factor_name && entry.second.view.user_id == factor.view.user_id &&
                 entry.second.view.state == FactorState::verified;
        });
    if (beside_another && !authorized) return errc::authorization_required;
    std::erase_if(user.enrollments, [&](const auto& other) { return other.factor == factor_name; });
    keep(user);
    users[user_name] = user;
    return std::nullopt;
  }

  /// So that it allows no change any more, nor what was begun by it to be ended.
  void end_what_was_shown(User& user) const {
    user.generation =
        std::max(user.generation + 1, static_cast<std::uint64_t>(now.time_since_epoch().count()));
    user.open.clear();
    for (User::Enrollment& enrollment : user.enrollments) enrollment.authorized = false;
  }

  /// Of one that is put to no factor a record stays: without it, it could be answered once more.
  void end_challenge(const User::Open& open) {
    const auto challenge = challenges.find(open.challenge);
    if (challenge == challenges.end()) return;
    if (!open.put_to_no_factor) {
      challenges.erase(challenge);
      return;
    }
    challenge->second.view.state = ChallengeState::expired;
    challenge->second.view.updated_at = now;
  }

  /// One more; of too many, the oldest of the session that has the most goes. Those that are put to no factor
  /// have room of their own.
  void open(User& user, const User::Open& one, std::size_t most) {
    std::erase_if(user.open, [this](const User::Open& other) { return over(other.from, other.until); });
    const auto beside = [&](const User::Open& other) {
      return other.put_to_no_factor == one.put_to_no_factor;
    };
    while (static_cast<std::size_t>(std::ranges::count_if(user.open, beside)) >= most) {
      const auto alike = [&](const User::Open& open) {
        return beside(open) ? std::ranges::count_if(user.open,
                                                    [&](const User::Open& other) {
                                                      return beside(other) && other.session == open.session;
                                                    })
                            : 0;
      };
      const auto goes = std::ranges::max_element(user.open, {}, alike); // the first of those with most
      const auto challenge = challenges.find(goes->challenge);
      const auto state =
          challenge == challenges.end() ? ChallengeState::verified : challenge->second.view.state;
      if (state == ChallengeState::pending ||
          (state == ChallengeState::exhausted && !goes->put_to_no_factor)) // or it could be answered anew
        challenges.erase(challenge);
      user.open.erase(goes);
    }
    user.open.push_back(one);
  }

  void keep(User& user) const {
    Time last = now;
    for (const User::Open& open : user.open) last = std::max(last, open.until);
    for (const User::Used& used : user.used) last = std::max(last, used.until);
    user.purge_at = last + (user.generation == 0 ? day : 2 * day);
  }

  void keep_if_changed(const std::string& user_name, User user) {
    User& known = users[user_name];
    user.purge_at = known.purge_at;
    if (user == known) return;
    keep(user);
    known = user;
  }

  /// Those of a clock that was ahead are taken for now's.
  void forget_old(std::vector<Time>& times) const {
    for (Time& time : times) time = std::min(time, now);
    std::erase_if(times, [this](Time time) { return time + day <= now; });
  }

  /// Whether its codes reach the user by another channel.
  static bool is_sent(const Factor& factor) {
    return factor.view.type == FactorType::sms || factor.view.type == FactorType::email ||
           factor.view.type == FactorType::generic_otp;
  }

  [[nodiscard]] bool over(Time from, Time until) const { return until <= now || from - now > until - from; }
  [[nodiscard]] bool over(const Device& device) const {
    return over(device.remembered_at, device.expires_at);
  }
  [[nodiscard]] std::vector<Device> lasting(const Devices& of_user) const {
    std::vector<Device> left = of_user.all;
    std::erase_if(left, [this](const Device& device) { return over(device); });
    return left;
  }
  /// A list stays for a day after the last device.
  void keep(Devices& of_user, std::vector<Device> left) const {
    of_user.all = std::move(left);
    Time last = now;
    for (const Device& device : of_user.all) last = std::max(last, device.expires_at);
    of_user.purge_at = last + day;
  }

  static std::uint64_t step_at(Time time) {
    return static_cast<std::uint64_t>(time.time_since_epoch() / std::chrono::seconds(30));
  }

  Factor* find(int name, std::string_view user_id) {
    const auto factor = factors.find(name);
    if (factor == factors.end()) return nullptr;
    return user_id.empty() || factor->second.view.user_id == user_id ? &factor->second : nullptr;
  }

  [[nodiscard]] bool locked(const Factor& factor) const {
    return guessable(factor.view.type) && factor.view.failures >= options_.failures_before_lockout;
  }

  /// How long the factor looks at no code: never longer than the longest delay, though the clock went back.
  [[nodiscard]] Wait wait(const Factor& factor) const {
    if (!guessable(factor.view.type) || factor.view.failures < options_.failures_before_delay) return Wait(0);
    return std::clamp(std::chrono::ceil<Wait>(factor.latest_failure + delay(factor) - now), Wait(0),
                      options_.longest_delay);
  }

  [[nodiscard]] Wait delay(const Factor& factor) const {
    Wait delay = options_.first_delay;
    for (auto n = options_.failures_before_delay; n < factor.view.failures; ++n)
      delay = std::min(2 * delay, options_.longest_delay);
    return delay;
  }

  /// How long no message may go to this number, or user: until, at some end of a window, each limit leaves
  /// room.
  [[nodiscard]] Wait wait_to_send(std::vector<Time>& sent_before, const Limits& limits) const {
    if (std::ranges::any_of(sent_before, [this](Time sent) { return sent > now; })) // the clock went back
      forget_old(sent_before);
    const auto room = [&](Time at, std::ptrdiff_t limit, Wait window) {
      return std::ranges::count_if(sent_before, [&](Time sent) { return sent + window > at; }) < limit;
    };
    std::vector<Time> moments{now};
    for (const Time sent : sent_before)
      for (const Wait window : {limits.interval, Wait(hour), Wait(day)})
        if (sent + window > now) moments.push_back(sent + window);
    std::ranges::sort(moments);
    const auto first = std::ranges::find_if(moments, [&](Time at) {
      return room(at, 1, limits.interval) && room(at, limits.an_hour, hour) && room(at, limits.a_day, day);
    });
    return std::chrono::ceil<Wait>(*first - now);
  }

  /// Of the authenticator's clock, with a wrong code.
  struct Hint {
    bool wanted = false;
    std::optional<Wait> skew = {};
  };

  Status judge(int name, Challenge& challenge, Factor& factor, std::string_view typed, Assurance& assurance,
               Hint& hint) {
    if (challenge.view.state == ChallengeState::verified) return Status::already_verified;
    if (challenge.view.state == ChallengeState::expired) return Status::expired;
    if (challenge.view.state == ChallengeState::exhausted) return Status::too_many_attempts;
    const auto end = challenge.view.expires_at;
    if (end && over(challenge.view.created_at, *end)) {
      challenge.view.state = ChallengeState::expired;
      challenge.view.updated_at = now;
      return Status::expired;
    }
    if (is_sent(factor) && factor.latest_challenge != name) return Status::superseded;
    if (factor.view.type == FactorType::webauthn && challenge.registers == is_verified(factor))
      return Status::superseded;
    if (locked(factor)) return Status::locked_out;
    if (wait(factor) > Wait(0)) {
      factor.latest_failure = std::min(factor.latest_failure, now + options_.longest_delay - delay(factor));
      return Status::delayed;
    }

    const std::optional<std::string> code = read(factor, challenge, typed);
    if (!code) return Status::malformed_code;

    challenge.view.updated_at = factor.view.updated_at = now;
    const Status status = judge_code(challenge, factor, *code, assurance, hint);
    if (status == Status::valid) {
      challenge.view.state = ChallengeState::verified;
      factor.view.state = FactorState::verified;
      factor.view.last_used_at = now;
      factor.view.failures = 0;
      return status;
    }
    if (--challenge.view.attempts_left == 0) {
      challenge.view.state = ChallengeState::exhausted;
      if (!guessable(factor.view.type)) challenge.purge_at = std::min(challenge.purge_at, *end + day);
    }
    factor.latest_failure = now;
    ++factor.view.failures;
    return status;
  }

  /// What a click brings: 128 bits in base64url, in one writing.
  static bool is_token(std::string_view text) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return text.size() == 22 && text.find_first_not_of(alphabet) == std::string_view::npos &&
           std::string_view("AQgw").find(text.back()) != std::string_view::npos;
  }

  /// Without what people put between; nothing if it cannot be an answer to this challenge of this factor.
  [[nodiscard]] std::optional<std::string> read(const Factor& factor, const Challenge& challenge,
                                                std::string_view typed) const {
    if (factor.view.type == FactorType::webauthn)
      return PasskeyAnswer::read(typed) ? std::optional(std::string(typed)) : std::nullopt;
    if (factor.view.type == FactorType::email) {
      std::string_view click = typed.substr(std::min(typed.find_first_not_of(" \n"), typed.size()));
      click = click.substr(0, click.find_last_not_of(" \n") + 1);
      if (is_token(click)) return challenge.token.empty() ? std::nullopt : std::optional(std::string(click));
      if (challenge.code.empty()) return std::nullopt;
    }
    std::string code(typed.substr(0, 257));
    if (code.size() > 256) return std::nullopt;
    std::erase_if(code, [](char c) { return c == ' ' || c == '-'; });
    const auto made_of = [&](const char* characters) {
      return code.find_first_not_of(characters) == std::string::npos;
    };
    if (factor.foreign) {
      for (char& c : code) {
        if (c <= ' ' || c > '~') return std::nullopt;
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        c = c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
      }
      return code.empty() || code.size() > 64 ? std::nullopt : std::optional(code);
    }
    if (factor.view.type == FactorType::recovery_codes)
      return code.size() == 12 && made_of("0123456789ABCDEFGHJKMNPQRSTVWXYZ") ? std::optional(code)
                                                                              : std::nullopt;
    const std::size_t longest = is_sent(factor) ? 9 : 6;
    const bool takes_two = factor.view.type == FactorType::hotp ||
                           (factor.view.type == FactorType::totp && options_.totp_learned_drift_steps > 0);
    const bool two_codes = takes_two && code.size() == 12;
    return made_of("0123456789") && (two_codes || (code.size() >= 6 && code.size() <= longest))
               ? std::optional(code)
               : std::nullopt;
  }

  [[nodiscard]] Status judge_code(const Challenge& challenge, Factor& factor, const std::string& code,
                                  Assurance& assurance, Hint& hint) {
    switch (factor.view.type) {
    case FactorType::totp: return judge_totp(factor, code, hint);
    case FactorType::hotp: return judge_hotp(factor, code);
    case FactorType::recovery_codes: {
      const auto known = factor.codes.find(code);
      if (known == factor.codes.end()) return Status::wrong_code;
      if (std::exchange(known->second, true)) return Status::code_already_used;
      --factor.codes_left;
      return Status::valid;
    }
    case FactorType::webauthn: {
      const PasskeyAnswer answer = *PasskeyAnswer::read(code);
      return challenge.registers ? judge_registration(challenge, factor, answer)
                                 : judge_sign_in(challenge, factor, answer, assurance);
    }
    default:
      return code == challenge.code || (is_token(code) && code == challenge.token) ? Status::valid
                                                                                   : Status::wrong_code;
    }
  }

  [[nodiscard]] Status judge_registration(const Challenge& challenge, Factor& factor,
                                          const PasskeyAnswer& answer) {
    if (answer.challenge != challenge.code) return Status::wrong_challenge;
    if (answer.origin != PasskeyAnswer::our_origin) return Status::wrong_origin;
    if (!claims.emplace(answer.credential, challenge.factor).second) return Status::already_registered;
    factor.credential = answer.credential;
    factor.key = answer.signer;
    factor.signatures = answer.count;
    factor.shows_pin = answer.pin;
    return Status::valid;
  }

  [[nodiscard]] static Status judge_sign_in(const Challenge& challenge, Factor& factor,
                                            const PasskeyAnswer& answer, Assurance& assurance) {
    const bool of_another_user = !answer.handle.empty() && answer.handle != factor.handle;
    if (answer.credential != factor.credential || of_another_user) return Status::wrong_credential;
    if (answer.challenge != challenge.code) return Status::wrong_challenge;
    if (answer.origin != PasskeyAnswer::our_origin) return Status::wrong_origin;
    if (answer.signer != factor.key) return Status::wrong_signature;
    const bool counts = answer.count > 0 || factor.signatures > 0;
    if (counts && answer.count <= factor.signatures) return Status::cloned_authenticator;
    assurance = {.factors = answer.pin && factor.shows_pin ? 2U : 1U, .phishing_resistant = true};
    if (challenge.two_factors && assurance.factors < 2) return Status::insufficient_assurance;
    factor.signatures = answer.count;
    return Status::valid;
  }

  /// How many steps away a hint looks: an hour.
  static constexpr std::int64_t hint_reach = 120;

  /// Without those of which no code could be accepted any more.
  [[nodiscard]] std::vector<std::uint64_t> lasting_hints(const Factor& factor) const {
    const std::uint64_t longest = hint_reach + options_.totp_drift_steps + options_.totp_learned_drift_steps;
    std::vector<std::uint64_t> told = factor.told;
    std::erase_if(told, [&](std::uint64_t step) {
      return step < factor.first_unused_step || step + longest < step_at(now);
    });
    return told;
  }

  /// Tells how far off the authenticator's clock is that shows this code, of five steps at a time. None of
  /// them is ever accepted.
  void give_hint(Factor& factor, const std::string& code, Hint& hint) const {
    constexpr std::size_t most = 5;
    std::vector<std::uint64_t> told = lasting_hints(factor);
    if (!hint.wanted || told.size() >= most) return;
    std::vector<std::int64_t> nearest_first{0};
    for (std::int64_t away = 1; away <= hint_reach; ++away)
      nearest_first.insert(nearest_first.end(), {-away, away});
    for (const std::int64_t off : nearest_first) {
      const std::uint64_t step = step_at(now) + static_cast<std::uint64_t>(off);
      if (step < factor.first_unused_step || otp::hotp(factor.secret, step) != code) continue;
      hint.skew = off * Wait(30);
      if (std::ranges::find(told, step) == told.end()) told.push_back(step);
      factor.told = std::move(told);
      return;
    }
  }

  [[nodiscard]] Status judge_totp(Factor& factor, const std::string& code, Hint& hint) const {
    const auto now_step = static_cast<std::int64_t>(step_at(now));
    const std::int64_t furthest = options_.totp_learned_drift_steps;
    const auto shows = [&](std::int64_t step, const std::string& digits) {
      return otp::hotp(factor.secret, static_cast<std::uint64_t>(step)) == digits;
    };
    const auto accept = [&](std::int64_t step) {
      factor.first_unused_step = static_cast<std::uint64_t>(step) + 1;
      if (furthest > 0) factor.drift = std::clamp(step - now_step, -furthest, furthest);
      factor.told = lasting_hints(factor);
      return Status::valid;
    };
    const auto used = [&](std::int64_t step) {
      return static_cast<std::uint64_t>(step) < factor.first_unused_step;
    };
    const auto was_told = [&](std::int64_t step) {
      return std::ranges::find(factor.told, static_cast<std::uint64_t>(step)) != factor.told.end();
    };
    if (code.size() == 12) { // of the step before, and of this one
      for (auto s = now_step + furthest; s > now_step - furthest; --s)
        if (!used(s - 1) && shows(s - 1, code.substr(0, 6)) && shows(s, code.substr(6)))
          return was_told(s - 1) || was_told(s) ? Status::code_already_used : accept(s);
      return Status::wrong_code;
    }
    const std::int64_t centre = now_step + std::clamp(factor.drift, -furthest, furthest);
    const std::int64_t around = options_.totp_drift_steps;
    Status status = Status::wrong_code;
    for (auto s = centre + around; s >= centre - around; --s) {
      if (!shows(s, code)) continue;
      if (!used(s)) return was_told(s) ? Status::code_already_used : accept(s);
      status = Status::code_already_used;
    }
    if (status == Status::wrong_code) give_hint(factor, code, hint);
    return status;
  }

  [[nodiscard]] Status judge_hotp(Factor& factor, const std::string& code) const {
    const std::uint64_t next = factor.first_unused_step;
    const auto shows = [&](std::uint64_t counter, std::string_view digits) {
      return otp::hotp(factor.secret, counter) == digits;
    };
    const bool two = code.size() == 12;
    const unsigned furthest = two ? options_.hotp_resynchronization_window : options_.hotp_look_ahead;
    for (std::uint64_t counter = next + furthest + 1; counter-- > next;) {
      if (!shows(counter, std::string_view(code).substr(0, 6))) continue;
      if (two && !shows(counter + 1, std::string_view(code).substr(6))) continue;
      factor.first_unused_step = counter + (two ? 2 : 1);
      return Status::valid;
    }
    return !two && next > 0 && shows(next - 1, code) ? Status::code_already_used : Status::wrong_code;
  }

  /// Whether a factor of the user has this one's secret, but for those that were not confirmed in time.
  [[nodiscard]] bool has_secret(const std::string& user_id, const Factor& added,
                                std::optional<FactorType> type = {}) const {
    const auto user = users.find(user_id);
    return is_authenticator(added) && std::ranges::any_of(factors, [&](const auto& entry) {
             const auto& [name, factor] = entry;
             const bool ended = factor.view.state != FactorState::verified && user != users.end() &&
                                over_enrollment(user->second, name);
             return factor.view.user_id == user_id && factor.secret == added.secret && !ended &&
                    (!type || factor.view.type == *type);
           });
  }

  std::optional<Answer> guessed_too_often(const std::string& user_name, User& user) {
    forget_old(user.wrong_codes);
    if (user.wrong_codes.size() < options_.wrong_codes_a_user_a_day) return std::nullopt;
    keep_if_changed(user_name, user);
    const Time first = user.wrong_codes[user.wrong_codes.size() - options_.wrong_codes_a_user_a_day];
    return Answer{.error = errc::user_delayed, .retry_after = std::chrono::ceil<Wait>(first + day - now)};
  }

  /// One more code of this factor, or what refuses it.
  std::optional<Answer> count_send(int factor_name, const Factor& factor, const std::string& user_name,
                                   User& user, const ChallengeOptions& said) {
    const SendRules rules = send_rules(factor);
    const errc refused = rules.refused;
    forget_old(user.sends);
    const auto wait_for_user = wait_to_send(user.sends, user_limits());
    if (wait_for_user > Wait(0)) {
      keep_if_changed(user_name, user);
      return Answer{.error = refused, .retry_after = wait_for_user};
    }
    if (has_link(factor, said) && !said.binding && !said.link_works_in_any_browser)
      return Answer{.error = errc::invalid_argument};
    std::vector<Time>& sent_before = sends[sends_of(factor_name, factor)];
    const auto wait = wait_to_send(sent_before, left_to(factor, rules.limits));
    if (wait > Wait(0)) return Answer{.error = refused, .retry_after = wait};
    sent_before.push_back(now);
    forget_old(sent_before);
    user.sends.push_back(now);
    return std::nullopt;
  }

  /// What is kept of a factor that goes.
  void keep_used(User& user, const Factor& gone) const {
    const bool timed = gone.view.type == FactorType::totp;
    const bool used =
        timed ? gone.first_unused_step != 0 || !gone.told.empty() : gone.view.last_used_at.has_value();
    if (!is_authenticator(gone) || !used || gone.view.user_id.empty()) return;
    std::erase_if(user.used, [this](const User::Used& other) { return other.until <= now; });
    std::uint64_t last = gone.first_unused_step;
    for (const std::uint64_t step : gone.told) last = std::max(last, step);
    const auto over_at = last + options_.totp_drift_steps + options_.totp_learned_drift_steps +
                         1; // no clock takes its codes then
    const Time end(std::chrono::seconds(30 * over_at));
    User::Used kept{gone.view.type, gone.secret, gone.first_unused_step, gone.told,
                    timed ? std::max(now, end) + day : now + 366 * day};
    const auto same = [&](const User::Used& other) {
      return other.type == kept.type && other.secret == kept.secret;
    };
    for (const User::Used& other : user.used) {
      if (!same(other)) continue; // one before it, whose codes an unlocking may have let it take again
      kept.first_unused_step = std::max(kept.first_unused_step, other.first_unused_step);
      kept.until = std::max(kept.until, other.until);
    }
    std::erase_if(user.used, same);
    user.used.push_back(kept);
  }

  const Options& options_;
};

} // namespace mfa::test
