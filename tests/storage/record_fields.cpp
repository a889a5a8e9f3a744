// The fields of a record are read back as they were written, and bytes that are no such fields are refused
// without a look beyond their end: on the heap at their exact size, so that AddressSanitizer sees one byte
// too many.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include <mfa/encoding/fields.hpp>
#include <mfa/error.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using mfa::errc;
using mfa::detail::FieldReader;
using mfa::detail::FieldWriter;
using namespace mfa::test;
using namespace std::string_literals;

namespace {

/// A copy with nothing behind it.
class Exact {
 public:
  explicit Exact(std::string_view bytes)
      : bytes_(std::make_unique<char[]>(bytes.size())), size_(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), bytes_.get());
  }

  [[nodiscard]] FieldReader reader() const { return {{bytes_.get(), size_}, 1, "factor", "f"}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();

} // namespace

TEST_CASE("numbers and texts come back as they were written") {
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, most}) {
    const Exact stored(FieldWriter(1).number(number).text("text").text("").number(7).take());
    FieldReader fields = stored.reader();
    CHECK(fields.number() == number);
    CHECK(fields.text() == "text");
    CHECK(fields.text().empty());
    CHECK(fields.number() == 7);
    fields.end();
  }
}

TEST_CASE("a text longer than what is left is refused where it is read") {
  for (const std::size_t left : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{200}})
    for (const std::uint64_t beyond : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{10}, most - left}) {
      INFO("left " << left << ", beyond " << beyond);
      const Exact stored(FieldWriter(1).number(left + beyond).take() + std::string(left, 'x'));
      FieldReader fields = stored.reader();
      CHECK(thrown_by([&] { return fields.text(); }) == errc::corrupt_record);
    }
}

TEST_CASE("a number that ends too early or is larger than 64 bits is refused") {
  for (const std::string& number :
       {""s, "\x80"s, "\xff\xff"s, std::string(9, '\xff'), std::string(10, '\xff'),
        std::string(9, '\xff') + '\2', std::string(10, '\x80') + '\1'}) {
    const Exact stored("\1" + number);
    FieldReader fields = stored.reader();
    CHECK(thrown_by([&] { return fields.number(); }) == errc::corrupt_record);
  }
}

TEST_CASE("a number above the most that its field takes is refused") {
  const Exact stored(FieldWriter(1).number(101).take());
  FieldReader fields = stored.reader();
  CHECK(thrown_by([&] { return fields.number_up_to(100); }) == errc::corrupt_record);
}

TEST_CASE("another format, and bytes after the last field, are refused") {
  CHECK(thrown_by([] { return Exact("").reader(); }) == errc::corrupt_record);
  CHECK(thrown_by([] { return Exact("\2").reader(); }) == errc::corrupt_record);
  const Exact stored(FieldWriter(1).text("text").take() + 'x');
  FieldReader fields = stored.reader();
  (void)fields.text();
  CHECK(thrown_by([&] { fields.end(); }) == errc::corrupt_record);
}

TEST_CASE("whatever one byte of the fields becomes, reading stays within them") {
  const std::string written =
      FieldWriter(1).text("issuer").text("user").number(300).text(std::string(130, 'x')).take();
  std::array<std::size_t, 2> outcomes{};
  for (std::size_t at = 0; at < written.size(); ++at)
    for (int value = 0; value < 256; ++value) {
      std::string damaged = written;
      damaged[at] = static_cast<char>(value);
      const Exact stored(damaged);
      const errc thrown = thrown_by([&] {
        FieldReader fields = stored.reader();
        const auto first = fields.text();
        const auto second = fields.text();
        (void)fields.number();
        const auto third = fields.text();
        fields.end();
        return first.size() + second.size() + third.size();
      });
      CHECK((thrown == errc{} || thrown == errc::corrupt_record));
      ++outcomes[thrown == errc{} ? 0 : 1];
    }
  CHECK(outcomes[0] > 0);
  CHECK(outcomes[1] > 0);
}
