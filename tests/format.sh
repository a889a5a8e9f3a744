#!/bin/sh
# Checks that all C++ is as .clang-format says, or formats it: sh tests/format.sh [--fix]
# By clang-format 14, since each release formats in its own way; with another, or outside of git, it says so and ends
# with 77. --possible asks only for that.
set -eu
cd "$(dirname "$0")/.."
release=14
clang_format=clang-format-$release
command -v $clang_format >/dev/null || clang_format=clang-format
version=$($clang_format --version 2>&1) || version="no clang-format (Debian package: clang-format)"
case $version in
  *"version $release."*) ;;
  *)
    echo "the code is formatted by clang-format $release, and here is $version"
    exit 77
    ;;
esac
git ls-files --error-unmatch .clang-format >/dev/null 2>&1 || { echo "it is no git work tree"; exit 77; }
case ${1:-} in
  --possible) exit 0 ;;
  --fix) set -- -i ;;
  *) set -- --dry-run -Werror ;;
esac
git ls-files '*.hpp' '*.cpp' | while read -r file; do
  [ ! -e "$file" ] || echo "$file" # unless it was just deleted
done | xargs "$clang_format" "$@"
