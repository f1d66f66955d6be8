"""Section 4: what a token says, and which tokens are believed."""

import time

from cryptography.hazmat.primitives.asymmetric import ec

import jose
import vectors
from guest import Guest, bearer
from harness import SECRET, UNTRUSTED, case

NAME, DETAIL = "TokenVerifierError", "Token Verifier error"
SIGNER = ec.generate_private_key(ec.SECP256R1())  # of self-made tokens
VALUES = {"launch_digest": ["abcde"], "svn": ["1"], "major_version": 1, "minimum_minor_version": 1}


def register(t, values, server=None):
    """Registers sample reference values, which must succeed."""
    payload = jose.b64(jose.compact(values))
    message = jose.compact({"version": "0.1.0", "type": "sample", "payload": payload}).encode()
    server = server or t.s
    response = t.status(server.as_admin("POST", "reference-value", message), 200)
    server.changed = time.time()
    return response


class Holder(Guest):
    """A TEE key without a session, for self-made tokens."""

    def claims_with(self, **changes):
        now = int(time.time())
        claims = {"iss": "test", "iat": now, "exp": now + 300, "tee-pubkey": self.jwk, **changes}
        return {name: value for name, value in claims.items() if value is not None}


def header(key=SIGNER, alg="ES256", **members):
    head = {"typ": "JWT", "alg": alg, "jwk": jose.public_jwk(key, alg), **members}
    return {name: value for name, value in head.items() if value is not None}


def self_made(holder, head=None, key=SIGNER, alg="ES256", **changes):
    return jose.sign(key, alg, holder.claims_with(**changes), header() if head is None else head)


def believed(t, holder, token, server=None):
    server = t.prepared(server)
    t.eq(holder.open(bearer(server, token)), SECRET, "resource")


def refused(t, token, server=None):
    t.error(bearer(t.prepared(server), token), NAME, UNTRUSTED, DETAIL)


@case("K-01", "ALLOW")
def ear_header(t):
    guest = t.guest()
    head = jose.header_of(guest.token)
    t.eq((head.get("typ"), head.get("alg")), ("JWT", "ES256"), "typ and alg")
    t.true("kid" not in head, "header has a kid")
    jwk = head["jwk"]
    t.eq((jwk["alg"], jwk["kty"], jwk["crv"]), ("ES256", "EC", "P-256"), "jwk")
    t.eq((len(jwk["x"]), len(jwk["y"])), (43, 43), "length of the coordinates")
    t.true(jose.es256_verifies(guest.token, jwk), "the token does not verify with its header key")


@case("K-02", "X5C")
def ear_header_with_chain(t):
    signer = t.material.authority.signer
    head = jose.header_of(t.guest().token)
    t.eq(head["jwk"]["x5c"], signer.x5c(), "x5c")
    t.eq(head["jwk"]["x"], signer.jwk()["x"], "key of the header")


@case("K-03", "ALLOW")
def ear_claims(t):
    claims = t.guest().claims()
    for name in ("eat_profile", "iat", "ear.verifier-id", "submods", "exp", "iss"):
        t.true(name in claims, f"no {name}")
    t.eq(sorted(claims["ear.verifier-id"]), ["build", "developer"], "ear.verifier-id")
    t.true("nbf" not in claims and "aud" not in claims, "claims have nbf or aud")


@case("K-04", "ALLOW")
def ear_times(t):
    claims = t.guest().claims()
    t.eq(claims["exp"] - claims["iat"], 300, "exp - iat")
    t.eq(claims["iss"], "CoCo-Attestation-Service", "iss")
    t.true(abs(claims["iat"] - time.time()) < 5, "iat is not now")


@case("K-05", "ALLOW", lane="reference_values", own=True)
def ear_without_reference_values(t):
    cpu = t.guest().claims()["submods"]["cpu0"]
    t.eq(cpu["ear.status"], "contraindicated", "ear.status")
    want = {"instance-identity": 0, "configuration": 2, "executables": 33, "file-system": 0, "hardware": 97,
            "runtime-opaque": 0, "storage-opaque": 0, "sourced-data": 0}
    t.eq(cpu["ear.trustworthiness-vector"], want, "vector")


@case("K-06", "ALLOW")
def ear_runtime_data(t):
    guest = t.guest()
    evidence = guest.claims()["submods"]["cpu0"]["ear.veraison.annotated-evidence"]
    t.eq(evidence["runtime_data_claims"],
         {"tee-pubkey": guest.jwk, "nonce": guest.nonce, "additional-evidence": ""}, "runtime_data_claims")
    t.eq(evidence["sample"], {"debug": False, "launch_digest": "abcde",
                              "platform_version": {"major": 1, "minor": 4}, "svn": "1"}, "sample claims")


@case("K-07", "TERSE")
def ear_without_additional_evidence(t):
    evidence = t.guest().claims()["submods"]["cpu0"]["ear.veraison.annotated-evidence"]
    t.eq(sorted(evidence["runtime_data_claims"]), ["nonce", "tee-pubkey"], "runtime_data_claims")


@case("K-08", "ALLOW", lane="reference_values", own=True)
def ear_with_reference_values(t):
    """On the server of K-05, after it."""
    register(t, VALUES)
    cpu = t.guest().claims()["submods"]["cpu0"]
    vector = cpu["ear.trustworthiness-vector"]
    t.eq((vector["hardware"], vector["executables"]), (2, 3), "hardware and executables")
    t.eq(cpu["ear.status"], "affirming", "ear.status")


@case("K-09", "ALLOW")
def passport(t):
    guest = t.guest()
    t.eq(guest.open(guest.get_bearer()), SECRET, "resource")


@case("K-10", "ALLOW")
def flipped_signature(t):
    guest = t.guest()
    head, payload, signature = guest.token.split(".")
    raw = bytearray(jose.unb64u(signature))
    for place in (0, 20, 40, 63):
        flipped = bytearray(raw)
        flipped[place] ^= 1
        refused(t, f"{head}.{payload}.{jose.b64u(bytes(flipped))}")


@case("K-11", "ALLOW")
def not_a_token(t):
    refused(t, "abc")


@case("K-13", "ALLOW")
def no_token(t):
    response = t.prepared().request("GET", "resource/default/key/1")
    t.error(response, "TokenNotFound", UNTRUSTED, "Attestation Token not found")


@case("K-14", "ALLOW")
def insecure_header_key(t):
    holder = Holder(t.s)
    believed(t, holder, self_made(holder))


@case("K-15", "ALLOW")
def exp_required(t):
    refused(t, self_made(Holder(t.s), exp=None))


@case("K-16", "ALLOW")
def leeway(t):
    holder = Holder(t.s)
    believed(t, holder, self_made(holder, exp=int(time.time()) - 30))


@case("K-18", "ALLOW")
def exp_as_text(t):
    refused(t, self_made(Holder(t.s), exp=str(int(time.time()) + 300)))


@case("K-19", "ALLOW")
def nbf_is_not_checked(t):
    holder = Holder(t.s)
    believed(t, holder, self_made(holder, nbf=int(time.time()) + 3600))


@case("K-20", "ALLOW")
def header_key_without_alg(t):
    refused(t, self_made(Holder(t.s), header(jwk=jose.public_jwk(SIGNER))))


@case("K-23", "ALLOW")
def no_key_named(t):
    refused(t, self_made(Holder(t.s), {"typ": "JWT", "alg": "ES256"}))


@case("K-24", "X5C")
def own_chain(t):
    guest = t.guest()
    t.eq(guest.open(guest.get_bearer()), SECRET, "resource")


def chained(t, identity, x5c=None, holder=None):
    """A token signed by `identity`, its chain in the header."""
    x5c = identity.x5c() if x5c is None else x5c
    head = {"typ": "JWT", "alg": "ES256", "jwk": identity.jwk(x5c=x5c)}
    return self_made(holder or Holder(t.s), head, identity.key)


@case("K-25", "X5C")
def no_chain(t):
    """Not the server's own key: that one is trusted by itself."""
    sibling = t.material.authority.sibling
    refused(t, self_made(Holder(t.s), {"typ": "JWT", "alg": "ES256", "jwk": sibling.jwk()}, sibling.key))


@case("K-27", "X5C")
def foreign_root(t):
    refused(t, chained(t, t.material.authority.foreign))


@case("K-28", "X5C")
def intermediate(t):
    below = t.material.authority.below
    t.eq(len(below.chain), 2, "certificates in the test chain")
    holder = Holder(t.s)
    believed(t, holder, chained(t, below, holder=holder))
    refused(t, chained(t, below, below.x5c(count=1)))


@case("K-30", "X5C")
def expired_leaf(t):
    refused(t, chained(t, t.material.authority.expired))


@case("K-31", "X5C")
def x5c_in_base64url(t):
    sibling, holder = t.material.authority.sibling, Holder(t.s)
    believed(t, holder, chained(t, sibling, sibling.x5c(jose.b64u), holder))
    believed(t, holder, chained(t, sibling, sibling.x5c(), holder))


def keyed(t, holder, key, alg, kid):
    return self_made(holder, {"typ": "JWT", "alg": alg, "kid": kid}, key, alg)


@case("K-33", "JWKS")
def known_kid(t):
    holder = Holder(t.s)
    believed(t, holder, keyed(t, holder, t.material.jwks_rsa, "RS256", "rsa-1"))
    believed(t, holder, keyed(t, holder, t.material.jwks_ec, "ES256", "ec-1"))


@case("K-34", "JWKS")
def unknown_kid(t):
    holder = Holder(t.s)
    refused(t, keyed(t, holder, t.material.jwks_rsa, "RS256", "nosuch"))
    refused(t, keyed(t, holder, t.material.jwks_rsa, "RS256", "ec-1"))


@case("K-36", "JWKS_NO_ALG")
def key_in_set_without_alg(t):
    holder = Holder(t.s)
    refused(t, keyed(t, holder, t.material.jwks_no_alg, "ES256", "no-alg"))
    believed(t, holder, keyed(t, holder, t.material.jwks_ec, "ES256", "ec-1"))


@case("K-37", lane="refusals", own=True)
def no_trust(t):
    from fixtures import config
    t.refuses(config(t.mode, token=""))


@case("K-38", lane="refusals", own=True)
def key_set_over_http(t):
    from fixtures import config
    t.refuses(config(t.mode, token='trusted_jwk_sets = ["http://127.0.0.1:1/jwks"]'))


@case("K-40", "ALLOW")
def tee_key_at_the_top(t):
    holder = Holder(t.s)
    claims = holder.claims_with()
    t.eq([name for name in claims if "pubkey" in name], ["tee-pubkey"], "places of the key")
    believed(t, holder, self_made(holder))


@case("K-42", "EXTRA_PATH")
def configured_tee_key_path(t):
    holder, other = Holder(t.s), Holder(t.s)
    believed(t, holder, self_made(holder, **{"x": {"k": holder.jwk}, "tee-pubkey": other.jwk}))


@case("K-44", "ALLOW")
def printed_token(t):
    token = vectors.TOKEN
    t.true(jose.es256_verifies(token, jose.header_of(token)["jwk"]), "the printed token does not verify")
    refused(t, token)


@case("EXT-10", "ALLOW")
def expired_token(t):
    """Over the leeway nothing is served, whoever signed."""
    for late in (61, 120, 86400):
        refused(t, self_made(Holder(t.s), exp=int(time.time()) - late - 1))
    for odd in (-1, None, True, [], {}, 1e400):
        claims = Holder(t.s).claims_with()
        claims["exp"] = odd
        refused(t, jose.sign(SIGNER, "ES256", jose.compact(claims).replace("Infinity", "1e400"), header()))


@case("EXT-11", "ALLOW")
def unsigned_token(t):
    """`none` in every spelling, with the key in the header or not, with a signature or not."""
    for alg in ("none", "None", "NONE", "nOnE", ""):
        for head in ({"alg": alg}, {"alg": alg, "jwk": jose.public_jwk(SIGNER, alg or None)},
                     {"alg": alg, "jwk": jose.public_jwk(SIGNER, "ES256")}):
            text = jose.b64u(jose.compact(head)) + "." + jose.b64u(jose.compact(Holder(t.s).claims_with()))
            refused(t, text + ".")
            refused(t, text + "." + jose.b64u(jose.signature(SIGNER, "ES256", text.encode())))


@case("EXT-12", "JWKS")
def confused_algorithm(t):
    """A public key is not an HMAC secret; nor does an `oct` key in the header make one."""
    rsa_key, holder = t.material.jwks_rsa, Holder(t.s)
    for secret in (jose.public_pem(rsa_key), jose.compact(jose.public_jwk(rsa_key, "RS256")).encode(), b""):
        refused(t, keyed(t, holder, secret, "HS256", "rsa-1"))
    refused(t, keyed(t, holder, rsa_key, "PS256", "rsa-1"))
    refused(t, keyed(t, holder, rsa_key, "RS512", "rsa-1"))
    refused(t, keyed(t, holder, t.material.jwks_ec, "ES256", "rsa-1"))


@case("EXT-13", "ALLOW")
def symmetric_header_key(t):
    key = bytes(range(32, 64))
    head = {"alg": "HS256", "jwk": {"kty": "oct", "alg": "HS256", "k": jose.b64u(key)}}
    refused(t, self_made(Holder(t.s), head, key, "HS256"))


@case("EXT-14", "ALLOW")
def malformed_tokens(t):
    """Nothing of the kind gets past the verifier, and the server lives on."""
    good = self_made(Holder(t.s))
    head, payload, signature = good.split(".")
    bad = [
        f"{head}.{payload}", f"{good}.x", f"{head}..{signature}", f".{payload}.{signature}", "..", "a.b.c",
        f"{head}=.{payload}.{signature}", f"{head}.{payload}=.{signature}", f"{head}.{payload}.{signature}=",
        f"{head}.{payload}.{signature}AA", f"{head}.{payload}.{signature[:-2]}",
        f"{jose.b64u('[]')}.{payload}.{signature}", f"{jose.b64u('{')}.{payload}.{signature}",
        jose.sign(SIGNER, "ES256", "[]", header()), jose.sign(SIGNER, "ES256", "not json", header()),
        jose.sign(SIGNER, "ES256", b"\xff\xfe", header()),
        jose.sign(SIGNER, "ES256", '{"exp":9999999999,"exp":9999999999}', header()),
        jose.sign(SIGNER, "ES256", "[" * 5000 + "]" * 5000, header()),
        self_made(Holder(t.s), header(jwk={"kty": "EC"})), self_made(Holder(t.s), header(jwk="x")),
        self_made(Holder(t.s), header(jwk={**jose.public_jwk(SIGNER, "ES256"), "x": jose.b64u(bytes(32))})),
        self_made(Holder(t.s), header(jwk={**jose.public_jwk(SIGNER, "ES256"), "x": "AA"})),
        self_made(Holder(t.s), header(alg="ES384")),
    ]
    for token in bad:
        refused(t, token)
    t.status(t.s.request("GET", "/healthz"), 200)


@case("EXT-15", "X5C")
def chain_of_the_wrong_purpose(t):
    """A leaf of a trusted CA that is a TLS server's or client's, or may not sign, is no token signer."""
    authority = t.material.authority
    for identity in (authority.tls, authority.tls_client, authority.no_signature):
        refused(t, chained(t, identity))


@case("EXT-16", "X5C")
def chain_of_another_key(t):
    """The leaf's key must be the header's; a chain borrowed from a real signer proves nothing."""
    authority = t.material.authority
    head = {"typ": "JWT", "alg": "ES256", "jwk": {**jose.public_jwk(SIGNER, "ES256"), "x5c": authority.sibling.x5c()}}
    refused(t, self_made(Holder(t.s), head))
    for x5c in ([], ["AAAA"], ["!"], "text", [1], [authority.root.x5c()[0]]):
        refused(t, chained(t, authority.sibling, x5c))
    refused(t, chained(t, authority.root, authority.root.x5c()))


@case("EXT-17", "ALLOW")
def bearer_syntax(t):
    """Scheme exactly `Bearer` and one space; anything else counts as no token."""
    token = self_made(Holder(t.s))
    server = t.prepared()
    for value in (f"bearer {token}", f"BEARER {token}", f"Basic {token}", token, "Bearer", "Bearer "):
        server.secret(token)
        response = server.request("GET", "resource/default/key/1", {"Authorization": value})
        t.error(response, "TokenNotFound", UNTRUSTED)
