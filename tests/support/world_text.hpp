#pragma once

#include <exception>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <mfa/storage/record.hpp>

#include "ledger.hpp"
#include "plain_rules.hpp"
#include "plain_world.hpp"

// What tells two worlds, ledgers or replies apart, as text to look them up by.
namespace mfa::test {

class Writer {
 public:
  template <class... Values> Writer& operator()(const Values&... values) {
    (write(values), ...);
    return *this;
  }
  std::string take() { return std::move(text_); }

 private:
  template <class T> void write(const T& value) {
    if constexpr (requires { value.time_since_epoch(); })
      write(value.time_since_epoch().count());
    else if constexpr (requires { value.count(); })
      write(value.count());
    else if constexpr (std::is_enum_v<T>)
      write(static_cast<long long>(value));
    else
      text_.append(std::to_string(value)).push_back(',');
  }
  void write(const std::string& value) {
    write(value.size());
    text_ += value;
  }
  template <class T> void write(const std::optional<T>& value) {
    write(value.has_value());
    if (value) write(*value);
  }
  template <class T> void write(const std::vector<T>& values) {
    write(values.size());
    for (const T& value : values) write(value);
  }
  template <class... T> void write(const std::map<T...>& values) {
    write(values.size());
    for (const auto& [key, value] : values) (*this)(key, value);
  }
  void write(const storage::FactorRecord& r) {
    (*this)(r.id, r.version, r.type, r.state, r.user_id, r.created_at, r.updated_at, r.last_used_at,
            r.failures, r.last_failure_at, r.parameters, r.sealed, r.friendly_name);
  }
  void write(const storage::ChallengeRecord& r) {
    (*this)(r.id, r.version, r.factor_id, r.state, r.created_at, r.updated_at, r.expires_at, r.purge_at,
            r.attempts_left, r.answer, r.binding);
  }
  void write(const storage::CounterRecord& r) { (*this)(r.id, r.version, r.data, r.purge_at); }
  void write(const storage::ChallengeWithFactor& both) { (*this)(both.challenge, both.factor); }
  void write(const FactorView& v) {
    (*this)(v.type, v.state, v.user_id, v.created_at, v.updated_at, v.last_used_at, v.failures,
            v.friendly_name);
  }
  void write(const ChallengeView& v) {
    (*this)(v.purpose, v.state, v.created_at, v.updated_at, v.expires_at, v.attempts_left);
  }
  void write(const Answer& a) {
    (*this)(a.error, a.status, a.retry_after, a.user_id, a.verified_at, a.factors, a.challenge, a.purged,
            a.devices, a.remaining, a.reset, a.assurance);
  }
  void write(const Assurance& a) { (*this)(a.factors, a.phishing_resistant); }
  void write(const Remaining& r) { (*this)(r.factors, r.unverified, r.recovery_codes, r.best); }
  void write(const UserReset& r) { (*this)(r.factors, r.devices); }
  void write(const PlainRules::Factor& f) {
    (*this)(f.view, f.first_unused_step, f.drift, f.latest_challenge, f.latest_failure, f.codes, f.foreign,
            f.credential, f.key, f.handle, f.register_until, f.signatures, f.shows_pin, f.sets,
            f.codes_in_set, f.codes_left);
  }
  void write(const PlainRules::Challenge& c) {
    (*this)(c.view, c.factor, c.binding, c.action, c.code, c.sends, c.counts, c.codes, c.tokens, c.purge_at,
            c.registers, c.two_factors, c.generation);
  }
  void write(const PlainRules::Device& d) { (*this)(d.name, d.remembered_at, d.expires_at, d.factor); }
  void write(const PlainRules::User::Open& o) {
    (*this)(o.challenge, o.session, o.from, o.until, o.put_to_no_factor);
  }
  void write(const PlainRules::User::Enrollment& e) { (*this)(e.factor, e.from, e.until, e.authorized); }
  void write(const PlainRules::User::Used& u) { (*this)(u.type, u.secret, u.first_unused_step, u.until); }
  void write(const PlainRules::User& u) {
    (*this)(u.open, u.enrollments, u.used, u.sends, u.wrong_codes, u.purge_at, u.has_handle, u.generation);
  }
  void write(const PlainRules::Shown& s) { (*this)(s.given, s.good, s.factor); }
  void write(const PlainRules::Devices& d) { (*this)(d.all, d.purge_at); }
  void write(const std::exception_ptr&) { text_ += "thrown"; }

  std::string text_;
};

inline std::string text_of(const PlainWorld& world) {
  return Writer()(world.factors, world.challenges, world.counters).take();
}

inline std::string text_of(const Ledger& ledger) {
  const PlainRules& rules = ledger.rules;
  return Writer()(rules.factors, rules.challenges, rules.sends, rules.devices, rules.users, rules.claims,
                  ledger.trust_ended, ledger.factor_names, ledger.challenge_names)
      .take();
}

inline std::string text_of(const Witness& w) {
  return Writer()(w.factor, w.challenge, w.sends, w.devices, w.user_read, w.user, w.listed, w.of_user,
                  w.shown_by, w.shown_half, w.shown, w.claim_seen, w.named, w.by_commit, w.sets, w.send,
                  w.send_before, w.send_failed, w.lost, w.ended)
      .take();
}

inline std::string text_of(const Reply& reply) {
  return std::visit([&](const auto& value) { return Writer()(reply.index(), value).take(); }, reply);
}

} // namespace mfa::test
