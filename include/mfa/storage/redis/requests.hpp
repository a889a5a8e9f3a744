#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/storage/record.hpp>
#include <mfa/storage/redis/records.hpp>
#include <mfa/storage/redis/request.hpp>
#include <mfa/storage/redis/scripts.hpp>
#include <mfa/storage/redis/wire.hpp>

/// What each function of a storage asks of the server, and what it makes of the answer.
namespace mfa::detail::redis {

/// The names of a storage's keys.
struct Keys {
  explicit Keys(const std::string& key_prefix) : prefix("{" + key_prefix + "}:") {}

  [[nodiscard]] std::string of(std::string_view kind, std::string_view id) const {
    return std::string(prefix).append(kind).append(":").append(id);
  }

  std::string prefix;
  std::string factor_prefix = prefix + "factor:";
  std::string factors = prefix + "factors";
  std::string purge = prefix + "purge";
};

struct Scripts {
  Script commit{scripts::commit};
  Script find_challenge_with_factor{scripts::find_challenge_with_factor};
  Script list_factors{scripts::list_factors};
  Script purge{scripts::purge};
};

/// A kind is "factor", "challenge" or "counter".
inline Request find(const Keys& keys, std::string_view kind, std::string_view id) {
  return {.purpose = "read from", .if_lost = IfLost::ask_again, .words = {"GET", keys.of(kind, id)}};
}

template <class Record>
std::optional<Record> found(const Reply& reply, std::string_view id,
                            Record (*record_of)(std::string_view id, std::string_view bytes)) {
  if (!reply.is_text()) return std::nullopt;
  return record_of(id, reply.text());
}

inline Request find_challenge_with_factor(const Keys& keys, const Scripts& scripts, std::string_view id) {
  return {.purpose = "read a challenge from",
          .if_lost = IfLost::ask_again,
          .words = {keys.of("challenge", id), keys.factor_prefix},
          .script = &scripts.find_challenge_with_factor,
          .keys = 1};
}

inline std::optional<storage::ChallengeWithFactor> found_challenge_with_factor(const Reply& reply,
                                                                               std::string_view id) {
  if (reply.size() != 2) return std::nullopt;
  storage::ChallengeWithFactor found{challenge_of(id, reply[0].text()), std::nullopt};
  if (reply[1].is_text()) found.factor = factor_of(found.challenge.factor_id, reply[1].text());
  return found;
}

/// Of the factors whose ids are in the set `ids`, those after an id, at most `limit`.
inline Request list_factors(const Keys& keys, const Scripts& scripts, std::string ids,
                            std::string_view after_id, std::uint64_t limit) {
  const auto most = std::min<std::uint64_t>(limit, std::numeric_limits<std::int64_t>::max());
  return {.purpose = "list factors from",
          .if_lost = IfLost::ask_again,
          .words = {std::move(ids), keys.factor_prefix, after_id.empty() ? "-" : '(' + std::string(after_id),
                    std::to_string(most)},
          .script = &scripts.list_factors,
          .keys = 1};
}

using ReadFactor = storage::FactorRecord (*)(std::string_view id, std::string_view bytes);

/// `read` is `factor_of` or, of a scan, `factor_if_readable`.
inline std::vector<storage::FactorRecord> listed_factors(const Reply& reply, ReadFactor read) {
  std::vector<storage::FactorRecord> factors;
  factors.reserve(reply.size() / 2);
  for (std::size_t i = 0; i + 1 < reply.size(); i += 2)
    factors.push_back(read(reply[i].text(), reply[i + 1].text()));
  return factors;
}

/// Nothing if no storage could do it, since it removes what was never written.
inline std::optional<Request> commit(const Keys& keys, const Scripts& scripts, const storage::Batch& batch) {
  const auto count =
      batch.factors.size() + batch.challenges.size() + batch.counters.size() + batch.removals.size();
  Request request{.purpose = "write to", .if_lost = IfLost::fail, .script = &scripts.commit};
  request.keys = count + 2;
  request.words.resize(count);
  request.words.reserve(count * 3 + 2);
  request.words.push_back(keys.factors);
  request.words.push_back(keys.purge);
  std::size_t at = 0;
  const auto add = [&](std::string key, std::string head, std::string bytes) {
    request.words[at++] = std::move(key);
    request.words.push_back(std::move(head));
    request.words.push_back(std::move(bytes));
  };
  const auto write = [&](std::string_view kind, const auto& record) {
    add(keys.of(kind, record.id), head_of(record, record.version), bytes_of(record));
  };
  for (const auto& factor : batch.factors) write("factor", factor);
  for (const auto& challenge : batch.challenges) write("challenge", challenge);
  for (const auto& counter : batch.counters) write("counter", counter);
  for (const auto& removal : batch.removals) {
    if (removal.version == 0) return std::nullopt;
    const bool of_factor = removal.kind == storage::RecordKind::factor;
    const auto* const kind = of_factor                                        ? "factor"
                             : removal.kind == storage::RecordKind::challenge ? "challenge"
                                                                              : "counter";
    add(keys.of(kind, removal.id), head(removal.version, of_factor ? no_purge_time : std::string_view(), {}),
        {});
  }
  return request;
}

/// The requests of one purge, in steps, since nothing else runs in the server meanwhile.
class Purge {
 public:
  /// All must outlive it.
  Purge(const Keys& keys, const Scripts& scripts, Time now, std::size_t limit)
      : keys_(keys), scripts_(scripts), time_(text_of(now)), limit_(limit) {}

  [[nodiscard]] bool goes_on() const noexcept { return !ended_ && removed_ < limit_; }

  [[nodiscard]] Request next() {
    constexpr std::size_t at_once = 200;
    wanted_ = std::min(limit_ - removed_, at_once);
    return {.purpose = "purge",
            .if_lost = IfLost::fail,
            .words = {keys_.purge, keys_.prefix, time_, std::to_string(wanted_)},
            .script = &scripts_.purge,
            .keys = 1};
  }

  void answered(const Reply& reply) {
    if (reply.size() == 2) removed_ += static_cast<std::size_t>(reply[1].integer());
    ended_ = reply.size() != 2 || static_cast<std::size_t>(reply[0].integer()) < wanted_;
  }

  [[nodiscard]] std::size_t removed() const noexcept { return removed_; }

 private:
  const Keys& keys_;
  const Scripts& scripts_;
  std::string time_;
  std::size_t limit_;
  std::size_t wanted_ = 0;
  std::size_t removed_ = 0;
  bool ended_ = false;
};

} // namespace mfa::detail::redis
