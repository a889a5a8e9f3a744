#pragma once

#include <utility> // which some of Boost's headers leave to others

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <mfa/async/asio_loop.hpp>
#include <mfa/cancellation.hpp>

#if !defined(BOOST_ASIO_HAS_CO_AWAIT)
#error                                                                                                       \
    "mfa: this Asio offers no coroutines with this compiler; for clang with libstdc++, define BOOST_ASIO_HAS_CO_AWAIT"
#include <mfa/read_the_error_above>
#endif

namespace mfa::async::detail {

struct BoostAsio {
  template <class Result> using Awaitable = ::boost::asio::awaitable<Result>;
  using UseAwaitable = ::boost::asio::use_awaitable_t<>;
  using Executor = ::boost::asio::any_io_executor;
  using Context = ::boost::asio::execution_context;
  using Timer = ::boost::asio::steady_timer;
  using Descriptor = ::boost::asio::posix::stream_descriptor;
  using ErrorCode = ::boost::system::error_code;
  using SystemError = ::boost::system::system_error;
  static constexpr auto aborted = ::boost::asio::error::operation_aborted;

  static Context& context_of(const Executor& executor) {
    return ::boost::asio::query(executor, ::boost::asio::execution::context);
  }
};

} // namespace mfa::async::detail

namespace mfa::async {

/// Boost.Asio (1.74 or later) as a host's event loop.
using BoostAsioLoop = BasicAsioLoop<detail::BoostAsio>;

/// boost::asio::awaitable as a host's task type.
template <class Result> using BoostAsioTask = BoostAsioLoop::Task<Result>;

template <class Result, class Executor>
struct Cancellation<::boost::asio::awaitable<Result, Executor>>
    : detail::AsioCancellation<detail::BoostAsio> {};

} // namespace mfa::async
