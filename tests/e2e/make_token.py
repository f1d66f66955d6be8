#!/usr/bin/env python3
"""make_token.py KEY.pem CHAIN.pem CLAIMS.json: an ES256 attestation token with x5c, made with openssl alone.

A maker of tokens that shares no code with the server, for tests of what the server believes.
"""
import base64
import json
import re
import subprocess
import sys


def b64u(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def public_coordinates(key):
    der = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], check=True,
                         stdout=subprocess.PIPE).stdout
    point = der[-65:]  # an uncompressed P-256 point ends the SubjectPublicKeyInfo
    assert point[0] == 4, "not an uncompressed P-256 key"
    return b64u(point[1:33]), b64u(point[33:])


def raw_signature(der):
    """r and s of an ECDSA-Sig-Value (SEQUENCE of two INTEGERs), 32 bytes each."""
    assert der[0] == 0x30
    numbers, at = [], 2
    for _ in range(2):
        assert der[at] == 2
        size = der[at + 1]
        numbers.append(int.from_bytes(der[at + 2:at + 2 + size], "big").to_bytes(32, "big"))
        at += 2 + size
    return b"".join(numbers)


def main():
    key, chain, claims = sys.argv[1:]
    x, y = public_coordinates(key)
    pem = open(chain, encoding="ascii").read()
    x5c = ["".join(block.split()) for block in
           re.findall(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", pem, re.S)]
    header = {"typ": "JWT", "alg": "ES256",
              "jwk": {"alg": "ES256", "x5c": x5c, "kty": "EC", "crv": "P-256", "x": x, "y": y}}
    text = json.load(open(claims, encoding="utf-8"))
    signing_input = b64u(json.dumps(header).encode()) + "." + b64u(json.dumps(text).encode())
    der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=signing_input.encode(), check=True,
                         stdout=subprocess.PIPE).stdout
    print(signing_input + "." + b64u(raw_signature(der)))


if __name__ == "__main__":
    main()
