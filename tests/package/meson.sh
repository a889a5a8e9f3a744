#!/bin/sh
# subproject SOURCE WORK: a host whose subprojects/mfa-cpp is SOURCE builds and runs its programs, and installs none of
# our files.
# install SOURCE WORK PREFIX: `meson install` gives the headers and the pkg-config files that CMake put into PREFIX.
set -eu
way=$1 source=$2 work=$3
rm -rf "$work"
mkdir -p "$work"
cd "$work"
# Not what a machine may have installed.
unset PKG_CONFIG_PATH
case $way in
  subproject)
    cp "$source"/tests/package/meson_host/meson.build "$source"/tests/package/consumer/core.cpp \
      "$source"/tests/package/consumer/sqlite.cpp .
    mkdir subprojects
    ln -s "$source" subprojects/mfa-cpp
    meson setup build
    meson test -C build --print-errorlogs
    DESTDIR=$work/installed meson install -C build
    if find installed -name '*.hpp' -o -name '*.pc' 2>/dev/null | grep .; then
      echo "A host installs files of its subproject." >&2
      exit 1
    fi
    ;;
  install)
    meson setup build "$source" --prefix "$work/prefix"
    meson install -C build
    diff -r "$4/include" prefix/include
    diff -r "$4/share/pkgconfig" prefix/share/pkgconfig
    ;;
esac
