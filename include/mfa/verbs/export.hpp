#pragma once

#include <string_view>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// See `Verifier::unsafe_export_otpauth_uri`.
Verb<crypto::SecretString> unsafe_export_otpauth_uri(const VerbRun auto& run, std::string_view factor_id,
                                                     const Whose& whose) {
  const factor::Context context = co_await run.now();
  const storage::FactorRecord factor = co_await run.find_factor(factor_id, whose);
  crypto::SecretString uri =
      factor::with_kind(factor.type, [&](auto kind) { return kind.unsafe_uri(factor, context); });
  run.emit(EventType::factor_secret_exported, context.now, factor);
  co_return uri;
}

} // namespace mfa::verbs
