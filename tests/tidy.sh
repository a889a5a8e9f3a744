#!/bin/sh
# Checks every header with clang-tidy, by the rules in .clang-tidy: sh tests/tidy.sh
set -eu
cd "$(dirname "$0")/.."
. ./examples/requirements.sh
require clang-tidy pkg-config libssl-dev libqrencode-dev libpng-dev libsqlite3-dev libpq-dev libhiredis-dev \
  libcbor-dev nlohmann-json3-dev
mkdir -p build
(cd include && find mfa -name '*.hpp' | LC_ALL=C sort | sed 's/.*/#include <&>/') >build/tidy.cpp
clang-tidy --quiet build/tidy.cpp -- -std=c++20 -I "$PWD/include" $(pkg-config --cflags libpq)
