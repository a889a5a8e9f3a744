#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/evp.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/owned.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/error.hpp>

namespace mfa::crypto {

namespace detail {

inline void require(bool done, const char* what) {
  if (!done)
    throw Error(errc::crypto_failure,
                std::string(what) + "; check which providers its configuration loads, and the memory");
}

/// OpenSSL's objects for one HMAC at a time. Fetching and allocating them costs more than the hash itself, so
/// each thread keeps those it has used.
struct HmacWorkspace {
  using Context = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;

  Hash hash;
  Owned<EVP_MD, EVP_MD_free> md;
  Context inner;   ///< has hashed the key's inner block
  Context outer;   ///< has hashed the key's outer block
  Context running; ///< copied from one of them for each message
  std::unique_ptr<HmacWorkspace> next_idle = {};

  explicit HmacWorkspace(Hash given)
      : hash(given), md(EVP_MD_fetch(nullptr,
                                     given == Hash::sha1     ? "SHA1"
                                     : given == Hash::sha256 ? "SHA256"
                                                             : "SHA512",
                                     nullptr)),
        inner(EVP_MD_CTX_new()), outer(EVP_MD_CTX_new()), running(EVP_MD_CTX_new()) {
    require(md && inner && outer && running, "OpenSSL does not give the hash");
    for (EVP_MD_CTX* context : {inner.get(), outer.get()})
      require(EVP_DigestInit_ex2(context, md.get(), nullptr) == 1, "OpenSSL cannot start the hash");
  }

  /// Forgets the key, so that another can be absorbed. False if OpenSSL cannot.
  [[nodiscard]] bool forget_key() const noexcept {
    return EVP_DigestInit_ex2(inner.get(), nullptr, nullptr) == 1 &&
           EVP_DigestInit_ex2(outer.get(), nullptr, nullptr) == 1;
  }

  /// Before the first key, and after `forget_key`.
  void absorb(std::span<const unsigned char> key) const {
    SecretArray<unsigned char, 128> block;
    const std::size_t size = block_size(hash);
    bool done = true;
    if (key.size() > size)
      done = EVP_Digest(key.data(), key.size(), block.data(), nullptr, md.get(), nullptr) == 1;
    else
      for (std::size_t i = 0; i < key.size(); ++i) block[i] = key[i];
    for (auto& byte : block) byte ^= 0x36;
    done = done && EVP_DigestUpdate(inner.get(), block.data(), size) == 1;
    for (auto& byte : block) byte ^= 0x36 ^ 0x5c;
    done = done && EVP_DigestUpdate(outer.get(), block.data(), size) == 1;
    require(done, "OpenSSL cannot key the HMAC");
  }

  /// Of the parts one after the other, and what stands at the end, under the key that was absorbed.
  [[nodiscard]] Digest compute(std::span<const std::string_view> parts, std::string_view end = {}) const {
    Digest digest;
    digest.size = digest_size(hash);
    bool done = EVP_MD_CTX_copy_ex(running.get(), inner.get()) == 1;
    for (const std::string_view part : parts)
      done = done && EVP_DigestUpdate(running.get(), part.data(), part.size()) == 1;
    done = done && EVP_DigestUpdate(running.get(), end.data(), end.size()) == 1 &&
           EVP_DigestFinal_ex(running.get(), digest.bytes.data(), nullptr) == 1 &&
           EVP_MD_CTX_copy_ex(running.get(), outer.get()) == 1 &&
           EVP_DigestUpdate(running.get(), digest.bytes.data(), digest.size) == 1 &&
           EVP_DigestFinal_ex(running.get(), digest.bytes.data(), nullptr) == 1;
    require(done, "OpenSSL cannot compute the HMAC");
    return digest;
  }
};

/// The first of this thread's workspaces that nobody is using; they hold no key.
inline std::unique_ptr<HmacWorkspace>& idle_hmac_workspaces(Hash hash) noexcept {
  thread_local std::array<std::unique_ptr<HmacWorkspace>, 3> idle;
  return idle[static_cast<std::size_t>(hash) - 1];
}

/// A workspace that keeps its key: alive as well, so that no other key has its address.
struct KeyedHmacWorkspace {
  std::shared_ptr<const Digest> key = {}; ///< null: it holds none
  std::unique_ptr<HmacWorkspace> workspace = {};
};

/// One of those that this thread keeps.
inline KeyedHmacWorkspace& keyed_hmac_workspace(std::size_t place) noexcept {
  thread_local std::array<KeyedHmacWorkspace, 8> kept;
  return kept[place % kept.size()];
}

} // namespace detail

/// HMAC (RFC 2104) with one key for any number of messages: the key is absorbed once, so each short message
/// costs two compressions. For one thread at a time. The key's traces are wiped at the end.
class Hmac {
 public:
  /// Throws `errc::crypto_failure` if OpenSSL has not the hash.
  Hmac(Hash hash, std::span<const unsigned char> key) {
    auto& idle = detail::idle_hmac_workspaces(hash);
    if (idle) {
      workspace_ = std::move(idle);
      idle = std::move(workspace_->next_idle);
    } else {
      workspace_ = std::make_unique<detail::HmacWorkspace>(hash);
    }
    workspace_->absorb(key);
  }
  Hmac(const Hmac&) = delete;
  Hmac& operator=(const Hmac&) = delete;

  ~Hmac() {
    EVP_MD_CTX_reset(workspace_->running.get());
    if (!workspace_->forget_key()) return; // frees, which wipes too
    auto& idle = detail::idle_hmac_workspaces(workspace_->hash);
    workspace_->next_idle = std::move(idle);
    idle = std::move(workspace_);
  }

  [[nodiscard]] Digest operator()(std::span<const unsigned char> message) {
    return workspace_->compute({}, text_of(message));
  }

 private:
  std::unique_ptr<detail::HmacWorkspace> workspace_;
};

/// A key of HMAC-SHA-256 that is used again and again, by any number of threads. Each keeps it, and OpenSSL's
/// state of it, with up to seven others until it ends or uses more. Copies share the key, which is wiped with
/// the last of them and of what threads keep.
class HmacKey {
 public:
  explicit HmacKey(const Digest& key) : key_(std::make_shared<const Digest>(key)) {}
  HmacKey(const HmacKey&) = default; // a move copies, so that there is always a key
  HmacKey& operator=(const HmacKey&) = default;
  ~HmacKey() = default;

  /// The HMAC of the parts one after the other, and of what stands at the end. Throws `errc::crypto_failure`.
  [[nodiscard]] Digest operator()(std::span<const std::string_view> parts, std::string_view end = {}) const {
    auto& kept = detail::keyed_hmac_workspace(place_);
    if (kept.key != key_) {
      kept.key.reset();
      if (!kept.workspace) kept.workspace = std::make_unique<detail::HmacWorkspace>(Hash::sha256);
      detail::require(kept.workspace->forget_key(), "OpenSSL cannot start the hash");
      kept.workspace->absorb(key_->span());
      kept.key = key_;
    }
    return kept.workspace->compute(parts, end);
  }

 private:
  /// Another for each key, so that those which are used in turns do not take each other's.
  [[nodiscard]] static std::size_t next_place() noexcept {
    static std::atomic<std::size_t> places = 0;
    return places.fetch_add(1, std::memory_order_relaxed);
  }

  std::shared_ptr<const Digest> key_;
  std::size_t place_ = next_place();
};

} // namespace mfa::crypto
