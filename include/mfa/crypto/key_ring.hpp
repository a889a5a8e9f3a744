#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/constant_time.hpp>
#include <mfa/crypto/hmac.hpp>
#include <mfa/crypto/key_bytes.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/crypto/sealed_box.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/error.hpp>

namespace mfa {

/// Numbers of the times between which records can be set back: see docs/keys.md, "Epochs".
struct Epochs {
  std::uint32_t current = 0;
  std::uint32_t oldest = 0; ///< that is still taken

  friend bool operator==(const Epochs&, const Epochs&) = default;
};

/// The keys under which secrets are kept: AES-256-GCM for what must be read again, HMAC-SHA-256 for what is
/// only compared and for the stamps of records, which say also of which epoch a record is. Each key has an
/// id, which is stored beside what it seals. New seals use the current key; further keys only open. A value:
/// copy it into `Options`. The keys are wiped with the last copy. Reading it from many threads is safe.
class KeyRing {
 public:
  static constexpr std::size_t key_size = KeyBytes::size;
  static constexpr std::size_t longest_key_id = 64;

  /// What an error is about: a text, or a kind of record and its id, which are put together only if there is
  /// an error. Borrowed for the call.
  class Named {
   public:
    template <std::convertible_to<std::string_view> Text> Named(const Text& text) : kind_(text) {}
    Named(std::string_view kind, std::string_view id) : kind_(kind), id_(id) {}

    [[nodiscard]] std::string text() const {
      return id_.empty() ? std::string(kind_) : std::string(kind_).append(" ").append(id_);
    }

   private:
    std::string_view kind_;
    std::string_view id_;
  };

  /// No keys: a `Verifier` on an ephemeral storage then draws a key of its own, any other refuses to start.
  KeyRing() = default;

  /// `key` is 32 secret random bytes that outlive the process (a file, a KMS), in whatever `KeyBytes` takes;
  /// of a text that stands for them, `key_from_hex` or `key_from_base64`. `key_id` is any name of 1 to
  /// 64 letters, digits, '.', '_' and '-'. Throws `errc::invalid_argument`, also for bytes that nobody drew
  /// (`may_be_random`).
  KeyRing(std::string_view key_id, const KeyBytes& key) { add(key_id, key.span()); }

  /// Adds a key that opens and does not seal: a former one, or the next one, which every node must hold
  /// before the first seals under it. Throws `errc::invalid_argument`.
  KeyRing& add_further(std::string_view key_id, const KeyBytes& key) {
    if (keys_.empty())
      throw Error(errc::invalid_argument,
                  "a key ring needs its current key before a further one; make it as KeyRing{id, key}");
    add(key_id, key.span());
    return *this;
  }

  /// False for what is a placeholder and no key: bytes that are all the same or whose second half repeats the
  /// first, and bytes that count up or down by one step. Of random keys, one in 2^128 is such.
  [[nodiscard]] static bool may_be_random(std::span<const unsigned char> key) noexcept {
    unsigned char halves_differ = 0;
    unsigned char steps_differ = 0;
    const std::size_t half = key.size() / 2;
    for (std::size_t i = 0; i + half < key.size(); ++i)
      halves_differ = static_cast<unsigned char>(halves_differ | (key[i] ^ key[i + half]));
    for (std::size_t i = 2; i < key.size(); ++i)
      steps_differ = static_cast<unsigned char>(
          steps_differ | static_cast<unsigned char>(key[i] - 2 * key[i - 1] + key[i - 2]));
    return halves_differ != 0 && steps_differ != 0;
  }

  /// One fresh random key, lost with the process.
  [[nodiscard]] static KeyRing generate() {
    crypto::SecretBytes key(key_size);
    crypto::random_bytes(key);
    // Random, so that one is not taken for another.
    return {std::string("ephemeral-").append(crypto::random_digits(9, "key id")), key};
  }

  /// Keeps secrets in the clear: whoever reads the storage has every user's second factor, and anybody can
  /// make the id of a passkey challenge (`Verifier::challenge_passkey`), with terms that he likes. What a key
  /// sealed is not opened, and what is in the clear is not taken by a key ring with keys.
  [[nodiscard]] static KeyRing unsealed() {
    KeyRing ring;
    ring.unsealed_ = true;
    return ring;
  }

  /// Whether it was made without keys and without `unsealed()`.
  [[nodiscard]] bool empty() const noexcept { return keys_.empty() && !unsealed_; }

  /// The bytes to store for a secret. `associated_data` names the record: the bytes open only under the same.
  [[nodiscard]] std::string seal(std::span<const unsigned char> plain,
                                 std::string_view associated_data) const {
    const Key* const key = current();
    std::string sealed = tag(key);
    if (key == nullptr)
      sealed.append(crypto::text_of(plain));
    else
      crypto::seal(sealed, key->sealing, plain, associated_data);
    return sealed;
  }

  /// The secret. Throws `errc::unknown_key` if its key is not on the ring and `errc::seal_broken` if the
  /// bytes are not those that `seal` gave for this associated data; `what` names the record in the message.
  [[nodiscard]] crypto::SecretBytes open(std::string_view sealed, std::string_view associated_data,
                                         const Named& what) const {
    const auto [key, rest] = find_key(sealed, what);
    if (key == nullptr) return crypto::secret_copy(crypto::bytes_of(rest));
    auto plain = crypto::open(key->sealing, crypto::bytes_of(rest), associated_data);
    if (!plain)
      throw Error(errc::seal_broken,
                  "the sealed secret of " + what.text() +
                      " does not open: it was changed, cut off or moved from another record; "
                      "restore the record, or delete the factor and enrol it anew");
    return *std::move(plain);
  }

  /// The id of the key that these bytes were sealed or authenticated under: empty for `unsealed()`, and
  /// nothing if they are neither.
  [[nodiscard]] static std::optional<std::string_view> key_id_of(std::string_view stored) noexcept {
    const std::size_t length = stored.empty() ? 0 : static_cast<unsigned char>(stored.front());
    if (stored.empty() || length > longest_key_id || stored.size() < 1 + length) return std::nullopt;
    return stored.substr(1, length);
  }

  /// Whether the ring holds the key that these bytes were sealed or authenticated under.
  [[nodiscard]] bool holds_key_of(std::string_view stored) const noexcept {
    const auto id = key_id_of(stored);
    if (!id) return false;
    if (id->empty()) return unsealed_;
    for (const Key& key : keys_)
      if (key.id == *id) return true;
    return false;
  }

  /// Whether `seal` would use the key that these bytes were sealed under.
  [[nodiscard]] bool is_current(std::string_view sealed) const {
    return key_id_of(sealed) == id_of(current());
  }

  /// What to store of a value that is only compared later: its HMAC-SHA-256 under the current key. `context`
  /// names the use and the record, so that a stored value does not pass for another's.
  [[nodiscard]] std::string authenticate(std::string_view value, std::string_view context) const {
    return authenticate(current(), value, context);
  }

  /// The same under each key, the current one first: for what is looked for under its HMAC.
  [[nodiscard]] std::vector<std::string> authenticate_under_each(std::string_view value,
                                                                 std::string_view context) const {
    std::vector<std::string> stored{authenticate(value, context)};
    for (std::size_t i = 1; i < keys_.size(); ++i) stored.push_back(authenticate(&keys_[i], value, context));
    return stored;
  }

  /// Whether `stored` came from `authenticate` with the same value and context, in constant time. Throws
  /// `errc::unknown_key` as `open` does.
  [[nodiscard]] bool matches(std::string_view stored, std::string_view value, std::string_view context,
                             const Named& what) const {
    const auto [key, rest] = find_key(stored, what);
    return crypto::equal(rest, crypto::text_of(mac(key, value, context).span()));
  }

  /// What proves later that a holder of the ring wrote a message: the id of the key, the epoch, and a MAC
  /// over message and epoch, the first 16 bytes of HMAC-SHA-256.
  class Stamp {
   public:
    [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }

   private:
    friend class KeyRing;
    void append(std::string_view bytes) noexcept {
      std::copy(bytes.begin(), bytes.end(), bytes_.data() + size_);
      size_ += bytes.size();
    }
    std::array<char, 1 + longest_key_id + 4 + 16> bytes_{};
    std::size_t size_ = 0;
  };

  /// Of the message's parts one after the other, under the current key and of the current epoch.
  [[nodiscard]] Stamp stamp(std::span<const std::string_view> message) const {
    const Key* const key = current();
    const std::string_view id = id_of(key);
    const char id_size = static_cast<char>(id.size());
    const auto epoch_bytes = bytes_of_epoch(epochs_.current);
    const std::string_view epoch = crypto::text_of(epoch_bytes);
    Stamp stamp;
    stamp.append({&id_size, 1});
    stamp.append(id);
    stamp.append(epoch);
    stamp.append(crypto::text_of(stamp_mac(key, epoch, message).span()).substr(0, stamp_mac_size));
    return stamp;
  }

  [[nodiscard]] Stamp stamp(std::string_view message) const { return stamp({&message, 1}); }

  /// The stamp that these bytes begin with, or nothing if they are cut off.
  [[nodiscard]] static std::optional<std::string_view> stamp_of(std::string_view bytes) noexcept {
    const auto key_id = key_id_of(bytes);
    if (!key_id) return std::nullopt;
    const std::size_t size = 1 + key_id->size() + epoch_size + stamp_mac_size;
    if (bytes.size() < size) return std::nullopt;
    return bytes.substr(0, size);
  }

  /// Whether `stamp` came from the function of that name for this message, in constant time. Throws
  /// `errc::unknown_key` as `open` does, and `errc::seal_broken` if its epoch is before the oldest.
  [[nodiscard]] bool matches_stamp(std::string_view stamp, std::span<const std::string_view> message,
                                   const Named& what) const {
    const auto [key, rest] = find_key(stamp, what);
    if (rest.size() != epoch_size + stamp_mac_size) return false;
    if (epoch_in(stamp) < epochs_.oldest)
      throw Error(
          errc::seal_broken,
          what.text() + " is of epoch " + std::to_string(epoch_in(stamp)) +
              ", and the key ring takes none before " + std::to_string(epochs_.oldest) +
              ": the storage was set back to an earlier state, or reseal_all had not moved the record "
              "when its epoch was retired; see docs/keys.md, \"Epochs\"");
    const std::string_view epoch = rest.substr(0, epoch_size);
    const crypto::Digest digest = stamp_mac(key, epoch, message);
    return crypto::equal(rest.substr(epoch_size), crypto::text_of(digest.span()).substr(0, stamp_mac_size));
  }

  [[nodiscard]] bool matches_stamp(std::string_view stamp, std::string_view message,
                                   const Named& what) const {
    return matches_stamp(stamp, {&message, 1}, what);
  }

  /// Whether a new stamp would be of the same key, and of no later epoch.
  [[nodiscard]] bool is_current_stamp(std::string_view stamp) const {
    return stamp_of(stamp) == stamp && is_current(stamp) && epoch_in(stamp) >= epochs_.current;
  }

  /// Whether the epoch that the stamp names is before the oldest. Anybody could have named it.
  [[nodiscard]] bool is_retired_stamp(std::string_view stamp) const noexcept {
    return stamp_of(stamp) == stamp && epoch_in(stamp) < epochs_.oldest;
  }

  /// What is stamped from now on is of epoch `current`, and what is of an epoch before `oldest` is refused:
  /// so nobody sets a record back to what it was before `oldest` began. docs/keys.md, "Epochs", says where to
  /// keep them, and what to do before each step. Throws `errc::invalid_argument` if `oldest` is after
  /// `current`.
  KeyRing& set_epochs(const Epochs& epochs) {
    if (epochs.oldest > epochs.current)
      throw Error(errc::invalid_argument,
                  "the oldest epoch, " + std::to_string(epochs.oldest) + ", is after the current one, " +
                      std::to_string(epochs.current) + "; retire no epoch before a new one has begun");
    epochs_ = epochs;
    return *this;
  }

  [[nodiscard]] const Epochs& epochs() const noexcept { return epochs_; }

 private:
  static constexpr std::size_t epoch_size = 4;
  static constexpr std::size_t stamp_mac_size = 16;

  struct Key {
    std::string id;
    crypto::SecretBytes sealing;
    crypto::HmacKey authentication;
    crypto::HmacKey stamping;
  };

  void add(std::string_view key_id, std::span<const unsigned char> key) {
    constexpr std::string_view plain_characters =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-";
    if (key_id.empty() || key_id.size() > longest_key_id ||
        key_id.find_first_not_of(plain_characters) != std::string_view::npos)
      throw Error(errc::invalid_argument,
                  "a key id has 1 to 64 letters, digits, '.', '_' and '-'; this one does not");
    for (const Key& held : keys_)
      if (held.id == key_id)
        throw Error(errc::invalid_argument, "the key ring holds a key '" + std::string(key_id) +
                                                "' already; give each key its own id");
    if (key.size() != key_size)
      throw Error(errc::invalid_argument,
                  "key '" + std::string(key_id) + "' has " + std::to_string(key.size()) +
                      " bytes; a key is 32 random bytes. " + detail::advice_on_key(key));
    if (!may_be_random(key))
      throw Error(errc::invalid_argument, "key '" + std::string(key_id) +
                                              "' was not drawn at random; a key is 32 random bytes, as "
                                              "`openssl rand 32` gives");
    // One key for each use (NIST SP 800-108 in its simplest form: HMAC of the use's name).
    crypto::Hmac derive(crypto::Hash::sha256, key);
    const auto sealing = derive(crypto::bytes_of("mfa sealing key 1"));
    keys_.push_back({std::string(key_id), crypto::secret_copy(sealing.span()),
                     crypto::HmacKey(derive(crypto::bytes_of("mfa authentication key 1"))),
                     crypto::HmacKey(derive(crypto::bytes_of("mfa stamping key 1")))});
  }

  /// Null: `unsealed()`.
  [[nodiscard]] const Key* current() const {
    if (unsealed_) return nullptr;
    if (keys_.empty()) throw Error(errc::no_key_ring, "the key ring holds no key; give it one");
    return &keys_.front();
  }

  /// Empty: `unsealed()`.
  [[nodiscard]] static std::string_view id_of(const Key* key) noexcept {
    return key != nullptr ? std::string_view(key->id) : std::string_view();
  }

  /// Stored bytes start with the length of the key id and the key id.
  [[nodiscard]] static std::string tag(const Key* key) {
    const std::string_view id = id_of(key);
    return std::string(1, static_cast<char>(id.size())).append(id);
  }

  /// In the order in which numbers are written.
  [[nodiscard]] static std::array<unsigned char, epoch_size> bytes_of_epoch(std::uint32_t epoch) noexcept {
    return {static_cast<unsigned char>(epoch >> 24), static_cast<unsigned char>(epoch >> 16),
            static_cast<unsigned char>(epoch >> 8), static_cast<unsigned char>(epoch)};
  }

  /// Of what `stamp_of` gave.
  [[nodiscard]] static std::uint32_t epoch_in(std::string_view stamp) noexcept {
    const std::string_view bytes = stamp.substr(stamp.size() - stamp_mac_size - epoch_size);
    std::uint32_t epoch = 0;
    for (const char byte : bytes.substr(0, epoch_size)) epoch = epoch << 8 | static_cast<unsigned char>(byte);
    return epoch;
  }

  /// The key that the stored bytes name (null: `unsealed()`), and what follows its name.
  [[nodiscard]] std::pair<const Key*, std::string_view> find_key(std::string_view stored,
                                                                 const Named& what) const {
    const auto named = key_id_of(stored);
    if (!named)
      throw Error(errc::seal_broken,
                  "the stored secret of " + what.text() + " is cut off; restore the record");
    const std::string_view id = *named;
    const auto rest = stored.substr(1 + id.size());
    if (id.empty()) {
      if (unsealed_) return {nullptr, rest};
      throw Error(errc::unknown_key, "the secret of " + what.text() +
                                         " is kept in the clear, which a key ring with keys does not take; "
                                         "delete the factor and enrol it anew");
    }
    for (const Key& key : keys_)
      if (key.id == id) return {&key, rest};
    throw Error(errc::unknown_key,
                "the secret of " + what.text() +
                    " is sealed under a key that the key ring does not hold; add that key with "
                    "add_further(id, key)");
  }

  [[nodiscard]] static std::string authenticate(const Key* key, std::string_view value,
                                                std::string_view context) {
    return tag(key).append(crypto::text_of(mac(key, value, context).span()));
  }

  [[nodiscard]] static crypto::Digest mac(const Key* key, std::string_view value, std::string_view context) {
    // Contexts hold no NUL, so that context and value cannot run into each other.
    const std::array<std::string_view, 3> message{context, std::string_view("\0", 1), value};
    return (key != nullptr ? key->authentication : no_key())(message);
  }

  [[nodiscard]] static crypto::Digest stamp_mac(const Key* key, std::string_view epoch,
                                                std::span<const std::string_view> message) {
    return (key != nullptr ? key->stamping : no_key())(message, epoch);
  }

  /// Of `unsealed()`.
  [[nodiscard]] static const crypto::HmacKey& no_key() {
    static const crypto::HmacKey key{crypto::Digest()};
    return key;
  }

  std::vector<Key> keys_; ///< the current one first
  bool unsealed_ = false;
  Epochs epochs_;
};

} // namespace mfa
