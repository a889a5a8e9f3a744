#pragma once

#include <concepts>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include <mfa/assurance.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/email.hpp>
#include <mfa/factor/generic_otp.hpp>
#include <mfa/factor/hotp.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/recovery_codes.hpp>
#include <mfa/factor/sms.hpp>
#include <mfa/factor/totp.hpp>
#include <mfa/factor/webauthn.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>

namespace mfa::factor {

namespace detail {

template <class Kind> constexpr bool check_kind() {
  static_assert(FactorKind<Kind>,
                "mfa: this is no factor::FactorKind, for the reason that the compiler names; "
                "what a kind has no use for, it derives from ClaimsNothing or the like");
  return true;
}

} // namespace detail

template <class... Kinds> struct KindList { static_assert((detail::check_kind<Kinds>() && ...)); };

/// Every kind of factor: a new one is a header and a line here.
using AllKinds = KindList<TotpKind, SmsKind, GenericOtpKind, HotpKind, //
                          RecoveryCodesKind, WebAuthnKind, EmailKind>;

namespace detail {

template <class... Kinds> constexpr bool are_named(KindList<Kinds...>) {
  return sizeof...(Kinds) == factor_type_names.size() && ((Kinds::type <= last_factor_type) && ...);
}

static_assert(are_named(AllKinds{}),
              "mfa: <mfa/types.hpp> has a number and a name for each kind of the list, and no others");

template <class... Kinds> std::variant<typename Kinds::Details...> details_of(KindList<Kinds...>);

template <class Request, class First, class... Rest> auto kind_for(KindList<First, Rest...>) {
  if constexpr (std::same_as<Request, typename First::Request>)
    return std::type_identity<First>{};
  else if constexpr (sizeof...(Rest) > 0)
    return kind_for<Request>(KindList<Rest...>{});
  else
    return std::type_identity<void>{};
}

[[noreturn]] inline void throw_unknown_kind(FactorType type) {
  throw Error(errc::corrupt_record, "a factor is of kind number " +
                                        std::to_string(static_cast<unsigned>(type)) +
                                        ", which this release of the library does not know; update it");
}

template <class Visit, class Last> decltype(auto) visit_kind(FactorType type, Visit& visit, KindList<Last>) {
  if (type == Last::type) return visit(Last{});
  throw_unknown_kind(type);
}

// Two at a time, so that there is half as much to compile for each visit.
template <class Visit, class First, class Second, class... Rest>
decltype(auto) visit_kind(FactorType type, Visit& visit, KindList<First, Second, Rest...>) {
  if (type == First::type) return visit(First{});
  if (type == Second::type) return visit(Second{});
  if constexpr (sizeof...(Rest) == 0)
    throw_unknown_kind(type);
  else
    return visit_kind(type, visit, KindList<Rest...>{});
}

} // namespace detail

/// What may be shown of a factor, by kind.
using Details = decltype(detail::details_of(AllKinds{}));

/// The kind that enrols this request; void if there is none.
template <class Request> using KindFor = typename decltype(detail::kind_for<Request>(AllKinds{}))::type;

/// Has the members of every request, so that braces without a request's name reach `enroll_factor`, which
/// says what to write.
struct UnnamedRequest {
  struct Member {
    Member() = default;
    template <class Value> Member(const Value&) noexcept {}
  };
  Member destination, phone_number, address, issuer, user, display_name, user_id, friendly_name, secret,
      accept_short_secret, hash, digits, period, counter, count, qr_code, user_verification, attachment,
      resident_key, conditional_create, device_bound, hints, extensions;
};

/// Calls `visit` with the kind of this type; its result must not depend on the kind. Throws
/// `errc::corrupt_record` for a type that this release does not know.
template <class Visit> decltype(auto) with_kind(FactorType type, Visit&& visit) {
  return detail::visit_kind(type, visit, AllKinds{});
}

/// What is true of every factor of a kind.
struct KindFacts {
  FactorType type;
  Assurance best_assurance; ///< the most that one can show
  bool guessable;           ///< whether wrong answers delay and lock: see `Guessable`
  bool sends_codes;         ///< see `SendsCodes`
  bool made_by_client;      ///< see `MadeByClient`
  bool comes_unasked;       ///< whether the user has an answer without being asked for one
};

namespace detail {

template <class Kinds> inline constexpr int facts = 0;
template <class... Kinds>
inline constexpr KindFacts facts<KindList<Kinds...>>[] = {
    {Kinds::type, Kinds::best_assurance, Kinds::guessable, std::derived_from<Kinds, SendsCodes>,
     std::derived_from<Kinds, MadeByClient>, std::derived_from<Kinds, PreparesNothing>}...};

} // namespace detail

/// Throws `errc::corrupt_record` for a type that this release does not know.
[[nodiscard]] inline const KindFacts& facts_of(FactorType type) {
  for (const KindFacts& facts : detail::facts<AllKinds>)
    if (facts.type == type) return facts;
  detail::throw_unknown_kind(type);
}

/// What no two verified factors have in common: see docs/design.md.
[[nodiscard]] inline std::vector<std::string> claims_of(const storage::FactorRecord& record) {
  return with_kind(record.type, [&](auto kind) { return kind.claims(record); });
}

[[nodiscard]] inline std::vector<CounterIds> counter_ids_of(const storage::FactorRecord& record,
                                                            const Context& context) {
  return with_kind(record.type, [&](auto kind) { return kind.counter_ids(record, context); });
}

} // namespace mfa::factor
