#pragma once

/// The whole core. Needs OpenSSL, libqrencode and libpng; what needs more is included by its own name
/// (<mfa/storage/sqlite.hpp>).

#include <mfa/assurance.hpp>
#include <mfa/authorization.hpp>
#include <mfa/challenge.hpp>
#include <mfa/clock/concept.hpp>
#include <mfa/clock/system.hpp>
#include <mfa/confirmation.hpp>
#include <mfa/crypto/epoch_file.hpp>
#include <mfa/crypto/key_file.hpp>
#include <mfa/crypto/wrapped_keys.hpp>
#include <mfa/email/concept.hpp>
#include <mfa/email/console.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor.hpp>
#include <mfa/fwd.hpp>
#include <mfa/options.hpp>
#include <mfa/purpose.hpp>
#include <mfa/qr/svg.hpp>
#include <mfa/qr/terminal.hpp>
#include <mfa/requirement.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/sms/console.hpp>
#include <mfa/sms/none.hpp>
#include <mfa/storage/concept.hpp>
#include <mfa/storage/memory.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verification.hpp>
#include <mfa/verifier.hpp>
