#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include <mfa/http/request.hpp>

// Which languages Twilio speaks. Its <Say> takes a language with its region alone, and learns that it has no
// voice for one when somebody has taken up the phone.
namespace mfa::voice {

/// What `language` of <Say> may be, as Twilio's helper libraries list it (July 2026). Of a language with
/// several regions the first is the usual one.
inline constexpr std::array<std::string_view, 69> twilio_languages = {
    "af-ZA", "am-ET", "arb",   "ar-AE", "ar-XA", "bg-BG",  "bn-IN", "ca-ES", "cmn-CN",    "cmn-TW",
    "cs-CZ", "cy-GB", "da-DK", "de-DE", "de-AT", "el-GR",  "en-US", "en-GB", "en-GB-WLS", "en-AU",
    "en-CA", "en-IE", "en-IN", "en-NZ", "en-ZA", "es-ES",  "es-MX", "es-US", "fi-FI",     "fil-PH",
    "fr-FR", "fr-BE", "fr-CA", "gu-IN", "he-IL", "hi-IN",  "hu-HU", "id-ID", "is-IS",     "it-IT",
    "ja-JP", "kn-IN", "ko-KR", "lv-LV", "ml-IN", "mr-IN",  "ms-MY", "nb-NO", "nl-NL",     "nl-BE",
    "pa-IN", "pl-PL", "pt-BR", "pt-PT", "ro-RO", "ru-RU",  "sk-SK", "sr-RS", "sv-SE",     "ta-IN",
    "te-IN", "th-TH", "tr-TR", "uk-UA", "vi-VN", "yue-HK", "zh-CN", "zh-HK", "zh-TW"};

/// What comes before the first hyphen of a tag, which has it gone.
constexpr std::string_view take_subtag(std::string_view& tag) noexcept {
  const std::string_view subtag = tag.substr(0, tag.find('-'));
  tag.remove_prefix(std::min(tag.size(), subtag.size() + 1));
  return subtag;
}

/// The language and region of a tag of BCP 47, whose script and what else it has say nothing to a voice:
/// "pt" and "BR" of "pt-Latn-BR".
struct LanguageAndRegion {
  std::string_view language = {};
  std::string_view region = {}; ///< two letters or three digits; empty: there is none
};
[[nodiscard]] constexpr LanguageAndRegion language_and_region(std::string_view tag) noexcept {
  LanguageAndRegion parts;
  parts.language = take_subtag(tag);
  while (!tag.empty() && parts.region.empty()) {
    const std::string_view subtag = take_subtag(tag);
    if (subtag.size() == 1) break; // what follows has meanings of its own
    const bool digits =
        subtag.size() == 3 && subtag.find_first_not_of("0123456789") == std::string_view::npos;
    if (subtag.size() == 2 || digits) parts.region = subtag;
  }
  return parts;
}

/// The one of `twilio_languages` that speaks a tag of BCP 47: of this region or, if Twilio has none of it,
/// the usual one of the language. "de" and "de-CH" are "de-DE". Empty: Twilio does not speak it.
[[nodiscard]] constexpr std::string_view twilio_language(std::string_view tag) noexcept {
  struct Alias {
    std::string_view tag;
    std::string_view spoken_as;
  };
  constexpr std::array<Alias, 12> aliases = {{{"ar", "arb"},
                                              {"es-419", "es-MX"},
                                              {"in", "id-ID"},
                                              {"iw", "he-IL"},
                                              {"nn", "nb-NO"},
                                              {"no", "nb-NO"},
                                              {"tl", "fil-PH"},
                                              {"zh-Hant", "zh-TW"},
                                              {"zh-Hant-HK", "zh-HK"},
                                              {"zh-MO", "zh-HK"},
                                              {"cmn-Hant", "cmn-TW"},
                                              {"yue", "yue-HK"}}};
  const LanguageAndRegion wanted = language_and_region(tag);
  const auto of_language = [&wanted](std::string_view spoken) {
    return http::detail::same_word(language_and_region(spoken).language, wanted.language);
  };
  for (const std::string_view spoken : twilio_languages)
    if (http::detail::same_word(spoken, tag)) return spoken;
  for (const Alias& alias : aliases)
    if (http::detail::same_word(alias.tag, tag)) return alias.spoken_as;
  for (const std::string_view spoken : twilio_languages)
    if (of_language(spoken) && http::detail::same_word(language_and_region(spoken).region, wanted.region))
      return spoken;
  for (const Alias& alias : aliases)
    if (http::detail::same_word(alias.tag, wanted.language)) return alias.spoken_as;
  for (const std::string_view spoken : twilio_languages)
    if (of_language(spoken)) return spoken;
  return {};
}

} // namespace mfa::voice
