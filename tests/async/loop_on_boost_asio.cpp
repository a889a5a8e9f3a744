// Boost.Asio serves asynchronous storages as a host's loop.
#include <mfa/async/boost_asio.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>

namespace net = boost::asio;
using Loop = mfa::async::BoostAsioLoop;

#include "support/asio_loop_checks.hpp"

TEST_CASE("Boost's cancellations are known as such") {
  using Cancellation = mfa::async::Cancellation<mfa::async::BoostAsioTask<void>>;
  const auto says_so = [](const auto& error) { return Cancellation::is(std::make_exception_ptr(error)); };
  CHECK(says_so(boost::system::system_error(net::error::operation_aborted)));
  CHECK(says_so(std::system_error(std::make_error_code(std::errc::operation_canceled))));
  CHECK(!says_so(boost::system::system_error(net::error::connection_reset)));
  CHECK(!says_so(std::system_error(std::make_error_code(std::errc::io_error))));
}
