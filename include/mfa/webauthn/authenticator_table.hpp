#pragma once

#include <array>
#include <string_view>
#include <utility>

#include <mfa/compiler.hpp>

namespace mfa::webauthn::detail {

// Made by tests/webauthn/authenticator_table.py of the list of passkey providers that developers of passkeys
// keep at https://github.com/passkeydeveloper/passkey-authenticator-aaguids.
// clang-format off
/// AAGUIDs in hexadecimal, in order, and names.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 52> authenticator_table{{
  {"08987058cadc4b81b6e130de50dcbe96", "Windows Hello"},
  {"0ea242b443c44a1b8b17dd6d0b6baec6", "Keeper"},
  {"17290f1ec21234d01423365d729f09d9", "Thales PIN iOS SDK"},
  {"22248c4c7a1246e29a4144291b373a4d", "LogMeOnce"},
  {"39a5647e1853446ca1f6a79bae9f5bc7", "IDmelon"},
  {"45e3057eb2f948ed912f9b901e153b16", "Uniqkey"},
  {"50726f746f6e5061737350726f746f6e", "Proton Pass"},
  {"531126d6e717415c93203d9aa6981239", "Dashlane"},
  {"53414d53554e47000000000000000000", "Samsung Pass"},
  {"5ca471bba56d46ada49667e70e9ed9fb", "Parcel"},
  {"6028b017b1d44c02b4b3afcdafc96bb2", "Windows Hello"},
  {"65c97700f5ef4d5c8a42f30e45ac94b7", "Royal Vault"},
  {"66a0ccb3bd6a191fee06e375c50b9846", "Thales Bio iOS SDK"},
  {"6bb49926160a4306a1004eb39ba6ac45", "AVG Password Manager"},
  {"6d212b28a2c14638b3755932070f62e9", "initial"},
  {"7061737377616c6c6669646f32303236", "Passwall"},
  {"771b48fdd3d44f749232fc157ab0507a", "Edge on Mac"},
  {"87f5ec51f7214feb9fe4be18c4971894", "PassCard"},
  {"8836336af5900921301d46427531eee6", "Thales Bio Android SDK"},
  {"891494da2c904d31a9cd4eab0aed1309", "S" "\xc3\xa9" "same"},
  {"9addb28cb46f4402808f019651441ff3", "KeePassPasskey"},
  {"9ddd1817af5a4672a2b93e3dd95000a9", "Windows Hello"},
  {"a10c6dd9465e42268198c7c44b91c555", "Kaspersky Password Manager"},
  {"a11a5faa9f324b8c8c5d2f7d13e8c942", "AliasVault"},
  {"a4a2d88e979643569164e2a5a8bd019c", "Avast Password Manager"},
  {"adce000235bcc60a648b0b25f1f05503", "Chrome on Mac"},
  {"b35a26b28f6e4697ab1dd44db4da28c6", "Zoho Vault"},
  {"b53976664885aa6bcebfe52262a439a2", "Chromium Browser"},
  {"b78a0a556ef8d246a042ba0f6d55050c", "LastPass"},
  {"b84e404815dc4dd08640f4f60813c8af", "NordPass"},
  {"bada5566a7aa401fbd9645619a55120d", "1Password"},
  {"bfc748bb34294faab9f97cfa9f3b76d0", "iPasswords"},
  {"c9cadfc989a9489ea25ac7e86a4d5f15", "Burp Suite Navigation Recorder"},
  {"cc45f64e52a2451b831a4edd8022a202", "ToothPic Passkey Provider"},
  {"cd69adb53c7adeb931776800ea6cb72a", "Thales PIN Android SDK"},
  {"d2717a32985148a89961b264c97a411a", "Fenko Vault"},
  {"d345266801fd4c12926c83a4204853aa", "Microsoft Password Manager"},
  {"d350af5203514ba2acd3dfeeadc3f764", "pwSafe"},
  {"d49b2120b86541918ceabe84a52b0485", "Heimlane Vault"},
  {"d548826e79b4db40a3d811116f7e8349", "Bitwarden"},
  {"d9be9d39e6a64c28a58132b044d986e4", "Sticky Password Manager"},
  {"da583154ce164cdf9fe61dba788c0998", "Hey Be Safe"},
  {"dd4ec289e01d41c9bb8970fa845d4bf2", "iCloud Keychain (Managed)"},
  {"de503f9c21a44f76b4b7558eb55c6f89", "Devolutions"},
  {"e7db2bd3f2fe4d71ad787e7aa166cfd1", "Avira Password Manager"},
  {"e8b7f4a2c3d5e6f7890ab1c2d3e4f567", "Sherlocked"},
  {"ea9b8d664d011d213ce4b6b48cb575d4", "Google Password Manager"},
  {"eaecdef21c3156348639f1cbd9c00a08", "KeePassDX"},
  {"f38095407f1449c1a8b38f813b225541", "Enpass"},
  {"fa37f553f9b64adbac538bbb57ebdf0d", "Norton Password Manager"},
  {"fbfc3007154e4ecc8c0b6e020557d7bd", "Apple Passwords"},
  {"fdb141b25d84443e8a354698c205a502", "KeePassXC"},
}};
// clang-format on

} // namespace mfa::webauthn::detail
