#!/bin/sh
# Measures the library beside its peers and prints medians and ratios: sh tests/benchmark/run.sh [repetitions]
# On Debian and Ubuntu it installs what is missing first. Peers that are not there are left out.
set -eu
cd "$(dirname "$0")/../.."
repetitions=${1:-15}
. ./examples/requirements.sh
require g++ cmake ninja-build pkg-config python3 libssl-dev libqrencode-dev libpng-dev libbenchmark-dev \
  catch2 nlohmann-json3-dev liboath-dev libbotan-2-dev libcotp-dev libcbor-dev libfido2-dev
build=build/release
cmake --preset release >/dev/null
cmake --build --preset release --target benchmarks
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
for name in one_time_codes verification enrolment webauthn; do
  [ -x "$build/tests/benchmark/benchmark_$name" ] || continue
  # Interleaved, so that a slow moment of the machine meets everybody alike.
  "$build/tests/benchmark/benchmark_$name" --benchmark_repetitions="$repetitions" --benchmark_min_time=0.02 \
    --benchmark_enable_random_interleaving=true --benchmark_out="$results/$name.json" \
    --benchmark_out_format=json >/dev/null 2>&1 || { echo "benchmark_$name failed" >&2; exit 1; }
done
python3 tests/benchmark/compile_time.py "$repetitions" >"$results/compile_time.txt"
python3 tests/benchmark/table.py "$results"/*.json
cat "$results/compile_time.txt"
