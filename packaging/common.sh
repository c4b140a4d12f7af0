# What the package builders share; read by them, not run.

# The version is the program's own word, and the change log must begin with it.
version_of() {
  local version newest
  version=$("$1" --version | sed -n '1s/^vmcs-split \([0-9.]*\),.*/\1/p')
  newest=$(sed -n 's/^## //p' "$source/CHANGELOG.md" | head -n 1)
  if [ -z "$version" ] || [ "$version" != "$newest" ]; then
    echo "$(basename "$0"): the program is version ${version:-unknown}, CHANGELOG.md begins with $newest" >&2
    exit 65
  fi
  echo "$version"
}

# When the sources were last changed, seconds since 1970: the same for the same sources, so that packages are.
source_time() {
  echo "${SOURCE_DATE_EPOCH:-$(git -C "$source" log -1 --format=%ct 2>/dev/null || date -r "$source/CHANGELOG.md" +%s)}"
}
