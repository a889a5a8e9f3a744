#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/delivery/template_text.hpp>
#include <mfa/email/address.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>
#include <mfa/search.hpp>

namespace mfa::email {

/// The texts of an e-mail with tokens: `{{code}}` where the code goes, `{{link}}` where the link of
/// `Options::email_link` goes, and others for the values of `email_values`. What the text has of `{{code}}`
/// and `{{link}}`, the HTML has too, if there is one, and either answers the challenge. UTF-8; line feeds
/// are the only control characters. Never build one of what users write: that is what values are for.
struct Template {
  /// One line. Notifications and lists of mails show it, also on a phone that is locked, so think before it
  /// has the code.
  std::string subject = {};
  std::string text = {}; ///< where values stand as they are
  /// Where values are escaped. They and the code stand in text, not within a tag; the link may stand in an
  /// attribute in quotation marks. None stands in a comment, a style or a script.
  std::string html = {};
};

[[nodiscard]] inline Template default_template() {
  return {.subject = "Your verification code",
          .text = "Your verification code is {{code}}\n\n"
                  "Do not give it to anybody. If you did not ask for it, you need not do anything.\n"};
}

/// A challenge's own template, if it has any of the three texts: half of one is refused, and not passed over.
[[nodiscard]] inline const Template& own_or(const Template& own, const Template& usual) noexcept {
  return own.subject.empty() && own.text.empty() && own.html.empty() ? usual : own;
}

inline constexpr std::size_t longest_subject = 200;       ///< in code points, as all lengths here
inline constexpr std::size_t longest_text = 10'000;       ///< of an e-mail
inline constexpr std::size_t longest_html = 50'000;       ///< less than what mail programs cut off
inline constexpr std::size_t longest_link_template = 500; ///< in bytes

/// What is said of templates of e-mails.
inline constexpr delivery::TemplateTerms template_terms{errc::invalid_email_template, "the e-mail template",
                                                        "email_values", "{{code}} or {{link}}", "link"};

namespace detail {

/// Which places of HTML are text. `{{name}}` in it is read as the text that it is: what is put there has no
/// character that could begin or end a tag or a quotation.
class HtmlPlaces {
 public:
  enum class Place : std::uint8_t {
    text,
    tag,     ///< or what may be one
    comment, ///< none of Outlook's conditional ones, which are HTML to it
    style,   ///< or script: from the end of its first tag to that of its last
  };

  explicit HtmlPlaces(std::string_view html) {
    std::string raw; // the open element in which `<!--` begins no comment
    bool in_tag = false;
    std::size_t tag = 0; // where its text begins
    char quote = 0;      // within which that tag is
    for (std::size_t i = 0; i < html.size(); ++i) {
      const char c = html[i];
      if (!in_tag) {
        if (c != '<') continue;
        if (const std::size_t end = raw.empty() ? end_of_comment(html, i) : 0; end > 0) {
          from(i + 1, Place::comment);
          from(end, Place::text);
          i = end - 1;
          continue;
        }
        in_tag = true;
        tag = i + 1;
      } else if (quote != 0) {
        quote = c == quote ? '\0' : quote;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '>') {
        in_tag = false;
        read_tag(html.substr(tag, i - tag), raw);
      }
      const bool is_code = raw == "style" || raw == "script";
      from(i + 1, is_code ? Place::style : in_tag ? Place::tag : Place::text);
    }
  }

  [[nodiscard]] Place at(std::size_t offset) const noexcept {
    Place found = Place::text;
    for (const Span& span : spans_) {
      if (span.begin > offset) break;
      found = span.place;
    }
    return found;
  }

 private:
  struct Span {
    std::size_t begin; ///< its end is the begin of the next
    Place place;
  };

  void from(std::size_t begin, Place place) {
    if (place != (spans_.empty() ? Place::text : spans_.back().place)) spans_.push_back({begin, place});
  }

  /// The offset behind the comment that begins at this one; 0 if none does. One that programs might end in
  /// different places is none, and so read as a tag.
  static std::size_t end_of_comment(std::string_view html, std::size_t begin) noexcept {
    constexpr std::string_view opening = "<!--";
    constexpr std::string_view closing = "-->";
    std::string_view rest = html.substr(begin);
    if (!rest.starts_with(opening)) return 0;
    rest.remove_prefix(opening.size());
    if (rest.starts_with('[') || rest.starts_with('>') || rest.starts_with("->")) return 0;
    const auto dashes = rest.find("--");
    if (dashes == std::string_view::npos) return html.size();
    if (!rest.substr(dashes).starts_with(closing)) return 0;
    return begin + opening.size() + dashes + closing.size();
  }

  static void read_tag(std::string_view tag, std::string& raw) {
    constexpr std::string_view of_other_text[] = {"style",  "script",  "title",    "textarea", "xmp",
                                                  "iframe", "noembed", "noframes", "noscript"};
    const bool ends = tag.starts_with('/');
    if (ends) tag.remove_prefix(1);
    const std::string name = lower(tag.substr(0, tag.find_first_of(" \n/")));
    if (ends && name == raw)
      raw.clear();
    else if (!ends && raw.empty() && mfa::detail::contains(of_other_text, name))
      raw = name;
  }

  std::vector<Span> spans_;
};

/// A text between whose pieces stand secrets, which are known later.
class Part {
 public:
  enum class Secret : bool { code, link };

  /// `name` is of the member of `Template`. Tokens within tags of HTML are refused but for the link.
  Part(std::string_view name, std::string_view text, std::size_t longest, std::string_view controls,
       bool html, const MessageValues& values, const MessageValues& defaults)
      : html_(html) {
    const auto refuse = [name](const std::string& reason) {
      throw Error(errc::invalid_email_template,
                  std::string("the ").append(name).append(" of the e-mail template ").append(reason));
    };
    if (text.size() > 4 * longest || mfa::detail::code_points(text) > longest)
      refuse("is longer than " + std::to_string(longest) + " characters; shorten it");
    if (!mfa::detail::is_utf8(text)) refuse("is not valid UTF-8; convert it");
    if (mfa::detail::has_control_characters(text, controls))
      refuse(controls.empty() ? "has a line end or another control character; remove it"
                              : "has a control character other than the line feed; remove it");
    using Place = HtmlPlaces::Place;
    const HtmlPlaces places(html ? text : std::string_view());
    const auto append_text = [&](std::string_view piece) { append(piece); };
    const auto on_token = [&](std::string_view token) {
      const Place place = places.at(static_cast<std::size_t>(token.data() - text.data()));
      if (place == Place::comment || place == Place::style)
        refuse("has a token within a comment, a style or a script; write it between tags");
      if (token == "link") {
        if (controls.empty()) refuse("has {{link}}, which cannot be clicked there; write it in the text");
        secrets_.push_back(Secret::link);
        return true;
      }
      const std::string* const value =
          token == "code" ? nullptr : delivery::value_of(token, values, defaults);
      if (token != "code" && value == nullptr) return false;
      if (place == Place::tag) refuse("has a token within a tag other than {{link}}; write it between tags");
      if (value != nullptr)
        append(html ? escaped<std::string>(*value) : *value);
      else
        secrets_.push_back(Secret::code);
      return true;
    };
    const auto ends_styles = [&](std::size_t offset) { return places.at(offset) == Place::style; };
    delivery::read_template(text, template_terms, append_text, on_token, ends_styles);
    pieces_.resize(secrets_.size() + 1);
  }

  [[nodiscard]] bool has(Secret secret) const { return mfa::detail::contains(secrets_, secret); }

  [[nodiscard]] crypto::SecretString render(std::string_view code, std::string_view link) const {
    const auto shown_link = html_ ? escaped<crypto::SecretString>(link) : crypto::SecretString(link);
    crypto::SecretString text = pieces_.front();
    for (std::size_t i = 0; i < secrets_.size(); ++i) {
      text += secrets_[i] == Secret::link ? shown_link.view() : code;
      text += pieces_[i + 1];
    }
    return text;
  }

 private:
  /// As text and as an attribute's value in HTML.
  template <class Text> static Text escaped(std::string_view plain) {
    Text text;
    for (const char c : plain) switch (c) {
      case '&': text += "&amp;"; break;
      case '<': text += "&lt;"; break;
      case '>': text += "&gt;"; break;
      case '"': text += "&quot;"; break;
      case '\'': text += "&#39;"; break;
      default: text += c;
      }
    return text;
  }

  void append(std::string_view text) {
    pieces_.resize(secrets_.size() + 1);
    pieces_.back() += text;
  }

  bool html_;
  std::vector<Secret> secrets_;
  std::vector<std::string> pieces_; ///< one more, values in place
};

} // namespace detail

/// Refuses what else a value could do to an e-mail: mail programs make links of addresses, also of one that
/// a stranger gave as his name to have you send it. Throws `errc::invalid_email_template`.
inline void check_message_values(const MessageValues& values) {
  delivery::check_message_values(values, template_terms);
  for (const auto& [name, value] : values)
    if (value.find("://") != std::string::npos)
      throw Error(errc::invalid_email_template, std::string("the value of {{")
                                                    .append(name)
                                                    .append("}} in email_values has ://, of which "
                                                            "mail programs make a link; remove it"));
}

/// The address that a link leads to, with `{{token}}` where the secret part goes, at most once with
/// `{{challenge}}` for the challenge's id:
/// "https://example.com/sign-in?challenge={{challenge}}&token={{token}}". Over https, or over http to this
/// machine ("localhost", for development). Throws `errc::invalid_email_template`.
class LinkTemplate {
 public:
  explicit LinkTemplate(std::string_view text) {
    const auto refuse = [](const std::string& reason) {
      throw Error(errc::invalid_email_template, std::string(terms.name) + ' ' + reason);
    };
    if (text.size() > longest_link_template)
      refuse("is longer than " + std::to_string(longest_link_template) + " bytes; shorten it");
    if (mfa::detail::any_of(text, [](char c) {
          return c <= 0x20 || c >= 0x7F || std::string_view("\"'<>\\^`|").find(c) != std::string_view::npos;
        }))
      refuse("has a character that no address has; write it percent-encoded");
    const auto leads_to = [text](std::string_view origin) {
      return text.starts_with(origin) && text.size() > origin.size() &&
             std::string_view("/:?#").find(text[origin.size()]) != std::string_view::npos;
    };
    const bool local = leads_to("http://localhost") || leads_to("http://127.0.0.1");
    if (!local && (!text.starts_with("https://") || text.size() == 8 || text[8] == '/' || text[8] == '{'))
      refuse("does not begin with https:// and a name");
    const auto path = text.find_first_of("/?#", local ? 7 : 8);
    const auto first_token = text.find("{{");
    if (path == std::string_view::npos || first_token < path) refuse("has a token before its path");
    std::size_t tokens = 0;
    std::size_t challenges = 0;
    pieces_.emplace_back();
    delivery::read_template(
        text, terms,
        [&](std::string_view piece) {
          if (piece.find_first_of("{}") != std::string_view::npos)
            refuse("has a single brace; write it percent-encoded");
          pieces_.back() += piece;
        },
        [&](std::string_view name) {
          if (name != "token" && name != "challenge") return false;
          ++(name == "token" ? tokens : challenges);
          token_first_ = token_first_ || (name == "token" && challenges == 0);
          pieces_.emplace_back();
          return true;
        });
    if (tokens != 1 || challenges > 1)
      refuse("has not one {{token}}, with or without one {{challenge}}; write where they go");
  }

  [[nodiscard]] crypto::SecretString render(std::string_view challenge_id, std::string_view token) const {
    crypto::SecretString link(pieces_.front());
    for (std::size_t i = 1; i < pieces_.size(); ++i) {
      const bool is_token = (i == 1) == token_first_;
      (link += is_token ? token : challenge_id) += pieces_[i];
    }
    return link;
  }

 private:
  static constexpr delivery::TemplateTerms terms{
      errc::invalid_email_template, "Options::email_link", "none", "{{token}} and {{challenge}}", {}};

  std::vector<std::string> pieces_; ///< the text around one or two tokens
  bool token_first_ = false;
};

/// A template that was read.
class MessageTemplate {
 public:
  /// A token that is not among `values` is looked for among `defaults`. Throws
  /// `errc::invalid_email_template`, naming what is wrong with the text or with a value.
  explicit MessageTemplate(const Template& given, const MessageValues& values = {},
                           const MessageValues& defaults = {})
      : subject_("subject", given.subject, longest_subject, {}, false, checked(values), checked(defaults)),
        text_("text", given.text, longest_text, "\n", false, values, defaults),
        html_("HTML", given.html, longest_html, "\n", true, values, defaults),
        has_html_(!given.html.empty()) {
    const auto refuse = [](const std::string& reason) {
      throw Error(errc::invalid_email_template, "the e-mail template " + reason);
    };
    if (given.subject.empty()) refuse("has no subject");
    if (!has_code() && !has_link())
      refuse("has neither {{code}} nor {{link}} in its text; write one of them");
    using enum detail::Part::Secret;
    if (has_html_ && (html_.has(code) != has_code() || html_.has(link) != has_link()))
      refuse(
          "has {{code}} or {{link}} in its text or its HTML alone; write it in both, as the user sees one");
    if (subject_.has(code) && !has_code()) refuse("has {{code}} in its subject alone; write it in the text");
  }

  [[nodiscard]] bool has_code() const { return text_.has(detail::Part::Secret::code); }
  [[nodiscard]] bool has_link() const { return text_.has(detail::Part::Secret::link); }

  // The message's parts with the secrets in their places: never log them. Without HTML, that is empty.
  [[nodiscard]] crypto::SecretString subject(std::string_view code) const {
    return subject_.render(code, {});
  }
  [[nodiscard]] crypto::SecretString text(std::string_view code, std::string_view link) const {
    return text_.render(code, link);
  }
  [[nodiscard]] crypto::SecretString html(std::string_view code, std::string_view link) const {
    return has_html_ ? html_.render(code, link) : crypto::SecretString();
  }

 private:
  static const MessageValues& checked(const MessageValues& values) {
    check_message_values(values);
    return values;
  }

  detail::Part subject_;
  detail::Part text_;
  detail::Part html_;
  bool has_html_;
};

} // namespace mfa::email
