#pragma once

#include <string>
#include <string_view>

#include <mfa/storage/record.hpp>

namespace mfa::factor {

/// What random bytes of a factor are drawn for (`crypto::random_bytes_for`): the use, the factor, its user,
/// and what else tells this drawing from others.
[[nodiscard]] inline std::string purpose_of(std::string_view use, const storage::FactorRecord& factor,
                                            std::string_view detail = {}) {
  std::string purpose(use);
  for (const std::string_view part : {std::string_view(factor.id), std::string_view(factor.user_id), detail})
    purpose.append(1, '\0').append(part);
  return purpose;
}

} // namespace mfa::factor
