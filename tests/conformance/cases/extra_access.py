"""Beyond the list: cookies, sessions and what they must not be good for."""

import os
import secrets
import time

import fixtures
import jose
from guest import Guest
from harness import SECRET, UNTRUSTED, case
from servers import StartError


def flips(value):
    """The same length, one character changed, at several places; and cut, prolonged, and re-cased."""
    places = sorted({0, 1, len(value) // 3, len(value) // 2, 2 * len(value) // 3, len(value) - 2, len(value) - 1})
    for place in places:
        other = "A" if value[place] != "A" else "B"
        yield value[:place] + other + value[place + 1:]
    yield value[:-1]
    yield value[1:]
    yield value + "A"
    yield value[: len(value) // 2]
    if value.swapcase() != value:
        yield value.swapcase()


def refused(t, guest):
    t.error(guest.attest(), "AttestationError", UNTRUSTED, "Attestation error: RCAR handshake Attest failed")


@case("EXT-80", "ALLOW")
def altered_cookie_before_attest(t):
    guest = Guest(t.s)
    t.status(guest.auth(), 200)
    good = guest.cookie
    for cookie in flips(good):
        guest.cookie = cookie
        refused(t, guest)
    guest.cookie = good
    t.status(guest.attest(), 200)


@case("EXT-81", "ALLOW")
def altered_cookie_after_attest(t):
    guest = t.guest()
    good = guest.cookie
    for cookie in flips(good):
        guest.cookie = cookie
        t.error(guest.get(), "TokenNotFound", UNTRUSTED)
    guest.cookie = good
    t.eq(guest.fetch(), SECRET, "resource")


@case("EXT-82", "ALLOW", own=True)
def cookie_of_another_server(t):
    other = t.fresh("ALLOW")
    guest = Guest(other)
    t.status(guest.auth(), 200)
    guest.server = t.prepared()
    refused(t, guest)
    guest = Guest(other).handshake()
    guest.server = t.s
    t.error(guest.get(), "TokenNotFound", UNTRUSTED)
    refused(t, guest)


@case("EXT-83", "ALLOW")
def cookies_do_not_mix(t):
    """One session's cookie does not carry another's nonce, key or TEE."""
    first, second = Guest(t.s), Guest(t.s)
    for guest in (first, second):
        t.status(guest.auth(), 200)
    body = first.attestation()
    second_cookie, first.cookie = first.cookie, second.cookie
    t.error(first.attest(body), "AttestationError", UNTRUSTED)
    first.cookie = second_cookie
    t.status(first.attest(body), 200)


@case("EXT-84", "ALLOW")
def odd_cookie_lines(t):
    """Other cookies beside ours, several lines, junk: ours is found, and nothing breaks."""
    guest = t.guest()
    ours = f"kbs-session-id={guest.cookie}"
    good = [f"a=b; {ours}", f"{ours}; a=b", f"kbs-session-idx=1; {ours}", f"; ;{ours}"]
    for line in good:
        t.eq(guest.open(t.s.request("GET", "resource/default/key/1", {"Cookie": line})), SECRET, f"Cookie {line[:20]}")
    both = [("Cookie", "x=y"), ("Cookie", ours)]
    t.eq(guest.open(t.s.request("GET", "resource/default/key/1", both)), SECRET, "two Cookie lines")
    bad = ["kbs-session-id=", "kbs-session-id", "=", ";;;", "kbs-session-id=%00%ff", "kbs-session-id=" + "A" * 60000,
           f"KBS-SESSION-ID={guest.cookie}"]
    for line in bad:
        response = t.s.request("GET", "resource/default/key/1", {"Cookie": line})
        t.error(response, "TokenNotFound", UNTRUSTED)


@case("EXT-85", own=True)
def no_time_at_all(t):
    """`timeout = 0` lets no session live in the reference; refusing it by name is as good."""
    try:
        server = t.fresh("TIMEOUT0")
    except StartError as error:
        t.contains(error.text, "timeout", "what the server said")
        return
    guest = Guest(server)
    if guest.auth().status == 200:
        time.sleep(0.05)
        refused(t, guest)


@case("EXT-86", "TIMEOUT1", own=True, waits=True)
def session_ends(t):
    """After its minute neither the challenge nor the attested session is good; the token still is."""
    late = Guest(t.prepared())
    t.status(late.auth(), 200)
    guest = t.guest()
    t.eq(guest.fetch(), SECRET, "resource")
    time.sleep(61.5)
    refused(t, late)
    t.error(guest.get(), "TokenNotFound", UNTRUSTED)
    refused(t, guest)
    t.eq(guest.open(guest.get_bearer()), SECRET, "resource by token")


@case("EXT-87", "ALLOW")
def attested_session_repeats_its_token(t):
    """A second attest of a session, correct or not, gets the first token; no second one is made."""
    guest = t.guest()
    first = guest.token
    t.status(guest.attest(), 200)
    t.eq(guest.token, first, "token")
    body = guest.attestation(digest="sha256")
    t.status(guest.attest(body), 200)
    t.eq(guest.token, first, "token after other evidence")


@case("EXT-88", "TLS", own=True)
def cookie_attributes(t):
    """HttpOnly, SameSite and a path; Secure under TLS only."""
    for server, tls in ((t.s, True), (t.server("ALLOW"), False)):
        guest = Guest(server)
        attributes = t.status(guest.auth(), 200).cookie()[1]
        t.true("httponly" in attributes, "no HttpOnly")
        t.eq(attributes.get("samesite", "").lower(), "strict", "SameSite")
        t.eq("secure" in attributes, tls, "Secure")
        t.true("/kbs/v0/resource/a".startswith(attributes.get("path", "/kbs/v0")), "Path does not cover resources")


@case("EXT-89", "X5C", own=True)
def token_of_another_server(t):
    """A token of a server whose key nobody vouches for opens nothing here."""
    t.prepared()
    guest = Guest(t.server("ALLOW")).handshake()
    guest.server = t.s
    t.error(guest.get_bearer(), "TokenVerifierError", UNTRUSTED, "Token Verifier error")


@case("EXT-90", "LOCALFS", own=True)
def restart_forgets_strangers(t):
    """A random challenge key and sessions in memory: after a restart old cookies are unknown, nothing breaks."""
    server = t.prepared()
    waiting, attested = Guest(server), t.guest()
    t.status(waiting.auth(), 200)
    server.restart()
    t.error(waiting.attest(), "AttestationError", UNTRUSTED)
    t.error(attested.get(), "TokenNotFound", UNTRUSTED)
    names = [name for name in os.listdir(f"{server.directory}/store") if "session" in name]
    t.eq(names, [], "sessions on disk")


@case("EXT-91", own=True)
def shared_challenge_key(t):
    """Two replicas with one challenge key: what one opened the other finishes."""
    key = secrets.token_bytes(32)
    replicas = []
    for number in (1, 2):
        directory = t.lane.directory(f"replica-{number}")
        builder = fixtures.Builder(directory, t.mode, t.material)
        path = builder.file("challenge.key", key)
        replicas.append(t.lane.launch(directory, builder.config(service=f'challenge_key_file = "{path}"'), builder))
        replicas[-1].secret(key)
    guest = Guest(replicas[0])
    t.status(guest.auth(), 200)
    guest.server = replicas[1]
    t.status(guest.attest(), 200)
    t.true(jose.es256_verifies(guest.token, jose.header_of(guest.token)["jwk"]), "token does not verify")
