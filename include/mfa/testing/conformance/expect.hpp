#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/storage/record.hpp>

namespace mfa::testing::conformance {

/// Ends a check: the storage broke what it promises.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws `Broken` unless `kept`.
inline void expect(bool kept, const std::string& promised, const std::string& came) {
  if (!kept) throw Broken("promised: " + promised + "; came: " + came);
}

inline std::string shown(std::uint64_t number) { return std::to_string(number); }
inline std::string shown(FactorType type) { return std::string(to_string(type)); }
inline std::string shown(FactorState state) { return std::string(to_string(state)); }
inline std::string shown(ChallengeState state) { return std::string(to_string(state)); }
inline std::string shown(Time time) { return std::to_string(time.time_since_epoch().count()) + " ms"; }
inline std::string shown(std::optional<Time> time) { return time ? shown(*time) : "none"; }

/// Bytes as they would stand in a C++ string; of many, those around `from`.
inline std::string shown(std::string_view bytes, std::size_t from = 0) {
  constexpr std::size_t most = 40;
  constexpr std::string_view hex = "0123456789abcdef";
  const std::size_t start = bytes.size() <= most || from < most / 2 ? 0 : from - most / 2;
  std::string text = start > 0 ? "...\"" : "\"";
  for (const char c : bytes.substr(start, most)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
      text += c;
    } else {
      text.append("\\x").append(1, hex[byte >> 4]).append(1, hex[byte & 15]);
    }
  }
  text += bytes.size() - start <= most ? "\"" : "\"...";
  return bytes.size() <= most ? text : text + " (" + std::to_string(bytes.size()) + " bytes)";
}

/// Adds to `told` that a field differs, if it does.
template <class T> void compare(std::string& told, const char* field, const T& promised, const T& came) {
  if (promised == came) return;
  told.append(told.empty() ? "" : ", ").append(field).append(" ");
  if constexpr (requires { std::string_view(came); }) {
    std::size_t same = 0;
    while (same < promised.size() && same < came.size() && promised[same] == came[same]) ++same;
    told += shown(promised, same) + " came as " + shown(came, same);
  } else {
    told += shown(promised) + " came as " + shown(came);
  }
}

/// Which fields differ, and how.
inline std::string differences(const storage::FactorRecord& promised, const storage::FactorRecord& came) {
  std::string told;
  compare(told, "id", promised.id, came.id);
  compare(told, "version", promised.version, came.version);
  compare(told, "type", promised.type, came.type);
  compare(told, "state", promised.state, came.state);
  compare(told, "user_id", promised.user_id, came.user_id);
  compare(told, "friendly_name", promised.friendly_name, came.friendly_name);
  compare(told, "created_at", promised.created_at, came.created_at);
  compare(told, "updated_at", promised.updated_at, came.updated_at);
  compare(told, "last_used_at", promised.last_used_at, came.last_used_at);
  compare(told, "failures", promised.failures, came.failures);
  compare(told, "last_failure_at", promised.last_failure_at, came.last_failure_at);
  compare(told, "parameters", promised.parameters, came.parameters);
  compare(told, "sealed", promised.sealed, came.sealed);
  return told;
}

inline std::string differences(const storage::ChallengeRecord& promised,
                               const storage::ChallengeRecord& came) {
  std::string told;
  compare(told, "id", promised.id, came.id);
  compare(told, "version", promised.version, came.version);
  compare(told, "factor_id", promised.factor_id, came.factor_id);
  compare(told, "state", promised.state, came.state);
  compare(told, "created_at", promised.created_at, came.created_at);
  compare(told, "updated_at", promised.updated_at, came.updated_at);
  compare(told, "expires_at", promised.expires_at, came.expires_at);
  compare(told, "purge_at", promised.purge_at, came.purge_at);
  compare(told, "attempts_left", promised.attempts_left, came.attempts_left);
  compare(told, "answer", promised.answer, came.answer);
  compare(told, "binding", promised.binding, came.binding);
  return told;
}

inline std::string differences(const storage::CounterRecord& promised, const storage::CounterRecord& came) {
  std::string told;
  compare(told, "id", promised.id, came.id);
  compare(told, "version", promised.version, came.version);
  compare(told, "data", promised.data, came.data);
  compare(told, "purge_at", promised.purge_at, came.purge_at);
  return told;
}

/// That a find gives this record and no other.
template <class Record>
void expect_found(const Record& promised, const std::optional<Record>& found, const std::string& when) {
  expect(found.has_value(), "the record " + promised.id + " " + when, "nothing");
  expect(*found == promised, "the record as it was written, " + when, differences(promised, *found));
}

/// That a find gives nothing.
template <class Record> void expect_nothing(const std::optional<Record>& found, const std::string& when) {
  expect(!found, "nothing " + when, found ? "the record " + found->id : "");
}

/// That a list holds these records, in this order.
inline void expect_list(const std::vector<storage::FactorRecord>& promised,
                        const std::vector<storage::FactorRecord>& came, const std::string& what) {
  const auto ids = [](const std::vector<storage::FactorRecord>& factors) {
    std::string text = std::to_string(factors.size()) + " (";
    for (const auto& factor : factors) text += (text.back() == '(' ? "" : " ") + factor.id;
    return text + ")";
  };
  std::string told = ids(came);
  if (promised.size() == came.size())
    for (std::size_t i = 0; i < came.size(); ++i)
      if (promised[i].id == came[i].id && promised[i] != came[i])
        told += ", of which " + came[i].id + ": " + differences(promised[i], came[i]);
  expect(promised == came, what + ": " + ids(promised), told);
}

} // namespace mfa::testing::conformance
