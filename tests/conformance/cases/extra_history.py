"""Beyond the list: versions, conditions, expiry, mounts, and the administrators' routes for them."""

import json
import os
import secrets
import time

import jose
from fixtures import FIXED, admin_token, bearer
from harness import ABSENT, DENIED, MALFORMED, Kind, case

from .client import Desk, bad, good

CONFLICT = Kind(401, (409,))
UNSUPPORTED = Kind(401, (405,))


def fresh(repository="main"):
    return f"{repository}/key/{secrets.token_hex(6)}"


def write(t, path, value, headers=(), query=""):
    t.s.secret(value)
    return t.s.as_admin("POST", f"resource/{path}{query}", value, headers)


def put(t, path, value):
    """The version it got."""
    tag = t.status(write(t, path, value), 200).header("etag")
    t.true(tag and tag[0] == tag[-1] == '"', f"ETag {tag!r}")
    return tag[1:-1]


def admin(t, method, path, operation, body=None):
    data = jose.compact(body).encode() if isinstance(body, dict) else body
    return t.s.as_admin(method, f"admin/resources/{path}/{operation}", data)


def versions(t, path):
    """[(version, size, current)], newest first."""
    page = t.status(admin(t, "GET", path, "versions"), 200).json()
    t.eq(page["path"], path, "path")
    return [(entry["version"], entry["size"], entry["current"]) for entry in page["versions"]]


def refused(t, response, kind, name):
    """`name` is what precise mode calls it; the reference has one name for all of them."""
    t.error(response, "PluginInternalError", kind)
    if t.precise:
        t.eq(t.shape(response)[0], name, "error type")


@case("EXT-180", "MOUNTS", own=True)
def versions_are_listed(t):
    """Ids, sizes, times, types, ends of life; by pages; and no byte of a value."""
    path = fresh()
    first = put(t, path, b"the first value")
    response = write(t, path, b"the second value!", {"Content-Type": "text/plain"},
                     "?not_after=2099-01-02T03:04:05%2B01:00")
    second = t.status(response, 200).header("etag").strip('"')
    response = t.status(admin(t, "GET", path, "versions"), 200)
    t.true(b"value" not in response.body, "a value is in the list")
    newest, oldest = response.json()["versions"]
    t.eq((newest["version"], newest["size"], newest["current"]), (second, 17, True), "newest")
    t.eq((newest["content_type"], newest["not_after"]), ("text/plain", "2099-01-02T02:04:05Z"), "newest")
    t.eq((oldest["version"], oldest["size"], oldest["current"], oldest["not_after"]), (first, 15, False, None), "oldest")
    page = t.status(admin(t, "GET", path, "versions?limit=1"), 200).json()
    t.eq([entry["version"] for entry in page["versions"]], [second], "first page")
    page = t.status(admin(t, "GET", path, f"versions?limit=1&cursor={page['next']}"), 200).json()
    t.eq([entry["version"] for entry in page["versions"]], [first], "second page")
    t.eq(page["next"], None, "end")
    refused(t, admin(t, "GET", fresh(), "versions"), ABSENT, "ResourceNotFound")
    refused(t, admin(t, "GET", fresh("brief"), "versions"), UNSUPPORTED, "MethodNotAllowed")


@case("EXT-181", "MOUNTS", own=True)
def roll_back(t):
    """The earlier value is current again, as a new version; the answer shows no value."""
    for repository in ("main", "sealed"):
        path = fresh(repository)
        first = put(t, path, b"rolled back to")
        second = put(t, path, b"rolled back from")
        response = t.status(admin(t, "POST", path, "rollback", {"version": first}), 200)
        third = response.json()["version"]
        t.true(third not in (first, second), "no new version")
        t.eq(response.header("etag"), f'"{third}"', "ETag")
        t.true(b"rolled" not in response.body, "the value came along")
        t.eq(t.guest().fetch(path), b"rolled back to", "resource")
        t.eq([version for version, _, _ in versions(t, path)], [third, second, first], "versions")
        refused(t, admin(t, "POST", path, "rollback", {"version": "no-such"}), ABSENT, "ResourceNotFound")
        t.eq(t.guest().fetch(path), b"rolled back to", "resource after a refusal")


@case("EXT-182", "MOUNTS", own=True)
def destroy(t):
    """An earlier version goes for good, the current one does not; `all` takes everything."""
    path = fresh()
    first, second = put(t, path, b"to be destroyed"), put(t, path, b"to be kept")
    refused(t, admin(t, "POST", path, "destroy", {"version": second}), CONFLICT, "Conflict")
    t.status(admin(t, "POST", path, "destroy", {"version": first}), 200)
    t.eq(versions(t, path), [(second, 10, True)], "versions")
    refused(t, admin(t, "POST", path, "rollback", {"version": first}), ABSENT, "ResourceNotFound")
    t.status(admin(t, "POST", path, "destroy", {"all": True}), 200)
    refused(t, admin(t, "GET", path, "versions"), ABSENT, "ResourceNotFound")


@case("EXT-183", "MOUNTS", own=True)
def delete_and_undelete(t):
    """DELETE destroys with history; where the mount keeps, it comes back, and may be destroyed for good."""
    path = fresh()
    put(t, path, b"gone for good")
    t.status(t.s.as_admin("DELETE", f"resource/{path}"), 200)
    refused(t, admin(t, "POST", path, "undelete"), ABSENT, "ResourceNotFound")
    path = fresh("kept")
    put(t, path, b"an earlier one")
    newest = put(t, path, b"back again")
    refused(t, admin(t, "POST", path, "undelete"), CONFLICT, "Conflict")
    t.status(t.s.as_admin("DELETE", f"resource/{path}"), 200)
    refused(t, t.guest().get(path), ABSENT, "ResourceNotFound")
    listed = t.status(t.s.as_admin("GET", f"resource?prefix={path}"), 200).json()["resources"]
    t.eq(listed, [], "listing")
    refused(t, t.s.as_admin("DELETE", f"resource/{path}"), ABSENT, "ResourceNotFound")
    t.eq([current for _, _, current in versions(t, path)], [False, False], "current")
    t.eq(t.status(admin(t, "POST", path, "undelete", b"{}"), 200).json()["version"], newest, "version")
    t.eq(t.guest().fetch(path), b"back again", "resource")
    t.status(t.s.as_admin("DELETE", f"resource/{path}"), 200)
    t.status(admin(t, "POST", path, "destroy", {"all": True}), 200)
    refused(t, admin(t, "POST", path, "undelete"), ABSENT, "ResourceNotFound")


@case("EXT-184", "MOUNTS", own=True)
def bad_instructions(t):
    """What the routes do not understand they refuse, and nothing has changed."""
    path = fresh()
    version = put(t, path, b"untouched by slips")
    for operation, bodies in {
        "rollback": (b"", b"{}", b"[]", b"x", {"version": ""}, {"version": 1}, {"all": True},
                     {"version": version, "x": 1}, b'{"version":"a","version":"b"}', {"version": "x" * 1000}),
        "destroy": (b"", b"{}", {"all": False}, {"all": "yes"}, {"all": True, "version": version}, b"\xff"),
        "undelete": ({"version": version}, {"all": True}, b"now"),
    }.items():
        for body in bodies:
            t.error(admin(t, "POST", path, operation, body), "SerdeError", MALFORMED)
    t.eq(versions(t, path), [(version, 18, True)], "versions")


@case("EXT-185", "MOUNTS", own=True)
def guests_and_versions(t):
    """A rotated secret is not fetched again, unless the mount says so; trustee mode looks at no query."""
    guest = t.guest()
    path = fresh()
    old, new = put(t, path, b"a rotated secret"), put(t, path, b"the secret of today")
    t.eq(guest.open(guest.get(f"{path}?version={new}")), b"the secret of today", "current by name")
    if t.precise:
        for version in (old, "no-such", "%00"):
            t.error(guest.get(f"{path}?version={version}"), "PolicyDeny", DENIED)
    else:
        t.eq(guest.open(guest.get(f"{path}?version={old}")), b"the secret of today", "query ignored")
    path = fresh("history")
    old, new = put(t, path, b"an old version"), put(t, path, b"a new version")
    t.eq(guest.open(guest.get(f"{path}?version={old}")), b"an old version", "granted")
    t.eq(guest.open(guest.get(f"{path}?version={new}")), b"a new version", "granted")
    t.eq(guest.open(guest.get(f"{path}?version=")), b"a new version", "empty")
    refused(t, guest.get(f"{path}?version=no-such"), ABSENT, "ResourceNotFound")


@case("EXT-186", "MOUNTS", own=True, waits=True)
def expiry(t):
    """`not_after` ends a value's life; one in the past or no time at all is refused."""
    path = fresh()
    for text in ("2001-01-01T00:00:00Z", "tomorrow", "", "2099-01-01", "2099-01-01T00:00:00+02:00"):
        response = write(t, path, b"never stored", query=f"?not_after={text}")
        refused(t, response, MALFORMED, "InvalidRequestPath")
    refused(t, t.s.as_admin("DELETE", f"resource/{path}"), ABSENT, "ResourceNotFound")
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    guest = t.guest()
    for repository in ("main", "sealed"):
        path = fresh(repository)
        t.status(write(t, path, b"short-lived", query=f"?not_after={soon}"), 200)
        t.eq(guest.fetch(path), b"short-lived", "before")
    time.sleep(4.5)
    refused(t, guest.get(path), ABSENT, "ResourceNotFound")
    t.eq([current for _, _, current in versions(t, path)], [False], "current")


@case("EXT-187", "MOUNTS", own=True)
def conditions(t):
    """If-Match: one version, one of several, any; If-None-Match: *; what is none of these is refused."""
    path = fresh()
    refused(t, write(t, path, b"not made", {"If-Match": "*"}), CONFLICT, "Conflict")
    first = put(t, path, b"the first of them")
    second = t.status(write(t, path, b"second", {"If-Match": "*"}), 200).header("etag").strip('"')
    refused(t, write(t, path, b"third", {"If-Match": f'"{first}", "other"'}), CONFLICT, "Conflict")
    response = write(t, path, b"the third", {"If-Match": f'"other", "{second}"'})
    third = t.status(response, 200).header("etag").strip('"')
    for headers in ({"If-Match": ""}, {"If-Match": f'W/"{third}"'}, {"If-Match": '"open'},
                    {"If-None-Match": f'"{third}"'}, {"If-Match": "*", "If-None-Match": "*"}):
        refused(t, write(t, path, b"not stored", headers), MALFORMED, "InvalidRequestPath")
    t.eq(t.guest().fetch(path), b"the third", "resource")
    delete = f"resource/{path}"
    refused(t, t.s.as_admin("DELETE", delete, headers={"If-Match": f'"{second}"'}), CONFLICT, "Conflict")
    t.status(t.s.as_admin("DELETE", delete, headers={"If-Match": f'"{second}", "{third}"'}), 200)
    refused(t, t.s.as_admin("DELETE", delete, headers={"If-Match": "*"}), ABSENT, "ResourceNotFound")


@case("EXT-188", "MOUNTS", own=True)
def metadata(t):
    """HEAD in precise mode: version, size, time, end of life."""
    path = fresh()
    version = t.status(write(t, path, b"twelve bytes", query="?not_after=2099-01-01T00:00:00Z"), 200).header("etag")
    response = t.s.as_admin("HEAD", f"resource/{path}")
    if not t.precise:
        t.status(response, 405)
        return
    t.empty(response)
    t.eq(response.header("etag"), version, "ETag")
    t.eq(response.header("x-resource-size"), "12", "size")
    t.eq(response.header("x-resource-not-after"), "2099-01-01T00:00:00Z", "end of life")
    t.status(t.s.as_admin("HEAD", f"resource/{fresh()}"), 404)


@case("EXT-189", "MOUNTS", own=True)
def read_only(t):
    """Guests read it; nobody writes it, and the answer says why."""
    guest = t.guest()
    t.s.secret(FIXED)
    t.eq(guest.fetch("fixed/key/1"), FIXED, "resource")
    for response in (write(t, "fixed/key/1", b"overwritten"), write(t, "fixed/key/2", b"made anew"),
                     t.s.as_admin("DELETE", "resource/fixed/key/1"),
                     admin(t, "POST", "fixed/key/1", "undelete"),
                     admin(t, "POST", "fixed/key/1", "destroy", {"all": True}),
                     admin(t, "POST", "fixed/key/1", "rollback", {"version": "1"})):
        if t.precise:
            t.true(response.status in (404, 405), f"got {response}")
            t.shape(response)
        else:
            t.status(response, 401)
    response = write(t, "fixed/key/1", b"overwritten")
    if t.precise:
        t.contains(t.shape(response)[1], "fixed", "detail")
        t.true("POST" not in response.header("allow", ""), "Allow names what was refused")
    t.eq(guest.fetch("fixed/key/1"), FIXED, "resource")


@case("EXT-190", "MOUNTS", own=True)
def mounts_and_health(t):
    """What lives where and how it fares; no key, no path of a key, no value."""
    response = t.status(t.s.as_admin("GET", "admin/mounts"), 200)
    mounts = {mount["name"]: mount for mount in response.json()["mounts"]}
    t.eq(sorted(mounts), ["brief", "fixed", "history", "kept", "main", "sealed"], "names")
    t.eq({name: mount["repository"] for name, mount in mounts.items()},
         {name: "" if name == "main" else name for name in mounts}, "prefixes")
    t.eq([name for name in mounts if mounts[name]["read_only"]], ["fixed"], "read-only")
    t.eq([name for name in mounts if mounts[name]["encrypted"]], ["sealed"], "encrypted")
    t.eq([name for name in mounts if mounts[name]["keep_deleted"]], ["kept"], "keeps")
    t.eq([name for name in mounts if not mounts[name]["capabilities"]["versions"]], ["brief"], "without versions")
    t.eq([name for name in mounts if not mounts[name]["health"]["ready"]], [], "not ready")
    t.true(t.s.directory.encode() not in response.body, "a path of the server is in the answer")
    health = t.status(t.s.as_admin("GET", "admin/health"), 200).json()
    t.true(health["ready"] and all(part["ready"] for part in health["parts"]), f"health: {health}")
    t.true({"mount sealed", "resource policy"} <= {part["name"] for part in health["parts"]}, f"parts: {health}")


@case("EXT-191", "ACL_PATHS", own=True)
def who_may(t):
    """Only a rule that begins with ^/kbs/v0/admin opens these routes; strangers are not told what exists."""
    path = fresh()
    t.status(t.s.request("POST", f"resource/{path}", bearer(admin_token("admin")), b"a value"), 200)
    routes = [("GET", "admin/mounts"), ("GET", "admin/health"), ("GET", f"admin/resources/{path}/versions"),
              ("POST", f"admin/resources/{path}/destroy"), ("POST", f"admin/resources/{path}/rollback"),
              ("POST", f"admin/resources/{path}/undelete"), ("GET", "admin/nothing"), ("POST", "admin/mounts")]
    for method, route in routes:
        body = b'{"all":true}' if method == "POST" else None
        t.error(t.s.request(method, route, bearer(admin_token("admin")), body), "AdminAuthAccess", DENIED)
        t.error(t.s.request(method, route, {}, body), "AdminAuthAccess", Kind(401, (401,)))
    chief = bearer(admin_token("chief"))
    t.status(t.s.request("GET", "admin/mounts", chief), 200)
    t.status(t.s.request("GET", f"admin/resources/{path}/versions", chief), 200)
    t.error(t.s.request("GET", "admin/nothing", chief), "PluginNotFound", Kind(404, (404,)))
    t.error(t.s.request("POST", "admin/mounts", chief), "MethodNotAllowed" if t.precise else "PluginNotFound",
            Kind(404, (405,)))
    t.status(t.s.request("POST", f"admin/resources/{path}/destroy", chief, b'{"all":true}'), 200)


@case("EXT-192", "MOUNTS", own=True, lane="extra_client_history")
def client_commands(t):
    """The client's commands for all of this, against the real server."""
    desk, url, path = Desk(t), f"http://127.0.0.1:{t.s.port}", fresh("kept")
    value = desk.file("value", b"value of the client")
    t.s.secret(b"value of the client")

    def run(*args):
        return desk.run("config", *args, url=url)

    t.prepared()
    good(t, run("set-resource", "--path", path, "--resource-file", value, "--create-only"))
    bad(t, run("set-resource", "--path", path, "--resource-file", value, "--create-only"), "Hint: ")
    first = run("versions", "--path", path).stdout.decode().split("\t")[0]
    good(t, run("set-resource", "--path", path, "--resource-file", desk.file("other", b"the other value"),
                "--if-match", first, "--not-after", "2099-01-01T00:00:00Z"))
    t.contains(run("show-resource", "--path", path).stdout, b"expires: 2099-01-01T00:00:00Z\nversions: 2\n", "shown")
    t.contains(run("rollback", "--path", path, "--version", first).stdout, b"Rollback success \n version: ", "rollback")
    good(t, run("destroy", "--path", path, "--version", first), b"Destroy success\n")
    good(t, run("delete-resource", "--path", path))
    t.contains(run("show-resource", "--path", path).stdout, b"deleted", "shown")
    t.contains(run("undelete", "--path", path).stdout, b"Undelete success", "undelete")
    t.eq(t.guest().fetch(path), b"value of the client", "resource")
    good(t, run("destroy", "--path", path, "--all"), b"Destroy success\n")
    bad(t, run("versions", "--path", path), "Hint: ")
    t.contains(run("mounts").stdout, b"sealed\tsealed\tlocal_fs\tencrypted", "mounts")
    t.contains(run("health").stdout, b"mount main\tready\n", "health")
    document = json.loads(desk.run("--output", "json", "config", "mounts", url=url).stdout)
    t.eq(len(document["mounts"]), 6, "mounts as JSON")


@case("EXT-193", "MOUNTS", own=True, lane="extra_client_history")
def client_applies_a_manifest(t):
    """The documented manifest: a dry run, the run, the same once more, a failure in the middle."""
    desk, url, name = Desk(t), f"http://127.0.0.1:{t.s.port}", secrets.token_hex(6)
    os.makedirs(os.path.join(desk.path, "keys"))
    desk.file("keys/1.bin", b"\0\1the key of the manifest")
    t.s.secret(b"from the environment of the client")
    manifest = desk.file("manifest.yaml", f"""
reference_values:
  - {{name: {name}, value: 2, single: true}}
resource_policy:
  text: |
    package policy
    default allow := false
    allow if data.plugin == "resource"
resources:
  - {{path: main/{name}/1, file: keys/1.bin}}
  - {{path: sealed/{name}/2, value_env: KEY_2}}
  - {{path: main/{name}/3, text: only once, if: absent}}
""")

    def apply(*args):
        return desk.run("apply", "-f", manifest, *args, url=url, env={"KEY_2": "from the environment of the client"})

    result = apply("--dry-run")
    good(t, result)
    t.contains(result.stdout.decode(), f"create\tresource main/{name}/1\t", "plan")
    refused(t, t.guest().get(f"main/{name}/1"), ABSENT, "ResourceNotFound")
    bad(t, apply(), "--yes")
    good(t, apply("--yes"))
    t.s.policy = None  # the client set another
    t.eq(t.guest().fetch(f"main/{name}/1"), b"\0\1the key of the manifest", "file")
    t.eq(t.guest().fetch(f"sealed/{name}/2"), b"from the environment of the client", "environment")
    plan = apply("--dry-run").stdout.decode()
    for line in (f"unchanged\treference value {name}\t", f"replace\tresource main/{name}/1\t",
                 f"keep\tresource main/{name}/3\t"):
        t.contains(plan, line, "second plan")
    broken = desk.file("broken.yaml", f"resources:\n  - {{path: fixed/{name}/1, text: a}}\n"
                                      f"  - {{path: main/{name}/4, text: b}}\n")
    bad(t, desk.run("apply", "-f", broken, "--yes", url=url), "0 of 2 entries were written", "Hint: ")
    bad(t, desk.run("apply", "-f", broken, "--yes", "--keep-going", url=url), "1 of 2 entries were written")
