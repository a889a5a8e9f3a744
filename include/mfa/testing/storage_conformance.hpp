#pragma once

/// Checks a storage against everything that a `Verifier` relies on. Needs no test framework:
///
///   #include <mfa/testing/storage_conformance.hpp>
///   int main() {
///     const auto report = mfa::testing::check_storage([] { return MyStorage("a test database"); });
///     std::cout << report;
///     return report.failures() == 0 ? 0 : 1;
///   }

#include <concepts>
#include <string>
#include <utility>

#include <mfa/error.hpp>
#include <mfa/storage/concept.hpp>
#include <mfa/testing/conformance/commit.hpp>
#include <mfa/testing/conformance/identity.hpp>
#include <mfa/testing/conformance/instances.hpp>
#include <mfa/testing/conformance/listing.hpp>
#include <mfa/testing/conformance/offers.hpp>
#include <mfa/testing/conformance/processes.hpp>
#include <mfa/testing/conformance/report.hpp>
#include <mfa/testing/conformance/round_trip.hpp>
#include <mfa/testing/conformance/run.hpp>
#include <mfa/testing/conformance/threads.hpp>

namespace mfa::testing {

/// Runs every check on what `open` returns: a storage or a pointer to one (std::unique_ptr, say), which must
/// be another instance on the same contents each time, from any thread and process. Then it checks too what
/// several instances, threads with one each, processes, and a process that is killed promise together.
///
/// The contents may be in use and keep what they hold: the checks use ids and users that nobody else has, and
/// remove what they wrote. Only a `purge` is called for 1970. Run it once at a time, and where no instance is
/// open in this process if the storage does not survive `fork`.
///
/// Exceptions of the storage are caught and told in the report, which has one line if it cannot be opened and
/// read. If factors refer to users of the host's, give `ConformanceOptions::make_user`. Threads that the
/// storage holds for longer than `ConformanceOptions::patience` cannot be ended: then the process exits with
/// status 1 and says so on stderr. Throws `errc::invalid_argument` if `ConformanceOptions::only` is in the
/// name of no check.
template <std::invocable Open>
[[nodiscard]] ConformanceReport check_storage(Open open,
                                              const ConformanceOptions& options = ConformanceOptions()) {
  conformance::Run<Open> run(open, options);
  if (!run.opens()) return std::move(run.report);
  conformance::check_round_trips(run);
  conformance::check_identity(run);
  conformance::check_commits(run);
  conformance::check_listings(run);
  conformance::check_offers(run);
  conformance::check_instances(run);
  conformance::check_threads(run);
#if defined(__unix__) || defined(__APPLE__)
  conformance::check_processes(run);
#endif
  if (run.report.checks.empty())
    throw Error(errc::invalid_argument,
                "ConformanceOptions::only, '" + std::string(options.only) + "', is in the name of no check");
  return std::move(run.report);
}

/// The same for one open instance, as of a storage in memory: what takes several is not checked.
template <Storage S>
[[nodiscard]] ConformanceReport check_storage(S& storage,
                                              const ConformanceOptions& options = ConformanceOptions()) {
  return check_storage([&storage]() -> S& { return storage; }, options);
}

} // namespace mfa::testing
