#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include <mfa/encoding/fields.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/storage/record_fields.hpp>

/// The bytes of a record: what the scripts look at as text (scripts.hpp), its id, by which an answer to
/// another question is told, then its other fields (record_fields.hpp). One string and not a hash, as a
/// server reads and writes it several times as quickly.
namespace mfa::detail::redis {

/// What stands for the purge time of a factor, which has none.
inline constexpr std::string_view no_purge_time = "-";

inline std::string text_of(Time time) { return std::to_string(time.time_since_epoch().count()); }

/// A text that begins with its size.
inline std::string sized(std::string_view text) {
  return std::to_string(text.size()).append(" ").append(text);
}

/// What comes before the id. No other version, purge time or owner has a head that begins with it.
inline std::string head(std::uint64_t version, std::string_view purge_at, std::string_view owner) {
  std::string text = std::to_string(version);
  return text.append(" ").append(purge_at).append(" ").append(sized(owner));
}

inline std::string head_of(const storage::FactorRecord& factor, std::uint64_t version) {
  return head(version, no_purge_time, factor.user_id);
}

inline std::string head_of(const storage::ChallengeRecord& challenge, std::uint64_t version) {
  return head(version, text_of(challenge.purge_at), challenge.factor_id);
}

inline std::string head_of(const storage::CounterRecord& counter, std::uint64_t version) {
  return head(version, text_of(counter.purge_at), {});
}

// As a commit leaves them, which counts the version on.

inline std::string bytes_of(const storage::FactorRecord& factor) {
  return head_of(factor, factor.version + 1) + sized(factor.id) + fields_of(factor);
}

inline std::string bytes_of(const storage::ChallengeRecord& challenge) {
  return head_of(challenge, challenge.version + 1) + sized(challenge.id) + fields_of(challenge);
}

inline std::string bytes_of(const storage::CounterRecord& counter) {
  FieldWriter fields(record_format);
  fields.text(counter.data);
  return head_of(counter, counter.version + 1) + sized(counter.id) + fields.take();
}

/// A record's bytes taken apart. `what` and `id` name the one that was asked for; all three are borrowed.
class Stored {
 public:
  Stored(std::string_view bytes, std::string_view what, std::string_view id) : what_(what), id_(id) {
    version_ = number_in<std::uint64_t>(word(bytes));
    purge_at_ = word(bytes);
    owner_ = sized_text(bytes);
    if (sized_text(bytes) != id) {
      throw Error(errc::corrupt_record, "Redis answered with another record than the " + std::string(what_) +
                                            ' ' + std::string(id_) +
                                            ". Nothing of it was used. Look for what renames or copies keys, "
                                            "and for a proxy that mixes up answers");
    }
    fields_ = bytes;
  }

  [[nodiscard]] std::string id() const { return std::string(id_); }
  [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
  [[nodiscard]] Time purge_at() const { return Time(Time::duration(number_in<std::int64_t>(purge_at_))); }
  [[nodiscard]] std::string owner() const { return std::string(owner_); }
  [[nodiscard]] FieldReader fields() const { return {fields_, record_format, what_, id_}; }

 private:
  /// What is before the next space, which both are taken off.
  std::string_view word(std::string_view& bytes) const {
    const auto end = bytes.find(' ');
    if (end == std::string_view::npos) refuse();
    const auto result = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    return result;
  }

  /// What `sized` wrote, which is taken off.
  std::string_view sized_text(std::string_view& bytes) const {
    const auto size = number_in<std::size_t>(word(bytes));
    if (size > bytes.size()) refuse();
    const auto result = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return result;
  }

  template <class Number> [[nodiscard]] Number number_in(std::string_view text) const {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) refuse();
    return number;
  }

  [[noreturn]] void refuse() const {
    throw Error(errc::corrupt_record, "the contents of " + std::string(what_) + ' ' + std::string(id_) +
                                          " in Redis are not what this library writes; restore the record");
  }

  std::string_view what_;
  std::string_view id_;
  std::uint64_t version_ = 0;
  std::string_view purge_at_;
  std::string_view owner_;
  std::string_view fields_;
};

inline storage::FactorRecord factor_of(std::string_view id, std::string_view bytes) {
  const Stored stored(bytes, "factor", id);
  storage::FactorRecord factor;
  factor.id = stored.id();
  factor.version = stored.version();
  factor.user_id = stored.owner();
  read_fields(stored.fields(), factor);
  return factor;
}

/// For scans.
inline storage::FactorRecord factor_if_readable(std::string_view id, std::string_view bytes) {
  return read_or([&] { return factor_of(id, bytes); },
                 [id] { return storage::unreadable_factor(std::string(id)); });
}

inline storage::ChallengeRecord challenge_of(std::string_view id, std::string_view bytes) {
  const Stored stored(bytes, "challenge", id);
  storage::ChallengeRecord challenge;
  challenge.id = stored.id();
  challenge.version = stored.version();
  challenge.factor_id = stored.owner();
  challenge.purge_at = stored.purge_at();
  read_fields(stored.fields(), challenge);
  return challenge;
}

inline storage::CounterRecord counter_of(std::string_view id, std::string_view bytes) {
  const Stored stored(bytes, "counter", id);
  auto fields = stored.fields();
  storage::CounterRecord counter;
  counter.id = stored.id();
  counter.version = stored.version();
  counter.purge_at = stored.purge_at();
  counter.data = fields.text();
  fields.end();
  return counter;
}

} // namespace mfa::detail::redis
