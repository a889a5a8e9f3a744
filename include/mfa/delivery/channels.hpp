#pragma once

#include <cstddef>
#include <tuple>
#include <utility>

#include <mfa/delivery/transport.hpp>
#include <mfa/policy.hpp>

namespace mfa::delivery {

/// Transports of several kinds of messages as one policy, for a verifier's third argument: each message goes
/// by the first that has a `send` for it, and what that returns is returned. Which kinds of messages a
/// verifier can send is what the transports together can.
///
/// Transports given as lvalues are borrowed and must outlive it; temporaries are owned. Usable from many
/// threads if they are.
template <class... Transports> class Channels {
  static_assert(sizeof...(Transports) > 0, "mfa: delivery::Channels needs transports");
  static_assert(
      (!mfa::detail::PointsToPolicy<Transports> && ...),
      "mfa: give delivery::Channels the transports themselves, not pointers: *transport borrows it");

 public:
  static constexpr bool asks_several = (detail::AsksSeveral<Transports> || ...);

  explicit Channels(Policy<Transports>... transports) : transports_(std::move(transports)...) {}

  template <class Message>
    requires(Sends<Transports, Message> || ...)
  auto send(const Message& message) -> typename detail::FirstSent<Message, Transports...>::Type {
    constexpr std::size_t first = first_that_sends<Message>();
    return std::get<first>(transports_)->send(message);
  }

 private:
  template <class Message> static constexpr std::size_t first_that_sends() {
    std::size_t first = 0;
    (void)((Sends<Transports, Message> || (++first, false)) || ...);
    return first;
  }

  std::tuple<Policy<Transports>...> transports_;
};

template <class... Transports> Channels(Transports&&...) -> Channels<PolicyType<Transports>...>;

} // namespace mfa::delivery
