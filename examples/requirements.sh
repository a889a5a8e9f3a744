# Sourced by the run scripts: `require PACKAGE...` installs the Debian packages that are missing.
require() {
  if ! command -v dpkg-query >/dev/null; then
    echo "Not a Debian or Ubuntu: make sure that you have what these Debian packages hold: $*" >&2
    return 0
  fi
  missing=""
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  as_root=""
  [ "$(id -u)" = 0 ] || as_root=sudo
  echo "Installing:$missing"
  $as_root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
}
