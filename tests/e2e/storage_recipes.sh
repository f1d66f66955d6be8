#!/usr/bin/env bash
# storage_recipes.sh BIN_DIR: the recipes that users of the reference follow today, run as they are written, under the
# configurations that are deployed: `tee` into the repository directory, a CSI mount whose ..data is swapped under load,
# an old v0.18 tree and a v0.21 flat directory. What lies beside the resources (keys, sessions, policies) is never served.
# /opt is a scratch file system of this script's own. The last line is "N passed, N failed, N skipped".
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
if [ "${KBS_RECIPES_INSIDE:-}" != 1 ]; then
  BIN=$(cd "$1" && pwd)
  flags=-m
  [ "$(id -u)" = 0 ] || flags=-rm
  KBS_RECIPES_INSIDE=1 exec unshare "$flags" "$0" "$BIN"
fi
BIN=$1
mount -t tmpfs none /opt
WORK=/opt/work
mkdir "$WORK"
source "$HERE/lib.sh"
LOAD_PID=
trap '[ -z "$LOAD_PID" ] || kill $LOAD_PID; cleanup' EXIT

start() { # start NAME: the server on NAME.toml, and a policy that lets sample guests in
  start_server "$1"
  URL=http://$ADDRESS
  config set-resource-policy --allow-all >/dev/null
}
client() { "$BIN/kbs-client" --url "$URL" "$@"; }
config() { client config --auth-private-key admin.key "$@"; }
# What an attested guest gets under a path.
fetch() { client get-resource --path "$1" --output fetched.out >/dev/null 2>fetched.err && cat fetched.out; }
gets() { [ "$(fetch "$1")" = "$2" ]; }

"$BIN/kbs-client" admin keygen -f admin.key >/dev/null
common() { # what every configuration here shares
  cat <<TOML
[http_server]
sockets = ["127.0.0.1:0"]
insecure_http = true
[admin]
authorization_mode = "AuthenticatedAuthorization"
[admin.authentication.bearer_jwt]
identity_providers = [{ audience = "KBS", public_key_uri = "$WORK/admin.key.pub" }]
[admin.authorization.regex_acl]
acls = [
  { role = "admin", allowed_endpoints = "^/kbs/.+\$" },
  { role = "admin", allowed_endpoints = "^/kbs/v0/admin/.+\$" },
]
[attestation_token]
insecure_header_jwk = true
[attestation_service]
type = "CoCoASBuiltIn"
TOML
}

# --- the operator: storage in one directory, users put files into the documented one
{
  common
  cat <<'TOML'
[storage_backend]
storage_type = "LocalFs"
[storage_backend.backends.local_fs]
dir_path = "/opt/confidential-containers/storage"
[[plugins]]
name = "resource"
storage_backend_type = "kvstorage"
TOML
} >operator.toml
REPOSITORY=/opt/confidential-containers/kbs/repository
mkdir -p $REPOSITORY/default/sample
printf 'placed by tee' | tee $REPOSITORY/default/sample/hello >/dev/null
start operator
check "operator: what tee put into the documented directory is served" gets default/sample/hello 'placed by tee'
mkdir -p $REPOSITORY/later/by
printf 'later' | tee $REPOSITORY/later/by/hand >/dev/null
check "operator: and so is what comes while the server runs" gets later/by/hand later
printf 'from the client' >value.in
config set-resource --path default/key/1 --resource-file value.in >/dev/null
check "operator: what the client stores is served" gets default/key/1 'from the client'
check "operator: it has the escaped name that a v0.21 server reads" \
  [ -f '/opt/confidential-containers/storage/repository/default\x2Fkey\x2F1' ]
# The operator's own init container writes escaped names.
printf 'init container' >'/opt/confidential-containers/storage/repository/op\x2Ftype\x2Ftag'
check "operator: the init container's escaped file is served" gets op/type/tag 'init container'
# A CSI or Secret mount: files are links through ..data, which is swapped as a whole.
mkdir -p $REPOSITORY/default/akv/..1
printf 'first' >$REPOSITORY/default/akv/..1/db-password
ln -s ..1 $REPOSITORY/default/akv/..data
ln -s ..data/db-password $REPOSITORY/default/akv/db-password
check "a mounted secret is served" gets default/akv/db-password first
(
  for i in $(seq 2 100000); do
    mkdir $REPOSITORY/default/akv/..$i
    [ $((i % 2)) = 0 ] && text=second || text=first
    printf '%s' $text >$REPOSITORY/default/akv/..$i/db-password
    ln -s ..$i $REPOSITORY/default/akv/..new
    mv -T $REPOSITORY/default/akv/..new $REPOSITORY/default/akv/..data
    rm -r $REPOSITORY/default/akv/..$((i - 1))
  done
) &
LOAD_PID=$!
torn=0
for _ in $(seq 40); do
  got=$(fetch default/akv/db-password) || got=failed
  case $got in first | second) ;; *) torn=$((torn + 1)); echo "got: $got $(cat fetched.err)" ;; esac
done
kill $LOAD_PID && wait $LOAD_PID 2>/dev/null || true
LOAD_PID=
check "40 reads while ..data is swapped see the old value or the new, whole" [ $torn = 0 ]
cp -r $REPOSITORY/default/akv/..data/ akv.before
config set-resource --path default/akv/db-password --resource-file value.in >/dev/null
check "a write over a mounted value is served" gets default/akv/db-password 'from the client'
check "and is not written through the mount" diff -r akv.before $REPOSITORY/default/akv/..data/
stop_server
start operator
check "all of it survives a restart" gets default/key/1 'from the client'
stop_server

# --- a v0.21 compose file: the storage directory is the parent of the repository, beside keys
mkdir -p /opt/confidential-containers/kbs/nebula-ca/ca /opt/confidential-containers/kbs/user-keys
printf 'a private key' >/opt/confidential-containers/kbs/nebula-ca/ca/ca.key
sed 's#^dir_path = .*#dir_path = "/opt/confidential-containers/kbs"#' operator.toml >compose.toml
start compose
check "compose: what tee put into the documented directory is served" gets default/sample/hello 'placed by tee'
printf 'compose' >value.in
config set-resource --path compose/key/1 --resource-file value.in >/dev/null
check "compose: what the client stores is served" gets compose/key/1 compose
check "compose: it lands where a v0.21 server puts it" [ -f '/opt/confidential-containers/kbs/repository/compose\x2Fkey\x2F1' ]
for path in nebula-ca/ca/ca.key user-keys/user-keys/ca.key kbs/kbs/resource-policy.rego \
  attestation_service_policy/attestation_service_policy/default_cpu.rego; do
  check "compose: $path is never served" refused client get-resource --path "$path"
done
check "compose: nothing but resources is listed" \
  [ "$(config list-resources | grep -cE 'nebula|rego|user-keys')" = 0 ]
stop_server

# --- an old v0.18 installation
OLD=/opt/old
mkdir -p $OLD/default/key
printf 'since v0.18' >$OLD/default/key/1
{
  common
  cat <<TOML
[[plugins]]
name = "resource"
type = "LocalFs"
dir_path = "$OLD"
TOML
} >old.toml
start old
check "v0.18: the old tree is served without conversion" gets default/key/1 'since v0.18'
config set-resource --path default/key/2 --resource-file value.in >/dev/null
check "v0.18: new resources are files of the same tree" cmp value.in $OLD/default/key/2
config set-resource --path default/key/1 --resource-file value.in >/dev/null
check "v0.18: overwriting keeps one copy, and it is the new one" cmp value.in $OLD/default/key/1
check "v0.18: the value before is among its versions" \
  [ "$(config versions --path default/key/1 | grep -c .)" -ge 2 ]
stop_server

# --- moving house: the tree becomes what a v0.21 server reads, and back
mkdir /opt/new
check "migrate: a dry run changes nothing" "$BIN/kbs" storage migrate --from "local_fs:$OLD" --to local_fs:/opt/new?layout=flat --dry-run >dry.out
check "migrate: and says so" [ ! -e '/opt/new/default\x2Fkey\x2F1' ]
check "migrate: tree to flat" "$BIN/kbs" storage migrate --from "local_fs:$OLD" --to local_fs:/opt/new?layout=flat >migrate.out
check "migrate: the value is there under its escaped name" cmp value.in '/opt/new/default\x2Fkey\x2F1'
check "migrate: both hold the same" "$BIN/kbs" storage verify --from "local_fs:$OLD" --to local_fs:/opt/new?layout=flat >verify.out
finish
