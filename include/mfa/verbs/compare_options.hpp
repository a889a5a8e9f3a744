#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/channel.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/error.hpp>
#include <mfa/options.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/search.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// The id of the counter record that says with which options the storage is used.
inline constexpr const char* options_record_id = "options";

/// The options that decide security, by name.
using OptionValues = std::map<std::string, std::string, std::less<>>;

[[nodiscard]] inline OptionValues security_options(const Options& options) {
  OptionValues values;
  visit_limits(options, [&](std::string_view name, std::int64_t value, std::int64_t, std::int64_t,
                            std::string_view) { values.emplace(name, std::to_string(value)); });
  const auto list = [&](const char* name, std::vector<std::string> words) { // in whatever order
    detail::sort_few(words, [](const std::string& one, const std::string& other) { return one < other; });
    std::string& listed = values[name];
    for (const std::string& word : words) listed.append(word).append(" ");
  };
  list("sms_allowed_country_codes", options.sms_allowed_country_codes);
  list("sms_denied_country_codes", options.sms_denied_country_codes);
  std::vector<std::string> own_budgets;
  for (const SmsCountryBudget& own : options.sms_budgets.of_countries) own_budgets.push_back(own.country);
  list("sms_budgets.of_countries", std::move(own_budgets));
  std::vector<std::string> channels;
  for (const Channel channel : options.sms_channels) channels.emplace_back(to_string(channel));
  list("sms_channels", std::move(channels));
  values["resend_same_code"] = options.resend_same_code ? "yes" : "no";
  values["unsealed_records"] = options.unsealed_records == UnsealedRecords::accept ? "accept" : "refuse";
  values["unverified_factors_sign_in"] = options.unverified_factors_sign_in ? "yes" : "no";
  values["webauthn"] = options.webauthn ? options.webauthn->security_settings() : "none";
  return values;
}

[[nodiscard]] inline storage::CounterRecord encode(const OptionValues& values,
                                                   storage::CounterRecord record) {
  constexpr Time never{std::chrono::milliseconds(100'000'000'000'000)};
  mfa::detail::FieldWriter fields(1);
  fields.number(values.size());
  for (const auto& [name, value] : values) fields.text(name).text(value);
  record.data = fields.take();
  record.purge_at = never;
  return record;
}

[[nodiscard]] inline OptionValues decode_options(const storage::CounterRecord& record) {
  mfa::detail::FieldReader fields(record.data, 1, "record", record.id);
  OptionValues values;
  for (auto count = fields.number_up_to(1000); count > 0; --count) {
    std::string name(fields.plain_text());
    values.emplace(std::move(name), std::string(fields.plain_text()));
  }
  fields.end();
  return values;
}

/// The names of the options that are not alike, by commas. An option that one of the two does not know, as
/// its release has none of this name, is not compared.
[[nodiscard]] inline std::string different(const OptionValues& ours, const OptionValues& theirs) {
  std::string names;
  for (const auto& [name, value] : ours) {
    const auto other = theirs.find(name);
    if (other == theirs.end() || other->second == value) continue;
    names.append(names.empty() ? "" : ", ").append("Options::").append(name);
  }
  return names;
}

/// See `Verifier::compare_options` and, to `replace`, `Verifier::publish_options`.
Verb<void> compare_options(const VerbRun auto& run, bool replace) {
  const OptionValues ours = security_options(run.options);
  for (Rounds rounds("the record of the options");; rounds.next()) {
    auto found = co_await run.find_counter(options_record_id);
    if (found && !found->data.empty() && !replace) {
      const std::string names = different(ours, decode_options(*found));
      if (names.empty()) co_return;
      throw Error(errc::options_differ,
                  "this node has other options than the storage was used with: " + names +
                      ". Give it the same, or call publish_options if these are to hold from now on");
    }
    storage::CounterRecord record = found ? *std::move(found) : storage::CounterRecord();
    record.id = options_record_id;
    storage::Batch batch;
    batch.counters.push_back(encode(ours, std::move(record)));
    if (co_await run.commit(batch)) co_return;
  }
}

} // namespace mfa::verbs
