#!/bin/sh
# Measures verifications on PostgreSQL beside pgbench, and prints medians and ratios:
# sh tests/benchmark/postgres.sh [repetitions]
# On Debian and Ubuntu it installs what is missing first. It starts a server of its own.
set -eu
cd "$(dirname "$0")/../.."
. ./examples/requirements.sh
require g++ pkg-config libssl-dev libqrencode-dev libpng-dev libpq-dev postgresql postgresql-contrib
mkdir -p build
# shellcheck disable=SC2046
g++ -std=c++20 -O2 -DNDEBUG -I include -I tests tests/benchmark/postgres.cpp -o build/benchmark_postgres \
  $(pkg-config --cflags --libs libpq) -lcrypto -lqrencode -lpng -pthread
exec build/benchmark_postgres "$@"
