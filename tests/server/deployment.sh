#!/bin/sh
# What deploys the server fits the tree: sh tests/server/deployment.sh [program]
# Containerfile copies what is there, sets what is known, installs what examples/run.sh does, and runs the program that it
# built with the libraries that that needs; systemd takes the unit, and rates what it may do as little (where
# systemd-analyze is installed).
set -eu
cd "$(dirname "$0")/../.."
here=examples/server
wrong=0
tell() { echo "$1" >&2; wrong=1; }

# "\" joins lines.
sed -e ':a' -e '/\\$/{N;s/\\\n//;ba' -e '}' "$here/Containerfile" >"${TMPDIR:-/tmp}/containerfile.$$"
lines=${TMPDIR:-/tmp}/containerfile.$$
trap 'rm -f "$lines" "$lines.service"' EXIT

for path in $(sed -n 's/^COPY \([^-].*\) [^ ]*$/\1/p' "$lines"); do
  [ -e "$path" ] || tell "Containerfile copies $path, which is not in the tree"
done
[ "$(sed -n 's/^COPY \([^-].*\) [^ ]*$/\1/p' "$lines" | wc -l)" -gt 3 ] || tell "Containerfile copies next to nothing"

for option in $(grep -o -e '-DMFA_[A-Z_]*' "$lines" | sed 's/^-D//'); do
  grep -q "option($option " CMakeLists.txt || tell "Containerfile sets $option, which CMakeLists.txt does not know"
done
from=$(sed -n 's/^COPY --from=build \([^ ]*\) .*/\1/p' "$lines")
[ "$from" = /src/build/examples/server ] || tell "Containerfile takes the program from $from, where no build puts it"
as=$(sed -n 's/^COPY --from=build [^ ]* //p' "$lines")
grep -q "^ENTRYPOINT \[\"$as\"\]" "$lines" || tell "Containerfile runs another program than it copies"
for variable in $(sed -n 's/^ENV \(MFA_[A-Z_]*\)=.*/\1/p' "$lines"); do
  flag=--$(echo "${variable#MFA_}" | tr 'A-Z_' 'a-z-')
  [ -z "${1:-}" ] || "$1" --help | grep -q "^  $flag " || tell "Containerfile sets $variable, which is no setting"
done

installed=$(sed -n 's/^RUN apt-get update && apt-get install -y --no-install-recommends//p' "$lines")
for package in $(sed -n -e 's/^require //p' -e 's/^ *server) require \(.*\) ;;/\1/p' examples/run.sh); do
  echo " $installed " | tr '\n' ' ' | grep -q " $package " || tell "Containerfile does not install $package, as examples/run.sh does"
done
if [ -n "${1:-}" ] && command -v objdump >/dev/null && command -v dpkg-query >/dev/null; then
  libraries=$(objdump -p "$1" | sed -n 's/^ *NEEDED *//p' | grep -v -e '^libc\.' -e '^libm\.' -e '^ld-' -e '^libstdc++' -e '^libgcc_s')
  # shellcheck disable=SC2046
  for package in $(dpkg-query -S $(printf '*/%s\n' $libraries) 2>/dev/null | sed 's/:.*//' | sort -u); do
    echo " $installed " | tr '\n' ' ' | grep -q " $package " || tell "Containerfile does not install $package, which the program needs"
  done
fi

if command -v systemd-analyze >/dev/null; then
  # The program need not be installed, nor its user be there, on the machine that looks.
  sed -e 's,/usr/local/bin/mfa-server,/bin/true,' -e 's/^\(User\|Group\)=mfa-server/\1=root/' "$here/mfa-server.service" >"$lines.service"
  systemd-analyze verify "$lines.service" 2>&1 || tell "systemd does not take mfa-server.service"
  systemd-analyze security --offline=true --threshold=15 --no-pager "$here/mfa-server.service" >/dev/null 2>&1 ||
    tell "systemd-analyze security rates mfa-server.service worse than 1.5"
fi
exit $wrong
