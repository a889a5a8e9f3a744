#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/error.hpp>
#include <asio/error_code.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/query.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/system_error.hpp>
#include <asio/use_awaitable.hpp>

#include <mfa/async/asio_loop.hpp>
#include <mfa/cancellation.hpp>

#if !defined(ASIO_HAS_CO_AWAIT)
#error                                                                                                       \
    "mfa: this Asio offers no coroutines with this compiler; for clang with libstdc++, define ASIO_HAS_CO_AWAIT"
#include <mfa/read_the_error_above>
#endif

namespace mfa::async::detail {

struct StandaloneAsio {
  template <class Result> using Awaitable = ::asio::awaitable<Result>;
  using UseAwaitable = ::asio::use_awaitable_t<>;
  using Executor = ::asio::any_io_executor;
  using Context = ::asio::execution_context;
  using Timer = ::asio::steady_timer;
  using Descriptor = ::asio::posix::stream_descriptor;
  using ErrorCode = ::asio::error_code;
  using SystemError = ::asio::system_error;
  static constexpr auto aborted = ::asio::error::operation_aborted;

  static Context& context_of(const Executor& executor) {
    return ::asio::query(executor, ::asio::execution::context);
  }
};

} // namespace mfa::async::detail

namespace mfa::async {

/// Standalone Asio (1.22 or later) as a host's event loop.
using AsioLoop = BasicAsioLoop<detail::StandaloneAsio>;

/// asio::awaitable as a host's task type.
template <class Result> using AsioTask = AsioLoop::Task<Result>;

template <class Result, class Executor>
struct Cancellation<::asio::awaitable<Result, Executor>> : detail::AsioCancellation<detail::StandaloneAsio> {
};

} // namespace mfa::async
