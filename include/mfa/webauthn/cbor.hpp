#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include <cbor.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/encoding/text.hpp>

namespace mfa::webauthn {

/// Reads CBOR item after item, in the form that WebAuthn allows (CTAP2 canonical form, section 8 of
/// CTAP 2.1) but for the order of keys, which real devices get wrong: definite and shortest lengths, no tags,
/// no floating point numbers, at most four levels and 64 pairs in a map, none of which has another's key.
/// Each item's head is decoded by libcbor's streaming decoder, which allocates nothing; so hostile lengths
/// and depths cost no memory, and time is bounded by the input's length. Every function gives nothing for
/// anything else; the reader is then of no more use. Borrows the bytes; what it returns are parts of them.
class CborReader {
 public:
  explicit CborReader(std::span<const unsigned char> bytes) : rest_(bytes) {}

  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

  /// What was not read yet.
  [[nodiscard]] std::span<const unsigned char> rest() const noexcept { return rest_; }

  /// How many pairs follow.
  std::optional<std::uint64_t> map() { return value_of(Type::map); }

  /// How many items follow.
  std::optional<std::uint64_t> array() { return value_of(Type::array); }

  std::optional<std::string_view> text() {
    const auto item = next();
    if (!item || item->type != Type::text) return std::nullopt;
    return crypto::text_of(item->string);
  }

  std::optional<std::span<const unsigned char>> bytes() {
    const auto item = next();
    if (!item || item->type != Type::bytes) return std::nullopt;
    return item->string;
  }

  /// An integer of either sign.
  std::optional<std::int64_t> integer() {
    const auto item = next();
    if (!item || item->value > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) return std::nullopt;
    if (item->type == Type::unsigned_integer) return static_cast<std::int64_t>(item->value);
    if (item->type == Type::negative_integer) return -1 - static_cast<std::int64_t>(item->value);
    return std::nullopt;
  }

  /// Reads one item with all that is in it, whatever it is, and returns its bytes.
  std::optional<std::span<const unsigned char>> any(unsigned levels = 4) {
    const auto start = rest_;
    const auto item = next();
    if (!item || !read_contents(*item, levels)) return std::nullopt;
    return start.first(start.size() - rest_.size());
  }

 private:
  enum class Type : std::uint8_t {
    refused,
    unsigned_integer,
    negative_integer,
    bytes,
    text,
    array,
    map,
    simple
  };
  struct Item {
    Type type{};
    std::uint64_t value = 0; ///< of an integer; or how many bytes, items or pairs
    std::span<const unsigned char> string;
  };

  static Item& found(void* context) { return *static_cast<Item*>(context); }
  template <Type type> static void on_number(void* context, std::uint64_t value) {
    found(context) = {type, value, {}};
  }
  template <Type type> static void on_string(void* context, cbor_data data, std::size_t size) {
    found(context) = {type, size, {data, size}};
  }

  /// What is not named here leaves the item as it is: refused.
  static const cbor_callbacks& callbacks() {
    static const cbor_callbacks table = [] {
      constexpr auto positive = Type::unsigned_integer;
      constexpr auto negative = Type::negative_integer;
      cbor_callbacks named = cbor_empty_callbacks;
      named.uint8 = [](void* to, std::uint8_t n) { on_number<positive>(to, n); };
      named.uint16 = [](void* to, std::uint16_t n) { on_number<positive>(to, n); };
      named.uint32 = [](void* to, std::uint32_t n) { on_number<positive>(to, n); };
      named.uint64 = [](void* to, std::uint64_t n) { on_number<positive>(to, n); };
      named.negint8 = [](void* to, std::uint8_t n) { on_number<negative>(to, n); };
      named.negint16 = [](void* to, std::uint16_t n) { on_number<negative>(to, n); };
      named.negint32 = [](void* to, std::uint32_t n) { on_number<negative>(to, n); };
      named.negint64 = [](void* to, std::uint64_t n) { on_number<negative>(to, n); };
      named.byte_string = [](void* to, cbor_data data, auto size) { on_string<Type::bytes>(to, data, size); };
      named.string = [](void* to, cbor_data data, auto size) { on_string<Type::text>(to, data, size); };
      named.array_start = [](void* to, auto size) { on_number<Type::array>(to, size); };
      named.map_start = [](void* to, auto size) { on_number<Type::map>(to, size); };
      named.boolean = [](void* to, bool) { on_number<Type::simple>(to, 0); };
      named.null = [](void* to) { on_number<Type::simple>(to, 0); };
      return named;
    }();
    return table;
  }

  /// The bytes that the shortest head takes.
  static std::size_t shortest_head(std::uint64_t value) {
    return value < 24 ? 1 : value <= 0xff ? 2 : value <= 0xffff ? 3 : value <= 0xffff'ffff ? 5 : 9;
  }

  /// Reads one head and, of a string, its contents.
  std::optional<Item> next() {
    Item item;
    const auto decoded = cbor_stream_decode(rest_.data(), rest_.size(), &callbacks(), &item);
    if (decoded.status != CBOR_DECODER_FINISHED || item.type == Type::refused) return std::nullopt;
    if (decoded.read != shortest_head(item.value) + item.string.size()) return std::nullopt;
    if (item.type == Type::text && !mfa::detail::is_utf8(crypto::text_of(item.string))) return std::nullopt;
    rest_ = rest_.subspan(decoded.read);
    return item;
  }

  std::optional<std::uint64_t> value_of(Type type) {
    const auto item = next();
    if (!item || item->type != type) return std::nullopt;
    return item->value;
  }

  /// Reads what is in an item whose head was read.
  bool read_contents(const Item& item, unsigned levels) {
    if (item.type == Type::array) {
      if (levels == 0) return false;
      for (std::uint64_t i = 0; i < item.value; ++i)
        if (!any(levels - 1)) return false;
    }
    if (item.type == Type::map) {
      if (levels == 0) return false;
      std::array<std::string_view, 64> keys{};
      if (item.value > keys.size()) return false;
      for (std::size_t i = 0; i < item.value; ++i) {
        const auto key = any(0);
        if (!key || !any(levels - 1)) return false;
        keys.at(i) = crypto::text_of(*key);
        if (std::find(keys.begin(), keys.begin() + i, keys.at(i)) != keys.begin() + i) return false;
      }
    }
    return true;
  }

  std::span<const unsigned char> rest_;
};

} // namespace mfa::webauthn
