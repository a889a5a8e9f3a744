#!/bin/sh
# Fuzzes each parser under AddressSanitizer and UBSan: sh tests/fuzz/run.sh [seconds for each] [part of a name]
# Starts from tests/fuzz/corpus and keeps what it finds in build/fuzz. Fails at the first finding, and names its file.
# Then prints how much of the headers that the target names after "Covers:" all inputs run through together.
# On Debian and Ubuntu it installs what is missing first.
set -eu
cd "$(dirname "$0")/../.."
. ./examples/requirements.sh
require clang libclang-rt-14-dev llvm perl-base pkg-config libssl-dev libqrencode-dev libpng-dev libcbor-dev nlohmann-json3-dev \
  libpq-dev libhiredis-dev libxml2-dev libphonenumber-dev libcurl4-openssl-dev
seconds=${1:-30}
only=${2:-}
flags="-std=c++20 -g -O1 -Iinclude $(pkg-config --cflags libpq hiredis libxml-2.0)"
libraries="-lcrypto -lqrencode -lpng -lcbor -lpq -lhiredis -lxml2 -lphonenumber -lprotobuf -lcurl"
mkdir -p build/fuzz

# coverage NAME SOURCE: a line for each header.
coverage() {
  headers=$(sed -n 's|^// Covers: ||p' "$2" | tr '\n' ' ')
  [ -n "$headers" ] || return 0
  # shellcheck disable=SC2086
  clang++ $flags -fprofile-instr-generate -fcoverage-mapping "$2" tests/fuzz/replay.cpp -o "build/fuzz/$1.replay" \
    $libraries
  LLVM_PROFILE_FILE=build/fuzz/$1.profraw "build/fuzz/$1.replay" "tests/fuzz/corpus/$1" "build/fuzz/$1" >/dev/null
  llvm-profdata merge -sparse "build/fuzz/$1.profraw" -o "build/fuzz/$1.profdata"
  for header in $headers; do
    llvm-cov export -summary-only -instr-profile="build/fuzz/$1.profdata" "build/fuzz/$1.replay" \
      "include/mfa/$header" | perl -0ne '
        BEGIN { $header = shift }
        sub of { my ($what) = @_; /"totals":.*?"$what":\{"count":(\d+),"covered":(\d+)/s ? "$2 of $1 $what" : "no $what" }
        printf "  %-36s %s, %s, %s\n", $header, of("lines"), of("functions"), of("branches")' "$header"
  done
}

for source in tests/fuzz/*.cpp; do
  name=$(basename "$source" .cpp)
  case $name in replay) continue ;; *"$only"*) ;; *) continue ;; esac
  # clang 14 cannot assemble coroutines with the check of functions' types.
  unchecked=
  [ "$name" != workos_api ] || unchecked=-fno-sanitize=function
  # shellcheck disable=SC2086
  clang++ $flags -fsanitize=fuzzer,address,undefined $unchecked -fno-sanitize-recover=all "$source" \
    -o "build/fuzz/$name.fuzz" $libraries
  mkdir -p "build/fuzz/$name"
  dictionary=tests/fuzz/$name.dict
  [ -e "$dictionary" ] || dictionary=
  echo "--- $name"
  "build/fuzz/$name.fuzz" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=1024 \
    ${dictionary:+-dict="$dictionary"} -artifact_prefix="build/fuzz/$name-" -print_final_stats=1 -verbosity=0 \
    "build/fuzz/$name" "tests/fuzz/corpus/$name"
  coverage "$name" "$source"
done
