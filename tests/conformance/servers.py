"""Servers under test: our own processes, started per fixture, or one that already runs elsewhere."""

import base64
import json
import os
import signal
import subprocess
import time
import urllib.parse

import http1

START_SECONDS = 20
STOP_SECONDS = 15
PREFIX = "/kbs/v0/"


class StartError(AssertionError):
    """The server refused to start: exit status and what it said."""

    def __init__(self, status, text):
        super().__init__(f"server ended with status {status}: {text[-600:]}")
        self.status, self.text = status, text


def environment(**more):
    """A small environment: nothing of the caller's leaks into what is tested."""
    keep = ("PATH", "LANG", "TMPDIR", "LLVM_PROFILE_FILE")
    env = {name: os.environ[name] for name in keep if name in os.environ}
    # A sanitized build keeps freed memory for a while; bounded here, so that growth can be measured.
    env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "quarantine_size_mb=8")
    env["UBSAN_OPTIONS"] = os.environ.get("UBSAN_OPTIONS", "print_stacktrace=1")
    env.update(more)
    return env


class Leaks:
    """What must never appear in a log, in every spelling a careless line could use."""

    def __init__(self):
        self.needles = set()

    def add(self, value):
        if isinstance(value, str):
            parts = value.split(".")
            if len(parts) == 3 and len(value) > 60:  # a JWT: its header is public, the rest is not
                self.needles |= {part[-60:].encode() for part in parts[1:] if len(part) >= 20}
            elif len(value) >= 16:
                self.needles.add(value[-60:].encode())
            return
        piece = value[:48]
        if len(piece) < 12:
            return
        standard = base64.b64encode(piece).rstrip(b"=")
        if len(value) > len(piece) or len(piece) % 3:
            standard = standard[: len(piece) // 3 * 4]
        self.needles |= {piece, piece.hex().encode(), standard, standard.translate(bytes.maketrans(b"+/", b"-_"))}

    def found_in(self, data):
        return [needle for needle in self.needles if needle in data]


class Target:
    """What cases talk to. `request` takes paths relative to /kbs/v0/ unless they start with "/"."""

    def __init__(self, host, port, tls=None, admin=None):
        self.host, self.port, self.tls = host, port, tls
        self.admin = dict(admin or {})  # headers that make a request an administrator's
        self.leaks = Leaks()
        self.policy = None              # resource policy that we set last
        self.changed = 0.0              # when a policy or reference value last changed
        self.ready = False

    def secret(self, value):
        self.leaks.add(value)

    def note(self, method, target, headers, body):
        """Remembers what of a request must not be logged."""
        pairs = headers.items() if isinstance(headers, dict) else headers
        for name, value in pairs:
            if isinstance(value, str) and name.lower() in ("authorization", "cookie"):
                self.secret(value.split(" ", 1)[-1].split("=", 1)[-1])
        if method == "POST" and "/resource/" in target and body:
            self.secret(body)

    def target(self, path):
        return path if path.startswith("/") else PREFIX + path

    def request(self, method, path, headers=(), body=None, timeout=http1.TIMEOUT):
        target = self.target(path)
        self.note(method, target, headers, body)
        return http1.exchange(self.host, self.port, method, target, headers, body, self.tls, timeout)

    def connect(self, timeout=http1.TIMEOUT):
        return http1.Connection(self.host, self.port, self.tls, timeout)

    def as_admin(self, method, path, body=None, headers=()):
        return self.request(method, path, {**self.admin, **dict(headers)}, body)


class ForeignServer(Target):
    """A KBS that already runs; nothing is known of its logs."""

    def __init__(self, base_url, ca_context=None, admin=None):
        url = urllib.parse.urlsplit(base_url)
        tls = ca_context if url.scheme == "https" else None
        super().__init__(url.hostname, url.port or (443 if tls else 80), tls, admin)

    def target(self, path):
        return path if path.startswith("/") else PREFIX + path


class Server(Target):
    """A process of ours with its own directory, configuration and logs."""

    def __init__(self, kbs, directory, config, tls=None, admin=None, suffix="toml", env=None):
        super().__init__("127.0.0.1", 0, tls, admin)
        self.kbs, self.directory, self.env = kbs, directory, env or {}
        self.restore_signals = True
        self.config = os.path.join(directory, f"kbs.{suffix}")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(config)
        self.process, self.runs, self.exits = None, 0, []
        self.stopped_by_us = False

    def log_path(self, stream, run=None):
        return os.path.join(self.directory, f"{stream}.{self.runs if run is None else run}.log")

    def stderr_text(self):
        with open(self.log_path("stderr"), "rb") as file:
            return file.read().decode("utf-8", "replace")

    def start(self):
        self.runs += 1
        self.policy, self.ready = None, False
        command = [self.kbs, "--config-file", self.config]
        with open(self.log_path("stdout"), "wb") as out, open(self.log_path("stderr"), "wb") as err:
            env = environment(**{"RUST_LOG": "debug", **self.env})
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=self.directory, env=env,
                restore_signals=self.restore_signals)
        deadline = time.monotonic() + START_SECONDS
        while (address := self.listening()) is None:
            status = self.process.poll()
            if status is not None:
                raise StartError(status, self.stderr_text())
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"did not listen within {START_SECONDS} s: {self.stderr_text()[-600:]}")
            time.sleep(0.01)
        self.port = int(address.rpartition(":")[2])
        return self

    def listening(self):
        for line in self.stderr_text().splitlines():
            if '"listening"' in line and line.endswith("}"):
                event = json.loads(line)
                if event.get("msg") == "listening" and "address" in event:
                    return event["address"]
        return None

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def rss_anon(self):
        """Anonymous resident memory in bytes."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            line = next(line for line in file if line.startswith("RssAnon"))
        return int(line.split()[1]) * 1024

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def kill(self):
        if self.alive():
            self.process.kill()
            self.process.wait(STOP_SECONDS)

    def stop(self):
        """SIGTERM, and the exit status; a server that does not end is killed and counts as failed."""
        if self.process is None:
            return None
        if self.alive():
            self.terminate()
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            status = "killed: did not end after SIGTERM"
        self.exits.append(status)
        self.process = None
        return status

    def restart(self):
        self.stop()
        return self.start()

    def logs(self):
        """(name, bytes) of everything the server wrote that an operator or auditor keeps."""
        for name in sorted(os.listdir(self.directory)):
            if name.endswith(".log"):
                with open(os.path.join(self.directory, name), "rb") as file:
                    yield name, file.read()
