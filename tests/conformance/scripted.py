"""A KBS that says what the script says: what the client sends is recorded, what it gets is chosen by the case."""

import email.utils
import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jose
import vectors

ERRORS = "https://github.com/confidential-containers/kbs/errors/"


def error(status, name, detail="scripted"):
    """An answer of that kind: (status, headers, body)."""
    body = json.dumps({"type": ERRORS + name, "detail": detail}, separators=(",", ":"))
    return status, {}, body.encode()


@dataclass
class Seen:
    method: str
    path: str
    headers: object
    body: bytes
    at: float = field(default_factory=time.monotonic)

    def json(self):
        return json.loads(self.body)


class Scripted:
    """`answer(seen)` decides; use as a context manager. `requests` holds everything that came in."""

    def __init__(self, answer, tls=None):
        self.requests, outer = [], self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20

            def serve(self):
                length = int(self.headers.get("Content-Length") or 0)
                seen = Seen(self.command, self.path, self.headers, self.rfile.read(length))
                outer.requests.append(seen)
                status, headers, body = answer(seen)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = do_PUT = serve

            def log_message(self, *_):
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that hangs up or does not trust us is part of the script

        self.server = Quiet(("127.0.0.1", 0), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def paths(self):
        return [f"{seen.method} {seen.path}" for seen in self.requests]


def server_tls(directory, identity):
    """Context of a TLS server that presents `identity`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    key, chain = f"{directory}/scripted.key", f"{directory}/scripted.pem"
    for path, data in ((key, identity.key_pem), (chain, identity.pem)):
        with open(path, "wb") as file:
            file.write(data)
    context.load_cert_chain(chain, key)
    return context


class Kbs:
    """The usual script: challenge, token, resource sealed to the key of the attestation."""

    COOKIE = "0123456789abcdef0123456789abcdef"

    def __init__(self, secret=b"this is a test secret", extra_params="", denied=401):
        self.secret, self.extra_params, self.denied = secret, extra_params, denied
        self.jwk = None
        self.order = None       # of the JWE header's members
        self.jwe = None         # a fixed answer instead

    def __call__(self, seen):
        route = seen.path.split("?")[0].removeprefix("/kbs/v0/")
        if route == "auth":
            body = json.dumps({"nonce": vectors.NONCE, "extra-params": self.extra_params}).encode()
            expires = email.utils.formatdate(time.time() + 300, usegmt=True)
            cookie = f"kbs-session-id={self.COOKIE}; Expires={expires}"
            return 200, {"Content-Type": "application/json", "Set-Cookie": cookie}, body
        if not self.has_cookie(seen) and not seen.headers.get("Authorization"):
            return error(self.denied, "TokenNotFound", "Attestation Token not found")
        if route == "attest":
            self.jwk = seen.json()["runtime-data"]["tee-pubkey"]
            return 200, {"Content-Type": "application/json"}, json.dumps({"token": vectors.TOKEN}).encode()
        return 200, {"Content-Type": "application/json"}, jose.compact(self.answer()).encode()

    def has_cookie(self, seen):
        return f"kbs-session-id={self.COOKIE}" in (seen.headers.get("Cookie") or "")

    def answer(self):
        return self.jwe or jose.jwe_seal(self.jwk, self.secret, self.order)
