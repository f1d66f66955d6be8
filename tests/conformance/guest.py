"""A guest written from the protocol's description: handshake, report data, sample evidence, opening answers."""

import hashlib
import json

from cryptography.hazmat.primitives.asymmetric import ec, rsa

import jose

RSA_KEYS = {}


def rsa_key(name="shared"):
    """RSA keys take long to make: one per name and run."""
    if name not in RSA_KEYS:
        RSA_KEYS[name] = rsa.generate_private_key(65537, 2048)
    return RSA_KEYS[name]


def canonical(value):
    """RFC 8785 for what occurs here: objects and strings. Member names are ASCII, so plain sorting is right."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def report_data(nonce, jwk, additional=None, digest="sha384", encode=canonical):
    """Base64 of the hash that binds nonce and key; `additional` is None for devices."""
    data = {"nonce": nonce, "tee-pubkey": jwk}
    if additional is not None:
        data["additional-evidence"] = additional
    return jose.b64(hashlib.new(digest, encode(data)).digest())


def device_evidence(nonce, jwk, svn="2"):
    """`additional_evidence` with one sampledevice, as guests send it."""
    return jose.compact({"sampledevice": {"svn": svn, "report_data": report_data(nonce, jwk)}})


class Guest:
    """One TEE: a key, a session, a token. `server` is anything with `request(method, path, headers, body)`."""

    def __init__(self, server, kind="P-256", alg=None, tee="sample", key=None):
        self.server, self.tee = server, tee
        if key is None:
            key = rsa_key() if kind == "RSA" else ec.generate_private_key(jose.CURVES[kind][0])
        self.key = key
        default = "RSA-OAEP-256" if kind == "RSA" else "ECDH-ES+A256KW"
        self.jwk = jose.public_jwk(self.key, alg or default)
        self.nonce = self.cookie = self.token = self.expires = None

    def headers(self):
        return {"Cookie": f"kbs-session-id={self.cookie}"} if self.cookie else {}

    def remember(self, response):
        value, attributes = response.cookie()
        if value:
            self.cookie, self.expires = value, attributes.get("expires")
            self.server.secret(value)

    def auth(self, extra="", version="0.4.0"):
        body = {"version": version, "tee": self.tee, "extra-params": extra}
        response = self.server.request("POST", "auth", body=jose.compact(body).encode())
        if response.status == 200:
            self.nonce = response.json()["nonce"]
            self.remember(response)
        return response

    def attestation(self, additional="", svn="1", digest="sha384", encode=canonical):
        """A correct Attestation for this session, as a value to be changed by tests."""
        report = report_data(self.nonce, self.jwk, additional, digest, encode)
        return {
            "runtime-data": {"nonce": self.nonce, "tee-pubkey": dict(self.jwk)},
            "tee-evidence": {"primary_evidence": {"svn": svn, "report_data": report},
                             "additional_evidence": additional},
        }

    def attest(self, body=None, cookie=True):
        """Sends `body` (default: a correct Attestation). A token that comes back is kept."""
        if body is None:
            body = self.attestation()
        data = body if isinstance(body, bytes) else jose.compact(body).encode()
        response = self.server.request("POST", "attest", self.headers() if cookie else {}, data)
        if response.status == 200:
            self.token = response.json()["token"]
            self.server.secret(self.token)
            self.remember(response)
        return response

    def handshake(self, additional="", device=False):
        """auth and attest; raises when either is refused."""
        answer = self.auth()
        if answer.status == 200:
            if device:
                additional = device_evidence(self.nonce, self.jwk)
            answer = self.attest(self.attestation(additional))
        if answer.status != 200:
            raise AssertionError(f"handshake refused: {answer}")
        return self

    def claims(self):
        return jose.claims_of(self.token)

    def get(self, path="default/key/1", method="GET"):
        """The resource by cookie."""
        return self.server.request(method, f"resource/{path}", self.headers())

    def get_bearer(self, path="default/key/1", token=None):
        return bearer(self.server, token or self.token, path)

    def open(self, response):
        """Plaintext of a JWE answer; anything else is an error."""
        if response.status != 200:
            raise AssertionError(f"expected 200, got {response}")
        return jose.jwe_open(self.key, response.json())

    def fetch(self, path="default/key/1"):
        return self.open(self.get(path))


def bearer(server, token, path="default/key/1"):
    return server.request("GET", f"resource/{path}", {"Authorization": f"Bearer {token}"})
