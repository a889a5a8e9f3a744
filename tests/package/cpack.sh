#!/bin/sh
# TGZ SOURCE WORK PREFIX: cpack's .tar.gz of SOURCE, made as docs/packaging.md says, has the files that CMake put into
# PREFIX and the licence, and a program finds the package in it.
# DEB SOURCE WORK PREFIX PACKAGES: so does its .deb, which says of itself what Debian's own in PACKAGES says.
set -eu
format=$1 source=$2 work=$3 prefix=$4
rm -rf "$work"
mkdir -p "$work"
cd "$work"
# shellcheck source=tests/package/page.sh
. "$source/tests/package/page.sh"
ln -s "$source" mfa-cpp
page_commands "$source" CPack >commands
sh -ex commands
case $format in
  TGZ)
    tar -xzf mfa-cpp-*.tar.gz
    root=$(echo "$work"/mfa-cpp-*/)
    ;;
  DEB)
    debian=$(echo "$5"/libmfa-cpp-dev_*_all.deb)
    for field in Package Architecture Section Priority Maintainer Homepage Depends Suggests Description; do
      dpkg-deb -f "$debian" "$field" >field
      dpkg-deb -f libmfa-cpp-dev_*_all.deb "$field" | diff field -
    done
    # Debian's is the same version with a revision.
    version=$(dpkg-deb -f "$debian" Version)
    test "$(dpkg-deb -f libmfa-cpp-dev_*_all.deb Version)" = "${version%-*}"
    dpkg-deb -x libmfa-cpp-dev_*_all.deb root
    root=$work/root/usr
    ;;
esac
(cd "$prefix" && find . -type f && echo ./share/doc/libmfa-cpp-dev/copyright) | sort >files
(cd "$root" && find . -type f) | sort | diff files -
cmake -S "$source/tests/package/consumer" -B consumer -DCMAKE_PREFIX_PATH="$root"
cmake --build consumer
ctest --test-dir consumer --output-on-failure --no-tests=error
