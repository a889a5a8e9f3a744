#!/bin/sh
# Fuzzes each parser under AddressSanitizer and UBSan: sh tests/fuzz/run.sh [seconds for each] [name]
# Starts from tests/fuzz/corpus and keeps what it finds in build/fuzz. Fails at the first finding, and names its file.
# On Debian and Ubuntu it installs what is missing first.
set -eu
cd "$(dirname "$0")/../.."
. ./examples/requirements.sh
require clang libclang-rt-14-dev pkg-config libssl-dev libqrencode-dev libpng-dev libcbor-dev nlohmann-json3-dev
seconds=${1:-30}
only=${2:-}
mkdir -p build/fuzz
for source in tests/fuzz/*.cpp; do
  name=$(basename "$source" .cpp)
  case $name in replay) continue ;; *"$only"*) ;; *) continue ;; esac
  clang++ -std=c++20 -g -O1 -Iinclude -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all "$source" \
    -o "build/fuzz/$name.fuzz" -lcrypto -lqrencode -lpng -lcbor
  mkdir -p "build/fuzz/$name"
  dictionary=tests/fuzz/$name.dict
  [ -e "$dictionary" ] || dictionary=
  echo "--- $name"
  "build/fuzz/$name.fuzz" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=1024 \
    ${dictionary:+-dict="$dictionary"} -artifact_prefix="build/fuzz/$name-" -print_final_stats=1 -verbosity=0 \
    "build/fuzz/$name" "tests/fuzz/corpus/$name"
done
