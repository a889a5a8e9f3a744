#!/bin/sh
# Verifications a second with storage::Redis beside what redis-benchmark does on the same server, at 1, 4 and 16
# connections: medians and ratios. sh tests/benchmark/redis.sh [rounds]
#
# The bare EVALSHA does to one key what a commit does to each: it reads 300 bytes, compares the version that they
# begin with, and writes them anew. The bare pair is what a verification needs at the least, a script that reads two
# keys and then one that writes two: each is measured alone, and a pair takes as long as both. The CPU time that the
# server takes for each tells what it can bear, whatever else the machine does.
#
# Then logins, each a challenge and its verification: 10,000 that are pending at once on one thread with async::Redis, over 16 connections, beside
# the blocking verifier with 16 threads; with the server near, and behind a proxy that adds 50 ms to each answer.
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
g++ -std=c++20 -O2 -DNDEBUG -I include -I tests tests/benchmark/redis_logins.cpp -o "$directory/redis_logins" \
  -lhiredis -lcrypto -lqrencode -lpng -pthread

bytes="1 $(printf '%0298d' 0)"
one="local bytes = redis.call('GET', KEYS[1])
if string.sub(bytes, 1, 2) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1"
read="return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])}"
write="local one, other = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])
if string.sub(one, 1, 2) ~= ARGV[1] or string.sub(other, 1, 2) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[2])
return 1"
fill="for i = 0, 9999 do redis.call('SET', string.format('{bare}:%012d', i), ARGV[1]) end"
key='{bare}:__rand_int__'

cpu() { redis-cli -s "$socket" info cpu | tr -d '\r' | awk -F: '/^used_cpu_(user|sys):/ { all += $2 } END { print all }'; }
bare() { # connections, calls, script, arguments: calls a second, and microseconds of the server's CPU for each
  clients=$1 count=$2 script=$3
  shift 3
  before=$(cpu)
  rate=$(redis-benchmark -p "$port" -c "$clients" -n "$count" -r 10000 --csv \
    evalsha "$(redis-cli -s "$socket" script load "$script")" "$@" | sed -n 's/^"evalsha[^,]*","\([0-9.]*\)".*/\1/p')
  awk -v r="$rate" -v b="$before" -v a="$(cpu)" -v n="$count" 'BEGIN { printf "%.0f %.1f\n", r, (a - b) * 1e6 / n }'
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
  redis-cli -s "$socket" eval "$fill" 0 "$bytes" >/dev/null
  for round in $(seq "$rounds"); do
    for connections in 1 4 16; do # in turn, so that a slow moment of the machine meets all
      to=$directory/$fsync-$connections
      bare "$connections" "$calls" "$one" 1 "$key" '1 ' "$bytes" >>"$to-one"
      "$directory/redis" "$port" "$connections" $((calls / 2)) >>"$to-ours"
      bare "$connections" "$calls" "$read" 2 "$key" "$key" >>"$to-read"
      bare "$connections" "$calls" "$write" 2 "$key" "$key" '1 ' "$bytes" >>"$to-write"
    done
    for delay in 0 50; do
      "$directory/redis_logins" "$port" "$delay" 10000 800 >>"$directory/$fsync-logins-$delay"
    done
  done
  stop
  echo "appendfsync $fsync, medians of $rounds rounds; ratios to a bare EVALSHA, of rates and of the server's CPU"
  echo "connections  EVALSHA/s  verifications/s  ratio  bare pair's   CPU: EVALSHA  verification  ratio  bare pair's"
  for connections in 1 4 16; do
    from=$directory/$fsync-$connections
    for what in one ours read write; do
      echo "$(median "$from-$what" 1) $(median "$from-$what" 2)"
    done | awk -v c="$connections" '{ rate[NR] = $1; cpu[NR] = $2 } END {
      pair = 1 / (1 / rate[3] + 1 / rate[4])
      printf "%11d %10.0f %16.0f %6.2f %12.2f %12.1f us %10.1f us %6.2f %12.2f\n", c, rate[1], rate[2],
        rate[2] / rate[1], pair / rate[1], cpu[1], cpu[2], cpu[1] / cpu[2], cpu[1] / (cpu[3] + cpu[4])
    }'
  done
  echo "10,000 logins at once on one thread, and 16 threads: logins/s"
  echo "milliseconds  at once  bytes each  16 threads  ratio"
  for delay in 0 50; do
    from=$directory/$fsync-logins-$delay
    echo "$delay $(median "$from" 1) $(median "$from" 2) $(median "$from" 3)" |
      awk '{ printf "%12d %8d %11d %11d %6.0f\n", $1, $2, $3, $4, $2 / $4 }'
  done
done
