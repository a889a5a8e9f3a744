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
