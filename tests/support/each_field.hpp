#pragma once

#include <mfa/storage/record.hpp>

namespace mfa::test {

/// Calls `visit` with the name of each field of a record, and the field.
template <class Record, class Visit> void for_each_field(Record& record, Visit visit) {
  visit("id", record.id);
  visit("version", record.version);
  if constexpr (requires { record.last_used_at; }) {
    visit("type", record.type);
    visit("state", record.state);
    visit("user_id", record.user_id);
    visit("friendly_name", record.friendly_name);
    visit("created_at", record.created_at);
    visit("updated_at", record.updated_at);
    visit("last_used_at", record.last_used_at);
    visit("failures", record.failures);
    visit("last_failure_at", record.last_failure_at);
    visit("parameters", record.parameters);
    visit("sealed", record.sealed);
  } else if constexpr (requires { record.factor_id; }) {
    visit("factor_id", record.factor_id);
    visit("state", record.state);
    visit("created_at", record.created_at);
    visit("updated_at", record.updated_at);
    visit("expires_at", record.expires_at);
    visit("purge_at", record.purge_at);
    visit("attempts_left", record.attempts_left);
    visit("answer", record.answer);
    visit("binding", record.binding);
  } else {
    visit("data", record.data);
    visit("purge_at", record.purge_at);
  }
}

} // namespace mfa::test
