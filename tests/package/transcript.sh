#!/bin/sh
# Does what a section of docs/packaging.md says, in an empty directory beside a tree mfa-cpp:
#   sh transcript.sh SECTION TREE REPOSITORY PREFIX WORK
# The section's first block of CMake or Meson is the rest of the project's file. Of its consoles, what follows a `$` is run,
# and every other line is to be in the output. REPOSITORY and PREFIX stand in the place of those of the page.
set -eu
section=$1 tree=$2 repository=$3 prefix=$4 work=$5
rm -rf "$work"
mkdir -p "$work"
cd "$work"
ln -s "$tree" mfa-cpp

# shellcheck source=tests/package/page.sh
. "$tree/tests/package/page.sh"
# blocks LANGUAGE [COUNT]
blocks() {
  page_block "$tree" "$section" "$@" | sed "s|https://mfa-cpp.example/mfa-cpp.git|$repository|; s|/opt/mfa|$prefix|g"
}

{
  if [ "$section" = "Single header" ]; then
    echo '#include "mfa.hpp"'
  else
    printf '#include <mfa/mfa.hpp>\n#include <mfa/storage/sqlite.hpp>\n'
  fi
  cat <<'END'
#include <iostream>
int main() {
  mfa::storage::Sqlite storage("app.db");
  const auto png = mfa::qr::png(mfa::qr::encode("otpauth://totp/a"));
  std::cout << "a PNG of " << png.view().size() << " bytes\n";
  return storage.find_factor("auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ") ? 1 : 0;
}
END
} >app.cpp
blocks cmake 1 >described
if [ -s described ]; then
  printf 'cmake_minimum_required(VERSION 3.25)\nproject(app LANGUAGES CXX)\nadd_executable(app app.cpp)\n' >CMakeLists.txt
  cat described >>CMakeLists.txt
fi
blocks meson 1 >described
if [ -s described ]; then
  echo "project('app', 'cpp', default_options: ['cpp_std=c++20'])" >meson.build
  cat described >>meson.build
fi

blocks console | sed -n 's/^\$ //p' >commands
[ -s commands ] || { echo "docs/packaging.md has no commands below '## $section'"; exit 1; }
sh -ex commands >output 2>&1 || { cat output; exit 1; }
cat output
blocks console | grep -v '^\$ ' >expected || true
while IFS= read -r line; do
  grep -qxF -e "$line" output || { echo "not said: $line"; exit 1; }
done <expected
for program in ./app build/app; do
  [ ! -x "$program" ] || exec "$program"
done
echo "the commands made no program"
exit 1
