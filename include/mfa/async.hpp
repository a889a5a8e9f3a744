#pragma once

/// The verbs for hosts with an event loop, beside <mfa/mfa.hpp>. What needs more than that is included by its
/// own name (<mfa/async/postgres.hpp>, <mfa/async/asio.hpp>).

#include <mfa/async/loop.hpp>
#include <mfa/async/storage.hpp>
#include <mfa/async/verifier.hpp>
#include <mfa/mfa.hpp>
