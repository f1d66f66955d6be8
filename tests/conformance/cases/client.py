"""Section 10, and what of sections 3 and 6 concerns the client: the real kbs-client against a scripted server."""

import base64
import json
import os
import tempfile

import jose
import vectors
from harness import PD, SECRET, case
from scripted import Kbs, Scripted, error, server_tls

B64_LINE = jose.b64(SECRET).encode() + b"\n"
ADMIN_TOKEN = "header.payload.signature-of-a-test"
NEVER_ON_STDERR = (ADMIN_TOKEN.encode(), Kbs.COOKIE.encode(), vectors.TOKEN.encode()[-40:], SECRET, B64_LINE.strip())


class Desk:
    """A working directory with files for one run of the client."""

    def __init__(self, t):
        self.t = t
        self.path = t.lane.directory("client")
        self.count = 0

    def file(self, name, data):
        path = os.path.join(self.path, name)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        return path

    def run(self, *args, url=None, env=None, timeout=30, stdin=b""):
        """Runs kbs-client here; HOME is here, too."""
        before = ["--url", url] if url else []
        command = [self.t.lane.run.client, *before, *args]
        env = {"HOME": self.path, "RUST_LOG": "debug", **(env or {})}
        result = self.t.run(command, timeout, self.path, env, stdin)
        for secret in NEVER_ON_STDERR:
            self.t.true(secret not in result.stderr, f"a secret is on stderr: {secret[:16]!r}…")
        return result

    def config(self, url, *args, **kwargs):
        """A `config` command with a token file."""
        token = self.file("admin-token", ADMIN_TOKEN + "\n")
        return self.run("config", "--admin-token-file", token, *args, url=url, **kwargs)


def good(t, result, stdout=None):
    t.eq(result.returncode, 0, f"exit status (stderr {result.stderr[-300:]!r})")
    if stdout is not None:
        t.eq(result.stdout, stdout, "stdout")


def bad(t, result, *parts, status=1):
    t.eq(result.returncode, status, f"exit status (stderr {result.stderr[-300:]!r})")
    for part in parts:
        t.contains(result.stderr.decode("utf-8", "replace"), part, "stderr")


def reason(t, result, start, status=1):
    """stderr has a line `Error: <start>…`."""
    bad(t, result, status=status)
    lines = result.stderr.decode("utf-8", "replace").splitlines()
    t.true(any(line.startswith("Error: " + start) for line in lines), f"no `Error: {start}` in {lines[-5:]}")


def ok(seen):
    return 200, {}, b""


def refusal(t, trustee, precise, name, detail="scripted"):
    return error(precise if t.precise else trustee, name, detail)


@case("C-01")
def get_resource(t):
    script = Kbs()
    with Scripted(script) as kbs:
        good(t, Desk(t).run("get-resource", "--path", "default/key/1", url=kbs.url), B64_LINE)
    resource = "GET /kbs/v0/resource/default/key/1"
    t.eq(kbs.paths(), [resource, "POST /kbs/v0/auth", "POST /kbs/v0/attest", resource], "requests")
    t.eq([script.has_cookie(seen) for seen in kbs.requests], [False, False, True, True], "cookie sent")


@case("C-03")
def not_found(t):
    with Scripted(lambda seen: error(404, "PluginInternalError")) as kbs:
        result = Desk(t).run("get-resource", "--path", "default/key/1", url=kbs.url)
    reason(t, result, "KBS resource not found")
    t.eq(len(kbs.requests), 1, "requests")
    t.eq(result.stdout, b"", "stdout")


@case("C-05", waits=True)
def five_attempts(t):
    with Scripted(lambda seen: refusal(t, 401, 503, "AttestationError")) as kbs:
        result = Desk(t).run("attest", url=kbs.url)
    reason(t, result, "RCAR handshake failed: Unable to get token. RCAR handshake retried 5 times.")
    t.eq(kbs.paths(), ["POST /kbs/v0/auth"] * 5, "requests")
    times = [seen.at for seen in kbs.requests]
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    t.true(all(0.8 < gap < 4 for gap in gaps), f"gaps {gaps} are not about 1 s")


@case("C-06")
def auth_body(t):
    with Scripted(Kbs()) as kbs:
        good(t, Desk(t).run("attest", url=kbs.url), vectors.TOKEN.encode() + b"\n")
    body = kbs.requests[0].json()
    t.eq(body["version"], "0.4.0", "version")
    t.eq(body["tee"], "sample", "tee")
    want = {"supported-hash-algorithms": ["sha256", "sha384", "sha512", "sm3"]}
    t.eq(body["extra-params"], want, "extra-params")


def report(seen):
    return base64.b64decode(seen.json()["tee-evidence"]["primary_evidence"]["report_data"], validate=True)


@case("C-07")
def selected_hash(t):
    with Scripted(Kbs(extra_params={"selected-hash-algorithm": "SHA512"})) as kbs:
        good(t, Desk(t).run("attest", "--tee-key-file", key_file(Desk(t), P256), url=kbs.url))
    t.eq(report(kbs.requests[-1]).hex(), vectors.PRIMARY_SHA512, "report data")


@case("C-09")
def cookie_path(t):
    """The scripted cookie has no Path; RFC 6265 makes it /kbs/v0 then, which covers attest and resource."""
    script = Kbs()
    with Scripted(script) as kbs:
        good(t, Desk(t).run("get-resource", "--path", "a/b/c", url=kbs.url))
    sent = {seen.path for seen in kbs.requests if script.has_cookie(seen)}
    t.eq(sent, {"/kbs/v0/attest", "/kbs/v0/resource/a/b/c"}, "paths that got the cookie")


@case("C-10")
def set_resource(t):
    desk, value = Desk(t), bytes(range(256))
    with Scripted(ok) as kbs:
        result = desk.config(kbs.url, "set-resource", "--path", "default/key/1", "--resource-file",
                             desk.file("value", value))
    good(t, result, b"Set resource success \n resource: " + jose.b64(value).encode() + b"\n")
    t.eq(kbs.paths(), ["POST /kbs/v0/resource/default/key/1"], "requests")
    seen = kbs.requests[0]
    t.eq(seen.body, value, "body")
    t.eq(seen.headers.get("Content-Type"), "application/octet-stream", "Content-Type")
    t.eq(seen.headers.get("Authorization"), f"Bearer {ADMIN_TOKEN}", "Authorization")
    t.eq(seen.headers.get("User-Agent"), "kbs-client/0.1.0", "User-Agent")


@case("C-11")
def set_resource_policy(t):
    desk, text = Desk(t), PD + "# \u00ff~?>\n"
    with Scripted(ok) as kbs:
        result = desk.config(kbs.url, "set-resource-policy", "--policy-file", desk.file("policy.rego", text))
    good(t, result, b"Set resource policy success \n policy: " + jose.b64(text).encode() + b"\n")
    t.eq(kbs.paths(), ["POST /kbs/v0/resource-policy"], "requests")
    t.eq(kbs.requests[0].json(), {"policy": jose.b64u(text)}, "body")
    t.true("json" in kbs.requests[0].headers.get("Content-Type", ""), "Content-Type is not JSON")


@case("C-12")
def set_attestation_policy(t):
    desk = Desk(t)
    with Scripted(ok) as kbs:
        result = desk.config(kbs.url, "set-attestation-policy", "--policy-file", desk.file("policy.rego", PD))
    good(t, result, b"Set attestation policy success \n policy: " + jose.b64(PD).encode() + b"\n")
    want = {"type": "rego", "policy_id": "default_cpu", "policy": jose.b64u(PD)}
    t.eq(kbs.requests[0].json(), want, "body")


def value_of(t, *args):
    """What set-sample-reference-value puts into the payload."""
    with Scripted(ok) as kbs:
        good(t, Desk(t).config(kbs.url, "set-sample-reference-value", *args), b"Reference Values Updated\n")
    t.eq(kbs.paths(), ["POST /kbs/v0/reference-value"], "requests")
    body = kbs.requests[0].json()
    t.eq((body["version"], body["type"]), ("0.1.0", "sample"), "version and type")
    return json.loads(base64.b64decode(body["payload"], validate=True))


@case("C-13")
def set_reference_value(t):
    t.eq(value_of(t, "n", "5", "--as-integer", "--as-single-value"), {"n": 5}, "payload")
    t.eq(value_of(t, "n", "5"), {"n": ["5"]}, "payload")
    t.eq(value_of(t, "n", "true", "--as-bool"), {"n": [True]}, "payload")


@case("C-15")
def integer_or_bool(t):
    with Scripted(ok) as kbs:
        bad(t, Desk(t).config(kbs.url, "set-sample-reference-value", "n", "5", "--as-integer", "--as-bool"), status=2)
    t.eq(kbs.requests, [], "requests")


@case("C-16")
def get_reference_value(t):
    with Scripted(lambda seen: (200, {}, b'["a"]')) as kbs:
        good(t, Desk(t).config(kbs.url, "get-reference-value", "--id", "x"), b'"[\\"a\\"]"\n')
    t.eq(kbs.paths(), ["GET /kbs/v0/reference-value/x"], "requests")


@case("C-17")
def config_refused(t):
    with Scripted(lambda seen: refusal(t, 401, 403, "AdminAuthAccess")) as kbs:
        result = Desk(t).config(kbs.url, "set-resource-policy", "--deny-all")
    bad(t, result, "Request Failed, Response: ")


@case("C-18")
def no_token_file(t):
    with Scripted(ok) as kbs:
        result = Desk(t).run("config", "set-resource-policy", "--deny-all", url=kbs.url)
    good(t, result)
    t.eq(kbs.requests[0].headers.get("Authorization"), None, "Authorization")
    t.contains(result.stderr.decode(), "Failed to read: kbs/config/docker-compose/admin-token", "stderr")
    t.contains(result.stderr.decode().lower(), "warn", "stderr")


@case("C-21")
def no_policy_named(t):
    with Scripted(ok) as kbs:
        bad(t, Desk(t).config(kbs.url, "set-resource-policy"), "No policy specified")
    t.eq(kbs.requests, [], "requests")


@case("C-22")
def exact_output(t):
    for secret in (b"", b"\n", bytes(range(256)) * 5):
        with Scripted(Kbs(secret)) as kbs:
            result = Desk(t).run("get-resource", "--path", "default/key/1", url=kbs.url)
        good(t, result, jose.b64(secret).encode() + b"\n")


@case("C-23")
def config_alone(t):
    bad(t, Desk(t).run("config"), "set-resource", status=2)


@case("C-24")
def private_ca(t):
    authority, desk = t.material.authority, Desk(t)
    root = desk.file("root.pem", authority.root.pem)
    with Scripted(Kbs(), server_tls(desk.path, authority.tls)) as kbs:
        good(t, desk.run("--cert-file", root, "get-resource", "--path", "default/key/1", url=kbs.url), B64_LINE)
        count = len(kbs.requests)
        bad(t, desk.run("get-resource", "--path", "default/key/1", url=kbs.url))
        t.eq(len(kbs.requests), count, "requests reached a server that is not trusted")


# ---- T-15, J-10, J-19, J-21: the vectors, as the client computes and opens them ----

P256 = jose.ec_private("P-256", vectors.GUEST_D)
P521 = jose.ec_private("P-521", vectors.P521_D)
RSA = jose.rsa_private(vectors.RSA_N, vectors.RSA_D)


def key_file(desk, key):
    desk.count += 1
    return desk.file(f"tee-{desk.count}.pem", jose.private_pem(key))


@case("T-15", lane="client")
def report_data_vectors(t):
    desk = Desk(t)
    rows = (({}, vectors.PRIMARY_SHA384), ({"ENABLE_SAMPLE_DEVICE": "1"}, vectors.PRIMARY_WITH_DEVICE_SHA384))
    for env, want in rows:
        with Scripted(Kbs()) as kbs:
            good(t, desk.run("attest", "--tee-key-file", key_file(desk, P256), url=kbs.url, env=env))
        t.eq(kbs.requests[-1].json()["runtime-data"]["tee-pubkey"], vectors.GUEST_JWK, "tee-pubkey")
        t.eq(report(kbs.requests[-1]).hex(), want, "report data of the CPU")
    devices = json.loads(kbs.requests[-1].json()["tee-evidence"]["additional_evidence"])
    data = base64.b64decode(devices["sampledevice"]["report_data"])
    t.eq(data.hex(), vectors.DEVICE_SHA384, "report data of the device")


def opened(t, key, jwe=None, order=None):
    """The client gets this answer for this key."""
    desk, script = Desk(t), Kbs()
    script.jwe, script.order = jwe, order
    with Scripted(script) as kbs:
        return desk.run("get-resource", "--path", "default/key/1", "--tee-key-file", key_file(desk, key), url=kbs.url)


@case("J-19", lane="client")
def printed_answers(t):
    for key, jwe in ((P256, vectors.JWE_P256), (P521, vectors.JWE_P521), (RSA, vectors.JWE_OAEP),
                     (RSA, vectors.JWE_RSA15)):
        good(t, opened(t, key, jwe), B64_LINE)


@case("J-21", lane="client")
def received_text_is_authenticated(t):
    good(t, opened(t, P256, order=["enc", "epk", "alg"]), B64_LINE)


@case("EXT-60", lane="client")
def altered_answers(t):
    """The client opens nothing that was changed on the way, and prints nothing of it."""
    for name in ("protected", "encrypted_key", "iv", "ciphertext", "tag"):
        raw = bytearray(jose.unb64u(vectors.JWE_P256[name]))
        raw[-1] ^= 1
        result = opened(t, P256, {**vectors.JWE_P256, name: jose.b64u(bytes(raw))})
        reason(t, result, "decrypt KBS response body failed: ")
        t.eq(result.stdout, b"", "stdout")
    for jwe in ({}, [], {**vectors.JWE_P256, "tag": 1}, "text", {**vectors.JWE_P256, "iv": "===="}):
        result = opened(t, P256, jwe or {"x": "y"})
        bad(t, result)
        t.eq(result.stdout, b"", "stdout")


@case("EXT-61", lane="client")
def passport(t):
    """get-resource with a token: bearer instead of a handshake; the key is needed."""
    desk, script = Desk(t), Kbs()
    script.jwe = vectors.JWE_P256
    token = desk.file("token", vectors.TOKEN + "\n")
    with Scripted(script) as kbs:
        result = desk.run("get-resource", "--path", "default/key/1", "--attestation-token", token, "--tee-key-file",
                          key_file(desk, P256), url=kbs.url)
        good(t, result, B64_LINE)
        t.eq(kbs.paths(), ["GET /kbs/v0/resource/default/key/1"], "requests")
        t.eq(kbs.requests[0].headers.get("Authorization"), f"Bearer {vectors.TOKEN}", "Authorization")
        result = desk.run("get-resource", "--path", "default/key/1", "--attestation-token", token, url=kbs.url)
        bad(t, result, "--tee")


@case("EXT-62", lane="client")
def silent_temporary_directory(t):
    """The client leaves nothing behind: no file of the resource, no cache."""
    desk = Desk(t)
    with tempfile.TemporaryDirectory() as elsewhere, Scripted(Kbs()) as kbs:
        good(t, desk.run("get-resource", "--path", "a/b/c", url=kbs.url, env={"TMPDIR": elsewhere}))
        t.eq(os.listdir(elsewhere), [], "temporary files")
    t.eq([name for name in os.listdir(desk.path) if not name.endswith(".log")], [], "files left")
