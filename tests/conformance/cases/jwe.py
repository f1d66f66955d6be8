"""Section 6: answers to guests as JWE."""

import json
import re
import time

from cryptography.exceptions import InvalidTag
from jwcrypto import jwe as jwcrypto_jwe
from jwcrypto import jwk as jwcrypto_jwk

import jose
from guest import bearer
from harness import SECRET, TEE_KEY, Kind, case, not_applicable

from .tokens import Holder, self_made

COORDINATE = r"[A-Za-z0-9_-]{%d}"
EC_HEADER = (r'\{"alg":"ECDH-ES\+A256KW","enc":"A256GCM","epk":\{"crv":"%s","kty":"EC",'
             r'"x":"%s","y":"%s"\}\}')


def answer(t, kind="P-256", alg=None):
    """(guest, JWE, text of its protected header)."""
    guest = t.guest(kind, alg=alg)
    response = t.status(guest.get(), 200)
    jwe = response.json()
    return guest, jwe, jose.unb64u(jwe["protected"]).decode()


def unusable(t, guest, path="default/key/1"):
    t.error(guest.get(path), "JweError", TEE_KEY, "JWE failed")


@case("J-01", "ALLOW")
def members(t):
    _, jwe, _ = answer(t)
    t.eq(list(jwe), ["protected", "encrypted_key", "iv", "ciphertext", "tag"], "members")


@case("J-02", "ALLOW")
def p256_header(t):
    text = answer(t)[2]
    size = COORDINATE % 43
    t.true(re.fullmatch(EC_HEADER % ("P-256", size, size), text), f"header {text}")


@case("J-03", "ALLOW")
def p521_header(t):
    text = answer(t, "P-521")[2]
    size = COORDINATE % 88
    t.true(re.fullmatch(EC_HEADER % ("P-521", size, size), text), f"header {text}")


@case("J-04", "ALLOW")
def independent_library(t):
    for kind, alg in (("P-256", None), ("P-521", None), ("RSA", "RSA-OAEP-256"), ("RSA", "RSA1_5")):
        guest, jwe, _ = answer(t, kind, alg)
        peer = jwcrypto_jwe.JWE(algs=["ECDH-ES+A256KW", "RSA-OAEP-256", "RSA1_5", "A256GCM"])
        peer.deserialize(json.dumps(jwe), jwcrypto_jwk.JWK.from_pem(jose.private_pem(guest.key)))
        t.eq(peer.payload, SECRET, f"{kind} {alg} opened by jwcrypto")


@case("J-05", "ALLOW")
def oaep(t):
    """Our own opening uses SHA-256 for OAEP and for MGF1."""
    guest, jwe, text = answer(t, "RSA", "RSA-OAEP-256")
    t.eq(text, '{"alg":"RSA-OAEP-256","enc":"A256GCM"}', "header")
    t.eq(jose.jwe_open(guest.key, jwe), SECRET, "resource")


@case("J-06", "ALLOW")
def rsa15(t):
    guest, jwe, text = answer(t, "RSA", "RSA1_5")
    t.eq(text, '{"alg":"RSA1_5","enc":"A256GCM"}', "header")
    t.eq(jose.jwe_open(guest.key, jwe), SECRET, "resource")


@case("J-07", "ALLOW")
def lengths(t):
    for kind in ("P-256", "P-521", "RSA"):
        _, jwe, _ = answer(t, kind)
        t.eq((len(jwe["iv"]), len(jwe["tag"])), (16, 22), "length of iv and tag")
        t.true(not any("=" in value for value in jwe.values()), "padding in a member")


@case("J-08", "ALLOW")
def wrapped_key(t):
    for kind in ("P-256", "P-521"):
        t.eq(len(jose.unb64u(answer(t, kind)[1]["encrypted_key"])), 40, "bytes of encrypted_key")


@case("J-10", "ALLOW")
def authenticated(t):
    guest, jwe, _ = answer(t)
    t.eq(jose.jwe_open(guest.key, jwe), SECRET, "untouched")
    # A changed `protected` that still parses: the spelling of one epk coordinate's last bits.
    spaced = jose.b64u(jose.unb64u(jwe["protected"]).replace(b'"enc":', b'"enc" :'))
    for name, value in [("protected", spaced)] + [(n, flip(jwe[n])) for n in ("iv", "ciphertext", "tag")]:
        try:
            jose.jwe_open(guest.key, {**jwe, name: value})
        except InvalidTag:
            continue
        t.fail(f"opened in spite of a changed {name}")


def flip(text):
    raw = bytearray(jose.unb64u(text))
    raw[0] ^= 1
    return jose.b64u(bytes(raw))


@case("J-12", "ALLOW")
def p384(t):
    unusable(t, t.guest("P-384"))


@case("J-13", "ALLOW")
def oaep_sha1(t):
    unusable(t, t.guest("RSA", alg="RSA-OAEP"))


def with_key(t, jwk, path="default/key/1"):
    """GET with a self-made token whose TEE key is `jwk`."""
    holder = Holder(t.prepared())
    return bearer(t.s, self_made(holder, **{"tee-pubkey": jwk}), path)


@case("J-16", "ALLOW")
def akp(t):
    jwk = {"kty": "AKP", "alg": "ML-KEM-768+A192KW", "pub": jose.b64u(bytes(1184))}
    t.error(with_key(t, jwk), "JweError", TEE_KEY, "JWE failed")


@case("J-17", "ALLOW")
def no_kty(t):
    jwk = dict(Holder(t.s).jwk)
    del jwk["kty"]
    t.error(with_key(t, jwk), "TokenVerifierError", Kind(401, (400, 401)), "Token Verifier error")


not_applicable("J-20", "ML-KEM-768+A192KW is not offered, as J-16 shows; no KMAC is computed anywhere")


@case("EXT-30", "ALLOW")
def unusable_before_absent(t):
    """A key that nothing can be encrypted to is told before absence: no storage is read for it."""
    guest = t.guest("P-384")
    unusable(t, guest, "default/key/nosuch")
    before = t.metric("kbs_resource_reads_total", '{resource_path="default/key/1"}')
    unusable(t, guest)
    t.eq(t.metric("kbs_resource_reads_total", '{resource_path="default/key/1"}'), before, "reads")


@case("EXT-31", "ALLOW")
def broken_keys(t):
    """Points off the curve, wrong lengths, small and even moduli, unknown algorithms."""
    good = Holder(t.s).jwk
    small = jose.minimal((1 << 1023) | 1)
    modulus = jose.minimal((1 << 2047) | 2)
    odd = jose.minimal((1 << 2047) | 1)
    bad = [
        {**good, "x": jose.b64u(bytes(32))}, {**good, "x": jose.b64u(b"\xff" * 32)}, {**good, "x": good["x"][:-2]},
        {**good, "x": "====", "y": "!"}, {**good, "crv": "P-521"}, {**good, "crv": "secp256k1"},
        {**good, "alg": "ECDH-ES"}, {**good, "alg": "ECDH-ES+A128KW"}, {**good, "alg": "dir"},
        {"kty": "RSA", "alg": "RSA-OAEP-256", "n": small, "e": "AQAB"},
        {"kty": "RSA", "alg": "RSA-OAEP-256", "n": modulus, "e": "AQAB"},
        {"kty": "RSA", "alg": "RSA-OAEP-256", "n": odd, "e": "Ag"},
        {"kty": "RSA", "alg": "RSA-OAEP-256", "n": odd, "e": jose.minimal((1 << 40) | 1)},
        {"kty": "RSA", "alg": "RSA-OAEP-512", "n": odd, "e": "AQAB"},
        {"kty": "RSA", "alg": "RSA-OAEP-256", "n": "", "e": ""},
        {"kty": "oct", "alg": "A256KW", "k": jose.b64u(bytes(32))},
    ]
    for jwk in bad:
        response = with_key(t, jwk)
        t.status(response, *((400,) if t.precise else (401,)))
        name, _ = t.shape(response)
        if not t.precise:
            t.true(name in ("JweError", "TokenVerifierError"), f"error type {name} for {jwk}")


@case("EXT-32", "ALLOW")
def claims_without_key(t):
    token = self_made(Holder(t.prepared()), **{"tee-pubkey": None, "iat": int(time.time())})
    response = bearer(t.s, token)
    t.error(response, "TokenVerifierError", Kind(401, (400, 401)), "Token Verifier error")


@case("EXT-33", "ALLOW")
def fresh_keys(t):
    """Two answers share neither content key, nor nonce, nor ephemeral key."""
    guest = t.guest()
    first, second = guest.get().json(), guest.get().json()
    for name in ("protected", "encrypted_key", "iv", "ciphertext", "tag"):
        t.true(first[name] != second[name], f"two answers share {name}")
