#pragma once

#include <charconv>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/constant_time.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/authenticator.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/totp.hpp>
#include <mfa/factor_details.hpp>
#include <mfa/otp/uri.hpp>
#include <mfa/search.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/enroll.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/look_up.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/workos/body.hpp>
#include <mfa/workos/call.hpp>
#include <mfa/workos/errors.hpp>
#include <mfa/workos/factors.hpp>
#include <mfa/workos/resources.hpp>

/// `/user_management/users/{id}/auth_factors`: enrol and list.
namespace mfa::workos::detail {

/// What an equal request before this one has enrolled, and waits to be confirmed: its client got no answer,
/// since the storage failed after that, and tries again by itself. Nothing if there is none.
Verb<std::optional<verbs::Enrolled<factor::TotpKind>>> enrolled_before(const VerbRun auto& run,
                                                                       const Totp& request) {
  const factor::Context context = co_await run.now();
  const otp::Account account = factor::account_of(request);
  std::optional<verbs::Enrolled<factor::TotpKind>> latest;
  const std::vector<storage::FactorRecord> records = co_await run.list_factors(request.user_id->text());
  for (const storage::FactorRecord& record : records) {
    if (record.type != FactorType::totp || record.state != FactorState::unverified) continue;
    const factor::AuthenticatorParameters kept = factor::authenticator_of(record);
    const bool alike = kept.issuer == account.issuer && kept.user == account.user &&
                       kept.format.hash == account.hash && kept.format.digits == account.digits &&
                       kept.period == account.period;
    const auto secret = factor::secret_if_any(record, context.keys);
    if (!alike || !secret || !crypto::equal(crypto::text_of(*secret), crypto::text_of(account.secret)))
      continue;
    if (!latest || latest->factor.id() < record.id)
      latest = verbs::Enrolled<factor::TotpKind>{FactorDetails(record, context),
                                                 factor::show(account, request.qr_code)};
  }
  co_return latest;
}

/// `POST`: enrols a TOTP factor and asks it at once, by two commits. Who brings the secret may send the same
/// again.
Verb<Reply> enroll_user_factor(const VerbRun auto& run, const Call& call) {
  Members members(call.body);
  const std::string type = members.required_text("type");
  if (!type.empty() && type != "totp") members.refuse("invalid_type", "type", "must be totp");
  Totp request = read_totp(members, call.route.id, call.options);
  request.secret = members.text("totp_secret");
  request.accept_short_secret = call.options.accept_short_secrets;
  if (!members.fine()) co_return members.refusal();
  std::optional<verbs::Enrolled<factor::TotpKind>> enrolled;
  std::exception_ptr refused;
  try {
    enrolled.emplace(co_await verbs::enroll_factor<factor::TotpKind>(run, request, by_operator));
  } catch (const Error& error) {
    if (error.code() != errc::duplicate_secret) throw;
    refused = std::current_exception();
  }
  if (refused) enrolled = co_await enrolled_before(run, request);
  if (!enrolled) std::rethrow_exception(refused);
  const FactorDetails& factor = enrolled->factor;
  const std::string no_template;
  Json challenge = co_await ask(run, factor.id(), factor.type(), factor.state(), no_template);
  Json body{{"authentication_factor", enrolled_json(factor, enrolled->shown)},
            {"authentication_challenge", std::move(challenge)}};
  co_return reply_with(201, std::move(body));
}

/// Which part of a list a client wants.
struct ListQuery {
  std::size_t limit = 10;
  std::string before = {}; ///< an id, or empty
  std::string after = {};  ///< the same
  bool oldest_first = false;
};

[[nodiscard]] inline ListQuery read_list_query(const Query& query, Members& members) {
  constexpr std::size_t most = 100;
  ListQuery read;
  std::vector<std::string_view> seen;
  for (const auto& [name, value] : query) {
    const bool cursor = name == "before" || name == "after";
    if (!cursor && name != "limit" && name != "order") continue;
    if (mfa::detail::contains(seen, std::string_view(name)))
      members.refuse(name + "_given_twice", name.c_str(), "may be given once");
    seen.push_back(name);
    if (value.empty()) continue;
    if (name == "limit") {
      std::size_t limit = 0;
      const char* const end = value.data() + value.size();
      const auto [stopped, error] = std::from_chars(value.data(), end, limit);
      if (error != std::errc() || stopped != end || limit < 1 || limit > most)
        members.refuse("invalid_limit", "limit", "must be a number from 1 to 100");
      read.limit = limit;
    } else if (name == "order") {
      if (value != "asc" && value != "desc" && value != "normal")
        members.refuse("invalid_order", "order", "must be asc, desc or normal");
      read.oldest_first = value == "asc";
    } else {
      if (!mfa::detail::is_id(value, mfa::detail::factor_id_prefix))
        members.refuse("invalid_" + name, name.c_str(), "must be the id of a factor");
      (name == "before" ? read.before : read.after) = value;
    }
  }
  if (!read.before.empty() && !read.after.empty())
    members.refuse("invalid_cursor", "before", "and after exclude one another");
  return read;
}

/// A part of a list, and whether more lies on either side of it. `ids` are in the order of the list.
struct Window {
  std::size_t begin = 0;
  std::size_t end = 0;
};

[[nodiscard]] inline Window window_of(const std::vector<std::string>& ids, const ListQuery& query) {
  // An id whose factor is gone still has its place.
  const auto comes_before = [&query](const std::string& id, const std::string& other) {
    return query.oldest_first ? id < other : other < id;
  };
  Window window{0, ids.size()};
  if (!query.before.empty()) {
    while (window.end > 0 && !comes_before(ids[window.end - 1], query.before)) --window.end;
    if (window.end > query.limit) window.begin = window.end - query.limit;
    return window;
  }
  if (!query.after.empty())
    while (window.begin < ids.size() && !comes_before(query.after, ids[window.begin])) ++window.begin;
  if (window.end - window.begin > query.limit) window.end = window.begin + query.limit;
  return window;
}

/// `GET`: the factors of a user whom the path names, of the kinds that WorkOS has.
Verb<Reply> list_user_factors(const VerbRun auto& run, const Call& call) {
  const nlohmann::json none;
  Members members(none);
  const ListQuery query = read_list_query(call.route.query, members);
  if (!members.fine()) co_return members.refusal();
  std::vector<storage::FactorRecord> records;
  const UserId user_id = call.route.id;
  if (verbs::can_be(user_id)) records = co_await run.list_factors(user_id.text());
  mfa::detail::erase_if(records, [](const storage::FactorRecord& record) { return !is_known(record.type); });
  // By their ids, which begin with the time.
  mfa::detail::sort_few(records,
                        [&query](const storage::FactorRecord& one, const storage::FactorRecord& other) {
                          return query.oldest_first ? one.id < other.id : other.id < one.id;
                        });
  std::vector<std::string> ids;
  for (const storage::FactorRecord& record : records) ids.push_back(record.id);
  const Window window = window_of(ids, query);

  const factor::Context context = co_await run.now();
  Json data = Json::array();
  for (std::size_t i = window.begin; i < window.end; ++i) {
    const FactorDetails details(records[i], context);
    data.push_back(factor_json(details, phone_number_of(records[i], details, call.options, run.keys())));
  }
  const bool empty = window.begin == window.end;
  Json metadata{{"before", nullptr}, {"after", nullptr}};
  if (!empty && window.begin > 0) metadata["before"] = ids[window.begin];
  if (!empty && window.end < ids.size()) metadata["after"] = ids[window.end - 1];
  Json body{{"object", "list"}, {"data", std::move(data)}, {"list_metadata", std::move(metadata)}};
  co_return reply_with(200, std::move(body));
}

} // namespace mfa::workos::detail
