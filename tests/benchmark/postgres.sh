#!/bin/sh
# Measures verifications on PostgreSQL beside pgbench, and prints medians and ratios; then logins over a long way to the
# server, 10,000 at once on one thread and by threads that block:
# sh tests/benchmark/postgres.sh [repetitions]
# On Debian and Ubuntu it installs what is missing first. It starts a server of its own.
set -eu
cd "$(dirname "$0")/../.."
. ./examples/requirements.sh
require g++ pkg-config libssl-dev libqrencode-dev libpng-dev libpq-dev postgresql postgresql-contrib
mkdir -p build
for program in postgres postgres_pending; do
  # shellcheck disable=SC2046
  g++ -std=c++20 -O2 -DNDEBUG -I include -I tests tests/benchmark/$program.cpp -o build/benchmark_$program \
    $(pkg-config --cflags --libs libpq) -lcrypto -lqrencode -lpng -pthread
done
build/benchmark_postgres "$@"
build/benchmark_postgres_pending
