#pragma once

#include <mfa/types.hpp>

namespace mfa::factor {

/// Whether what was made at `from`, to last until `until`, is over. So it is too if the clock reads earlier
/// than `from` by more than that lifetime: then it was made by a clock that was ahead, and would last for as
/// long as that was wrong. `now` is not before 1970; the others may be whatever is stored.
[[nodiscard]] constexpr bool is_over(Time from, Time until, Time now) noexcept {
  if (until <= now) return true;
  return from > now && from - now > until - from;
}

} // namespace mfa::factor
