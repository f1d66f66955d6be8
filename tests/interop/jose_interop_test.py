#!/usr/bin/env python3
"""Holds our JOSE code against python jwcrypto, both directions of every algorithm.

Usage: jose_interop_test.py PATH-TO-jose_tool
Needs the packages of tests/requirements.txt. One line a case, then the totals; exit 0 when none failed, 1 when one
did, 2 when it could not start. JOSE_INTEROP_ROUNDS (8) repeats what is random.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile

try:
    from jwcrypto import jwe, jwk, jws
    from jwcrypto.common import base64url_encode
except ImportError:
    print("jwcrypto is missing: pip install -r tests/requirements.txt", file=sys.stderr)
    sys.exit(2)

SIGNATURES = {
    "ES256": {"kty": "EC", "crv": "P-256"},
    "ES384": {"kty": "EC", "crv": "P-384"},
    "RS256": {"kty": "RSA", "size": 2048},
    "RS384": {"kty": "RSA", "size": 2048},
    "RS512": {"kty": "RSA", "size": 3072},
    "PS256": {"kty": "RSA", "size": 2048},
    "PS384": {"kty": "RSA", "size": 2048},
    "PS512": {"kty": "RSA", "size": 3072},
    "EdDSA": {"kty": "OKP", "crv": "Ed25519"},
}
ENCRYPTIONS = {
    "ECDH-ES+A256KW P-256": ("ECDH-ES+A256KW", {"kty": "EC", "crv": "P-256"}),
    "ECDH-ES+A256KW P-521": ("ECDH-ES+A256KW", {"kty": "EC", "crv": "P-521"}),
    "RSA-OAEP-256 2048": ("RSA-OAEP-256", {"kty": "RSA", "size": 2048}),
    "RSA-OAEP-256 4096": ("RSA-OAEP-256", {"kty": "RSA", "size": 4096}),
    # jwcrypto refuses RSA1_5 unless told otherwise.
    "RSA1_5": ("RSA1_5", {"kty": "RSA", "size": 2048}),
}
PLAINTEXTS = {
    "empty": b"",
    "one byte": b"\x00",
    "text": b"this is a test secret",
    "4 KiB": bytes(range(256)) * 16,
    "100 KiB": os.urandom(100 * 1024 + 1),
}
# Short coordinates and short r or s turn up once in 256 tries; a lost leading zero shows only there.
ROUNDS = int(os.environ.get("JOSE_INTEROP_ROUNDS", "8"))


class Failed(Exception):
    pass


class Tool:
    """The C++ side."""

    def __init__(self, path, folder):
        self.path, self.folder, self.files = path, folder, 0

    def file(self, content):
        self.files += 1
        path = os.path.join(self.folder, f"key{self.files}")
        with open(path, "wb") as out:
            out.write(content.encode() if isinstance(content, str) else content)
        return path

    def run(self, *args, stdin=b""):
        done = subprocess.run([self.path, *args], input=stdin, capture_output=True, timeout=60)
        if done.returncode != 0:
            raise Failed(done.stderr.decode(errors="replace").strip() or f"exit {done.returncode}")
        return done.stdout

    def refuses(self, *args, stdin=b""):
        done = subprocess.run([self.path, *args], input=stdin, capture_output=True, timeout=60)
        if done.returncode != 1:
            raise Failed(f"accepted, or crashed: exit {done.returncode}")


class Suite:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def case(self, name, body):
        try:
            body()
        except Exception as error:  # a peer may raise anything: the case has failed, the next goes on
            self.failed += 1
            print(f"FAIL {name}: {type(error).__name__}: {error}")
        else:
            self.passed += 1
            print(f"ok {name}")


def expect(condition, why):
    if not condition:
        raise Failed(why)


def tee_key(key, alg):
    """The public JWK as a guest sends it."""
    public = json.loads(key.export_public())
    members = {name: public[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in public}
    return json.dumps({**members, "alg": alg})


def pems(key):
    return key.export_to_pem(private_key=True, password=None), key.export_to_pem()


def peer_verify(token, key, alg):
    peer = jws.JWS()
    peer.deserialize(token.decode())
    peer.allowed_algs = [alg]
    peer.verify(key)
    return peer.payload


def peer_sign(payload, key, alg):
    peer = jws.JWS(payload)
    peer.add_signature(key, alg, json.dumps({"alg": alg, "typ": "JWT"}))
    return peer.serialize(compact=True).encode()


def peer_encrypt(plaintext, key, alg):
    peer = jwe.JWE(plaintext, json.dumps({"alg": alg, "enc": "A256GCM"}), algs=[alg, "A256GCM"])
    peer.add_recipient(key)
    # Its JSON form carries `epk` in a header of the recipient; the compact one protects it, as a KBS does.
    parts = peer.serialize(compact=True).split(".")
    return dict(zip(("protected", "encrypted_key", "iv", "ciphertext", "tag"), parts))


def peer_decrypt(text, key, alg):
    peer = jwe.JWE(algs=[alg, "A256GCM"])
    try:
        peer.deserialize(text.decode(), key)
    except jwe.InvalidJWEData:
        # It takes an empty plaintext for none, after it has opened it; its log tells.
        if peer.decryptlog != ["Success"] or peer.plaintext != b"":
            raise
    return peer.plaintext


def signature_cases(suite, tool):
    for alg, how in SIGNATURES.items():
        key = jwk.JWK.generate(**how)
        private_pem, public_pem = pems(key)
        private_files = {"JWK": tool.file(key.export_private()), "PEM": tool.file(private_pem)}
        public_files = {"JWK": tool.file(key.export_public()), "PEM": tool.file(public_pem)}

        def ours_to_theirs(alg=alg, key=key, files=private_files):
            for form, path in files.items():
                for i in range(ROUNDS):
                    payload = json.dumps({"round": i, "form": form}).encode()
                    token = tool.run("sign", alg, path, stdin=payload)
                    expect(peer_verify(token, key, alg) == payload, "another payload came back")

        def theirs_to_ours(alg=alg, key=key, files=public_files):
            for form, path in files.items():
                for i in range(ROUNDS):
                    payload = json.dumps({"round": i, "form": form}).encode()
                    token = peer_sign(payload, key, alg)
                    expect(tool.run("verify", alg, path, stdin=token) == payload, "another payload came back")

        def altered(alg=alg, key=key, path=public_files["JWK"]):
            token = peer_sign(b'{"role":"guest"}', key, alg)
            tool.run("verify", alg, path, stdin=token)
            header, payload, signature = token.split(b".")
            forged = base64url_encode(b'{"role":"admin"}').encode()
            tool.refuses("verify", alg, path, stdin=b".".join([header, forged, signature]))
            half = base64.urlsafe_b64decode(signature + b"==")[:-1]
            short = base64url_encode(half).encode()
            tool.refuses("verify", alg, path, stdin=b".".join([header, payload, short]))

        suite.case(f"{alg} signed here verifies there", ours_to_theirs)
        suite.case(f"{alg} signed there verifies here", theirs_to_ours)
        suite.case(f"{alg} altered is refused", altered)


def confusion_cases(suite, tool):
    ec521 = jwk.JWK.generate(kty="EC", crv="P-521")
    rsa = jwk.JWK.generate(kty="RSA", size=2048)

    def es512():
        path = tool.file(ec521.export_public())
        tool.refuses("verify", "ES512", path, stdin=peer_sign(b"{}", ec521, "ES512"))

    def hmac_with_public_key():
        public_pem = rsa.export_to_pem()
        secret = jwk.JWK(kty="oct", k=base64url_encode(public_pem))
        token = peer_sign(b"{}", secret, "HS256")
        path = tool.file(public_pem)
        tool.refuses("verify", "HS256", path, stdin=token)
        tool.refuses("verify", "RS256", path, stdin=token)

    def none():
        token = base64url_encode('{"alg":"none"}') + "." + base64url_encode("{}") + "."
        path = tool.file(rsa.export_public())
        tool.refuses("verify", "none", path, stdin=token.encode())
        tool.refuses("verify", "RS256", path, stdin=token.encode())

    suite.case("ES512 is refused", es512)
    suite.case("HS256 under a public key's text is refused", hmac_with_public_key)
    suite.case("alg none is refused", none)


def encryption_cases(suite, tool):
    for name, (alg, how) in ENCRYPTIONS.items():
        key = jwk.JWK.generate(**how)
        public_file = tool.file(tee_key(key, alg))
        private_files = {"JWK": tool.file(key.export_private()), "PEM": tool.file(pems(key)[0])}

        def ours_to_theirs(alg=alg, key=key, path=public_file):
            for size, plaintext in PLAINTEXTS.items():
                text = tool.run("encrypt", path, stdin=plaintext)
                expect(peer_decrypt(text, key, alg) == plaintext, f"{size}: another plaintext")
            for _ in range(ROUNDS):
                text = tool.run("encrypt", path, stdin=b"again")
                expect(peer_decrypt(text, key, alg) == b"again", "another plaintext")

        def theirs_to_ours(alg=alg, key=key, files=private_files):
            for form, path in files.items():
                for size, plaintext in PLAINTEXTS.items():
                    text = json.dumps(peer_encrypt(plaintext, key, alg)).encode()
                    expect(tool.run("decrypt", path, stdin=text) == plaintext, f"{size}, {form}: another plaintext")
                for _ in range(ROUNDS):
                    text = json.dumps(peer_encrypt(b"again", key, alg)).encode()
                    expect(tool.run("decrypt", path, stdin=text) == b"again", f"{form}: another plaintext")

        def altered(alg=alg, key=key, path=private_files["JWK"]):
            good = peer_encrypt(b"this is a test secret", key, alg)
            tool.run("decrypt", path, stdin=json.dumps(good).encode())
            for member in ("encrypted_key", "iv", "ciphertext", "tag"):
                raw = bytearray(base64.urlsafe_b64decode(good[member] + "=="))
                raw[len(raw) // 2] ^= 1
                bad = {**good, member: base64url_encode(bytes(raw))}
                tool.refuses("decrypt", path, stdin=json.dumps(bad).encode())

        suite.case(f"{name} encrypted here opens there", ours_to_theirs)
        suite.case(f"{name} encrypted there opens here", theirs_to_ours)
        suite.case(f"{name} altered is refused", altered)


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    suite = Suite()
    with tempfile.TemporaryDirectory() as folder:
        tool = Tool(os.path.abspath(sys.argv[1]), folder)
        signature_cases(suite, tool)
        confusion_cases(suite, tool)
        encryption_cases(suite, tool)
    print(f"{suite.passed} passed, {suite.failed} failed, {suite.skipped} skipped")
    return 0 if suite.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
