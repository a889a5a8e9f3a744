#!/bin/sh
# Builds and runs all tests, or some:
#   sh tests/run.sh            all
#   sh tests/run.sh core       all that need no server and no browser
#   sh tests/run.sh redis      those of a label: a folder of tests/ (rules, storage, postgres, browser, package ...)
#   sh tests/run.sh fork       those whose names match
# On Debian and Ubuntu it installs what is missing first: what the tests of the label need, or of the folder in which
# a test of that whole name is; for any other name what all need.
# PRESET=asan-ubsan or PRESET=tsan does the same under sanitizers, PRESET=clang by clang; CMakePresets.json lists them.
set -eu
cd "$(dirname "$0")/.."
preset=${PRESET:-dev}
only=${1:-}
. ./examples/requirements.sh

core() {
  require g++ cmake ninja-build pkg-config catch2 clang-format \
    libssl-dev libqrencode-dev libpng-dev libsqlite3-dev libcbor-dev nlohmann-json3-dev libxml2-dev libcurl4-openssl-dev libphonenumber-dev \
    libasio-dev libboost-dev libboost-coroutine-dev libboost-context-dev \
    liboath-dev oathtool libpskc-dev pskctool protobuf-compiler zbar-tools librsvg2-bin python3 python3-aiosmtpd python3-jsonschema
}
postgres() { require libpq-dev postgresql pgbouncer; }
redis() { require libhiredis-dev redis-server; }
mariadb() { require libmariadb-dev mariadb-server-core; }
browser() { require libcpp-httplib-dev chromium chromium-driver; }
examples() { require libcurl4-openssl-dev libcpp-httplib-dev libasio-dev libboost-dev libpq-dev libhiredis-dev; }
every_component() { require libpq-dev libhiredis-dev; }
node() { command -v npm >/dev/null || require nodejs npm; } # unless there is another node, which Debian's npm is not for
workos() { require libcpp-httplib-dev; node; }
portal() { browser; node; }
webauthn() { node; } # recordings are fetched by it
server() {
  workos
  every_component
  require postgresql redis-server sqlite3
}
package() { every_component; require git meson python3 bazel-bootstrap dpkg-dev debhelper; }
benchmark() { every_component; require libbenchmark-dev libfido2-dev python3; }

core
[ "$preset" != clang ] || require clang
room=$only
source=$(find tests -name "$only.cpp" | head -n 1)
[ -z "$source" ] || room=$(basename "$(dirname "$source")")
case $room in
  core | sqlite) ;;
  docs) every_component; require libcpp-httplib-dev ;;
  fuzz) every_component ;;
  examples | browser | portal | webauthn | workos | server | postgres | redis | mariadb | package | benchmark) "$room" ;;
  storage) postgres && redis && mariadb ;;
  async) postgres && redis ;;
  *)
    if [ -z "$room" ] || [ ! -d "tests/$room" ]; then
      postgres && redis && mariadb && browser && examples && workos && portal && server && package && benchmark
    fi
    ;;
esac

cmake --preset "$preset"
if [ -z "$only" ]; then
  cmake --build --preset "$preset"
  exec ctest --preset "$preset"
fi
if ctest --preset "$preset" --print-labels | grep -qx " *$only"; then
  which="-L ^$only\$"
else
  which="-R $only"
fi
# Each test's program has its name. Those that have none, as those of the package, build what they need.
targets=$(cmake --build --preset "$preset" --target help | sed -n 's/^\([a-z0-9_]*\): phony$/\1/p')
# shellcheck disable=SC2086
tests=$(ctest --preset "$preset" -N $which 2>/dev/null | sed -n 's/^ *Test *#[0-9]*: \([a-z0-9_]*\).*/\1/p')
programs=$(for test in $tests; do echo "$targets" | grep -x "$test" || true; done)
# shellcheck disable=SC2086
[ -z "$programs" ] || cmake --build --preset "$preset" --target $programs
# shellcheck disable=SC2086
ctest --preset "$preset" $which
