#!/bin/sh
# Verifications a second with storage::Redis beside a bare EVALSHA of redis-benchmark on the same server, at 1, 4
# and 16 connections: medians and ratios. sh tests/benchmark/redis.sh [rounds]
#
# The bare script does to one key what a commit does to each: it reads 300 bytes, compares the version that they
# begin with, and writes them anew. A verification is two such calls, a read of two records and a commit of two,
# and the checks of the code in between. The CPU time that the server takes for each tells what it can bear, whatever
# else the machine does.
set -eu
cd "$(dirname "$0")/../.."
rounds=${1:-9}
. ./examples/requirements.sh
require g++ pkg-config libssl-dev libqrencode-dev libpng-dev libhiredis-dev redis-server redis-tools
directory=$(mktemp -d)
server=""
stop() { [ -z "$server" ] || { kill "$server" && wait "$server" || true; }; server=""; }
trap 'stop; rm -rf "$directory"' EXIT
socket=$directory/redis.sock
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
g++ -std=c++20 -O2 -DNDEBUG -I include tests/benchmark/redis.cpp -o "$directory/redis" \
  -lhiredis -lcrypto -lqrencode -lpng -pthread

bytes="1 $(printf '%0298d' 0)"
script="local bytes = redis.call('GET', KEYS[1])
if bytes and string.sub(bytes, 1, 2) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1"

cpu() { redis-cli -s "$socket" info cpu | tr -d '\r' | awk -F: '/^used_cpu_(user|sys):/ { all += $2 } END { print all }'; }
bare() { # connections, calls: calls a second, and microseconds of the server's CPU for each
  before=$(cpu)
  rate=$(redis-benchmark -p "$port" -c "$1" -n "$2" -r 10000 --csv \
    evalsha "$sha" 1 '{bare}:__rand_int__' '1 ' "$bytes" | sed -n 's/^"evalsha[^,]*","\([0-9.]*\)".*/\1/p')
  awk -v r="$rate" -v b="$before" -v a="$(cpu)" -v n="$2" 'BEGIN { printf "%.0f %.1f\n", r, (a - b) * 1e6 / n }'
}
median() { # file, column
  awk -v c="$2" '{ print $c }' "$1" | sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'
}

for fsync in always everysec; do
  calls=1000 # of ours half as many; each waits for the disk
  [ "$fsync" = always ] || calls=10000
  rm -rf "$directory"/appendonlydir
  redis-server --port "$port" --bind 127.0.0.1 --unixsocket "$socket" --dir "$directory" --save '' \
    --appendonly yes --appendfsync "$fsync" --auto-aof-rewrite-percentage 0 >/dev/null &
  server=$!
  until redis-cli -s "$socket" ping >/dev/null 2>&1; do sleep 0.1; done
  sha=$(redis-cli -s "$socket" script load "$script")
  for round in $(seq "$rounds"); do
    for connections in 1 4 16; do # in turn, so that a slow moment of the machine meets both
      bare "$connections" "$calls" >>"$directory/bare-$fsync-$connections"
      "$directory/redis" "$port" "$connections" $((calls / 2)) >>"$directory/ours-$fsync-$connections"
    done
  done
  stop
  echo "appendfsync $fsync, medians of $rounds rounds"
  echo "connections  EVALSHA/s  verifications/s  ratio   server CPU: EVALSHA  verification  ratio"
  for connections in 1 4 16; do
    bare=$directory/bare-$fsync-$connections
    ours=$directory/ours-$fsync-$connections
    awk -v c="$connections" -v b="$(median "$bare" 1)" -v o="$(median "$ours" 1)" -v bc="$(median "$bare" 2)" \
      -v oc="$(median "$ours" 2)" 'BEGIN {
        printf "%11d %10.0f %16.0f %6.2f %18.1f us %10.1f us %6.2f\n", c, b, o, o / b, bc, oc, bc / oc
      }'
  done
done
