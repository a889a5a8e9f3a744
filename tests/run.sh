#!/bin/sh
# Builds and runs all tests, or those whose names match the argument: sh tests/run.sh [name]
# On Debian and Ubuntu it installs what is missing first.
# PRESET=asan-ubsan or PRESET=tsan does the same under sanitizers; CMakePresets.json lists the presets.
set -eu
cd "$(dirname "$0")/.."
preset=${PRESET:-dev}
. ./examples/requirements.sh
require g++ cmake ninja-build pkg-config meson catch2 \
  libssl-dev libqrencode-dev libpng-dev \
  libsqlite3-dev \
  libpq-dev postgresql pgbouncer \
  libhiredis-dev redis-server \
  libmariadb-dev mariadb-server-core \
  libcbor-dev libcpp-httplib-dev chromium chromium-driver \
  libcurl4-openssl-dev \
  libbenchmark-dev libfido2-dev \
  libboost-coroutine-dev libboost-context-dev \
  nlohmann-json3-dev \
  liboath-dev oathtool \
  protobuf-compiler \
  zbar-tools librsvg2-bin
cmake --preset "$preset"
cmake --build --preset "$preset"
ctest --preset "$preset" ${1:+-R "$1"}
