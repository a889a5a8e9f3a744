#pragma once

#include <array>
#include <cstddef>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <sys/stat.h>

#include <mfa/crypto/key_file.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/mfa.hpp>
#include <mfa/storage/sqlite.hpp>

namespace portal {

/// Where the library's records are: in a SQLite file, or in memory, as the program was started.
class Storage {
 public:
  /// An empty path is memory.
  explicit Storage(const std::string& path) {
    if (!path.empty()) storage_.emplace<mfa::storage::Sqlite>(path);
  }

  [[nodiscard]] std::optional<mfa::storage::FactorRecord> find_factor(std::string_view id) const {
    return std::visit([&](auto& storage) { return storage.find_factor(id); }, storage_);
  }
  [[nodiscard]] std::optional<mfa::storage::ChallengeRecord> find_challenge(std::string_view id) const {
    return std::visit([&](auto& storage) { return storage.find_challenge(id); }, storage_);
  }
  [[nodiscard]] std::optional<mfa::storage::CounterRecord> find_counter(std::string_view id) const {
    return std::visit([&](auto& storage) { return storage.find_counter(id); }, storage_);
  }
  [[nodiscard]] std::vector<mfa::storage::FactorRecord> list_factors(std::string_view user_id) const {
    return std::visit([&](auto& storage) { return storage.list_factors(user_id); }, storage_);
  }
  [[nodiscard]] bool commit(const mfa::storage::Batch& batch) {
    return std::visit([&](auto& storage) { return storage.commit(batch); }, storage_);
  }
  std::size_t purge(mfa::Time now, std::size_t limit) {
    return std::visit([&](auto& storage) { return storage.purge(now, limit); }, storage_);
  }

 private:
  std::variant<mfa::storage::Memory, mfa::storage::Sqlite> storage_;
};

/// The keys for a database: those of the file beside it, "<path>.keys", which is made with a fresh one if it
/// is missing; of memory, a fresh one. A product keeps the file elsewhere than the database (docs/keys.md).
inline mfa::KeyRing keys_for(const std::string& path) {
  if (path.empty()) return mfa::KeyRing::generate();
  const std::string file = path + ".keys";
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) {
    std::array<unsigned char, mfa::KeyRing::key_size> key{};
    mfa::crypto::random_bytes(key);
    const mode_t before = ::umask(0077);
    std::ofstream out(file);
    ::umask(before);
    out << "first " << mfa::detail::hexadecimal(key) << '\n';
    if (!out.flush()) throw std::runtime_error("cannot write the key file '" + file + "'");
  }
  return mfa::read_key_file(file);
}

} // namespace portal
