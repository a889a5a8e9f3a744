#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <mfa/storage/concept.hpp>
#include <mfa/testing/conformance/expect.hpp>
#include <mfa/testing/conformance/records.hpp>
#include <mfa/testing/conformance/report.hpp>

namespace mfa::testing {

/// How hard the checks try, and which are run.
struct ConformanceOptions {
  std::size_t threads = 8;   ///< that race, at least 2
  std::size_t processes = 4; ///< that race; 0: none are started
  std::size_t rounds = 50;   ///< of each thread or process in a race
  /// How long a race may take before it counts as stuck.
  std::chrono::milliseconds patience = std::chrono::minutes(1);
  /// For a storage whose factors refer to users in the host's tables: makes a user who has no factors, unless
  /// there is one, and returns the user's id. That is `user_id` if it may be any UTF-8 of up to 255 bytes
  /// without control characters, which the checks then try; otherwise an id that was not returned before.
  /// Empty: factors may name any user. Factors without a user are written in any case. What is made here, the
  /// host removes.
  std::function<std::string(const std::string& user_id)> make_user = {};
  /// Only checks whose names contain this; empty: all.
  std::string only = {};
};

namespace conformance {

/// What a host's function returned is a storage, or points to one.
template <class Opened> auto& storage_in(Opened& opened) {
  if constexpr (Storage<Opened>)
    return opened;
  else
    return *opened;
}

/// Calls this at the end, whatever came of the check, and whatever comes of the call.
template <class Call> struct AtEnd {
  explicit AtEnd(Call made) : call(std::move(made)) {}
  ~AtEnd() {
    try {
      call();
    } catch (...) { // the check says what is wrong with the storage
    }
  }
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;

  Call call;
};

/// Runs checks one by one and keeps what came of each. `Open` returns a reference to the one storage, or
/// opens another instance on the same contents each time.
template <class Open> class Run {
 public:
  using Opened = std::invoke_result_t<Open&>;
  using Storage =
      std::remove_reference_t<decltype(storage_in(std::declval<std::remove_reference_t<Opened>&>()))>;
  static constexpr bool opens_anew = !std::is_reference_v<Opened>;

  Run(Open& open, const ConformanceOptions& given) : options(given), open_(open) {}

  /// Whether the storage can be opened and read. If not, that is told once, and no other check is of use.
  [[nodiscard]] bool opens() {
    constexpr std::string_view name = "the storage can be opened and read";
    CheckResult result = result_of(name, [&] {
      Opened opened = open_();
      expect_nothing(storage_in(opened).find_factor(Ids().factor()), "of a factor that was never written");
    });
    const bool opened = result.outcome == CheckResult::Outcome::kept;
    if (!opened || name.find(options.only) != std::string_view::npos)
      report.checks.push_back(std::move(result));
    return opened;
  }

  /// `body(storage, ids)`.
  template <class Body> void check(std::string_view name, Body body) {
    record(name, [&] {
      Opened opened = open_();
      auto& storage = storage_in(opened);
      Ids ids(options.make_user);
      const AtEnd clean([&] { ids.remove_from(storage); });
      body(storage, ids);
    });
  }

  /// The same, if the storage offers what the check is about.
  template <bool offered, class Body>
  void check_if(std::string_view name, std::string_view function, Body body) {
    if constexpr (offered)
      check(name, body);
    else
      not_checked(name, "the storage does not offer " + std::string(function));
  }

  /// `body(open, ids)`, where `open` opens an instance each time and none is open yet.
  template <class Body> void check_instances(std::string_view name, Body body) {
    if constexpr (opens_anew) {
      record(name, [&] {
        Ids ids(options.make_user);
        const AtEnd clean([&] {
          Opened opened = open_();
          ids.remove_from(storage_in(opened));
        });
        body(open_, ids);
      });
    } else {
      not_checked(name, "give check_storage a function that opens the storage, in place of an open one");
    }
  }

  void not_checked(std::string_view name, const std::string& why) {
    if (name.find(options.only) == std::string_view::npos) return;
    report.checks.push_back({std::string(name), CheckResult::Outcome::not_checked, why});
  }

  const ConformanceOptions& options;
  ConformanceReport report;

 private:
  template <class Body> void record(std::string_view name, Body body) {
    if (name.find(options.only) == std::string_view::npos) return;
    report.checks.push_back(result_of(name, body));
  }

  template <class Body> static CheckResult result_of(std::string_view name, Body body) {
    CheckResult result{std::string(name), CheckResult::Outcome::kept, {}};
    try {
      body();
    } catch (const Broken& broken) {
      result.outcome = CheckResult::Outcome::broken;
      result.told = broken.what();
    } catch (const std::exception& error) {
      result.outcome = CheckResult::Outcome::broken;
      result.told = std::string("the storage threw: ") + error.what();
    } catch (...) {
      result.outcome = CheckResult::Outcome::broken;
      result.told = "the storage threw something that is no std::exception";
    }
    return result;
  }

  Open& open_;
};

} // namespace conformance
} // namespace mfa::testing
