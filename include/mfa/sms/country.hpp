#pragma once

#include <cstddef>
#include <string_view>

#include <mfa/compiler.hpp>
#include <mfa/sms/numbering_plan.hpp>

// Whose numbers begin how: a country code alone does not say, as several countries share some. Sources: ITU-T
// E.164 (assigned country codes), the national numbering plans, as libphonenumber's metadata of 2026 has
// them.
namespace mfa::sms {

/// What the numbers of a country begin with: its country code, and one of the prefixes, which spaces
/// separate. Where there are none, the country has what of the country code belongs to no other.
struct CountryPrefixes {
  std::string_view country_code;
  std::string_view country; ///< ISO 3166-1 alpha-2, or "001"
  std::string_view prefixes;
};

inline constexpr CountryPrefixes country_prefixes[] = {
    {"1", "US", ""},
    {"1", "CA",
     "204 226 236 249 250 257 263 273 289 306 343 354 365 367 368 382 403 416 418 428 431 437 438 450 468 "
     "474 506 514 519 548 579 581 584 587 600 604 613 622 633 639 644 647 655 672 677 683 688 705 709 742 "
     "753 778 780 782 807 819 825 867 873 879 902 905 942"},
    {"1", "AG", "268"},
    {"1", "AI", "264"},
    {"1", "AS", "684"},
    {"1", "BB", "246"},
    {"1", "BM", "441"},
    {"1", "BS", "242"},
    {"1", "DM", "767"},
    {"1", "DO", "809 829 849 8001"},
    {"1", "GD", "473"},
    {"1", "GU", "671"},
    {"1", "JM", "658 876"},
    {"1", "KN", "869"},
    {"1", "KY", "345"},
    {"1", "LC", "758"},
    {"1", "MP", "670"},
    {"1", "MS", "664"},
    {"1", "PR", "787 939"},
    {"1", "SX", "721"},
    {"1", "TC", "649"},
    {"1", "TT", "868"},
    {"1", "VC", "784"},
    {"1", "VG", "284"},
    {"1", "VI", "340"},
    {"20", "EG", ""},
    {"211", "SS", ""},
    {"212", "MA", ""},
    {"212", "EH", "5288 5289"},
    {"213", "DZ", ""},
    {"216", "TN", ""},
    {"218", "LY", ""},
    {"220", "GM", ""},
    {"221", "SN", ""},
    {"222", "MR", ""},
    {"223", "ML", ""},
    {"224", "GN", ""},
    {"225", "CI", ""},
    {"226", "BF", ""},
    {"227", "NE", ""},
    {"228", "TG", ""},
    {"229", "BJ", ""},
    {"230", "MU", ""},
    {"231", "LR", ""},
    {"232", "SL", ""},
    {"233", "GH", ""},
    {"234", "NG", ""},
    {"235", "TD", ""},
    {"236", "CF", ""},
    {"237", "CM", ""},
    {"238", "CV", ""},
    {"239", "ST", ""},
    {"240", "GQ", ""},
    {"241", "GA", ""},
    {"242", "CG", ""},
    {"243", "CD", ""},
    {"244", "AO", ""},
    {"245", "GW", ""},
    {"246", "IO", ""},
    {"247", "AC", ""},
    {"248", "SC", ""},
    {"249", "SD", ""},
    {"250", "RW", ""},
    {"251", "ET", ""},
    {"252", "SO", ""},
    {"253", "DJ", ""},
    {"254", "KE", ""},
    {"255", "TZ", ""},
    {"256", "UG", ""},
    {"257", "BI", ""},
    {"258", "MZ", ""},
    {"260", "ZM", ""},
    {"261", "MG", ""},
    {"262", "RE", ""},
    {"262", "YT", "2689 269 639 70935 70936 70937 93980 93981 94780 94781 9769"},
    {"263", "ZW", ""},
    {"264", "NA", ""},
    {"265", "MW", ""},
    {"266", "LS", ""},
    {"267", "BW", ""},
    {"268", "SZ", ""},
    {"269", "KM", ""},
    {"27", "ZA", ""},
    {"290", "SH", ""},
    {"290", "TA", "8"},
    {"291", "ER", ""},
    {"297", "AW", ""},
    {"298", "FO", ""},
    {"299", "GL", ""},
    {"30", "GR", ""},
    {"31", "NL", ""},
    {"32", "BE", ""},
    {"33", "FR", ""},
    {"34", "ES", ""},
    {"350", "GI", ""},
    {"351", "PT", ""},
    {"352", "LU", ""},
    {"353", "IE", ""},
    {"354", "IS", ""},
    {"355", "AL", ""},
    {"356", "MT", ""},
    {"357", "CY", ""},
    {"358", "FI", ""},
    {"358", "AX", "18"},
    {"359", "BG", ""},
    {"36", "HU", ""},
    {"370", "LT", ""},
    {"371", "LV", ""},
    {"372", "EE", ""},
    {"373", "MD", ""},
    {"374", "AM", ""},
    {"375", "BY", ""},
    {"376", "AD", ""},
    {"377", "MC", ""},
    {"378", "SM", ""},
    {"379", "VA", ""},
    {"380", "UA", ""},
    {"381", "RS", ""},
    {"382", "ME", ""},
    {"383", "XK", ""},
    {"385", "HR", ""},
    {"386", "SI", ""},
    {"387", "BA", ""},
    {"389", "MK", ""},
    {"39", "IT", ""},
    {"39", "VA", "06698"},
    {"40", "RO", ""},
    {"41", "CH", ""},
    {"420", "CZ", ""},
    {"421", "SK", ""},
    {"423", "LI", ""},
    {"43", "AT", ""},
    {"44", "GB", ""},
    {"44", "GG", "1481 7781 7839 79111 79117"},
    {"44", "IM", "1624 74576 7524 7624 7924"},
    {"44", "JE", "1534 7509 77003 77007 77008 7797 7829 7937"},
    {"45", "DK", ""},
    {"46", "SE", ""},
    {"47", "NO", ""},
    {"47", "SJ", "79"},
    {"48", "PL", ""},
    {"49", "DE", ""},
    {"500", "FK", ""},
    {"501", "BZ", ""},
    {"502", "GT", ""},
    {"503", "SV", ""},
    {"504", "HN", ""},
    {"505", "NI", ""},
    {"506", "CR", ""},
    {"507", "PA", ""},
    {"508", "PM", ""},
    {"509", "HT", ""},
    {"51", "PE", ""},
    {"52", "MX", ""},
    {"53", "CU", ""},
    {"54", "AR", ""},
    {"55", "BR", ""},
    {"56", "CL", ""},
    {"57", "CO", ""},
    {"58", "VE", ""},
    {"590", "GP", ""},
    {"590", "BL", "59027 59029 59051 59052 59087"},
    {"590", "MF", "59000 59007 59009 59013 59030 59043 59050 59056 59058 59077 59079"},
    {"591", "BO", ""},
    {"592", "GY", ""},
    {"593", "EC", ""},
    {"594", "GF", ""},
    {"595", "PY", ""},
    {"596", "MQ", ""},
    {"597", "SR", ""},
    {"598", "UY", ""},
    {"599", "CW", ""},
    {"599", "BQ", "3 4 7"},
    {"60", "MY", ""},
    {"61", "AU", ""},
    {"61", "CC",
     "851002 851031 851060 851089 851118 851176 851223 891010 891011 891012 891029 891122 891150 891179 "
     "891182 891210 891264 891308 891322 891368 891428 891498 89162 891702 891703 891959"},
    {"61", "CX",
     "851001 851030 851059 851088 851117 851146 851175 851222 851235 891006 891007 891008 891009 891121 "
     "891149 891178 891181 891209 891263 891312 891326 891375 891456 891497 89164 891700 891701 891710 "
     "891711 891712 891958"},
    {"62", "ID", ""},
    {"63", "PH", ""},
    {"64", "NZ", ""},
    {"65", "SG", ""},
    {"66", "TH", ""},
    {"670", "TL", ""},
    {"672", "NF", ""},
    {"673", "BN", ""},
    {"674", "NR", ""},
    {"675", "PG", ""},
    {"676", "TO", ""},
    {"677", "SB", ""},
    {"678", "VU", ""},
    {"679", "FJ", ""},
    {"680", "PW", ""},
    {"681", "WF", ""},
    {"682", "CK", ""},
    {"683", "NU", ""},
    {"685", "WS", ""},
    {"686", "KI", ""},
    {"687", "NC", ""},
    {"688", "TV", ""},
    {"689", "PF", ""},
    {"690", "TK", ""},
    {"691", "FM", ""},
    {"692", "MH", ""},
    {"7", "RU", ""},
    {"7", "KZ", "6 7"},
    {"800", "001", ""},
    {"808", "001", ""},
    {"81", "JP", ""},
    {"82", "KR", ""},
    {"84", "VN", ""},
    {"850", "KP", ""},
    {"852", "HK", ""},
    {"853", "MO", ""},
    {"855", "KH", ""},
    {"856", "LA", ""},
    {"86", "CN", ""},
    {"870", "001", ""},
    {"878", "001", ""},
    {"880", "BD", ""},
    {"881", "001", ""},
    {"882", "001", ""},
    {"883", "001", ""},
    {"886", "TW", ""},
    {"888", "001", ""},
    {"90", "TR", ""},
    {"91", "IN", ""},
    {"92", "PK", ""},
    {"93", "AF", ""},
    {"94", "LK", ""},
    {"95", "MM", ""},
    {"960", "MV", ""},
    {"961", "LB", ""},
    {"962", "JO", ""},
    {"963", "SY", ""},
    {"964", "IQ", ""},
    {"965", "KW", ""},
    {"966", "SA", ""},
    {"967", "YE", ""},
    {"968", "OM", ""},
    {"970", "PS", ""},
    {"971", "AE", ""},
    {"972", "IL", ""},
    {"973", "BH", ""},
    {"974", "QA", ""},
    {"975", "BT", ""},
    {"976", "MN", ""},
    {"977", "NP", ""},
    {"979", "001", ""},
    {"98", "IR", ""},
    {"992", "TJ", ""},
    {"993", "TM", ""},
    {"994", "AZ", ""},
    {"995", "GE", ""},
    {"996", "KG", ""},
    {"998", "UZ", ""},
};

/// How many digits of `digits` the longest of the prefixes has that it begins with; none: 0.
[[nodiscard]] constexpr std::size_t matched_prefix(std::string_view digits,
                                                   std::string_view prefixes) noexcept {
  std::size_t longest = 0;
  while (!prefixes.empty()) {
    const std::string_view prefix = prefixes.substr(0, prefixes.find(' '));
    if (prefix.size() > longest && digits.starts_with(prefix)) longest = prefix.size();
    prefixes.remove_prefix(prefix.size() < prefixes.size() ? prefix.size() + 1 : prefix.size());
  }
  return longest;
}

/// Whether this is the code of a country whose numbers `country_of` knows from those of others.
[[nodiscard]] constexpr bool is_country(std::string_view code) noexcept {
  for (const CountryPrefixes& each : country_prefixes)
    if (each.country == code) return true;
  return false;
}

/// The country of an E.164 number, as a code of ISO 3166-1 in capitals: "US", "CA", "JM" of what begins
/// with 1. Beside the standard's codes, AC is Ascension, TA Tristan da Cunha and XK Kosovo, and "001" what
/// belongs to no country: satellites, networks of the world. Empty for a country code that nobody has.
/// Countries whose mobile numbers are not told apart have one code: GP is Guadeloupe, Saint-Barthelemy and
/// Saint-Martin, NO Norway and Svalbard, FI Finland and Aland, MA Morocco and Western Sahara, AU Australia
/// and its islands. The view is of static storage. Whether such a number exists is not asked.
[[nodiscard]] constexpr std::string_view country_of(std::string_view e164) noexcept {
  const std::string_view digits = e164.starts_with('+') ? e164.substr(1) : e164;
  const std::string_view country_code = digits.substr(0, country_code_size(digits));
  std::string_view country;
  std::size_t longest = 0;
  for (const CountryPrefixes& each : country_prefixes) {
    if (each.country_code != country_code) continue;
    const std::size_t matched = matched_prefix(digits.substr(country_code.size()), each.prefixes);
    if (matched > longest || (country.empty() && each.prefixes.empty())) {
      country = each.country;
      longest = matched;
    }
  }
  return country;
}

/// Whether an E.164 number is one of those that an entry of a host's list names: a country ("US", which is
/// not all that begins with 1), the digits that numbers begin with ("1242", "+44"), or "*", every number.
[[nodiscard]] constexpr bool matches_country(std::string_view e164, std::string_view entry) noexcept {
  if (entry.empty()) return false;
  if (entry == "*" || entry == country_of(e164)) return true;
  const std::string_view number = e164.starts_with('+') ? e164.substr(1) : e164;
  const std::string_view digits = entry.starts_with('+') ? entry.substr(1) : entry;
  return !digits.empty() && number.starts_with(digits);
}

} // namespace mfa::sms
