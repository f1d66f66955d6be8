#!/usr/bin/env bash
# first_light.sh BIN_DIR: the whole road of a secret with the real programs, as an operator and a guest would
# walk it: HTTPS with a certificate made here, an Ed25519 administrator, a signer for attestation tokens with a
# certificate, real inputs provisioned and dropped by hand, fetched after attestation, compared byte for byte;
# then everybody who must get nothing. The last line is "N passed, N failed, N skipped".
BIN=$(cd "$1" && pwd)
HERE=$(cd "$(dirname "$0")" && pwd)
source "$HERE/lib.sh"

# --- certificates and keys
openssl req -x509 -newkey rsa:2048 -nodes -keyout tls.key -out tls.crt -days 2 -subj /CN=localhost \
  -addext 'subjectAltName=IP:127.0.0.1,DNS:localhost' 2>/dev/null
openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out ca.key
openssl req -x509 -new -key ca.key -out ca.crt -days 2 -subj '/CN=Attestation CA' \
  -addext 'keyUsage=critical,keyCertSign,cRLSign' 2>/dev/null
openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out signer.key
openssl req -new -key signer.key -out signer.csr -subj '/CN=Attestation token signer' 2>/dev/null
openssl x509 -req -in signer.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out signer.crt \
  -extfile <(printf 'keyUsage=critical,digitalSignature\nbasicConstraints=CA:FALSE\n') 2>/dev/null
"$BIN/kbs-client" admin keygen -f admin.key >/dev/null
check "admin key is private to its owner" [ "$(stat -c %a admin.key)" = 600 ]

# --- the server, with a full configuration
mkdir repository
cat >kbs.toml <<TOML
[http_server]
sockets = ["127.0.0.1:0"]
private_key = "$WORK/tls.key"
certificate = "$WORK/tls.crt"

[admin]
authorization_mode = "AuthenticatedAuthorization"
[admin.authentication.bearer_jwt]
identity_providers = [{ audience = "KBS", public_key_uri = "$WORK/admin.key.pub" }]
[admin.authorization.regex_acl]
acls = [{ role = "admin", allowed_endpoints = "^/kbs/.+\$" }]

[attestation_token]
trusted_certs_paths = ["$WORK/ca.crt"]

[attestation_service]
type = "CoCoASBuiltIn"
[attestation_service.attestation_token_broker.signer]
key_path = "$WORK/signer.key"
cert_path = "$WORK/signer.crt"

[[plugins]]
name = "resource"
type = "LocalFs"
dir_path = "$WORK/repository"

[audit]
sink = "file"
path = "$WORK/audit.jsonl"
TOML
check "kbs config check explains the file" "$BIN/kbs" config check kbs.toml >config.txt
start_server kbs
URL=https://$ADDRESS
ok "kbs listens on $URL"
client() { "$BIN/kbs-client" --url "$URL" --cert-file tls.crt "$@"; }
config() { client config --auth-private-key admin.key "$@"; }

# --- four real inputs, provisioned as documented
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out pem.in 2>/dev/null
printf 'correct horse battery staple' >passphrase.in
head -c 1992294 /dev/urandom >binary.in
: >empty.in
for name in pem passphrase binary empty; do
  check "provision $name ($(stat -c %s $name.in) bytes)" config set-resource --path default/input/$name --resource-file $name.in >/dev/null
done
# --- and one dropped into the repository by hand
mkdir -p repository/default/dropped
printf 'placed by tee' | tee repository/default/dropped/tee >tee.in

fetch() { client get-resource --path "$1" --output "$2"; }
check "the default policy keeps sample guests out" refused fetch default/input/pem denied.out
check "allow-all policy is set" config set-resource-policy --allow-all >/dev/null
for name in pem passphrase binary empty; do
  fetch default/input/$name $name.out 2>fetch.err || cat fetch.err
  check "an attested guest gets $name, byte for byte" cmp $name.in $name.out
done
fetch default/dropped/tee tee.out 2>/dev/null || true
check "an attested guest gets what was dropped by tee" cmp tee.in tee.out

# --- who must get nothing
check "the policy reads back as it was set" grep -q 'allow if data.plugin == "resource"' <(config get-resource-policy)
check "deny-all policy is set" config set-resource-policy --deny-all >/dev/null
check "a guest under deny-all gets nothing" refused fetch default/input/pem denied.out
check "and no file is left of it" [ ! -e denied.out ]
config set-resource-policy --allow-all >/dev/null
status() { curl -sS --cacert tls.crt -o body.out -w '%{http_code}' "$@"; }
check "an unattested caller gets 401" [ "$(status "$URL/kbs/v0/resource/default/input/passphrase")" = 401 ]
check "and nothing of the secret" refused grep -q staple body.out
NOW=$(date +%s)
claims() { # claims EXP
  printf '{"iat":%s,"exp":%s,"submods":{},"tee-pubkey":{"kty":"EC","crv":"P-256","alg":"ECDH-ES+A256KW","x":"Abd8l_Z3TIVUawhzOZMXNyBZTxcOID1SLilA1clFA1c","y":"h6xAkRe-f7IpnjiEBGW3hY30Q2Ae6de5smKyMm76m9U"}}' "$((NOW - 600))" "$1"
}
claims $((NOW + 300)) >good.json
claims $((NOW - 61)) >expired.json
GOOD=$(python3 "$HERE/make_token.py" signer.key signer.crt good.json)
EXPIRED=$(python3 "$HERE/make_token.py" signer.key signer.crt expired.json)
# The tokens go by header file: a command line is visible to everybody on the machine.
printf 'Authorization: Bearer %s\n' "$GOOD" >good.header
printf 'Authorization: Bearer %s\n' "$EXPIRED" >expired.header
check "a token that another tool signed with the trusted key opens the door" \
  [ "$(status -H @good.header "$URL/kbs/v0/resource/default/input/passphrase")" = 200 ]
check "the same token, expired, gets 401" [ "$(status -H @expired.header "$URL/kbs/v0/resource/default/input/passphrase")" = 401 ]
check "an administrator without a token gets 401" [ "$(status -X DELETE "$URL/kbs/v0/resource/default/input/pem")" = 401 ]

# --- what is left behind
check "delete" config delete-resource --path default/input/pem >/dev/null
check "a deleted secret is gone from disk" [ ! -e repository/default/input/pem ]
check "stored secrets are private to the server" [ "$(stat -c %a repository/default/input/passphrase)" = 600 ]
kill -TERM "$KBS_PID"
STATUS=0
wait "$KBS_PID" || STATUS=$?
KBS_PID=
check "SIGTERM ends the server cleanly" [ "$STATUS" = 0 ]
check "the audit trail verifies" "$BIN/kbs" audit verify audit.jsonl >/dev/null
check "no secret in any log" refused grep -qE 'correct horse|placed by tee|PRIVATE KEY' kbs.log kbs.out audit.jsonl
check "no token in any log" refused grep -qF -e "$GOOD" -e "$EXPIRED" kbs.log kbs.out audit.jsonl
check "nothing that looks like a token in the log" refused grep -q eyJ kbs.log kbs.out

finish
