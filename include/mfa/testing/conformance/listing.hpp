#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/storage/concept.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/testing/conformance/records.hpp>
#include <mfa/testing/conformance/run.hpp>

namespace mfa::testing::conformance {

/// Stores this many factors of a user, written in another order than that of their ids, which they are
/// returned in.
template <class Storage>
std::vector<storage::FactorRecord> write_factors(Storage& storage, Ids& ids, const std::string& user_id,
                                                 std::size_t count) {
  std::vector<storage::FactorRecord> factors;
  for (std::size_t i = 0; i < count; ++i) factors.push_back(factor(ids.factor(), user_id));
  for (std::size_t i = 1; i < count; i += 2) write(storage, factors[i]);
  for (std::size_t i = 0; i < count; i += 2) write(storage, factors[i]);
  return factors;
}

/// The same of ids that differ in digits and in letters, which come after them.
template <class Storage>
std::vector<storage::FactorRecord> write_factors_alike(Storage& storage, Ids& ids,
                                                       const std::string& user_id) {
  std::vector<storage::FactorRecord> factors = write_factors(storage, ids, user_id, 3);
  const std::size_t before = factors.size();
  for (const std::string& id : ids.alike_factors()) factors.push_back(factor(id, user_id));
  for (std::size_t i = factors.size(); i > before; --i) write(storage, factors[i - 1]);
  return factors;
}

/// Goes through pages of each size and expects the same as from one list.
template <class PageAfter>
void expect_pages(const std::vector<storage::FactorRecord>& promised, const std::string& first,
                  PageAfter page_after) {
  for (std::size_t limit = 1; limit <= promised.size() + 1; ++limit) {
    std::vector<storage::FactorRecord> came;
    for (std::string after = first;;) {
      const auto page = page_after(after, limit);
      expect(page.size() <= limit, "a page of at most " + std::to_string(limit) + " factors",
             std::to_string(page.size()));
      came.insert(came.end(), page.begin(), page.end());
      if (page.empty() || came.size() > promised.size()) break;
      after = page.back().id;
    }
    expect_list(promised, came,
                "by pages of " + std::to_string(limit) + ", each factor once, in the order of ids");
  }
}

/// Lists, pages and scans of factors.
template <class Run> void check_listings(Run& run) {
  using Storage = typename Run::Storage;
  constexpr bool pages = storage::PagesFactors<Storage>;
  constexpr bool scans = storage::ScansFactors<Storage>;
  constexpr std::string_view page_function = "list_factors(user_id, after_id, limit)";
  constexpr std::string_view scan_function = "scan_factors(after_id, limit)";

  run.check("a user's factors are listed in the order of their ids", [](auto& storage, Ids& ids) {
    const std::string user = ids.user();
    auto factors = write_factors(storage, ids, user, 12);
    expect_list(factors, storage.list_factors(user), "the user's factors");
    for (const std::string& id : ids.alike_factors())
      factors.push_back(factor(id, user)); // digits before letters
    for (std::size_t i = factors.size(); i > 12; --i) write(storage, factors[i - 1]);
    expect_list(factors, storage.list_factors(user), "the user's factors in the order of their ids' bytes");
  });

  run.check("no other user's factors are listed", [](auto& storage, Ids& ids) {
    const std::string user = ids.unique("u_") + "aZ";
    std::vector<std::string> users{user};
    for (const char* alike : {"", "%", "_", "*", " ", "\xcc\x81", "0"}) users.push_back(user + alike + "b");
    for (const char* longer : {"a", " ", "%"}) users.push_back(user + longer);
    users.push_back(user.substr(0, user.size() - 1));       // a prefix
    users.push_back(user.substr(0, user.size() - 1) + "z"); // other case
    users.push_back(user.substr(0, user.size() - 1) + "%");
    users.push_back(user.substr(0, user.size() - 1) + "_");
    users.push_back("x" + user);
    std::vector<storage::FactorRecord> factors;
    for (const auto& wished : users) {
      factors.push_back(factor(ids.factor(), ids.user(wished)));
      write(storage, factors.back());
    }
    for (const auto& each : factors)
      expect_list({each}, storage.list_factors(each.user_id),
                  "the factors of user " + shown(each.user_id) + " alone");
    expect_list({}, storage.list_factors(ids.user()), "no factors of an unknown user");
  });

  run.check("a factor without a user is listed under none", [](auto& storage, Ids& ids) {
    auto record = factor(ids.factor());
    write(storage, record);
    expect_list({}, storage.list_factors(""), "no factors under an empty user id");
    expect_stored(storage, "without a user", record);
  });

  run.check("a list shows factors as last written", [](auto& storage, Ids& ids) {
    const std::string user = ids.user();
    auto factors = write_factors(storage, ids, user, 3);
    factors[1].sealed = "changed";
    factors[1].state = FactorState::verified;
    write(storage, factors[1]);
    expect_list(factors, storage.list_factors(user), "the user's factors after an update");
  });

  run.check("a list ends with a factor's removal", [](auto& storage, Ids& ids) {
    const std::string user = ids.user();
    auto factors = write_factors(storage, ids, user, 3);
    expect(commit(storage, removal_of(factors[1])), "commit takes a removal of the stored version", "false");
    factors.erase(factors.begin() + 1);
    expect_list(factors, storage.list_factors(user), "the user's factors after a removal");
    for (const auto& each : factors)
      expect(commit(storage, removal_of(each)), "commit takes a removal of the stored version", "false");
    expect_list({}, storage.list_factors(user), "no factors after all are removed");
  });

  run.check("a factor that changes its user changes lists", [](auto& storage, Ids& ids) {
    auto record = factor(ids.factor(), ids.user());
    const std::string before = record.user_id;
    write(storage, record);
    record.user_id = ids.user();
    write(storage, record);
    expect_list({}, storage.list_factors(before), "no factors of the user who had it");
    expect_list({record}, storage.list_factors(record.user_id), "the factor of the user who has it");
  });

  run.template check_if<pages>(
      "pages of any size give each factor once", page_function, [](auto& storage, Ids& ids) {
        const std::string user = ids.user();
        const auto factors = write_factors_alike(storage, ids, user);
        expect_pages(factors, "", [&](const std::string& after, std::size_t limit) {
          return storage.list_factors(user, after, limit);
        });
        expect_list(factors, storage.list_factors(user, "", std::numeric_limits<std::size_t>::max()),
                    "all factors on a page without bound");
      });

  run.template check_if<pages>(
      "pages give no other user's factors", page_function, [](auto& storage, Ids& ids) {
        const std::string user = ids.user();
        const std::string other = ids.user();
        std::vector<storage::FactorRecord> factors;
        for (int i = 0; i < 6; ++i) {
          auto record = factor(ids.factor(), i % 2 == 0 ? user : other);
          write(storage, record);
          if (i % 2 == 0) factors.push_back(record);
        }
        expect_list(factors, storage.list_factors(user, "", 100), "the user's factors on one page");
        auto nobodys = factor(ids.factor());
        write(storage, nobodys);
        expect_list({}, storage.list_factors("", "", 100), "no factors under an empty user id");
      });

  run.template check_if<pages>("a page goes on after an id that is gone", page_function,
                               [](auto& storage, Ids& ids) {
                                 const std::string user = ids.user();
                                 const auto factors = write_factors(storage, ids, user, 3);
                                 expect(commit(storage, removal_of(factors[1])),
                                        "commit takes a removal of the stored version", "false");
                                 expect_list({factors[2]}, storage.list_factors(user, factors[1].id, 100),
                                             "the factors after a removed one");
                               });

  run.template check_if<scans>(
      "a scan gives every user's factors once", scan_function, [](auto& storage, Ids& ids) {
        std::vector<storage::FactorRecord> factors;
        for (int i = 0; i < 3; ++i)
          for (const auto& record : write_factors(storage, ids, i == 0 ? "" : ids.user(), 3))
            factors.push_back(record);
        for (const auto& record : write_factors_alike(storage, ids, ids.user())) factors.push_back(record);
        expect_pages(factors, ids.before_factors(), [&](const std::string& after, std::size_t limit) {
          auto page = storage.scan_factors(after, limit);
          std::erase_if(page,
                        [&](const auto& record) { return !ids.is_factor(record.id) && record.id > after; });
          return page;
        });
      });

  run.template check_if<scans>(
      "a scan begins with the first factor of all", scan_function, [](auto& storage, Ids& ids) {
        const auto factors = write_factors(storage, ids, ids.user(), 2);
        const auto first = storage.scan_factors("", 1);
        expect(first.size() == 1, "one factor on the first page of one", std::to_string(first.size()));
        expect(first.front().id <= factors.front().id, "no factor before the first of the scan",
               factors.front().id + " is before " + first.front().id);
      });

  run.template check_if<scans>(
      "a scan goes on after an id that is gone", scan_function, [](auto& storage, Ids& ids) {
        const auto factors = write_factors(storage, ids, ids.user(), 3);
        expect(commit(storage, removal_of(factors[1])), "commit takes a removal of the stored version",
               "false");
        expect_list({factors[2]}, storage.scan_factors(factors[1].id, 1), "the factor after a removed one");
      });
}

} // namespace mfa::testing::conformance
