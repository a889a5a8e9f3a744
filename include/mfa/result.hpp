#pragma once

#include <exception>
#include <new>
#include <type_traits>
#include <utility>
#include <variant>
#include <version>
#if defined(__cpp_lib_expected) && __cpp_lib_expected >= 202202L
#include <expected>
#endif

#include <mfa/error.hpp>

namespace mfa {

#if defined(__cpp_lib_expected) && __cpp_lib_expected >= 202202L

/// What a verb returned, or its error.
template <class T> using Result = std::expected<T, Error>;

#else

/// What a verb returned, or its error: `std::expected<T, Error>` where there is one (C++23), of which this
/// has the members that hosts need most. As there, it is for the caller to ask `has_value()` first.
template <class T> class [[nodiscard]] Result {
  using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

 public:
  using value_type = T;
  using error_type = Error;

  Result() requires std::is_void_v<T>
  = default;
  Result(Value value) requires(!std::is_void_v<T>) : held_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return held_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  [[nodiscard]] Value& operator*() & noexcept { return *std::get_if<0>(&held_); }
  [[nodiscard]] const Value& operator*() const& noexcept { return *std::get_if<0>(&held_); }
  [[nodiscard]] Value&& operator*() && noexcept { return std::move(*std::get_if<0>(&held_)); }
  [[nodiscard]] Value* operator->() noexcept { return std::get_if<0>(&held_); }
  [[nodiscard]] const Value* operator->() const noexcept { return std::get_if<0>(&held_); }

  [[nodiscard]] const Error& error() const& noexcept { return *std::get_if<1>(&held_); }
  [[nodiscard]] Error error() && noexcept { return std::move(*std::get_if<1>(&held_)); }

 private:
  std::variant<Value, Error> held_;
};

#endif

/// How a verifier tells of errors: it throws them.
struct ThrowErrors {
  template <class T> using Answer = T;

  template <class T, class Make> static T answer(Make make) { return make(); }
};

/// How a verifier tells of errors: each verb returns a `Result`. What a host's own policy threw that is no
/// `Error` becomes `errc::policy_failure` with that as its `cause()`. Only want of memory is still
/// thrown, and of an `async::Verifier` a cancellation (`async::Cancellation`).
struct ReturnErrors {
  template <class T> using Answer = Result<T>;

  template <class T, class Make> static Result<T> answer(Make make) {
    try {
      if constexpr (std::is_void_v<T>) {
        make();
        return {};
      } else {
        return make();
      }
    } catch (const Error& error) {
      return Result<T>(failed(error));
    } catch (const std::bad_alloc&) {
      throw;
    } catch (...) {
      return Result<T>(
          failed(Error(errc::policy_failure,
                       "the storage, the clock or another class of the host's threw an exception "
                       "that is no mfa::Error; Error::cause() has it",
                       std::current_exception())));
    }
  }

 private:
#if defined(__cpp_lib_expected) && __cpp_lib_expected >= 202202L
  static std::unexpected<Error> failed(Error error) { return std::unexpected<Error>(std::move(error)); }
#else
  static Error failed(Error error) { return error; }
#endif
};

/// Given as the last argument to a `Verifier`, after the options: its verbs return `Result`s.
inline constexpr ReturnErrors return_errors{};

namespace detail {

/// What a verb's answer holds.
template <class Answer> struct Answered { using type = Answer; };
template <class T> struct Answered<Result<T>> { using type = T; };

} // namespace detail
} // namespace mfa
