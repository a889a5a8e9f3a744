#!/bin/sh
# Measures how the cost of an operation grows with the number of factors:
# sh tests/benchmark/growth.sh [sqlite|postgres|both [factors...]]
# 1 thousand, 100 thousand and 10 million on both unless told otherwise, which takes twenty minutes and 8 GB below TMPDIR.
set -eu
cd "$(dirname "$0")/../.."
storage=${1:-both}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- 1000 100000 10000000
. ./examples/requirements.sh
require g++ pkg-config libssl-dev libqrencode-dev libpng-dev libsqlite3-dev libpq-dev postgresql
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2046
${CXX:-g++} -std=c++20 -O2 -Iinclude tests/benchmark/growth.cpp -o "$work/growth" \
  $(pkg-config --cflags --libs libcrypto libqrencode libpng sqlite3 libpq)
"$work/growth" "$work" "$storage" "$@"
