#pragma once

#include <cstddef>
#include <string_view>

#include <mfa/compiler.hpp>

// Texts for `Options::sms_template` and `ChallengeOptions::sms_template`, by language. Each tells the
// company, the code, and not to pass it on; each is one segment with a company's name of up to 20 characters
// of any script and a code of up to 9 digits.
namespace mfa::sms {

/// The longest name of a company, in units of UTF-16, with which each text of the catalogue is one segment.
inline constexpr std::size_t longest_company_in_catalogue = 20;

struct CatalogueText {
  std::string_view language; ///< BCP 47
  std::string_view text;     ///< with {{company}} and {{code}}
};

inline constexpr CatalogueText catalogue[] = {
    {"ar", "{{company}}: رمزك {{code}}. لا تشاركه مع أحد."},
    {"bg", "{{company}}: код {{code}}. Не го споделяйте с никого."},
    {"bn", "{{company}}: আপনার কোড {{code}}। কাউকে বলবেন না।"},
    {"ca", "{{company}}: el codi és {{code}}. No el compartiu."},
    {"cs", "{{company}}: váš kód je {{code}}. Nikomu ho nesdělujte."},
    {"da", "{{company}}: din kode er {{code}}. Del den ikke med nogen."},
    {"de", "{{company}}: Ihr Code ist {{code}}. Bitte nicht weitergeben."},
    {"el", "{{company}}: ο κωδικός είναι {{code}}. Μην τον δώσετε."},
    {"en", "{{company}}: your code is {{code}}. Do not share it."},
    {"es", "{{company}}: su código es {{code}}. No lo comparta."},
    {"et", "{{company}}: kood on {{code}}. Ära jaga seda kellegagi."},
    {"fa", "{{company}}: کد شما {{code}} است. آن را به کسی ندهید."},
    {"fi", "{{company}}: koodisi on {{code}}. Älä jaa sitä muille."},
    {"fr", "{{company}} : votre code est {{code}}. Ne le partagez pas."},
    {"he", "{{company}}: הקוד שלך הוא {{code}}. אין למסור אותו לאיש."},
    {"hi", "{{company}}: आपका कोड {{code}} है। इसे किसी को न बताएँ।"},
    {"hr", "{{company}}: vaš kod je {{code}}. Ne dijelite ga ni s kim."},
    {"hu", "{{company}}: az Ön kódja {{code}}. Ne adja meg senkinek."},
    {"id", "{{company}}: kode Anda {{code}}. Jangan bagikan."},
    {"it", "{{company}}: il tuo codice è {{code}}. Non condividerlo."},
    {"ja", "{{company}}: 認証コードは{{code}}です。他人に教えないでください。"},
    {"ko", "{{company}}: 인증번호는 {{code}}입니다. 타인에게 알려주지 마세요."},
    {"lt", "{{company}}: jūsų kodas {{code}}. Niekam jo nesakykite."},
    {"lv", "{{company}}: jūsu kods ir {{code}}. Nevienam to nesakiet."},
    {"ms", "{{company}}: kod anda ialah {{code}}. Jangan kongsi."},
    {"nb", "{{company}}: koden din er {{code}}. Ikke del den med noen."},
    {"nl", "{{company}}: uw code is {{code}}. Deel deze met niemand."},
    {"pl", "{{company}}: kod {{code}}. Nie podawaj go nikomu."},
    {"pt", "{{company}}: seu código é {{code}}. Não o compartilhe."},
    {"pt-PT", "{{company}}: o seu código é {{code}}. Não o partilhe."},
    {"ro", "{{company}}: codul este {{code}}. Nu îl dați nimănui."},
    {"ru", "{{company}}: ваш код {{code}}. Никому его не сообщайте."},
    {"sk", "{{company}}: váš kód je {{code}}. Nikomu ho neprezraďte."},
    {"sl", "{{company}}: vaša koda je {{code}}. Ne delite je z nikomer."},
    {"sr", "{{company}}: ваш код је {{code}}. Не делите га ни са ким."},
    {"sr-Latn", "{{company}}: vaš kod je {{code}}. Ne delite ga ni sa kim."},
    {"sv", "{{company}}: din kod är {{code}}. Dela den inte med någon."},
    {"sw", "{{company}}: msimbo wako ni {{code}}. Usimpe mtu mwingine."},
    {"th", "{{company}}: รหัสของคุณคือ {{code}} ห้ามบอกผู้อื่น"},
    {"tr", "{{company}}: kodunuz {{code}}. Kimseyle paylaşmayın."},
    {"uk", "{{company}}: ваш код {{code}}. Нікому його не кажіть."},
    {"ur", "{{company}}: آپ کا کوڈ {{code}} ہے۔ کسی کو نہ بتائیں۔"},
    {"vi", "{{company}}: mã của bạn là {{code}}. Không chia sẻ mã này."},
    {"zh", "{{company}}：您的验证码是{{code}}，请勿告诉他人。"},
    {"zh-Hant", "{{company}}：您的驗證碼是{{code}}，請勿告訴他人。"},
};

/// Other names of languages, and regions whose texts are not those of the language at large.
struct LanguageAlias {
  std::string_view name;
  std::string_view language;
};

inline constexpr LanguageAlias language_aliases[] = {
    {"no", "nb"},         {"nn", "nb"},         {"iw", "he"},         {"in", "id"},
    {"zh-TW", "zh-Hant"}, {"zh-HK", "zh-Hant"}, {"zh-MO", "zh-Hant"}, {"bs", "hr"},
};

/// The catalogue's text for a language of BCP 47, in capitals or not, "de-AT" or "de_AT": that of the longest
/// part of it that the catalogue has, as RFC 4647 section 3.4 looks up; else that of `otherwise`, and of
/// English if the catalogue lacks that too.
[[nodiscard]] constexpr const CatalogueText& catalogue_text(std::string_view language,
                                                            std::string_view otherwise = "en") noexcept {
  const auto is = [](std::string_view a, std::string_view b) {
    const auto folded = [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c == '_' ? '-' : c;
    };
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
      if (folded(a[i]) != folded(b[i])) return false;
    return true;
  };
  const std::string_view ranges[] = {language, otherwise, "en"};
  for (std::string_view range : ranges) {
    while (!range.empty()) {
      std::string_view name = range;
      for (const LanguageAlias& alias : language_aliases)
        if (is(alias.name, range)) name = alias.language;
      for (const CatalogueText& each : catalogue)
        if (is(each.language, name)) return each;
      const auto end = range.find_last_of("-_");
      range = range.substr(0, end == std::string_view::npos ? 0 : end);
    }
  }
  return catalogue[0]; // not reached: English is there
}

} // namespace mfa::sms
