#!/bin/sh
# Measures whole journeys over HTTP at examples/server, beside bare cpp-httplib that answers the same bytes:
# sh tests/benchmark/server_load.sh [seconds [connections [rounds]]]
# On Debian and Ubuntu it installs what is missing first. It starts servers of its own.
set -eu
cd "$(dirname "$0")/../.."
. ./examples/requirements.sh
require g++ cmake ninja-build pkg-config libssl-dev libqrencode-dev libpng-dev libsqlite3-dev nlohmann-json3-dev libcbor-dev \
  libasio-dev libboost-dev libcurl4-openssl-dev libhiredis-dev libpq-dev libcpp-httplib-dev catch2 postgresql redis-server
build=build/server_load
cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build $build --target example_server benchmark_server_load
exec $build/tests/benchmark/benchmark_server_load $build/examples/server "$@"
