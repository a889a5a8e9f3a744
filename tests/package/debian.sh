#!/bin/sh
# build SOURCE WORK: makes Debian's binary package of SOURCE in WORK, as docs/packaging.md says, and unpacks it into
# WORK/root; makes the source package as well.
# use SOURCE WORK PREFIX: it has the files that CMake put into PREFIX, and its autopkgtest passes with it.
set -eu
way=$1 source=$2 work=$3
# shellcheck source=tests/package/page.sh
. "$source/tests/package/page.sh"
case $way in
  build)
    rm -rf "$work"
    mkdir -p "$work/mfa-cpp"
    cd "$work/mfa-cpp"
    # What the package is made of, whether SOURCE is a repository or not.
    for part in CHANGELOG.md CMakeLists.txt LICENSE README.md cmake docs examples include packaging tests; do
      cp -R "$source/$part" .
    done
    version=$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)
    tar -cJf "../mfa-cpp_${version%-*}.orig.tar.xz" --exclude=./debian .
    page_commands "$source" Debian >../commands
    sh -ex ../commands
    dpkg-buildpackage -us -uc -S
    cd "$work"
    dpkg-deb --info "libmfa-cpp-dev_${version}_all.deb"
    dpkg-deb -x "libmfa-cpp-dev_${version}_all.deb" root
    # A source package that others can unpack again.
    dpkg-source -x "mfa-cpp_$version.dsc" unpacked
    test -x unpacked/debian/rules
    ;;
  use)
    cd "$work"
    diff -r "$4/include" root/usr/include
    diff -r "$4/share/pkgconfig" root/usr/share/pkgconfig
    (cd "$4/share" && find cmake -type f | sort) >cmake_files
    (cd root/usr/share && find cmake -type f | sort) | diff cmake_files -
    rm -rf autopkgtest
    mkdir autopkgtest
    cd "$source"
    AUTOPKGTEST_TMP=$work/autopkgtest CMAKE_PREFIX_PATH=$work/root/usr PKG_CONFIG_PATH=$work/root/usr/share/pkgconfig \
      sh packaging/debian/tests/consumer
    ;;
esac
