#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include <libpq-fe.h>

#include <mfa/error.hpp>
#include <mfa/storage/postgres/errors.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::detail::postgres {

/// What the server answered to one statement.
class Result {
 public:
  explicit Result(PGresult* handle) : handle_(handle) {}

  [[nodiscard]] const PGresult* handle() const noexcept { return handle_.get(); }
  explicit operator bool() const noexcept { return handle_ != nullptr; }

  [[nodiscard]] ExecStatusType status() const noexcept { return PQresultStatus(handle()); }
  [[nodiscard]] int rows() const noexcept { return PQntuples(handle()); }

  [[nodiscard]] bool is_error() const noexcept {
    const auto is = status();
    return is != PGRES_COMMAND_OK && is != PGRES_TUPLES_OK && is != PGRES_PIPELINE_SYNC;
  }

  /// How many rows a DELETE removed.
  [[nodiscard]] std::size_t removed() const noexcept {
    const std::string_view digits = PQcmdTuples(handle_.get());
    std::size_t count = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), count);
    return count;
  }

  /// The SQLSTATE of an error that the server reported; otherwise empty.
  [[nodiscard]] std::string_view state() const noexcept { return field(PG_DIAG_SQLSTATE); }
  [[nodiscard]] std::string_view message() const noexcept { return field(PG_DIAG_MESSAGE_PRIMARY); }

  /// Whether the server ended the connection with this error.
  [[nodiscard]] bool is_fatal() const noexcept {
    const auto severity = field(PG_DIAG_SEVERITY_NONLOCALIZED);
    return severity == "FATAL" || severity == "PANIC";
  }

 private:
  struct Clear {
    void operator()(PGresult* handle) const noexcept { PQclear(handle); }
  };

  [[nodiscard]] std::string_view field(int code) const noexcept {
    const char* text = PQresultErrorField(handle(), code);
    return text == nullptr ? std::string_view() : text;
  }

  std::unique_ptr<PGresult, Clear> handle_;
};

/// The parameters of one run of a statement, counted from 1; NULL unless bound. What is bound must live as
/// long.
class Parameters {
 public:
  explicit Parameters(int count) : count_(count) {}
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  /// Counts parameters from this one on.
  void begin_at(int parameter) noexcept { first_ = parameter; }

  void bind(int parameter, bool value) {
    char* const place = number(parameter, 1);
    *place = value ? 1 : 0;
  }

  void bind(int parameter, std::int64_t value) {
    char* const place = number(parameter, 8);
    for (int i = 0; i < 8; ++i)
      place[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (56 - 8 * i) & 0xff);
  }

  void bind(int parameter, std::uint64_t value) { bind(parameter, static_cast<std::int64_t>(value)); }

  void bind_limit(int parameter, std::size_t limit) {
    bind(parameter, std::min<std::uint64_t>(limit, std::numeric_limits<std::int64_t>::max()));
  }

  void bind(int parameter, Time value) {
    bind(parameter, static_cast<std::int64_t>(value.time_since_epoch().count()));
  }

  void bind_blob(int parameter, std::string_view value) {
    if (value.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
      throw Error(errc::invalid_argument, "a value of more than 2 GiB cannot be stored");
    const std::size_t place = index(parameter);
    values_[place] = value.data() == nullptr ? "" : value.data();
    lengths_[place] = static_cast<int>(value.size());
  }

  void bind_text(int parameter, std::string_view value) { bind_blob(parameter, value); }

  [[nodiscard]] int count() const noexcept { return count_; }
  [[nodiscard]] const char* const* values() const noexcept { return values_.data(); }
  [[nodiscard]] const int* lengths() const noexcept { return lengths_.data(); }
  [[nodiscard]] static const int* formats() noexcept { return all_binary.data(); }

 private:
  static constexpr std::size_t most = 16;
  static constexpr std::array<int, most> all_binary = [] {
    std::array<int, most> formats{};
    formats.fill(1);
    return formats;
  }();

  [[nodiscard]] std::size_t index(int parameter) const {
    return static_cast<std::size_t>(first_ + parameter - 2);
  }

  char* number(int parameter, int length) {
    const std::size_t place = index(parameter);
    char* const bytes = numbers_.at(place).data();
    values_[place] = bytes;
    lengths_[place] = length;
    return bytes;
  }

  int count_;
  int first_ = 1;
  std::array<const char*, most> values_{};
  std::array<int, most> lengths_{};
  std::array<std::array<char, 8>, most> numbers_{};
};

/// One row of a result, with columns counted from 0.
class Row {
 public:
  /// `storage` names the database for errors. Borrows both.
  Row(const std::string& storage, const Result& result, int row) noexcept
      : storage_(storage), result_(result), row_(row) {}

  [[nodiscard]] bool is_null(int column) const noexcept {
    return PQgetisnull(result_.handle(), row_, column) != 0;
  }

  /// Part of the result.
  [[nodiscard]] std::string_view view(int column) const noexcept {
    return {PQgetvalue(result_.handle(), row_, column),
            static_cast<std::size_t>(PQgetlength(result_.handle(), row_, column))};
  }

  [[nodiscard]] std::string bytes(int column) const { return std::string(view(column)); }

  /// Of a bigint.
  [[nodiscard]] std::int64_t integer(int column) const {
    const std::string_view bytes = view(column);
    if (bytes.size() != 8)
      throw Error(errc::storage_schema, "the column " + std::string(column_name(column)) + " of " +
                                            storage() + " is no bigint. " + remedy("42"));
    std::uint64_t number = 0;
    for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
    return static_cast<std::int64_t>(number);
  }

  [[nodiscard]] Time time(int column) const { return Time(Time::duration(integer(column))); }

  [[nodiscard]] const char* column_name(int column) const noexcept {
    return PQfname(result_.handle(), column);
  }

  [[nodiscard]] const std::string& storage() const noexcept { return storage_; }

 private:
  const std::string& storage_;
  const Result& result_;
  int row_;
};

} // namespace mfa::detail::postgres
