#!/bin/sh
# Builds and runs the demo, or the example that is named, which gets the other arguments:
#   sh examples/run.sh [--self-test]
#   sh examples/run.sh security_key [port]
#   sh examples/run.sh server --help
# On Debian and Ubuntu it installs what is missing first.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/examples
. "$root/examples/requirements.sh"
require g++ cmake ninja-build pkg-config libssl-dev libqrencode-dev libpng-dev libsqlite3-dev nlohmann-json3-dev
example=quickstart
if [ -n "${1:-}" ] && { [ -e "$root/examples/$1.cpp" ] || [ -e "$root/examples/$1/main.cpp" ]; }; then
  example=$1
  shift
fi
case $example in
  asio_server) require libasio-dev ;;
  magic_link) require libcpp-httplib-dev ;;
  security_key | portal) require libcbor-dev libcpp-httplib-dev ;;
  server) require libasio-dev libboost-dev libcbor-dev libcurl4-openssl-dev libhiredis-dev libpq-dev ;;
  email_code) require libcurl4-openssl-dev ;;
esac

quietly() {
  output=$("$@" 2>&1) || { printf '%s\n' "$output" >&2; exit 1; }
}
[ -e "$build/examples/$example" ] || echo "Building the example $example, once ..." >&2
quietly cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMFA_BUILD_TESTS=OFF
quietly cmake --build "$build" --target "example_$example"
exec "$build/examples/$example" "$@"
