#!/bin/sh
# Checks every header with clang-tidy, by the rules in .clang-tidy: sh tests/tidy.sh
set -eu
cd "$(dirname "$0")/.."
. ./examples/requirements.sh
require clang-tidy pkg-config libssl-dev libqrencode-dev libpng-dev libsqlite3-dev libpq-dev libhiredis-dev \
  libcbor-dev nlohmann-json3-dev libasio-dev libboost-dev
mkdir -p build
all=$(cd include && find mfa -name '*.hpp' | LC_ALL=C sort | sed 's/.*/#include <&>/')
# Boost.Asio and Asio of its own define the same names.
echo "$all" | grep -v '/boost_asio\.hpp' >build/tidy.cpp
echo "$all" | grep '/boost_asio\.hpp' >build/tidy_boost.cpp
# Neither finds the coroutines of clang with libstdc++ by itself.
asio="-DASIO_HAS_CO_AWAIT -DASIO_HAS_STD_COROUTINE"
boost="-DBOOST_ASIO_HAS_CO_AWAIT -DBOOST_ASIO_HAS_STD_COROUTINE"
# shellcheck disable=SC2046,SC2086
clang-tidy --quiet build/tidy.cpp build/tidy_boost.cpp -- -std=c++20 -I "$PWD/include" $asio $boost \
  $(pkg-config --cflags libpq)
