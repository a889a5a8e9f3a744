#!/bin/sh
# SOURCE CORE COMPONENTS: packaging/debian builds with and depends on the packages of CORE, and suggests those of
# COMPONENTS: lists of pkg-config modules with their versions, and of libraries that it does not know, as in
# cmake/MfaComponents.cmake, one to a line.
set -eu
debian=$1/packaging/debian
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# The packages of modules, as dpkg knows them: "libsqlite3-dev (>= 3.37)" of "sqlite3 >= 3.37".
packages() {
  echo "$1" | while read -r module relation version; do
    if [ -n "$relation" ]; then
      file=$(readlink -f "$(pkg-config --variable=pcfiledir "$module")/$module.pc")
    else
      file=$(realpath -s "$(c++ -print-file-name="lib$module.so")")
    fi
    package=$(dpkg -S "$file" | sed 's/:.*//')
    echo "$package${relation:+ ($relation $version)}"
  done | sort -u
}

# A field that has a line for each package, without those that are needed to build alone.
field() {
  sed -n "/^$1:/,/^[^ ]/s/^ \(.*\),$/\1/p" "$debian/control" |
    grep -v -e '^\$' -e '^cmake' -e '^debhelper' -e '^pkg-config' | sort
}

# What came out empty would equal what came out empty.
packages "$2" >"$dir/core"
packages "$3" >"$dir/components"
grep -q libssl-dev "$dir/core"
grep -q libsqlite3-dev "$dir/components"
for name in Build-Depends Depends Suggests; do
  field "$name" >"$dir/$name"
done
diff "$dir/core" "$dir/Build-Depends"
diff "$dir/core" "$dir/Depends"
diff "$dir/components" "$dir/Suggests"
