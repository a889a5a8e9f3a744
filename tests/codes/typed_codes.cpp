// A code is taken as people type and paste it, with the digits of their script and the marks that a copy
// brings along, by every kind alike; what is no code is refused, and costs no attempt.
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/hotp.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/text.hpp"

using mfa::Status;
using mfa::test::Host;
using mfa::test::in_digits_of;
using mfa::test::in_full_width;
using mfa::test::repeated;
using mfa::test::utf8;
using namespace std::string_literals;

namespace {

/// A host with a factor of each kind that is answered with a typed code.
class Keyboard {
 public:
  struct Question {
    std::string kind;
    std::string challenge_id;
    std::string code; ///< the right one, in ASCII
  };

  Keyboard() {
    const std::string sent = host_.challenge(sms_.factor.id());
    const auto delivered = generic_.factor.challenge_enrollment();
    REQUIRE(host_.verify(sent, host_.sms.last().body) == Status::valid);
    REQUIRE(delivered.confirm(delivered.code()).confirmed());
    REQUIRE(totp_.factor.confirm(host_.code(totp_.totp.secret)).confirmed());
    REQUIRE(hotp_.factor.confirm(hotp_code(counter_++)).confirmed());
  }

  /// A new question of each kind, half an hour later.
  std::vector<Question> questions() {
    host_.clock.advance(std::chrono::minutes(30));
    const std::string sms = host_.challenge(sms_.factor.id());
    const auto generic = generic_.factor.challenge();
    const std::string recovery_code = next_recovery_code();
    return {{"totp", host_.challenge(totp_.factor.id()), host_.code(totp_.totp.secret)},
            {"hotp", host_.challenge(hotp_.factor.id()), hotp_code(counter_++)},
            {"sms", sms, host_.sms.last().body},
            {"generic_otp", generic.id(), std::string(generic.code())},
            {"recovery_codes", host_.challenge(recovery_.factor.id()), recovery_code}};
  }

  Status verify(const Question& question, const std::string& typed) {
    return host_.verify(question.challenge_id, typed);
  }

  /// For a resynchronization: the next two codes.
  std::vector<std::string> two_codes() { return {hotp_code(counter_++), hotp_code(counter_++)}; }
  Status verify_hotp(const std::string& typed) {
    return host_.verify(host_.challenge(hotp_.factor.id()), typed);
  }

  /// Wrong codes that any of the factors counted.
  unsigned failures() {
    unsigned all = 0;
    for (const auto& factor : host_.verifier.list_factors("u_42")) all += factor.failures();
    return all;
  }

 private:
  /// One with a digit, since spellings differ in those: one in 32 codes has none.
  std::string next_recovery_code() {
    for (;;) {
      if (next_recovery_code_ == recovery_.recovery_codes.codes.size()) {
        recovery_ =
            host_.verifier.regenerate_recovery_codes(recovery_.factor.id(), mfa::any_user, mfa::by_operator);
        next_recovery_code_ = 0;
      }
      const std::string code(recovery_.recovery_codes.codes[next_recovery_code_++]);
      if (code.find_first_of("0123456789") != std::string::npos) return code;
    }
  }

  std::string hotp_code(std::uint64_t counter) const {
    return mfa::otp::hotp(mfa::otp::base32_decode(hotp_.hotp.secret), counter, {});
  }

  Host host_{{.sends_a_user_an_hour = 500,
              .sends_a_user_a_day = 500,
              .sms_send_interval = std::chrono::seconds(0),
              .sms_sends_an_hour = 100,
              .sms_sends_a_day = 100,
              .generic_otp_interval = std::chrono::seconds(0),
              .generic_otps_an_hour = 100,
              .generic_otps_a_day = 100}};
  decltype(host_.enroll_totp()) totp_ = host_.enroll_totp("u_42", mfa::by_operator);
  decltype(host_.enroll_sms()) sms_ = host_.enroll_sms("+14155550123", "u_42", mfa::by_operator);
  decltype(host_.verifier.enroll_factor(mfa::GenericOtp{})) generic_ =
      host_.verifier.enroll_factor(mfa::GenericOtp{.user_id = "u_42"}, mfa::by_operator);
  decltype(host_.verifier.enroll_factor(mfa::Hotp{})) hotp_ = host_.verifier.enroll_factor(
      mfa::Hotp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42"}, mfa::by_operator);
  decltype(host_.verifier.enroll_factor(mfa::RecoveryCodes{})) recovery_ =
      host_.verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_42"}, mfa::by_operator);
  std::uint64_t counter_ = 0;
  std::size_t next_recovery_code_ = 0;
};

/// How somebody writes a code.
struct Spelling {
  std::string name;
  std::function<std::string(const std::string& code)> of;
};

/// `mark` before the code, after it and twice in it.
Spelling marked(const std::string& name, const std::string& mark) {
  return {name, [mark](const std::string& code) {
            return mark + code.substr(0, 3) + mark + mark + code.substr(3) + mark;
          }};
}

void check_taken(const std::vector<Spelling>& spellings) {
  Keyboard keyboard;
  for (const Spelling& spelling : spellings)
    for (const auto& question : keyboard.questions()) {
      const std::string typed = spelling.of(question.code);
      CAPTURE(spelling.name, question.kind, typed);
      CHECK(keyboard.verify(question, typed) == Status::valid);
    }
}

struct Script {
  const char* name;
  char32_t zero;
};

/// Those with decimal digits in Unicode 17 (DerivedGeneralCategory.txt, Nd).
const Script scripts[] = {
    {"Arabic-Indic", 0x0660},
    {"Persian and Urdu", 0x06F0},
    {"N'Ko", 0x07C0},
    {"Devanagari", 0x0966},
    {"Bengali", 0x09E6},
    {"Gurmukhi", 0x0A66},
    {"Gujarati", 0x0AE6},
    {"Oriya", 0x0B66},
    {"Tamil", 0x0BE6},
    {"Telugu", 0x0C66},
    {"Kannada", 0x0CE6},
    {"Malayalam", 0x0D66},
    {"Sinhala Lith", 0x0DE6},
    {"Thai", 0x0E50},
    {"Lao", 0x0ED0},
    {"Tibetan", 0x0F20},
    {"Myanmar", 0x1040},
    {"Myanmar Shan", 0x1090},
    {"Khmer", 0x17E0},
    {"Mongolian", 0x1810},
    {"Limbu", 0x1946},
    {"New Tai Lue", 0x19D0},
    {"Tai Tham Hora", 0x1A80},
    {"Tai Tham Tham", 0x1A90},
    {"Balinese", 0x1B50},
    {"Sundanese", 0x1BB0},
    {"Lepcha", 0x1C40},
    {"Ol Chiki", 0x1C50},
    {"Vai", 0xA620},
    {"Saurashtra", 0xA8D0},
    {"Kayah Li", 0xA900},
    {"Javanese", 0xA9D0},
    {"Myanmar Tai Laing", 0xA9F0},
    {"Cham", 0xAA50},
    {"Meetei Mayek", 0xABF0},
    {"full width", 0xFF10},
    {"Osmanya", 0x104A0},
    {"Hanifi Rohingya", 0x10D30},
    {"Garay", 0x10D40},
    {"Brahmi", 0x11066},
    {"Sora Sompeng", 0x110F0},
    {"Chakma", 0x11136},
    {"Sharada", 0x111D0},
    {"Khudawadi", 0x112F0},
    {"Newa", 0x11450},
    {"Tirhuta", 0x114D0},
    {"Modi", 0x11650},
    {"Takri", 0x116C0},
    {"Myanmar Pa'o Karen", 0x116D0},
    {"Myanmar Eastern Pwo Karen", 0x116DA},
    {"Ahom", 0x11730},
    {"Warang Citi", 0x118E0},
    {"Dives Akuru", 0x11950},
    {"Sunuwar", 0x11BF0},
    {"Bhaiksuki", 0x11C50},
    {"Masaram Gondi", 0x11D50},
    {"Gunjala Gondi", 0x11DA0},
    {"Tolong Siki", 0x11DE0},
    {"Kawi", 0x11F50},
    {"Gurung Khema", 0x16130},
    {"Mro", 0x16A60},
    {"Tangsa", 0x16AC0},
    {"Pahawh Hmong", 0x16B50},
    {"Kirat Rai", 0x16D70},
    {"Nyiakeng Puachue Hmong", 0x1E140},
    {"Wancho", 0x1E2F0},
    {"Nag Mundari", 0x1E4F0},
    {"Ol Onal", 0x1E5F1},
    {"Adlam", 0x1E950},
};

} // namespace

TEST_CASE("White space, line ends, dashes and invisible marks are dropped wherever they stand") {
  struct Mark {
    const char* name;
    char32_t character;
  };
  const Mark marks[] = {
      // white space
      {"tab", 0x09},
      {"line feed", 0x0A},
      {"vertical tab", 0x0B},
      {"form feed", 0x0C},
      {"carriage return", 0x0D},
      {"space", 0x20},
      {"next line", 0x85},
      {"no-break space", 0xA0},
      {"Ogham space", 0x1680},
      {"en quad", 0x2000},
      {"em quad", 0x2001},
      {"en space", 0x2002},
      {"em space", 0x2003},
      {"three-per-em space", 0x2004},
      {"four-per-em space", 0x2005},
      {"six-per-em space", 0x2006},
      {"figure space", 0x2007},
      {"punctuation space", 0x2008},
      {"thin space", 0x2009},
      {"hair space", 0x200A},
      {"line separator", 0x2028},
      {"paragraph separator", 0x2029},
      {"narrow no-break space", 0x202F},
      {"medium mathematical space", 0x205F},
      {"ideographic space", 0x3000},
      // without a width
      {"soft hyphen", 0xAD},
      {"combining grapheme joiner", 0x034F},
      {"Mongolian vowel separator", 0x180E},
      {"zero-width space", 0x200B},
      {"zero-width non-joiner", 0x200C},
      {"zero-width joiner", 0x200D},
      {"word joiner", 0x2060},
      {"invisible separator", 0x2063},
      {"text variation selector", 0xFE0E},
      {"byte order mark", 0xFEFF},
      // of direction
      {"Arabic letter mark", 0x061C},
      {"left-to-right mark", 0x200E},
      {"right-to-left mark", 0x200F},
      {"left-to-right embedding", 0x202A},
      {"right-to-left embedding", 0x202B},
      {"pop directional formatting", 0x202C},
      {"left-to-right override", 0x202D},
      {"right-to-left override", 0x202E},
      {"left-to-right isolate", 0x2066},
      {"right-to-left isolate", 0x2067},
      {"first strong isolate", 0x2068},
      {"pop directional isolate", 0x2069},
      // dashes
      {"hyphen-minus", 0x2D},
      {"Armenian hyphen", 0x058A},
      {"Hebrew maqaf", 0x05BE},
      {"hyphen", 0x2010},
      {"non-breaking hyphen", 0x2011},
      {"figure dash", 0x2012},
      {"en dash", 0x2013},
      {"em dash", 0x2014},
      {"horizontal bar", 0x2015},
      {"minus sign", 0x2212},
      {"two-em dash", 0x2E3A},
      {"wave dash", 0x301C},
      {"prolonged sound mark", 0x30FC},
      {"half-width prolonged sound mark", 0xFF70},
      {"vertical em dash", 0xFE31},
      {"small em dash", 0xFE58},
      {"small hyphen-minus", 0xFE63},
      {"full-width hyphen-minus", 0xFF0D},
  };
  std::vector<Spelling> spellings;
  for (const Mark& mark : marks) spellings.push_back(marked(mark.name, utf8(mark.character)));
  check_taken(spellings);
}

TEST_CASE("A code as it comes out of a mail, a message, a table or a word processor") {
  const auto around = [](const std::string& before, const std::string& after) {
    return [=](const std::string& code) { return before + code + after; };
  };
  check_taken({
      {"a line", around("", "\n")},
      {"a line of Windows", around("", "\r\n")},
      {"a cell of a table", around("\t", "\t\n")},
      {"an indented paragraph", around("\r\n\r\n    ", "\r\n\r\n")},
      {"a file that begins with a byte order mark", around("\uFEFF", "\r\n")},
      {"a phone's message", around("\u2068", "\u2069")},
      {"a list of contacts", around("\u202A", "\u202C")},
      {"a page written from right to left", around("\u200F", "\u200E")},
      {"as a word processor sets a number",
       [](const std::string& code) { return code.substr(0, 3) + "\u202F" + code.substr(3); }},
      {"in two lines", [](const std::string& code) { return code.substr(0, 3) + "\r\n" + code.substr(3); }},
      {"a mark after each character",
       [](const std::string& code) {
         std::string typed;
         for (const char c : code) (typed += c) += "\u200B";
         return typed;
       }},
  });
}

TEST_CASE("The digits of every script are digits, mixed ones too") {
  std::vector<Spelling> spellings;
  for (const Script& script : scripts)
    spellings.push_back(
        {script.name, [&script](const std::string& code) { return in_digits_of(script.zero, code); }});
  spellings.push_back({"full width, dashes and letters too", in_full_width});
  spellings.push_back({"a keyboard that changes in the middle", [](const std::string& code) {
                         return in_digits_of(0x0660, code.substr(0, 2)) +
                                in_digits_of(0x06F0, code.substr(2, 2)) + code.substr(4);
                       }});
  spellings.push_back({"Arabic-Indic, isolated and in two groups", [](const std::string& code) {
                         return "\u2067" + in_digits_of(0x0660, code.substr(0, 3)) + "\u00A0" +
                                in_digits_of(0x0660, code.substr(3)) + "\u2069\n";
                       }});
  check_taken(spellings);
}

TEST_CASE("A recovery code may be in small letters of full width, with O for zero and I or L for one") {
  Host host;
  const auto enrolled = host.verifier.enroll_factor(mfa::RecoveryCodes{.count = 50}, mfa::by_operator);
  for (const std::string& code : enrolled.recovery_codes.codes) {
    std::string typed;
    for (const char c : code)
      typed += c == '0'   ? "\uFF2F"
               : c == '1' ? "\uFF4C"
               : c >= 'A' ? utf8(0xFF41 + static_cast<char32_t>(c - 'A'))
                          : std::string(1, c);
    CAPTURE(code, typed);
    CHECK(host.verify(host.challenge(enrolled.factor.id()), typed) == Status::valid);
  }
}

TEST_CASE("Two codes of a token may be in two lines, and in any digits") {
  Keyboard keyboard;
  for (const char* const between : {"", " ", "\n", "\r\n", " \u2014 ", "\u3000"}) {
    CAPTURE(between);
    const auto codes = keyboard.two_codes();
    CHECK(keyboard.verify_hotp(codes[0] + between + codes[1]) == Status::valid);
  }
  for (const Script& script : scripts) {
    CAPTURE(script.name);
    const auto codes = keyboard.two_codes();
    CHECK(keyboard.verify_hotp(in_digits_of(script.zero, codes[0] + "\n" + codes[1])) == Status::valid);
  }
}

TEST_CASE("What is no code stays malformed and costs no attempt") {
  const auto with = [](const std::string& name, const std::string& foreign) {
    return std::vector<Spelling>{
        {name + " before it", [=](const std::string& code) { return foreign + code; }},
        {name + " in it",
         [=](const std::string& code) { return code.substr(0, 3) + foreign + code.substr(3); }},
        {name + " after it", [=](const std::string& code) { return code + foreign; }},
        {name + " for its last character",
         [=](const std::string& code) { return code.substr(0, code.size() - 1) + foreign; }},
    };
  };
  const Spelling whole[] = {
      {"nothing", [](const std::string&) { return ""s; }},
      {"white space alone", [](const std::string&) { return " \r\n\u00A0\u2003\uFEFF"s; }},
      {"one character too few", [](const std::string& code) { return code.substr(1); }},
      {"one digit too many, of another script",
       [](const std::string& code) { return code + "\u0661\u0661\u0661\u0661"; }},
      {"mathematical digits", [](const std::string& code) { return in_digits_of(0x1D7CE, code); }},
      {"monospaced mathematical digits", [](const std::string& code) { return in_digits_of(0x1D7F6, code); }},
      {"segmented digits", [](const std::string& code) { return in_digits_of(0x1FBF0, code); }},
      {"outlined digits", [](const std::string& code) { return in_digits_of(0x1CCF0, code); }},
      {"subscripts", [](const std::string& code) { return in_digits_of(0x2080, code); }},
      {"parenthesized digits", [](const std::string& code) { return in_digits_of(0x2473, code); }},
      {"digits in circles", [](const std::string& code) { return in_digits_of(0x245F, code); }},
      {"negative circles", [](const std::string& code) { return in_digits_of(0x2775, code); }},
      {"digits with a full stop", [](const std::string& code) { return in_digits_of(0x2487, code); }},
      {"digits with a comma", [](const std::string& code) { return in_digits_of(0x1F101, code); }},
      {"Ethiopic numerals, which have no zero",
       [](const std::string& code) { return in_digits_of(0x1368, code); }},
      {"keycaps",
       [](const std::string& code) {
         std::string typed;
         for (const char c : code) (typed += c) += "\uFE0F\u20E3";
         return typed;
       }},
      {"UTF-16",
       [](const std::string& code) {
         std::string typed;
         for (const char c : code) (typed += c) += '\0';
         return typed;
       }},
      {"an overlong encoding",
       [](const std::string& code) {
         std::string typed;
         for (const char c : code) (typed += "\xC0") += static_cast<char>(c | 0x80);
         return typed;
       }},
      {"JSON", [](const std::string& code) { return "\"" + code + "\""; }},
      {"a sum", [](const std::string& code) { return code.substr(0, 3) + "+" + code.substr(3); }},
      {"a decimal fraction", [](const std::string& code) { return code + ".0"; }},
      {"two of it", [](const std::string& code) { return code + " " + code + " " + code; }},
  };
  std::vector<Spelling> spellings(std::begin(whole), std::end(whole));
  const struct {
    const char* name;
    std::string text;
  } foreign[] = {
      {"NUL", "\0"s},
      {"an escape", "\x1B"},
      {"a backspace", "\b"},
      {"DEL", "\x7F"},
      {"a C1 control", "\u0080"},
      {"a letter that no code has", "u"},
      {"a Cyrillic letter that looks like A", "\u0410"},
      {"a Greek letter that looks like O", "\u039F"},
      {"the Kelvin sign", "\u212A"},
      {"a long s", "\u017F"},
      {"an Arabic letter", "\u0627"},
      {"a superscript", "\u00B2"},
      {"a vulgar fraction", "\u00BD"},
      {"a Roman numeral", "\u2160"},
      {"an ideographic one", "\u4E00"},
      {"a Hangul filler", "\u3164"},
      {"a combining enclosing circle", "\u20DD"},
      {"a full stop", "."},
      {"a comma", ","},
      {"an Arabic decimal separator", "\u066B"},
      {"a slash", "/"},
      {"an underscore", "_"},
      {"a plus sign", "+"},
      {"a bullet", "\u2022"},
      {"an emoji", "\U0001F512"},
      {"a replacement character", "\uFFFD"},
      {"a lone continuation byte", "\xA0"},
      {"a byte that no UTF-8 has", "\xFF"},
      {"a character cut off", "\xD9"},
      {"a surrogate", "\xED\xA0\x80"},
      {"beyond Unicode", "\xF4\x90\x80\x80"},
  };
  for (const auto& row : foreign)
    for (Spelling& spelling : with(row.name, row.text)) spellings.push_back(std::move(spelling));

  Keyboard keyboard;
  const auto questions = keyboard.questions();
  for (const Spelling& spelling : spellings)
    for (const auto& question : questions) {
      const std::string typed = spelling.of(question.code);
      CAPTURE(spelling.name, question.kind, typed);
      CHECK(keyboard.verify(question, typed) == Status::malformed_code);
    }
  CHECK(keyboard.failures() == 0);
  for (const auto& question : questions) CHECK(keyboard.verify(question, question.code) == Status::valid);
}

TEST_CASE("What is typed has a bound, whatever it is") {
  Keyboard keyboard;
  constexpr std::size_t longest = 256;
  for (const char* const mark : {" ", "\n", "\u00A0", "\u200B", "\U000E0020"}) {
    const bool dropped = mark != "\U000E0020"s; // a tag, which is none of the marks that a copy brings along
    const std::size_t size = std::string_view(mark).size();
    for (const auto& question : keyboard.questions()) {
      CAPTURE(mark, question.kind);
      const std::string ascii(longest - question.code.size() - (longest - question.code.size()) / size * size,
                              ' ');
      const std::string filled = repeated(mark, (longest - question.code.size()) / size) + ascii;
      REQUIRE((question.code + filled).size() == longest);
      CHECK(keyboard.verify(question, question.code + filled + ' ') == Status::malformed_code);
      CHECK(keyboard.verify(question, std::string(65'536, '1')) == Status::malformed_code);
      CHECK(keyboard.verify(question, repeated("\u0661", 32'768)) == Status::malformed_code);
      CHECK(keyboard.verify(question, question.code + filled) ==
            (dropped ? Status::valid : Status::malformed_code));
    }
  }
  CHECK(keyboard.failures() == 0);
}
