#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <libpq-fe.h>

#include <mfa/error.hpp>
#include <mfa/storage/postgres/records.hpp>
#include <mfa/storage/postgres/values.hpp>

// Covers: storage/postgres/values.hpp storage/postgres/records.hpp storage/record_fields.hpp
// encoding/fields.hpp

// A row as a server may send it: a byte says how many of the following are a column's value, or, if it is
// 255, that it is NULL.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mfa::detail::postgres;
  constexpr int columns = 9; // of a challenge with its factor
  Result result(PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK));
  auto* const handle = const_cast<PGresult*>(result.handle());
  std::array<std::array<char, 2>, columns> names{};
  std::array<PGresAttDesc, columns> described{};
  for (std::size_t i = 0; i < columns; ++i) {
    names[i] = {static_cast<char>('a' + i), '\0'};
    described[i].name = names[i].data();
    described[i].format = 1;
  }
  if (PQsetResultAttrs(handle, columns, described.data()) == 0) std::abort();
  for (int column = 0; column < columns; ++column) {
    std::size_t length = 0;
    bool null = true;
    if (size > 0) {
      null = *data == 255;
      length = null ? 0 : *data;
      ++data;
      --size;
      if (length > size) length = size;
    }
    std::string value(reinterpret_cast<const char*>(data), length);
    if (PQsetvalue(handle, 0, column, null ? nullptr : value.data(), null ? -1 : static_cast<int>(length)) ==
        0)
      std::abort();
    data += length;
    size -= length;
  }
  const std::string storage = "the PostgreSQL database";
  const Row row(storage, result, 0);
  const auto attempt = [](auto read) {
    try {
      (void)read();
    } catch (const mfa::Error&) { // for what this library did not write
    }
  };
  attempt([&] { return read_factor(row); });
  attempt([&] { return read_challenge(row); });
  attempt([&] { return read_counter(row); });
  attempt([&] { return read_challenge_with_factor(row); });
  (void)result.removed();
  return 0;
}
