#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/relying_party.hpp>

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

  bool operator==(const FactorView&) const = default;
};

/// What can be seen of a challenge.
struct ChallengeView {
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

  bool operator==(const Answer&) const = default;
};

/// The rules of docs/security.md once more: plainly, for one caller, and without any of the library's
/// decisions. Factors and challenges go by numbers that the caller gives.
class PlainRules {
 public:
  struct Factor {
    FactorView view;
    std::vector<unsigned char> secret = {}; ///< TOTP
    std::string phone_number = {};          ///< SMS
    std::map<std::string, bool> codes = {}; ///< recovery codes without dashes: whether used
    std::string credential = {};            ///< WebAuthn
    std::uint64_t first_unused_step = 0;
    std::optional<int> latest_challenge = {};
    Time latest_failure = {};
    unsigned sets = 0; ///< of recovery codes that this one replaced

    bool operator==(const Factor&) const = default;
  };

  struct Challenge {
    ChallengeView view;
    int factor = 0;
    std::string binding = {};
    std::string code = {}; ///< what an SMS says
    Time purge_at = {};

    bool operator==(const Challenge&) const = default;
  };

  struct Device {
    int name = 0;
    Time remembered_at{};
    Time expires_at{};

    bool operator==(const Device&) const = default;
  };
  /// A user's.
  struct Devices {
    std::vector<Device> all = {};
    Time purge_at = {};

    bool operator==(const Devices&) const = default;
  };

  explicit PlainRules(const Options& options) : options_(options) {}

  Time now{};
  std::map<int, Factor> factors;
  std::map<int, Challenge> challenges;
  std::map<std::string, std::vector<Time>> sends; ///< by what `sends_of` says
  std::map<std::string, Devices> devices;         ///< by user
  std::map<std::string, int> claims;              ///< by credential: the verified factor that has it

  /// What is limited together: a phone number, or a factor whose codes the host delivers.
  [[nodiscard]] static std::string sends_of(int name, const Factor& factor) {
    return factor.view.type == FactorType::sms ? factor.phone_number : "factor " + std::to_string(name);
  }

  Answer enroll(int name, Factor factor) {
    factor.view.created_at = factor.view.updated_at = now;
    factors[name] = factor;
    return get_factor(name);
  }

  Answer challenge(int name, int factor_name, const ChallengeOptions& said, bool delivered,
                   const std::string& code) {
    Factor* const factor = find(factor_name, said.user_id);
    if (factor == nullptr) return {.error = errc::entity_not_found};
    if (said.verified_only && factor->view.state != FactorState::verified)
      return {.error = errc::factor_not_verified};
    if (locked(*factor)) return {.error = errc::factor_locked_out};
    Challenge challenge{.view = {.created_at = now, .updated_at = now}, .factor = factor_name};
    challenge.view.attempts_left = options_.attempts_a_challenge;
    challenge.purge_at = now + options_.challenge_retention;
    challenge.binding = said.binding;
    if (is_sent(*factor)) {
      const bool sms = factor->view.type == FactorType::sms;
      const std::string sent_to = sends_of(factor_name, *factor);
      const auto wait = wait_to_send(sent_to, sms ? sms_limits() : generic_otp_limits());
      if (wait > Wait(0))
        return {.error = sms ? errc::sms_rate_limited : errc::code_rate_limited, .retry_after = wait};
      sends[sent_to].push_back(now);
      forget_old_sends(sends[sent_to]);
      challenge.view.expires_at = now + (sms ? options_.sms_code_lifetime : options_.generic_otp_lifetime);
      challenge.code = code;
      factor->latest_challenge = name; // the codes before are dead, even if this one never arrives
      factor->view.updated_at = now;
      if (!delivered) return {.error = errc::sms_not_sent};
    }
    if (factor->view.type == FactorType::webauthn)
      challenge.view.expires_at = now + options_.webauthn->timeout();
    challenges[name] = challenge;
    return get_challenge(name);
  }

  Answer verify(int name, std::string_view typed, const VerifyOptions& said) {
    const auto found = challenges.find(name);
    if (found == challenges.end()) return {.error = errc::entity_not_found};
    Challenge& challenge = found->second;
    Factor* const factor = find(challenge.factor, said.user_id);
    if (factor == nullptr || challenge.binding != said.binding) return {.error = errc::entity_not_found};
    const Status status = judge(name, challenge, *factor, typed);
    Answer answer{.status = status, .challenge = challenge.view};
    if (status == Status::valid) {
      answer.user_id = factor->view.user_id;
      answer.verified_at = now;
    }
    const bool tells_wait =
        status == Status::delayed || status == Status::wrong_code || status == Status::code_already_used;
    if (tells_wait && !locked(*factor) && wait(*factor) > Wait(0)) answer.retry_after = wait(*factor);
    return answer;
  }

  Answer get_factor(int name, std::string_view user_id = {}) {
    const Factor* const factor = find(name, user_id);
    if (factor == nullptr) return {.error = errc::entity_not_found};
    return {.factors = {factor->view}};
  }

  Answer get_challenge(int name) {
    const auto challenge = challenges.find(name);
    if (challenge == challenges.end() || !factors.contains(challenge->second.factor))
      return {.error = errc::entity_not_found};
    return {.challenge = challenge->second.view};
  }

  Answer remove(int name, std::string_view user_id) {
    if (find(name, user_id) == nullptr) return {.error = errc::entity_not_found};
    factors.erase(name);
    std::erase_if(claims, [name](const auto& claim) { return claim.second == name; });
    return {};
  }

  /// The new codes are told later, if they are told at all.
  Answer regenerate(int name) {
    Factor* const factor = find(name, {});
    if (factor == nullptr) return {.error = errc::entity_not_found};
    factor->codes.clear();
    ++factor->sets;
    factor->view.updated_at = now;
    return {};
  }

  Answer remember(int name, const std::string& user_id, std::chrono::seconds lifetime) {
    std::vector<Device> left = lasting(devices[user_id]);
    if (left.size() >= most_trusted_devices) left.erase(left.begin());
    left.push_back({name, now, now + lifetime});
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

  /// One device, or all if no name is given.
  Answer revoke(std::optional<int> name, const std::string& user_id) {
    const auto of_user = devices.find(user_id);
    if (of_user == devices.end() || of_user->second.all.empty()) return {};
    std::vector<Device> left = lasting(of_user->second);
    const std::size_t revoked =
        std::erase_if(left, [name](const Device& device) { return !name || device.name == *name; });
    if (revoked != 0 || left.empty()) keep(of_user->second, std::move(left));
    return {.devices = revoked};
  }

  Answer unlock(int name) {
    Factor* const factor = find(name, {});
    if (factor == nullptr) return {.error = errc::entity_not_found};
    factor->view.failures = 0;
    factor->view.updated_at = now;
    if (factor->first_unused_step > step_at(now + day)) // a clock that was ahead accepted it
      factor->first_unused_step = step_at(now) + options_.totp_drift_steps + 1;
    return {};
  }

  Answer purge() {
    const auto over = [this](const auto& entry) { return entry.second.purge_at <= now; };
    const auto all_over = [this](const auto& entry) {
      return std::ranges::all_of(entry.second, [this](Time sent) { return sent + day <= now; });
    };
    return {.purged = std::erase_if(challenges, over) + std::erase_if(sends, all_over) +
                      std::erase_if(devices, over)};
  }

 private:
  using Wait = std::chrono::seconds;
  static constexpr std::chrono::hours hour{1};
  static constexpr std::chrono::hours day{24};

  struct Limits {
    Wait interval;
    unsigned an_hour;
    unsigned a_day;
  };

  [[nodiscard]] Limits sms_limits() const {
    return {options_.sms_send_interval, options_.sms_sends_an_hour, options_.sms_sends_a_day};
  }
  [[nodiscard]] Limits generic_otp_limits() const {
    return {options_.generic_otp_interval, options_.generic_otps_an_hour, options_.generic_otps_a_day};
  }

  /// Whether its codes reach the user by another channel.
  static bool is_sent(const Factor& factor) {
    return factor.view.type == FactorType::sms || factor.view.type == FactorType::generic_otp;
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
    return factor.view.failures >= options_.failures_before_lockout;
  }

  /// How long the factor looks at no code: never longer than the longest delay, though the clock went back.
  [[nodiscard]] Wait wait(const Factor& factor) const {
    if (factor.view.failures < options_.failures_before_delay) return Wait(0);
    return std::clamp(std::chrono::ceil<Wait>(factor.latest_failure + delay(factor) - now), Wait(0),
                      options_.longest_delay);
  }

  [[nodiscard]] Wait delay(const Factor& factor) const {
    Wait delay = options_.first_delay;
    for (auto n = options_.failures_before_delay; n < factor.view.failures; ++n)
      delay = std::min(2 * delay, options_.longest_delay);
    return delay;
  }

  /// How long no message may go to this number: until, at some end of a window, each limit leaves room.
  [[nodiscard]] Wait wait_to_send(const std::string& sent_to, const Limits& limits) {
    std::vector<Time>& sent_before = sends[sent_to];
    if (std::ranges::any_of(sent_before, [this](Time sent) { return sent > now; })) { // the clock went back
      for (Time& sent : sent_before) sent = std::min(sent, now);
      forget_old_sends(sent_before);
    }
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

  void forget_old_sends(std::vector<Time>& sent_before) const {
    std::erase_if(sent_before, [this](Time sent) { return sent + day <= now; });
  }

  Status judge(int name, Challenge& challenge, Factor& factor, std::string_view typed) {
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
    if (factor.view.type == FactorType::webauthn && factor.view.state == FactorState::verified)
      return Status::superseded; // its challenges here are all to register
    if (locked(factor)) return Status::locked_out;
    if (wait(factor) > Wait(0)) {
      factor.latest_failure = std::min(factor.latest_failure, now + options_.longest_delay - delay(factor));
      return Status::delayed;
    }

    const std::optional<std::string> code = read(factor, typed);
    if (!code) return Status::malformed_code;

    challenge.view.updated_at = factor.view.updated_at = now;
    const Status status = judge_code(challenge, factor, *code);
    if (status == Status::valid) {
      challenge.view.state = ChallengeState::verified;
      factor.view.state = FactorState::verified;
      factor.view.last_used_at = now;
      factor.view.failures = 0;
      return status;
    }
    if (--challenge.view.attempts_left == 0) challenge.view.state = ChallengeState::exhausted;
    factor.latest_failure = now;
    ++factor.view.failures;
    return status;
  }

  /// Without what people put between; nothing if it cannot be a code of this factor.
  static std::optional<std::string> read(const Factor& factor, std::string_view typed) {
    if (factor.view.type == FactorType::webauthn) return std::string(typed);
    std::string code(typed.substr(0, 257));
    if (code.size() > 256) return std::nullopt;
    std::erase_if(code, [](char c) { return c == ' ' || c == '-'; });
    const auto made_of = [&](const char* characters) {
      return code.find_first_not_of(characters) == std::string::npos;
    };
    if (factor.view.type == FactorType::recovery_codes)
      return code.size() == 12 && made_of("0123456789ABCDEFGHJKMNPQRSTVWXYZ") ? std::optional(code)
                                                                              : std::nullopt;
    const std::size_t longest = is_sent(factor) ? 9 : 6;
    return made_of("0123456789") && code.size() >= 6 && code.size() <= longest ? std::optional(code)
                                                                               : std::nullopt;
  }

  [[nodiscard]] Status judge_code(const Challenge& challenge, Factor& factor, const std::string& code) {
    switch (factor.view.type) {
    case FactorType::totp: return judge_totp(factor, code);
    case FactorType::recovery_codes: {
      const auto known = factor.codes.find(code);
      if (known == factor.codes.end()) return Status::wrong_code;
      return std::exchange(known->second, true) ? Status::code_already_used : Status::valid;
    }
    case FactorType::webauthn: {
      if (code != "valid") return Status::wrong_code;
      return claims.emplace(factor.credential, challenge.factor).second ? Status::valid
                                                                        : Status::already_registered;
    }
    default: return code == challenge.code ? Status::valid : Status::wrong_code;
    }
  }

  [[nodiscard]] Status judge_totp(Factor& factor, const std::string& code) const {
    const auto step = step_at(now);
    Status status = Status::wrong_code;
    for (auto s = step + options_.totp_drift_steps; s + options_.totp_drift_steps >= step; --s) {
      if (otp::hotp(factor.secret, s) != code) continue;
      if (s < factor.first_unused_step) {
        status = Status::code_already_used;
        continue;
      }
      factor.first_unused_step = s + 1;
      return Status::valid;
    }
    return status;
  }

  const Options& options_;
};

} // namespace mfa::test
