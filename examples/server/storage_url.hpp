#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <mfa/storage/postgres/options.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/storage/redis/options.hpp>

#include "settings.hpp"

namespace server {

/// A storage that is chosen while the program runs. `Answer<T>` is `T`, or what a coroutine awaits.
template <template <class> class Answer> class AnyStorage {
 public:
  /// Makes a `S` of these arguments and holds it.
  template <class S, class... Arguments> static AnyStorage of(Arguments&&... arguments) {
    return AnyStorage(std::make_unique<Held<S>>(std::forward<Arguments>(arguments)...));
  }

  Answer<std::optional<mfa::storage::FactorRecord>> find_factor(std::string_view id) {
    return storage_->find_factor(id);
  }
  Answer<std::optional<mfa::storage::ChallengeRecord>> find_challenge(std::string_view id) {
    return storage_->find_challenge(id);
  }
  Answer<std::optional<mfa::storage::CounterRecord>> find_counter(std::string_view id) {
    return storage_->find_counter(id);
  }
  Answer<std::optional<mfa::storage::ChallengeWithFactor>> find_challenge_with_factor(std::string_view id) {
    return storage_->find_challenge_with_factor(id);
  }
  Answer<std::vector<mfa::storage::FactorRecord>> list_factors(std::string_view user_id) {
    return storage_->list_factors(user_id);
  }
  Answer<std::vector<mfa::storage::FactorRecord>> list_factors(std::string_view user_id,
                                                               std::string_view after_id, std::size_t limit) {
    return storage_->list_page(user_id, after_id, limit);
  }
  Answer<std::vector<mfa::storage::FactorRecord>> scan_factors(std::string_view after_id, std::size_t limit) {
    return storage_->scan_factors(after_id, limit);
  }
  Answer<bool> commit(const mfa::storage::Batch& batch) { return storage_->commit(batch); }
  Answer<std::size_t> purge(mfa::Time now, std::size_t limit) { return storage_->purge(now, limit); }

 private:
  struct Interface {
    Interface() = default;
    Interface(const Interface&) = delete;
    Interface& operator=(const Interface&) = delete;
    virtual ~Interface() = default;
    virtual Answer<std::optional<mfa::storage::FactorRecord>> find_factor(std::string_view id) = 0;
    virtual Answer<std::optional<mfa::storage::ChallengeRecord>> find_challenge(std::string_view id) = 0;
    virtual Answer<std::optional<mfa::storage::CounterRecord>> find_counter(std::string_view id) = 0;
    virtual Answer<std::optional<mfa::storage::ChallengeWithFactor>>
    find_challenge_with_factor(std::string_view id) = 0;
    virtual Answer<std::vector<mfa::storage::FactorRecord>> list_factors(std::string_view user_id) = 0;
    virtual Answer<std::vector<mfa::storage::FactorRecord>>
    list_page(std::string_view user_id, std::string_view after_id, std::size_t limit) = 0;
    virtual Answer<std::vector<mfa::storage::FactorRecord>> scan_factors(std::string_view after_id,
                                                                         std::size_t limit) = 0;
    virtual Answer<bool> commit(const mfa::storage::Batch& batch) = 0;
    virtual Answer<std::size_t> purge(mfa::Time now, std::size_t limit) = 0;
  };

  template <class S> struct Held final : Interface {
    template <class... Arguments>
    explicit Held(Arguments&&... arguments) : storage(std::forward<Arguments>(arguments)...) {}

    Answer<std::optional<mfa::storage::FactorRecord>> find_factor(std::string_view id) override {
      return storage.find_factor(id);
    }
    Answer<std::optional<mfa::storage::ChallengeRecord>> find_challenge(std::string_view id) override {
      return storage.find_challenge(id);
    }
    Answer<std::optional<mfa::storage::CounterRecord>> find_counter(std::string_view id) override {
      return storage.find_counter(id);
    }
    Answer<std::optional<mfa::storage::ChallengeWithFactor>>
    find_challenge_with_factor(std::string_view id) override {
      return storage.find_challenge_with_factor(id);
    }
    Answer<std::vector<mfa::storage::FactorRecord>> list_factors(std::string_view user_id) override {
      return storage.list_factors(user_id);
    }
    Answer<std::vector<mfa::storage::FactorRecord>>
    list_page(std::string_view user_id, std::string_view after_id, std::size_t limit) override {
      return storage.list_factors(user_id, after_id, limit);
    }
    Answer<std::vector<mfa::storage::FactorRecord>> scan_factors(std::string_view after_id,
                                                                 std::size_t limit) override {
      return storage.scan_factors(after_id, limit);
    }
    Answer<bool> commit(const mfa::storage::Batch& batch) override { return storage.commit(batch); }
    Answer<std::size_t> purge(mfa::Time now, std::size_t limit) override { return storage.purge(now, limit); }

    S storage;
  };

  explicit AnyStorage(std::unique_ptr<Interface> storage) : storage_(std::move(storage)) {}

  std::unique_ptr<Interface> storage_;
};

/// What `--storage` says.
struct StorageUrl {
  enum class Kind { memory, sqlite, postgres, redis };

  Kind kind = Kind::memory;
  std::string place = {}; ///< the file, or libpq's connection string
  mfa::storage::PostgresOptions postgres = {};
  mfa::storage::RedisOptions redis = {};
};

namespace detail {

[[nodiscard]] inline std::string url_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size()) {
      const char* const end = text.data() + i + 3;
      if (std::from_chars(text.data() + i + 1, end, value, 16).ptr != end)
        throw std::invalid_argument("it has a percent sign that no two hexadecimal digits follow");
      decoded += static_cast<char>(value);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

template <class Number> [[nodiscard]] Number number_in_url(std::string_view text, const char* what) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw std::invalid_argument(std::string("its ") + what + " is no number");
  return value;
}

/// "" or "//[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]" or "/SOCKET".
inline void read_redis_url(std::string_view rest, mfa::storage::RedisOptions& options) {
  if (rest.starts_with('/') && !rest.starts_with("//")) {
    options.unix_socket = rest;
    return;
  }
  if (!rest.empty() && !rest.starts_with("//"))
    throw std::invalid_argument("write redis://HOST:PORT/DATABASE, or redis:/PATH of a socket");
  if (!rest.empty()) rest.remove_prefix(2);
  const auto slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  if (slash != std::string_view::npos && slash + 1 < rest.size())
    options.database = number_in_url<unsigned>(rest.substr(slash + 1), "database");
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view login = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    const auto colon = login.find(':');
    if (colon == std::string_view::npos)
      throw std::invalid_argument("its login has no colon; write USER:PASSWORD@");
    options.user = url_decoded(login.substr(0, colon));
    options.password = url_decoded(login.substr(colon + 1));
  }
  if (const auto colon = authority.rfind(':'); colon != std::string_view::npos && !authority.ends_with(']')) {
    options.port = number_in_url<std::uint16_t>(authority.substr(colon + 1), "port");
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']'))
    authority = authority.substr(1, authority.size() - 2);
  if (!authority.empty()) options.host = authority;
}

} // namespace detail

/// Throws what is wrong, without the URL, which may have a password.
[[nodiscard]] inline StorageUrl storage_url(const Settings& settings) {
  const std::string url = settings.text("storage");
  const auto colon = url.find(':');
  const std::string scheme = url.substr(0, colon);
  const std::string rest = colon == std::string::npos ? "" : url.substr(colon + 1);
  StorageUrl read;
  try {
    if (colon == std::string::npos) {
      throw std::invalid_argument("it has no colon");
    } else if (scheme == "memory") {
      if (!rest.empty()) throw std::invalid_argument("write memory: and nothing after it");
    } else if (scheme == "sqlite") {
      if (rest.empty()) throw std::invalid_argument("it names no file; write sqlite:FILE");
      read.kind = StorageUrl::Kind::sqlite;
      read.place = rest;
    } else if (scheme == "postgres" || scheme == "postgresql") {
      read.kind = StorageUrl::Kind::postgres;
      read.place = rest.starts_with("//") ? "postgresql:" + rest : rest;
      read.postgres.schema_name = settings.text("storage-name");
    } else if (scheme == "redis") {
      read.kind = StorageUrl::Kind::redis;
      detail::read_redis_url(rest, read.redis);
      read.redis.key_prefix = settings.text("storage-name");
      const std::string durability = settings.text("redis-durability");
      using mfa::storage::RedisDurability;
      if (durability == "every_second")
        read.redis.durability = RedisDurability::every_second;
      else if (durability == "accept_volatile")
        read.redis.durability = RedisDurability::accept_volatile;
      else if (durability != "required")
        throw std::invalid_argument(settings.said("redis-durability") +
                                    " is none of required, every_second and accept_volatile");
    } else {
      throw std::invalid_argument("it is none of those");
    }
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(settings.said("storage") +
                                " must be sqlite:FILE, postgres:CONNECTION, redis://HOST:PORT/DATABASE or "
                                "memory: - " +
                                error.what());
  }
  if (read.kind != StorageUrl::Kind::memory)
    read.postgres.max_connections = read.redis.max_connections = settings.number("threads", 1, 1000);
  return read;
}

} // namespace server
