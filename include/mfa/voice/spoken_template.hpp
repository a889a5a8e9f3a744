#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/delivery/template_text.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>

namespace mfa::voice {

/// A text for `Options::voice_template` and `ChallengeOptions::voice_template`, in one language.
struct SpokenText {
  std::string_view language; ///< BCP 47, for `voice_language`
  std::string_view text;
};

/// Each says the code twice: whoever reaches for a pen misses the first time.
inline constexpr SpokenText spoken_texts[] = {
    {"cs", "Váš ověřovací kód je: {{code}}. Opakuji: {{code}}."},
    {"da", "Din bekræftelseskode er: {{code}}. Jeg gentager: {{code}}."},
    {"de", "Ihr Bestätigungscode lautet: {{code}}. Ich wiederhole: {{code}}."},
    {"en", "Your verification code is: {{code}}. Once more: {{code}}."},
    {"es", "Su código de verificación es: {{code}}. Repito: {{code}}."},
    {"fr", "Votre code de vérification est : {{code}}. Je répète : {{code}}."},
    {"it", "Il suo codice di verifica è: {{code}}. Ripeto: {{code}}."},
    {"nl", "Uw verificatiecode is: {{code}}. Ik herhaal: {{code}}."},
    {"pl", "Twój kod weryfikacyjny to: {{code}}. Powtarzam: {{code}}."},
    {"pt", "O seu código de verificação é: {{code}}. Repito: {{code}}."},
    {"sv", "Din verifieringskod är: {{code}}. Jag upprepar: {{code}}."},
};

inline constexpr std::string_view default_template =
    "Your verification code is: {{code}}. Once more: {{code}}.";

/// The longest text, in code points, with all that stands in it.
inline constexpr std::size_t longest_spoken = 1000;

/// What is said of templates of calls.
inline constexpr delivery::TemplateTerms template_terms{
    errc::invalid_argument, "the voice template", "sms_values", "{{code}}", {}};

/// Digit by digit: a voice would read "123456" as a number, and "1 2 3" too fast to write down.
[[nodiscard]] inline crypto::SecretString digits_apart(std::string_view code) {
  crypto::SecretString apart;
  apart.reserve(3 * code.size());
  for (const char digit : code) {
    if (!apart.empty()) apart += ", ";
    apart.push_back(digit);
  }
  return apart;
}

/// What a call says, with `{{code}}` where the code goes and other tokens for values, as in text messages.
/// UTF-8 without control characters, and without the signs of markup languages, which gateways would read as
/// theirs. Never build one of what users write.
class SpokenTemplate {
 public:
  /// A token that is not among `values` is looked for among `defaults`. Throws `errc::invalid_argument`.
  explicit SpokenTemplate(std::string_view text, const MessageValues& values = {},
                          const MessageValues& defaults = {}) {
    const auto refuse = [](const std::string& reason) {
      throw Error(errc::invalid_argument, "the voice template " + reason);
    };
    if (text.size() > 4 * longest_spoken) refuse("is too long; shorten it");
    if (!detail::is_utf8(text)) refuse("is not valid UTF-8; convert it");
    if (detail::has_control_characters(text))
      refuse("has a line end or another control character; remove it");
    delivery::check_message_values(values, template_terms);
    delivery::check_message_values(defaults, template_terms);
    const auto append = [&](std::string_view piece) {
      if (piece.find_first_of("<>&") != std::string_view::npos)
        refuse("or a value in it has <, > or &, which gateways take for markup; remove it");
      pieces_.back() += piece;
    };
    pieces_.emplace_back();
    delivery::read_template(text, template_terms, append, [&](std::string_view token) {
      if (token == "code") {
        pieces_.emplace_back();
        return true;
      }
      const std::string* const value = delivery::value_of(token, values, defaults);
      if (value != nullptr) append(*value);
      return value != nullptr;
    });
    if (pieces_.size() < 2) refuse("has no {{code}}; write it where the code goes");
    std::size_t length = 0;
    for (const std::string& piece : pieces_) length += detail::code_points(piece);
    if (length > longest_spoken)
      refuse("is longer than " + std::to_string(longest_spoken) + " characters; shorten it");
  }

  /// Holds the code: never log it.
  [[nodiscard]] crypto::SecretString render(std::string_view code) const {
    const crypto::SecretString apart = digits_apart(code);
    crypto::SecretString spoken(pieces_.front());
    for (std::size_t i = 1; i < pieces_.size(); ++i) (spoken += apart) += pieces_[i];
    return spoken;
  }

 private:
  std::vector<std::string> pieces_; ///< the text between the places of the code, values in place
};

/// Throws `errc::invalid_argument` for what cannot be a tag of BCP 47.
inline void check_language(std::string_view language) {
  constexpr std::size_t longest = 35;
  constexpr std::string_view in_tags = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
  if (language.size() > longest || language.find_first_not_of(in_tags) != std::string_view::npos)
    throw Error(errc::invalid_argument,
                "voice_language is no language tag; write one as \"de\" or \"pt-BR\", or none");
}

} // namespace mfa::voice
