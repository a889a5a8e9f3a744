#pragma once

#include <mfa/import_types.hpp>
#include <mfa/verbs/import.hpp>
#include <mfa/verbs/run.hpp>

namespace mfa {

/// Enrols the factors of another system: `lines` is any range of `ImportLine`, `ImportToken`,
/// `ImportRecoveryCodes` or `ImportCredential`. What a user has already is left alone, so an import that was
/// cut off can be run again; only lines without a user_id would be doubled, and what two imports at the same
/// time bring, but for credentials. Its memory does not grow with the lines, but for digests, and sets of
/// recovery codes, in a dry run. A bad line is reported and the others go on. A failing storage ends the
/// import with its error: what was reported is there, of the hundred or so lines since then nobody knows,
/// and no line after those was read; run it again. Throws `errc::invalid_argument` for the options, and
/// `errc::no_relying_party`. With an `async::Verifier` it returns a task, for which `lines` must stay.
template <class Verifier, class Lines>
auto import_factors(const Verifier& verifier, Lines&& lines, const ImportOptions& options = ImportOptions()) {
  return verifier.run_verb(options.event_context, [&lines, options](const verbs::Run& run) {
    return verbs::import_factors(run, lines, options);
  });
}

} // namespace mfa
