#!/usr/bin/env bash
# storage_commands.sh BIN_DIR: an operator moves house with the real `kbs`: old directories made by hand, copied,
# compared, moved between layouts and mounts beside a running server, sealed, rewrapped under a new key, exported into an
# archive and brought back; and what must be refused. The last line is "N passed, N failed, N skipped".
BIN=$(cd "$1" && pwd)
source "$(dirname "$0")/lib.sh"

: >said.log
storage() { # everything that is ever printed is kept
  local status=0
  "$BIN/kbs" storage "$@" >out.txt 2>err.txt || status=$?
  cat out.txt err.txt >>said.log
  cat out.txt
  return $status
}
good() { storage "$@" >/dev/null || { cat err.txt >&3; return 1; }; }
exits() { # exits STATUS ARGUMENTS…
  local want=$1 status=0
  shift
  storage "$@" >/dev/null || status=$?
  [ "$status" = "$want" ] || { echo "exit status $status" >&3; cat err.txt >&3; return 1; }
}
says() { grep -qF -- "$1" out.txt err.txt; }
same_trees() { diff -r --exclude=.history "$1" "$2" >&3; }

# --- an old v0.18 tree and a newer flat directory, by hand
mkdir -p tree/default/key tree/default/cert tree/tenant-a/key flat
printf 'correct horse' >tree/default/key/1
head -c 1500000 /dev/urandom >tree/default/key/large
: >tree/default/cert/empty
printf 'battery staple' >tree/tenant-a/key/1
printf 'flat secret' >'flat/default\x2Fkey\x2F2'
cp -a tree tree.orig

check "list names the resources of a tree" \
  [ "$(storage list --from local_fs:tree | cut -f 1 | tr '\n' ' ')" = "default/cert/empty default/key/1 default/key/large tenant-a/key/1 " ]
check "list tells it to machines" [ "$(storage list --from local_fs:flat --json | python3 -c '
import json, sys
print([(r["path"], r["size"]) for r in map(json.loads, sys.stdin)])')" = "[('default/key/2', 11)]" ]

# --- copy
mkdir all
check "a dry run tells what would be copied" good copy --from local_fs:tree --to local_fs:all --dry-run
check "and how much" says 'would have copied 4 of 4'
check "and writes nothing" [ -z "$(ls all)" ]
check "copy the tree" good copy --from local_fs:tree --to local_fs:all
check "copy the flat directory into the same place" good copy --from local_fs:flat --to local_fs:all
check "a second run finds everything done" good copy --from local_fs:tree --to local_fs:all
check "and says so" says 'already there 4'
check "both are there" cmp tree/default/key/large all/default/key/large
check "as a tree" [ "$(cat all/default/key/2)" = 'flat secret' ]
check "the sources are as they were" same_trees tree.orig tree
check "what is stored is private to its owner" [ "$(stat -c %a all/default/key/2)" = 600 ]

# --- verify
check "two equal stores" good verify --from local_fs:tree --to local_fs:all --prefix tenant-a/
check "an extra resource is a difference" exits 1 verify --from local_fs:tree --to local_fs:all
check "and is named" says 'extra: default/key/2'
printf 'changed' >all/default/key/1
check "another value is a difference" exits 1 verify --from local_fs:tree --to local_fs:all --prefix default/key/1
check "and is named" says 'different: default/key/1: the value'
check "copy leaves it alone and says how to go on" exits 1 copy --from local_fs:tree --to local_fs:all
check "by naming the option" says '--if-exists overwrite'
check "or skips it" good copy --from local_fs:tree --to local_fs:all --if-exists skip
check "or overwrites it" good copy --from local_fs:tree --to local_fs:all --if-exists overwrite
check "with the source's value" [ "$(cat all/default/key/1)" = 'correct horse' ]

# --- mounts, beside a running server
openssl rand -out kek.old 32
openssl rand -out kek.new 32
chmod 600 kek.old kek.new
"$BIN/kbs-client" admin keygen -f admin.key >/dev/null
config_with() { # config_with KEK_LINES
  cat <<TOML
[http_server]
sockets = ["127.0.0.1:0"]
insecure_http = true
[admin]
authorization_mode = "AuthenticatedAuthorization"
[admin.authentication.bearer_jwt]
identity_providers = [{ audience = "KBS", public_key_uri = "$WORK/admin.key.pub" }]
[admin.authorization.regex_acl]
acls = [{ role = "admin", allowed_endpoints = "^/kbs/.+\$" }]
[attestation_token]
insecure_header_jwk = true
[attestation_service]
type = "CoCoASBuiltIn"
[[mounts]]
name = "files"
backend = "local_fs"
path = "$WORK/served"
[[mounts]]
name = "sealed"
repository = "sealed"
backend = "local_fs"
path = "$WORK/sealed"
[mounts.encryption]
$1
TOML
}
config_with 'key_file = "kek.old"' >kbs.toml
cp -a tree.orig served
client() { "$BIN/kbs-client" --url "$URL" "$@"; }
admin() { client config --auth-private-key admin.key "$@" >/dev/null; }
gets() { client get-resource --path "$1" --output got.out >/dev/null 2>got.err && [ "$(cat got.out)" = "$2" ]; }
start_server kbs
URL=http://$ADDRESS
admin set-resource-policy --allow-all
check "the server serves the old tree as it stands" gets default/key/1 'correct horse'
check "its layout changes while it runs" good migrate --from local_fs:served --layout flat
check "the files are flat now" [ -f 'served/default\x2Fkey\x2F1' ]
check "and no directory is left" [ "$(find served -mindepth 1 -maxdepth 1 -type d ! -name .history | wc -l)" = 0 ]
check "the server serves them" gets default/key/1 'correct horse'
check "and back again" good migrate --from local_fs:served --layout tree
check "nothing was changed on the way" same_trees tree.orig served
check "the server serves the tree" gets tenant-a/key/1 'battery staple'
check "what is copied into a mount is served at once" good copy -c kbs.toml --from local_fs:flat --to files
check "to guests" gets default/key/2 'flat secret'
check "a mount that another hides is refused" exits 1 copy -c kbs.toml --from local_fs:tree --to sealed
check "with the reason" says 'another mount serves'
printf 'one' >value.in
admin set-resource --path default/key/versioned --resource-file value.in
printf 'two' >value.in
admin set-resource --path default/key/versioned --resource-file value.in
stop_server

# --- history goes along
check "history is copied" good copy -c kbs.toml --from files --to local_fs:past --history
check "and compared" good verify -c kbs.toml --from files --to local_fs:past --history
check "both versions are there" [ "$(cat past/.history/default/key/versioned/* past/default/key/versioned)" = onetwo ]

# --- a store under encryption, and a new key
mkdir -p plain/sealed/key
printf 'sealed secret' >plain/sealed/key/1
check "copy into an encrypted mount" good copy -c kbs.toml --from local_fs:plain --to sealed
check "nothing of it is in clear" [ -z "$(grep -r 'sealed secret' sealed)" ]
check "it compares equal" good verify -c kbs.toml --from local_fs:plain --to sealed
check "its manifest is kept" good verify -c kbs.toml --mount sealed
config_with 'key_file = "kek.new"
previous_key_files = ["kek.old"]' >kbs.toml
check "rewrap under a new key" good rewrap -c kbs.toml --mount sealed
config_with 'key_file = "kek.new"' >kbs.toml
check "then the old key is not needed any more" good verify -c kbs.toml --from local_fs:plain --to sealed
config_with 'key_file = "kek.old"' >kbs.toml
check "and opens nothing" exits 2 verify -c kbs.toml --from local_fs:plain --to sealed
config_with 'key_file = "kek.new"' >kbs.toml
check "rewrap of a mount in clear is a mistake" exits 2 rewrap -c kbs.toml --mount files

# --- archives
openssl req -x509 -newkey rsa:2048 -nodes -keyout backup.key -out backup.crt -days 2 -subj /CN=backup 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ec.key -out ec.crt -days 2 -subj /CN=ec 2>/dev/null
printf 'a long enough password\n' >password
check "export for two recipients and a password" good export -c kbs.toml --from files --history \
  --recipient backup.crt --recipient ec.crt --password-file password archive
check "the archive is private to its owner" [ "$(stat -c %a archive)" = 600 ]
check "an archive is not written over unasked" exits 1 export -c kbs.toml --from files --recipient backup.crt archive
check "openssl opens it with the key" openssl cms -decrypt -inform DER -in archive -inkey backup.key -out plain.rsa
check "openssl opens it with the password" openssl cms -decrypt -inform DER -in archive -pwri_password 'a long enough password' -out plain.pwd
check "both read the same" cmp plain.rsa plain.pwd
check "and it holds the values" grep -q 'correct horse' plain.rsa
check "import by RSA key" good import --to local_fs:by-rsa --key backup.key --history archive
check "import by EC key" good import --to local_fs:by-ec --key ec.key archive
check "import by password" good import --to local_fs:by-password --password-file password --history archive
check "all of it came back" good verify -c kbs.toml --from files --to local_fs:by-rsa --history
check "by each way" good verify --from local_fs:by-rsa --to local_fs:by-ec
check "by each way" good verify --from local_fs:by-rsa --to local_fs:by-password --history
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out other.key 2>/dev/null
check "another key opens nothing" exits 1 import --to local_fs:never --key other.key archive
printf 'another password\n' >wrong
check "another password opens nothing" exits 1 import --to local_fs:never --password-file wrong archive
python3 - <<'PY'
data = bytearray(open("archive", "rb").read())
data[len(data) // 2] ^= 1
open("tampered", "wb").write(data)
open("short", "wb").write(data[:-1000])
PY
check "a tampered archive is refused" exits 2 import --to local_fs:never --key backup.key tampered
check "a truncated one too" exits 2 import --to local_fs:never --key backup.key short
check "and nothing of them was written" [ -z "$(find never -type f ! -path '*/.history/*')" ]

# --- migrate, and what must not happen
check "move everything" good migrate -c kbs.toml --from files --to local_fs:moved --remove-source
check "the source is empty" [ -z "$(storage list -c kbs.toml --from files)" ]
check "the target has it all" good verify --from local_fs:by-rsa --to local_fs:moved --history
check "a store is not moved onto itself" exits 2 migrate --from local_fs:moved --to "local_fs:$WORK/moved" --remove-source
check "and says why" says 'one and the same store'
check "and keeps everything" good verify --from local_fs:by-rsa --to local_fs:moved --history
check "a mistyped source is named" exits 1 copy --from local_fs:mvoed --to local_fs:all
check "and not made" [ ! -e mvoed ]
check "a command without a store is wrong usage" exits 2 copy --to local_fs:all
check "no value was ever printed" [ -z "$(grep -E 'correct horse|battery staple|flat secret|sealed secret|enough password' said.log kbs.log kbs.out)" ]

finish
