#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "../escaped.hpp"

namespace portal {

using examples::escaped;

/// Markup that stands in this program: nothing that came from a user can become one.
class Markup {
 public:
  consteval Markup(const char* text) : text_(text) {}
  [[nodiscard]] constexpr std::string_view text() const noexcept { return text_; }

 private:
  std::string_view text_;
};

/// A piece of a page. Made by `html`, which escapes every value.
class Html {
 public:
  Html() = default;
  explicit Html(std::string markup) : text_(std::move(markup)) {}

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  Html& operator+=(const Html& more) {
    text_ += more.text_;
    return *this;
  }
  friend Html operator+(Html a, const Html& b) { return a += b; }

 private:
  std::string text_;
};

namespace detail {

inline std::string shown(const Html& html) { return html.text(); }
inline std::string shown(std::string_view text) { return escaped(text); }
inline std::string shown(std::integral auto number) { return std::to_string(number); }

} // namespace detail

/// The markup with a value for each `{}`: text is escaped, a piece of a page stays as it is.
template <class... Values> Html html(Markup markup, const Values&... values) {
  std::string text;
  std::string_view rest = markup.text();
  [[maybe_unused]] const auto next = [&](const std::string& value) {
    const auto hole = rest.find("{}");
    text.append(rest.substr(0, hole)).append(value);
    rest.remove_prefix(hole + 2);
  };
  (next(detail::shown(values)), ...);
  return Html(text.append(rest));
}

// --- times, as people read them

using Time = std::chrono::sys_time<std::chrono::milliseconds>;

namespace detail {

inline std::string formatted(const char* format, auto... values) {
  char text[64];
  const int size = std::snprintf(text, sizeof text, format, values...);
  return {text, static_cast<std::size_t>(size)};
}

inline std::string date(Time at) {
  constexpr const char* months[] = {"January", "February", "March",     "April",   "May",      "June",
                                    "July",    "August",   "September", "October", "November", "December"};
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(at));
  return formatted("%u %s %d", static_cast<unsigned>(day.day()),
                   months[static_cast<unsigned>(day.month()) - 1], static_cast<int>(day.year()));
}

inline std::string machine_readable(Time at) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(at);
  const auto midnight = std::chrono::floor<std::chrono::days>(whole);
  const std::chrono::year_month_day day(midnight);
  const std::chrono::hh_mm_ss time(whole - midnight);
  return formatted("%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(day.year()),
                   static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()),
                   static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                   static_cast<int>(time.seconds().count()));
}

} // namespace detail

/// "27 November 2026"
inline Html day_of(Time at) {
  return html("<time datetime=\"{}\">{}</time>", detail::machine_readable(at), detail::date(at));
}

/// "27 November 2026, 11:20 UTC"
inline Html moment_of(Time at) {
  const std::string text = detail::machine_readable(at);
  return html("<time datetime=\"{}\">{}, {} UTC</time>", text, detail::date(at), text.substr(11, 5));
}

/// "11:20:30 UTC"
inline std::string time_of_day(Time at) { return detail::machine_readable(at).substr(11, 8) + " UTC"; }

/// "1 minute 30 seconds"
inline std::string duration(std::chrono::seconds span) {
  const auto part = [](std::int64_t count, const char* unit) {
    return std::to_string(count) + ' ' + unit + (count == 1 ? "" : "s");
  };
  const std::int64_t seconds = span.count();
  if (seconds < 60) return part(seconds, "second");
  if (seconds < 3600)
    return part(seconds / 60, "minute") + (seconds % 60 == 0 ? "" : ' ' + part(seconds % 60, "second"));
  const std::int64_t minutes = (seconds + 59) / 60;
  return part(minutes / 60, "hour") + (minutes % 60 == 0 ? "" : ' ' + part(minutes % 60, "minute"));
}

// --- what a form was answered with, shown once on the page after it

struct Problem {
  std::string text;
  std::string field = {}; ///< the name of the field that it is about; empty: the form as a whole
};

struct Flash {
  std::string notice = {};
  std::vector<Problem> problems = {};
  std::map<std::string, std::string> typed = {}; ///< by the name of the field; never a password or a code
};

// --- forms

struct Field {
  std::string_view name; ///< also its id
  std::string_view label;
  std::string_view type = "text";
  std::string_view autocomplete = "off";
  std::string_view hint = {};
  std::string_view value = {};
  std::string_view inputmode = {};
  unsigned longest = 0; ///< in characters; 0: any
  bool required = true;
  bool autofocus = false;
};

inline Html field(const Field& field, const Flash& flash) {
  const Problem* problem = nullptr;
  for (const Problem& candidate : flash.problems)
    if (problem == nullptr && candidate.field == field.name) problem = &candidate;
  const auto typed = flash.typed.find(std::string(field.name));
  const std::string_view value = typed == flash.typed.end() ? field.value : std::string_view(typed->second);

  std::string described_by;
  if (!field.hint.empty()) described_by.append(field.name).append("-hint");
  if (problem != nullptr)
    described_by.append(described_by.empty() ? "" : " ").append(field.name).append("-problem");

  Html all = html("<div class=\"field\"><label for=\"{}\">{}</label>", field.name, field.label);
  if (!field.hint.empty()) all += html("<p class=\"hint\" id=\"{}-hint\">{}</p>", field.name, field.hint);
  if (problem != nullptr)
    all += html("<p class=\"problem\" id=\"{}-problem\">{}</p>", field.name, problem->text);
  all += html("<input id=\"{}\" name=\"{}\" type=\"{}\" autocomplete=\"{}\"", field.name, field.name,
              field.type, field.autocomplete);
  if (!value.empty()) all += html(" value=\"{}\"", value);
  if (!field.inputmode.empty()) all += html(" inputmode=\"{}\"", field.inputmode);
  if (field.inputmode == "numeric") all += html(" class=\"code\"");
  if (field.type == "email" || field.inputmode == "numeric")
    all += html(" autocapitalize=\"none\" spellcheck=\"false\"");
  if (field.longest != 0) all += html(" maxlength=\"{}\"", field.longest);
  if (!described_by.empty()) all += html(" aria-describedby=\"{}\"", described_by);
  if (problem != nullptr) all += html(" aria-invalid=\"true\"");
  if (field.type == "text") all += html(" dir=\"auto\"");
  if (field.required) all += html(" required");
  if (field.autofocus && flash.problems.empty()) all += html(" autofocus");
  return all += html("></div>");
}

/// The field for a code, as phones and password managers know it. The library reads codes as people type
/// and paste them, so nothing is asked of how they look.
inline Html code_field(const Flash& flash, std::string_view label = "Code", std::string_view hint = {}) {
  return field({.name = "code",
                .label = label,
                .autocomplete = "one-time-code",
                .hint = hint,
                .inputmode = "numeric",
                .autofocus = true},
               flash);
}

/// The field for what a user calls a factor.
inline Field name_field(std::string_view value) {
  return {.name = "name",
          .label = "Name",
          .hint = "By which you tell it from others in the list.",
          .value = value,
          .longest = 50};
}

/// A form that posts. `csrf` is the session's.
inline Html form(std::string_view action, std::string_view csrf, const Html& inner) {
  return html(
      "<form method=\"post\" action=\"{}\"><input type=\"hidden\" name=\"csrf\" value=\"{}\">{}</form>",
      action, csrf, inner);
}

inline Html hidden(std::string_view name, std::string_view value) {
  return html("<input type=\"hidden\" name=\"{}\" value=\"{}\">", name, value);
}

inline Html button(std::string_view text) { return html("<button class=\"button\">{}</button>", text); }
inline Html quiet_button(std::string_view text) {
  return html("<button class=\"button quiet\">{}</button>", text);
}

/// What a user who confirms lets happen; nothing for no action.
inline Html about_to(std::string_view action) {
  return action.empty() ? Html() : html("<p class=\"action\" id=\"action\">You are about to {}.</p>", action);
}

inline Html card(const Html& inner) { return html("<section class=\"card\">{}</section>", inner); }

// --- the page around it

struct Page {
  std::string title; ///< the only h1, and with the site's name the title of the window
  Html body;
  std::string lead = {};                 ///< a sentence below the h1
  std::string eyebrow = {};              ///< a word or two above it: the step of a journey
  std::vector<std::string> scripts = {}; ///< addresses of modules
  bool narrow = true;                    ///< a form, and no list
  int status = 200;
};

/// What surrounds a page.
struct Frame {
  std::string site_name;
  std::string path;  ///< of the page, which the navigation marks
  std::string email; ///< of who is signed in; empty: nobody is
  std::string csrf;
  bool is_operator = false;
  bool has_inbox = false;
  Html banner = {};
  Flash flash = {};
};

inline Html document(const Page& page, const Frame& frame) {
  const auto link = [&](std::string_view path, std::string_view text) {
    return html("<li><a href=\"{}\"{}>{}</a></li>", path,
                path == frame.path ? html(" aria-current=\"page\"") : Html(), text);
  };
  Html navigation;
  if (!frame.email.empty()) {
    navigation += link("/", "Overview");
    navigation += link("/security", "Security");
    navigation += link("/activity", "Activity");
  } else if (!frame.is_operator) {
    navigation += link("/sign-in", "Sign in");
    navigation += link("/sign-up", "Sign up");
  }
  if (frame.is_operator) navigation += link("/operator", "Operator");
  if (frame.has_inbox) navigation += link("/inbox", "Inbox");

  Html account;
  if (!frame.email.empty())
    account = html("<div class=\"account\"><span class=\"who\"><bdi>{}</bdi></span>{}</div>", frame.email,
                   form("/sign-out", frame.csrf, quiet_button("Sign out")));

  Html problems;
  if (!frame.flash.problems.empty()) {
    for (const Problem& problem : frame.flash.problems)
      problems += problem.field.empty()
                      ? html("<li>{}</li>", problem.text)
                      : html("<li><a href=\"#{}\">{}</a></li>", problem.field, problem.text);
    problems = html("<div class=\"problems\" id=\"problems\" role=\"alert\" tabindex=\"-1\" autofocus>"
                    "<h2>That did not work</h2><ul>{}</ul></div>",
                    problems);
  }
  Html notice;
  if (!frame.flash.notice.empty())
    notice = html("<p class=\"notice\" id=\"notice\" role=\"status\">{}</p>", frame.flash.notice);

  Html scripts;
  for (const std::string& script : page.scripts)
    scripts += html("<script type=\"module\" src=\"{}\"></script>", script);

  return html(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<meta name=\"color-scheme\" content=\"light dark\"><title>{}{} · {}</title>"
      "<link rel=\"icon\" href=\"/icon.svg\" type=\"image/svg+xml\">"
      "<link rel=\"stylesheet\" href=\"/style.css\">{}</head>\n<body>"
      "<a class=\"skip\" href=\"#content\">Skip to the content</a>\n"
      "<header class=\"top\"><div class=\"bar\"><a class=\"brand\" href=\"/\">"
      "<svg aria-hidden=\"true\" viewBox=\"0 0 24 24\" width=\"28\" height=\"28\">"
      "<path class=\"shield\" d=\"M12 2 4 5v6c0 5 3.4 9.3 8 11 4.6-1.7 8-6 8-11V5z\"/>"
      "<path class=\"tick\" d=\"m8.3 12 2.6 2.6 4.9-5.2\"/></svg>{}</a>"
      "<nav aria-label=\"Main\"><ul>{}</ul></nav>{}</div></header>\n"
      "<main id=\"content\" tabindex=\"-1\"{}>{}{}{}{}<h1>{}</h1>{}\n{}</main>\n"
      "<footer class=\"bottom\"><p>{} is an example of mfa-cpp.</p></footer></body></html>\n",
      frame.flash.problems.empty() ? "" : "Problem: ", page.title, frame.site_name, scripts, frame.site_name,
      navigation, account, page.narrow ? html(" class=\"narrow\"") : Html(), frame.banner, problems, notice,
      page.eyebrow.empty() ? Html() : html("<p class=\"eyebrow\">{}</p>", page.eyebrow), page.title,
      page.lead.empty() ? Html() : html("<p class=\"lead\">{}</p>", page.lead), page.body, frame.site_name);
}

} // namespace portal
