# Shared by the scripts beside it. Source it with BIN set, the directory of the programs; it changes to a scratch directory
# that goes away, with the server, at the end.
set -euo pipefail
WORK=${WORK:-$(mktemp -d)}
KBS_PID=
PASSED=0 FAILED=0
end_server() { [ -z "$KBS_PID" ] || { kill "$KBS_PID" 2>/dev/null && wait "$KBS_PID" 2>/dev/null; } || true; }
cleanup() {
  end_server
  rm -rf "$WORK"
}
trap cleanup EXIT
cd "$WORK"
unset KBS_CONFIG_FILE

exec 3>&1 # results go here, also when a command's own output is thrown away
ok() { PASSED=$((PASSED + 1)); echo "ok $*" >&3; }
bad() { FAILED=$((FAILED + 1)); echo "FAIL $*" >&3; }
check() { # check WHAT COMMAND…
  local what=$1
  shift
  if "$@"; then ok "$what"; else bad "$what"; fi
}
refused() { ! "$@" >refused.out 2>refused.err; }
# The last line, and the exit status.
finish() {
  echo "$PASSED passed, $FAILED failed, 0 skipped"
  [ "$FAILED" = 0 ]
}

# start_server NAME: kbs on NAME.toml, its log in NAME.log; sets KBS_PID and ADDRESS.
start_server() {
  "$BIN/kbs" -c "$1.toml" >"$1.out" 2>"$1.log" &
  KBS_PID=$!
  ADDRESS=
  local _
  for _ in $(seq 200); do
    ADDRESS=$(sed -n 's/.*"msg":"listening".*"address":"\([^"]*\)".*/\1/p' "$1.log" | head -n 1)
    [ -z "$ADDRESS" ] || return 0
    kill -0 "$KBS_PID" 2>/dev/null || break
    sleep 0.05
  done
  cat "$1.log"
  bad "kbs starts with $1.toml"
  finish || exit 1
}
stop_server() {
  kill -TERM "$KBS_PID"
  wait "$KBS_PID" || true
  KBS_PID=
}
