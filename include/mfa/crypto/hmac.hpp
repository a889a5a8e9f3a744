#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <openssl/evp.h>

#include <mfa/crypto/hash.hpp>
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
/// each thread keeps those it has used. An idle one has its hashes at their start.
struct HmacWorkspace {
  struct Free {
    void operator()(EVP_MD* hash) const noexcept { EVP_MD_free(hash); }
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
  };
  using Context = std::unique_ptr<EVP_MD_CTX, Free>;

  std::unique_ptr<EVP_MD, Free> md;
  Context inner;   ///< has hashed the key's inner block
  Context outer;   ///< has hashed the key's outer block
  Context running; ///< copied from one of them for each message
  std::unique_ptr<HmacWorkspace> next_idle = {};

  explicit HmacWorkspace(Hash hash)
      : md(EVP_MD_fetch(nullptr,
                        hash == Hash::sha1     ? "SHA1"
                        : hash == Hash::sha256 ? "SHA256"
                                               : "SHA512",
                        nullptr)),
        inner(EVP_MD_CTX_new()), outer(EVP_MD_CTX_new()), running(EVP_MD_CTX_new()) {
    require(md && inner && outer && running, "OpenSSL does not give the hash");
    for (EVP_MD_CTX* context : {inner.get(), outer.get()})
      require(EVP_DigestInit_ex2(context, md.get(), nullptr) == 1, "OpenSSL cannot start the hash");
  }
};

/// The first of this thread's workspaces that nobody is using.
inline std::unique_ptr<HmacWorkspace>& idle_hmac_workspaces(Hash hash) noexcept {
  thread_local std::array<std::unique_ptr<HmacWorkspace>, 3> idle;
  return idle[static_cast<std::size_t>(hash) - 1];
}

} // namespace detail

/// HMAC (RFC 2104) with one key for any number of messages: the key is absorbed once, so each short message
/// costs two compressions. For one thread at a time. The key's traces are wiped at the end.
class Hmac {
 public:
  /// Throws `errc::crypto_failure` if OpenSSL has not the hash.
  Hmac(Hash hash, std::span<const unsigned char> key) : hash_(hash) {
    auto& idle = detail::idle_hmac_workspaces(hash);
    if (idle) {
      workspace_ = std::move(idle);
      idle = std::move(workspace_->next_idle);
    } else {
      workspace_ = std::make_unique<detail::HmacWorkspace>(hash);
    }
    absorb(key);
  }
  Hmac(const Hmac&) = delete;
  Hmac& operator=(const Hmac&) = delete;

  ~Hmac() {
    EVP_MD_CTX_reset(workspace_->running.get());
    for (EVP_MD_CTX* context : {workspace_->inner.get(), workspace_->outer.get()})
      if (EVP_DigestInit_ex2(context, nullptr, nullptr) != 1) return; // frees, which wipes too
    auto& idle = detail::idle_hmac_workspaces(hash_);
    workspace_->next_idle = std::move(idle);
    idle = std::move(workspace_);
  }

  [[nodiscard]] Digest operator()(std::span<const unsigned char> message) {
    Digest digest;
    digest.size = digest_size(hash_);
    EVP_MD_CTX* const running = workspace_->running.get();
    detail::require(EVP_MD_CTX_copy_ex(running, workspace_->inner.get()) == 1 &&
                        EVP_DigestUpdate(running, message.data(), message.size()) == 1 &&
                        EVP_DigestFinal_ex(running, digest.bytes.data(), nullptr) == 1 &&
                        EVP_MD_CTX_copy_ex(running, workspace_->outer.get()) == 1 &&
                        EVP_DigestUpdate(running, digest.bytes.data(), digest.size) == 1 &&
                        EVP_DigestFinal_ex(running, digest.bytes.data(), nullptr) == 1,
                    "OpenSSL cannot compute the HMAC");
    return digest;
  }

 private:
  void absorb(std::span<const unsigned char> key) {
    SecretArray<unsigned char, 128> block;
    const std::size_t size = block_size(hash_);
    bool done = true;
    if (key.size() > size)
      done = EVP_Digest(key.data(), key.size(), block.data(), nullptr, workspace_->md.get(), nullptr) == 1;
    else
      for (std::size_t i = 0; i < key.size(); ++i) block[i] = key[i];
    for (auto& byte : block) byte ^= 0x36;
    done = done && EVP_DigestUpdate(workspace_->inner.get(), block.data(), size) == 1;
    for (auto& byte : block) byte ^= 0x36 ^ 0x5c;
    done = done && EVP_DigestUpdate(workspace_->outer.get(), block.data(), size) == 1;
    detail::require(done, "OpenSSL cannot key the HMAC");
  }

  Hash hash_;
  std::unique_ptr<detail::HmacWorkspace> workspace_;
};

} // namespace mfa::crypto
