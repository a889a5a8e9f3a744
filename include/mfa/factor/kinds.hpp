#pragma once

#include <concepts>
#include <string>
#include <type_traits>
#include <variant>

#include <mfa/assurance.hpp>
#include <mfa/error.hpp>
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
                          RecoveryCodesKind, WebAuthnKind>;

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

template <class Visit, class First, class... Rest>
decltype(auto) visit_kind(FactorType type, Visit& visit, KindList<First, Rest...>) {
  if constexpr (sizeof...(Rest) == 0) {
    if (type == First::type) return visit(First{});
    throw Error(errc::corrupt_record, "a factor is of kind number " +
                                          std::to_string(static_cast<unsigned>(type)) +
                                          ", which this release of the library does not know; update it");
  } else {
    if (type == First::type) return visit(First{});
    return visit_kind(type, visit, KindList<Rest...>{});
  }
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
  Member destination, phone_number, issuer, user, display_name, user_id, friendly_name, secret,
      accept_short_secret, hash, digits, period, counter, count, qr_code, user_verification, attachment,
      resident_key, conditional_create, device_bound, hints, extensions;
};

/// Calls `visit` with the kind of this type; its result must not depend on the kind. Throws
/// `errc::corrupt_record` for a type that this release does not know.
template <class Visit> decltype(auto) with_kind(FactorType type, Visit&& visit) {
  return detail::visit_kind(type, visit, AllKinds{});
}

/// The most that one of this kind can show.
[[nodiscard]] inline Assurance best_assurance(FactorType type) {
  return with_kind(type, [](auto kind) -> Assurance { return kind.best_assurance; });
}

/// Whether wrong answers of this kind delay and lock: see `Guessable`.
[[nodiscard]] inline bool is_guessable(FactorType type) {
  return with_kind(type, [](auto kind) { return kind.guessable; });
}

} // namespace mfa::factor
