#!/bin/sh
# Builds and runs all tests, or those whose names match the argument: sh tests/run.sh [name]
# On Debian and Ubuntu it installs what is missing first.
set -eu
cd "$(dirname "$0")/.."
. ./examples/requirements.sh
require g++ cmake ninja-build pkg-config catch2 \
  libssl-dev libqrencode-dev libpng-dev \
  libsqlite3-dev \
  nlohmann-json3-dev \
  liboath-dev oathtool \
  zbar-tools librsvg2-bin
cmake -S . -B build/tests -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_COMPILE_WARNING_AS_ERROR=ON
cmake --build build/tests
ctest --test-dir build/tests --output-on-failure -j 2 --no-tests=error ${1:+-R "$1"}
