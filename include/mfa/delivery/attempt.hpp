#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <string_view>

#include <mfa/delivery/failure.hpp>

namespace mfa::delivery {

/// What became of one try to have one transport take a message. Holds nothing of the message but its id. The
/// texts are valid during the call only.
struct Attempt {
  std::string_view message_id = {};    ///< `id` of the message: of the first that a challenge sent, the
                                       ///< challenge's
  std::size_t number = 1;              ///< of the tries of this decorator for this message, from 1
  std::size_t provider = 0;            ///< its place in a `Failover`, from 0
  std::string_view provider_name = {}; ///< of a `Failover`
  std::exception_ptr cause = {};       ///< what the transport threw; null: it took the message

  [[nodiscard]] bool taken() const noexcept { return cause == nullptr; }

  /// Why it was not taken, if the transport said why.
  [[nodiscard]] std::optional<DeliveryFailure> failure() const { return delivery_failure(cause); }
};

/// Called in the thread that sends, after each try. What it throws is swallowed.
using AttemptObserver = std::function<void(const Attempt&)>;

namespace detail {

inline void tell(const AttemptObserver& observer, const Attempt& attempt) noexcept {
  if (!observer) return;
  try {
    observer(attempt);
  } catch (...) { // of the host's own
  }
}

} // namespace detail
} // namespace mfa::delivery
