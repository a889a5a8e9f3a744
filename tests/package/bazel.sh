#!/bin/sh
# SOURCE WORK PARTS: a host that builds with Bazel compiles and runs what docs/packaging.md says, and a program of the
# core alone; BUILD.bazel has the headers and libraries of each component that the file PARTS lists.
#
# Debian 12's Bazel 4.2 knows no modules: the host gets a WORKSPACE, and MODULE.bazel is not read. The rules that Bazel
# would download are those that this version has built in.
set -eu
export LC_ALL=C
source=$1 work=$2 parts=$3
rm -rf "$work"
mkdir -p "$work/host/consumer" "$work/host/third_party" "$work/mfa-cpp" "$work/rules_cc/cc" "$work/rules_java/java"
cd "$work"

touch mfa-cpp/WORKSPACE rules_cc/WORKSPACE rules_cc/cc/BUILD rules_java/WORKSPACE rules_java/java/BUILD
for rule in cc_binary cc_import cc_library cc_test cc_toolchain cc_toolchain_suite; do
  echo "$rule = native.$rule"
done >rules_cc/cc/defs.bzl
for rule in java_binary java_import java_library java_runtime java_toolchain; do
  echo "$rule = native.$rule"
done >rules_java/java/defs.bzl
ln -s "$source/BUILD.bazel" "$source/include" mfa-cpp
cd host
# shellcheck source=tests/package/page.sh
. "$source/tests/package/page.sh"
page_block "$source" Bazel starlark | sed '1,/^# BUILD.bazel$/d' >BUILD.bazel
cp "$source/tests/package/consumer/sqlite.cpp" app.cpp
echo 'cc_library(name = "sqlite3", linkopts = ["-lsqlite3"], visibility = ["//visibility:public"])' >third_party/BUILD
cp "$source"/tests/package/consumer/BUILD.bazel "$source"/tests/package/consumer/*.cpp consumer
echo 'local_repository(name = "mfa-cpp", path = "../mfa-cpp")' >WORKSPACE
# No server stays behind, and nothing is kept in the home directory.
cat >.bazelrc <<EOF
startup --batch --output_user_root=$work/output
common --override_repository=rules_cc=$work/rules_cc --override_repository=rules_java=$work/rules_java
common --noshow_progress
EOF

bazel query --output=xml 'kind(cc_library, @mfa-cpp//:all)' >../query.xml
awk -F '"' '
  /<rule / { for (i = 1; i < NF; i++) if ($i ~ / name=$/) { name = $(i + 1); sub(/.*:/, "", name) } }
  /<list name="hdrs"/ { kind = "header" }
  /<list name="deps"/ { kind = "library" }
  /<\/list>/ { kind = "" }
  /<label / && kind { part = $2; sub(/.*:/, "", part); if (part != "mfa") print kind, name, part }' ../query.xml |
  sort | diff "$parts" -

page_commands "$source" Bazel >commands
sh -ex commands
./bazel-bin/app
bazel build --cxxopt=-std=c++20 //consumer:core
./bazel-bin/consumer/core
