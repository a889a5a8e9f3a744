#pragma once

#include <mfa/sms/budgets.hpp>

namespace mfa::test {

/// Nothing is counted beside the number and the user.
inline const SmsBudgets no_sms_budgets{.unanswered_a_prefix = 0, .unanswered_a_country = 0, .unanswered = 0};

} // namespace mfa::test
