"""Section 5: resources."""

import os
import secrets

import jose
from guest import Guest
from harness import (ABSENT, BAD_PATH_READ, DENIED, MALFORMED, PA, PUT_RESOURCE, SECRET, UNTRUSTED, case)

FAILED = "Plugin internal error"
ALL_BYTES = bytes(range(256))
FLAT = r"default\x2Fkey\x2F1"


def stored(t, response):
    t.empty(response)
    t.true(response.header("content-type", "").startswith("text/xml"), "Content-Type is not text/xml")


def malformed(t, path, body=SECRET):
    response = t.s.as_admin("POST", f"resource/{path}", body)
    t.error(response, "PluginInternalError", MALFORMED, FAILED)


@case("R-01", "ALLOW")
def post(t):
    stored(t, t.s.as_admin("POST", "resource/default/key/1", SECRET))


@case("R-02", "ALLOW")
def post_again(t):
    guest = t.guest()
    t.put("default/key/again", b"the first value of it")
    t.put("default/key/again", b"the second value of it")
    t.eq(guest.fetch("default/key/again"), b"the second value of it", "resource")


@case("R-03", "ALLOW")
def delete(t):
    guest = t.guest()
    t.put("default/key/gone", SECRET)
    stored(t, t.s.as_admin("DELETE", "resource/default/key/gone"))
    t.error(guest.get("default/key/gone"), "PluginInternalError", ABSENT, FAILED)


@case("R-05", "ALLOW")
def get(t):
    guest = t.guest()
    response = t.status(guest.get(), 200)
    t.true(response.header("content-type", "").startswith("application/json"), "Content-Type is not JSON")
    t.eq(guest.open(response), SECRET, "resource")


@case("R-06", "ALLOW")
def missing(t):
    t.error(t.guest().get("default/key/nosuch"), "PluginInternalError", ABSENT, FAILED)


@case("R-07", "ALLOW")
def before_attest(t):
    t.prepared()
    guest = Guest(t.s)
    t.status(guest.auth(), 200)
    t.error(guest.get(), "TokenNotFound", UNTRUSTED, "Attestation Token not found")


@case("R-09", "ALLOW")
def unknown_cookie_and_bearer(t):
    guest = t.guest()
    headers = {"Cookie": f"kbs-session-id={secrets.token_hex(16)}", "Authorization": f"Bearer {guest.token}"}
    t.eq(guest.open(t.s.request("GET", "resource/default/key/1", headers)), SECRET, "resource")


@case("R-10", "ALLOW")
def no_cookie_on_answers(t):
    t.eq(t.status(t.guest().get(), 200).all("set-cookie"), [], "Set-Cookie")


@case("R-11", "ALLOW")
def two_segments(t):
    malformed(t, "a/b")


@case("R-12", "ALLOW")
def four_segments(t):
    malformed(t, "a/b/c/d")


def round_trip(t, path, value=SECRET):
    guest = t.guest()
    t.put(path, value)
    t.eq(guest.fetch(path), value, path)


@case("R-14", "ALLOW")
def dots_inside(t):
    round_trip(t, "1.ok/2ok./3...")


@case("R-15", "ALLOW")
def dashes_and_underscores(t):
    round_trip(t, "123--_default/1Abff-_/___-afds44BC")


@case("R-16", "ALLOW")
def space(t):
    malformed(t, "a%20b/c/d")


@case("R-18", "ALLOW")
def encoded_underscore(t):
    guest = t.guest()
    t.put("my%5Frepo/t/x", b"reached by both names")
    t.eq(guest.fetch("my_repo/t/x"), b"reached by both names", "resource")


@case("R-19", "ALLOW")
def encoded_slash(t):
    guest = t.guest()
    t.put("a%2Fb/c", b"decoded before the split")
    t.eq(guest.fetch("a/b/c"), b"decoded before the split", "resource")


@case("R-21", "ALLOW")
def not_ascii(t):
    malformed(t, "%C3%A9/b/c")
    response = t.s.as_admin("POST", "resource/\u00e9/b/c", SECRET)
    t.empty(response, 400)


@case("R-23", "ALLOW")
def gate_before_path(t):
    for path in ("resource/a", "resource/../../x", "resource/a/b/c/d"):
        t.error(t.s.request("GET", path), "TokenNotFound", UNTRUSTED)


@case("R-25", "DENY")
def gate_before_path_for_admins(t):
    t.error(t.s.as_admin("POST", "resource/bad", SECRET), "AdminAuthInitialization", DENIED)


@case("R-27", "ALLOW")
def every_byte(t):
    round_trip(t, "default/key/bytes", ALL_BYTES)


@case("R-28", "ALLOW")
def put_anonymous(t):
    """The reference runs the token gate first; answering 405 straight away tells a stranger nothing either."""
    response = t.s.request("PUT", "resource/a/b/c", body=SECRET)
    if t.precise and response.status == 405:
        t.shape(response)
    else:
        t.error(response, "TokenNotFound", UNTRUSTED)


@case("R-29", "ALLOW")
def put_attested(t):
    guest = t.guest()
    response = t.s.request("PUT", "resource/a/b/c", guest.headers(), SECRET)
    t.error(response, "PluginInternalError", PUT_RESOURCE, FAILED)


@case("R-30", "ALLOW")
def query(t):
    guest = t.guest()
    t.eq(guest.fetch("default/key/1?x=y"), SECRET, "resource")


def store(t, server):
    return os.path.join(server.directory, "store", "repository")


@case("R-31", "LOCALFS", own=True)
def file_name(t):
    t.prepared()
    with open(os.path.join(store(t, t.s), FLAT), "rb") as file:
        t.eq(file.read(), SECRET, "content of the file")


@case("R-32", "LOCALFS", own=True)
def restart(t):
    server = t.prepared()
    server.restart()
    guest = Guest(server).handshake()
    t.set_policy(PA)
    t.eq(guest.fetch(), SECRET, "resource")


@case("R-33", "LOCALFS", own=True)
def placed_by_hand(t):
    guest = t.guest()
    value = b"placed by hand, not by POST"
    t.s.secret(value)
    with open(os.path.join(store(t, t.s), r"hand\x2Fkey\x2Fone"), "wb") as file:
        file.write(value)
    t.eq(guest.fetch("hand/key/one"), value, "resource")


@case("R-34", "ALLOW")
def write_counter(t):
    """Existing resources only (§0.1): the resource is there before."""
    t.prepared()
    name, labels = "kbs_resource_writes_total", '{resource_path="default/key/1"}'
    before = t.metric(name, labels)
    t.put("default/key/1", SECRET)
    t.eq(t.metric(name, labels) - before, 1, "rise of the counter")


@case("EXT-20", "ALLOW")
def path_tricks(t):
    """Nothing but three plain segments names a resource: not by dots, not by encodings, not by length."""
    guest = t.guest()
    tricks = [
        "../../etc/passwd", "a/../c", "a/./c", "./a/b", "a/b/..", "a/b/.", "a/b/.hidden", ".a/b/c", "a/.b/c",
        "%2e%2e/%2e%2e/etc", "a/%2e%2e/c", "a/b/%2e", "%2e%2e%2f%2e%2e%2fetc", "a/%252e%252e/c", "a%252Fb/c",
        "a/b/c%00", "a/b%00/c", "a/b/c%0a", "a/b/c%0D%0A", "a/b/c%20", "%20a/b/c", "a%5cb/c/d", "a/b%5c..%5cc/d",
        "a/b/%c0%ae%c0%ae", "%c0%af/b/c", "a/b/%ff", "a/b/%e0%80%af", "%ed%a0%80/b/c", "a/b/c%", "a/b/c%2", "a/b/c%zz",
        "/a/b/c", "a//b/c", "a/b/c/", "a/b/", "//", "", "a", "a/b/c%2F", "%2Fa/b/c", "a/b/c%3Fx", "a/b/c%23x", "a/b/*",
        "a/b/c;x=1", "a/b/~c", "a/b/c:d", "a/b/c\\d", "a/b/\"c\"", "a/b/$c", "a/b/c+d", "a/b/c@d",
    ]
    for path in tricks:
        posted = t.s.as_admin("POST", f"resource/{path}", SECRET)
        t.true(posted.status in ((400, 404, 405) if t.precise else (400, 401)), f"POST {path!r}: got {posted}")
        got = guest.get(path)
        t.true(got.status in ((400, 404) if t.precise else (400, 401)), f"GET {path!r}: got {got}")
    t.eq(t.status(t.s.request("GET", "/healthz"), 200).body, b"", "healthz")


@case("EXT-21", "TREE", own=True)
def very_long_segments(t):
    """A name no file can have is answered, not crashed on, and nothing is stored under another."""
    guest = t.guest()
    for length in (256, 300, 4096, 60000):
        for path in (f"{'a' * length}/b/c", f"a/b/{'c' * length}"):
            response = t.s.as_admin("POST", f"resource/{path}", SECRET)
            t.true(400 <= response.status < 504, f"POST with {length} characters: got {response}")
            t.shape(response)
            t.error(guest.get(path), "PluginInternalError", BAD_PATH_READ)
    names = [name for _, folders, files in os.walk(os.path.join(t.s.directory, "repository")) for name in
             folders + files if len(name) > 200]
    t.eq(names, [], "long names in the repository")


@case("EXT-22", "ALLOW")
def empty_resource(t):
    round_trip(t, "default/key/empty", b"")


@case("EXT-23", "ALLOW")
def large_resource(t):
    round_trip(t, "default/key/large", secrets.token_bytes(1945600))


@case("EXT-24", "ALLOW")
def absolute_form(t):
    """A target in absolute form names the same resource (RFC 9112 §3.2.2)."""
    guest = t.guest()
    response = t.s.request("GET", f"/kbs/v0/resource/default/key/1?{'q' * 10}", guest.headers())
    t.eq(guest.open(response), SECRET, "resource")
    with t.s.connect() as connection:
        target = f"http://127.0.0.1:{t.s.port}/kbs/v0/resource/default/key/1"
        response = connection.request("GET", target, guest.headers())
    t.true(response.status in (200, 400, 404), f"absolute form: got {response}")
    if response.status == 200:
        t.eq(guest.open(response), SECRET, "resource")


@case("EXT-25", "ALLOW")
def listing(t):
    """GET /kbs/v0/resource lists for admins: names and sizes, page by page, never a value."""
    for tag in ("one", "two", "three"):
        t.put(f"listed/key/{tag}", b"value not to be listed")
    response = t.status(t.s.as_admin("GET", "resource?prefix=listed/"), 200)
    t.true(b"value not" not in response.body and jose.b64(b"value not").encode() not in response.body, "value listed")
    page = response.json()
    t.eq(sorted(entry["path"] for entry in page["resources"]),
         ["listed/key/one", "listed/key/three", "listed/key/two"], "paths")
    t.true(all(entry.get("size") == 22 for entry in page["resources"]), f"sizes: {page}")
    t.true("next" in page, "no `next`")
    seen, cursor = [], ""
    for _ in range(10):
        page = t.status(t.s.as_admin("GET", f"resource?prefix=listed/&limit=2{cursor}"), 200).json()
        t.true(len(page["resources"]) <= 2, "limit is not kept")
        seen += [entry["path"] for entry in page["resources"]]
        if not page["next"]:
            break
        cursor = f"&cursor={page['next']}"
    t.eq(sorted(seen), ["listed/key/one", "listed/key/three", "listed/key/two"], "paths over the pages")


@case("EXT-26", "DENY")
def listing_is_for_admins(t):
    """Neither a stranger nor a guest is told names."""
    t.true(t.s.request("GET", "resource").status in (401, 403), "a stranger may list")
    guest = Guest(t.s).handshake()
    response = t.s.request("GET", "resource?prefix=", guest.headers())
    t.true(response.status in (400, 401, 403, 404), f"a guest may list: {response}")
