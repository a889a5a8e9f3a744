#!/bin/sh
# A header of the core costs every file that includes it what its inline functions instantiate. The algorithms of
# std::ranges are the dearest (one std::ranges::find: 0.3 s), so no header that <mfa/mfa.hpp> includes has one:
# <mfa/search.hpp> has loops, and std:: the rest.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck disable=SC2046
awk '
  FNR == 1 { file = substr(FILENAME, length("include/") + 1) }
  /^#include <mfa\// { included = $2; gsub(/[<>]/, "", included); includes[file] = includes[file] " " included }
  /std::(ranges|views)::/ { uses[file] = uses[file] "include/" file ":" FNR ":" $0 "\n" }
  END {
    queue[last = 1] = "mfa/mfa.hpp"
    for (next_one = 1; next_one <= last; next_one++) {
      count = split(includes[queue[next_one]], names, " ")
      if (uses[queue[next_one]] != "") { printf "%s", uses[queue[next_one]]; failed = 1 }
      for (i = 1; i <= count; i++) if (!(names[i] in seen)) { seen[names[i]] = 1; queue[++last] = names[i] }
    }
    if (last < 50) { print "only " last " headers were found"; failed = 1 }
    if (failed) print "write these with <mfa/search.hpp> or algorithms of std::"
    exit failed
  }' $(find include/mfa -name '*.hpp' | sort)
