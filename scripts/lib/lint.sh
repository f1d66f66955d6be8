#!/usr/bin/env bash
# Formatting and static analysis of all our C++; one finding is one failure.
source "$(dirname "$0")/common.sh"
mapfile -t FILES < <(git ls-files '*.cc' '*.h')
FAILED=0 PASSED=0
for file in "${FILES[@]}"; do
  if clang-format-19 --dry-run --Werror "$file" >/dev/null 2>&1; then PASSED=$((PASSED + 1)); else
    echo "FAIL $file is not formatted: clang-format-19 -i $file"
    FAILED=$((FAILED + 1))
  fi
done
mapfile -t SOURCES < <(git ls-files 'src/*.cc' 'tools/*.cc' | grep -v _test.cc)
mkdir -p build/tidy
tidy() { # one file; silent when clean, remembered by content. What stands in other people's headers is theirs.
  local file=$1 key
  key=build/tidy/$(cat "$file" .clang-tidy | sha256sum | cut -c1-32)
  [ -e "$key" ] && return 0
  clang-tidy-19 -p build/dev --quiet "$file" >"$key.out" 2>&1 || true
  if grep -E '(warning|error):' "$key.out" | grep -v '^/usr/' | sed "s#$ROOT/##; s/^/FAIL /" | head -n 5 | grep .; then
    return 1
  fi
  mv "$key.out" "$key"
}
export -f tidy
export ROOT
if ! printf '%s\n' "${SOURCES[@]}" | xargs -P 2 -I {} bash -c 'tidy {}' >build/tidy/findings.txt; then
  cat build/tidy/findings.txt
  FAILED=$((FAILED + $(wc -l <build/tidy/findings.txt)))
fi
PASSED=$((PASSED + ${#SOURCES[@]}))
echo "$PASSED passed, $FAILED failed, 0 skipped"
[ "$FAILED" = 0 ]
