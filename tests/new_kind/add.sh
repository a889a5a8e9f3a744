#!/bin/sh
# add.sh FOLDER: adds this kind to a copy of the headers, FOLDER/include, and prints what that changes there.
set -eu
cd "$(dirname "$0")"
headers=$(cd ../../include && pwd)
rm -rf "$1/include"
mkdir -p "$1"
cp -R "$headers" "$1/include"
cp letter.hpp "$1/include/mfa/factor/"
cd "$1/include/mfa"

# edit HEADER OLD NEW: OLD must be in the header exactly once.
edit() {
  OLD=$2 NEW=$3 perl -0pi -e '
    my $n = () = /\Q$ENV{OLD}\E/g;
    die "found $n times, expected once: $ENV{OLD}\n" if $n != 1;
    s/\Q$ENV{OLD}\E/$ENV{NEW}/' "$1"
}
newline='
'
edit factor/kinds.hpp '#include <mfa/factor/kind.hpp>' \
  "#include <mfa/factor/kind.hpp>$newline#include <mfa/factor/letter.hpp>"
edit factor/kinds.hpp 'EmailKind>;' 'EmailKind, LetterKind>;'
edit types.hpp '  email = 7, ' "  letter = 8,         ///< a code on paper$newline  email = 7, "
edit types.hpp '    "email",' "    \"email\",$newline    \"letter\","
command -v git >/dev/null || exit 0
cd "$1"
git diff --no-index --stat "$headers" include || [ $? = 1 ]
