#pragma once

#include <chrono>
#include <concepts>

#include <mfa/compiler.hpp>

namespace mfa::async {

/// One of a host's sockets under its event loop's watch. Each function returns what a coroutine of the host's
/// task type can await: `true` once the socket is ready (that its peer has gone counts), `false` if it was
/// not within the time. At most one coroutine waits for each of the two. Nobody waits when it is moved or
/// ends; its end stops the watch and closes nothing, so it ends before its descriptor is closed.
template <class S>
concept Socket = std::movable<S> && requires(S& socket, std::chrono::milliseconds at_most) {
  socket.readable(at_most);
  socket.writable(at_most);
};

/// A host's event loop, as asynchronous storages use it: a handle that is cheap to copy, and usable from
/// every thread that runs the host's coroutines.
///
/// `suspend(start)` returns what a coroutine of the host's task type can await: it suspends the coroutine and
/// then calls `start(resume)`. The coroutine goes on, on the loop, after somebody has called `resume`: once,
/// from any thread, during `start` or later; `resume` may be copied, does not throw, and further calls do
/// nothing, as does one after the coroutine or the loop was destroyed. What `start` throws, the await throws.
///
/// `socket(descriptor)` watches a socket that somebody else owns.
template <class L>
concept Loop = std::copy_constructible<L> && requires(const L& loop, int descriptor) {
  { loop.socket(descriptor) } -> Socket;
};

} // namespace mfa::async
