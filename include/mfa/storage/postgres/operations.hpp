#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <limits>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include <mfa/storage/conversation.hpp>
#include <mfa/storage/postgres/connection.hpp>
#include <mfa/storage/postgres/errors.hpp>
#include <mfa/storage/postgres/records.hpp>
#include <mfa/storage/postgres/statements.hpp>
#include <mfa/storage/postgres/values.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::detail::postgres {

/// What to call for a batch: one call where it has at most one record of each kind, as those of a Verifier
/// have. Otherwise a call a record, in the order of kind and id in which every batch locks.
inline std::list<CommitCall> calls_of(const storage::Batch& batch) {
  struct Write {
    storage::RecordKind kind;
    std::string_view id;
    std::function<void(CommitCall&)> add;
  };
  std::vector<Write> writes;
  const auto add = [&](storage::RecordKind kind, const auto& record) {
    writes.push_back({kind, record.id, [&record](CommitCall& call) { call.write(record); }});
  };
  for (const storage::FactorRecord& factor : batch.factors) add(storage::RecordKind::factor, factor);
  for (const storage::ChallengeRecord& challenge : batch.challenges)
    add(storage::RecordKind::challenge, challenge);
  for (const storage::CounterRecord& counter : batch.counters) add(storage::RecordKind::counter, counter);
  for (const storage::Removal& removal : batch.removals)
    writes.push_back({removal.kind, removal.id, [&removal](CommitCall& call) { call.remove(removal); }});
  std::sort(writes.begin(), writes.end(),
            [](const Write& a, const Write& b) { return std::tie(a.kind, a.id) < std::tie(b.kind, b.id); });
  const bool one_of_each =
      std::adjacent_find(writes.begin(), writes.end(),
                         [](const Write& a, const Write& b) { return a.kind == b.kind; }) == writes.end();
  std::list<CommitCall> calls;
  for (const Write& write : writes) {
    if (calls.empty() || !one_of_each) calls.emplace_back(!one_of_each);
    write.add(calls.back());
  }
  return calls;
}

/// Whether the server undid the transaction for the sake of another one. Throws for any other error.
inline bool undone(const Connection& connection, const Result& result) {
  const auto state = result.state();
  constexpr std::array<std::string_view, 3> conflicts{conflict_state,
                                                      "40001",  // serialization_failure
                                                      "40P01"}; // deadlock_detected
  if (std::find(conflicts.begin(), conflicts.end(), state) != conflicts.end()) return true;
  connection.check(result, "commit to", true);
  return false;
}

/// What a storage does, whoever waits for it. `Lender` lends connections:
///
///     Conversation<Lease> lease(bool& is_new);
///
/// is one that had not ended a moment ago, and whether it was made for this. It goes back when the lease
/// ends;
/// `*lease` is the connection. What the functions are given must live until they have ended.
template <class Lender> class Operations {
 public:
  /// Borrows both.
  Operations(Lender& lender, const Statements& statements) noexcept
      : lender_(&lender), statements_(&statements) {}

  [[nodiscard]] auto find_factor(std::string_view id) const {
    return find(statements_->factor, id, read_factor);
  }
  [[nodiscard]] auto find_challenge(std::string_view id) const {
    return find(statements_->challenge, id, read_challenge);
  }
  [[nodiscard]] auto find_counter(std::string_view id) const {
    return find(statements_->counter, id, read_counter);
  }
  [[nodiscard]] auto find_challenge_with_factor(std::string_view id) const {
    return find(statements_->challenge_with_factor, id, read_challenge_with_factor);
  }

  [[nodiscard]] auto list_factors(std::string_view user_id, std::string_view after_id = {},
                                  std::size_t limit = std::numeric_limits<std::size_t>::max()) const {
    return page(
        statements_->factors_of_user, 3, after_id, limit,
        [user_id](Parameters& parameters) { parameters.bind_text(3, user_id); }, read_factor);
  }
  [[nodiscard]] auto scan_factors(std::string_view after_id, std::size_t limit) const {
    return page(
        statements_->all_factors, 2, after_id, limit, [](Parameters&) {}, read_factor_if_readable);
  }

  /// One round trip.
  Conversation<bool> commit(const storage::Batch& batch) const {
    const auto calls = calls_of(batch);
    if (calls.empty()) co_return true;
    bool is_new = false;
    const auto lease = co_await lender_->lease(is_new);
    Connection& connection = *lease;
    if (calls.size() == 1) {
      const Result result = co_await connection.run(statements_->commit, calls.front().parameters());
      co_return !undone(connection, result) &&
          Row(connection.storage(), result, 0).bytes(0) == std::string(1, '\1');
    }
    std::vector<const Parameters*> runs;
    for (const auto& call : calls) runs.push_back(&call.parameters());
    const auto results = co_await connection.run_all(statements_->commit, runs);
    co_return std::none_of(results.begin(), results.end(),
                           [&](const Result& result) { return undone(connection, result); });
  }

  Conversation<std::size_t> purge(Time now, std::size_t limit) const {
    bool is_new = false;
    const auto lease = co_await lender_->lease(is_new);
    std::size_t purged = 0;
    for (const Statement* statement : {&statements_->purge_challenges, &statements_->purge_counters}) {
      if (purged == limit) break;
      Parameters parameters(2);
      parameters.bind(1, now);
      parameters.bind_limit(2, limit - purged);
      const Result result = co_await lease->run(*statement, parameters);
      lease->check(result, statement->purpose, statement->writes);
      purged += result.removed();
    }
    co_return purged;
  }

 private:
  /// `bind(parameters)` binds them, and `answer(storage, result)` is the answer. What only reads can be tried
  /// again, on another connection than one that turns out to have ended.
  template <class Bind, class Answer>
  Conversation<std::invoke_result_t<Answer&, const std::string&, const Result&>>
  read(const Statement& statement, int parameter_count, Bind bind, Answer answer) const {
    Parameters parameters(parameter_count);
    bind(parameters);
    for (;;) {
      bool is_new = false;
      try {
        const auto lease = co_await lender_->lease(is_new);
        const Result result = co_await lease->run(statement, parameters);
        lease->check(result, statement.purpose);
        co_return answer(lease->storage(), result);
      } catch (const ConnectionLost&) {
        if (is_new) throw;
      }
    }
  }

  template <class Record>
  auto find(const Statement& statement, std::string_view id, Record (*read_record)(const Row&)) const {
    return read(
        statement, 1, [id](Parameters& parameters) { parameters.bind_text(1, id); },
        [read_record](const std::string& storage, const Result& result) {
          return result.rows() == 0 ? std::nullopt : std::optional(read_record(Row(storage, result, 0)));
        });
  }

  template <class Bind>
  auto page(const Statement& statement, int parameter_count, std::string_view after_id, std::size_t limit,
            Bind bind, storage::FactorRecord (*read_record)(const Row&)) const {
    return read(
        statement, parameter_count,
        [=](Parameters& parameters) {
          bind(parameters);
          parameters.bind_text(1, after_id);
          parameters.bind_limit(2, limit);
        },
        [read_record](const std::string& storage, const Result& result) {
          std::vector<storage::FactorRecord> factors;
          factors.reserve(static_cast<std::size_t>(result.rows()));
          for (int row = 0; row < result.rows(); ++row)
            factors.push_back(read_record(Row(storage, result, row)));
          return factors;
        });
  }

  Lender* lender_;
  const Statements* statements_;
};

} // namespace mfa::detail::postgres
