#!/bin/sh
# Holds the include graph against the drawing in docs/design.md, "Layers": a header includes what stands on lines below
# its own, in its own folder, or, if both are headers by name, beside it. Every header has a place there.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck disable=SC2046
awk '
  FILENAME == "docs/design.md" {
    if (/^## Layers/) here = 1
    else if (/^## /) here = 0
    if (here && /^```/) drawn = !drawn
    else if (here && drawn) {
      line = $0
      sub(/ *\|.*/, "", line)
      count = split(line, names, " +")
      for (i = 1; i <= count; i++) if (names[i] != "") place[names[i]] = FNR
    }
    next
  }
  function entry(path) { return path ~ /\// ? substr(path, 1, index(path, "/")) : path }
  FNR == 1 {
    file = substr(FILENAME, length("include/mfa/") + 1)
    from = entry(file)
    if (!(from in place)) { print "docs/design.md, Layers, has no place for " from; failed = 1 }
  }
  /^#include <mfa\// {
    included = $2
    gsub(/^<mfa\/|>$/, "", included)
    to = entry(included)
    checked++
    if (from == to || !(from in place) || !(to in place) || place[to] > place[from]) next
    if (place[to] == place[from] && from ~ /hpp$/ && to ~ /hpp$/) next
    print file " includes " included ", which docs/design.md draws " (place[to] == place[from] ? "beside" : "above") " it"
    failed = 1
  }
  END {
    if (checked < 100) { print "only " checked " includes were found"; failed = 1 }
    exit failed
  }' docs/design.md $(find include/mfa -name '*.hpp' | sort)
