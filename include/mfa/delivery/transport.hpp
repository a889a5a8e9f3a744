#pragma once

#include <coroutine>
#include <utility>

#include <mfa/compiler.hpp>

namespace mfa {

/// Whether this policy can send such a message, by a function that blocks or is awaited.
template <class Transport, class Message>
concept Sends = requires(Transport& transport, const Message& message) {
  transport.send(message);
};

namespace delivery::detail {

/// What a function of the host's may return that is a coroutine.
template <class R>
concept Task = requires {
  typename std::coroutine_traits<R>::promise_type;
};

template <class R>
concept Awaited = Task<R> || requires(R& result) {
  result.await_ready();
} || requires(R&& result) {
  static_cast<R&&>(result).operator co_await();
} || requires(R&& result) {
  operator co_await(static_cast<R&&>(result));
};

/// What `send` returns; nothing if the transport cannot send such a message.
template <class Transport, class Message> struct Sent { using Type = void; };
template <class Transport, class Message>
  requires Sends<Transport, Message>
struct Sent<Transport, Message> {
  using Type = decltype(std::declval<Transport&>().send(std::declval<const Message&>()));
};

/// What the first of the transports returns that is awaited; nothing if all of them block.
template <class Message, class... Transports> struct Returned { using Type = void; };
template <class Message, class First, class... Further>
struct Returned<Message, First, Further...> : Returned<Message, Further...> {};
template <class Message, class First, class... Further>
  requires Awaited<typename Sent<First, Message>::Type>
struct Returned<Message, First, Further...> {
  using Type = typename Sent<First, Message>::Type;
  static_assert(Task<Type>, "mfa: a transport of a decorator must return a coroutine type, such as the task "
                            "type of the host: let its send() be a coroutine");
};
template <class Message, class... Transports>
using ReturnedBy = typename Returned<Message, Transports...>::Type;

/// What the first of the transports returns that can send it.
template <class Message, class... Transports> struct FirstSent { using Type = void; };
template <class Message, class First, class... Further>
struct FirstSent<Message, First, Further...> : FirstSent<Message, Further...> {};
template <class Message, class First, class... Further>
  requires Sends<First, Message>
struct FirstSent<Message, First, Further...> : Sent<First, Message> {
};

/// A transport that may hand one message to several providers.
template <class Transport>
concept AsksSeveral = requires {
  requires Transport::asks_several;
};

/// Whether a decorator can send it by functions that block.
template <class Message, class... Transports>
concept AllBlock = (Sends<Transports, Message> && ...) &&
                   (!Awaited<typename Sent<Transports, Message>::Type> && ...);

/// Whether a decorator can send it by a coroutine, since at least one of its transports is awaited.
template <class Message, class... Transports>
concept SomeAreAwaited = (Sends<Transports, Message> && ...) &&
                         (Awaited<typename Sent<Transports, Message>::Type> || ...);

} // namespace delivery::detail
} // namespace mfa
