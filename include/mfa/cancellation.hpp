#pragma once

#include <exception>
#include <system_error>

#include <mfa/compiler.hpp>

namespace mfa::async {

/// By which exception an await ends in a coroutine of the type `Task` that its host has cancelled: a
/// `std::system_error` that equals `std::errc::operation_canceled`. It says nothing of who was awaited: not
/// that a storage failed, nor that a provider refused a message, which may have been sent. Verbs and
/// decorators end by it at once. Specialise this for a task type of which another exception says so, in every
/// source alike; <mfa/async/asio.hpp> and <mfa/async/boost_asio.hpp> do, for `operation_aborted`.
template <class Task> struct Cancellation {
  /// `thrown` must not be null.
  [[nodiscard]] static bool is(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::system_error& error) {
      return error.code() == std::errc::operation_canceled;
    } catch (...) { // an answer
    }
    return false;
  }
};

/// Throws it if it is a cancellation. Null is none.
template <class Task> void rethrow_cancellation(const std::exception_ptr& thrown) {
  if (thrown && Cancellation<Task>::is(thrown)) std::rethrow_exception(thrown);
}

} // namespace mfa::async
