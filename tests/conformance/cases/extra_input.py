"""Beyond the list: hostile input below the level of the protocol: JSON, HTTP, compression, odd bodies."""

import gzip
import json
import socket
import zlib

import http1
import jose
from guest import Guest
from harness import MALFORMED, SECRET, UNTRUSTED, case

REQUEST = {"version": "0.4.0", "tee": "sample", "extra-params": ""}


def alive(t):
    t.status(t.s.request("GET", "/healthz"), 200)


@case("EXT-100", "ALLOW")
def hostile_json(t):
    """Depth, duplicates, trailing bytes, broken UTF-8, numbers no double holds: refused as malformed."""
    good = jose.compact(REQUEST)
    deep = '{"version":"0.4.0","tee":"sample","extra-params":' + "[" * 100000 + "]" * 100000 + "}"
    bad = [
        good + "x", good + good, good[:-1], good[:-1] + ',"tee":"sample"}', good.replace('"', "'"),
        good.replace("sample", "sam\x00ple"), deep, "[" * 1000000, '{"version":' * 50000, '"' * 1000,
        good.replace('"sample"', "1"), good.replace('"sample"', "null"), good.replace('"0.4.0"', "0.4"),
        "\ufeff" + good, good.replace('""', "1e999"), good.replace('""', "NaN"), good.replace('""', "01"),
        good.replace('""', '"\\ud800"'), good.replace('""', '"\\x41"'),
    ]
    for body in bad + [good.encode().replace(b"sample", b"\xc3\x28"), good.encode("utf-16")]:
        data = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
        t.error(t.s.request("POST", "auth", body=data), "AttestationError", MALFORMED)
    alive(t)


@case("EXT-101", "ALLOW")
def hostile_attestations(t):
    """Members missing, of the wrong type, repeated: malformed, and the session is still good afterwards."""
    guest = Guest(t.s)
    t.status(guest.auth(), 200)
    body = guest.attestation()
    for outer in list(body):
        for value in (None, 1, "x", [], {}):
            changed = {**body, outer: value}
            response = guest.attest(changed)
            t.true(response.status in ((400, 401) if t.precise else (401,)), f"{outer}={value!r}: got {response}")
            t.shape(response)
    for key in ({}, [], "x", 1, None, {**guest.jwk, "x": 1}, {**guest.jwk, "kty": "XX"}):
        changed = json.loads(json.dumps(body))
        changed["runtime-data"]["tee-pubkey"] = key
        response = guest.attest(changed)
        t.true(response.status in ((400, 401) if t.precise else (401,)), f"tee-pubkey={key!r}: got {response}")
    odd = ({}, {"svn": 1, "report_data": "x"}, {"svn": "1"}, {"svn": "1", "report_data": "!"})
    for evidence in (None, 1, "x", [], *odd):
        changed = json.loads(json.dumps(body))
        changed["tee-evidence"]["primary_evidence"] = evidence
        response = guest.attest(changed)
        t.true(response.status in ((400, 401) if t.precise else (401,)), f"evidence={evidence!r}: got {response}")
    t.status(guest.attest(body), 200)


def init_data(t, body):
    guest = Guest(t.s)
    t.status(guest.auth(), 200)
    return guest.attest({"init-data": body, **guest.attestation()})


@case("EXT-102", "ALLOW")
def hostile_init_data(t):
    table = 'version = "0.1.0"\n[data]\n'
    bad = ["", "x", table, 'algorithm = "md5"\n' + table, 'algorithm = "sha-384"\n' + table,
           'algorithm = "SHA384"\n' + table, 'algorithm = "sha384"\nversion = "0.1.0"\n',
           'algorithm = "sha384"\n[data]\n', 'algorithm = "sha384"\nversion = "0.1.0"\n[data]\nx = 1\n',
           'algorithm = "sha384"\nalgorithm = "sha384"\n' + table, "a = [" * 20000, "\x00"]
    for text in bad:
        response = init_data(t, {"format": "toml", "body": text})
        t.error(response, "AttestationError", MALFORMED if response.status == 400 else UNTRUSTED)
    for body in (1, "x", [], {}, {"format": "toml"}, {"body": "x"}, {"format": 1, "body": "x"}):
        response = init_data(t, body)
        t.error(response, "AttestationError", MALFORMED if response.status == 400 else UNTRUSTED)
    alive(t)


@case("EXT-103", "ALLOW")
def gzip_body(t):
    """A compressed body is what it inflates to."""
    packed = gzip.compress(b"stored through gzip, read back plain")
    guest = t.guest()
    response = t.s.as_admin("POST", "resource/default/key/gzip", packed, {"Content-Encoding": "gzip"})
    t.status(response, 200)
    t.eq(guest.fetch("default/key/gzip"), b"stored through gzip, read back plain", "resource")
    body = gzip.compress(jose.compact(REQUEST).encode())
    t.status(t.s.request("POST", "auth", {"Content-Encoding": "gzip"}, body), 200)


@case("EXT-104", "ALLOW")
def gzip_bomb(t):
    """The limit is on what comes out: 1 GiB of zeros in 1 MiB is 413, at once and without the memory."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    chunk = bytes(1 << 20)
    bomb = b"".join(squeeze.compress(chunk) for _ in range(1024)) + squeeze.flush()
    response = t.s.as_admin("POST", "resource/default/key/bomb", bomb, {"Content-Encoding": "gzip"})
    t.status(response, 413)
    t.true(response.seconds < 5, f"took {response.seconds:.1f} s")
    just_over = gzip.compress(bytes(2097153))
    t.status(t.s.as_admin("POST", "resource/default/key/bomb", just_over, {"Content-Encoding": "gzip"}), 413)
    at_limit = gzip.compress(bytes(2097152))
    t.status(t.s.as_admin("POST", "resource/default/key/large", at_limit, {"Content-Encoding": "gzip"}), 200)
    alive(t)


@case("EXT-105", "ALLOW")
def broken_gzip(t):
    """Cut, altered, not gzip at all, or an encoding we do not have: refused, nothing stored."""
    packed = bytearray(gzip.compress(SECRET * 100))
    bad = [(bytes(packed[:-9]), "gzip"), (b"not gzip", "gzip"), (bytes(packed), "lzma"), (bytes(packed), "gzip, gzip")]
    packed[-5] ^= 1
    bad.append((bytes(packed), "gzip"))
    for number, (body, encoding) in enumerate(bad):
        path = f"broken/gzip/{number}"
        response = t.s.as_admin("POST", f"resource/{path}", body, {"Content-Encoding": encoding})
        t.true(response.status in (400, 401, 415), f"{encoding} {number}: got {response}")
    page = t.status(t.s.as_admin("GET", "resource?prefix=broken/"), 200).json()
    t.eq(page["resources"], [], "stored")


def raw(t, data, shut=False):
    """Status of the answer to these bytes; None when the connection is closed without one."""
    with t.s.connect() as connection:
        try:
            connection.sock.sendall(data)
            if shut:
                connection.sock.shutdown(socket.SHUT_WR)
            return connection.read_response().status
        except (http1.ProtocolError, BrokenPipeError, ConnectionResetError):
            return None


@case("EXT-106", "ALLOW")
def hostile_http(t):
    """Requests that are none, or that two readers could understand differently, are refused or dropped."""
    host = b"Host: x\r\n"
    body = jose.compact(REQUEST).encode()
    length = b"Content-Length: %d\r\n" % len(body)
    bad = [
        b"\r\n\r\n\r\n", b"GET\r\n\r\n", b"GET /healthz\r\n\r\n", b"GET /healthz HTTP/9.9\r\n" + host + b"\r\n",
        b"GET /healthz HTTP/1.1\r\nHost x\r\n\r\n", b"GET /health z HTTP/1.1\r\n" + host + b"\r\n",
        b"GET /healthz HTTP/1.1\r\n" + host + b"Bad Header: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + host + b"X : y\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + host + b"X: a\x00b\r\n\r\n",
        b"POST /kbs/v0/auth HTTP/1.1\r\n" + host + b"Content-Length: x\r\n\r\n",
        b"POST /kbs/v0/auth HTTP/1.1\r\n" + host + b"Content-Length: -1\r\n\r\n",
        b"POST /kbs/v0/auth HTTP/1.1\r\n" + host + b"Content-Length: 99999999999999999999\r\n\r\n",
        b"POST /kbs/v0/auth HTTP/1.1\r\n" + host + length + b"Content-Length: 1\r\n\r\n" + body,
        b"POST /kbs/v0/auth HTTP/1.1\r\n" + host + length + b"Transfer-Encoding: chunked\r\n\r\n" + body,
        b"POST /kbs/v0/auth HTTP/1.1\r\n" + host + b"Transfer-Encoding: xchunked\r\n\r\n" + body,
        b"POST /kbs/v0/auth HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"POST /kbs/v0/auth HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    ]
    for data in bad:
        status = raw(t, data, shut=True)
        t.true(status in (None, 400, 413, 431, 501, 505), f"{data[:60]!r}: got {status}")
    alive(t)


@case("EXT-107", "ALLOW")
def chunked_body(t):
    body = jose.compact(REQUEST).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:5], body[5:])) + b"0\r\n\r\n"
    head = b"POST /kbs/v0/auth HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    t.eq(raw(t, head + chunks), 200, "status")
    endless = b"".join(b"%x\r\n%s\r\n" % (1 << 16, bytes(1 << 16)) for _ in range(33)) + b"0\r\n\r\n"
    t.true(raw(t, head + endless) in (413, None), "over the limit in chunks")


@case("EXT-108", "ALLOW")
def large_heads(t):
    """A token may be long; a head over 128 KiB or 96 lines is 431, one value holds 65,533 bytes (§0.1)."""
    t.prepared()
    wide = {"Authorization": "Bearer " + "a" * 60000}
    t.error(t.s.request("GET", "resource/default/key/1", wide), "TokenVerifierError", UNTRUSTED)
    t.status(t.s.request("GET", "/healthz", {"X": "a" * 140000}), 431)
    t.status(t.s.request("GET", "/healthz", [(f"X-{n}", "y") for n in range(90)]), 200)
    t.status(t.s.request("GET", "/healthz", [(f"X-{n}", "y") for n in range(200)]), 431)
    alive(t)


@case("EXT-109", "ALLOW")
def pipelining_and_keep_alive(t):
    """Many requests on one connection, also sent at once, are answered in their order."""
    with t.s.connect() as connection:
        for _ in range(50):
            t.status(connection.request("GET", "/healthz"), 200)
        get = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
        connection.sock.sendall(get % b"/healthz" + get % b"/kbs/v1" + get % b"/healthz")
        t.eq([connection.read_response().status for _ in range(3)], [200, 404, 200], "statuses")


@case("EXT-110", "ALLOW")
def expect_continue(t):
    """curl sends this with bodies over 1 KiB."""
    body = bytes(3000)
    with t.s.connect() as connection:
        response = connection.request("POST", "/kbs/v0/resource/default/key/continue",
                                      {**t.s.admin, "Expect": "100-continue"}, body)
    t.status(response, 200)


@case("EXT-111", "ALLOW")
def unknown_methods(t):
    for method in ("OPTIONS", "TRACE", "CONNECT", "BREW", "get", "M-SEARCH", "PROPFIND"):
        response = t.s.request(method, "/kbs/v0/resource/default/key/1")
        # CONNECT asks for an authority, not for a path: there is nothing of that name either.
        wanted = (400, 404, 405, 501) if method == "CONNECT" else (400, 405, 501)
        t.true(response.status in wanted, f"{method}: got {response}")
    alive(t)


@case("EXT-112", "ALLOW")
def precise_answers_tell_causes_not_secrets(t):
    """No answer repeats what it was sent: neither token, nor cookie, nor value."""
    marker = "marker-0123456789abcdef-marker"
    t.prepared()
    answers = [
        t.s.request("GET", "resource/default/key/1", {"Authorization": f"Bearer {marker}"}),
        t.s.request("GET", "resource/default/key/1", {"Cookie": f"kbs-session-id={marker}"}),
        t.s.request("POST", "attest", {"Cookie": f"kbs-session-id={marker}"}, marker.encode()),
        t.s.request("POST", "auth", body=marker.encode()),
        t.s.as_admin("POST", "resource/a", marker.encode()),
        t.s.as_admin("POST", "reference-value", marker.encode()),
    ]
    for answer in answers:
        t.true(400 <= answer.status < 500, f"got {answer}")
        t.true(marker.encode() not in answer.body, f"the answer repeats what was sent: {answer}")
