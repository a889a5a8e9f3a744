// The texts of e-mails have {{code}} and {{link}} where those go, and values of which none can be more than
// text; what could go out wrong is refused when it is given, not when a user waits for the mail.
#include <string>
#include <string_view>
#include <vector>

#include <mfa/email/message_template.hpp>
#include <mfa/error.hpp>
#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

using mfa::MessageValues;
using mfa::email::LinkTemplate;
using mfa::email::MessageTemplate;
using mfa::email::Template;
using mfa::test::contains;
using mfa::test::error_of;

namespace {

constexpr std::string_view url = "https://example.com/s?a=1&t=\"x\"";

} // namespace

TEST_CASE("Code, link and values stand in all parts, and are escaped in HTML alone") {
  const MessageTemplate message(
      {.subject = "{{company}} & {{ code }}",
       .text = "<{{company}}> {{code}} {{link}} {{code}} {x} }",
       .html = "<p class='{x}'>{{company}}: {{code}}</p><a href=\"{{link}}\">{{link}}</a> > {{code}}"},
      {{"company", "A & B <i>\"'</i> {{code}}"}});
  const std::string value = "A & B <i>\"'</i> {{code}}";
  const std::string escaped = "A &amp; B &lt;i&gt;&quot;&#39;&lt;/i&gt; {{code}}";
  const std::string escaped_link = "https://example.com/s?a=1&amp;t=&quot;x&quot;";
  CHECK(message.has_code());
  CHECK(message.has_link());
  CHECK(message.subject("123456") == value + " & 123456");
  CHECK(message.text("123456", url) == "<" + value + "> 123456 " + std::string(url) + " 123456 {x} }");
  CHECK(message.html("123456", url) == "<p class='{x}'>" + escaped + ": 123456</p><a href=\"" + escaped_link +
                                           "\">" + escaped_link + "</a> > 123456");
}

TEST_CASE("HTML may have styles, comments and what is for Outlook alone") {
  for (const std::string before : {
           "<style>@media(max-width:600px){.c{width:100%}}</style>",
           "<STYLE type='text/css'>\n@supports(a:b){@media print{a > b{c:'d'}}}\n</Style >",
           "<title>{{v}}</title><style>@media print{a{b:c}}</style><style>d{e:f}</style>",
           "<!-- Don't remove -->",
           "<!-- \"not closed <p title='-->",
           "<!----><!-- <p>old</p> - --><!-- x=1-2 -->",
           "<!--[if mso]><a href=\"{{link}}\">{{v}} {{code}}</a><![endif]--><!--[if !mso]><!--><p>it's "
           "{{v}}</p><!--<![endif]-->",
           "<!--[if mso]><style>a{b{}}</style><![endif]-->",
           "<title>a's</title><!-- b's -->",
       }) {
    CAPTURE(before);
    const std::string after = "<p title='a'>{{v}}: {{code}}</p><a href='{{link}}'>x</a>";
    const MessageTemplate message({.subject = "s", .text = "{{code}} {{link}}", .html = before + after},
                                  {{"v", "<&>"}});
    const std::string html(message.html("123456", "https://example.com/"));
    CHECK(html.ends_with("<p title='a'>&lt;&amp;&gt;: 123456</p><a href='https://example.com/'>x</a>"));
    if (before.find("{{") == std::string::npos) CHECK(html.starts_with(before));
  }
}

TEST_CASE("No token stands where it could be more than text, or where no program shows it") {
  constexpr const char* elsewhere = "within a comment, a style or a script";
  const struct {
    std::string html;
    const char* reason;
  } rows[] = {
      {"<!-- {{v}} -->{{code}} {{link}}", elsewhere},
      {"<!-- {{code}} -->{{code}} {{link}}", elsewhere},
      {"<!-- <a href='{{link}}'> -->{{code}} {{link}}", elsewhere},
      {"{{code}} {{link}}<!-- never ends {{v}}", elsewhere},
      {"<style>.a{content:\"{{v}}\"}</style>{{code}} {{link}}", elsewhere},
      {"<style>.a{content:{{v}}}</style>{{code}} {{link}}", elsewhere},
      {"<style>.a{background:url({{link}})}</style>{{code}} {{link}}", elsewhere},
      {"<Style\nmedia='print'>{{v}}</sTyle>{{code}} {{link}}", elsewhere},
      {"<style>a{}</styles>{{code}} {{link}}", elsewhere},
      {"<script>x = '{{v}}'</script>{{code}} {{link}}", elsewhere},
      {"<style><!-- </style><p title=\"-->{{v}}\">{{code}} {{link}}", elsewhere},
      // Browsers end these comments before the tag, in whose title the token would stand.
      {"<!--><p title=\"-->{{v}}\">{{code}} {{link}}", "within a tag"},
      {"<!---><p title=\"-->{{v}}\">{{code}} {{link}}", "within a tag"},
      {"<!-- --!><p title=\"-->{{v}}\">{{code}} {{link}}", "within a tag"},
      {"<title><!-- </title><p title=\"-->{{v}}\">{{code}} {{link}}", "within a tag"},
      {"<textarea><!-- </textarea><p title=\"-->{{v}}\">{{code}} {{link}}", "within a tag"},
      {"<style>a{b{}}</style>}}{{code}} {{link}}", "}} without {{ before it at character 22"},
      {"{{code}} {{link}}<style>a{b{}}</style>}}}", "three braces in a row at character 39"},
      {"{{code}} {{link}}<style a='}}'></style>", "}} without {{"},
      {"{{code}} {{link}}<p>}}</p>", "}} without {{"},
      {"{{code}} {{link}}<!-- }} -->", "}} without {{"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.html);
    const auto error = error_of([&] {
      (void)MessageTemplate({.subject = "s", .text = "{{code}} {{link}}", .html = row.html}, {{"v", "x"}});
    });
    CHECK(error.code() == mfa::errc::invalid_email_template);
    CHECK_THAT(error.what(), contains(row.reason));
  }
}

TEST_CASE("The default has the code in its text, no link, and nothing secret in its subject") {
  const MessageTemplate message(mfa::email::default_template());
  CHECK(message.has_code());
  CHECK_FALSE(message.has_link());
  CHECK(message.subject("123456") == "Your verification code");
  CHECK_THAT(std::string(message.text("123456", {})), contains("Your verification code is 123456"));
  CHECK(message.html("123456", {}).empty());
}

TEST_CASE("A challenge's values stand before those of the options") {
  const MessageTemplate message({.subject = "s", .text = "{{a}} {{b}} {{code}}"}, {{"a", "1"}},
                                {{"a", "2"}, {"b", "3"}});
  CHECK(message.text("9", {}) == "1 3 9");
}

TEST_CASE("A template that would go out wrong is refused with the reason") {
  using namespace std::string_literals;
  struct Row {
    Template given;
    const char* reason;
  };
  const Row rows[] = {
      {{}, "no subject"},
      {{.subject = "s"}, "neither {{code}} nor {{link}}"},
      {{.subject = "s", .text = "no token"}, "neither {{code}} nor {{link}}"},
      {{.subject = "s", .html = "{{code}}"}, "neither {{code}} nor {{link}}"},
      {{.subject = "{{code}}", .text = "no token"}, "neither {{code}} nor {{link}}"},
      {{.subject = "{{code}}", .text = "{{link}}"}, "{{code}} in its subject alone"},
      {{.text = "{{code}}"}, "no subject"},
      {{.subject = "a\nBcc: b", .text = "{{code}}"}, "the subject of the e-mail template has a line end"},
      {{.subject = "a\r\nBcc: b", .text = "{{code}}"}, "has a line end"},
      {{.subject = "a\tb", .text = "{{code}}"}, "has a line end or another control"},
      {{.subject = "{{link}}", .text = "{{code}} {{link}}"}, "cannot be clicked"},
      {{.subject = std::string(201, 's'), .text = "{{code}}"}, "longer than 200"},
      {{.subject = "s", .text = "{{code}}\r\n"}, "control character other than the line feed"},
      {{.subject = "s", .text = "{{code}}\0"s}, "control character other than the line feed"},
      {{.subject = "s", .text = "{{code}} \xFF"}, "the text of the e-mail template is not valid UTF-8"},
      {{.subject = "s", .text = std::string(10'001, 't')}, "longer than 10000"},
      {{.subject = "s", .text = "{{code}}", .html = std::string(50'001, 't')}, "longer than 50000"},
      {{.subject = "s", .text = "{{code}} {{name}}"},
       "unknown token {{name}} at character 10; give its value in email_values"},
      {{.subject = "s", .text = "{{Code}}"}, "unknown token {{Code}}"},
      {{.subject = "s", .text = "{{{code}}}"}, "three braces"},
      {{.subject = "s", .text = "{{code"}, "{{ without }}"},
      {{.subject = "s", .text = "code}}"}, "}} without {{"},
      {{.subject = "s", .text = "{{code}}", .html = "no token"}, "in its text or its HTML alone"},
      {{.subject = "s", .text = "{{code}}", .html = "{{code}} {{link}}"}, "in its text or its HTML alone"},
      {{.subject = "s", .text = "{{code}} {{link}}", .html = "{{code}}"}, "in its text or its HTML alone"},
      {{.subject = "s", .text = "{{code}}", .html = "<p title=\"{{v}}\">{{code}}</p>"}, "within a tag"},
      {{.subject = "s", .text = "{{code}}", .html = "<p title='>' {{v}}>{{code}}</p>"}, "within a tag"},
      {{.subject = "s", .text = "{{code}}", .html = "<a href=\"{{code}}\">{{code}}</a>"}, "within a tag"},
      {{.subject = "s", .text = "{{code}}", .html = "{{code}}\r"},
       "control character other than the line feed"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.given.subject, row.given.text.substr(0, 60), row.given.html.substr(0, 60));
    const auto error = error_of([&] { (void)MessageTemplate(row.given, {{"v", "x"}}); });
    CHECK(error.code() == mfa::errc::invalid_email_template);
    CHECK_THAT(error.what(), contains(row.reason));
  }
  CHECK_NOTHROW(MessageTemplate({.subject = std::string(200, 's'), .text = "{{code}}"}));
}

TEST_CASE("A value that could be more than text is refused by its name, and not repeated") {
  struct Row {
    MessageValues values;
    const char* reason;
  };
  const Row rows[] = {
      {{{"company", "Foo\nBcc: secret"}}, "the value of {{company}} in email_values has a line end"},
      {{{"company", "secret\u2028"}}, "mark that ends the line"},
      {{{"company", "secret\u202E"}}, "turns the direction"},
      {{{"company", std::string(101, 's')}}, "longer than 100"},
      {{{"company", "secret\xFF"}}, "UTF-8"},
      {{{"company", "Dear https://secret.example"}}, "has ://, of which mail programs make a link"},
      {{{"code", "secret"}}, "a name that no token can have"},
      {{{"link", "secret"}}, "not \"code\" or \"link\""},
      {{{"a b", "secret"}}, "a name that no token can have"},
  };
  for (const Row& row : rows)
    for (const bool as_default : {false, true}) {
      CAPTURE(row.reason, as_default);
      const auto error = error_of([&] {
        (void)MessageTemplate({.subject = "s", .text = "{{code}}"}, as_default ? MessageValues() : row.values,
                              as_default ? row.values : MessageValues());
      });
      CHECK(error.code() == mfa::errc::invalid_email_template);
      CHECK_THAT(error.what(), contains(row.reason));
      CHECK(std::string_view(error.what()).find("secret") == std::string_view::npos);
    }
}

TEST_CASE("A link leads to where the host says, with its tokens in their places") {
  struct Row {
    const char* given;
    const char* link;
  };
  const Row rows[] = {
      {"https://example.com/s?c={{challenge}}&t={{token}}", "https://example.com/s?c=C&t=T"},
      {"https://example.com/s?t={{token}}&c={{challenge}}", "https://example.com/s?t=T&c=C"},
      {"https://example.com/s/{{challenge}}/{{token}}", "https://example.com/s/C/T"},
      {"https://example.com/s#{{token}}", "https://example.com/s#T"},
      {"https://example.com:8443/{{token}}/x", "https://example.com:8443/T/x"},
      {"https://[2001:db8::1]/{{token}}", "https://[2001:db8::1]/T"},
      {"http://localhost:8080/{{token}}", "http://localhost:8080/T"},
      {"http://127.0.0.1/{{token}}", "http://127.0.0.1/T"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.given);
    CHECK(LinkTemplate(row.given).render("C", "T") == row.link);
  }
}

TEST_CASE("A link that leads nowhere, or in the clear, is refused with the reason") {
  struct Row {
    std::string given;
    const char* reason;
  };
  const Row rows[] = {
      {"", "does not begin with https://"},
      {"/sign-in?t={{token}}", "does not begin with https://"},
      {"http://example.com/{{token}}", "does not begin with https://"},
      {"http://localhost.example.com/{{token}}", "does not begin with https://"},
      {"http://localhost@example.com/{{token}}", "does not begin with https://"},
      {"HTTPS://example.com/{{token}}", "does not begin with https://"},
      {"javascript:alert({{token}})", "does not begin with https://"},
      {"https:///{{token}}", "does not begin with https://"},
      {"https://{{token}}/", "does not begin with https://"},
      {"https://example.com{{token}}", "a token before its path"},
      {"https://{{challenge}}.example.com/{{token}}", "does not begin with https://"},
      {"https://x{{challenge}}.example.com/{{token}}", "a token before its path"},
      {"https://example.com", "a token before its path"},
      {"https://example.com/", "has not one {{token}}"},
      {"https://example.com/{{challenge}}", "has not one {{token}}"},
      {"https://example.com/{{token}}{{token}}", "has not one {{token}}"},
      {"https://example.com/{{token}}{{challenge}}{{challenge}}", "has not one {{token}}"},
      {"https://example.com/{{code}}", "unknown token {{code}}"},
      {"https://example.com/{{token}", "{{ without }}"},
      {"https://example.com/{x}/{{token}}", "a single brace"},
      {"https://example.com/ {{token}}", "a character that no address has"},
      {"https://example.com/\n{{token}}", "a character that no address has"},
      {"https://example.com/\"{{token}}", "a character that no address has"},
      {"https://example.com/\u00FC{{token}}", "a character that no address has"},
      {"https://example.com/" + std::string(500, 'x') + "{{token}}", "longer than 500"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.given);
    const auto error = error_of([&] { (void)LinkTemplate(row.given); });
    CHECK(error.code() == mfa::errc::invalid_email_template);
    CHECK_THAT(error.what(), contains(row.reason));
  }
}

TEST_CASE("A Verifier refuses a bad default when it is made") {
  mfa::storage::Memory storage;
  const std::vector<mfa::Options> bad{
      {.email_template = {.subject = "s", .text = "no token"}},
      {.email_template = {.subject = "s", .text = "{{company}} {{code}}"}},
      {.email_values = {{"company", "http://x"}}},
      {.email_template = {.subject = "s", .text = "{{link}}"}},
      {.email_link = "https://example.com/"},
  };
  for (const mfa::Options& options : bad)
    CHECK(error_of([&] { mfa::Verifier{storage, options}; }).code() == mfa::errc::invalid_email_template);
}
