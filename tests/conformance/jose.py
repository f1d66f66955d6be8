"""JWK, JWS and JWE from the primitives of `cryptography`; independent of the server's own code."""

import base64
import hashlib
import hmac
import json
import os

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

CURVES = {"P-256": (ec.SECP256R1(), 32), "P-384": (ec.SECP384R1(), 48), "P-521": (ec.SECP521R1(), 66)}
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
OAEP256 = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def b64u(data):
    data = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64u(text):
    text = text.encode() if isinstance(text, str) else text
    if b"=" in text:
        raise ValueError("padding in base64url")
    return base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)


def b64(data):
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def integer(text):
    return int.from_bytes(unb64u(text), "big")


def minimal(number):
    return b64u(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def curve_of(key):
    return {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}[key.curve.name]


def public_jwk(key, alg=None):
    """The public half as the members that the protocol knows, `alg` among them when given."""
    public = key.public_key() if hasattr(key, "public_key") else key
    tag = {"alg": alg} if alg else {}
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"kty": "RSA", **tag, "n": minimal(numbers.n), "e": minimal(numbers.e)}
    if isinstance(public, ed25519.Ed25519PublicKey):
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"kty": "OKP", **tag, "crv": "Ed25519", "x": b64u(raw)}
    size = CURVES[curve_of(public)][1]
    numbers = public.public_numbers()
    x, y = (b64u(n.to_bytes(size, "big")) for n in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": curve_of(public), **tag, "x": x, "y": y}


def ec_private(crv, d):
    return ec.derive_private_key(integer(d), CURVES[crv][0])


def rsa_private(n, d, e="AQAB"):
    n, d, e = integer(n), integer(d), integer(e)
    p, q = rsa.rsa_recover_prime_factors(n, e, d)
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), rsa.RSAPublicNumbers(e, n))
    return numbers.private_key()


def ec_public(jwk):
    curve = CURVES[jwk["crv"]][0]
    return ec.EllipticCurvePublicNumbers(integer(jwk["x"]), integer(jwk["y"]), curve).public_key()


def private_pem(key):
    """PKCS#1 for RSA, PKCS#8 for the others: what guests and clients keep."""
    form = serialization.PrivateFormat
    kind = form.TraditionalOpenSSL if isinstance(key, rsa.RSAPrivateKey) else form.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())


def public_pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


# ---- JWS ---------------------------------------------------------------------------------------------------


def signature(key, alg, data):
    if alg == "none":
        return b""
    if alg.startswith("HS"):
        return hmac.new(key, data, "sha" + alg[2:]).digest()
    if alg == "EdDSA":
        return key.sign(data)
    digest = HASHES[alg[2:]]
    if alg.startswith("ES"):
        size = CURVES[curve_of(key)][1]
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    if alg.startswith("PS"):
        return key.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    return key.sign(data, padding.PKCS1v15(), digest)


def sign(key, alg, claims, header=None):
    """Compact JWS. `header` replaces the default one; `claims` may be text already."""
    header = {"alg": alg, "typ": "JWT"} if header is None else header
    payload = claims if isinstance(claims, (str, bytes)) else compact(claims)
    text = b64u(compact(header)) + "." + b64u(payload)
    return text + "." + b64u(signature(key, alg, text.encode()))


def header_of(token):
    return json.loads(unb64u(token.split(".")[0]))


def claims_of(token):
    return json.loads(unb64u(token.split(".")[1]))


def es256_verifies(token, jwk):
    head, payload, sig = token.split(".")
    raw = unb64u(sig)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        ec_public(jwk).verify(der, f"{head}.{payload}".encode(), ec.ECDSA(hashes.SHA256()))
    except Exception:  # InvalidSignature, or a point not on the curve
        return False
    return len(raw) == 64


# ---- JWE ---------------------------------------------------------------------------------------------------


def concat_kdf(z):
    """RFC 7518 §4.6.2 for ECDH-ES+A256KW without apu and apv."""
    name = b"ECDH-ES+A256KW"
    other = len(name).to_bytes(4, "big") + name + bytes(8) + (256).to_bytes(4, "big")
    return hashlib.sha256((1).to_bytes(4, "big") + z + other).digest()


def content_key(private, header, wrapped):
    if isinstance(private, rsa.RSAPrivateKey):
        scheme = {"RSA-OAEP-256": OAEP256, "RSA1_5": padding.PKCS1v15()}[header["alg"]]
        return private.decrypt(wrapped, scheme)
    if header["alg"] != "ECDH-ES+A256KW" or header["epk"]["crv"] != curve_of(private):
        raise ValueError("not encrypted to this key")
    z = private.exchange(ec.ECDH(), ec_public(header["epk"]))
    return aes_key_unwrap(concat_kdf(z), wrapped)


def jwe_open(private, jwe):
    """Plaintext of a flattened JWE; the received `protected` text itself is authenticated."""
    header = json.loads(unb64u(jwe["protected"]))
    if header["enc"] != "A256GCM":
        raise ValueError("unexpected enc")
    cek = content_key(private, header, unb64u(jwe["encrypted_key"]))
    sealed = unb64u(jwe["ciphertext"]) + unb64u(jwe["tag"])
    return AESGCM(cek).decrypt(unb64u(jwe["iv"]), sealed, jwe["protected"].encode())


def jwe_seal(jwk, plaintext, order=None):
    """A flattened JWE to `jwk`, as a KBS makes it. `order` rearranges the header's members."""
    cek, iv = os.urandom(32), os.urandom(12)
    if jwk["kty"] == "RSA":
        public = rsa.RSAPublicNumbers(integer(jwk["e"]), integer(jwk["n"])).public_key()
        scheme = OAEP256 if jwk["alg"] == "RSA-OAEP-256" else padding.PKCS1v15()
        header = {"alg": jwk["alg"], "enc": "A256GCM"}
        wrapped = public.encrypt(cek, scheme)
    else:
        ephemeral = ec.generate_private_key(CURVES[jwk["crv"]][0])
        epk = public_jwk(ephemeral)
        header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "epk": {k: epk[k] for k in ("crv", "kty", "x", "y")}}
        wrapped = aes_key_wrap(concat_kdf(ephemeral.exchange(ec.ECDH(), ec_public(jwk))), cek)
    if order:
        header = {name: header[name] for name in order}
    protected = b64u(compact(header))
    sealed = AESGCM(cek).encrypt(iv, plaintext, protected.encode())
    return {"protected": protected, "encrypted_key": b64u(wrapped), "iv": b64u(iv),
            "ciphertext": b64u(sealed[:-16]), "tag": b64u(sealed[-16:])}
