#!/bin/sh
# g++ 12 copies temporaries of aggregates inside an expression with `co_await` bit by bit, which leaves their texts
# pointing into what is gone. So none of our coroutines has braces in such an expression: what it needs it names before.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck disable=SC2046
awk '
  { sub(/\/\/.*$/, ""); text = text $0 "\n" }
  /[;{}] *$/ { # the end of a statement, or of what begins a block
    if (text ~ /co_await/) {
      awaits++
      statement = text
      sub(/^.*co_await/, "co_await", statement)
      sub(/\) *\{[ \n]*$/, ")", statement) # the block of an `if`
      if (text ~ /co_await[^;]*[A-Za-z_>]\{/ || statement ~ /[A-Za-z_>(, ]\{/) {
        print FILENAME ":" FNR ": name the temporary before the expression with co_await:\n" text
        failed = 1
      }
    }
    text = ""
  }
  END {
    if (awaits < 50) { print "only " awaits " expressions with co_await were found"; failed = 1 }
    exit failed
  }' $(grep -rl co_await include/mfa | sort)
