#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/storage/concept.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/testing/conformance/records.hpp>
#include <mfa/testing/conformance/run.hpp>
#include <mfa/verbs/ids.hpp>

namespace mfa::testing::conformance {

/// Texts that differ in their bytes and that some collation, index, pattern or conversion of a database takes
/// for one another. All begin with `base`.
inline std::vector<std::string> alike_texts(const std::string& base) {
  constexpr std::string_view ends =                // apart by line feeds, which no such text has
      "\na\nA\naa\naA\nab"                         // prefixes of each other, and case
      "\n\xc3\xa1\n\xc3\x81\na\xcc\x81\nA\xcc\x81" // accents, composed and not
      "\n\xc3\xa5\n\xe2\x84\xab\na\xcc\x8a"        // a with a ring, and the sign of the angstrom
      "\na\xcc\xa3\xcc\x87\na\xcc\x87\xcc\xa3"     // marks in either order
      "\n\xc3\xa4\nae\n\xc3\xa6\naE\nss\nSS\n\xc3\x9f\n\xe1\xba\x9e" // umlauts and ligatures
      "\ni\nI\n\xc4\xb0\n\xc4\xb1\n\xcf\x83\n\xcf\x82\n\xce\xa3"     // Turkish i and final sigma
      "\no\n\xd0\xbe\n\xce\xbf"                                   // letters of three scripts that look alike
      "\n0\n00\n0.0\n+0\n1\n01\n1.0\n1e0\n\xc2\xb9\n\xe2\x91\xa0" // numbers
      "\n\xef\xbd\x81\n\xef\xbc\xa1"                              // full width
      "\nff\n\xef\xac\x80\nVIII\n\xe2\x85\xa7"                    // compatibility forms
      "\n\xe3\x81\x8b\n\xe3\x81\x8c\n\xe3\x82\xab\n\xef\xbd\xb6"  // kana
      "\n\xea\xb0\x80\n\xe1\x84\x80\xe1\x85\xa1"                  // Hangul, composed and not
      "\n\xf0\x9f\x8d\xa3\n\xf0\x9f\x8d\xba"                      // outside the basic plane
      "\n \n  \na \na  \n a\na\xc2\xa0\na\xe3\x80\x80"            // spaces at an end
      "\na\xe2\x80\x8b\na\xe2\x80\x8d\na\xc2\xad\na\xef\xbb\xbf\n\xe2\x80\x8b"
      "a"                                                   // marks of no width
      "\n-\n\xe2\x80\x90\na-\na.\na/\na/."                  // punctuation that sorting skips
      "\n%\n_\n*\n?\na%\na_\na*\n\\\n\\\\\n\\%\n'\n''\n\""; // patterns and escapes
  std::vector<std::string> texts;
  for (std::size_t start = 0; start <= ends.size();) {
    const std::size_t end = std::min(ends.find('\n', start), ends.size());
    texts.push_back(base + std::string(ends.substr(start, end - start)));
    start = end + 1;
  }
  return texts;
}

/// The same at the end of `longest` bytes: where what is cut off or hashed in part is alike.
inline std::vector<std::string> longest_alike_texts(const std::string& base, std::size_t longest) {
  std::string wide = base;
  while (wide.size() + 4 < longest) wide += "\xc3\xa9";
  std::vector<std::string> texts;
  for (std::string text :
       {base + std::string(longest - base.size(), 'x'), wide + std::string(longest - wide.size(), 'x')}) {
    texts.push_back(text);
    for (const char last : {'X', 'y', ' '}) {
      text.back() = last;
      texts.push_back(text);
    }
    text.pop_back();
    texts.push_back(text);
  }
  return texts;
}

/// What is not `id`, though it is alike.
inline std::vector<std::string> alike_ids_of_none(const std::string& id) {
  std::string lower_case = id;
  for (char& c : lower_case)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  std::vector<std::string> alike{id + ' ',
                                 ' ' + id,
                                 id + '0',
                                 id.substr(0, id.size() - 1),
                                 id.substr(1),
                                 id + '%',
                                 id.substr(0, id.size() - 1) + '_',
                                 id.substr(0, id.size() - 1) + '%'};
  if (lower_case != id) alike.push_back(lower_case);
  return alike;
}

/// That records whose ids are alike are inserted, found, updated and removed each for itself, and that `find`
/// finds none of other alike ids.
template <class Storage, class Record>
void expect_apart(Storage& storage, std::vector<Record> records, const std::vector<std::string>& of_none) {
  for (Record& record : records) {
    expect(commit(storage, record),
           "commit inserts " + shown(record.id, record.id.size()) + " beside others that are alike", "false");
    ++record.version;
  }
  const auto expect_all = [&](const std::string& when) {
    for (const Record& record : records) expect_stored(storage, when, record);
  };
  expect_all("beside others that are alike");
  for (const std::string& id : of_none) {
    Record none = records.front();
    none.id = id;
    expect_nothing(find_again(storage, none),
                   "under the id " + shown(id, id.size()) + ", which no record has");
    expect(!commit(storage, removal_of(none)),
           "commit refuses to remove " + shown(id, id.size()) + ", which no record has", "true");
  }
  for (std::size_t i = 0; i < records.size(); i += 2) {
    expect(commit(storage, records[i]),
           "commit updates " + shown(records[i].id, records[i].id.size()) + " beside others that are alike",
           "false");
    ++records[i].version;
  }
  expect_all("after others that are alike were updated");
  while (records.size() > 1) {
    const std::size_t removed = records.size() / 2;
    expect(commit(storage, removal_of(records[removed])),
           "commit removes " + shown(records[removed].id, records[removed].id.size()) +
               " beside others that are alike",
           "false");
    expect_nothing(find_again(storage, records[removed]), "after the record was removed");
    records.erase(records.begin() + static_cast<std::ptrdiff_t>(removed));
  }
  expect_all("after all others that are alike were removed");
}

/// Which record an id names, and which user: compared byte by byte, at any length.
template <class Run> void check_identity(Run& run) {
  using Storage = typename Run::Storage;

  run.check("factors whose ids are alike are different factors", [](auto& storage, Ids& ids) {
    const std::string user = ids.user();
    std::vector<storage::FactorRecord> factors;
    for (const std::string& id : ids.alike_factors()) {
      factors.push_back(factor(id, user));
      factors.back().sealed = id;
    }
    expect_apart(storage, factors, alike_ids_of_none(factors.back().id));
  });

  run.check("challenges whose ids are alike are different challenges", [](auto& storage, Ids& ids) {
    auto of = factor(ids.factor());
    write(storage, of);
    std::vector<storage::ChallengeRecord> challenges;
    for (const std::string& id : ids.alike_challenges()) {
      challenges.push_back(challenge(id, of.id));
      challenges.back().answer = id;
    }
    expect_apart(storage, challenges, alike_ids_of_none(challenges.back().id));
  });

  run.check("counters whose ids are alike are different counters", [](auto& storage, Ids& ids) {
    std::vector<storage::CounterRecord> counters;
    for (const std::string& id : alike_texts(ids.unique("trusted_devices_u_"))) {
      counters.push_back(counter(ids.counter(id)));
      counters.back().data = id;
    }
    expect_apart(storage, counters, {counters.front().id + "b", counters.front().id + "aB"});
  });

  run.check("the longest ids are kept whole", [](auto& storage, Ids& ids) {
    OfEachKind records(ids);
    static_assert(storage::longest_factor_id == detail::factor_id_prefix.size() + detail::ulid_size);
    static_assert(storage::longest_challenge_id == detail::challenge_id_prefix.size() + detail::ulid_size);
    write(storage, records.factor, records.challenge);
    expect_stored(storage, "with the longest id", records.factor, records.challenge);
    std::vector<storage::CounterRecord> counters;
    for (const std::string& id :
         longest_alike_texts(ids.unique("trusted_devices_u_"), storage::longest_counter_id)) {
      counters.push_back(conformance::counter(ids.counter(id)));
      counters.back().data = id;
    }
    const std::string longer = counters.front().id + 'x';
    expect_apart(storage, counters, {longer, longer.substr(0, storage::longest_user_id)});
  });

  run.check("users whose ids are alike have their own factors", [](auto& storage, Ids& ids) {
    std::vector<std::string> users;
    for (const std::string& wished : alike_texts(ids.unique("u_"))) users.push_back(ids.user(wished));
    for (const std::string& wished : longest_alike_texts(ids.unique("u_"), storage::longest_user_id))
      users.push_back(ids.user(wished));
    std::vector<storage::FactorRecord> factors;
    for (const std::string& user : users) {
      factors.push_back(factor(ids.factor(), user));
      write(storage, factors.back());
    }
    const auto expect_own = [&](const std::string& when) {
      for (const auto& each : factors) {
        const std::string told =
            "the factors of user " + shown(each.user_id, each.user_id.size()) + " alone" + when;
        expect_list({each}, storage.list_factors(each.user_id), told);
        if constexpr (storage::PagesFactors<Storage>)
          expect_list({each}, storage.list_factors(each.user_id, "", 2), told + ", by pages");
      }
    };
    expect_own("");
    for (auto& each : factors) write(storage, each);
    expect_own(", after all were updated");
  });

  run.check("names are kept up to their longest", [](auto& storage, Ids& ids) {
    auto updated = factor(ids.factor());
    write(storage, updated);
    for (const std::string& name : longest_alike_texts("", storage::longest_friendly_name)) {
      auto inserted = factor(ids.factor());
      inserted.friendly_name = updated.friendly_name = name;
      write(storage, inserted, updated);
      expect_stored(storage, "with a name of " + std::to_string(name.size()) + " bytes", inserted, updated);
    }
  });

  run.check("an id ends where its view does", [](auto& storage, Ids& ids) {
    OfEachKind records(ids);
    auto& [factor, challenge, counter] = records;
    write(storage, factor, challenge, counter);
    const std::string when = "by a view of a text that is longer";
    const auto longer = [](const std::string& text) { return text + "x"; };
    const auto in = [](const std::string& text) { return std::string_view(text).substr(0, text.size() - 1); };
    const auto texts = std::vector{longer(factor.id), longer(challenge.id), longer(counter.id),
                                   longer(factor.user_id), longer(ids.before_factors())};
    expect_found(factor, storage.find_factor(in(texts[0])), when);
    expect_found(challenge, storage.find_challenge(in(texts[1])), when);
    expect_found(counter, storage.find_counter(in(texts[2])), when);
    expect_list({factor}, storage.list_factors(in(texts[3])), "the list " + when);
    if constexpr (storage::FindsChallengeWithFactor<Storage>)
      expect(storage.find_challenge_with_factor(in(texts[1])).has_value(), "the challenge " + when,
             "nothing");
    if constexpr (storage::PagesFactors<Storage>)
      expect_list({factor}, storage.list_factors(in(texts[3]), in(texts[4]), 1), "the page " + when);
    if constexpr (storage::ScansFactors<Storage>)
      expect_list({factor}, storage.scan_factors(in(texts[4]), 1), "the scan " + when);
  });
}

} // namespace mfa::testing::conformance
