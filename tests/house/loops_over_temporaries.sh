#!/bin/sh
# `for (x : *shared())` destroys the pointer before the first turn (until C++23), and so perhaps what it points to. So
# none of our loops goes over what a pointer of a call's answer points to: it names the answer before.
set -eu
cd "$(dirname "$0")/../.."
loops=$(grep -arnE 'for \(.* : .*\)' include examples tests --include='*.hpp' --include='*.cpp' | grep -avE 'for \([^:]*;')
[ "$(printf '%s\n' "$loops" | wc -l)" -ge 500 ] || { echo "few loops were found"; exit 1; }
wrong=$(printf '%s\n' "$loops" | grep -aE ' : \*[A-Za-z_:.>-]+\(| : [A-Za-z_:.>-]+\(\)->' || true)
[ -z "$wrong" ] || { echo "name what the call answers before the loop:"; echo "$wrong"; exit 1; }
