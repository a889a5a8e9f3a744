#pragma once

#include "journeys/account.hpp"
#include "journeys/authenticator_app.hpp"
#include "journeys/operator.hpp"
#include "journeys/overview.hpp"
#include "journeys/passkeys.hpp"
#include "journeys/phone_and_mailbox.hpp"
#include "journeys/recovery_codes.hpp"
#include "journeys/second_step.hpp"
#include "journeys/security.hpp"
#include "journeys/security_keys.hpp"
#include "journeys/trusted_browsers.hpp"
#include "site.hpp"

namespace portal {

/// Registers every journey. What is offered comes in this order.
template <class Clock> void add_journeys(Site<Clock>& site) {
  add_overview(site);
  add_sign_in(site);
  add_second_steps(site);
  add_account(site);
  add_security(site);
  add_passkeys(site);
  add_security_keys(site);
  add_authenticator_app(site);
  add_phone_and_mailbox(site);
  add_recovery_codes(site);
  add_trusted_browsers(site);
  add_operator(site);
}

} // namespace portal
