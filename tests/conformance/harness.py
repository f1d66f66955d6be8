"""Cases, what they may ask for, and how an answer is judged in the two error modes (conformance-cases.md §0.1)."""

import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass

import fixtures
import guest
import jose
import servers

ERRORS = "https://github.com/confidential-containers/kbs/errors/"
SECRET = b"this is a test secret"

PA = 'package policy\n\ndefault allow := false\n\nallow if data.plugin == "resource"\n'
PD = "package policy\n\ndefault allow := false\n"
P0 = """package policy

default allow := false

from_sample if {
	input.submods.cpu0["ear.veraison.annotated-evidence"].sample
}

allow if {
	data.plugin == "resource"
	not from_sample
}
"""


class Skip(Exception):
    """The case could not be tried here, though it applies; the text says why."""


class NotApplicable(Exception):
    """The server does not offer what the case is about; the text says why."""


@dataclass(frozen=True)
class Kind:
    """A row of the table in §0.1: the status in each mode (several where the table leaves a choice)."""

    trustee: int
    precise: tuple


MALFORMED = Kind(401, (400,))
BAD_PATH_READ = Kind(401, (400, 404))
UNTRUSTED = Kind(401, (401,))          # session, nonce, evidence, token, admin token
EVIDENCE_BODY = Kind(401, (400, 401))  # evidence that is malformed rather than wrong: either reading is right
TEE_KEY = Kind(401, (400,))
DENIED = Kind(401, (403,))
DENIED_OR_STALE = Kind(401, (401, 403))
POLICY_BROKEN = Kind(401, (500,))
ABSENT = Kind(401, (404,))
NO_PLUGIN = Kind(404, (404,))
FOREIGN_METHOD = Kind(404, (405,))
PUT_RESOURCE = Kind(401, (405,))


@dataclass(frozen=True)
class Case:
    id: str
    fixture: str
    run: object
    lane: str
    own: bool     # starts its own processes: cannot be pointed at a foreign server
    waits: bool   # mostly sleeps: gets a thread of its own
    alone: bool   # measures: runs when nothing else does


CASES = []


def case(id, fixture=None, lane=None, own=False, waits=False, alone=False):
    """Registers a case. Cases of one lane and mode run one after the other and share the lane's servers."""

    def register(function):
        name = lane or function.__module__.rpartition(".")[2]
        CASES.append(Case(id, fixture, function, name, own, waits, alone))
        return function

    return register


def not_applicable(id, reason):
    def listed(t):
        raise NotApplicable(reason)

    CASES.append(Case(id, None, listed, "routing", False, False, False))


class Lane:
    """Servers of one lane and mode, started when first asked for and stopped at the end."""

    def __init__(self, run, name, mode):
        self.run, self.name, self.mode = run, name, mode
        self.servers, self.all = {}, []
        self.lock = threading.Lock()

    def directory(self, name):
        with self.lock:
            path = os.path.join(self.run.directory, self.mode, self.name, f"{len(os.listdir(self.base()))}-{name}")
            os.makedirs(path)
        return path

    def base(self):
        path = os.path.join(self.run.directory, self.mode, self.name)
        os.makedirs(path, exist_ok=True)
        return path

    def make(self, fixture):
        """A server of `fixture` of its own, started."""
        directory = self.directory(fixture)
        builder = fixtures.Builder(directory, self.mode, self.run.material)
        text = getattr(builder, fixture)()
        return self.launch(directory, text, builder)

    def launch(self, directory, text, builder=None, suffix="toml"):
        server = servers.Server(
            self.run.kbs, directory, text, builder and builder.tls, builder and builder.admin, suffix,
            builder and builder.env)
        server.restore_signals = builder is None or builder.restore_signals
        for value in builder.secrets if builder else ():
            server.secret(value)
        self.all.append(server)
        try:
            return server.start()
        except servers.StartError:
            server.process = None  # it has ended, as the caller may have wanted
            raise

    def shared(self, fixture):
        if self.run.foreign:
            return self.run.foreign
        if fixture not in self.servers or not self.servers[fixture].alive():
            self.servers[fixture] = self.make(fixture)
        return self.servers[fixture]

    def close(self):
        """Stops every server; returns (leaks, crashes) as texts."""
        leaks, crashes = [], []
        for server in self.all:
            status = server.stop()
            where = os.path.relpath(server.directory, self.run.directory)
            if status not in (None, 0):
                crashes.append(f"{where}: exit status {status}")
            for name, data in server.logs():
                leaks += [f"{where}/{name}: {needle[:24]!r}…" for needle in server.leaks.found_in(data)[:3]]
                for word in (b"AddressSanitizer", b"runtime error:", b"ThreadSanitizer", b"LeakSanitizer"):
                    if word in data:
                        crashes.append(f"{where}/{name}: {word.decode()}")
        return leaks, crashes


class Test:
    """What a case gets: servers, guests, and judgement."""

    def __init__(self, lane, fixture):
        self.lane, self.mode, self.fixture = lane, lane.mode, fixture
        self.precise = lane.mode == "precise"
        self.material = lane.run.material

    @property
    def s(self):
        """The lane's server of the case's fixture."""
        return self.lane.shared(self.fixture)

    def server(self, fixture):
        return self.lane.shared(fixture)

    def fresh(self, fixture):
        return self.lane.make(fixture)

    # -- set-up --

    def set_policy(self, policy, server=None):
        """SP(policy), which must succeed."""
        server = server or self.s
        response = self.post_policy(policy, server)
        self.status(response, 200)
        server.policy, server.changed = policy, time.time()
        return response

    def post_policy(self, policy, server=None, **kwargs):
        body = jose.compact({"policy": jose.b64u(policy)}).encode()
        return (server or self.s).as_admin("POST", "resource-policy", body, **kwargs)

    def put(self, path, value, server=None):
        """Stores `value`, which must succeed."""
        response = (server or self.s).as_admin("POST", f"resource/{path}", value)
        self.status(response, 200)
        return response

    def prepared(self, server=None, policy=PA):
        """The server with the policy and the resource that §0 supposes."""
        server = server or self.s
        if server.policy != policy:
            self.set_policy(policy, server)
        if not server.ready:
            self.put("default/key/1", SECRET, server)
            server.ready = True
        return server

    def guest(self, kind="P-256", server=None, policy=PA, **kwargs):
        """HS on a prepared server."""
        server = self.prepared(server, policy)
        return guest.Guest(server, kind, **kwargs).handshake()

    def settle(self, server=None):
        """Waits until a token issued now is later than the last change of a policy, in whole seconds."""
        if self.precise:
            time.sleep(max(0.0, int((server or self.s).changed) + 1.05 - time.time()))

    def settled_guest(self, policy, server=None):
        """A guest attested after `policy` came into force: in precise mode its denial is final."""
        server = self.prepared(server, policy)
        self.settle(server)
        return guest.Guest(server).handshake()

    # -- judgement --

    def fail(self, message):
        raise AssertionError(message)

    def true(self, value, message):
        if not value:
            self.fail(message)

    def eq(self, got, want, what="value"):
        if got != want:
            self.fail(f"{what}: expected {shorten(want)}, got {shorten(got)}")

    def contains(self, text, part, what="text"):
        if part not in text:
            self.fail(f"{what}: expected to contain {shorten(part)}, got {shorten(text)}")

    def status(self, response, *wanted):
        if response.status not in wanted:
            self.fail(f"expected status {' or '.join(map(str, wanted))}, got {response}")
        return response

    def empty(self, response, status=200):
        self.status(response, status)
        self.eq(response.body, b"", "body")

    def shape(self, response):
        """The body is exactly {type, detail}; returns (name, detail)."""
        try:
            body = json.loads(response.body)
        except ValueError:
            self.fail(f"expected the JSON error, got {response}")
        self.eq(sorted(body) if isinstance(body, dict) else body, ["detail", "type"], "members of the error")
        self.true(body["type"].startswith(ERRORS) and body["type"] != ERRORS, f"error type {body['type']!r}")
        self.true(isinstance(body["detail"], str), "detail is not a string")
        return body["type"][len(ERRORS):], body["detail"]

    def error(self, response, name, kind=UNTRUSTED, detail=None, starts=None, has=None, ends=None):
        """The JSON error: status, name and detail of the reference in trustee mode, status by `kind` in precise."""
        wanted = kind.precise if self.precise else (kind.trustee,)
        self.status(response, *wanted)
        got_name, got = self.shape(response)
        if self.precise:
            return
        self.eq(got_name, name, "error type")
        if detail is not None:
            self.eq(got, detail, "detail")
        if starts is not None and not got.startswith(starts):
            self.fail(f"detail: expected to start with {starts!r}, got {got!r}")
        if ends is not None and not got.endswith(ends):
            self.fail(f"detail: expected to end with {ends!r}, got {got!r}")
        if has is not None:
            self.contains(got, has, "detail")

    def refuses(self, text, *parts, suffix="toml", status=None):
        """A server with this configuration must not start, and say why (every one of `parts`)."""
        directory = self.lane.directory("refused")
        try:
            self.lane.launch(directory, text, None, suffix)
        except servers.StartError as refused:
            self.true(refused.status > 0, f"ended by signal {refused.status}: {refused.text[-300:]}")
            self.true(refused.text.strip(), "refused to start without a word")
            for part in parts:
                self.contains(refused.text, part, "what the server said")
            return refused.text
        self.fail("expected the server to refuse to start; it started")

    def metric(self, name, labels="", server=None):
        """Value of one sample of /metrics; 0 when absent."""
        text = (server or self.s).request("GET", "/metrics").body.decode()
        wanted = f"{name}{labels} "
        return sum(float(line[len(wanted):]) for line in text.splitlines() if line.startswith(wanted))

    def run(self, args, timeout=30, cwd=None, env=None, stdin=b""):
        """Runs a program to its end; output as bytes."""
        return subprocess.run(
            args, input=stdin, capture_output=True, timeout=timeout, cwd=cwd, check=False,
            env=servers.environment(**(env or {})))


def shorten(value, limit=300):
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "…"
