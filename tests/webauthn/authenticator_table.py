"""Makes include/mfa/webauthn/authenticator_table.hpp of the community's list of passkey providers.

    curl -sO https://raw.githubusercontent.com/passkeydeveloper/passkey-authenticator-aaguids/main/aaguid.json
    python3 tests/webauthn/authenticator_table.py aaguid.json >include/mfa/webauthn/authenticator_table.hpp

Refuses a list that is empty (the community says that it will be when it is given up) or not of that form.
"""

import json
import re
import sys
import uuid


def literal(text):
    """A C++ string literal of ASCII characters."""
    parts = re.split(r"([^\x20-\x7e]+)", text)
    quoted = []
    for i, part in enumerate(parts):
        if i % 2:
            quoted.append('"%s"' % "".join("\\x%02x" % byte for byte in part.encode()))
        elif part:
            quoted.append('"%s"' % part.replace("\\", "\\\\").replace('"', '\\"'))
    return " ".join(quoted)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        entries = json.load(file)
    rows = sorted((uuid.UUID(aaguid).hex, entry["name"].strip()) for aaguid, entry in entries.items())
    if not rows:
        sys.exit("the list is empty: keep the table as it is")
    for aaguid, name in rows:
        if not 1 <= len(name.encode()) <= 64 or not name.isprintable():
            sys.exit("the name of " + aaguid + " is none: " + repr(name))
    print("""#pragma once

#include <array>
#include <string_view>
#include <utility>

#include <mfa/compiler.hpp>

namespace mfa::webauthn::detail {

// Made by tests/webauthn/authenticator_table.py of the list of passkey providers that developers of passkeys
// keep at https://github.com/passkeydeveloper/passkey-authenticator-aaguids.
// clang-format off
/// AAGUIDs in hexadecimal, in order, and names.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, %d> authenticator_table{{""" % len(rows))
    for aaguid, name in rows:
        print('  {"%s", %s},' % (aaguid, literal(name)))
    print("""}};
// clang-format on

} // namespace mfa::webauthn::detail""")


main()
