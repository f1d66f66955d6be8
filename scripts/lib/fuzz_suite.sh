#!/usr/bin/env bash
# fuzz_suite.sh SECONDS: every fuzz target for that long, from the corpus it has built up in build/fuzz-corpus.
source "$(dirname "$0")/common.sh"
SECONDS_EACH=$1 PASSED=0 FAILED=0
for target in build/fuzz/fuzz/*_fuzz; do
  name=$(basename "$target")
  mkdir -p "build/fuzz-corpus/$name"
  if "$target" -max_total_time="$SECONDS_EACH" -timeout=20 -rss_limit_mb=4096 -artifact_prefix="build/fuzz-corpus/$name-" \
    "build/fuzz-corpus/$name" >"build/test-logs/$name.log" 2>&1; then
    PASSED=$((PASSED + 1))
  else
    FAILED=$((FAILED + 1))
    echo "FAIL $name: see build/test-logs/$name.log"
    tail -n 20 "build/test-logs/$name.log"
  fi
done
echo "$PASSED passed, $FAILED failed, 0 skipped"
[ "$FAILED" = 0 ]
