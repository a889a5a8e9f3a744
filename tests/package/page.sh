# Sourced: page_block SOURCE SECTION LANGUAGE [COUNT] prints the blocks of a language in a section of docs/packaging.md,
# or the first COUNT of them.
page_block() {
  awk -v heading="## $2" -v fence="\`\`\`$3" -v count="${4:-99}" '
    /^## / { here = $0 == heading }
    /^```$/ { inside = 0 }
    inside
    here && $0 == fence { inside = count-- > 0 }' "$1/docs/packaging.md"
}

# page_commands SOURCE SECTION: its commands.
page_commands() {
  page_block "$1" "$2" console | sed -n 's/^\$ //p'
}
