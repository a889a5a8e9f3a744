// E-mail addresses as people type and paste them: what mail goes to, what is shown of it, by what its mails
// are counted, and what is refused with which reason.
#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include <mfa/email/address.hpp>
#include <mfa/error.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

using mfa::email::limit_key;
using mfa::email::mask_address;
using mfa::email::parse_address;
using mfa::test::contains;
using mfa::test::error_of;

namespace {

std::string repeated(std::string_view text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

/// A domain of this many bytes.
std::string domain_of_size(std::size_t size) {
  std::string domain = ".com";
  while (domain.size() < size) {
    const std::size_t label = std::min<std::size_t>(size - domain.size(), 63);
    domain.insert(0, std::string(label, 'd'));
    if (domain.size() < size) domain.insert(0, ".");
  }
  return domain;
}

} // namespace

TEST_CASE("What people type and paste is read as the address that they mean") {
  struct Row {
    std::string typed;
    const char* address;
  };
  const Row rows[] = {
      {"alan@example.com", "alan@example.com"},
      {"Alan.Turing@Example.COM", "Alan.Turing@example.com"}, // a telephone's keyboard begins with a capital
      {"ALAN@EXAMPLE.COM", "ALAN@example.com"},
      {"alan+bank@example.com", "alan+bank@example.com"},
      {"alan_turing-1@example.co.uk", "alan_turing-1@example.co.uk"},
      {"o'brien@example.com", "o'brien@example.com"},
      {"a@example.com", "a@example.com"},
      {"1234567890@qq.com", "1234567890@qq.com"},
      {"!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com"}, // all that RFC 5322 takes
      {"alan=foo.com@bounce.example.com", "alan=foo.com@bounce.example.com"},
      {"alan@mail.x--y.example.com", "alan@mail.x--y.example.com"},
      {"alan@1and1.com", "alan@1and1.com"},
      {"alan@163.com", "alan@163.com"},
      {"alan@x.museum", "alan@x.museum"},
      {"alan@example.xn--p1ai", "alan@example.xn--p1ai"},
      {"alan@xn--bcher-kva.example", "alan@xn--bcher-kva.example"},
      // around it
      {" alan@example.com", "alan@example.com"},
      {"alan@example.com ", "alan@example.com"}, // a keyboard that completes words adds a space
      {"alan@example.com\n", "alan@example.com"},
      {"\r\n\talan@example.com\r\n", "alan@example.com"},
      {"\u00A0alan@example.com\u3000", "alan@example.com"},
      {"\uFEFFalan@example.com", "alan@example.com"},
      {"\u200Balan@exam\u00ADple.com\u200B", "alan@example.com"},
      {"\u202Aalan@example.com\u202C", "alan@example.com"}, // as a list of contacts copies it
      {"\u2068alan@example.com\u2069", "alan@example.com"},
      {"alan @example.com", "alan@example.com"},
      {"alan@ example.com", "alan@example.com"},
      {"alan @ example . com", "alan@example.com"},
      {"alan@example. com", "alan@example.com"}, // a space after what looks like the end of a sentence
      {"alan@example.com.", "alan@example.com"},
      {"alan@example.com,", "alan@example.com"},
      {"alan@example.com;", "alan@example.com"},
      {"alan@example.com ; ", "alan@example.com"},
      // as mail programs and pages copy it
      {"<alan@example.com>", "alan@example.com"},
      {"Al <alan@example.com>", "alan@example.com"},
      {"Alan Turing <Alan@Example.com>;", "Alan@example.com"},
      {"\"Turing, Alan\" <alan@example.com>", "alan@example.com"},
      {"\"Alan\u00A0T\u00FCring\"<alan@example.com>", "alan@example.com"},
      {"alan@example.com <alan@example.com>", "alan@example.com"},
      {"'Alan@example.com' <alan@example.com>", "alan@example.com"},
      {"A < B <alan@example.com>", "alan@example.com"},
      {"Alan <\nalan@example.com\n>", "alan@example.com"},
      {"mailto:alan@example.com", "alan@example.com"},
      {"MAILTO: alan@example.com", "alan@example.com"},
      {"mailto:alan@example.com?subject=Hello&body=x@y", "alan@example.com"},
      {"<mailto:alan@example.com>", "alan@example.com"},
      {"mailto:wh?t@example.com", "wh?t@example.com"},
      // keyboards of other scripts, word processors
      {"\uFF41\uFF4C\uFF41\uFF4E\uFF20\uFF45\uFF58\uFF41\uFF4D\uFF50\uFF4C\uFF45\uFF0E\uFF43\uFF4F\uFF4D",
       "alan@example.com"},
      {"alan\uFF20example\u3002com", "alan@example.com"},
      {"alan@example\uFF61com", "alan@example.com"},
      {"o\u2019brien@example.com", "o'brien@example.com"},
      {"alan\u2011turing@foo\u2010bar.example", "alan-turing@foo-bar.example"},
      // other scripts, which are kept
      {"alan@b\u00FCcher.example", "alan@b\u00FCcher.example"},
      {"\u0434\u0438\u043C\u0430@\u043F\u043E\u0447\u0442\u0430.\u0440\u0444",
       "\u0434\u0438\u043C\u0430@\u043F\u043E\u0447\u0442\u0430.\u0440\u0444"},
      {"\u7528\u6237@\u4F8B\u5B50.\u4E2D\u56FD", "\u7528\u6237@\u4F8B\u5B50.\u4E2D\u56FD"},
      {"\u0905\u091C\u092F@\u0921\u093E\u091F\u093E.\u092D\u093E\u0930\u0924",
       "\u0905\u091C\u092F@\u0921\u093E\u091F\u093E.\u092D\u093E\u0930\u0924"},
      {"info@\u30B3\u30FC\u30D2\u30FC.jp", "info@\u30B3\u30FC\u30D2\u30FC.jp"},
      {"\U0001F600@example.com", "\U0001F600@example.com"},
      // a letter of Persian names, without which the domain is another
      {"ali@\u062E\u0627\u0646\u0647\u200C\u06CC.ir", "ali@\u062E\u0627\u0646\u0647\u200C\u06CC.ir"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.typed);
    CHECK(parse_address(row.typed) == row.address);
    CHECK(parse_address(row.address) == row.address); // it stands for itself
  }
}

TEST_CASE("What is no address, or more than one, is refused with the reason, which does not repeat it") {
  using namespace std::string_literals;
  struct Row {
    std::string typed;
    const char* reason;
  };
  const Row rows[] = {
      {"", "is empty"},
      {" \n", "is empty"},
      {"<>", "is empty"},
      {"mailto:", "is empty"},
      {".", "is empty"},
      {"secretalan", "has no at sign"},
      {"secretalan.example.com", "has no at sign"},
      {"secretalan(at)example.com", "has no at sign"},
      {"+14155550123", "has no at sign"},
      {"@example.com", "nothing before the at sign"},
      {"secretalan@", "nothing after the at sign"},
      {"secretalan@@example.com", "two at signs"},
      {"@secretalan@mastodon.example", "two at signs"},
      {"secretalan@example.com, bob@example.com", "two at signs"},
      {"secretalan@example.com bob@example.com", "two at signs"},
      {"secretalan@example.com\nbob@example.com", "two at signs"},
      {"bob@example.com <secretalan@example.com>", "is two"},
      {"<secretalan@example.com>, <bob@example.com>", "is two"},
      {"secretalan@example.com>", "> without <"},
      {"<secretalan@example.com", "a character in the part before the at sign"},
      {"Alan secretalan@example.com", "white space in the part before"},
      {"secretalan turing@example.com", "white space in the part before"}, // without it, another's
      {"secretalan@exam ple.com", "white space in its domain"},
      {"secretalan@example.com Alan", "white space in its domain"},
      {"secretalan@exam\nple.com", "white space in its domain"},
      {"secretalan@example,com", "a comma or semicolon"},
      {"secretalan@example.com (Alan)", "white space in its domain"},
      {"(Alan)secretalan@example.com", "a character in the part before the at sign"},
      {"secretalan@example", "without a dot"},
      {"secretalan@localhost", "without a dot"},
      {"secretalan@gmail", "without a dot"},
      {"secretalan@.example.com", "a dot at its begin"},
      {"secretalan@example..com", "two in a row"},
      {"secretalan@192.0.2.1", "no IP address"},
      {"secretalan@[192.0.2.1]", "a character in its domain"},
      {"secretalan@[IPv6:2001:db8::1]", "a character in its domain"},
      {"secretalan@-example.com", "begins or ends with a dash"},
      {"secretalan@example-.com", "begins or ends with a dash"},
      {"secretalan@exam_ple.com", "a character in its domain"},
      {"secretalan@example.com/path", "a character in its domain"},
      {"secretalan@example.com:25", "a character in its domain"},
      {"https://secretalan@example.com", "a character in the part before the at sign"},
      {".secretalan@example.com", "a dot at an end"},
      {"secretalan.@example.com", "a dot at an end"}, // a carrier of Japan gave such, until 2009
      {"secret..alan@example.com", "two in a row"},
      {"\"secretalan turing\"@example.com", "quotation marks"},
      {"\"secretalan\"@example.com", "quotation marks"},
      {"secret\\alan@example.com", "a character in the part before the at sign"},
      {"secretalan@example.com?subject=x", "a character in its domain"},
      {"mailto:secretalan%40example.com", "escaped characters"},
      {"mailto:secretalan%0Abcc:x@example.com", "escaped characters"},
      {"mailto:secretalan@example.com,bob@example.com", "two at signs"},
      // more headers for the message
      {"secretalan@example.com\r\nBcc: bob", "white space in its domain"},
      {"secretalan\r\nBcc: bob@example.com", "white space in the part before"},
      {"secretalan\0@example.com"s, "a control character"},
      {"secretalan@example.com\0.example.org"s, "a control character"},
      {"secretalan@example\x7F.com", "a control character"},
      {"secretalan\u0085bob@example.com", "white space in the part before"},
      {"secretalan\u2028@exam\u2028ple.com", "white space in its domain"},
      {"secret\u009Balan@example.com", "a control character"},
      {"secretalan@example.com\xFF", "UTF-8"},
      {"secretalan\uFE6Bexample.com", "no at sign"}, // no keyboard writes this at sign
      {"secretalan@my\u2014company.com", "a character in its domain"},
      {"\u201Csecretalan\u201D@example.com", "a character in the part before the at sign"},
      {"secretalan@ex\uFFFDmple.com", "a character in its domain"},
      {"secretalan@\uE000.com", "a character in its domain"},
  };
  std::set<std::string> seen;
  for (const Row& row : rows) {
    CAPTURE(row.typed);
    CHECK(seen.insert(row.typed).second);
    const mfa::Error error = error_of([&] { (void)parse_address(row.typed); });
    CHECK(error.code() == mfa::errc::invalid_email_address);
    CHECK_THAT(error.what(), contains(row.reason));
    CHECK(std::string_view(error.what()).find("secret") == std::string_view::npos);
  }
}

TEST_CASE("Lengths are those of RFC 5321, in bytes") {
  const auto refused = [](const std::string& typed) {
    return std::string(error_of([&] { (void)parse_address(typed); }).what());
  };
  CHECK(parse_address(std::string(64, 'l') + "@example.com").size() == 64 + 12);
  CHECK_THAT(refused(std::string(65, 'l') + "@example.com"), contains("more than 64 bytes"));
  CHECK_THAT(refused(repeated("\u00FC", 33) + "@example.com"), contains("more than 64 bytes"));
  CHECK(parse_address(repeated("\u00FC", 32) + "@example.com").size() == 64 + 12);
  CHECK(parse_address("l@" + std::string(63, 'd') + ".com").size() == 69);
  CHECK_THAT(refused("l@" + std::string(64, 'd') + ".com"), contains("longer than 63"));
  CHECK(parse_address(std::string(64, 'l') + '@' + domain_of_size(189)).size() == 254);
  CHECK_THAT(refused(std::string(64, 'l') + '@' + domain_of_size(190)), contains("longer than 254"));
  CHECK_THAT(refused("l@" + domain_of_size(254)), contains("more than 253"));
  CHECK(parse_address(std::string(900, ' ') + "alan@example.com") == "alan@example.com");
  CHECK_THAT(refused(std::string(1024, ' ') + "alan@example.com"), contains("longer than 1024"));
  CHECK_THAT(refused(std::string(10'000'000, '@')), contains("longer than 1024"));
}

TEST_CASE("Of an address, its first character and its domain are shown") {
  CHECK(mask_address("alan@example.com") == "a***@example.com");
  CHECK(mask_address("a@example.com") == "a***@example.com");
  CHECK(mask_address("\u0434\u0438\u043C\u0430@\u043F\u043E\u0447\u0442\u0430.\u0440\u0444") ==
        "\u0434***@\u043F\u043E\u0447\u0442\u0430.\u0440\u0444");
  CHECK(mask_address("\U0001F600x@example.com") == "\U0001F600***@example.com");
  CHECK(mask_address("") == "***");
  CHECK(mask_address("alan") == "***");
}

TEST_CASE("Mails to one mailbox are counted together, however its address is spelt") {
  for (const char* const spelling :
       {"alan.turing@example.com", "AlanTuring@EXAMPLE.com", "a.l.a.n.turing@example.com",
        "alan.turing+bank@example.com", "alanturing+@example.com", "Alan.Turing+a+b@example.com"}) {
    CAPTURE(spelling);
    CHECK(limit_key(parse_address(spelling)) == "alanturing@example.com");
  }
  // Others are counted by themselves.
  for (const char* const other : {"alan-turing@example.com", "alan_turing@example.com", "alan@example.com",
                                  "alanturing@example.org", "alanturing@mail.example.com"}) {
    CAPTURE(other);
    CHECK(limit_key(parse_address(other)) == other);
  }
  CHECK(limit_key("+alan@example.com") == "+alan@example.com");
}
