#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/authorization.hpp>
#include <mfa/decision/user_record.hpp>
#include <mfa/encoding/checked_text.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor_details.hpp>
#include <mfa/search.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/verbs/authorize.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/user_record.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// A factor that was enrolled, and what its user is shown this once.
template <class Kind> struct Enrolled {
  FactorDetails factor;
  typename Kind::Shown shown;
};

/// A factor to be, of texts that were checked.
[[nodiscard]] inline storage::FactorRecord new_factor(Time now, FactorType type, std::string_view user_id,
                                                      std::string_view friendly_name) {
  storage::FactorRecord record;
  record.id = detail::ulid(now, detail::factor_id_prefix);
  record.type = type;
  record.user_id = user_id;
  record.friendly_name = friendly_name;
  record.created_at = record.updated_at = now;
  return record;
}

/// For factors whose ids are new and whose commit answered `false`: if no such id is there, the storage undid
/// it for other reasons, as in a deadlock.
Verb<void> check_are_new(const VerbRun auto& run, const std::vector<storage::FactorRecord>& factors) {
  for (const storage::FactorRecord& factor : factors)
    if (co_await run.find_factor_if_any(factor.id))
      throw Error(
          errc::storage_conflict,
          "a factor with a new id exists already, which cannot be by chance; check the storage and the "
          "random generator");
}

/// Inserts factors whose ids are new.
Verb<void> commit_new(const VerbRun auto& run, const std::vector<storage::FactorRecord>& factors) {
  for (Rounds rounds("the new factor");; rounds.next()) {
    storage::Batch batch;
    batch.factors = factors;
    if (co_await run.commit(batch)) co_return;
    co_await check_are_new(run, factors);
  }
}

/// Has the kind fill in the record, and the user's handle if it draws one.
template <class Kind>
Enrolled<Kind> fill_in(const typename Kind::Request& request, storage::FactorRecord& record,
                       factor::EnrollingUser& user, const factor::Context& context) {
  auto shown = [&] {
    if constexpr (factor::EnrollsBesideOthers<Kind>)
      return Kind::enroll(request, record, user, context);
    else
      return Kind::enroll(request, record, context);
  }();
  return {FactorDetails(record, context), std::move(shown)};
}

/// The enrolling of a factor of a user, beside his others.
struct Enrolling {
  FoundUser found;
  factor::EnrollingUser user;
  bool authorized = false;
};

/// Throws `errc::authorization_required` unless the user has no verified factor or the authorization is good.
Verb<void> begin(const VerbRun auto& run, const std::string& user_id, const Authorization& authorization,
                 const factor::Context& context, Enrolling& enrolling) {
  // Before the list, so that a factor which is confirmed after it was read makes the commit fail.
  enrolling.found = co_await find_user(run, user_id, std::string_view());
  enrolling.user.others = co_await run.list_factors(user_id);
  enrolling.user.handle = enrolling.found.user.handle;
  enrolling.user.ended = decision::ended_enrollments(enrolling.found.user, context.now);
  enrolling.user.used_secrets = enrolling.found.user.used_secrets;
  enrolling.authorized = authorization.is_given();
  const bool is_first = !detail::any_of(enrolling.user.others, is_verified);
  if (enrolling.authorized || !is_first)
    (void)co_await authorize(run, authorization, user_id, enrolling.found.user, context);
}

/// What is to be committed with the new factor.
inline void put_user(Enrolling& enrolling, const storage::FactorRecord& record,
                     const factor::Context& context, storage::Batch& batch) {
  if (!is_verified(record)) {
    const auto gone = decision::admit(enrolling.found.user, record, enrolling.authorized, context);
    for (const storage::FactorRecord& other : enrolling.user.others)
      if (detail::contains(gone, other.id)) decision::keep_used_secret(enrolling.found.user, other, context);
    remove_unverified(enrolling.user.others, gone, batch);
  }
  enrolling.found.user.handle = enrolling.user.handle;
  batch.counters.push_back(enrolling.found.changed(context.now));
}

template <class Kind>
Verb<Enrolled<Kind>> enroll_factor(const VerbRun auto& run, const typename Kind::Request& request,
                                   const Authorization& authorization) {
  if (request.user_id) check_user_id("user_id", *request.user_id);
  detail::check_text("friendly_name", request.friendly_name, storage::longest_friendly_name);
  const std::string user_id = request.user_id ? request.user_id->text() : std::string();
  for (Rounds rounds("the record of the user");; rounds.next()) {
    const factor::Context context = co_await run.now();
    Enrolling enrolling;
    if (!user_id.empty()) co_await begin(run, user_id, authorization, context, enrolling);
    storage::FactorRecord record = new_factor(context.now, Kind::type, user_id, request.friendly_name);
    Enrolled<Kind> enrolled = fill_in<Kind>(request, record, enrolling.user, context);
    if (is_verified(record) && !enrolling.authorized) // nobody has to show that he has it
      (void)co_await authorize(run, authorization, user_id, enrolling.found.user, context);

    const std::vector<storage::FactorRecord> records(1, record);
    storage::Batch batch;
    batch.factors = records;
    if (!user_id.empty()) put_user(enrolling, record, context, batch);
    if (co_await run.commit(batch)) {
      run.emit(EventType::factor_enrolled, context.now, records.front());
      co_return enrolled;
    }
    co_await check_are_new(run, records);
  }
}

} // namespace mfa::verbs
